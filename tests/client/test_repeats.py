"""Requests like earlier ones come from what is remembered; nothing may tell the two apart."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfsclient import DType, InvalidInput, Model, Signature, TensorSpec
from tfsclient._calls.call import drive
from tfsclient._client.flows import DEFAULT, Core
from tfsclient._transports.target import parse

Y = {"y": TensorSpec("y", DType("float32"), None)}


def core(**inputs: str) -> Core:
    specs = {name: TensorSpec(name, DType(dtype), None) for name, dtype in inputs.items()}
    models = {"m": Model("m", 1, {"serving_default": Signature("serving_default", specs, Y)})}
    options: dict[str, Any] = {"timeout": 1.0, "headers": None, "token": None, "schemas": models}
    return Core(parse("localhost:8500"), **options, validate=True, copy=False)


def sent(core: Core, inputs: Any, **options: Any) -> bytes:
    """The body of a predict call."""
    which: dict[str, Any] = {"signature": None, "version": None, "label": None, "outputs": None}
    which |= {"validate": DEFAULT, "copy": DEFAULT} | options
    key = core.which("m", **which)
    call = core.repeats.find(key, inputs)
    return (call or drive(core.prepare(key, "m", inputs, **which), print)).body or b""


@given(
    hnp.arrays(
        st.sampled_from(["f4", ">f4", "f8", "i4"]),
        hnp.array_shapes(max_side=3),
        elements=st.integers(0, 9),
    )
)
def test_a_repeated_request_is_the_request(array: npt.NDArray[Any]) -> None:
    client = core(x="float32")
    first = sent(client, {"x": array})
    other = array[::-1] + array.dtype.type(1)
    assert sent(client, {"x": other}) == sent(core(x="float32"), {"x": other})
    assert sent(client, {"x": array}) == first
    assert sent(client, array) == first
    assert sent(client, {"x": array}, version=3) != first


def test_arrays_do_not_change_places() -> None:
    client = core(a="float32", b="float32")
    one, two = np.array([1], np.float32), np.array([2], np.float32)
    for _ in range(2):
        assert sent(client, {"a": one, "b": two}) == sent(
            core(a="float32", b="float32"), {"a": one, "b": two}
        )
        assert sent(client, {"b": one, "a": two}) == sent(
            core(a="float32", b="float32"), {"b": one, "a": two}
        )


@pytest.mark.parametrize("dtype", ["bfloat16", "bool", "int64", "complex64", "float8_e5m2"])
def test_every_dtype_repeats(dtype: str) -> None:
    numpy = np.dtype(getattr(ml_dtypes, dtype, dtype))
    array = np.arange(4).astype(numpy)
    client = core(x=dtype)
    assert sent(client, array) == sent(client, array) == sent(core(x=dtype), array)
    strided = np.repeat(array, 2)[::2]
    assert sent(client, strided) == sent(client, array)


@pytest.mark.parametrize("times", [1, 50])  # few strings and many go different ways
def test_strings_are_encoded_each_time(times: int) -> None:
    client = core(x="string", y="float32")
    numbers = np.array([1, 2], np.float32)
    for strings in ([b"a", b"bcd"], [b"efgh", b"i"], [b"", b"longer than the others"], ["a", b""]):
        inputs = {"x": np.array(strings * times, object), "y": numbers}
        assert sent(client, inputs) == sent(core(x="string", y="float32"), inputs)
    for wrong in (None, 1):
        with pytest.raises(InvalidInput, match="input 'x'"):
            sent(client, {"x": np.array([b"a", wrong] * times, object), "y": numbers})


@pytest.mark.parametrize("options", [{"version": 3}, {"label": "b"}, {"outputs": ["y"]}])
def test_what_else_is_asked_for_counts(options: dict[str, Any]) -> None:
    client, array = core(x="float32"), np.array([1], np.float32)
    plain = sent(client, array)
    assert sent(client, array, **options) == sent(core(x="float32"), array, **options) != plain
    assert sent(client, array) == plain


def test_what_is_refused_stays_refused() -> None:
    client = core(x="int32")
    sent(client, np.array([1], np.int32))
    for _ in range(2):
        assert sent(client, np.array([1], np.int64)) == sent(client, np.array([1], np.int32))
        with pytest.raises(InvalidInput):
            sent(client, np.array([1 << 40], np.int64))
        with pytest.raises(InvalidInput):
            sent(client, {"X": np.array([1], np.int32)})
        with pytest.raises(InvalidInput):
            sent(client, np.ma.masked_array(np.array([1], np.int32), [True]))
