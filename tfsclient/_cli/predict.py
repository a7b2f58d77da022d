"""``tfsclient predict``: a call of a model, and its answer for people or as JSON."""

from __future__ import annotations

import json
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import orjson

from tfsclient._cli.connection import Connection, connection_options
from tfsclient._cli.inputs import read_inputs
from tfsclient._cli.main import exit_codes, visible
from tfsclient._cli.options import input_option, signature_option, version_options
from tfsclient._codec.nested import object_array
from tfsclient._codec.rest_json import string_to_json
from tfsclient.dtypes import DType
from tfsclient.results import Prediction
from tfsclient.schema import Signature

Array = npt.NDArray[Any]

_LONG = 200  # bytes


@click.command()
@click.argument("target")
@click.argument("model")
@input_option
@signature_option
@version_options
@click.option("--output", "outputs", multiple=True, help="Only this output; may be repeated.")
@connection_options()
@click.option("--json", "as_json", is_flag=True, help="The whole answer as JSON.")
def predict(
    target: str,
    model: str,
    inputs: tuple[str, ...],
    signature: str | None,
    version: int | None,
    label: str | None,
    outputs: tuple[str, ...],
    connection: Connection,
    as_json: bool,
) -> None:
    """Call MODEL on the server TARGET and print its outputs.

    VALUE is JSON, such as 3.5 or [[1, 2], [3, 4]].  For a string input it is the text itself;
    there only what starts with a quote or a bracket is tried as JSON first, so "@text" in JSON's
    quotes is a text that starts with @.  Objects {"b64": "..."} in JSON are bytes.

    FILE is an array (.npy), a picture (.png .jpg .gif .bmp .webp), JSON (.json, or - for standard
    input), or, for a string input, any other file, sent as it is.  Without a NAME, JSON may hold
    all inputs: as rows, a list of objects, or as columns, one object; and so may an .npz file.

    Example: tfsclient predict localhost:8500 digits --input images=@seven.png
    """
    with exit_codes(), connection.client(target) as client:
        spec = client.signature(model, signature, version=version, label=label)
        answer = client.predict(
            model,
            read_inputs(inputs, spec),
            signature=spec,
            version=version,
            label=label,
            outputs=outputs or None,
        )
    if as_json:
        click.echo(_to_json(answer, spec))
    else:
        _print(answer, spec)


def _print(answer: Prediction, spec: Signature) -> None:
    version = "" if answer.version is None else f" version {answer.version}"
    click.echo(visible(f"{answer.model}{version}, {answer.signature}"))
    for name, array in answer.items():
        click.echo(f"\n{visible(name)}  {_dtype(name, array, spec)} {list(array.shape)}")
        click.echo(np.array2string(array, separator=", ", formatter={"object": _short}))


def _short(item: Any) -> str:
    """A string, cut where it is too long to be looked at."""
    return repr(item) if len(item) <= _LONG else f"{item[:_LONG]!r}... ({len(item)} bytes)"


def _dtype(name: str, array: Array, spec: Signature) -> DType | None:
    """What the signature says; unless the answer shows that it lies."""
    declared = spec.outputs.get(name)
    if declared is not None and declared.dtype.sendable and declared.dtype.numpy == array.dtype:
        return declared.dtype
    return DType.of_numpy(array.dtype)


def _to_json(answer: Prediction, spec: Signature) -> bytes:
    """The answer, whole; as in TF Serving's JSON, NaN is a bare word, and bytes are base64."""
    outputs = []
    for name, array in answer.items():
        about = orjson.dumps({"dtype": _dtype(name, array, spec), "shape": array.shape})
        values = about[:-1] + b',"values":' + _values(array) + b"}"
        outputs.append(orjson.dumps(name) + b":" + values)
    head = {"model": answer.model, "version": answer.version, "signature": answer.signature}
    return orjson.dumps(head)[:-1] + b',"outputs":{' + b",".join(outputs) + b"}}"


def _values(array: Array) -> bytes:
    """Nested lists; a complex number is [real, imaginary]."""
    kind = array.dtype.kind
    if kind == "O":
        return orjson.dumps(object_array(array, string_to_json).tolist())
    if kind == "c":
        array = np.stack([np.real(array), np.imag(array)], axis=-1)
    elif array.dtype.isbuiltin != 1 or array.dtype == np.float16:  # what orjson does not know
        dtype = DType.of_numpy(array.dtype)
        array = array.astype(np.float32 if dtype and dtype.kind == "float" else np.int64)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return json.dumps(array.tolist(), separators=(",", ":")).encode()
    value = np.ascontiguousarray(array) if array.ndim else array[()]
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
