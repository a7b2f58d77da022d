"""The call in TypeScript and JavaScript, beside the generated client: it is the same in both."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tfsclient._cli.page.forms import Filled, rows_of
from tfsclient._cli.page.servers import Server
from tfsclient._codec.tensor import Tensor
from tfsclient.dtypes import STRING
from tfsclient.errors import InvalidInput
from tfsclient.results._forms import plain
from tfsclient.schema import Model, Signature

Array = npt.NDArray[Any]

_MOST: Final = 1024  # elements that are spelled out
_SAFE: Final = 1 << 53  # integers from here on are no numbers to JavaScript
_BYTES: Final = 'Uint8Array.from(atob("{}"), (c) => c.charCodeAt(0))'


def write(server: Server, model: Model, signature: Signature, filled: Filled) -> str:
    """The call as a module."""
    from tfsclient_gen.generate import plan
    from tfsclient_gen.languages.js import methods, names
    from tfsclient_gen.quoting import js_string
    from tfsclient_gen.target import Options

    run = plan(model, "ts", Options())
    found = {m.name.wire: m for m in methods.methods(run.model, run.outputs, rest_only=False)}
    method = found.get(signature.name)
    if method is None:
        raise InvalidInput("the generated client cannot call this signature")
    called, package = names.names_of(run), names.package_name([run])
    rows = rows_of(filled, signature)
    features = {f.name.wire: str(f.name.ident) for f in method.features or ()}
    examples = None if rows is None else f"[{', '.join(_example(r, features) for r in rows)}]"
    if signature.kind != "predict":
        if examples is None:
            raise InvalidInput("serialized Examples are not written as code")
        given = f"{{\n  examples: {examples},\n}}"
    else:
        idents = {f.name.wire: str(f.name.ident) for f in method.inputs}
        tensors = getattr(filled.request, "tensors", {})
        fields = [
            f"  {idents[name]}: "
            + (examples if examples is not None and filled.values.get(name) is rows else _tensor(t))
            for name, t in tensors.items()
        ]
        given = "{\n" + "".join(f"{field},\n" for field in fields) + "}"
    ref, more = filled.request.ref, ""
    if ref.version is not None:
        big = "n" if ref.version >= _SAFE else ""
        more = f", {{ version: {ref.version}{big} }}"
    elif ref.label is not None:
        more = f", {{ label: {js_string(ref.label)} }}"
    lines = [f"import {{ {called.client} }} from {js_string(f'{package}/{called.module}')};"]
    if method.grpc_only:
        lines.append(f"import {{ connect }} from {js_string(f'{package}/grpc')};")
        where = f"connect({js_string(server.target)})"
    else:
        where = str(js_string(server.rest_guess))
    lines.append("")
    if not method.grpc_only and not server.rest_known:
        lines.append("// A guess: put your server's REST port here.")
    lines.append(f"const client = new {called.client}({where}{more});")
    lines += [f"const result = await client.{method.name.ident}({given});", "console.log(result);"]
    return "\n".join(lines)


def _tensor(tensor: Tensor) -> str:
    from tfsclient_gen.languages.js.types import array as array_type

    array, dtype = tensor.array, tensor.dtype
    shape = f"[{', '.join(map(str, array.shape))}]"
    if dtype == STRING:
        items = [_string(item) for item in array.reshape(-1).tolist()]
        return f"{{ data: [{', '.join(items)}], shape: {shape} }}"
    if dtype.kind == "bool":
        data = ", ".join("true" if one else "false" for one in array.reshape(-1))
        return f"{{ data: [{data}], shape: {shape} }}"
    kind, flat = array_type(dtype), _flat(array, dtype)
    if flat.size > _MOST:
        packed = base64.b64encode(np.ascontiguousarray(flat).tobytes()).decode()
        return f"{{ data: new {kind}({_BYTES.format(packed)}.buffer), shape: {shape} }}"
    big = "n" if kind.startswith("Big") else ""
    data = ", ".join(f"{_number(one)}{big}" for one in flat)
    return f"{{ data: new {kind}([{data}]), shape: {shape} }}"


def _flat(array: Array, dtype: Any) -> Array:
    flat = np.ascontiguousarray(array.reshape(-1))
    if dtype.startswith("float8"):
        return flat.view(np.uint8)
    if dtype.kind == "complex":
        return flat.view(np.float32 if dtype == "complex64" else np.float64)
    if dtype.kind != "float" or dtype == "float64":
        values: Array = plain(flat)
        return values
    return plain(flat).astype(np.float32)


def _number(value: Any) -> str:
    if isinstance(value, np.integer):
        return str(int(value))
    text = str(value)
    return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(text, text)


def _string(item: Any) -> str:
    if isinstance(item, bytes):
        try:
            item = item.decode()
        except UnicodeDecodeError:
            return _BYTES.format(base64.b64encode(item).decode())
    return json.dumps(item)


def _example(row: Mapping[str, Any], idents: Mapping[str, str]) -> str:
    pairs = [f"{idents.get(name) or json.dumps(name)}: {_value(v)}" for name, v in row.items()]
    return f"{{ {', '.join(pairs)} }}" if pairs else "{}"


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str | bytes):
        return _string(value)
    return f"{value}n" if type(value) is int else _number(value)
