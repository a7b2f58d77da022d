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
from typing import NamedTuple

from tfsclient._calls.call import Call, Flow
from tfsclient.errors import InvalidArgument, NotFound, TFSError
from tfsclient.results import Prediction
from tfsclient.schema import Model, Signature

_MAX_AGE = 60.0  # seconds until a pointer is looked up again
_MIN_AGE = 1.0  # seconds within which a pointer is not looked up twice on suspicion


class Pointer(NamedTuple):
    """What a request asks for: a version, a label, or (with neither) the latest."""

    model: str
    version: int | None
    label: str | None


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

    def vouches_for(self, signature: Signature) -> bool:
        """Whether this very signature is still the model's, and need not be asked for again."""
        return self.model.signatures.get(signature.name) is signature and self.fresh()


class Discovery:
    """The signatures known so far; safe to share between threads.

    Args:
        metadata: makes the call that asks for a pointer's signatures.
        schemas: models whose signatures are given and never asked for.
    """

    def __init__(
        self,
        metadata: Callable[[str, int | None, str | None], Call[Model]],
        schemas: Mapping[str, Model],
    ) -> None:
        self._metadata = metadata
        self._given = {name: Entry(model, math.inf) for name, model in schemas.items()}
        # Without a lock, which a fork could leave locked: at worst two threads ask at once.
        self._entries: dict[Pointer, Entry] = {}

    def known(self, pointer: Pointer) -> Entry | None:
        """The model behind a pointer; None if it is to be asked for."""
        entry = self._given.get(pointer.model) or self._entries.get(pointer)
        return entry if entry is not None and entry.fresh() else None

    def find(self, pointer: Pointer) -> Flow[Model]:
        """The model behind a pointer, asked for if it is not known or too old."""
        known = self.known(pointer)
        if known is not None:
            return known.model
        now = time.monotonic()
        if pointer in self._entries:
            # Others go on with what is known while this one asks.
            self._entries[pointer].asked_at = now
        return (yield from self._ask(pointer, now))

    def renew(self, pointer: Pointer) -> Flow[Model | None]:
        """Ask again, before an input is refused; None if the last answer is too fresh for that."""
        if pointer.model in self._given:
            return None
        now = time.monotonic()
        entry = self._entries.get(pointer)
        if entry is not None:
            if now - entry.asked_at < _MIN_AGE:
                return None
            entry.asked_at = now
        return (yield from self._ask(pointer, now))

    def learn(self, pointer: Pointer, outcome: Prediction | TFSError) -> None:
        """Have a pointer looked up again if this outcome says that it moved."""
        entry = self._entries.get(pointer)
        if entry is None:
            return
        if isinstance(outcome, TFSError):
            moved = isinstance(outcome, (InvalidArgument, NotFound))
        else:
            moved = outcome.version not in (None, entry.model.version)
        if moved:
            entry.suspect = True

    def _ask(self, pointer: Pointer, now: float) -> Flow[Model]:
        model: Model = yield self._metadata(*pointer)
        # One entry for each pointer, whoever asks: remembered requests keep it.
        entry = self._entries.setdefault(pointer, Entry(model, now))
        if entry.model != model:
            entry.model = model
        entry.asked_at, entry.suspect = now, False
        return entry.model
