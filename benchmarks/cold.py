"""How long a fresh process takes to its first answer, its imports included.

``python -m benchmarks.cold CASE PEER PORT FILE`` prints the seconds, where FILE holds the request
over gRPC.  Each peer imports what it needs when it is made.
"""

from __future__ import annotations

import time

_STARTED = time.perf_counter()

import os  # noqa: E402
import statistics  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Final  # noqa: E402

from benchmarks.cases import CASES  # noqa: E402
from benchmarks.peers import PEERS, REST_PEERS  # noqa: E402

COLD: Final = {
    "scalar": ("limit", "tfsclient", "grpcio + protobuf", "tensorflow-serving-api"),
    "rest-digit": ("limit", "tfsclient", "httpx + json", "requests + json"),
}


def seconds(case: str, port: int, request: Path, rounds: int) -> dict[str, float]:
    """By peer, the median seconds to a first answer, in fresh processes taking turns."""
    programs = {
        peer: ["-m", "benchmarks.cold", case, peer, str(port), str(request)] for peer in COLD[case]
    }
    return taking_turns(programs, rounds)


def taking_turns(programs: dict[str, list[str]], rounds: int) -> dict[str, float]:
    """The median of the numbers that programs print, each time in a fresh process of Python."""
    printed: dict[str, list[float]] = {name: [] for name in programs}
    with tempfile.TemporaryDirectory() as compiled:
        # pip compiles what it installs; of a checkout, the first round does.
        env = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        for _ in range(rounds + 1):
            for name, arguments in programs.items():
                command = [sys.executable, *arguments]
                done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
                printed[name].append(float(done.stdout))
    return {name: statistics.median(numbers[1:]) for name, numbers in printed.items()}


def main(case_name: str, peer: str, port: str, request_file: str) -> None:
    """Make one call."""
    case = CASES[case_name]
    kinds = REST_PEERS if case.rest else PEERS
    kinds[peer](int(port), case, Path(request_file).read_bytes()).call()
    print(time.perf_counter() - _STARTED)


if __name__ == "__main__":
    main(*sys.argv[1:])
