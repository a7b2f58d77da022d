"""String tensors on the wire: one field for each string, or all of them in ``tensor_content``."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tfsclient._codec.fast_protobuf import read_tensor, write_strings
from tfsclient._codec.protobuf import CHUNK, Buffer, read_varint, tag, varint
from tfsclient.dtypes import STRING, STRING_VAL
from tfsclient.errors import DecodeError

# Protobuf is for many short strings: it copies each more often than we do.
_MANY = 64
_SHORT = 1024  # bytes; the first string stands for all

_TAG = tag(STRING_VAL, CHUNK)


class _Heads(dict[int, bytes]):
    """What stands before a string of a given length."""

    def __missing__(self, size: int) -> bytes:
        head = _TAG + varint(size)
        return self.setdefault(size, head) if size < _KEPT else head


_KEPT = 1024  # bytes of a string, up to where its head is kept
_heads = _Heads()


def string_parts(array: npt.NDArray[Any]) -> list[Buffer]:
    """The strings as fields of a TensorProto, to be joined.

    Raises:
        TypeError: this is not an object array of bytes.
    """
    if array.dtype != object:
        raise TypeError(f"a string tensor needs an object array of bytes, not of {array.dtype}")
    strings = array.ravel().tolist()
    if len(strings) >= _MANY and isinstance(strings[0], bytes) and len(strings[0]) <= _SHORT:
        try:
            return [write_strings(strings)]
        except (ImportError, TypeError):
            pass  # without protobuf we write; the other is reported below
    if others := set(map(type, strings)) - {bytes}:
        names = sorted(other.__name__ for other in others)
        raise TypeError(f"a string tensor needs bytes, not {', '.join(names)}")
    sizes = list(map(len, strings))
    parts: list[Buffer] = [b""] * (2 * len(strings))
    parts[0::2] = map(_heads.__getitem__, sizes)
    parts[1::2] = strings
    # Copying short strings once more costs less than handling a part for each.
    return [b"".join(parts)] if sum(sizes) <= 64 * len(parts) else parts


def parse_many(data: memoryview, first: int, rest: int) -> Any:
    """The message as protobuf reads it, if many strings come and nothing is amiss.

    Args:
        data: a TensorProto.
        first: how many bytes its first string takes.
        rest: how many come after that.

    Returns:
        A message whose dtype is string; None if our own reader has to look.
    """
    if first > _SHORT or rest < _MANY * (first + 2):
        return None
    message = read_tensor(data)
    return message if message is not None and message.dtype == STRING.number else None


def take_strings(raw: bytes, position: int, strings: list[bytes]) -> int:
    """Append the short strings that follow at ``position``, and tell where they end.

    ``fields`` would take three times as long.
    """
    key = _TAG[0]
    append = strings.append
    try:
        while raw[position] == key and (size := raw[position + 1]) < 128:
            first = position + 2
            position = first + size
            append(raw[first:position])
    except IndexError:
        pass  # at the end; or within a field, which whoever reads on there will find
    if position > len(raw):
        raise DecodeError("a protobuf message ends too early")
    return position


def strings_from_content(content: bytes, count: int) -> list[bytes]:
    """Strings as TensorFlow packs them: all lengths as varints, then all bytes."""
    strings: list[bytes] = []
    try:
        sizes = []
        position = 0
        for _ in range(count):
            size, position = read_varint(content, position)
            sizes.append(size)
    except IndexError:
        raise DecodeError(f"a string tensor's content ends before its {count} lengths") from None
    if position + sum(sizes) != len(content):
        raise DecodeError("a string tensor's content is not as long as its lengths say")
    for size in sizes:
        strings.append(content[position : position + size])
        position += size
    return strings


def string_array(strings: list[bytes]) -> npt.NDArray[Any]:
    """The strings as a tensor's elements: an object array in one dimension."""
    array = np.empty(0, object)
    state: Any = (1, (len(strings),), array.dtype, False, strings)
    array.__setstate__(state)  # as an unpickler fills one: half as long as any other way
    return array
