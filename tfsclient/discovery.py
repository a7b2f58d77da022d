"""Signatures, asked for once and kept as long as they hold.

What is kept belongs to a resolved version; "the latest" and labels are pointers to one.  A pointer
is renewed when there is reason to think that it moved, and never more than once a second, so that a
rolling deploy causes no storm of metadata calls.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from tfsclient.calls import Call, Flow
from tfsclient.schema import Model

_MAX_AGE = 60.0  # seconds until a pointer is looked up again
_MIN_AGE = 1.0  # seconds within which a pointer is not looked up twice on suspicion


class Pointer(NamedTuple):
    """What a request asks for: a version, a label, or (with neither) the latest."""

    model: str
    version: int | None
    label: str | None


@dataclass(slots=True)
class _Entry:
    model: Model
    asked_at: float
    suspect: bool = False


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
        self._schemas = schemas
        # Without a lock, which a fork could leave locked: at worst two threads ask at once.
        self._entries: dict[Pointer, _Entry] = {}

    def known(self, pointer: Pointer) -> Model | None:
        """The model behind a pointer; None if it is to be asked for."""
        if pointer.model in self._schemas:
            return self._schemas[pointer.model]
        entry = self._entries.get(pointer)
        if entry is None:
            return None
        age = time.monotonic() - entry.asked_at
        fresh = age < _MIN_AGE or (age < _MAX_AGE and not entry.suspect)
        return entry.model if fresh else None

    def find(self, pointer: Pointer) -> Flow[Model]:
        """The model behind a pointer, asked for if it is not known or too old."""
        known = self.known(pointer)
        if known is not None:
            return known
        now = time.monotonic()
        if pointer in self._entries:
            # Others go on with what is known while this one asks.
            self._entries[pointer].asked_at = now
        return (yield from self._ask(pointer, now))

    def renew(self, pointer: Pointer) -> Flow[Model | None]:
        """Ask again, before an input is refused; None if the last answer is too fresh for that."""
        if pointer.model in self._schemas:
            return None
        now = time.monotonic()
        entry = self._entries.get(pointer)
        if entry is not None:
            if now - entry.asked_at < _MIN_AGE:
                return None
            entry.asked_at = now
        return (yield from self._ask(pointer, now))

    def suspect(self, pointer: Pointer, version: int | None = None) -> None:
        """Have a pointer looked up again, unless it is known to point to ``version``."""
        entry = self._entries.get(pointer)
        if entry is not None and (version is None or entry.model.version != version):
            entry.suspect = True

    def _ask(self, pointer: Pointer, now: float) -> Flow[Model]:
        model: Model = yield self._metadata(*pointer)
        self._entries[pointer] = _Entry(model, now)
        return model
