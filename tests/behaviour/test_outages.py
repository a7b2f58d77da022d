"""Servers that die and come back, under load."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.behaviour.conftest import by_itself
from tests.conftest import eventually
from tfsclient import Client, DType, Signature, TensorSpec, TFSError
from tfsclient.testing._serve import free_ports

SPECS = {name: TensorSpec(name, DType("float32"), None) for name in "xy"}
SIGNATURE = Signature("s", {"x": SPECS["x"]}, {"y": SPECS["y"]})
ROOT = Path(__file__).parents[2]


class Replica:
    """A server process on ports that stay the same when it is started again."""

    def __init__(self, version: int = 1) -> None:
        self.ports = free_ports(2)
        self._version = version
        self.start()

    def start(self) -> None:
        script = Path(__file__).with_name("replica.py")
        self._process = subprocess.Popen(
            [sys.executable, script, *map(str, (*self.ports, self._version))],
            stdout=subprocess.PIPE, cwd=ROOT,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def replicas() -> Iterator[list[Replica]]:
    running = [Replica(version) for version in (1, 2, 3)]
    yield running
    for replica in running:
        replica.kill()


def test_calls_are_spread_and_a_dead_replica_costs_none(replicas: list[Replica]) -> None:
    targets = [f"127.0.0.1:{replica.ports[0]}" for replica in replicas]
    with Client(targets) as client:

        def version() -> int | None:
            return client.predict("m", [1.0], signature=SIGNATURE).version

        # Until all connections are open, the first to open gets more.
        eventually(lambda: {version() for _ in range(9)} == {1, 2, 3})
        served = Counter(version() for _ in range(300))
        assert all(90 <= served[v] <= 110 for v in (1, 2, 3)), served

        def killer() -> None:
            time.sleep(0.1)
            replicas[1].kill()

        thread = threading.Thread(target=killer)
        thread.start()
        served = Counter(version() for _ in range(600))
        thread.join()
        assert served[1] + served[2] + served[3] == 600
        assert Counter(version() for _ in range(100))[2] == 0


def hammer(client: Client, calls: int, timeout: float) -> Counter[str]:
    """Call from 32 threads with 1 KB and 1 MB; count what became of the calls."""

    def one(number: int) -> str:
        size = 1 << 18 if number % 10 == 0 else 1 << 8
        x = np.full(size, number, np.float32)
        started = time.monotonic()
        try:
            y = client.predict("m", x, signature=SIGNATURE, timeout=timeout).only()
        except TFSError as error:
            outcome = type(error).__name__
        else:
            outcome = "right" if y.shape == x.shape and (y == number + 1).all() else "wrong"
        late = time.monotonic() - started > timeout + 20
        return "late" if late else outcome

    with ThreadPoolExecutor(32) as pool:
        return Counter(pool.map(one, range(calls)))


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_a_server_that_is_stopped_and_started_twice(transport: str) -> None:
    by_itself(call_through_two_outages, transport)


def call_through_two_outages(transport: str) -> None:
    replica = Replica()
    target = (
        f"127.0.0.1:{replica.ports[0]}"
        if transport == "grpc"
        else f"http://127.0.0.1:{replica.ports[1]}"
    )
    try:
        with Client(target) as client:
            outages = threading.Thread(target=two_outages, args=(replica,))
            outages.start()
            outcomes = hammer(client, 1000, timeout=20.0)
            outages.join()
            assert not {"wrong", "late"} & set(outcomes), outcomes
            assert set(outcomes) <= {"right", "Unavailable", "DeadlineExceeded"}, outcomes
            # gRPC tries to connect again after up to 5 s; from then on every call is right.
            eventually(lambda: hammer(client, 1, timeout=20.0) == {"right": 1})
            assert hammer(client, 50, timeout=20.0) == {"right": 50}
            assert in_a_fork(client) == {"right": 50}
    finally:
        replica.kill()


def two_outages(replica: Replica) -> None:
    for _ in range(2):
        time.sleep(0.5)
        replica.kill()
        time.sleep(0.3)
        replica.start()


def _forked(client: Client, results: Any) -> None:
    results.put(dict(hammer(client, 50, timeout=20.0)))


def in_a_fork(client: Client) -> dict[str, int]:
    fork = multiprocessing.get_context("fork")
    results = fork.Queue()
    child = fork.Process(target=_forked, args=(client, results))
    child.start()
    try:
        outcome: dict[str, int] = results.get(timeout=120)
    finally:
        child.terminate()
        child.join()
    return outcome
