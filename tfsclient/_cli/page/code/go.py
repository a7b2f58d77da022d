"""The call in Go, beside the generated client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from tfsclient._cli.page.forms import Filled, rows_of
from tfsclient._cli.page.servers import Server
from tfsclient._codec.tensor import Tensor
from tfsclient.dtypes import STRING
from tfsclient.errors import InvalidInput
from tfsclient.results._forms import plain
from tfsclient.schema import Model, Signature

_MOST: Final = 20_000  # elements that are spelled out
_CHECK: Final = "\tif err != nil {\n\t\tlog.Fatal(err)\n\t}"


def write(server: Server, model: Model, signature: Signature, filled: Filled) -> str:
    """The call as a program."""
    from tfsclient_gen.generate import plan
    from tfsclient_gen.languages.go import files, methods
    from tfsclient_gen.quoting import go_string
    from tfsclient_gen.target import Options

    run = plan(model, "go", Options())
    found = {m.name.wire: m for m in methods.methods(run.model, run.outputs, rest_only=False)}
    method = found.get(signature.name)
    if method is None:
        raise InvalidInput("the generated client cannot call this signature")
    package, ref = files.package_name(run.name), filled.request.ref
    rows, body = rows_of(filled, signature), ["\tctx := context.Background()"]
    options = "" if ref.version is None else f", tfs.WithVersion({ref.version})"
    options = options if ref.label is None else f", tfs.WithLabel({go_string(ref.label)})"
    body += [
        f"\tclient, err := {package}.New({go_string(server.target)}{options})",
        _CHECK,
        "\tdefer client.Close()",
    ]
    kind, types = "tfs.Example", None
    if method.features is not None:
        kind, types = f"{package}.{method.examples}", {f.name.wire: f for f in method.features}
    made = [_example(row, types) for row in rows or ()]
    inputs: list[str] = []
    if signature.kind != "predict":
        if rows is None:
            raise InvalidInput("serialized Examples are not written as code")
        inputs.append(f"\t\tExamples: []{kind}{{{', '.join(made)}}},")
    else:
        tensors: Mapping[str, Tensor] = getattr(filled.request, "tensors", {})
        fields = {t.name.wire: t for t in method.inputs}
        for name, tensor in tensors.items():
            if rows is not None and filled.values.get(name) is rows:
                listed = ", ".join(f"{kind}{one}" for one in made)
                body += [f"\texamples, err := tfs.MarshalExamples({listed})", _CHECK]
                text = "examples"
            else:
                text = _tensor(tensor, str(fields[name].type))
            inputs.append(f"\t\t{fields[name].name.ident}: {text},")
    head = f"client.{method.name.ident}(ctx, {package}.{method.name.ident}Input{{"
    body += [f"\tout, err := {head}", *inputs, "\t})", _CHECK]
    if signature.kind == "predict":
        body += [
            f'\tfmt.Printf("{t.name.ident}: {t.verb} %v\\n", out.{t.name.ident}.Data, '
            f"out.{t.name.ident}.Shape)"
            for t in method.outputs
        ]
    else:
        body.append("\tfmt.Println(out)")
    text = "\n".join(body)
    standard = ["context", "fmt", "log", *(["math"] if "math." in text else [])]
    own = [f"models/{package}", *(["models/tfs"] if "tfs." in text else [])]
    imports = [*(f'\t"{one}"' for one in standard), "", *(f"\t{go_string(one)}" for one in own)]
    head = "\n".join(["package main", "", "import (", *imports, ")", "", "func main() {"])
    return f"{head}\n{text}\n}}"


def _tensor(tensor: Tensor, type_: str) -> str:
    array, dtype = tensor.array, tensor.dtype
    if dtype.kind == "complex" and array.size:
        values = [_complex(one, type_) for one in array.reshape(-1)]
    elif dtype == STRING:
        values = [_string(item) for item in array.reshape(-1).tolist()]
    elif dtype.kind == "bool":
        values = ["true" if one else "false" for one in array.reshape(-1)]
    elif dtype.startswith("float8"):
        values = [str(int(one)) for one in np.ascontiguousarray(array).reshape(-1).view(np.uint8)]
    else:
        kind = "float64" if dtype == "float64" else "float32"
        values = [_number(one, kind) for one in plain(array).reshape(-1)]
        if dtype in ("float16", "bfloat16"):
            to = "tfs.ToFloat16" if dtype == "float16" else "tfs.ToBFloat16"
            values = [f"{to}({one})" for one in values]
    if len(values) > _MOST:
        raise InvalidInput(f"{len(values):,} values are too many to be read as Go")
    if array.ndim == 0:
        return f"tfs.Scalar[{type_}]({values[0]})"
    shape = [] if array.ndim == 1 else [str(size) for size in array.shape]
    data = f"[]{type_}{{{', '.join(values)}}}"
    return f"tfs.NewTensor({', '.join([data, *shape])})"


def _complex(value: Any, type_: str) -> str:
    text = f"complex({_number(value.real, 'float64')}, {_number(value.imag, 'float64')})"
    return f"complex64({text})" if type_ == "complex64" and "math." in text else text


def _number(value: Any, kind: str) -> str:
    """A constant; of what Go has no constants, an expression of this type."""
    if isinstance(value, np.integer):
        return str(int(value))
    text = str(value)
    no_constants = {
        "nan": "math.NaN()",
        "inf": "math.Inf(1)",
        "-inf": "math.Inf(-1)",
        "-0.0": "math.Copysign(0, -1)",  # the constant -0.0 is 0
    }
    if text not in no_constants:
        return text
    return no_constants[text] if kind == "float64" else f"{kind}({no_constants[text]})"


def _string(item: Any) -> str:
    from tfsclient_gen.quoting import go_string

    if isinstance(item, bytes):
        try:
            item = item.decode()
        except UnicodeDecodeError:
            return '"' + "".join(f"\\x{byte:02x}" for byte in item) + '"'
    return str(go_string(item))


def _example(row: Mapping[str, Any], types: Mapping[str, Any] | None) -> str:
    from tfsclient_gen.quoting import go_string

    pairs = []
    for name, value in row.items():
        items = list(value) if isinstance(value, list | tuple) else [value]
        texts = [
            _string(one) if isinstance(one, str | bytes) else _number(one, "float32")
            for one in items
        ]
        if types is None:
            text = isinstance(items[0], str | bytes) if items else False
            whole = all(type(one) is int for one in items)
            make = "Strings" if text else "Ints" if whole else "Floats"
            pairs.append(f"{go_string(name)}: tfs.{make}({', '.join(texts)})")
            continue
        feature = types[name]
        type_ = str(feature.type)
        if type_.startswith("[]"):
            pairs.append(f"{feature.name.ident}: {type_}{{{', '.join(texts)}}}")
        elif type_.startswith("*"):
            pairs.append(f"{feature.name.ident}: tfs.Ptr({type_[1:]}({texts[0]}))")
        else:
            pairs.append(f"{feature.name.ident}: {texts[0]}")
    return f"{{{', '.join(pairs)}}}"
