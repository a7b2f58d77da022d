"""How long a fresh process takes to its first answer, its imports included.

``python -m benchmarks.cold CASE PEER PORT FILE`` prints the seconds, where FILE holds the request
over gRPC.  Each peer imports what it needs when it is made.
"""

from __future__ import annotations

import time

_STARTED = time.perf_counter()

import json  # noqa: E402
import statistics  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
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
    times: dict[str, list[float]] = {peer: [] for peer in COLD[case]}
    for _ in range(rounds):
        for peer, taken in times.items():
            command = [sys.executable, "-m", "benchmarks.cold", case, peer, str(port), str(request)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            taken.append(json.loads(done.stdout))
    return {peer: statistics.median(taken) for peer, taken in times.items()}


def main(case_name: str, peer: str, port: str, request_file: str) -> None:
    """Make one call."""
    case = CASES[case_name]
    kinds = REST_PEERS if case.rest else PEERS
    kinds[peer](int(port), case, Path(request_file).read_bytes()).call()
    print(time.perf_counter() - _STARTED)


if __name__ == "__main__":
    main(*sys.argv[1:])
