"""Real models on a local server, in this process or in one of its own."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tfsclient.errors import Unavailable
from tfsclient.schema._checks import check_type
from tfsclient.sources._read import find_version

_RETRY_MICROS = 200_000  # in place of a minute: five tries, and a test knows that it cannot be
_STOP_SECONDS = 60  # it gives calls that are under way half of that
_OURS = range(20_000, 32_000)  # Linux hands out those from 32768 on, others those from 49152 on
_random = random.SystemRandom()  # a test that seeds `random` must not make two processes collide


@dataclass(frozen=True, slots=True)
class RunningServer:
    """Where a server listens.

    Attributes:
        grpc_target: for ``Client``: "localhost:PORT".
        rest_target: for ``Client``: "http://localhost:PORT".
        pid: the process that serves.
    """

    grpc_target: str
    rest_target: str
    pid: int = field(default_factory=os.getpid)


@contextmanager
def serve(
    models: Mapping[str, str | Path] | str | Path,
    *,
    process: bool = False,
    flags: Sequence[str] = (),
) -> Iterator[RunningServer]:
    """Serve models on free ports while the context is open; needs ``tfsclient[serve]``.

    Args:
        models: base paths (folders of version folders) by model name, or a model config file.
        process: serve from a process of its own, so that this one does not load TensorFlow.
        flags: more flags of ``tfsclient serve``, for a process.

    Raises:
        InvalidInput: a folder holds no model, which a server would wait for.
        MissingExtra: TensorFlow is not installed.
        TFSError: a model could not be loaded.
    """
    _check(models)
    if process or flags:
        program = [sys.executable, "-m", "tfsclient.server"]
        flags = [f"--load_retry_interval_micros={_RETRY_MICROS}", *flags]
        with server_process(program, models, flags) as running:
            yield running
        return
    from tfsclient.server.app import Options, Server
    from tfsclient.server.models.config import read_config

    config = models if isinstance(models, Mapping) else read_config(models)
    with Server(config, Options(load_retry_interval_micros=_RETRY_MICROS)) as server:
        yield RunningServer(server.grpc_target, server.rest_target)


def _check(models: object) -> None:
    """Refuse what would keep a test waiting for a model that nobody is about to put there."""
    if not isinstance(models, Mapping):
        check_type("models", models, (Mapping, str, os.PathLike))
        return
    for name, path in models.items():
        check_type(f"the folder of {name!r}", path, (str, os.PathLike))
        if "://" not in str(path):  # which the server reads, or refuses
            find_version(Path(path), None)


@contextmanager
def server_process(
    program: Sequence[str], models: Mapping[str, str | Path] | str | Path, flags: Sequence[str] = ()
) -> Iterator[RunningServer]:
    """Serve models on free ports from a process of its own, while the context is open.

    Args:
        program: the server and its first arguments, as in ``["tensorflow_model_server"]``.
        models: base paths (folders of version folders) by model name, or a model config file.
        flags: more flags.

    Raises:
        Unavailable: the process ended; the error shows its log.
    """
    from tfsclient.server.models.config import to_config, write_config

    with tempfile.TemporaryDirectory(prefix="tfsclient-") as folder:
        config = models
        if isinstance(models, Mapping):
            config = Path(folder, "models.config")
            write_config(to_config(models), config)
        grpc_port, rest_port = free_ports(2)
        log = Path(folder, "server.log")
        command = [
            *program,
            *(f"--port={grpc_port}", f"--rest_api_port={rest_port}"),
            f"--model_config_file={config}",
            *flags,
        ]
        with log.open("wb") as output:
            server = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            _wait_for_port(server, rest_port, log)
            grpc_target, rest_target = f"localhost:{grpc_port}", f"http://localhost:{rest_port}"
            yield RunningServer(grpc_target, rest_target, server.pid)
        finally:
            server.terminate()
            try:
                server.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def free_ports(count: int) -> list[int]:
    """Ports that nobody is listening on, as far as this process can see.

    They are below those that systems hand out by themselves, so that no other program is given one
    of them before the server listens there.

    Raises:
        Unavailable: there are not so many.
    """
    found: list[int] = []
    with ExitStack() as taken:
        for port in _random.sample(_OURS, len(_OURS)):
            if len(found) == count:
                return found
            with suppress(OSError):
                taken.enter_context(socket.socket()).bind(("", port))
                found.append(port)
    raise Unavailable(f"there are no {count} free ports from {_OURS.start} to {_OURS.stop}")


def _wait_for_port(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until the REST port, which opens last, accepts connections."""
    while True:
        try:
            socket.create_connection(("localhost", port), timeout=1).close()
        except OSError:
            try:
                server.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
            raise Unavailable(
                f"the server did not start:\n{log.read_text(errors='replace')}"
            ) from None
        return
