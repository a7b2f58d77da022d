"""gRPC calls beyond ``--grpc_max_threads`` are refused at once, as by the real server."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from tests.conftest import eventually
from tfsclient import sources
from tfsclient._codec.messages import message_class
from tfsclient.errors import InvalidArgument, InvalidInput
from tfsclient.server import metrics
from tfsclient.server.app import Options, Server
from tfsclient.server.grpc.server import _ARRIVING
from tfsclient.server.interface import VersionStatus
from tfsclient.server.ports import Ports
from tfsclient.testing._fake_model import FakeModel

from .calls import LINEAR, PREDICT, QUICK, predict_request, under_way
from .conftest import MODELS

PLACES = 3
REFUSED = (grpc.StatusCode.RESOURCE_EXHAUSTED, "Server Threadpool Exhausted")
STATUS = "/tensorflow.serving.ModelService/GetModelStatus"
HEALTH = "/grpc.health.v1.Health/Check"


class Gated:
    """A model whose runs wait until they are let through."""

    number = 1

    def __init__(self) -> None:
        schema = sources.from_saved_model(MODELS / "linear")
        self.model = FakeModel(schema, program=lambda *_: self.run, receive=lambda *_: None)
        self.gate = threading.Event()
        self.failure: BaseException | None = None
        self.most = 0
        self._running = 0
        self._changed = threading.Condition()

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        with self._changed:
            self._running += 1
            self.most = max(self.most, self._running)
            self._changed.notify_all()
        try:
            assert self.gate.wait(60)
            if self.failure is not None:
                raise self.failure
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()
        return {"y": inputs["x"]}

    @property
    def running(self) -> int:
        """How many runs are at the gate."""
        with self._changed:
            return self._running

    def wait_for(self, running: int) -> None:
        """Wait until so many runs are at the gate."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._running == running, 30), self._running

    @contextmanager
    def lease(self, ref: object) -> Iterator[Gated]:
        del ref
        yield self

    def statuses(self, name: str, number: int | None = None) -> list[VersionStatus]:
        del name, number
        return []

    def reload(self, config: object) -> None:
        del config


@dataclasses.dataclass
class Setup:
    model: Gated
    ports: Ports
    channel: grpc.Channel
    rest: str

    def start(self, timeout: float = 60) -> Any:
        return self.channel.unary_unary(PREDICT).future(predict_request(), timeout=timeout)

    def fill(self, timeout: float = 60) -> list[Any]:
        """Calls in all the places; one that comes before a place is free again is made again."""
        calls: list[Any] = []

        def is_full() -> bool:
            running = self.model.running
            if running == PLACES:
                return True
            call = self.start(timeout)
            eventually(lambda: self.model.running > running or call.done())
            if not call.done() or call.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                calls.append(call)
            return False

        eventually(is_full)
        return calls


@pytest.fixture
def setup() -> Iterator[Setup]:
    model = Gated()
    ports = Ports(
        model,
        around=metrics.count_call,
        health=True,
        max_grpc_calls=PLACES,
        max_rest_calls=PLACES,
    )
    ports.open()
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(f"localhost:{ports.grpc_port}", options) as channel:
        yield Setup(model, ports, channel, f"http://localhost:{ports.rest_port}/v1/models/linear")
    model.gate.set()
    ports.close(0)
    ports.join()


def outcome(call: Any) -> tuple[grpc.StatusCode, str]:
    return call.code(), call.details()


def test_calls_beyond_the_places_are_refused_at_once(setup: Setup) -> None:
    calls = setup.fill()
    for _ in range(9):
        assert outcome(setup.start()) == REFUSED  # those that run do so until the gate opens
    setup.model.gate.set()
    assert [call.code() for call in calls] == [grpc.StatusCode.OK] * PLACES
    assert setup.model.most == PLACES
    assert setup.start().code() is grpc.StatusCode.OK


def test_every_method_needs_a_place_but_not_health(setup: Setup) -> None:
    setup.fill()
    assert outcome(setup.channel.unary_unary(STATUS).future(b"", timeout=60)) == REFUSED
    assert setup.channel.unary_unary(HEALTH)(b"", timeout=60) == b"\x08\x01"
    unknown = setup.channel.unary_unary("/tensorflow.serving.PredictionService/No")
    assert unknown.future(b"", timeout=60).code() is grpc.StatusCode.UNIMPLEMENTED


def test_rest_queues(setup: Setup) -> None:
    def post(_: int) -> int:
        return httpx.post(f"{setup.rest}:predict", json={"inputs": [1.0]}, timeout=60).status_code

    with ThreadPoolExecutor(2 * PLACES) as pool:
        answers = [pool.submit(post, number) for number in range(2 * PLACES)]
        setup.model.wait_for(PLACES)
        time.sleep(0.1)
        assert setup.model.most == PLACES
        assert not any(answer.done() for answer in answers)
        # Each interface has its own places.
        call = setup.start()
        setup.model.wait_for(PLACES + 1)
        setup.model.gate.set()
        assert [answer.result() for answer in answers] == [200] * 2 * PLACES
        assert call.code() is grpc.StatusCode.OK


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (InvalidArgument("refused"), grpc.StatusCode.INVALID_ARGUMENT),
        (InvalidArgument("not Unicode: \ud800"), grpc.StatusCode.INVALID_ARGUMENT),
        (ValueError("a bug"), grpc.StatusCode.INTERNAL),
        (MemoryError(), grpc.StatusCode.INTERNAL),
        (SystemExit(1), grpc.StatusCode.INTERNAL),
        (pytest.fail.Exception("as by a test"), grpc.StatusCode.INTERNAL),
    ],
)
def test_places_come_back_after_errors(
    setup: Setup, failure: BaseException, code: grpc.StatusCode
) -> None:
    setup.model.failure = failure
    for _ in range(3):
        calls = setup.fill()
        setup.model.gate.set()
        assert [call.code() for call in calls] == [code] * PLACES
        setup.model.gate.clear()


def test_places_come_back_after_requests_that_cannot_be_read(setup: Setup) -> None:
    for data in (b"", b"\xff", predict_request()[:-1]) * PLACES:
        call = setup.channel.unary_unary(PREDICT).future(data, timeout=60)
        assert call.code() in (grpc.StatusCode.INTERNAL, grpc.StatusCode.INVALID_ARGUMENT)
    setup.fill()


@pytest.mark.parametrize("give_up", ["cancel", "deadline"])
def test_a_run_keeps_its_place_though_the_client_gave_up(setup: Setup, give_up: str) -> None:
    if give_up == "cancel":
        calls = setup.fill()
        for call in calls:
            call.cancel()
    else:
        calls = setup.fill(timeout=0.3)
        assert {call.code() for call in calls} == {grpc.StatusCode.DEADLINE_EXCEEDED}
    time.sleep(0.1)
    assert outcome(setup.start()) == REFUSED
    setup.model.gate.set()
    setup.model.wait_for(0)
    setup.model.gate.clear()
    setup.fill()
    assert outcome(setup.start()) == REFUSED


def test_thousands_of_calls_at_once(setup: Setup) -> None:
    running = setup.fill()
    threads = threading.active_count()
    calls = [setup.start(timeout=300) for _ in range(3000)]
    most = threading.active_count()
    assert Counter(outcome(call) for call in calls) == {REFUSED: 3000}
    assert most - threads < 100
    assert setup.channel.unary_unary(HEALTH)(b"", timeout=60) == b"\x08\x01"
    setup.model.gate.set()
    assert [call.code() for call in running] == [grpc.StatusCode.OK] * PLACES
    # Nothing has leaked: as many as there are places succeed again, at least.
    codes = Counter(call.code() for call in [setup.start(timeout=300) for _ in range(1000)])
    assert set(codes) <= {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert codes[grpc.StatusCode.OK] >= PLACES
    assert setup.model.most == PLACES
    setup.model.gate.clear()
    setup.fill()


def test_large_requests_are_refused_too(setup: Setup) -> None:
    request = message_class("tensorflow.serving.PredictRequest").FromString(predict_request())
    request.inputs["x"].tensor_content = bytes(20 << 20)
    data = request.SerializeToString()
    setup.fill()
    calls = [setup.channel.unary_unary(PREDICT).future(data, timeout=60) for _ in range(20)]
    assert Counter(outcome(call) for call in calls) == {REFUSED: 20}


def test_slow_senders_take_no_places_and_stop_nobody(setup: Setup) -> None:
    go_on = threading.Event()

    def slowly() -> Iterator[bytes]:
        go_on.wait(60)
        yield predict_request()

    senders = [setup.channel.stream_unary(PREDICT).future(slowly(), timeout=120) for _ in range(10)]
    eventually(lambda: under_way(setup.ports) == len(senders))
    setup.model.gate.set()
    assert setup.start().code() is grpc.StatusCode.OK
    setup.model.gate.clear()
    # With so many that the server has no thread left for them, calls are refused, but never wait.
    more = [setup.channel.stream_unary(PREDICT).future(slowly(), timeout=120) for _ in range(60)]
    eventually(lambda: under_way(setup.ports) == PLACES + _ARRIVING)
    assert outcome(setup.start()) == REFUSED
    for sender in more:
        sender.cancel()
    go_on.set()
    setup.model.wait_for(PLACES)
    eventually(lambda: sum(sender.done() for sender in senders) == len(senders) - PLACES)
    setup.model.gate.set()
    assert Counter(outcome(sender) for sender in senders) == {
        REFUSED: len(senders) - PLACES,
        (grpc.StatusCode.OK, ""): PLACES,
    }


def test_refused_calls_are_not_counted(setup: Setup) -> None:
    def counted() -> list[str]:
        page = metrics.page().splitlines()
        return [line for line in page if line.startswith(":tensorflow:serving:request_count{")]

    setup.fill()
    before = counted()
    assert outcome(setup.start()) == REFUSED
    assert counted() == before


def test_the_flag_counts_on_a_slow_model() -> None:
    options = dataclasses.replace(QUICK, grpc_max_threads=2)
    request = message_class("tensorflow.serving.PredictRequest").FromString(predict_request("slow"))
    request.model_spec.signature_name = "steps"
    request.inputs["steps"].dtype = 3
    request.inputs["steps"].tensor_shape.SetInParent()
    request.inputs["steps"].int_val.append(10_000_000)  # hours
    with (
        Server({"slow": MODELS / "slow"}, options) as server,
        grpc.insecure_channel(server.grpc_target) as channel,
    ):
        method = channel.unary_unary(PREDICT)
        method(predict_request("slow"), timeout=60)
        running = [method.future(request.SerializeToString(), timeout=600) for _ in range(2)]
        eventually(lambda: under_way(server) == 2)
        status = channel.unary_unary(STATUS)
        eventually(lambda: outcome(status.future(b"", timeout=60)) == REFUSED)
        for _ in range(5):
            assert outcome(method.future(request.SerializeToString(), timeout=60)) == REFUSED
        assert not any(call.done() for call in running)
        for call in running:
            call.cancel()


def test_calls_that_wait_for_their_batch_have_places(tmp_path: Path) -> None:
    path = tmp_path / "batching.config"
    path.write_text("max_batch_size { value: 64 } batch_timeout_micros { value: 500000 }")
    options = dataclasses.replace(
        QUICK, enable_batching=True, batching_parameters_file=str(path), grpc_max_threads=4
    )
    with Server(LINEAR, options) as server, grpc.insecure_channel(server.grpc_target) as channel:
        method = channel.unary_unary(PREDICT)
        method(predict_request(), timeout=60)

        def four_wait_and_eight_are_refused() -> bool:
            calls = [method.future(predict_request(), timeout=60) for _ in range(12)]
            codes = Counter(call.code() for call in calls)
            return codes == {grpc.StatusCode.OK: 4, grpc.StatusCode.RESOURCE_EXHAUSTED: 8}

        for _ in range(2):
            eventually(four_wait_and_eight_are_refused)  # unless some come half a second later


@pytest.mark.parametrize("name", ["grpc_max_threads", "rest_api_num_threads"])
@pytest.mark.parametrize("value", [0, -1, "many", True])
def test_a_flag_that_leaves_no_thread_is_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidInput, match=name):
        Server(LINEAR, Options(**{name: value}))  # type: ignore[arg-type]


def test_where_no_call_is_refused_they_wait() -> None:
    model = Gated()
    ports = Ports(model, around=lambda _: nullcontext())
    ports.open()
    with grpc.insecure_channel(f"localhost:{ports.grpc_port}") as channel:
        method = channel.unary_unary(PREDICT)
        calls = [method.future(predict_request(), timeout=60) for _ in range(200)]
        time.sleep(0.3)
        model.gate.set()
        assert Counter(call.code() for call in calls) == {grpc.StatusCode.OK: 200}
    ports.close(0)
    ports.join()
