"""What a signature cannot say: which numbers make a picture, what a class is called.

    client = Client("localhost:8500", meanings={"digits": tfsclient.meaning.read("meaning.toml")})

No server hands it out.  It stands in a file ``meaning.toml``, which may lie in a SavedModel's
``assets.extra``, and goes where the schema goes: each ``TensorSpec`` has its own part.
"""

from tfsclient.meaning._attach import attach
from tfsclient.meaning._data import Meaning, SignatureMeaning
from tfsclient.meaning._toml import read
from tfsclient.schema import Picture, Sample, TensorMeaning

__all__ = [
    "Meaning",
    "Picture",
    "Sample",
    "SignatureMeaning",
    "TensorMeaning",
    "attach",
    "read",
]


def __dir__() -> list[str]:
    return __all__
