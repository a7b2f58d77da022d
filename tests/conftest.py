"""Fixtures that several folders share: the model zoo on a real local server, external tools."""

from __future__ import annotations

import inspect
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partialmethod
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pytest
from click.testing import CliRunner, Result

# How long an example takes says more about what else the machine does than about us.
hypothesis.settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("untimed")

ROOT = Path(__file__).parents[1]
CONFORMANCE = Path(__file__).parent / "conformance"
ZOO = CONFORMANCE / "models"
LANGUAGES = ("python", "go", "java", "rust", "js", "ts", "curl", "openapi")


def missing(what: str) -> None:
    """Skip for want of a tool; where CI=true it is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing, and CI must run every test")
    pytest.skip(f"{what} is not installed", allow_module_level=True)


def eventually(true: Callable[[], bool]) -> None:
    """Wait for what another thread or process is about to do."""
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def tool(name: str) -> str:
    """The path of an external program, or a skip."""
    beside = str(Path(sys.executable).parent)  # what pip installed with us
    path = shutil.which(name, path=f"{beside}{os.pathsep}{os.environ.get('PATH', '')}")
    if path is None:
        missing(name)
    return str(path)


class Zoo:
    """The running local server."""

    def __init__(self, grpc: str, rest: str) -> None:
        self.grpc = grpc
        self.rest = rest


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zoo]:
    """Every model of the zoo, and the demo's digits, on a real local server."""
    try:
        import tensorflow as tf  # noqa: F401
    except ImportError:
        missing("tensorflow")
    from tfsclient.server.app import Options, Server
    from tfsclient.server.models.config import read_config

    folder = tmp_path_factory.mktemp("zoo")
    config = (CONFORMANCE / "models.config.in").read_text("utf-8").replace("@MODELS@", str(ZOO))
    path = folder / "models.config"
    path.write_text(config, "utf-8")
    options = Options(
        allow_version_labels_for_unavailable_models=True,
        max_num_load_retries=0,
        file_system_poll_wait_seconds=0,
    )
    with Server(read_config(str(path)), options) as server:
        yield Zoo(server.grpc_target, server.rest_target)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What would be on the registry; it lies alone in its folder."""
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", out, ROOT],
        check=True,
        capture_output=True,
    )
    return next(out.glob("*.whl"))


def _separate_streams() -> None:
    """Make click 8.1 tell standard output and error apart in tests, as click 8.2 does."""
    runner: Any = CliRunner
    result: Any = Result
    if "mix_stderr" in inspect.signature(runner).parameters:
        runner.__init__ = partialmethod(runner.__init__, mix_stderr=False)
        result.output = property(lambda self: self.stdout + self.stderr)


def _wait_for_servers() -> None:
    """Give servers more than the five seconds of httpx, which a busy machine may take from them."""
    shared: Any = inspect.signature(httpx.get).parameters["timeout"].default
    for step in ("connect", "read", "write", "pool"):
        setattr(shared, step, 60.0)


def _heed_interrupts() -> None:
    """Let programs that tests start be interrupted, though a shell runs the tests beside itself."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    _separate_streams()
    _wait_for_servers()
    _heed_interrupts()
    config.addinivalue_line("markers", "slow: takes minutes; `make test-all` runs it")
    config.addinivalue_line("markers", "language(name): runs generated code of this language")


_by_language: Counter[str] = Counter()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.when == "call" and report.passed:
        marker = item.get_closest_marker("language")
        _by_language[marker.args[0] if marker else "python"] += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counts = ", ".join(f"{name} {_by_language[name]}" for name in LANGUAGES)
    terminalreporter.write_line(f"tests passed by language: {counts}")
