"""Results for people: one line, tables, HTML; of bounded size, whatever a model answers."""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from tfsclient._tables import WIDTH, html_table, listed, quoted, short, table, visible, wrap
from tfsclient.dtypes import DType

if TYPE_CHECKING:
    from tfsclient.results import Classes, Prediction, VersionStatus

Array = npt.NDArray[Any]

_FEW: Final = 8  # elements that fit in a line
_MOST_VALUES: Final = 50  # outputs whose values are shown
_MANY: Final = 1000  # elements that are shown in full
_MOST_DIMENSIONS: Final = 3  # whose ends can be taken in
_LONG: Final = 200  # bytes of a string that are shown

_HEAD: Final = ("version", "state", "error", "message")


def prediction_line(answer: Prediction) -> str:
    """``<Prediction of 'digits' version 1: classes=[3], scores=float32[1, 10]>``."""
    outputs = [f"{short(visible(name))}={_brief(array)}" for name, array in answer.items()]
    version = "" if answer.version is None else f" version {answer.version}"
    return f"<Prediction of {answer.model!r}{version}: {listed(outputs)}>"


def prediction_text(
    answer: Prediction,
    dtypes: Mapping[str, DType] | None = None,
    tops: Mapping[str, Classes] | None = None,
) -> str:
    """The outputs one after the other, large ones in part.

    Args:
        answer: the outputs.
        dtypes: what the signature calls their types, which differs from what numpy does for
            quantized ones.
        tops: of some outputs their likeliest classes, which are shown in place of the values.
    """
    blocks = [_title(answer)]
    for number, (name, array) in enumerate(answer.items()):
        values = _values(array) if number < _MOST_VALUES else "..."
        heading = f"{visible(name)}  {(dtypes or {}).get(name) or _dtype(array)} {_shape(array)}"
        lines = _classes(tops[name]) if tops and name in tops else wrap(values)
        blocks.append("\n".join([*wrap(heading), *lines]))
    return "\n\n".join(blocks)


def _classes(rows: Classes) -> list[str]:
    """The classes of each row; of many rows the first."""
    shown = [
        (f"[{number}]" if len(rows) > 1 else "", visible(label), f"{score:.4g}")
        for number, row in enumerate(rows[:_MOST_VALUES])
        for label, score in row[:_MOST_VALUES]
    ]
    return [*table(shown or [("no rows",)]), *(["..."] if len(rows) > _MOST_VALUES else [])]


def prediction_html(answer: Prediction) -> str:
    """The outputs as a table of HTML."""
    rows = [(name, _dtype(array), _shape(array), _values(array)) for name, array in answer.items()]
    return html_table(_title(answer), [("output", "dtype", "shape", "values"), *rows])


def status_text(statuses: Sequence[VersionStatus]) -> str:
    """The states as a table."""
    if not statuses:
        return "no versions"
    rows = _status_rows(statuses)
    used = map(any, zip(*rows, strict=True))
    head = [name if any_text else "" for name, any_text in zip(_HEAD, used, strict=True)]
    return "\n".join(table([head, *rows]))


def status_html(statuses: Sequence[VersionStatus]) -> str:
    """The states as a table of HTML."""
    return html_table("versions", [_HEAD, *_status_rows(statuses)])


def _status_rows(statuses: Sequence[VersionStatus]) -> list[tuple[str, str, str, str]]:
    return [
        (
            "-" if one.version is None else str(one.version),
            visible(one.state),
            "" if one.error_code == "OK" else visible(one.error_code),
            visible(one.error_message),
        )
        for one in statuses
    ]


def _title(answer: Prediction) -> str:
    version = "" if answer.version is None else f" version {answer.version}"
    signature = "" if answer.signature is None else f", {answer.signature}"
    return visible(f"{answer.model}{version}{signature}")


def _dtype(array: Array) -> str:
    return DType.of_numpy(array.dtype) or str(array.dtype)


def _shape(array: Array) -> str:
    return str(list(array.shape))


def _brief(array: Array) -> str:
    """The values where they fit in a line, else the dtype and the shape."""
    if array.size <= _FEW:
        text = _values(array).replace("\n", "")
        if len(text) <= WIDTH:
            return text
    return f"{_dtype(array)}{_shape(array)}"


def _values(array: Array) -> str:
    """The values; of many, those at the ends of each dimension."""
    if array.ndim == 0:
        return _item(array[()])
    if array.size > _MANY and array.ndim > _MOST_DIMENSIONS:
        return f"starts with {_printed(array.flat[:_FEW])}"
    return _printed(array)


def _printed(array: Array) -> str:
    return np.array2string(
        array,
        max_line_width=WIDTH - 2,
        separator=", ",
        threshold=_MANY,
        edgeitems=3,
        formatter={"object": _item, "void": str},
    )


def _item(item: Any) -> str:
    """One value; of a long string the beginning."""
    if not isinstance(item, bytes):
        return short(visible(str(item)))
    if len(item) <= _LONG:
        return quoted(item)
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(item[:_LONG])  # may cut a character
    except UnicodeDecodeError:
        shown = repr(item[:_LONG])
    else:
        shown = quoted(text.encode())
    return f"{shown}... ({len(item)} bytes)"
