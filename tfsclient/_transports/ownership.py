"""Which process may use a connection: the one that opened it."""

from __future__ import annotations

import os
import threading
from typing import Final

# Held while connections are made or dropped.  A fork waits for it, so that no child gets it locked
# by a thread that the child does not have.
OPENING: Final = threading.RLock()

_pid = os.getpid()


def process() -> int:
    """This process's id; ``os.getpid()`` is a system call, and small calls would feel it.

    A child that something other than Python forks must call ``PyOS_AfterFork_Child``, as embedders
    of Python do anyway.
    """
    return _pid


def _in_child() -> None:
    global _pid  # noqa: PLW0603
    _pid = os.getpid()
    OPENING.release()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(
        before=OPENING.acquire, after_in_parent=OPENING.release, after_in_child=_in_child
    )
