"""The text-format files that flags name: TLS, monitoring and batching.

The official wheels do not carry these messages, so their descriptors are made here.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

from tfsclient.errors import InvalidArgument

_PACKAGE = "tensorflow.serving"
_WRAPPERS = "google/protobuf/wrappers.proto"
_Field = descriptor_pb2.FieldDescriptorProto

# Messages by name; fields in the order of their numbers, which start at 1.
_MESSAGES: Final[dict[str, list[str]]] = {
    "SSLConfig": [
        "string server_key",
        "string server_cert",
        "string custom_ca",
        "bool client_verify",
    ],
    "PrometheusConfig": ["bool enable", "string path"],
    "MonitoringConfig": ["PrometheusConfig prometheus_config"],
    "BatchingParameters": [
        "Int64Value max_batch_size",
        "Int64Value batch_timeout_micros",
        "Int64Value max_enqueued_batches",
        "Int64Value num_batch_threads",
        "StringValue thread_pool_name",
        "repeated int64 allowed_batch_sizes",
        "bool pad_variable_length_inputs",
        "BoolValue enable_large_batch_splitting",
        "Int64Value max_execution_batch_size",
    ],
}
_SCALARS = {
    "string": _Field.TYPE_STRING,
    "bool": _Field.TYPE_BOOL,
    "int64": _Field.TYPE_INT64,
}


def read_flag_file(message: str, path: str | Path) -> Any:
    """The message that a text-format file holds.

    Args:
        message: "SSLConfig", "MonitoringConfig" or "BatchingParameters".
        path: the file.

    Raises:
        InvalidArgument: the file cannot be read or parsed.
    """
    descriptor = _pool().FindMessageTypeByName(f"{_PACKAGE}.{message}")
    try:
        return text_format.Parse(
            Path(path).read_bytes(), message_factory.GetMessageClass(descriptor)()
        )
    except (OSError, ValueError, text_format.ParseError) as error:
        raise InvalidArgument(f"Invalid protobuf file: '{path}': {error}") from error


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    from google.protobuf import wrappers_pb2

    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    file = descriptor_pb2.FileDescriptorProto(
        name="tfsclient/server/flag_files.proto",
        package=_PACKAGE,
        syntax="proto3",
        dependency=[_WRAPPERS],
    )
    for name, fields in _MESSAGES.items():
        made = file.message_type.add(name=name)
        for number, declaration in enumerate(fields, 1):
            *repeated, kind, field_name = declaration.split()
            field = made.field.add(name=field_name, number=number)
            field.label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
            if kind in _SCALARS:
                field.type = _SCALARS[kind]
            else:
                package = _PACKAGE if kind in _MESSAGES else "google.protobuf"
                field.type = _Field.TYPE_MESSAGE
                field.type_name = f".{package}.{kind}"
    pool.Add(file)
    return pool
