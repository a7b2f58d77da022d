"""Several processes that put one load on a server together: Python runs on one CPU in each."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from typing import Any

from tfsclient._cli.load.interface import Load, Measured, Progress, Watch
from tfsclient._cli.load.measure import measure, merged
from tfsclient._cli.load.threads import RealClock, ThreadSender
from tfsclient.errors import Internal

_LOOK = 0.1  # seconds between two looks at whether the user interrupts
_AHEAD = 0.2  # seconds in which every process is told of a load, before it begins


class Processes:
    """Puts loads on a server from several processes; an :class:`Engine`, for the main thread.

    Args:
        count: how many.
        make: makes the sender in each; it can be pickled.
    """

    def __init__(self, count: int, make: Callable[[], ThreadSender]) -> None:
        context = multiprocessing.get_context("spawn")  # gRPC and threads do not survive a fork
        self._pipes: list[Any] = []
        self._children = []
        # A terminal's Ctrl-C goes to all of us.  It is for this process to end the others in order,
        # so they ignore it: what is ignored here now, they ignore from their first moment.
        ours_to_handle = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            for _ in range(count):
                ours, theirs = context.Pipe()
                child = context.Process(target=_serve, args=(theirs, make), daemon=True)
                child.start()
                theirs.close()
                self._pipes.append(ours)
                self._children.append(child)
        finally:
            signal.signal(signal.SIGINT, ours_to_handle)
        self._receive_all()  # they have loaded what they need

    def run(self, load: Load, watch: Watch) -> Measured:
        """Send a load and wait for all of its calls."""
        start = RealClock.now() + _AHEAD
        for number, pipe in enumerate(self._pipes):
            pipe.send((load, (number, len(self._pipes)), start))
        progress: dict[Any, Progress] = {}
        done: dict[Any, Measured] = {}
        over = interrupted = False
        with _noted() as interrupts:
            while len(done) < len(self._pipes):
                for pipe in wait([pipe for pipe in self._pipes if pipe not in done], _LOOK):
                    said = _receive(pipe)
                    if isinstance(said, Measured):
                        done[pipe] = said
                    else:
                        progress[pipe] = said
                if len(interrupts) > 1:
                    raise KeyboardInterrupt  # who asks twice does not wait for what there is
                if interrupts and not interrupted:
                    over = interrupted = True
                    self._end(now=True)
                if len(progress) == len(self._pipes) and not over:
                    first, *others = progress.values()
                    if over := watch(sum(others, first)):
                        self._end(now=False)
        measured = merged([done[pipe] for pipe in self._pipes], load)
        measured.interrupted = interrupted
        return measured

    def _end(self, *, now: bool) -> None:
        """Tell the processes to send no more; ``now``, to wait for no more answers either."""
        for pipe in self._pipes:
            pipe.send(now)

    def _receive_all(self) -> None:
        for pipe in self._pipes:
            _receive(pipe)

    def close(self) -> None:
        """End the processes."""
        for pipe in self._pipes:
            with suppress(OSError):
                pipe.send(None)
            pipe.close()
        for child in self._children:
            child.join(5)
            child.terminate()


@contextmanager
def _noted() -> Iterator[list[int]]:
    """Notes each Ctrl-C and does not raise it: half a message might have been read."""
    noted: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: noted.append(number))
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)


def _receive(pipe: Any) -> Any:
    try:
        return pipe.recv()
    except EOFError:
        raise Internal("a process that sends calls has died") from None


def _serve(pipe: Connection, make: Callable[[], ThreadSender]) -> None:
    """What a process does: it sends its shares of loads until it is told to end."""
    sender = make()
    pipe.send("ready")
    while (told := _next(pipe)) is not None:
        load, share, start = told
        pipe.send(_share(pipe, sender, load, share, start))
    sender.close()


def _next(pipe: Connection) -> Any:
    """The next load; None at the end."""
    while True:
        try:
            told = pipe.recv()
        except (EOFError, OSError):
            return None
        if not isinstance(told, bool):  # a word to end that came too late
            return told


def _share(
    pipe: Connection, sender: ThreadSender, load: Load, share: tuple[int, int], start: float
) -> Measured:
    over = False

    def watch(progress: Progress) -> bool:
        nonlocal over
        with suppress(OSError):
            pipe.send(progress)
        if pipe.poll():
            over = True
            if pipe.recv():  # at once, and without the answers that are still to come
                raise KeyboardInterrupt
        return over

    part = replace(load, share=share)
    return measure(RealClock(), sender, part, watch, start=start)
