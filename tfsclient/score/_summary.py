"""What is told of a job: while it runs, when it is done, and when too much of it failed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from tfsclient.errors import TFSError


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is.

    Attributes:
        rows: the rows that this run wrote.
        errors: the dead letters that it wrote.
        total: the rows that there are to be scored, if that is known.
        fraction: how much of the input is written, 0 to 1; 0 where that is not known.
        seconds: since it began.
        batch: the rows of a call.
        calls: how many calls are under way.
    """

    rows: int
    errors: int
    total: int | None
    fraction: float
    seconds: float
    batch: int
    calls: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What a job did.

    Attributes:
        model: the model's name.
        signature: the signature that ran.
        version: the version that the job was pinned to; None with ``latest``.
        versions: the versions that answered, as far as answers tell: REST's do not.
        rows: the rows that this run wrote, without dead letters.
        errors: the dead letters in the output.
        earlier: the rows that earlier runs had written.
        calls: how many calls were sent.
        rows_sent: how many rows they had, those that were sent again included.
        seconds: how long this run took.
        parts: the part files in the output.
        out: the output folder, or "-".
        complete: False if the job was interrupted.
    """

    model: str
    signature: str
    version: int | None
    versions: tuple[int, ...]
    rows: int
    errors: int
    earlier: int
    calls: int
    rows_sent: int
    seconds: float
    parts: int
    out: str
    complete: bool

    def to_dict(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return asdict(self)


class TooManyErrors(TFSError):
    """More rows failed than ``max_errors`` allows; what was written is kept."""
