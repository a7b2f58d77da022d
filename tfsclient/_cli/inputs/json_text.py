"""JSON, without what Python's parser would pass over in silence."""

from __future__ import annotations

import base64
import binascii
import io
import json
import math
from collections.abc import Iterator
from typing import Any, Final

from tfsclient.errors import InvalidInput, shown

_BOM = b"\xef\xbb\xbf"
_WORDS = {word: float(word) for word in ("NaN", "Infinity", "-Infinity")}


def parse(text: str | bytes, where: str) -> Any:
    """The value that JSON text holds.

    Raises:
        json.JSONDecodeError: it is not JSON.
        InvalidInput: it is, but says what no value can be.
    """
    try:
        if not isinstance(text, str):
            text = text.decode(json.detect_encoding(text))
        return _DECODER.decode(text.removeprefix("\ufeff"))
    except json.JSONDecodeError:
        raise
    except InvalidInput as error:
        raise InvalidInput(f"{where}: {error.details}") from error
    except RecursionError as error:
        raise InvalidInput(f"{where} cannot be read: it is nested too deep") from error
    except ValueError as error:  # not Unicode, or an integer of thousands of digits
        raise InvalidInput(f"{where} cannot be read: {error}") from error


def parse_lines(data: bytes, name: str) -> list[tuple[str, Any]]:
    """The values of JSON lines, each with where it stands; empty lines are left out.

    Raises:
        InvalidInput: a line is not JSON, or there is none.
    """
    values = []
    for where, line in _lines(data, name):
        try:
            values.append((where, parse(line.decode(), where)))
        except UnicodeDecodeError as error:
            raise InvalidInput(f"{where} is not UTF-8: {error}") from None
        except json.JSONDecodeError as error:
            raise InvalidInput(
                f"{where} is not JSON: {error.msg} at column {error.colno}"
            ) from None
    if not values:
        raise InvalidInput(f"{name} is empty")
    return values


def _lines(data: bytes, name: str) -> Iterator[tuple[str, bytes]]:
    for number, line in enumerate(io.BytesIO(data.removeprefix(_BOM)), 1):
        if stripped := line.strip(b" \t\r\n"):
            yield f"{name}:{number}", stripped


def first_byte(data: bytes) -> bytes:
    """What text begins with, but for blanks and a byte order mark; b"" if nothing comes soon."""
    return data[:99].removeprefix(_BOM).lstrip()[:1]


def is_lines(data: bytes) -> bool:
    """Whether it is JSON lines and not JSON: the first of several lines is JSON of its own."""
    lines = _lines(data, "")
    first, second = next(lines, None), next(lines, None)
    if first is None or second is None:
        return False
    try:
        parse(first[1], "")
    except json.JSONDecodeError:
        return False
    except InvalidInput:
        return True  # which will be said when it is read
    return True


def words_to_numbers(value: Any) -> Any:
    """``value`` with NaN and the infinities in place of the strings for them; lists are changed."""
    if type(value) is str:
        return _WORDS.get(value, value)
    if type(value) is list:
        for number, item in enumerate(value):
            if type(item) is str or type(item) is list:
                value[number] = words_to_numbers(item)
    return value


def pairs_to_numbers(value: Any, rank: int) -> Any:
    """``value`` with complex numbers in place of [real, imaginary], the form of our own JSON.

    Args:
        value: nested lists.
        rank: how deep elements are in it; what is not a pair there is left as it is.
    """
    if type(value) is not list:
        return value
    if rank:
        return [pairs_to_numbers(item, rank - 1) for item in value]
    parts = words_to_numbers(list(value))
    if len(parts) == 2 and all(type(part) in (int, float) for part in parts):
        return complex(*parts)
    return value


def _object(members: list[tuple[str, Any]]) -> Any:
    made = dict(members)
    if len(made) < len(members):
        names = [name for name, _ in members]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidInput(f"a JSON object has the name {shown(twice)} twice")
    if made.keys() == {"b64"} and isinstance(made["b64"], str):
        try:
            return base64.b64decode(made["b64"], validate=True)
        except binascii.Error as error:
            raise InvalidInput(f"bad base64: {error}") from None
        except ValueError:
            raise InvalidInput("bad base64: it holds what is not ASCII") from None
    return made


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise InvalidInput(f"the number {text:.50} is too large for a float64")
    return number


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_float=_float)
