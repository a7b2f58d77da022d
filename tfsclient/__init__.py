"""A light, fast, typed client for TensorFlow Serving.

    from tfsclient import Client

    client = Client("localhost:8500")
    print(client.metadata("digits"))            # its signatures
    client.view_api("digits")                   # prints calls of them, to be pasted
    client.predict("digits", images)["scores"]  # a numpy array

Every error derives from ``TFSError``.  Modules that stand beside what is listed here:

    sources        schemas of models, from SavedModel folders, servers' answers and files
    schema         what a model wants and gives, as plain data and as JSON
    meaning        what a signature cannot say: pictures, labels, examples
    results        what calls return
    dtypes         the types of tensors
    errors         what can go wrong
    drift          what changed between two schemas
    model_config   the config files of TensorFlow Serving
    warmup         warm-up requests in SavedModels
    score          whole files through a model
    spark, ray     a model on the rows of a DataFrame of Spark, of a Dataset of Ray
    testing        servers and transports for tests

Heavy modules (grpc, httpx, protobuf) are loaded when a client is made, not on import.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

if _TYPE_CHECKING:
    from tfsclient._calls.profiles.profile import Outgoing, Profile
    from tfsclient._client.aio import AsyncClient
    from tfsclient._client.bound import BoundModel
    from tfsclient._client.bound_aio import AsyncBoundModel
    from tfsclient._client.call_info import CallInfo
    from tfsclient._inputs.image import Image
    from tfsclient._transports.interface import AsyncTransport, Transport
    from tfsclient._transports.tls import TLS
    from tfsclient.model_config import ModelConfig, ServerConfig

_broken: ImportError | None = None
try:
    from tfsclient._calls.call import Request
    from tfsclient._calls.options import DEFAULT, Timeout
    from tfsclient._calls.request import (
        ExamplesRequest,
        PredictRequest,
        build_classify,
        build_multi_inference,
        build_predict,
        build_regress,
    )
    from tfsclient._client.sync import Client
    from tfsclient._codec.model_ref import ModelRef
    from tfsclient._inputs.example import Example
    from tfsclient._inputs.sequence import ExampleListWithContext, SequenceExample
    from tfsclient.dtypes import DType
    from tfsclient.errors import (
        Aborted,
        AlreadyExists,
        Cancelled,
        Code,
        DataLoss,
        DeadlineExceeded,
        DecodeError,
        FailedPrecondition,
        Internal,
        InvalidArgument,
        InvalidInput,
        MissingExtra,
        NotFound,
        OutOfRange,
        PermissionDenied,
        ResourceExhausted,
        TFSError,
        Unauthenticated,
        Unavailable,
        Unimplemented,
        Unknown,
    )
    from tfsclient.results import Prediction, VersionStatus
    from tfsclient.schema import FeatureSpec, Model, Signature, TensorSpec
except ImportError as _error:
    # Of numpy, say.  Who asks for a name is told; `tfsclient doctor` needs none, and says more.
    if (_error.name or "").partition(".")[0] == "tfsclient":
        raise
    _broken = _error

__version__ = "0.1.0"

__all__ = [
    "DEFAULT", "TLS", "Aborted", "AlreadyExists", "AsyncBoundModel", "AsyncClient",
    "AsyncTransport", "BoundModel", "CallInfo", "Cancelled", "Client", "Code", "DType", "DataLoss",
    "DeadlineExceeded", "DecodeError", "Example", "ExampleListWithContext", "ExamplesRequest",
    "FailedPrecondition", "FeatureSpec", "Image", "Internal", "InvalidArgument", "InvalidInput",
    "MissingExtra", "Model", "ModelConfig", "ModelRef", "NotFound", "OutOfRange", "Outgoing",
    "PermissionDenied", "PredictRequest", "Prediction", "Profile", "Request", "ResourceExhausted",
    "SequenceExample", "ServerConfig", "Signature", "TFSError", "TensorSpec", "Timeout",
    "Transport", "Unauthenticated", "Unavailable", "Unimplemented", "Unknown", "VersionStatus",
    "build_classify", "build_multi_inference", "build_predict", "build_regress",
]  # fmt: skip

# Modules that the documentation names: loaded when they are first asked for.
_MODULES = (
    "drift", "dtypes", "errors", "export", "meaning", "model_config", "ray", "results", "schema",
    "score", "sources", "spark", "testing", "warmup",
)  # fmt: skip
# Classes that few programs need, by their modules.
_LATER = {
    "AsyncBoundModel": "_client.bound_aio",
    "AsyncClient": "_client.aio",
    "AsyncTransport": "_transports.interface",
    "BoundModel": "_client.bound",
    "CallInfo": "_client.call_info",
    "Image": "_inputs.image",
    "ModelConfig": "model_config",
    "Outgoing": "_calls.profiles.profile",
    "Profile": "_calls.profiles.profile",
    "ServerConfig": "model_config",
    "TLS": "_transports.tls",
    "Transport": "_transports.interface",
}


def __getattr__(name: str) -> _Any:
    if name in _MODULES:
        return _import_module(f"tfsclient.{name}")
    if _broken is not None and name in __all__:
        raise ImportError(
            f"tfsclient cannot be used: {_broken}; `tfsclient doctor` says what to do",
            name=_broken.name,
        ) from _broken
    if name in _LATER:
        from tfsclient.dtypes import LOADING  # which is there, for nothing is broken

        with LOADING:
            return _adopt(name, getattr(_import_module(f"tfsclient.{_LATER[name]}"), name))
    raise AttributeError(f"module 'tfsclient' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES, "__version__"])


def _adopt(name: str, value: _Any) -> _Any:
    """Have tracebacks, pickles and help() show where a class is had, not where it is defined."""
    if str(getattr(value, "__module__", "")).startswith("tfsclient."):
        value.__module__ = "tfsclient"
    globals()[name] = value
    return value


for _name in __all__:
    if _name in globals():
        _adopt(_name, globals()[_name])
