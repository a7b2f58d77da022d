r"""What stands in the form, as inputs that were checked: or a refusal for each field.

A field says how it was filled:

    {"mode": "cells", "rows": [["1", "2"]]}                a text for each element
    {"mode": "json", "text": "[[1, 2]]"}                   JSON
    {"mode": "csv", "text": "x.0,x.1\n1,2"}                 CSV
    {"mode": "text", "text": "hello"}                      a string as it is
    {"mode": "file", "files": [{"name": "a.png", "b64": "..."}], "scale": "1/255"}
                                                           or "base64url": true, for strings
    {"mode": "features", "rows": [{"age": "3"}]}           tf.Examples, a text for each feature
    {"mode": "fill", "with": "zeros", "sizes": [1, 224, 224, 3]}

The readers are those of the command line.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import io
import math
import re
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

import numpy as np

from tfsclient._calls.request import (
    ExamplesRequest,
    PredictRequest,
    build_classify,
    build_predict,
    build_regress,
)
from tfsclient._cli.inputs import Content, Source, read_one, read_whole
from tfsclient._cli.inputs.cells import feature_reader, scalar_reader
from tfsclient._cli.inputs.sources import PICTURES
from tfsclient._cli.main import without_python
from tfsclient._cli.page.describe import takes_examples
from tfsclient._cli.page.guard import LARGEST
from tfsclient._codec.model_ref import ModelRef
from tfsclient._inputs.image import Image
from tfsclient.errors import InvalidInput, TFSError, shown
from tfsclient.schema import Signature, TensorSpec

Field = Mapping[str, Any]
Request = PredictRequest | ExamplesRequest

_MOST_FILLED: Final = 1 << 24  # elements
_SCALE: Final = re.compile(r"[-+]?[0-9.]{1,30}(e[-+]?[0-9]{1,3}|/[0-9]{1,30})?")  # no 10 ** 10 ** 9
_WHOLE: Final = ""  # the field that stands for all inputs


class Refusal(InvalidInput):
    """Inputs that do not fit; nothing was sent.

    Attributes:
        fields: what is wrong, by the input's name; "" stands for all of them.
    """

    fields: dict[str, str]

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Refusal:
        """The refusal of these fields."""
        refusal = cls("; ".join(fields.values()))
        refusal.fields = dict(fields)
        return refusal


@dataclass(frozen=True)
class Filled:
    """A form as it was read.

    Attributes:
        request: what it asks for.
        values: the inputs as they were given, by name: pictures and Examples are still those.
        options: how pictures are made to fit, by the input's name, as keyword arguments of Image.
    """

    request: Request
    values: Mapping[str, Any]
    options: Mapping[str, Mapping[str, Any]] = dataclasses.field(
        default_factory=dict[str, Mapping[str, Any]]
    )


def fill(
    ref: ModelRef, signature: Signature, inputs: Mapping[str, Field], whole: Field | None
) -> Filled:
    """The request that a form asks for.

    Args:
        ref: which model, and which version of it.
        signature: what is called.
        inputs: a field for each input; one that is left out is left to the model's default.
        whole: one field for all inputs; it stands in place of the others.

    Raises:
        Refusal: a field cannot be read, or does not fit.
    """
    if whole is not None:
        values, refused = _whole(whole, signature)
    else:
        values, refused = _each(inputs, signature)
    if refused:
        raise Refusal.of(refused)
    options = {name: _options(field) for name, field in inputs.items()}
    return replace(again(ref, signature, values), options=options)


def again(ref: ModelRef, signature: Signature, values: Mapping[str, Any]) -> Filled:
    """The request for inputs that were read.

    Raises:
        Refusal: one does not fit.
    """
    if signature.kind != "predict":
        return _examples(ref, signature, values)
    part = signature.callable_part() or signature
    fitted: dict[str, Any] = {}
    refused: dict[str, str] = {}
    for name, value in values.items():
        spec = part.inputs.get(name)
        if spec is None:
            fitted[name] = value  # the check of names knows what comes close
            continue
        try:
            fitted[name] = _fitted(ref, part, spec, value)
        except InvalidInput as error:
            refused[name] = _plain(error, name)
    if refused:
        raise Refusal.of(refused)
    outputs = None if part is signature else list(part.outputs)
    try:
        request = build_predict(
            ref.name,
            fitted,
            signature=signature,
            version=ref.version,
            label=ref.label,
            outputs=outputs,
        )
    except InvalidInput as error:
        raise Refusal.of({_WHOLE: error.details}) from error
    return Filled(request, {name: _with_floats(value, signature) for name, value in values.items()})


def _plain(error: TFSError, name: str) -> str:
    """What is wrong with a field, beside which it will stand, without advice for Python."""
    return without_python(error.details.removeprefix(f"input {name!r} "))


def _fitted(ref: ModelRef, signature: Signature, spec: TensorSpec, value: Any) -> Any:
    """One input, checked alone."""
    alone = replace(
        signature,
        inputs={spec.name: spec},
        defaults=frozenset[str](),
        same_tensors=(),
        example_input=spec.name if spec.name == signature.example_input else None,
    )
    request = build_predict(ref.name, {spec.name: value}, signature=alone)
    return request.tensors[spec.name].array


def _each(
    inputs: Mapping[str, Field], signature: Signature
) -> tuple[dict[str, Any], dict[str, str]]:
    values: dict[str, Any] = {}
    refused: dict[str, str] = {}
    for name, field in inputs.items():
        spec = signature.inputs.get(name)
        try:
            if spec is None:
                raise InvalidInput("the model has no such input any more: reload the page")
            values[name] = _read(field, spec, signature)
        except TFSError as error:
            refused[name] = _plain(error, name)
    for name, spec in signature.inputs.items():
        if name not in inputs and spec.name not in signature.defaults:
            refused[name] = "is missing"
    return values, refused


def _whole(field: Field, signature: Signature) -> tuple[dict[str, Any], dict[str, str]]:
    try:
        read = read_whole(_content(field), signature)
    except TFSError as error:
        return {}, {_WHOLE: error.details}
    if isinstance(read, Mapping):
        return dict(read), {}
    if len(signature.inputs) == 1:
        return {next(iter(signature.inputs)): read}, {}
    return {}, {_WHOLE: f"names no inputs; they are {', '.join(signature.inputs)}"}


def _read(field: Field, spec: TensorSpec, signature: Signature) -> Any:
    mode = field.get("mode")
    if mode == "cells":
        return _cells(field.get("rows"), spec)
    if mode == "features":
        return _rows(field.get("rows"), signature)
    if mode == "fill":
        return _filled(field, spec)
    if mode == "file":
        files = field.get("files")
        if not isinstance(files, list) or not files:
            raise InvalidInput("there is no file: drop, paste or choose one")
        sources = [_file(one) for one in files]
        if len(sources) > 1:
            if not all(source.kind in PICTURES for source in sources):
                raise InvalidInput("several files can only be pictures, one for each row")
            return [_image(source, field) for source in sources]
        if field.get("base64url"):
            return _image(sources[0], field)
    return read_one(_content(field), spec, signature)


def _content(field: Field) -> Content:
    mode, text = field.get("mode"), field.get("text", "")
    if mode == "file":
        files = field.get("files")
        if not isinstance(files, list) or len(files) != 1:
            raise InvalidInput("give one file")
        source = _file(files[0])
        return Content(source.name, "", source, _scale(field))
    suffix = {"json": ".json", "csv": ".csv", "text": ".bin"}.get(str(mode))
    if suffix is None or not isinstance(text, str):
        raise InvalidInput(f"a field cannot be of mode {shown(mode)}")
    name = {"json": "the text", "csv": "the table", "text": "the text"}[str(mode)]
    try:
        return Content(name, "", Source(name, suffix, text.encode()))
    except UnicodeEncodeError as error:
        raise InvalidInput(f"the text is not Unicode: {error}") from None


def _file(file: Any) -> Source:
    name, encoded = (file.get("name"), file.get("b64")) if isinstance(file, Mapping) else ("", "")
    if not isinstance(name, str) or not isinstance(encoded, str):
        raise InvalidInput("the file did not arrive")
    dot = name.rfind(".")
    try:
        data = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise InvalidInput(f"{name} did not arrive whole") from None
    if name.lower().endswith(".npz") and _unpacked(data) > LARGEST:
        raise InvalidInput(f"{name} holds more than {LARGEST >> 20} MiB when it is unpacked")
    return Source(name or "the file", name[dot:].lower() if dot >= 0 else ".bin", data)


def _unpacked(archive: bytes) -> int:
    """How many bytes it holds; 0 if it is broken, which its reader explains."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as read:
            return sum(part.file_size for part in read.infolist())
    except Exception:  # noqa: BLE001 - zipfile raises anything
        return 0


def _scale(field: Field) -> float | None:
    text = field.get("scale")
    if text in (None, "", "1"):
        return None
    found = _SCALE.fullmatch(str(text))
    if found:
        with suppress(ValueError, ArithmeticError):
            return float(Fraction(found[0]))
    raise InvalidInput(f"the scale {shown(text)} is not a number, such as 1/255")


def _options(field: Field) -> dict[str, Any]:
    options: dict[str, Any] = {"base64url": True} if field.get("base64url") else {}
    return options if _scale(field) is None else {**options, "scale": Fraction(field["scale"])}


def _image(source: Source, field: Field) -> Image:
    return Image(source.content, scale=_scale(field), base64url=bool(field.get("base64url")))


def _cells(rows: Any, spec: TensorSpec) -> Any:
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise InvalidInput("there are no cells")
    read = scalar_reader(spec.dtype)
    values = []
    for number, row in enumerate(rows):
        made = []
        for column, text in enumerate(row):
            try:
                made.append(read(str(text)))
            except ValueError as error:
                where = f"row {number + 1}" + (f", column {column + 1}" if len(row) > 1 else "")
                raise InvalidInput(f"{where}: {shown(text)} {error}") from None
        values.append(made)
    rank = 0 if spec.shape is None else len(spec.shape)
    if rank == 0 and spec.shape is not None:
        return values[0][0] if values and values[0] else None
    return values if rank == 2 else [one for row in values for one in row]


def _rows(rows: Any, signature: Signature) -> list[dict[str, Any]]:
    if not isinstance(rows, list) or not rows:
        raise InvalidInput("there are no Examples")
    if not all(isinstance(row, Mapping) for row in rows):
        raise InvalidInput("an Example must be an object")
    features = signature.features or {}
    made = []
    for number, row in enumerate(rows):
        example = {}
        for name, text in row.items():
            spec = features.get(name)
            if spec is None or text is None:
                continue  # left out
            try:
                picture = isinstance(text, Mapping)
                value = _file(text).read() if picture else feature_reader(spec)(str(text))
            except ValueError as error:
                reason = error.details if isinstance(error, TFSError) else error
                raise InvalidInput(
                    f"Example {number + 1}, feature {name!r}: {shown(text)} {reason}"
                ) from None
            if value is not None:
                example[name] = value
        made.append(example)
    return made


def _filled(field: Field, spec: TensorSpec) -> Any:
    sizes = field.get("sizes")
    if not isinstance(sizes, list) or not all(type(n) is int and n >= 0 for n in sizes):
        raise InvalidInput(f"the sizes {shown(sizes)} are not whole numbers from 0")
    if math.prod(sizes) > _MOST_FILLED:
        raise InvalidInput(f"{math.prod(sizes):,} values are too many to fill in")
    try:
        return _made(sizes, spec, field.get("with"))
    except ValueError as error:  # such as too many dimensions for NumPy
        raise InvalidInput(f"the sizes {shown(sizes)} cannot be filled: {error}") from None


def _made(sizes: list[int], spec: TensorSpec, what: object) -> Any:
    dtype: Any = spec.dtype.numpy
    if what == "random":
        random = np.random.default_rng(0)
        if spec.dtype.kind == "float":
            return random.random(sizes, np.float32).astype(dtype)
        return random.integers(0, 2, sizes).astype(dtype)
    return np.ones(sizes, dtype) if what == "ones" else np.zeros(sizes, dtype)


def _examples(ref: ModelRef, signature: Signature, values: Mapping[str, Any]) -> Filled:
    name = next(iter(signature.inputs))
    rows = values.get(name)
    if isinstance(rows, np.ndarray):
        rows = rows.ravel().tolist()
    if isinstance(rows, Mapping | bytes):
        rows = [rows]
    build = build_classify if signature.kind == "classify" else build_regress
    try:
        request = build(
            ref.name, rows or [], signature=signature, version=ref.version, label=ref.label
        )
    except InvalidInput as error:
        raise Refusal.of({name: error.details}) from error
    return Filled(request, {name: _with_floats(rows, signature)})


def _with_floats(value: Any, signature: Signature) -> Any:
    """The same; in Examples, 1 is 1.0 where the model wants that, which code alone may not know."""
    if not isinstance(value, list):
        return value
    features = signature.features or {}
    wanted = {name for name, spec in features.items() if spec.dtype == "float32"}
    return [
        {name: _float(one) if name in wanted else one for name, one in row.items()}
        if isinstance(row, Mapping)
        else row
        for row in value
    ]


def _float(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_float(one) for one in value]
    return float(value) if type(value) is int else value


def rows_of(filled: Filled, signature: Signature) -> list[Mapping[str, Any]] | None:
    """The Examples that were given as features; None where there are none of that form."""
    for name, value in filled.values.items():
        spec = signature.inputs.get(name)
        examples = spec is not None and takes_examples(signature, spec)
        if examples and isinstance(value, list) and all(isinstance(row, Mapping) for row in value):
            return value
    return None
