"""What a job was asked for, checked before anything is read or sent."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike, fspath
from typing import Any, Final, Literal, TypeAlias, cast

from tfsclient.errors import InvalidInput, shown

Path: TypeAlias = "str | PathLike[str]"
Format: TypeAlias = Literal["parquet", "jsonl", "csv"]
Auto: TypeAlias = 'int | Literal["auto"]'

FORMATS: Final = ("parquet", "jsonl", "csv")
_LARGEST: Final = 1 << 31


@dataclass(frozen=True, kw_only=True)
class Options:
    """See :func:`tfsclient.score.score_files`, which has the same names.

    Raises:
        InvalidInput: a value makes no sense, or two of them do not go together.
    """

    model: str
    inputs: tuple[str, ...]
    out: str
    signature: str | None
    version: int | None
    label: str | None
    latest: bool
    map: Mapping[str, str]
    keep: tuple[str, ...] | None
    outputs: tuple[str, ...] | None
    prefix: str
    batch: int | None
    concurrency: int | None
    rate: float | None
    limit: int | None
    on_error: str
    max_errors: int | None
    max_errors_share: float | None = field(default=None)
    resume: bool
    format: Format
    folds: bool = field(default=False)  # names that differ in case alone are the same

    def fold(self, name: str) -> str:
        """A name as it is compared with others."""
        return name.lower() if self.folds else name

    @property
    def stops(self) -> bool:
        """Whether the first bad row ends the job."""
        return self.on_error == "stop"

    @property
    def streams(self) -> bool:
        """Whether rows go to standard output."""
        return self.out == "-"

    def shape(self) -> dict[str, Any]:
        """What decides which rows are written and how: a job that goes on must have the same."""
        return {
            "model": self.model,
            "signature": self.signature,
            "version": self.version,
            "label": self.label,
            "latest": self.latest,
            "map": dict(sorted(self.map.items())),
            "keep": "all" if self.keep is None else list(self.keep),
            "outputs": None if self.outputs is None else list(self.outputs),
            "prefix": self.prefix,
            "limit": self.limit,
            "format": self.format,
        }


def read_options(
    *,
    inputs: Path | Sequence[Path],
    out: Path,
    map: Mapping[str, str] | None,  # noqa: A002
    keep: str | Sequence[str],
    outputs: Sequence[str] | None,
    batch: Auto,
    concurrency: Auto,
    rate: float | None,
    limit: int | None,
    on_error: str,
    max_errors: int | str | None,
    format: str | None,  # noqa: A002
    **others: Any,
) -> Options:
    """The options of a call of ``score_files``.

    Raises:
        InvalidInput: a value makes no sense, or two of them do not go together.
    """
    paths = _read_paths(inputs)
    chosen = sum([others["version"] is not None, others["label"] is not None, others["latest"]])
    if chosen > 1:
        raise InvalidInput("give one of version, label and latest")
    if on_error not in ("stop", "dead-letter"):
        raise InvalidInput(f"on_error must be 'stop' or 'dead-letter', not {shown(on_error)}")
    if max_errors is not None and on_error == "stop":
        raise InvalidInput("max_errors is for on_error='dead-letter': else the first one stops")
    if not isinstance(others["prefix"], str):
        raise InvalidInput(f"prefix must be text, not {shown(others['prefix'])}")
    target = _read_path("out", out)
    if target == "-" and others["resume"]:
        raise InvalidInput("what went to standard output cannot be resumed: name a folder")
    if target == "-" and format not in (None, "jsonl"):
        raise InvalidInput(f"standard output gets JSON lines, not {format}")
    if format is not None and format not in FORMATS:
        raise InvalidInput(f"format must be one of {', '.join(FORMATS)}, not {shown(format)}")
    most, share = _read_most(max_errors)
    return Options(
        inputs=paths,
        out=target,
        map=_read_map(map),
        keep=_read_keep(keep),
        outputs=None if outputs is None else _read_outputs(outputs),
        batch=_read_auto("batch", batch),
        concurrency=_read_auto("concurrency", concurrency),
        rate=_read_rate(rate),
        limit=None if limit is None else _read_count("limit", limit, least=0),
        on_error=on_error,
        max_errors=most,
        max_errors_share=share,
        format="jsonl" if target == "-" else cast("Format", format or "parquet"),
        **others,
    )


def _read_paths(inputs: Path | Sequence[Path]) -> tuple[str, ...]:
    one = isinstance(inputs, str | PathLike) or not isinstance(inputs, Iterable)
    paths = [inputs] if one else list(cast("Sequence[Path]", inputs))
    if not paths:
        raise InvalidInput("there is no input: name at least one file or folder")
    return tuple(_read_path("input", path) for path in paths)


def _read_path(what: str, path: object) -> str:
    """A path; an empty one would be this folder, and comes from a variable that is not set."""
    try:
        text = fspath(cast("Path", path))
    except TypeError:
        text = ""
    if not text or not isinstance(text, str):
        raise InvalidInput(f"{what} must be the name of a file or folder, not {shown(path)}")
    return text


def _read_map(given: object) -> dict[str, str]:
    if isinstance(given, Mapping) and all(
        isinstance(v, str) for pair in given.items() for v in pair
    ):
        return dict(given)
    if given is None:
        return {}
    raise InvalidInput(f"map must be columns by input, not {shown(given)}")


def _read_outputs(outputs: str | Sequence[str]) -> tuple[str, ...]:
    names = _names("outputs", outputs)
    if not names:
        raise InvalidInput("outputs names none: leave it out for all of them")
    return tuple(dict.fromkeys(names))


def _names(what: str, value: str | Sequence[str]) -> list[str]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, Iterable) or not all(isinstance(name, str) for name in names):
        raise InvalidInput(f"{what} must be names, not {shown(value)}")
    return list(names)


def _read_keep(keep: str | Sequence[str]) -> tuple[str, ...] | None:
    return None if keep == "all" else tuple(dict.fromkeys(_names("keep", keep)))


def _read_count(name: str, value: object, *, least: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < _LARGEST:
        raise InvalidInput(f"{name} must be a number from {least}, not {shown(value)}")
    return value


def _read_auto(name: str, value: Auto) -> int | None:
    return None if value == "auto" else _read_count(name, value)


def _read_rate(rate: object) -> float | None:
    if rate is None:
        return None
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < math.inf:
        raise InvalidInput(f"rate must be a number of rows a second, not {shown(rate)}")
    return float(rate)


def _read_most(value: int | str | None) -> tuple[int | None, float | None]:
    """A number of rows, or a share of them."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value, None
    if isinstance(value, str):
        if re.fullmatch(r"[0-9]{1,9}", value):
            return int(value), None
        share = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]+)?)%", value)
        if share and float(share[1]) <= 100:
            return None, float(share[1]) / 100
    raise InvalidInput(f"max_errors must be a number or a percentage like '1%', not {shown(value)}")
