"""What a client costs beside its calls: time to import it, and memory that its calls leave behind.

``python -m benchmarks.footprint PORT`` makes the calls and prints the memory, in a fresh process.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks.cases import CASES
from benchmarks.peers import PEERS

CASE: Final = "digit"
_CALLS: Final = (1_000, 10_000)
_MODULES: Final = ("tfsclient", "numpy", "tensorflow")
_IMPORT: Final = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def import_seconds(rounds: int) -> dict[str, float]:
    """The median time to import each module, in fresh processes taking turns."""
    times: dict[str, list[float]] = {module: [] for module in _MODULES}
    for _ in range(rounds):
        for module in _MODULES:
            command = [sys.executable, "-c", _IMPORT.format(module)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            times[module].append(float(done.stdout))
    return {module: statistics.median(seconds) for module, seconds in times.items()}


def _resident() -> int:
    """Bytes of memory; where the system does not tell what is in use now, the most there was."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most << 10


def main(port: str) -> None:
    """Make the calls; print a dict of calls made to bytes in use."""
    peer = PEERS["tfsclient"](int(port), CASES[CASE], b"")
    made = 0
    resident = {}
    for count in _CALLS:
        while made < count:
            peer.call()
            made += 1
        resident[count] = _resident()
    print(json.dumps(resident), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
