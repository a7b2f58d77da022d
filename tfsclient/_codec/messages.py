"""The protobuf messages of TF Serving, in a descriptor pool of our own.

A pool of our own cannot clash with the descriptors of an imported TensorFlow, whatever its version.
The price is that our classes are not TensorFlow's: a message of another pool crosses by its bytes.
"""

from __future__ import annotations

from functools import cache
from pkgutil import get_data
from typing import Any

from tfsclient.errors import left_out

try:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    from google.protobuf.message import DecodeError as ProtobufError
except ImportError as error:
    raise left_out(error) from error

__all__ = ["ProtobufError", "message_class", "pool"]


@cache
def pool() -> descriptor_pool.DescriptorPool:
    """The pool with every message of ``protos.binpb``; made once, on first use."""
    data = get_data("tfsclient._codec", "protos.binpb")  # importlib.resources takes long to load
    assert data is not None  # every loader of ours has it
    made = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(data).file:
        made.Add(file)
    return made


@cache
def message_class(name: str) -> Any:
    """The class of a message, e.g. "tensorflow.serving.GetModelStatusRequest"."""
    return message_factory.GetMessageClass(pool().FindMessageTypeByName(name))
