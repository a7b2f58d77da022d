"""What ``--input`` says, as inputs for a signature.

    NAME=VALUE      JSON; for a string input JSON only if it starts with ", [ or { and is JSON, else
                    the text as it is
    NAME=@a.npy     an array that numpy.save wrote
    NAME=@a.png     a picture (also .jpg .jpeg .gif .bmp .webp), as tfsclient.Image makes it fit
    NAME=@a.json    JSON in a file; @- reads it from standard input
    NAME=@a.bin     any other file: its bytes, for a string input
    VALUE, @FILE    without NAME: the only input's; rows (a JSON list of objects) or columns (an
                    object, or an .npz file) for all inputs

JSON may hold NaN and Infinity, and {"b64": "..."} for bytes, as TF Serving's own does.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import os
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tfsclient._inputs.image import Image, string_rank
from tfsclient._inputs.prepare import Inputs
from tfsclient.dtypes import STRING
from tfsclient.errors import InvalidInput
from tfsclient.schema import Signature, TensorSpec

_PICTURES = frozenset([".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp"])
_STDIN = "-"


def read_inputs(texts: Sequence[str], signature: Signature) -> Inputs:
    """The inputs that ``--input`` options give.

    Raises:
        InvalidInput: one cannot be read, is given twice, or lacks its name.
    """
    named: dict[str, Any] = {}
    for text in texts:
        name, value = _split(text, signature)
        if name is None:
            if len(texts) > 1:
                raise InvalidInput(f"--input {text!r} has no NAME=, so it must be the only one")
            return _whole(value, signature)
        if name in named:
            raise InvalidInput(f"input {name!r} is given twice", signature=signature.name)
        # An unknown name is left to the check of names, which knows what comes close.
        spec = signature.inputs.get(name)
        named[name] = value if spec is None else _value(value, spec)
    return named


def _split(text: str, signature: Signature) -> tuple[str | None, str]:
    """A name and what follows its =; names may hold = themselves, and so may values."""
    known = [name for name in signature.inputs if text.startswith(name + "=")]
    if known:
        name = max(known, key=len)
        return name, text[len(name) + 1 :]
    name, equals, value = text.partition("=")
    if not equals or text.startswith("@") or _is_json(text):
        return None, text
    return name, value


def _is_json(text: str) -> bool:
    try:
        _parse(text, text)
    except json.JSONDecodeError:
        return False
    except InvalidInput:
        return True  # which will be reported when it is read
    return True


def _whole(text: str, signature: Signature) -> Inputs:
    """Rows, columns, or the value of the only input."""
    if text.startswith("@") and text.lower().endswith(".npz"):
        return _read_npz(Path(text[1:]))
    specs = list(signature.inputs.values())
    value = _value(text, specs[0] if len(specs) == 1 else None)
    examples = signature.example_input is not None or signature.kind != "predict"
    if len(specs) == 1 and examples:
        rows = value if isinstance(value, list) else [value]
        if all(isinstance(row, dict) and specs[0].name not in row for row in rows):
            return {specs[0].name: rows}
    return value


def _value(text: str, spec: TensorSpec | None) -> Any:
    if text.startswith("@"):
        return _read_file(text[1:], spec)
    strings = spec is not None and spec.dtype == STRING
    if spec is not None and strings and not text.lstrip().startswith(('"', "[", "{")):
        return _one_string(os.fsencode(text), spec)
    try:
        return _from_json(_parse(text, repr(text)), spec)
    except json.JSONDecodeError as error:
        if spec is not None and strings:
            return _one_string(os.fsencode(text), spec)
        wanted = "inputs" if spec is None else f"input {spec.name!r}, which is {spec},"
        raise InvalidInput(
            f"{wanted} must be JSON, and {text!r} is not: {error}",
            hint="a file is written as @FILE",
        ) from None


def _from_json(value: Any, spec: TensorSpec | None) -> Any:
    if spec is not None and spec.dtype == STRING and isinstance(value, str | bytes):
        try:
            return _one_string(value if isinstance(value, bytes) else value.encode(), spec)
        except UnicodeEncodeError as error:
            raise InvalidInput(f"input {spec.name!r} is not Unicode: {error}") from None
    return value


def _one_string(data: bytes, spec: TensorSpec) -> npt.NDArray[np.object_]:
    """A lone string; a batch of one where the input has a batch, as a lone picture is."""
    array = np.empty(1, object)
    array[0] = data
    return array.reshape((1,) * string_rank(spec))


# Files.


def _read_file(name: str, spec: TensorSpec | None) -> Any:
    path = Path(name)
    kind = path.suffix.lower()
    if kind in _PICTURES:
        return Image(path)
    try:
        if name == _STDIN:
            return _from_json(_parse(sys.stdin.buffer.read(), "standard input"), spec)
        if kind == ".json":
            return _from_json(_parse(path.read_bytes(), name), spec)
        if kind == ".npy":
            with path.open("rb") as file:
                return np.lib.format.read_array(file, allow_pickle=False)
        data = path.read_bytes()
    except InvalidInput:
        raise
    except (OSError, ValueError, MemoryError) as error:
        raise InvalidInput(f"cannot read {name}: {error}") from error
    if spec is None or spec.dtype != STRING:
        raise InvalidInput(
            f"{name} is no .json, .npy, .npz or picture, and its bytes could only be a string",
            hint="put a NAME= before the @",
        )
    return _one_string(data, spec)


def _read_npz(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, TypeError, MemoryError, EOFError, zipfile.BadZipFile) as error:
        raise InvalidInput(f"cannot read {path}: {error}") from error


# JSON, without what Python's parser would pass over in silence.


def _parse(text: str | bytes, where: str) -> Any:
    """The value that JSON text holds.

    Raises:
        json.JSONDecodeError: it is no JSON.
        InvalidInput: it is, but says what no value can be.
    """
    try:
        return json.loads(text, object_pairs_hook=_object, parse_float=_float)
    except (json.JSONDecodeError, InvalidInput):
        raise
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{where} cannot be read: {error}") from error


def _object(members: list[tuple[str, Any]]) -> Any:
    made = dict(members)
    if len(made) < len(members):
        raise InvalidInput(f"a JSON object has a name twice: {[name for name, _ in members]}")
    if made.keys() == {"b64"} and isinstance(made["b64"], str):
        try:
            return base64.b64decode(made["b64"], validate=True)
        except binascii.Error as error:
            raise InvalidInput(f"bad base64: {error}") from None
    return made


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise InvalidInput(f"the number {text:.50} is too large for a float64")
    return number
