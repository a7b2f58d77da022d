"""Requests like earlier ones come from what is remembered; nothing may tell the two apart."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfsclient import DType, InvalidInput, Model, ModelRef, Signature, TensorSpec
from tfsclient._calls.call import Call, Step
from tfsclient._calls.grpc import GrpcCalls
from tfsclient._calls.options import Options
from tfsclient._client.flows import Flows
from tfsclient._client.sending import drive
from tfsclient._codec.predict import PredictResponse, encode_predict_response
from tfsclient._codec.protobuf import join
from tfsclient._codec.tensor import Tensor
from tfsclient._inputs.prepare import Inputs
from tfsclient.errors import DecodeError
from tfsclient.results import Prediction

Y = {"y": TensorSpec("y", DType("float32"), None)}
ONE = np.array([1], np.float32)


class Watched(GrpcCalls):
    """Tells of each call whether it came from what is remembered."""

    def __init__(self) -> None:
        super().__init__()
        self.repeats: list[bool] = []

    def repeated(
        self,
        ref: ModelRef,
        spec: Signature | None,
        inputs: Inputs,
        outputs: tuple[str, ...] | None,
        validate: bool,
        copy: bool,
    ) -> Call[Prediction] | None:
        call = super().repeated(ref, spec, inputs, outputs=outputs, validate=validate, copy=copy)
        self.repeats.append(call is not None)
        return call


def unwanted(step: Step) -> object:
    raise AssertionError(f"{step} was to be done")


class Caller:
    """What a client does before it sends; it is given the model, with two signatures alike."""

    def __init__(self, **inputs: str) -> None:
        specs = {name: TensorSpec(name, DType(dtype), None) for name, dtype in inputs.items()}
        self.spec = Signature("serving_default", specs, Y)
        signatures = {name: replace(self.spec, name=name) for name in ("serving_default", "other")}
        self.calls = Watched()
        self._flows = Flows(
            self.calls,
            timeout=60.0,
            headers=None,
            token=None,
            validate=True,
            copy=False,
            schemas={name: Model(name, 1, signatures) for name in ("m", "n")},
        )

    def call(
        self,
        inputs: Any,
        *,
        model: str = "m",
        signature: str | Signature | None = None,
        version: int | None = None,
        label: str | None = None,
        **options: Any,
    ) -> Call[Prediction]:
        """A predict call, for which nothing is looked up."""
        what = ModelRef(model, version, label), signature, inputs, Options(**options)
        repeated = self._flows.repeated(*what)
        return repeated or drive(self._flows.make_predict(*what), unwanted)

    def sent(self, inputs: Any, **options: Any) -> bytes:
        """The body of a predict call."""
        return self.call(inputs, **options).body or b""

    def repeats(self) -> list[bool]:
        """Of the calls since this was asked before, which came from what is remembered."""
        repeats, self.calls.repeats = self.calls.repeats, []
        return repeats


def test_a_request_is_remembered_when_its_like_comes_again() -> None:
    client = Caller(x="float32")
    for number in range(5):
        array = np.array([number, -number], np.float32)
        assert client.sent(array) == Caller(x="float32").sent(array)
    assert client.repeats() == [False, False, True, True, True]


def test_what_comes_once_is_not_remembered() -> None:
    client = Caller(x="float32")
    for size in range(1, 9):
        client.sent(np.zeros(size, np.float32))
    assert client.repeats() == [False] * 8
    assert set(client.calls._frames._frames.values()) == {None}


def test_what_is_remembered_is_bounded() -> None:
    client = Caller(x="float32")
    for size in range(1, 1500):
        array = np.arange(size, dtype=np.float32)
        bodies = {client.sent(array) for _ in range(2)}
        if size % 100 == 0:
            assert bodies == {Caller(x="float32").sent(array)}
    assert 0 < len(client.calls._frames._frames) <= 1024
    client.repeats()
    assert client.sent(array) in bodies
    assert client.repeats() == [True]


@given(
    hnp.arrays(
        st.sampled_from(["f4", ">f4", "f8", "i4"]),
        hnp.array_shapes(max_side=3),
        elements=st.integers(0, 9),
    )
)
def test_a_repeated_request_is_the_request(array: npt.NDArray[Any]) -> None:
    client = Caller(x="float32")
    first = client.sent({"x": array})
    other = (array[::-1] + 1).astype(array.dtype)
    for _ in range(2):
        assert client.sent({"x": other}) == Caller(x="float32").sent({"x": other})
        assert client.sent({"x": array}) == first
    # What is cast or swapped is another array than the one given, and is checked each time.
    assert client.repeats() == [False, False, *[array.dtype == np.float32] * 3]
    for _ in range(3):
        assert client.sent(array) == first
        assert client.sent({"x": array}, version=3) != first


def test_an_empty_array_is_encoded_each_time() -> None:
    client = Caller(x="float32")
    for shape in [(0, 2), (2, 0), (0, 2), (2, 0), (0, 2), (2, 0)]:
        array = np.zeros(shape, np.float32)
        assert client.sent(array) == Caller(x="float32").sent(array)
    assert not any(client.repeats())


def test_arrays_do_not_change_places() -> None:
    client = Caller(a="float32", b="float32")
    one, two = np.array([1], np.float32), np.array([2], np.float32)
    # Even if one array was given for both.
    for first, second in [(one, one), (one, one), (one, two), (two, one)]:
        for inputs in ({"a": first, "b": second}, {"b": first, "a": second}):
            assert client.sent(inputs) == Caller(a="float32", b="float32").sent(inputs)
    assert client.repeats() == [False] * 4 + [True] * 4


@pytest.mark.parametrize("dtype", ["bfloat16", "bool", "int64", "complex64", "float8_e5m2"])
def test_every_dtype_repeats(dtype: str) -> None:
    numpy = np.dtype(getattr(ml_dtypes, dtype, dtype))
    array = np.arange(4).astype(numpy)
    client = Caller(x=dtype)
    assert {client.sent(array) for _ in range(3)} == {Caller(x=dtype).sent(array)}
    strided = np.repeat(array, 2)[::2]
    assert client.sent(strided) == client.sent(array)
    assert client.repeats() == [False, False, True, True, True]


@pytest.mark.parametrize("times", [1, 50])  # few strings and many go different ways
def test_strings_are_encoded_each_time(times: int) -> None:
    client = Caller(x="string", y="float32")
    numbers = np.array([1, 2], np.float32)
    for strings in ([b"a", b"bcd"], [b"efgh", b"i"], [b"", b"longer than the others"], ["a", b""]):
        inputs = {"x": np.array(strings * times, object), "y": numbers}
        assert client.sent(inputs) == Caller(x="string", y="float32").sent(inputs)
    assert client.repeats() == [False, False, True, False]  # text is not as it is sent
    for wrong in (None, 1):
        with pytest.raises(InvalidInput, match="input 'x'"):
            client.sent({"x": np.array([b"a", wrong] * times, object), "y": numbers})


@pytest.mark.parametrize(
    "options",
    [
        {"model": "n"},
        {"version": 3},
        {"version": 0},
        {"label": "b"},
        {"label": ""},
        {"outputs": ["y"]},
        {"signature": "other"},
        {"signature": Signature("own", {"x": TensorSpec("x", DType("float32"), None)}, Y)},
    ],
    ids=str,
)
def test_what_else_is_asked_for_counts(options: dict[str, Any]) -> None:
    client, array = Caller(x="float32"), np.array([1], np.float32)
    plain = client.sent(array)
    assert {client.sent(array) for _ in range(2)} == {plain}
    asked = Caller(x="float32").sent(array, **options)
    assert asked != plain
    client.repeats()
    for _ in range(3):
        assert client.sent(array, **options) == asked
        assert client.sent(array) == plain
    assert client.repeats() == [False, True, False, True, True, True]


def test_what_says_the_same_otherwise_repeats() -> None:
    client = Caller(x="float32")
    client.sent(ONE)
    client.sent(ONE, signature="serving_default")
    client.sent(ONE, outputs=["y"])
    client.sent(ONE, outputs=("y",))
    client.repeats()
    client.sent(ONE)
    client.sent(ONE, outputs=["y"])
    assert client.repeats() == [True, True]


def test_how_the_answer_is_read_counts() -> None:
    client = Caller(x="float32")
    response = PredictResponse(ModelRef("m", 7, None, "s"), {"y": Tensor(DType("float32"), ONE)})
    answer = join(encode_predict_response(response))
    for copy in (False, True) * 4:
        prediction = client.call(ONE, copy=copy).decode(answer)
        assert prediction["y"].flags.writeable is copy
        assert (prediction.model, prediction.version, prediction.signature) == ("m", 7, "s")
    assert client.repeats() == [False] * 4 + [True] * 4


def test_repeated_calls_may_be_answered_otherwise_each_time() -> None:
    """Answers of one length differ in name, shape, dtype or version, or lack what is wanted."""
    caller = Caller(x="float32")
    calls = [caller.call(ONE) for _ in range(3)]
    array = np.arange(2, dtype=np.float32)
    as_column, as_double = array.reshape(2, 1), array.view(np.float64)
    answers = [
        ({"y": Tensor(DType("float32"), array.reshape(1, 2))}, 1),
        ({"y": Tensor(DType("float32"), as_column)}, 1),
        ({"y": Tensor(DType("float32"), as_column)}, 2),
        ({"y": Tensor(DType("float64"), as_double.reshape(1, 1))}, 2),
    ]
    encoded = [_encoded(outputs, version) for outputs, version in answers]
    assert len(set(map(len, encoded))) == 1
    for call in calls * 2:
        for (outputs, version), data in zip(answers, encoded, strict=True):
            prediction = call.decode(data)
            np.testing.assert_array_equal(prediction["y"], outputs["y"].array, strict=True)
            assert prediction.version == version
        with pytest.raises(DecodeError, match="y"):
            call.decode(_encoded({"z": answers[0][0]["y"]}, 1))


def _encoded(outputs: dict[str, Tensor], version: int) -> bytes:
    return join(encode_predict_response(PredictResponse(ModelRef("m", version), outputs)))


def test_whether_it_was_checked_counts() -> None:
    client = Caller(x="float32")
    wrong = np.array([1], np.int32)
    spec = replace(client.spec, inputs={"x": TensorSpec("x", DType("float32"), (5,))})
    for _ in range(3):  # which is sent unchecked, and remembered
        unchecked = client.sent({"x": ONE}, signature=spec, validate=False)
        assert client.sent({"x": wrong}, signature=spec, validate=False) != unchecked
        with pytest.raises(InvalidInput, match="shape"):
            client.sent({"x": ONE}, signature=spec)


@pytest.mark.parametrize(
    "options",
    [{}, {"model": "n"}, {"signature": "other"}, {"signature": "no such"}, {"outputs": ["y"]}],
    ids=str,
)
def test_what_nobody_checks_repeats_as_it_is(options: dict[str, Any]) -> None:
    client = Caller(x="float32")
    plain = {client.sent({"y": ONE}, validate=False) for _ in range(3)}
    asked = client.sent({"y": ONE}, validate=False, **options)
    assert ({asked} == plain) is (not options)  # what else is asked for counts here, too
    client = Caller(x="float32")
    for array in (ONE, ONE.astype(np.int16), np.array([b"a"], object), ONE):
        wanted = Caller(x="float32").sent({"y": array}, validate=False, **options)
        bodies = {client.sent({"y": array}, validate=False, **options) for _ in range(3)}
        assert bodies == {wanted}
        with pytest.raises(InvalidInput):
            client.sent({"y": array}, **options)
    assert sum(client.repeats()) == 3 + 3
    assert client.sent({"y": ONE}, validate=False, label="b") != wanted


def test_signatures_that_come_and_go_are_told_apart() -> None:
    client = Caller(x="float32")
    for number in range(50):
        spec = replace(client.spec, name=f"signature {number}")
        wanted = Caller(x="float32").sent(ONE, signature=spec)
        assert {client.sent(ONE, signature=spec) for _ in range(3)} == {wanted}
        del spec  # another may be made in its place
    assert client.repeats()[2::3] == [True] * 50


def test_what_is_refused_stays_refused() -> None:
    client = Caller(x="int32")
    for _ in range(3):
        client.sent(np.array([1], np.int32))
    for _ in range(3):
        assert client.sent(np.array([1], np.int64)) == client.sent(np.array([1], np.int32))
        with pytest.raises(InvalidInput):
            client.sent(np.array([1 << 40], np.int64))
        with pytest.raises(InvalidInput):
            client.sent({"X": np.array([1], np.int32)})
        with pytest.raises(InvalidInput):
            client.sent(np.ma.masked_array(np.array([1], np.int32), [True]))


def test_threads_may_share_it() -> None:
    client = Caller(x="float32")

    def ask(seed: int) -> None:
        random = np.random.default_rng(seed)
        for _ in range(300):
            array = random.random((random.integers(1, 9), random.integers(1, 9)), np.float32)
            body = client.sent(array)
            assert body.endswith(array.tobytes())
            assert body == Caller(x="float32").sent(array)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(4)))
    assert any(client.repeats())
