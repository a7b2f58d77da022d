"""GetModelMetadata and GetModelStatus, for both interfaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tfsclient._codec.messages import message_class
from tfsclient._codec.model_ref import ModelRef
from tfsclient.errors import InvalidArgument
from tfsclient.server.interface import Models

SIGNATURE_DEF: Final = "signature_def"


def read_ref(message: Any) -> ModelRef:
    """A request's ModelSpec.

    Raises:
        InvalidArgument: the request has none.
    """
    if not message.HasField("model_spec"):
        raise InvalidArgument("Missing ModelSpec")
    spec = message.model_spec
    choice = spec.WhichOneof("version_choice")
    return ModelRef.received(
        spec.name,
        spec.version.value if choice == "version" else None,
        spec.version_label if choice == "version_label" else None,
        spec.signature_name,
    )


def get_model_metadata(models: Models, ref: ModelRef, fields: Sequence[str]) -> Any:
    """Answer a request for a version's metadata with a GetModelMetadataResponse.

    Raises:
        TFSError: as TF Serving would report it.
    """
    if not fields:
        raise InvalidArgument("GetModelMetadataRequest must specify at least one metadata_field")
    for field in fields:
        if field != SIGNATURE_DEF:
            raise InvalidArgument(f"Metadata field {field} is not supported")
    with models.lease(ref) as version:
        signatures = message_class("tensorflow.serving.SignatureDefMap")()
        for name, signature in version.model.signatures.items():
            signatures.signature_def[name].CopyFrom(signature)
    response = message_class("tensorflow.serving.GetModelMetadataResponse")()
    response.model_spec.name = ref.name
    response.model_spec.version.value = version.number
    response.metadata[SIGNATURE_DEF].Pack(signatures)
    return response


def get_model_status(models: Models, ref: ModelRef) -> Any:
    """Answer a request for a model's versions with a GetModelStatusResponse; a label is ignored.

    Raises:
        TFSError: as TF Serving would report it.
    """
    response = message_class("tensorflow.serving.GetModelStatusResponse")()
    for status in models.statuses(ref.name, ref.version):
        entry = response.model_version_status.add(version=status.version, state=status.state.value)
        entry.status.SetInParent()
        if status.error is not None and status.error.code is not None:
            entry.status.error_code = status.error.code.number
            entry.status.error_message = status.error.details
    return response
