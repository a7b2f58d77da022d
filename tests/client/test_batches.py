"""Many batches and large ones: what is sent when, what is given out when, how much is held."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, TypeAlias

import numpy as np
import pytest

from tfsclient import (
    AsyncClient,
    Client,
    DType,
    InvalidArgument,
    InvalidInput,
    Model,
    ModelRef,
    Prediction,
    PredictRequest,
    Request,
    Signature,
    TensorSpec,
    TFSError,
    Unavailable,
    build_predict,
)
from tfsclient._calls.call import Call
from tfsclient._calls.deadline import Deadline
from tfsclient._client.batches import Batches
from tfsclient._codec.predict import (
    PredictResponse,
    decode_predict_request,
    encode_predict_response,
)
from tfsclient._codec.protobuf import join
from tfsclient._codec.tensor import Tensor, decode_tensor

FLOAT32 = DType("float32")
SPEC = Signature("s", {"x": TensorSpec("x", FLOAT32, None)}, {"y": TensorSpec("y", FLOAT32, None)})
MODEL = Model("m", 1, {"s": SPEC})

# --- what is decided ------------------------------------------------------------------------------


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
        (prediction(y=0), prediction(y=1), r"output 'y' has shape \(\) for 2 rows"),
        (prediction(0, 1, 2), prediction(2, 3), r"output 'y' has shape \(3,\) for 2 rows"),
        (prediction(0, 1), prediction(2), r"output 'y' has shape \(1,\) for 2 rows"),
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


# --- what is sent ---------------------------------------------------------------------------------


class Memory:
    """A Transport and an AsyncTransport in memory, of a model that adds 1.

    A thread answers the calls under way, one by one.

    Args:
        which: which call to answer now, by its first number; None waits for what comes.
        fails: the calls to which the answer is an error.
        pause: seconds before each answer, in which more might be sent.
        sent: is told of each call.
    """

    def __init__(
        self,
        which: Which,
        *,
        fails: tuple[float, ...] = (),
        pause: float = 0.0,
        sent: Callable[[], object] = lambda: None,
    ) -> None:
        self.calls: dict[float, tuple[bytes, Callable[[bytes | TFSError], object]]] = {}
        self.sent: list[float] = []
        self.answered: list[float] = []
        self.cancelled: list[float] = []
        self.deadlines: list[Deadline] = []
        self.most = 0
        self._which, self._fails, self._pause, self._sent = which, fails, pause, sent
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._answer_all, daemon=True)

    def send(
        self, request: Request, deadline: Deadline, headers: Mapping[str, str | bytes]
    ) -> bytes:
        raise AssertionError(f"{request.path} was called")

    def start(
        self,
        request: Request,
        deadline: Deadline,
        headers: Mapping[str, str | bytes],
        done: Callable[[bytes | TFSError], None],
    ) -> Callable[[], object]:
        number = self._begin(request, deadline, done)
        return lambda: self._cancel(number)

    async def asend(
        self, request: Request, deadline: Deadline, headers: Mapping[str, str | bytes]
    ) -> bytes:
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[bytes | TFSError] = loop.create_future()

        def arrive(answer: bytes | TFSError) -> None:
            if not outcome.done():
                outcome.set_result(answer)

        number = self._begin(
            request, deadline, lambda answer: loop.call_soon_threadsafe(arrive, answer)
        )
        try:
            answer = await outcome
        except asyncio.CancelledError:
            self._cancel(number)
            raise
        if isinstance(answer, TFSError):
            raise answer
        return answer

    def look_again(self) -> None:
        """Ask again which call to answer."""
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        pass

    async def aclose(self) -> None:
        pass

    def _begin(
        self, request: Request, deadline: Deadline, done: Callable[[bytes | TFSError], object]
    ) -> float:
        x = decode_tensor(decode_predict_request(request.body or b"").inputs["x"]).array
        number = float(x.flat[0])
        y = Tensor(FLOAT32, x.reshape(len(x), -1)[:, 0] + np.float32(1))
        ref = ModelRef("m", 1, None, "s")
        answer = join(encode_predict_response(PredictResponse(ref, {"y": y})))
        with self._changed:
            self.calls[number] = answer, done
            self.sent.append(number)
            self.deadlines.append(deadline)
            self.most = max(self.most, len(self.calls))
            self._changed.notify_all()
        self._sent()
        return number

    def _cancel(self, number: float) -> None:
        with self._changed:
            if self.calls.pop(number, None) is not None:
                self.cancelled.append(number)
                self._changed.notify_all()

    def _answer_all(self) -> None:
        while self._answer_next():
            pass

    def _answer_next(self) -> bool:
        """Answer a call; False once there are no more.  It keeps nothing of a call that it had."""
        with self._changed:
            stuck = not self._changed.wait_for(self._is_ready, timeout=10)
        time.sleep(self._pause)
        with self._changed:
            if self._closed:
                return False
            number = next(iter(self.calls), None) if stuck else self._which(self)
            if number is None:  # it was cancelled meanwhile
                return True
            outcome: bytes | TFSError
            outcome, done = self.calls.pop(number)
            self.answered.append(number)
        if stuck:
            outcome = Unavailable(f"nothing happens: sent {self.sent}, answered {self.answered}")
        elif number in self._fails:
            outcome = InvalidArgument(f"of {number:g}")
        done(outcome)
        return True

    def _is_ready(self) -> bool:
        return self._closed or self._which(self) is not None

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()


Which: TypeAlias = Callable[[Memory], float | None]


def oldest(memory: Memory) -> float | None:
    return next(iter(memory.calls), None)


def newest(memory: Memory) -> float | None:
    return next(reversed(memory.calls), None)


def when_full(concurrency: int, total: int, which: Which = oldest) -> Which:
    """Answers when as many calls are under way as there may be, of so many in all."""

    def full(memory: Memory) -> float | None:
        most = min(concurrency, total - len(memory.answered))
        return which(memory) if len(memory.calls) >= most else None

    return full


def in_turn(*numbers: float) -> Which:
    """Answers these calls in this order, when all of them are under way; and no others."""

    def turn(memory: Memory) -> float | None:
        left = numbers[len(memory.answered) :]
        return left[0] if left and memory.calls.keys() >= set(left) else None

    return turn


Run: TypeAlias = Callable[..., None]


def run_sync(memory: Memory, got: list[Any], batches: Any, **options: Any) -> None:
    """Put into ``got`` what comes; an error is raised."""
    with Client("localhost:1", transport=memory, schemas={"m": MODEL}) as client:
        for each in client.predict_batches("m", batches, **options):
            got.append(each.only().tolist())  # noqa: PERF401 (what came before an error stays)


def run_async(memory: Memory, got: list[Any], batches: Any, **options: Any) -> None:
    async def run() -> None:
        async with AsyncClient("localhost:1", transport=memory, schemas={"m": MODEL}) as client:
            async for each in client.predict_batches("m", batches, **options):
                got.append(each.only().tolist())  # noqa: PERF401
        assert len(asyncio.all_tasks()) == 1  # this one

    asyncio.run(run())


def run_async_source(memory: Memory, got: list[Any], batches: Any, **options: Any) -> None:
    async def source() -> AsyncIterator[Any]:
        for inputs in batches:
            await asyncio.sleep(0)
            yield inputs

    run_async(memory, got, source(), **options)


RUNS = [run_sync, run_async, run_async_source]
each_way = pytest.mark.parametrize("run", RUNS)


@each_way
@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize(("ordered", "which"), [(True, oldest), (False, oldest), (False, newest)])
@pytest.mark.parametrize(
    ("sizes", "batch_size", "parts"),
    [
        ([20], 2, 10),  # one batch in many parts
        ([1] * 10, None, 10),  # many in one each
        ([3, 1, 7, 2, 4], 2, 10),
    ],
)
def test_concurrency_counts_parts(
    run: Run,
    concurrency: int,
    ordered: bool,
    which: Which,
    sizes: list[int],
    batch_size: int | None,
    parts: int,
) -> None:
    ends = np.cumsum(sizes)
    batches = [
        np.arange(end - size, end, dtype=np.float32) for end, size in zip(ends, sizes, strict=True)
    ]
    got: list[Any] = []
    options = {"concurrency": concurrency, "ordered": ordered, "batch_size": batch_size}
    with Memory(when_full(concurrency, parts, which), pause=0.005) as memory:
        run(memory, got, iter(batches), **options)
    assert memory.most == concurrency
    assert len(memory.sent) == parts
    wanted = [(batch + 1).tolist() for batch in batches]
    assert sorted(got) == wanted
    if ordered:
        assert got == wanted


@each_way
def test_each_part_has_the_time_of_a_call(run: Run) -> None:
    got: list[Any] = []
    with Memory(oldest) as memory:
        run(memory, got, [np.arange(6, dtype=np.float32)], batch_size=2, timeout=7.0)
    assert got == [[1, 2, 3, 4, 5, 6]]
    assert [deadline.seconds for deadline in memory.deadlines] == [7.0] * 3
    assert len(set(map(id, memory.deadlines))) == 3


@each_way
def test_after_a_failure_nothing_is_sent_and_the_rest_is_cancelled(run: Run) -> None:
    taken: list[int] = []

    def source() -> Iterator[list[float]]:
        for number in range(10):
            taken.append(number)
            yield [float(number)]

    got: list[Any] = []
    with (
        Memory(in_turn(2, 1, 0), fails=(1,), pause=0.005) as memory,
        pytest.raises(InvalidArgument, match="of 1"),
    ):
        run(memory, got, source(), concurrency=4)
    assert got == [[1.0]]  # what comes before the one that failed, and no more
    assert memory.sent == [0, 1, 2, 3]
    assert taken == [0, 1, 2, 3]
    assert memory.cancelled == [3]
    assert not memory.calls


@each_way
def test_out_of_order_a_failure_waits_for_nothing(run: Run) -> None:
    got: list[Any] = []
    with (
        Memory(in_turn(2, 1), fails=(1,), pause=0.02) as memory,
        pytest.raises(InvalidArgument, match="of 1"),
    ):
        run(memory, got, iter([[float(n)] for n in range(4)]), concurrency=3, ordered=False)
    assert got == [[3.0]]
    assert memory.sent[:3] == [0, 1, 2]
    assert memory.cancelled == [0, *memory.sent[3:]]
    assert not memory.calls


@each_way
@pytest.mark.parametrize("ordered", [True, False])
def test_a_part_that_fails_ends_its_batch(run: Run, ordered: bool) -> None:
    got: list[Any] = []
    batches = [np.arange(100, dtype=np.float32)]
    with (
        Memory(in_turn(2), fails=(2,), pause=0.005) as memory,
        pytest.raises(InvalidArgument, match="of 2"),
    ):
        run(memory, got, batches, concurrency=3, ordered=ordered, batch_size=2)
    assert got == []
    assert memory.sent == [0, 2, 4]
    assert memory.cancelled == [0, 4]
    assert not memory.calls


@each_way
def test_a_batch_that_does_not_fit_cancels_what_is_under_way(run: Run) -> None:
    got: list[Any] = []
    batches: list[Any] = [[0.0], {"z": [1.0]}, [2.0]]
    with Memory(in_turn()) as memory, pytest.raises(InvalidInput, match="'z'"):
        run(memory, got, batches)
    assert (memory.sent, memory.cancelled) == ([0], [0])


@each_way
def test_an_error_of_the_source_is_the_users_own(run: Run) -> None:
    def source() -> Iterator[list[float]]:
        yield [0.0]
        raise KeyError("mine")

    with Memory(in_turn()) as memory, pytest.raises(KeyError, match="mine"):
        run(memory, [], source())
    assert (memory.sent, memory.cancelled) == ([0], [0])


def test_who_stops_early_cancels_what_is_under_way() -> None:
    batches = [[float(n)] for n in range(9)]
    with Memory(in_turn(0), pause=0.005) as memory:
        with Client("localhost:1", transport=memory, schemas={"m": MODEL}) as client:
            predictions = client.predict_batches("m", batches, concurrency=3)
            assert next(predictions).only().tolist() == [1.0]
            predictions.close()  # type: ignore[attr-defined]
        assert sorted([0, *memory.cancelled]) == memory.sent

    async def run(memory: Memory) -> None:
        async with AsyncClient("localhost:1", transport=memory, schemas={"m": MODEL}) as client:
            predictions: Any = client.predict_batches("m", batches, concurrency=3)
            assert (await anext(predictions)).only().tolist() == [1.0]
            await predictions.aclose()

    with Memory(in_turn(0), pause=0.005) as memory:
        asyncio.run(run(memory))
        assert sorted([0, *memory.cancelled]) == memory.sent


@each_way
@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("batch_size", [None, 2])
@pytest.mark.parametrize("validate", [True, False])
def test_a_source_may_use_one_buffer_again_and_again(
    run: Run, ordered: bool, batch_size: int | None, validate: bool
) -> None:
    def source() -> Iterator[Any]:
        buffer = np.empty(5, np.float32)
        for number in range(20):
            buffer[:] = np.arange(5 * number, 5 * number + 5)
            yield {"x": buffer}

    got: list[Any] = []
    parts = 20 if batch_size is None else 60
    with Memory(when_full(4, parts)) as memory:
        options = {"batch_size": batch_size, "validate": validate, "signature": SPEC}
        run(memory, got, source(), concurrency=4, ordered=ordered, **options)
    wanted = [[5.0 * number + k for k in range(1, 6)] for number in range(20)]
    assert sorted(got) == wanted
    if ordered:
        assert got == wanted


@pytest.mark.parametrize("run", [run_sync, run_async])
def test_unordered_predictions_overtake_one_that_is_late(run: Run) -> None:
    class Got(list[Any]):
        def append(self, values: Any) -> None:
            super().append(values)
            memory.look_again()

    got = Got()

    def others_first(memory: Memory) -> float | None:
        return next((number for number in memory.calls if number or len(got) == 5), None)

    with Memory(others_first) as memory:
        run(memory, got, iter([[float(n)] for n in range(6)]), concurrency=2, ordered=False)
    assert got == [[2.0], [3.0], [4.0], [5.0], [6.0], [1.0]]


@pytest.mark.parametrize("ordered", [True, False])
def test_predictions_do_not_wait_for_a_source_that_sleeps(ordered: bool) -> None:
    seen: list[str] = []

    async def source() -> AsyncIterator[list[float]]:
        for number in range(4):
            if number:
                await asyncio.sleep(0.1)
            seen.append(f"asked for {number}")
            yield [float(number)]

    class Got(list[Any]):
        def append(self, values: Any) -> None:
            seen.append(f"given {values[0] - 1:.0f}")

    with Memory(oldest) as memory:
        run_async(memory, Got(), source(), ordered=ordered)
    assert seen == [f"{what} {number}" for number in range(4) for what in ("asked for", "given")]


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("concurrency", [1, 2, 8])
def test_a_source_may_wait_for_an_answer(ordered: bool, concurrency: int) -> None:
    answered: asyncio.Queue[float] = asyncio.Queue()

    async def source() -> AsyncIterator[list[float]]:
        number = 0.0
        while number < 5:
            yield [number]
            number = await answered.get()

    class Got(list[Any]):
        def append(self, values: Any) -> None:
            super().append(values)
            answered.put_nowait(values[0])

    got = Got()
    with Memory(oldest) as memory:
        run_async(memory, got, source(), ordered=ordered, concurrency=concurrency)
    assert got == [[1.0], [2.0], [3.0], [4.0], [5.0]]


def test_a_failure_does_not_wait_for_the_source() -> None:
    ended: list[str] = []

    async def source() -> AsyncIterator[list[float]]:
        yield [0.0]
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    with Memory(oldest, fails=(0,)) as memory, pytest.raises(InvalidArgument):
        run_async(memory, [], source())
    assert ended == ["cancelled"]


def calls_alive() -> int:
    return sum(type(each) is Call for each in gc.get_objects())


@each_way
def test_of_a_large_batch_no_more_is_alive_than_is_under_way(run: Run) -> None:
    concurrency, width = 4, 250
    batch = np.zeros((10_000, width), np.float32)
    batch[:, 0] = np.arange(len(batch))
    gc.collect()
    before = calls_alive()
    alive: list[int] = []

    def count() -> None:
        if len(memory.sent) % 100 == 0:
            alive.append(calls_alive() - before)

    got: list[Any] = []
    with Memory(oldest, sent=count) as memory:
        run(memory, got, [batch], concurrency=concurrency, batch_size=10)
    assert got == [(batch[:, 0] + 1).tolist()]
    assert memory.most <= concurrency
    assert len(alive) == 10
    assert max(alive) <= concurrency

    with Memory(oldest) as memory:
        tracemalloc.start()
        try:
            run(memory, got, [batch], concurrency=concurrency, batch_size=10)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert got[0] == got[1]
    assert peak < batch.nbytes / 5
