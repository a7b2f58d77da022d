"""What a client costs beside its calls: time to import it, and memory that its calls leave behind.

``python -m benchmarks.footprint PORT`` makes the calls and prints the memory, in a fresh process;
``python -m benchmarks.footprint`` prints the microseconds that a call takes without a server.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks import messages
from benchmarks.cases import CASES, MODEL
from benchmarks.cold import taking_turns
from benchmarks.peers import PEERS
from tfsclient import Client, Request

CASE: Final = "digit"
_CALLS: Final = (1_000, 10_000)
_MODULES: Final = ("tfsclient", "numpy", "grpc, numpy", "tensorflow")
_IMPORT: Final = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def import_seconds(rounds: int) -> dict[str, float]:
    """The median time to import each module, in fresh processes taking turns."""
    programs = {module: ["-c", _IMPORT.format(module)] for module in _MODULES}
    return taking_turns(programs, rounds)


def _resident() -> int:
    """Bytes of memory; where the system does not tell what is in use now, the most there was."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most << 10


class _Answered:
    """A transport without a server: it answers all calls with the same bytes."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def send(self, request: Request, deadline: object, headers: object) -> bytes:
        return self._answer

    def start(self, *_: object) -> Any:
        raise NotImplementedError

    def close(self) -> None:
        pass


def own_microseconds() -> dict[str, float]:
    """What a small call takes without gRPC: over and over, and after other work took the caches."""
    case = CASES["scalar"]
    _, answer = messages.answer(case)
    schemas = {MODEL: messages.schema(case)}
    client = Client("localhost:8500", schemas=schemas, transport=_Answered(answer))
    inputs = case.inputs()
    other = np.zeros(4_000_000)

    def call() -> float:
        started = time.perf_counter()
        client.predict(MODEL, inputs)
        return time.perf_counter() - started

    warm = [call() for _ in range(20_000)]
    cold = []
    for _ in range(500):
        other.sum()
        cold.append(call())
    return {"warm": statistics.median(warm) * 1e6, "cold": statistics.median(cold) * 1e6}


def main(port: str = "") -> None:
    """Print what the module's text says, in JSON."""
    print(json.dumps(_resident_after(port) if port else own_microseconds()), flush=True)


def _resident_after(port: str) -> dict[int, int]:
    """Bytes in use by how many calls were made."""
    peer = PEERS["tfsclient"](int(port), CASES[CASE], b"")
    made = 0
    resident: dict[int, int] = {}
    for count in _CALLS:
        while made < count:
            peer.call()
            made += 1
        resident[count] = _resident()
    return resident


if __name__ == "__main__":
    main(*sys.argv[1:])
