"""Where models' schemas come from: a server's metadata, a SavedModel folder, a saved file."""

from tfsclient._codec.metadata import from_metadata_response
from tfsclient._codec.metadata_json import from_metadata_json
from tfsclient.sources._flaws import Flaw
from tfsclient.sources._read import all_from_file, find_flaws, from_file, from_saved_model

__all__ = [
    "Flaw",
    "all_from_file",
    "find_flaws",
    "from_file",
    "from_metadata_json",
    "from_metadata_response",
    "from_saved_model",
]


def __dir__() -> list[str]:
    return __all__
