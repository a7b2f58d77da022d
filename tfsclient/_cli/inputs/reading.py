"""The values in a text, a file or standard input: of one input, or of all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from shlex import quote
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tfsclient._cli.inputs import bodies
from tfsclient._cli.inputs.json_text import (
    first_byte,
    is_lines,
    pairs_to_numbers,
    parse,
    parse_lines,
    words_to_numbers,
)
from tfsclient._cli.inputs.sources import PICTURES, SUFFIXES, Source
from tfsclient._cli.inputs.table import Header, Table, read_header
from tfsclient._inputs.example import string_rank
from tfsclient._inputs.prepare import Inputs
from tfsclient.dtypes import STRING
from tfsclient.errors import InvalidInput, shown
from tfsclient.schema import Signature, TensorSpec

_ARR_0 = "arr_0"  # what numpy.savez calls an array that it was given without a name


class Content(NamedTuple):
    """What inputs are given by.

    Attributes:
        typed: all of what was typed.
        text: the value itself, if there is no source.
        source: the file or standard input.
        scale: what to multiply the values of pictures with.
    """

    typed: str
    text: str
    source: Source | None = None
    scale: float | None = None

    @property
    def where(self) -> str:
        """What errors call it."""
        return shown(self.text) if self.source is None else self.source.name


def kind_of(content: Content, is_table: Callable[[Header], bool]) -> str:
    """The suffix for what the content is; "" for a text, which is JSON or a string.

    Args:
        content: standard input without a suffix is looked into.
        is_table: whether this may be the header of a CSV file.
    """
    source = content.source
    if source is None:
        return ""
    if source.kind or not isinstance(source.content, bytes):
        return source.kind or "(none)"
    if is_lines(source.content):
        return ".jsonl"
    header = None if first_byte(source.content) in b"[{" else read_header(source.content)
    return ".csv" if header is not None and is_table(header) else ""


def read_one(content: Content, spec: TensorSpec, signature: Signature) -> Any:
    """The value of this input.

    Raises:
        InvalidInput: it cannot be read, or does not hold the input.
    """
    source = content.source
    kind = kind_of(content, lambda header: bool(header.columns(spec)))
    if source is None or kind == "":
        return _text(content, spec)
    if kind in PICTURES:
        return source.image(content.scale)
    if kind == ".npy":
        return source.array()
    if kind == ".npz":
        return _pick(source.arrays(), source.name, spec)
    if kind == ".json":
        return _fit(json_of(content), spec)
    if kind == ".jsonl":
        return _values(parse_lines(source.read(), source.name), source.name, spec)
    if kind == ".csv":
        table = Table(source.read(), source.name)
        if spec.dtype == STRING and not table.header.columns(spec):
            return table.examples(_features(spec, signature))
        return table.input(spec)
    data = source.read()
    if spec.dtype != STRING:
        raise InvalidInput(
            f"{source.name} does not end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}, and "
            f"other bytes could only be a string, but input {spec.name!r} is {spec}"
        )
    return _one_string(data, spec)


def read_whole(content: Content, signature: Signature) -> Inputs:
    """All inputs: rows, columns, a body of TF Serving's, or the value of the only input.

    Raises:
        InvalidInput: they cannot be read, or need a name.
    """
    source = content.source
    specs = list(signature.inputs.values())
    only = specs[0] if len(specs) == 1 else None
    examples = only is not None and (
        signature.example_input is not None or signature.kind != "predict"
    )
    kind = kind_of(content, lambda header: examples or header.is_of(signature))
    if source is not None and kind == ".npz":
        arrays = source.arrays()
        if only is not None and list(arrays) == [_ARR_0]:
            return {only.name: arrays[_ARR_0]}
        return arrays
    if source is not None and kind == ".csv":
        table = Table(source.read(), source.name)
        if only is not None and not table.header.columns(only):
            if examples:
                return {only.name: table.examples(signature.features)}
            check_some_inputs(table.header.names, only, content)
        return table.inputs(signature)
    if source is not None and kind == ".jsonl":
        lines = parse_lines(source.read(), source.name)
        return _placed([value for _, value in lines], content, signature, [w for w, _ in lines])
    if kind == ".json" or (kind == "" and (only is None or only.dtype != STRING)):
        return _placed(json_of(content, only), content, signature)
    if kind == "":
        assert only is not None
        return _placed(_text(content, only), content, signature)
    if only is None:
        raise InvalidInput(
            f"{content.where} could be any of the inputs: put a NAME= before it",
            signature=signature.name,
        )
    return {only.name: read_one(content, only, signature)}


def _placed(
    value: Any, content: Content, signature: Signature, lines: Sequence[str] = ()
) -> Inputs:
    """What JSON means for the whole of a signature."""
    where = content.where
    if bodies.is_body(value, signature):
        bodies.check_signature(value, signature.name, where)
        value = bodies.predict_values(value, where)
    specs = signature.inputs
    only = next(iter(specs.values())) if len(specs) == 1 else None
    rows = value if isinstance(value, list) else [value]
    if rows and all(isinstance(row, dict) for row in rows):
        if only is not None and not any(only.name in row for row in rows):
            if signature.example_input is not None or signature.kind != "predict":
                return {only.name: rows}
            bodies.check_keys(value, where, specs)
            check_some_inputs([name for row in rows for name in row], only, content)
        if isinstance(value, dict):
            bodies.check_keys(value, where, specs)
            return {n: _fit(v, specs[n]) if n in specs else v for n, v in value.items()}
        return _stacked(rows, lines, where, signature)
    for line, row in zip(lines, rows, strict=False):
        if isinstance(row, dict):
            raise InvalidInput(f"{line} is an object, and other lines are not")
    if only is None:
        return value
    return {only.name: _fit_items(rows, only) if lines else _fit(value, only)}


def check_some_inputs(names: Sequence[str], only: TensorSpec, content: Content) -> None:
    """Refuse names that may be features, which a model's metadata does not say."""
    if only.dtype == STRING and names:
        typed = "..." if content.source is None else content.typed
        raise InvalidInput(
            f"{content.where} names {shown(list(dict.fromkeys(names)))}, but the only input is "
            f"{only.name!r}, {only}",
            hint=f"if the model takes tf.Examples, write {quote(f'{only.name}={typed}')} for it",
        )


def _stacked(
    rows: Sequence[dict[str, Any]], lines: Sequence[str], where: str, signature: Signature
) -> dict[str, Any]:
    """The values of each input over the rows."""
    first = rows[0]
    for number, row in enumerate(rows):
        if row.keys() != first.keys():
            places = [lines[n] if lines else f"{where}, row {n}" for n in (0, number)]
            raise InvalidInput(
                f"{places[1]} has the inputs {sorted(row)}, but {places[0]} has {sorted(first)}",
                signature=signature.name,
            )
    specs = signature.inputs
    return {name: _fit_items([row[name] for row in rows], specs.get(name)) for name in first}


def _values(lines: Sequence[tuple[str, Any]], name: str, spec: TensorSpec) -> list[Any]:
    """A value for each line: all of it, or what it has for this input."""
    rows = [(where, value) for where, value in lines if isinstance(value, dict)]
    if rows and len(rows) < len(lines):
        odd = next(where for where, value in lines if not isinstance(value, dict))
        raise InvalidInput(f"{odd} is not an object, and other lines are")
    if not rows:
        return _fit_items([value for _, value in lines], spec)
    if spec.dtype == STRING and not any(spec.name in row for _, row in rows):
        return [row for _, row in rows]  # of features
    for where, row in rows:
        if spec.name not in row:
            raise InvalidInput(f"{where} has no {spec.name!r}, but {sorted(row)}")
    return _fit_items([row[spec.name] for _, row in rows], spec)


def _pick(arrays: dict[str, Any], name: str, spec: TensorSpec) -> Any:
    """The array of this name, or the only one."""
    if spec.name in arrays:
        return arrays[spec.name]
    if len(arrays) != 1:
        raise InvalidInput(f"{name} has no array {spec.name!r}, but {sorted(arrays)}")
    return next(iter(arrays.values()))


def _features(spec: TensorSpec, signature: Signature) -> Any:
    return signature.features if signature.example_input == spec.name else None


# JSON and text.


def json_of(content: Content, spec: TensorSpec | None = None) -> Any:
    """The value that a text or a source holds in JSON, for this input or for all.

    Raises:
        InvalidInput: it is not JSON.
    """
    data = content.text if content.source is None else content.source.read()
    try:
        value = parse(data, content.where)
    except json.JSONDecodeError as error:
        if content.source is not None:
            raise InvalidInput(
                f"{content.where} is not JSON: {error}",
                hint=None if content.source.kind else "-.csv, -.jsonl or -.npy says what it is",
            ) from None
        wanted = "inputs" if spec is None else f"input {spec.name!r}, which is {spec},"
        raise InvalidInput(
            f"{wanted} must be JSON, and {content.where} is not: {error}",
            hint="a file is written as @FILE",
        ) from None
    bodies.refuse_answer(value, content.where)
    return value


def _text(content: Content, spec: TensorSpec) -> Any:
    """JSON; for a string input only if it looks like it and is, else the text as it is."""
    if spec.dtype != STRING:
        return _fit(json_of(content, spec), spec)
    raw = os.fsencode(content.text) if content.source is None else content.source.read()
    if first_byte(raw) in (b'"', b"[", b"{"):
        with suppress(json.JSONDecodeError, UnicodeDecodeError):
            text = content.text if content.source is None else raw.decode()
            return _fit(parse(text, content.where), spec)
    return _one_string(raw, spec)


def _fit(value: Any, spec: TensorSpec) -> Any:
    """A JSON value for this input; a lone string is a batch of one, as a lone picture is."""
    if spec.dtype.kind in ("float", "complex"):
        return _numbers(value, spec)
    if spec.dtype == STRING and isinstance(value, str | bytes):
        try:
            return _one_string(value if isinstance(value, bytes) else value.encode(), spec)
        except UnicodeEncodeError as error:
            raise InvalidInput(f"input {spec.name!r} is not Unicode: {error}") from None
    return value


def _fit_items(values: list[Any], spec: TensorSpec | None) -> list[Any]:
    """A value for each row; one that is no list is all of a row whose dimensions are 1s alone."""
    if spec is None:
        return values
    inner = () if spec.shape is None else spec.shape[1:]
    if inner and all(size == 1 for size in inner):
        values = [
            value if isinstance(value, list) else _nested(value, len(inner)) for value in values
        ]
    fitted: list[Any] = _numbers(values, spec)
    return fitted


def _nested(value: Any, depth: int) -> Any:
    return [_nested(value, depth - 1)] if depth else value


def _numbers(value: Any, spec: TensorSpec) -> Any:
    """JSON with the numbers that our own JSON has in place of what JSON cannot say."""
    if spec.dtype.kind == "complex" and spec.shape is not None:
        return pairs_to_numbers(value, len(spec.shape))
    return words_to_numbers(value) if spec.dtype.kind == "float" else value


def _one_string(data: bytes, spec: TensorSpec) -> npt.NDArray[np.object_]:
    array = np.empty(1, object)
    array[0] = data
    return array.reshape((1,) * string_rank(spec))
