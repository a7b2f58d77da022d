"""How long a fresh process takes to its first answer, its imports included.

``python -m benchmarks.cold CASE PEER PORT FILE`` prints the seconds, where FILE holds the request
over gRPC.  Each peer imports what it needs when it is made.
"""

from __future__ import annotations

import time

_STARTED = time.perf_counter()

import json  # noqa: E402
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
    times: dict[str, list[float]] = {peer: [] for peer in COLD[case]}
    with tempfile.TemporaryDirectory() as compiled:
        # pip compiles what it installs; of a checkout, the first round does.
        env = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        for _ in range(rounds + 1):
            for peer, taken in times.items():
                program = [sys.executable, "-m", "benchmarks.cold", case, peer]
                done = subprocess.run(
                    [*program, str(port), str(request)],
                    capture_output=True,
                    text=True,
                    check=True,
                    env=env,
                )
                taken.append(json.loads(done.stdout))
    return {peer: statistics.median(taken[1:]) for peer, taken in times.items()}


def main(case_name: str, peer: str, port: str, request_file: str) -> None:
    """Make one call."""
    case = CASES[case_name]
    kinds = REST_PEERS if case.rest else PEERS
    kinds[peer](int(port), case, Path(request_file).read_bytes()).call()
    print(time.perf_counter() - _STARTED)


if __name__ == "__main__":
    main(*sys.argv[1:])
