"""Signatures, asked for once and kept as long as they hold.

What is kept belongs to a resolved version; "the latest" and labels are pointers to one.  A pointer
is renewed when there is reason to think that it moved, and never more than once a second, so that a
rolling deploy causes no storm of metadata calls.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tfsclient._calls.call import Call, Flow, ask
from tfsclient._codec.model_ref import ModelRef
from tfsclient.errors import InvalidArgument, NotFound
from tfsclient.results import Prediction
from tfsclient.schema import Model

_MAX_AGE = 60.0  # seconds until a pointer is looked up again
_MIN_AGE = 1.0  # seconds within which a pointer is not looked up twice on suspicion

# What a request asks for: a version, a label, or (with neither) the latest.
_Pointer: TypeAlias = tuple[str, int | None, str | None]


@dataclass(slots=True)
class Entry:
    """What a pointer was found to point to.

    Attributes:
        model: the model's signatures.
        asked_at: when that was, by ``time.monotonic()``; infinite for what is given.
        suspect: whether there is reason to think that it moved.
    """

    model: Model
    asked_at: float
    suspect: bool = False

    def fresh(self) -> bool:
        """Whether it need not be asked for again."""
        age = time.monotonic() - self.asked_at
        return age < _MIN_AGE or (age < _MAX_AGE and not self.suspect)


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
        # Without a lock, which a fork could leave locked: at worst two threads ask at once.
        self._entries: dict[_Pointer, Entry] = {}

    def known(self, ref: ModelRef) -> Model | None:
        """The model that a request means; None if it is to be asked for."""
        entry = self._given.get(ref.name) or self._entries.get((ref.name, ref.version, ref.label))
        return entry.model if entry is not None and entry.fresh() else None

    def find(self, ref: ModelRef) -> Flow[Model]:
        """The model that a request means, asked for if it is not known or too old."""
        known = self.known(ref)
        if known is not None:
            return known
        now = time.monotonic()
        entry = self._entries.get((ref.name, ref.version, ref.label))
        if entry is not None:
            # Others go on with what is known while this one asks.
            entry.asked_at = now
        return (yield from self._ask(ref, now))

    def renew(self, ref: ModelRef) -> Flow[Model | None]:
        """Ask again, before an input is refused; None if the last answer is too fresh for that."""
        if ref.name in self._given:
            return None
        now = time.monotonic()
        entry = self._entries.get((ref.name, ref.version, ref.label))
        if entry is not None:
            if now - entry.asked_at < _MIN_AGE:
                return None
            entry.asked_at = now
        return (yield from self._ask(ref, now))

    def learn(self, call: Call[object], outcome: object) -> None:
        """Have a pointer looked up again if the outcome of a call says that it moved."""
        ref = call.ref
        if ref is None or call.safe:
            return
        entry = self._entries.get((ref.name, ref.version, ref.label))
        if entry is None:
            return
        if isinstance(outcome, Prediction):
            moved = outcome.version not in (None, entry.model.version)
        else:
            moved = isinstance(outcome, (InvalidArgument, NotFound))
        if moved:
            entry.suspect = True

    def _ask(self, ref: ModelRef, now: float) -> Flow[Model]:
        pointer = (ref.name, ref.version, ref.label)
        model = yield from ask(self._metadata(ModelRef(*pointer)))
        # One entry for each pointer, whoever asks.
        entry = self._entries.setdefault(pointer, Entry(model, now))
        if entry.model != model:
            entry.model = model
        entry.asked_at, entry.suspect = now, False
        return entry.model
