"""What is decided of batches: what may be sent next, and what is given out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.client.memory import SPEC
from tfsclient import (
    InvalidArgument,
    InvalidInput,
    Prediction,
    PredictRequest,
    Signature,
    build_predict,
)
from tfsclient._client.batches import Batches


def request(*rows: float) -> PredictRequest:
    return build_predict("m", np.array(rows, np.float32), signature=SPEC)


def rows(part: PredictRequest) -> list[float]:
    numbers: list[float] = part.tensors["x"].array.tolist()
    return numbers


def prediction(*values: Any, version: int | None = 1, **outputs: Any) -> Callable[[], Prediction]:
    """What gives an answer, as a call that has ended does."""
    arrays = {name: np.array(value, np.float32) for name, value in outputs.items()}
    if values:
        arrays["y"] = np.array(values, np.float32)
    return lambda: Prediction(arrays, model="m", signature="s", version=version)


def failure(text: str = "no") -> Callable[[], Prediction]:
    def fail() -> Prediction:
        raise InvalidArgument(text)

    return fail


def send_all(batches: Batches) -> list[tuple[Any, list[float]]]:
    """Every part that may be sent now, with its rows."""
    sent = []
    while (part := batches.next_part()) is not None:
        sent.append((part[0], rows(part[1])))
    return sent


def test_parts_count_and_not_batches() -> None:
    batches = Batches(2, ordered=True, size=3)
    assert batches.next_part() is None
    assert batches.wants_batch()
    batches.take(request(*range(7)))
    assert not batches.wants_batch()  # before this one is sent
    (one, first), (two, second) = send_all(batches)
    assert (first, second) == ([0, 1, 2], [3, 4, 5])
    assert not batches.wants_batch()
    batches.arrived(one, prediction(0, 1, 2))
    assert not batches.wants_batch()
    ((three, third),) = send_all(batches)
    assert third == [6]
    assert not batches.wants_batch()  # two are under way
    batches.arrived(three, prediction(6))
    assert batches.ready() is None
    assert batches.wants_batch()
    batches.take(request(7))
    ((four, _),) = send_all(batches)
    batches.arrived(four, prediction(7))
    assert batches.ready() is None  # not before the first
    batches.arrived(two, prediction(3, 4, 5))
    whole = batches.ready()
    assert whole is not None
    assert whole.only().tolist() == list(range(7))
    last = batches.ready()
    assert last is not None
    assert last.only().tolist() == [7]
    assert batches.ready() is None
    assert batches.next_part() is None


@pytest.mark.parametrize("ordered", [True, False])
def test_what_is_not_given_out_counts_too(ordered: bool) -> None:
    batches = Batches(2, ordered=ordered, size=None)
    batches.take(request(0))
    ((slow, _),) = send_all(batches)
    batches.take(request(1))
    ((quick, _),) = send_all(batches)
    batches.arrived(quick, prediction(1))
    given = batches.ready()
    if ordered:
        assert given is None
        assert not batches.wants_batch()
        batches.arrived(slow, prediction(0))
        given = batches.ready()
        assert given is not None
        assert given.only().tolist() == [0]
    else:
        assert given is not None
        assert given.only().tolist() == [1]
    assert batches.wants_batch()


@pytest.mark.parametrize("size", [None, 3, 4])
def test_a_batch_that_is_small_enough_is_sent_as_it_is(size: int | None) -> None:
    for whole in (request(1, 2, 3), request()):
        batches = Batches(1, ordered=True, size=size)
        batches.take(whole)
        part = batches.next_part()
        assert part is not None
        assert part[1] is whole
        answer = prediction(5, 5, 5, 5)()  # in as many rows as the model likes
        batches.arrived(part[0], lambda answer=answer: answer)  # type: ignore[misc]
        assert batches.ready() is answer


def test_answers_are_put_together_in_whatever_order_they_come() -> None:
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]):
        batches = Batches(4, ordered=True, size=3)
        batches.take(request(*range(10)))
        parts = send_all(batches)
        for number in order:
            part, numbers = parts[number]
            squares = [[n, n * n] for n in numbers]
            assert batches.ready() is None
            batches.arrived(part, prediction(*squares, z=numbers, version=7))
        whole = batches.ready()
        assert whole is not None
        assert whole["y"].tolist() == [[n, n * n] for n in range(10)]
        assert whole["z"].tolist() == list(range(10))
        assert (whole.model, whole.signature, whole.version) == ("m", "s", 7)


@pytest.mark.parametrize(
    ("versions", "wanted"),
    [((1, 1, 1), 1), ((1, 2, 1), None), ((1, 1, 2), None), ((None,) * 3, None)],
)
def test_parts_that_other_versions_answered_have_none(
    versions: tuple[int | None, ...], wanted: int | None
) -> None:
    batches = Batches(3, ordered=True, size=1)
    batches.take(request(0, 1, 2))
    for (part, numbers), version in zip(send_all(batches), versions, strict=True):
        batches.arrived(part, prediction(*numbers, version=version))
    whole = batches.ready()
    assert whole is not None
    assert whole.only().tolist() == [0, 1, 2]
    assert whole.version == wanted


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (prediction(y=0), prediction(y=1), r"output 'y' has shape \(\) for a batch of 2"),
        (prediction(0, 1, 2), prediction(2, 3), r"output 'y' has shape \(3,\) for a batch of 2"),
        (prediction(0, 1), prediction(2), r"output 'y' has shape \(1,\) for a batch of 2"),
        (prediction([0], [1]), prediction(2, 3), "output 'y' differs in shape"),
        (prediction(0, 1), prediction(2, 3, z=[4, 5]), "output 'z' differs in shape"),
        (prediction(0, 1, z=[4, 5]), prediction(2, 3), r"different outputs: \['y', 'z'\], \['y'\]"),
    ],
)
def test_answers_that_cannot_be_put_together(
    first: Callable[[], Prediction], second: Callable[[], Prediction], said: str
) -> None:
    batches = Batches(2, ordered=True, size=2)
    batches.take(request(0, 1, 2, 3))
    for (part, _), answer in zip(send_all(batches), (first, second), strict=True):
        batches.arrived(part, answer)
    with pytest.raises(InvalidInput, match=said) as caught:
        batches.ready()
    assert (caught.value.model, caught.value.signature) == ("m", "s")


def test_what_has_no_rows_is_not_split() -> None:
    two = Signature("s", {"a": SPEC.inputs["x"], "b": SPEC.inputs["x"]}, SPEC.outputs)
    for whole in (
        build_predict("m", np.float32(1), signature=SPEC),
        build_predict("m", {"a": [1.0, 2.0], "b": [1.0]}, signature=two),
        build_predict("m", {"a": [1.0], "b": 1.0}, signature=two),
    ):
        with pytest.raises(InvalidInput, match="no common first dimension") as caught:
            Batches(1, ordered=True, size=5).take(whole)
        assert (caught.value.model, caught.value.signature) == ("m", "s")
        Batches(1, ordered=True, size=None).take(whole)


@pytest.mark.parametrize(("concurrency", "size"), [(0, None), (-1, None), (1, 0), (1, -1)])
def test_numbers_must_be_positive(concurrency: int, size: int | None) -> None:
    with pytest.raises(InvalidInput, match="must be at least 1"):
        Batches(concurrency, ordered=True, size=size)


def test_after_a_failure_nothing_is_sent_and_the_error_comes_in_its_turn() -> None:
    batches = Batches(3, ordered=True, size=2)
    batches.take(request(0, 1))
    ((first, _),) = send_all(batches)
    batches.take(request(2, 3, 4, 5, 6, 7))
    (second, _), (third, _) = send_all(batches)
    batches.arrived(third, failure("third"))
    assert batches.ready() is None
    batches.arrived(second, failure("second"))
    assert send_all(batches) == []
    assert not batches.wants_batch()
    batches.arrived(first, prediction(0, 1))
    given = batches.ready()
    assert given is not None
    assert given.only().tolist() == [0, 1]
    assert send_all(batches) == []
    assert not batches.wants_batch()
    with pytest.raises(InvalidArgument, match="third"):  # which came first
        batches.ready()


def test_out_of_order_an_error_waits_for_nothing_but_what_is_there() -> None:
    batches = Batches(3, ordered=False, size=None)
    parts = []
    for number in range(3):
        batches.take(request(number))
        parts += [part for part, _ in send_all(batches)]
    batches.arrived(parts[1], failure())
    batches.arrived(parts[2], prediction(2))
    given = batches.ready()
    assert given is not None
    assert given.only().tolist() == [2]
    with pytest.raises(InvalidArgument):
        batches.ready()
