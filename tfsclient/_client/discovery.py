"""Signatures, asked for once and kept as long as they hold.

What is kept belongs to a resolved version; "the latest" and labels are pointers to one.  A pointer
is renewed when there is reason to think that it moved, and never more than once a second, so that a
rolling deploy causes no storm of metadata calls.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import copy
from typing import Final, TypeAlias

from tfsclient._calls.call import Call, Flight, Flow, ask
from tfsclient._codec.model_ref import ModelRef
from tfsclient._transports.ownership import process
from tfsclient.errors import (
    DeadlineExceeded,
    DecodeError,
    Hint,
    InvalidArgument,
    NotFound,
    TFSError,
    Unimplemented,
)
from tfsclient.results import Prediction
from tfsclient.schema import Model

_MAX_AGE = 60.0  # seconds until a pointer is looked up again
_MIN_AGE = 1.0  # seconds within which a pointer is not looked up twice on suspicion
_PATIENCE = 5.0  # seconds that looking up once more may take

NO_METADATA: Final = Hint(
    "no_metadata",
    "if the server has the model but does not serve metadata, give its signatures by "
    "Client(schemas=...), or over gRPC send the inputs as they are with validate=False",
)

# What a request asks for, ``ref[:3]``: a version, a label, or (with neither) the latest.
_Pointer: TypeAlias = tuple[str, int | None, str | None]


class Entry:
    """What a pointer was found to point to.

    Attributes:
        model: the model's signatures.
        asked_at: when that was, by ``time.monotonic()``; infinite for what is given.
        suspect: whether there is reason to think that it moved.
    """

    __slots__ = ("asked_at", "model", "suspect")

    def __init__(self, model: Model, asked_at: float) -> None:
        self.model = model
        self.asked_at = asked_at
        self.suspect = False

    def fresh(self) -> bool:
        """Whether it need not be asked for again."""
        return time.monotonic() - self.asked_at < (_MIN_AGE if self.suspect else _MAX_AGE)


class _Flight(Flight):
    """A question under way; those who want to know the same wait for its answer."""

    def __init__(self, model: str) -> None:
        super().__init__(model)
        self.pid = process()  # in a forked child, nobody is left who asks
        self.owner = _owner()
        self.error: TFSError | None = None


class Discovery:
    """The signatures known so far; safe to share between threads.

    Args:
        metadata: makes the call that asks for a pointer's signatures.
        schemas: models whose signatures are given and never asked for.
    """

    def __init__(
        self,
        metadata: Callable[[ModelRef], Call[Model]],
        schemas: Mapping[str, Model],
    ) -> None:
        self._metadata = metadata
        self._given = {name: Entry(model, math.inf) for name, model in schemas.items()}
        # Without a lock, which a fork could leave locked: Python does each step on a dict at once.
        self._entries: dict[_Pointer, Entry] = {}
        self._flights: dict[_Pointer, _Flight] = {}

    def known(self, ref: ModelRef) -> Model | None:
        """The model that a request means; None if it is to be asked for."""
        entry = self._given.get(ref.name) or self._entries.get(ref[:3])
        return entry.model if entry is not None and entry.fresh() else None

    def seen(self, ref: ModelRef) -> Model | None:
        """What was last known of a model, however old that is."""
        entry = self._given.get(ref.name) or self._entries.get(ref[:3])
        return None if entry is None else entry.model

    def find(self, ref: ModelRef) -> Flow[Model]:
        """The model that a request means, asked for if it is not known or too old.

        What is known serves on where the server cannot be asked again.
        """
        while True:
            known = self.known(ref)
            if known is not None:
                return known
            entry = self._entries.get(ref[:3])
            try:
                asked = yield from self._ask(ref, patience=None if entry is None else _PATIENCE)
            except TFSError:
                if entry is None:
                    raise
                return entry.model
            if asked is not None:
                return asked

    def renew(self, ref: ModelRef) -> Flow[Model | None]:
        """Ask again, before an input is refused; None if that is not worth it, or cannot be."""
        entry = self._entries.get(ref[:3])
        just_asked = entry is not None and time.monotonic() - entry.asked_at < _MIN_AGE
        if just_asked or ref.name in self._given:
            return None
        try:
            return (yield from self._ask(ref, again=True, patience=_PATIENCE))
        except TFSError:
            return None

    def _ask(
        self, ref: ModelRef, *, again: bool = False, patience: float | None
    ) -> Flow[Model | None]:
        """Ask the server; None if another flow asked meanwhile, whose answer is to be looked at.

        Args:
            ref: what to ask about.
            again: whether to ask although something is known.
            patience: seconds that it may take; None for as long as the deadline.
        """
        pointer = ref[:3]
        flight = _Flight(ref.name)
        other = self._flights.setdefault(pointer, flight)
        if other is not flight and other.pid == process():
            if other.owner == flight.owner:  # on_call uses the client while it is told of the call
                return self._keep(pointer, (yield from ask(self._metadata(ModelRef(*pointer)))))
            yield other
            if other.error is not None:
                raise copy(other.error)
            return None
        self._flights[pointer] = flight
        if not again and self.known(ref) is not None:  # it ended just before this one began
            self._end(pointer, flight)
            return None
        entry = self._entries.get(pointer)
        if entry is not None:
            entry.asked_at = time.monotonic()  # others go on with what is known
        try:
            call = self._metadata(ModelRef(*pointer))
            call.patience = patience
            model = yield from ask(call)
            return self._keep(pointer, model)
        except DeadlineExceeded:
            raise  # of this flow's own: those that wait may have more time
        except TFSError as error:
            _advise(error)
            flight.error = error
            raise
        finally:
            self._end(pointer, flight)

    def _end(self, pointer: _Pointer, flight: _Flight) -> None:
        self._flights.pop(pointer, None)
        flight.end()

    def _keep(self, pointer: _Pointer, model: Model) -> Model:
        now = time.monotonic()
        # One entry for each pointer, and the same signatures as long as they are equal: what is
        # remembered of requests goes by them.
        entry = self._entries.setdefault(pointer, Entry(model, now))
        if entry.model != model:
            entry.model = model
        entry.asked_at, entry.suspect = now, False
        return entry.model

    def learn(self, call: Call[object], outcome: object) -> None:
        """Have a pointer looked up again if the outcome of a call says that it moved."""
        ref = call.ref
        if ref is None or call.safe:
            return
        entry = self._entries.get(ref[:3])
        if entry is None:
            return
        if isinstance(outcome, Prediction):
            moved = outcome.version not in (None, entry.model.version)
        else:
            moved = isinstance(outcome, (InvalidArgument, NotFound, DecodeError))
        if moved:
            entry.suspect = True


def _owner() -> tuple[int, object]:
    """Who runs this: a thread, and on an event loop one of its tasks."""
    task: object = None
    current = getattr(sys.modules.get("asyncio"), "current_task", None)  # no loop runs without it
    if current is not None:
        with suppress(RuntimeError):
            task = current()
    return threading.get_ident(), task


def _advise(error: TFSError) -> None:
    """Say what can be done about a server that has the model, but does not tell its signatures."""
    missing = isinstance(error, NotFound) and "Servable not found" not in error.details
    if error.hint is None and (missing or isinstance(error, Unimplemented)):
        error.hint = NO_METADATA
