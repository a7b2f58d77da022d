"""JSON is read as rapidjson 1.1.0 reads it; expected values are what rapidjson itself gave."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsclient.server.rapidjson.reader import JsonError, JsonObject, parse
from tfsclient.server.rapidjson.writer import double, echo


def plain(value: Any) -> Any:
    if isinstance(value, JsonObject):
        return {name: plain(member) for name, member in value}
    return [plain(item) for item in value] if isinstance(value, list) else value


short_floats = st.integers(-(10**14), 10**14).map(lambda n: n / 1000)
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 64) - 1) | short_floats | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(documents)
def test_standard_json_means_what_it_does_elsewhere(document: Any) -> None:
    assert plain(parse(json.dumps(document).encode())) == document
    assert plain(parse(json.dumps(document, ensure_ascii=False, indent=1).encode())) == document


@given(documents)
def test_what_is_printed_reads_back(document: Any) -> None:
    whole = echo(parse(json.dumps(document).encode()))
    if len(whole.encode()) < 256:  # longer ones are cut
        assert plain(parse(whole.encode())) == document


@given(st.binary())
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    offset = 0
    try:
        parse(data)
    except JsonError as error:
        offset = error.offset
    assert 0 <= offset <= len(data)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"-0", 0),
        (b"-0.0", -0.0),
        (b"18446744073709551615", 18446744073709551615),
        (b"18446744073709551616", 18446744073709551616.0),
        (b"-9223372036854775809", -9223372036854775808.0),
        (b"1e-50", 9.999999999999999e-51),
        (b"1e-99999", 0.0),
        (b"1e" + b"0" * 5000 + b"5", 1e5),
        (b"1E-" + b"0" * 30 + b"2", 0.01),
        (b"1e-" + b"9" * 5000, 0.0),
        (b"0." + b"0" * 5000 + b"1", 0.0),
        (b"12e308", math.inf),
        (b"-11530710889419421339e-113", -1.153071088941942e-94),
        (b"[-Inf,Infinity, 1]", [-math.inf, math.inf, 1]),
        (b"\xef\xbb\xbf[1] trailing", [1]),
        (rb'"\ude00"', "\udced\udcb8\udc80"),
        (b'"\xff"', "\udcff"),
    ],
)
def test_what_is_its_own(text: bytes, value: Any) -> None:
    read = parse(text)
    assert (type(read), repr(read)) == (type(value), repr(value))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"", "The document is empty. at offset: 0"),
        (b"]", "The document is empty. at offset: 0"),
        (b"[1,]", "Invalid value. at offset: 3"),
        (b"[1 2]", "Missing a comma or ']' after an array element. at offset: 3"),
        (b"[[[", "Invalid value. at offset: 3"),
        (b'{"a":1,}', "Missing a name for object member. at offset: 7"),
        (b'{"a"}', "Missing a colon after a name of object member. at offset: 4"),
        (b'{"a":1', "Missing a comma or '}' after an object member. at offset: 6"),
        (b"nul", "Invalid value. at offset: 3"),
        (b"[Infinit]", "Invalid value. at offset: 8"),
        (b"1.", "Miss fraction part in number. at offset: 2"),
        (b"1e+", "Miss exponent in number. at offset: 3"),
        (b"[0, 1e400]", "Number too big to be stored in double. at offset: 4"),
        (rb'"\u12g4"', "Incorrect hex digit after \\u escape in string. at offset: 1"),
        (rb'"\ud800"', "The surrogate pair in string is invalid. at offset: 1"),
        (b'"a\n"', "Invalid escape character in string. at offset: 2"),
        (b'"abc', "Missing a closing quotation mark in string. at offset: 4"),
    ],
)
def test_errors(text: bytes, error: str) -> None:
    with pytest.raises(JsonError) as caught:
        parse(text)
    assert str(caught.value) == error


def test_depth_has_no_limit() -> None:
    value = parse(b'{"a":[' * 100_000 + b"NaN" + b"]}" * 100_000)
    assert echo(value).startswith('{\n    "a": [{\n')


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.30000000000000004, "0.30000000000000007"),  # in its rounding interval, if not nearest
        (1e5, "100000.0"),
        (1e21, "1e21"),
        (1.5e-7, "1.5e-7"),
        (-0.0, "-0.0"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e308"),
    ],
)
def test_doubles_are_printed_as_rapidjson_does(value: float, text: str) -> None:
    assert double(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_printed_doubles_read_back(value: float) -> None:
    assert float(double(value)) == value
