"""A process that measures a peer beside the limit.

``python -m benchmarks.worker CASE PEER PORT FILE``, where FILE holds the request over gRPC.  It
says in a line of JSON what is wrong with the peer, null for nothing.  Then it reads lines of
seconds to spend, and answers with a slice of each: what a call of the limit took, by the clock and
in CPU time, then what one of the peer took.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import numpy as np

from benchmarks.cases import CASES, Arrays, Case
from benchmarks.peers import LIMIT, PEERS, REST_PEERS, Peer

Slice: TypeAlias = Callable[[float], tuple[int, float]]  # seconds to calls made, seconds of one


def _one_by_one(peer: Peer, _: asyncio.AbstractEventLoop) -> Slice:
    def run(seconds: float) -> tuple[int, float]:
        times = []
        before = time.perf_counter()
        end = before + seconds
        while before < end:
            peer.call()
            after = time.perf_counter()
            times.append(after - before)
            before = after
        return len(times), statistics.median(times)

    return run


def _threads(peer: Peer, _: asyncio.AbstractEventLoop) -> Slice:
    pool = ThreadPoolExecutor(peer.case.in_flight)

    def call_until(end: float) -> int:
        count = 0
        while time.perf_counter() < end:
            peer.call()
            count += 1
        return count

    def run(seconds: float) -> tuple[int, float]:
        started = time.perf_counter()
        ends = [started + seconds] * peer.case.in_flight
        count = sum(pool.map(call_until, ends))
        return count, (time.perf_counter() - started) / count

    return run


def _futures(peer: Peer, _: asyncio.AbstractEventLoop) -> Slice:
    def run(seconds: float) -> tuple[int, float]:
        started = time.perf_counter()
        waiting = deque(peer.start() for _ in range(peer.case.in_flight))
        count = 0
        while waiting:
            waiting.popleft()()
            count += 1
            if time.perf_counter() < started + seconds:
                waiting.append(peer.start())
        return count, (time.perf_counter() - started) / count

    return run


def _asyncio(peer: Peer, loop: asyncio.AbstractEventLoop) -> Slice:
    async def call_until(end: float) -> int:
        count = 0
        while time.perf_counter() < end:
            await peer.acall()
            count += 1
        return count

    async def call_all(seconds: float) -> tuple[int, float]:
        started = time.perf_counter()
        tasks = [call_until(started + seconds) for _ in range(peer.case.in_flight)]
        count = sum(await asyncio.gather(*tasks))
        return count, (time.perf_counter() - started) / count

    return lambda seconds: loop.run_until_complete(call_all(seconds))


_MODES = {"sync": _one_by_one, "threads": _threads, "future": _futures, "aio": _asyncio}


def main(case_name: str, peer_name: str, port: str, request_file: str) -> None:
    """Serve the driver until it closes our input."""
    case = CASES[case_name]
    kinds = REST_PEERS if case.rest else PEERS
    request = Path(request_file).read_bytes()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    slices = []
    problem = None
    try:
        for name in (LIMIT, peer_name):
            peer = kinds[name](int(port), case, request)
            _check(_once(peer, loop), case)
            slices.append(_MODES[case.mode](peer, loop))
    except Exception as error:  # noqa: BLE001  whatever fails is told
        problem = f"{type(error).__name__}: {error}".splitlines()[0]
    print(json.dumps(problem), flush=True)
    for line in sys.stdin:
        seconds = float(line)
        print(json.dumps([_measure(one, seconds) for one in slices]), flush=True)


def _once(peer: Peer, loop: asyncio.AbstractEventLoop) -> Arrays:
    if peer.case.mode == "aio":
        return loop.run_until_complete(peer.acall())
    return peer.start()() if peer.case.mode == "future" else peer.call()


def _check(outputs: Arrays, case: Case) -> None:
    """The limit gives no outputs; any other peer must give the right ones."""
    expected = case.outputs()
    for name, array in outputs.items():
        np.testing.assert_array_equal(array, expected[name])


def _measure(one: Slice, seconds: float) -> tuple[float, float]:
    cpu = time.process_time()
    count, wall = one(seconds)
    return wall, (time.process_time() - cpu) / count


if __name__ == "__main__":
    main(*sys.argv[1:])
