"""The call in Python, which stands alone: it runs as it is pasted."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tfsclient._calls.request import ExamplesRequest
from tfsclient._cli.page.forms import Filled, rows_of
from tfsclient._cli.page.servers import Server
from tfsclient._client.view_api import literal
from tfsclient._inputs.image import Image
from tfsclient.results._forms import plain
from tfsclient.schema import DEFAULT_SIGNATURE, Model, Signature

__all__ = ["array", "literal", "write"]

Array = npt.NDArray[Any]

_WIDTH: Final = 88
_SHORT: Final = 56  # columns of a list that stands behind a name
_MOST: Final = 1024  # elements that are spelled out; more of them are packed as bytes
_LONG: Final = 200  # bytes of a string that is not text


def write(server: Server, model: Model, signature: Signature, filled: Filled) -> str:
    """The call as a program."""
    ref, request = filled.request.ref, filled.request
    body: list[str] = []
    arguments: list[str] = [literal(ref.name)]
    rows = rows_of(filled, signature)
    examples = None if rows is None else f"[{', '.join(map(_example, rows))}]"
    if isinstance(request, ExamplesRequest):
        (given,) = filled.values.values()
        arguments.append(examples or f"[{', '.join(map(_string, given))}]")
        if signature.name != DEFAULT_SIGNATURE:
            arguments.append(f"signature={literal(signature.name)}")
    else:
        named = []
        for name, tensor in request.tensors.items():
            given = filled.values.get(name)
            if isinstance(given, Image):
                options = filled.options.get(name, {})
                body += _picture(given)
                text = f"Image({', '.join(['picture', *map(_option, options.items())])})"
            elif examples is not None and isinstance(given, list) and given is rows:
                text = examples
            else:
                text = array(tensor.array, indent=8)
            named.append(f"        {literal(name)}: {text},")
        arguments.append("{\n" + "\n".join(named) + "\n    }" if named else "{}")
        if signature is not model.pick(None) or signature.name != DEFAULT_SIGNATURE:
            arguments.append(f"signature={literal(signature.name)}")
        if request.outputs is not None:
            arguments.append(f"outputs=[{', '.join(map(literal, request.outputs))}]")
    if ref.version is not None:
        arguments.append(f"version={ref.version}")
    if ref.label is not None:
        arguments.append(f"label={literal(ref.label)}")
    inner = "".join(f"    {argument},\n" for argument in arguments)
    call = f"out = client.{signature.kind}(\n{inner})"
    text = "\n".join([*body, call])
    return "\n".join([*_head(server, text), *body, call, "print(out)"])


def _head(server: Server, text: str) -> list[str]:
    standard = ["import base64"] if "base64." in text else []
    third = ["import numpy as np"] if "np." in text else []
    names = [name for name in ("Example", "Image") if f"{name}(" in text]
    lines = [*standard, *([""] if standard else []), *third, *([""] if third else [])]
    lines += [f"from tfsclient import {', '.join(['Client', *names])}", ""]
    told = server.hidden_options
    if told:
        lines.append(f"# with the {', '.join(told)} that this page was started with")
    profile = "" if server.profile is None else f", profile={literal(server.profile)}"
    return [*lines, f"client = Client({literal(server.target)}{profile})"]


def _picture(image: Image) -> list[str]:
    packed = base64.b64encode(image.to_bytes()).decode()
    return ["picture = base64.b64decode(", *_chunks(packed, 4), ")"]


def _option(pair: tuple[str, Any]) -> str:
    name, value = pair
    if isinstance(value, Fraction):
        value = f"{value.numerator} / {value.denominator}"
    return f"{name}={value}"


def _chunks(text: str, indent: int) -> list[str]:
    return [f'{" " * indent}"{text[at : at + 76]}"' for at in range(0, len(text), 76)]


def _example(row: Mapping[str, Any] | bytes) -> str:
    if isinstance(row, bytes):
        return _string(row)
    pairs = ", ".join(f"{literal(name)}: {_value(value)}" for name, value in row.items())
    return f"Example({{{pairs}}})"


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, bytes):
        return _string(value)
    if isinstance(value, str):
        return literal(value)
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value)


def _string(item: bytes | str) -> str:
    if isinstance(item, str):
        return literal(item)
    try:
        return literal(item.decode())
    except UnicodeDecodeError:
        if len(item) < _LONG:
            return repr(item)
        return f'base64.b64decode("{base64.b64encode(item).decode()}")'


def array(given: Array, *, indent: int) -> str:
    """An expression of an array: its very values, dtype and shape."""
    if given.dtype.kind in "OSU":
        items = [_string(item) for item in given.reshape(-1).tolist()]
        if not given.size:
            return f"np.empty({given.shape}, object)"
        return _nested(items, given.shape, indent)
    values = plain(given)
    name = "bool" if values.dtype == np.bool_ else f"np.{values.dtype.name}"
    if given.size > _MOST or (not given.size and given.ndim > 1):
        memory = np.ascontiguousarray(values).tobytes()
        if not memory.strip(b"\0"):  # unlike that of -0.0
            return f"np.zeros({given.shape}, {name})"
        packed = base64.b64encode(memory).decode()
        lines = "\n".join(_chunks(packed, indent + 8))
        pad = " " * (indent + 4)
        return (
            f"np.frombuffer(\n{pad}base64.b64decode(\n{lines}\n{pad}),\n{pad}{name},\n"
            f"{' ' * indent}).reshape({given.shape})"
        )
    texts = [_number(value) for value in values.reshape(-1)]
    return f"np.array({_nested(texts, given.shape, indent)}, {name})"


def strings(given: Array, *, indent: int) -> str:
    """An expression of an array of strings as the client answers it: of bytes."""
    if not given.size:
        return f"np.empty({given.shape}, object)"
    items = [repr(item) for item in given.reshape(-1).tolist()]
    return f"np.array({_nested(items, given.shape, indent)}, object)"


def _number(value: Any) -> str:
    if isinstance(value, np.bool_):
        return str(bool(value))
    if isinstance(value, np.integer):
        return str(int(value))
    if isinstance(value, np.complexfloating):
        # The sum of its parts, such as -0-2j, may have another sign, or no name: nan+1j.
        return f"complex({_number(value.real)}, {_number(value.imag)})"
    if np.isnan(value):
        return "np.nan"
    if np.isinf(value):
        return "np.inf" if value > 0 else "-np.inf"
    return str(value)  # as few digits as identify it


def _nested(items: list[str], shape: tuple[int, ...], indent: int) -> str:
    if not shape:
        return items[0]
    step = math.prod(shape[1:])
    parts = [
        _nested(items[at * step : (at + 1) * step], shape[1:], indent + 4) for at in range(shape[0])
    ]
    line = f"[{', '.join(parts)}]"
    if "\n" not in line and len(line) <= _SHORT:
        return line
    pad = " " * (indent + 4)
    if len(shape) > 1:
        inner = "".join(f"{pad}{part},\n" for part in parts)
    else:
        inner = "".join(f"{line}\n" for line in _filled_lines(parts, pad))
    return f"[\n{inner}{' ' * indent}]"


def _filled_lines(parts: list[str], pad: str) -> list[str]:
    lines, line = [], pad
    for part in parts:
        if len(line) + len(part) + 1 > _WIDTH and line.strip():
            lines.append(line.rstrip())
            line = pad
        line += f"{part}, "
    return [*lines, line.rstrip()]
