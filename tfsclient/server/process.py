"""The process of ``tfsclient serve``: how it ends, and what it does not print."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

from tfsclient.server.app import Server

_log = logging.getLogger("tfsclient.server")

_STDERR: Final = 2
_LEVEL: Final = "TF_CPP_MIN_LOG_LEVEL"
_FILTER_SECONDS: Final = 1.0
# What TensorFlow prints before its log level counts: any information, and what it says on each
# machine without a GPU.  Lines start with I, W, E or F and a time, or with a time and that letter.
_FILTER: Final = r"""
import re, sys
chatter = re.compile(
    rb"WARNING: All log messages before absl::|To enable the following instructions: "
    rb"|(?:\d{4}-\d\d-\d\d [\d:.]+: )?(?:I[\d:. ]+\S+:\d+\]|[WE][\d:. ]+\S+:\d+\] (?:"
    rb"failed call to cuInit: .*(?:\(303\)|no CUDA-capable device)|Unable to register cu\w+ factory"
    rb"|computation placer already registered))"
)
for line in sys.stdin.buffer:
    if not chatter.match(line):
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
"""


@contextmanager
def without_chatter() -> Iterator[None]:
    """Keep TensorFlow's start-up lines from standard error, unless its log level was chosen.

    They come from C++, partly before any log level counts.  What stands between is a process of its
    own, so that a crash of this one loses no line.
    """
    if _LEVEL in os.environ:
        yield
        return
    sys.stderr.flush()
    kept = os.dup(_STDERR)
    filtering = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _FILTER],
        stdin=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C does not end it before its last line
    )
    assert filtering.stdin is not None
    os.dup2(filtering.stdin.fileno(), _STDERR)
    filtering.stdin.close()
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, _STDERR)
        os.close(kept)
        # A program that was started meanwhile may hold on to it.
        with suppress(subprocess.TimeoutExpired):
            filtering.wait(_FILTER_SECONDS)


class Signals:
    """SIGINT and SIGTERM: the first lets calls finish, the second ends the process at once.

    A server that has no calls yet, since it is still starting, ends at the first.
    """

    def __init__(self) -> None:
        self._server: Server | None = None
        self._received = False

    def __enter__(self) -> Signals:
        self._before = {
            number: signal.signal(number, self._receive)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _receive(self, number: int, _: FrameType | None) -> None:
        if self._received or self._server is None or not self._server.is_open:
            os._exit(128 + number)
        self._received = True
        raise KeyboardInterrupt

    def run(self, server: Server, wait: Callable[[], None]) -> None:
        """Start a server, wait until the first signal, and stop it.

        Raises:
            TFSError: it could not be started.
        """
        self._server = server
        ended = True
        try:
            with without_chatter():
                server.start()
            wait()
        except KeyboardInterrupt:
            _log.info("stopping: calls under way may finish; a second signal ends them at once")
        finally:
            self._received = True
            ended = server.stop()
        if not ended:
            # Python would wait for the thread of a run that goes on.
            logging.shutdown()
            os._exit(0)
