"""Compare tfsclient with its peers: ``python benchmarks/run.py [--quick] [--plot] [CASE...]``.

The peers of a case take turns in short slices on one server, each in a process of its own. There it
is measured beside the limit, and every number is a ratio of the two, so that what else the machine
does cancels out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Final

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import cold, footprint, messages, report  # noqa: E402
from benchmarks.cases import CASES  # noqa: E402
from benchmarks.peers import PEERS, REST_PEERS  # noqa: E402

_RESULTS: Final = ROOT / "benchmarks" / "results"
_OVMS: Final = "ovmsclient==2023.1"
_SLICE_SECONDS: Final = 0.05  # short, and many: what else the machine does changes by the second


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--quick", action="store_true", help="few rounds; write nothing")
    parser.add_argument("--plot", action="store_true", help="draw a plot, too (needs matplotlib)")
    options = parser.parse_args()
    names = options.cases or list(CASES)
    if unknown := set(names) - set(CASES):
        parser.error(f"no such case: {', '.join(sorted(unknown))}")

    skipped: dict[str, str] = {}
    ovms_python = _ovms_environment(skipped)
    rounds = 3 if options.quick else 15
    results = {}
    costs: dict[str, Any] = {}
    with (
        tempfile.TemporaryDirectory() as directory,
        _process(sys.executable, "benchmarks.canned", *names) as server,
    ):
        ports = server.read()
        for name in names:
            print(f"{CASES[name].title} ...", file=sys.stderr, flush=True)
            request = Path(directory, name)
            request.write_bytes(messages.request(CASES[name]))
            results[name] = _measure(
                name, ports[name], request, rounds=rounds, ovms_python=ovms_python
            )
            if name in cold.COLD:
                costs.setdefault("cold", {})[name] = cold.seconds(
                    name, ports[name], request, rounds=rounds
                )
        if not options.cases:
            costs["import_seconds"] = footprint.import_seconds(rounds=3)
            port = str(ports[footprint.CASE])
            with _process(sys.executable, "benchmarks.footprint", port) as process:
                costs["resident"] = process.read()
            with _process(sys.executable, "benchmarks.footprint") as process:
                costs["own"] = process.read()
    data = report.collect(results, costs, skipped)
    text = report.table(data)
    print(text)
    if not options.cases and not options.quick:
        _RESULTS.mkdir(exist_ok=True)
        (_RESULTS / "clients.txt").write_text(text)
        (_RESULTS / "clients.json").write_text(json.dumps(data, indent=1) + "\n")
    if options.plot:
        report.plot(data, _RESULTS / "clients.png")


def _ovms_environment(skipped: dict[str, str]) -> str | None:
    """The Python of an environment with ovmsclient, made on first use; None if that fails."""
    home = ROOT / ".cache" / "benchmarks" / "ovmsclient"
    python = home / "bin" / "python"
    try:
        if not python.exists():
            venv.create(home, with_pip=True)
        command = [str(python), "-m", "pip", "install", "--quiet", _OVMS]
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        skipped["ovmsclient"] = f"{_OVMS} could not be installed ({type(error).__name__})"
        return None
    return str(python)


class _Worker:
    """A process that talks in lines of JSON."""

    def __init__(self, process: subprocess.Popen[str], stderr: IO[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._stderr = process, stderr
        self._stdin, self._stdout = process.stdin, process.stdout

    def ask(self, question: Any) -> Any:
        """Send a line and wait for one."""
        self._stdin.write(json.dumps(question) + "\n")
        self._stdin.flush()
        return self.read()

    def read(self) -> Any:
        """Wait for a line."""
        line = self._stdout.readline()
        if not line:
            self._stderr.seek(0)
            said = self._stderr.read().strip()
            raise ChildProcessError(f"ended with {self._process.wait()}: {said}")
        return json.loads(line)


@contextmanager
def _process(python: str, module: str, *arguments: str) -> Iterator[_Worker]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    with (
        tempfile.TemporaryFile("w+") as stderr,
        subprocess.Popen(
            [python, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            cwd=ROOT,
            env=environment,
        ) as process,
    ):
        yield _Worker(process, stderr)
        assert process.stdin is not None
        process.stdin.close()


def _measure(
    name: str, port: int, request: Path, *, rounds: int, ovms_python: str | None
) -> dict[str, Any]:
    """For each peer, the error; or for each round, seconds of a call of the limit and of its own.

    Each is given as by the clock and in CPU time.
    """
    case = CASES[name]
    results: dict[str, Any] = {}
    with ExitStack() as stack:
        workers: dict[str, _Worker] = {}
        for peer in REST_PEERS if case.rest else PEERS:
            python: str | None = sys.executable
            if peer == "ovmsclient":
                python = ovms_python if case.mode == "sync" else None  # all it has
            if python is not None:
                arguments = (name, peer, str(port), str(request))
                workers[peer] = stack.enter_context(
                    _process(python, "benchmarks.worker", *arguments)
                )
        for peer, worker in list(workers.items()):
            try:
                problem = worker.read()
            except ChildProcessError as error:
                problem = str(error)
            if problem is not None:
                results[peer] = problem
                del workers[peer]
            else:
                worker.ask(_SLICE_SECONDS)  # to warm up
                results[peer] = []
        for _ in range(rounds):
            for peer, worker in workers.items():
                results[peer].append(worker.ask(_SLICE_SECONDS))
    return results


if __name__ == "__main__":
    main()
