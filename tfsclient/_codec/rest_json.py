"""Tensors to TF Serving's JSON and back.

Always column form (``inputs`` / ``outputs``): it alone has room for scalars, empty batches and
inputs of different lengths.  orjson handles the numbers; it silently writes NaN and infinities as
null, so arrays with those go through the standard library, whose dialect is the server's.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from tfsclient._codec.example import Content, decode_example
from tfsclient._codec.nested import object_array
from tfsclient._codec.tensor import Tensor
from tfsclient.dtypes import STRING, DType
from tfsclient.errors import (
    REDEPLOYED,
    USE_GRPC,
    DecodeError,
    Internal,
    InvalidInput,
    cannot_send,
    missing_outputs,
    shown,
)
from tfsclient.schema import TensorSpec

Array = npt.NDArray[Any]

_FLOAT32 = DType("float32")

_BYTES_SUFFIX = "_bytes"  # outputs with such names, and no others, come in base64
_EXCERPT = 120  # bytes
_BASE64 = "b64"  # the only member of an object that stands for bytes


def encode_predict(inputs: Mapping[str, Tensor], signature: str | None) -> bytes:
    """The body of a predict request in column form.

    Raises:
        Unimplemented: a tensor has no JSON form that the server reads.
    """
    _check_some(inputs)
    lone = inputs.get(_BASE64) if len(inputs) == 1 else None
    if lone is not None and lone.dtype == STRING and not lone.array.ndim:
        values = _encode(_BASE64, lone)  # by name, the server would take this text for base64
    else:
        values = encode_columns(inputs)
    return _object([*_signature_name(signature), b'"inputs":' + values])


def encode_predict_rows(inputs: Mapping[str, Tensor], signature: str | None) -> bytes:
    """The body of a predict request in row form: a lone input's values, or objects of several.

    Raises:
        Unimplemented: a tensor has no JSON form that the server reads.
        InvalidInput: the inputs do not share a first dimension, or it is 0.
    """
    _check_some(inputs)
    rows = {t.array.shape[0] if t.array.ndim else 0 for t in inputs.values()}
    if len(rows) != 1 or 0 in rows:
        shapes = ", ".join(f"{name} {t.array.shape}" for name, t in inputs.items())
        raise InvalidInput(f"the inputs have no rows in common: {shapes}")
    if len(inputs) == 1:
        (values,) = (_encode(name, tensor) for name, tensor in inputs.items())
    else:
        each = [
            encode_columns({n: Tensor(t.dtype, t.array[i, ...]) for n, t in inputs.items()})
            for i in range(rows.pop())
        ]
        values = b"[" + b",".join(each) + b"]"
    return _object([*_signature_name(signature), b'"instances":' + values])


def _check_some(inputs: Mapping[str, Tensor]) -> None:
    if not inputs:
        raise cannot_send(
            "TF Serving cannot call a signature without inputs over REST", hint=USE_GRPC
        )


def _signature_name(signature: str | None) -> list[bytes]:
    return [b'"signature_name":' + orjson.dumps(signature)] if signature else []


def _object(members: Iterable[bytes]) -> bytes:
    return b"{" + b",".join(members) + b"}"


def encode_columns(inputs: Mapping[str, Tensor]) -> bytes:
    """An object of the inputs by name.

    Raises:
        Unimplemented: a tensor has no JSON form that the server reads.
    """
    return _object(orjson.dumps(name) + b":" + _encode(name, t) for name, t in inputs.items())


def _encode(name: str, tensor: Tensor) -> bytes:
    array = tensor.array
    if not tensor.dtype.rest:
        raise cannot_send(
            f"input {name!r} is {tensor.dtype}, which has no form in TF Serving's JSON",
            hint=USE_GRPC,
        )
    if 0 in array.shape[:-1]:
        raise cannot_send(
            f"input {name!r} has shape {array.shape}; JSON cannot express what follows a zero",
            hint=USE_GRPC,
        )
    if tensor.dtype == STRING:
        return orjson.dumps(object_array(array, string_to_json).tolist())
    return _numbers(array)


def _numbers(array: Array) -> bytes:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return json.dumps(array.tolist(), separators=(",", ":")).encode()
    native = array.dtype.newbyteorder("=")
    value = np.ascontiguousarray(array, native) if array.ndim else array[()]
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def string_to_json(item: bytes) -> str | dict[str, str]:
    """Text as it is, other bytes in base64."""
    try:
        return item.decode()
    except UnicodeDecodeError:
        return {_BASE64: base64.b64encode(item).decode()}


def example_to_json(content: Content) -> bytes:
    """An Example's JSON object.

    The server reads the kind of each feature from its literals, so floats always have a point or an
    exponent.  An empty list has no kind: there the feature is missing.

    Raises:
        DecodeError: the bytes are not a serialized ``tensorflow.Example``.
    """
    return _object(
        orjson.dumps(name) + b":" + _feature_to_json(*values)
        for name, values in decode_example(content).items()
    )


def _feature_to_json(dtype: DType, values: Any) -> bytes:
    if dtype == STRING:
        return orjson.dumps([string_to_json(value) for value in values])
    return _numbers(np.asarray(values, dtype.numpy))


def encode_examples(
    examples: Sequence[Content], context: Content | None, signature: str | None
) -> bytes:
    """The body of a classify or regress request.

    Raises:
        InvalidInput: bytes that came as an example are not one; the text says which.
    """
    members = _signature_name(signature)
    if context is not None:
        members.append(b'"context":' + _named_example("the context", context))
    each = (_named_example(f"example {n}", content) for n, content in enumerate(examples))
    members.append(b'"examples":[' + b",".join(each) + b"]")
    return _object(members)


def _named_example(what: str, content: Content) -> bytes:
    try:
        return example_to_json(content)
    except DecodeError as error:
        raise InvalidInput(f"{what}: {error.details}") from error


def loads(body: bytes) -> Any:
    """Parse an answer: JSON, or the server's wider dialect with NaN, Infinity and raw bytes.

    Raises:
        DecodeError: it is neither.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        # Strings that are not UTF-8 come as raw bytes; surrogates carry them through.
        return json.loads(body.decode("utf-8", "surrogateescape"), parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"the answer is not JSON: {excerpt(body)}") from error


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):  # infinity itself is written as a word
        raise DecodeError(f"the answer holds {shown(number)}, which is beyond float64")
    return value


def decode_predict(
    body: bytes, specs: Mapping[str, TensorSpec], wanted: Sequence[str] | None
) -> dict[str, Array]:
    """The outputs of a predict answer in column form.

    Args:
        body: the JSON text.
        specs: all outputs that the signature declares; the answer does not say their dtypes.
        wanted: the outputs to return; None for all.

    Raises:
        DecodeError: the text is not such an answer, or it does not fit the declared outputs.
    """
    answer = loads(body)
    if not isinstance(answer, dict) or "outputs" not in answer:
        raise DecodeError(f"the answer has no 'outputs': {excerpt(body)}")
    return pick_outputs(answer["outputs"], specs, wanted)


def pick_outputs(
    outputs: Any, specs: Mapping[str, TensorSpec], wanted: Sequence[str] | None
) -> dict[str, Array]:
    """The outputs in an object of them by name, or the lone output that comes without a name.

    Args:
        outputs: what came, parsed.
        specs: all outputs that the signature declares.
        wanted: the outputs to return; None for all.

    Raises:
        DecodeError: it does not fit the declared outputs.
    """
    names = list(specs if wanted is None else wanted)
    if not isinstance(outputs, dict) or _is_base64(outputs):  # a lone output comes without a name
        if len(specs) != 1:
            raise DecodeError(
                f"the answer holds one output without a name, but the signature has {len(specs)}: "
                f"{', '.join(specs)}",
                hint=REDEPLOYED,
            )
        outputs = dict.fromkeys(specs, outputs)
    if not outputs.keys() >= set(names):
        raise missing_outputs(names, outputs)
    return {name: _decode(outputs[name], specs[name]) for name in names}


def decode_predictions(
    body: bytes, specs: Mapping[str, TensorSpec], wanted: Sequence[str] | None
) -> dict[str, Array]:
    """The outputs of an answer in row form: a lone output's values, or an object for each row.

    Some servers put objects of columns there, too.  Arguments and errors are those of
    :func:`decode_predict`.
    """
    answer = loads(body)
    if not isinstance(answer, dict) or "predictions" not in answer:
        check_error(answer, {})
        raise DecodeError(f"the answer has no 'predictions': {excerpt(body)}")
    rows = answer["predictions"]
    if isinstance(rows, list) and rows and all(map(_is_row, rows)):
        if any(row.keys() != rows[0].keys() for row in rows):
            raise DecodeError(f"the rows of the answer differ in their outputs: {excerpt(body)}")
        rows = {name: [row[name] for row in rows] for name in rows[0]}
    return pick_outputs(rows, specs, wanted)


def _is_row(value: Any) -> bool:
    return isinstance(value, dict) and not _is_base64(value)


def check_error(answer: Any, specs: Mapping[str, TensorSpec]) -> None:
    """Refuse ``{"error": text}``, which some servers answer with a status of 200.

    Raises:
        Internal: it is that, and not an output of that name.
    """
    if isinstance(answer, dict) and isinstance(answer.get("error"), str) and "error" not in specs:
        raise Internal(f"the server answered an error as if all was well: {answer['error']}")


def excerpt(body: bytes) -> str:
    """The start of an answer, for an error."""
    text = " ".join(body[:_EXCERPT].decode("utf-8", "replace").split())
    return repr(text) + ("..." if len(body) > _EXCERPT else "")


def decode_classify(body: bytes, count: int) -> list[list[tuple[str, float]]]:
    """Labels with scores for each of ``count`` examples.

    Raises:
        DecodeError: the text is not such an answer.
    """
    results = _results(body, count)
    try:
        return [[_class(label, score) for label, score in classes] for classes in results]
    except (ValueError, TypeError) as error:
        raise DecodeError(f"the answer is not a classification: {error}") from error


def _class(label: Any, score: Any) -> tuple[str, float]:
    if not isinstance(label, str):
        raise TypeError(f"{shown(label)} is not a label")
    number = _decode_numbers(score, _FLOAT32)
    if number.ndim:
        raise TypeError(f"{shown(score)} is not a score")
    return label, float(number)  # as gRPC gives it


def decode_regress(body: bytes, count: int) -> npt.NDArray[np.float32]:
    """A float32 for each of ``count`` examples.

    Raises:
        DecodeError: the text is not such an answer.
    """
    results = _results(body, count)
    try:
        values = _decode_numbers(results, _FLOAT32)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise DecodeError(f"the answer is not a regression: {error}") from error
    if values.shape != (count,):
        raise DecodeError(f"the answer is not a regression: it has shape {values.shape}")
    return values


def _results(body: bytes, count: int) -> list[Any]:
    answer = loads(body)
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list):
        raise DecodeError("the answer has no list of 'results'")
    if len(results) != count:
        raise DecodeError(f"{len(results)} results came for {count} examples")
    return results


def _decode(value: Any, spec: TensorSpec) -> Array:
    try:
        if spec.dtype == STRING:
            encoded = spec.name.endswith(_BYTES_SUFFIX)
            array: Array = object_array(value, _from_base64 if encoded else _from_text)
        else:
            array = _decode_numbers(value, spec.dtype)
        return array if array.size else _completed(array, spec.shape)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise DecodeError(
            f"output {spec.name!r} does not hold a {spec.dtype} tensor: {error}"
        ) from error


def _completed(array: Array, declared: tuple[int, ...] | None) -> Array:
    """An array without elements, with the dimensions that JSON leaves out: those after a 0."""
    known = array.shape
    missing = () if declared is None else declared[len(known) :]
    return array.reshape(*known, *(max(size, 0) for size in missing))


def _decode_numbers(value: Any, dtype: DType) -> Array:
    array = np.array(value)
    if dtype.kind == "float":
        wanted = array.dtype.kind in "fiu" or array.size == 0
    elif dtype.kind == "bool":
        wanted = array.dtype.kind == "b" or array.size == 0
    else:
        # Above int64, numpy reads lists of mixed sizes as floats; read them once more as they are.
        wanted = array.dtype.kind in "iu" or array.size == 0
        if array.dtype.kind in "fO" and array.size:
            array = np.array(value, dtype=object)
            wanted = all(type(item) is int for item in array.reshape(-1))
    if not wanted:
        if array.dtype == object and any(item is None for item in array.reshape(-1)):
            raise ValueError("it holds null, which some servers write for NaN and infinities")
        raise ValueError(f"it holds {array.dtype}")
    if array.size and dtype.kind == "int":
        info = np.iinfo(dtype.numpy)
        if int(array.min()) < info.min or int(array.max()) > info.max:
            raise ValueError(f"{array.min()}..{array.max()} does not fit")
    try:
        with np.errstate(over="raise"):
            return array.astype(dtype.numpy)
    except FloatingPointError:
        raise ValueError(f"it holds a number beyond {dtype}") from None


def _from_text(item: Any) -> bytes:
    if not isinstance(item, str):
        raise TypeError(f"{shown(item)} is not a string")
    return item.encode("utf-8", "surrogateescape")


def _from_base64(item: Any) -> bytes:
    if not _is_base64(item):
        raise TypeError(f"{shown(item)} is not a base64 object")
    try:
        return base64.b64decode(item[_BASE64], validate=True)
    except binascii.Error as error:
        raise ValueError(f"bad base64: {error}") from error


def _is_base64(item: Any) -> bool:
    """Whether this stands for bytes."""
    return isinstance(item, dict) and item.keys() == {_BASE64} and isinstance(item[_BASE64], str)
