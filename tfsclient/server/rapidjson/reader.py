"""JSON as rapidjson 1.1.0 reads it, which is how TF Serving reads it.

It differs from the standard in what it takes (NaN, Infinity, a byte order mark, any bytes in
strings, text after the document, any depth), in the errors it gives, and in its numbers: an integer
is one only if it is written as one and fits 64 bits, and a float is the product of two doubles,
which may be a few units off in the last place.

A parsed object is a :class:`JsonObject`, the other values are Python's own: list, str, int, float,
bool, None.  Bytes of a string that are not UTF-8 become surrogate escapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

Value: TypeAlias = Any

EMPTY: Final = "The document is empty."
_INVALID_VALUE = "Invalid value."
_NO_NAME = "Missing a name for object member."
_NO_COLON = "Missing a colon after a name of object member."
_NO_BRACE = "Missing a comma or '}' after an object member."
_NO_BRACKET = "Missing a comma or ']' after an array element."
_BAD_HEX = "Incorrect hex digit after \\u escape in string."
_BAD_SURROGATE = "The surrogate pair in string is invalid."
_BAD_ESCAPE = "Invalid escape character in string."
_NO_QUOTE = "Missing a closing quotation mark in string."
_TOO_BIG = "Number too big to be stored in double."
_NO_FRACTION = "Miss fraction part in number."
_NO_EXPONENT = "Miss exponent in number."

_START = re.compile(rb"\xef?\xbb?\xbf?[ \n\r\t]*")  # any part of a byte order mark is skipped
_SPACE = re.compile(rb"[ \n\r\t]*")
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_NUMBER = re.compile(rb"(-?)(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
# A list of numbers in one go.
_ELEMENT = rb"[ \n\r\t]*" + _NUMBER.pattern.replace(b"(", b"(?:") + rb"[ \n\r\t]*"
_NUMBERS = re.compile(rb"\[((?:" + _ELEMENT + rb",)*" + _ELEMENT + rb")\]")
_HEX4 = re.compile(rb"[0-9a-fA-F]{4}")
_ESCAPES = {
    ord(k): v for k, v in zip('"/\\bfnrt', (b'"', b"/", b"\\", b"\b", b"\f", b"\n", b"\r", b"\t"),
                              strict=True)
}  # fmt: skip

_EXACT = 1 << 53
_MOST_POSITIVE = (1 << 64) - 1
_MOST_NEGATIVE = 1 << 63
_DOUBLE_MAX_TENTH = 1.7976931348623157e307


class JsonError(ValueError):
    """Text that is not JSON.

    Attributes:
        reason: rapidjson's words for it.
        offset: where, in bytes from the start.
    """

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(f"{reason} at offset: {offset}")
        self.reason = reason
        self.offset = offset


class JsonObject:
    """An object's members in their order, repeated names and all."""

    __slots__ = ("members",)

    def __init__(self) -> None:
        self.members: list[tuple[str, Value]] = []

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[tuple[str, Value]]:
        return iter(self.members)

    def find(self, name: str) -> tuple[str, Value] | None:
        """The first member of this name."""
        return next((member for member in self.members if member[0] == name), None)


def parse(data: bytes) -> Value:
    """Read one document; whatever follows it is not looked at.

    Raises:
        JsonError: there is no document.
    """
    at = _START.match(data).end()  # type: ignore[union-attr]
    root: list[Value] = []
    # What is open: containers from the root to the innermost, and for objects the pending name.
    stack: list[tuple[list[Value] | JsonObject, str | None]] = []
    container: list[Value] | JsonObject = root
    name: str | None = None
    missing = EMPTY  # what to say if no value stands here
    while True:
        # A value is due, or a list's end right after its start.
        value: Value
        token = data[at : at + 1]
        if token == b"[":
            numbers = _number_list(data, at)
            if numbers is not None:
                value, at = numbers
            else:
                stack.append((container, name))
                container = []
                at = _skip(data, at + 1)
                missing = _INVALID_VALUE
                if data[at : at + 1] != b"]":
                    continue
                value = container
                container, name = stack.pop()
                at += 1
        elif token == b"{":
            stack.append((container, name))
            container = JsonObject()
            at = _skip(data, at + 1)
            if data[at : at + 1] != b"}":
                name, at = _member_name(data, at)
                missing = _INVALID_VALUE
                continue
            value = container
            container, name = stack.pop()
            at += 1
        else:
            value, at = _scalar(data, at, token, missing)
        missing = _INVALID_VALUE
        # A value is complete: store it, and close what closes after it.
        while True:
            if container is root:
                return value
            at = _skip(data, at)
            token = data[at : at + 1]
            if isinstance(container, JsonObject):
                container.members.append((name or "", value))
                if token == b",":
                    name, at = _member_name(data, _skip(data, at + 1))
                    break
                if token != b"}":
                    raise JsonError(_NO_BRACE, at)
            else:
                container.append(value)
                if token == b",":
                    at = _skip(data, at + 1)
                    break
                if token != b"]":
                    raise JsonError(_NO_BRACKET, at)
            value = container
            container, name = stack.pop()
            at += 1


def _skip(data: bytes, at: int) -> int:
    return _SPACE.match(data, at).end()  # type: ignore[union-attr]


def _member_name(data: bytes, at: int) -> tuple[str, int]:
    """A member's name, and where its value starts."""
    if data[at : at + 1] != b'"':
        raise JsonError(_NO_NAME, at)
    name, at = _string(data, at)
    at = _skip(data, at)
    if data[at : at + 1] != b":":
        raise JsonError(_NO_COLON, at)
    return name, _skip(data, at + 1)


_WORDS: dict[bytes, tuple[bytes, Value]] = {
    b"n": (b"null", None),
    b"t": (b"true", True),
    b"f": (b"false", False),
}


def _scalar(data: bytes, at: int, token: bytes, missing: str) -> tuple[Value, int]:
    if token == b'"':
        return _string(data, at)
    if token in _WORDS:
        word, value = _WORDS[token]
        return value, _word(data, at, word)
    if token in (b"", b"\0", b"]", b"}", b",", b":"):
        raise JsonError(missing, at)
    return _number(data, at)


def _word(data: bytes, at: int, word: bytes) -> int:
    """Where ``word``, which starts at ``at``, ends; the error is at its first wrong letter."""
    for letter in word:
        if data[at : at + 1] != bytes((letter,)):
            raise JsonError(_INVALID_VALUE, at)
        at += 1
    return at


def _string(data: bytes, at: int) -> tuple[str, int]:
    """The string whose opening quote is at ``at``, and where what follows it starts."""
    pieces: list[bytes] = []
    at += 1
    while True:
        run = _PLAIN.match(data, at)
        assert run is not None
        pieces.append(run[0])
        at = run.end()
        character = data[at : at + 1]
        if character == b'"':
            return b"".join(pieces).decode(errors="surrogateescape"), at + 1
        if character == b"\\":
            piece, at = _escape(data, at)
            pieces.append(piece)
        else:
            raise JsonError(_NO_QUOTE if character in (b"", b"\0") else _BAD_ESCAPE, at)


def _escape(data: bytes, at: int) -> tuple[bytes, int]:
    letter = data[at + 1 : at + 2]
    if letter != b"u":
        if not letter or letter[0] not in _ESCAPES:
            raise JsonError(_BAD_ESCAPE, at)
        return _ESCAPES[letter[0]], at + 2
    code = _hex4(data, at + 2, at)
    end = at + 6
    if 0xD800 <= code < 0xDC00:
        if data[end : end + 2] != b"\\u":
            raise JsonError(_BAD_SURROGATE, at)
        low = _hex4(data, end + 2, at)
        if not 0xDC00 <= low < 0xE000:
            raise JsonError(_BAD_SURROGATE, at)
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
        end += 6
    # A lone low surrogate is accepted, and makes a string that is not UTF-8.
    return chr(code).encode(errors="surrogatepass"), end


def _hex4(data: bytes, at: int, escape_at: int) -> int:
    digits = _HEX4.match(data, at)
    if digits is None:
        raise JsonError(_BAD_HEX, escape_at)
    return int(digits[0], 16)


def _number(data: bytes, at: int) -> tuple[int | float, int]:
    match = _NUMBER.match(data, at)
    if match is None:
        return _infinity_or_nan(data, at)
    sign, integer, fraction, exponent = match.groups()
    end = match.end()
    following = data[end : end + 1]
    if following == b"." and fraction is None and exponent is None:
        raise JsonError(_NO_FRACTION, end + 1)
    if following in (b"e", b"E") and exponent is None:
        signed = data[end + 1 : end + 2] in (b"+", b"-")
        raise JsonError(_NO_EXPONENT, end + 1 + signed)
    limit = _MOST_NEGATIVE if sign else _MOST_POSITIVE
    whole = int(integer) if len(integer) < 25 else limit + 1
    fits = whole <= limit
    if fits and fraction is None and exponent is None:
        return (-whole if sign else whole), end
    if fits:
        value, power = _short_significand(integer, fraction[1:] if fraction else b"")
    else:
        value, power = _long_significand(integer, fraction[1:] if fraction else b"", limit, at)
    if exponent is not None:
        digits = exponent.lstrip(b"eE+-").lstrip(b"0")
        shift = int(digits or b"0") if len(digits) < 10 else 1 << 31
        if b"-" in exponent:
            shift = -shift
        elif shift > 308 - power:
            raise JsonError(_TOO_BIG, at)
        power += shift
    value = _scale(_scale(value, -308), power + 308) if power < -308 else _scale(value, power)
    return (-value if sign else value), end


def _infinity_or_nan(data: bytes, at: int) -> tuple[float, int]:
    start = at + (data[at : at + 1] == b"-")
    if data[start : start + 1] == b"N":
        return float("nan"), _word(data, start, b"NaN")
    if data[start : start + 1] != b"I":
        raise JsonError(_INVALID_VALUE, start)
    end = _word(data, start, b"Inf")
    if data[end : end + 1] == b"i":
        end = _word(data, end, b"inity")
    return float("-inf" if start > at else "inf"), end


def _number_list(data: bytes, at: int) -> tuple[list[int | float], int] | None:
    """The list that starts at ``at`` if it holds numbers only, and where what follows it starts."""
    run = _NUMBERS.match(data, at)
    if run is None:
        return None
    pieces = run[1].split(b",")
    # With at most 15 digits and no exponent, rapidjson's product is exact: Python's float.
    if b"e" not in run[1] and b"E" not in run[1] and len(max(pieces, key=len)) <= 16:
        points = run[1].count(b".")
        if not points:
            return list(map(int, pieces)), run.end()
        if points == len(pieces):
            return list(map(float, pieces)), run.end()
    try:
        return [_number(piece.strip(), 0)[0] for piece in pieces], run.end()
    except JsonError:
        return None  # read one by one, its number that is too big will be found in its place


def _short_significand(integer: bytes, fraction: bytes) -> tuple[float, int]:
    """The digits of a number whose integer part fits 64 bits, and the power of ten to scale by.

    As many digits as pass 53 bits make an integer; a few more are added to it as a double.
    """
    digits = (integer + fraction).lstrip(b"0")
    zeros = len(integer) + len(fraction) - len(digits)
    count = 16 if int(digits[:16] or b"0") >= _EXACT else 17
    count = min(max(count, len(integer) - zeros), len(digits))
    value = float(int(digits[:count] or b"0"))
    used = zeros + count - len(integer)  # digits of the fraction
    return _with_digits(value, fraction, used, count - (integer != b"0"))


def _long_significand(integer: bytes, fraction: bytes, limit: int, at: int) -> tuple[float, int]:
    """The same beyond 64 bits: the first digits exactly, the others one by one."""
    exact = 0
    count = 0
    for digit in integer:
        longer = exact * 10 + digit - 48
        if longer > limit:
            break
        exact = longer
        count += 1
    value = float(exact)
    for digit in integer[count:]:
        if value >= _DOUBLE_MAX_TENTH:
            raise JsonError(_TOO_BIG, at)
        value = value * 10 + (digit - 48)
    return _with_digits(value, fraction, 0, count - 1)


def _with_digits(value: float, fraction: bytes, used: int, significant: int) -> tuple[float, int]:
    """Up to 17 digits in all; the first one is not counted, unless it is in the fraction."""
    more = fraction[used : used + max(0, 17 - significant)]
    for digit in more:
        value = value * 10.0 + (digit - 48)
    return value, -used - len(more)


def _scale(value: float, power: int) -> float:
    # Not above 308: a larger exponent was refused.
    if power < -308:
        return 0.0
    return value * float(f"1e{power}") if power >= 0 else value / float(f"1e{-power}")
