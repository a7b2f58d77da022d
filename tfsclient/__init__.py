"""A light, fast, typed client for TensorFlow Serving.

    from tfsclient import Client

    client = Client("localhost:8500")
    client.predict("digits", images)["scores"]

Heavy modules (grpc, httpx, protobuf) are loaded when a client is made, not on import.
"""

from tfsclient._calls.request import PredictRequest, build_predict
from tfsclient._client.aio import AsyncClient
from tfsclient._client.flows import DEFAULT, Timeout
from tfsclient._client.observe import CallInfo
from tfsclient._client.sync import Client
from tfsclient._inputs.example import Example
from tfsclient._inputs.image import Image
from tfsclient._inputs.sequence import ExampleListWithContext, SequenceExample
from tfsclient._sources.model_config import ModelConfig, ServerConfig
from tfsclient._transports.tls import TLS
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

__version__ = "0.1.0"

__all__ = [
    "DEFAULT",
    "TLS",
    "Aborted",
    "AlreadyExists",
    "AsyncClient",
    "CallInfo",
    "Cancelled",
    "Client",
    "Code",
    "DType",
    "DataLoss",
    "DeadlineExceeded",
    "DecodeError",
    "Example",
    "ExampleListWithContext",
    "FailedPrecondition",
    "FeatureSpec",
    "Image",
    "Internal",
    "InvalidArgument",
    "InvalidInput",
    "MissingExtra",
    "Model",
    "ModelConfig",
    "NotFound",
    "OutOfRange",
    "PermissionDenied",
    "PredictRequest",
    "Prediction",
    "ResourceExhausted",
    "SequenceExample",
    "ServerConfig",
    "Signature",
    "TFSError",
    "TensorSpec",
    "Timeout",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "Unknown",
    "VersionStatus",
    "build_predict",
]
