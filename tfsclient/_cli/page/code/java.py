"""The call in Java, beside the generated client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from tfsclient._cli.page.forms import Filled, rows_of
from tfsclient._cli.page.servers import Server
from tfsclient._codec.tensor import Tensor
from tfsclient.dtypes import STRING
from tfsclient.errors import InvalidInput
from tfsclient.schema import Model, Signature

_MOST: Final = 7000  # elements that are spelled out: a method has 64 KB of bytecode
_SIGNED: Final = {"byte": np.int8, "short": np.int16, "int": np.int32, "long": np.int64}
_SUFFIX: Final = {"float": "f", "double": "", "long": "L", "int": ""}


def write(server: Server, model: Model, signature: Signature, filled: Filled) -> str:
    """The call as a program."""
    from tfsclient_gen.generate import plan
    from tfsclient_gen.languages.java import files, methods
    from tfsclient_gen.quoting import java_string
    from tfsclient_gen.target import Options

    run = plan(model, "java", Options())
    name, package = files.client_name(run.name), files.package_name(run.name)
    found = methods.methods(run.model, f"{name}Fake", run.outputs, rest_only=False)
    method = next((m for m in found if m.name.wire == signature.name), None)
    if method is None:
        raise InvalidInput("the generated client cannot call this signature")
    rows, ref = rows_of(filled, signature), filled.request.ref
    examples = [_example(row, method, signature) for row in rows or ()]
    if signature.kind != "predict":
        if rows is None:
            raise InvalidInput("serialized Examples are not written as code")
        listed = ",\n              ".join(examples)
        given = f"{method.type}Input.of(\n              {listed})"
    else:
        tensors: Mapping[str, Tensor] = getattr(filled.request, "tensors", {})
        if sum(tensor.array.size for tensor in tensors.values()) > _MOST:
            raise InvalidInput(f"more than {_MOST:,} values are too many to be read as Java")
        fields = {t.name.wire: t for t in method.inputs}
        set_ = []
        for wire, tensor in tensors.items():
            field, text = fields[wire], f"StringTensor.ofExamples({', '.join(examples)})"
            if rows is None or filled.values.get(wire) is not rows:
                text = _tensor(tensor, str(field.type))
            set_.append(f"\n              .{field.name.ident}({text})")
        given = f"{method.type}Input.builder(){''.join(set_)}\n              .build()"
    call = f"client.{method.name.ident}(\n          {given})"
    if signature.kind == "predict":
        body = [f"      {method.type}Result result = {call};"]
        body += [
            f'      System.out.println("{t.name.ident}: " + result.{t.name.ident}());'
            for t in method.outputs
        ]
    else:
        shown = f"Arrays.toString({call})" if signature.kind == "regress" else call
        body = [f"      System.out.println({shown});"]
    options = "" if ref.version is None else f", options -> options.version({ref.version}L)"
    if ref.label is not None:
        options = f", options -> options.label({java_string(ref.label)})"
    opened = f"{name}Client.open({java_string(server.target)}{options})"
    imports = [
        *(["import java.util.Arrays;"] if signature.kind == "regress" else []),
        f"import models.{package}.*;",
        f"import models.{package}.{name}Client;",
        "import models.tfs.*;",
    ]
    head = ["class Main {", "  public static void main(String[] args) {"]
    head.append(f"    try ({name}Client client = {opened}) {{")
    return "\n".join([*imports, "", *head, *body, "    }", "  }", "}"])


def _tensor(tensor: Tensor, type_: str) -> str:
    from tfsclient_gen.languages.java.types import element

    array, dtype = tensor.array, tensor.dtype
    flat = np.ascontiguousarray(array).reshape(-1)
    kind = element(dtype)
    if dtype == STRING:
        kind, values = _strings(flat.tolist())
    elif kind == "boolean":
        values = ["true" if one else "false" for one in flat]
    elif dtype.kind == "complex":
        values = [_number(part, kind) for one in flat for part in (one.real, one.imag)]
    elif kind in _SIGNED:
        as_bits = "float" in dtype
        bits = flat.view(f"u{flat.dtype.itemsize}") if as_bits else flat.astype(object)
        width = np.dtype(_SIGNED[kind]).itemsize * 8
        values = [_integer(int(one), kind, width) for one in bits]
    else:
        values = [_number(one, kind) for one in flat]
    if array.ndim == 0 and dtype != STRING:
        return f"{type_}.scalar({', '.join(values)})"
    given = f"new {kind}[] {{{', '.join(values)}}}"
    if kind == "byte[]":
        given = f"new byte[][] {{{', '.join(values)}}}"
    shape = array.shape
    if array.ndim == 1 and dtype != STRING:
        return f"{type_}.of({given})"
    if array.ndim == 0:
        return f"{type_}.of({given}, new long[0])"
    return f"{type_}.of({', '.join([given, *(f'{size}' for size in shape)])})"


def _integer(value: int, kind: str, width: int) -> str:
    """A number in the signed type that is as wide."""
    signed = value - (1 << width) if value >= 1 << (width - 1) else value
    if kind in ("byte", "short"):
        return f"{signed}"
    return f"{signed}{_SUFFIX[kind]}"


def _number(value: Any, kind: str) -> str:
    of = "Float" if kind == "float" else "Double"
    text = str(value)
    ends = {"nan": "NaN", "inf": "POSITIVE_INFINITY", "-inf": "NEGATIVE_INFINITY"}
    return f"{of}.{ends[text]}" if text in ends else f"{text}{_SUFFIX[kind]}"


def _strings(items: Sequence[Any]) -> tuple[str, list[str]]:
    """The type of an element, and texts; the bytes of all where one is not a text."""
    from tfsclient_gen.quoting import java_string

    try:
        texts = [one.decode() if isinstance(one, bytes) else str(one) for one in items]
        return "String", [str(java_string(one)) for one in texts]
    except UnicodeDecodeError:
        encoded = [one if isinstance(one, bytes) else str(one).encode() for one in items]
        return "byte[]", [
            f"{{{', '.join(str(byte - 256 if byte > 127 else byte) for byte in one)}}}"
            for one in encoded
        ]


def _example(row: Mapping[str, Any], method: Any, signature: Signature) -> str:
    from tfsclient_gen.quoting import java_string

    idents = {f.name.wire: f.name.ident for f in method.features or ()}
    specs = signature.features or {}
    made = f"{method.examples}.builder()"
    for name, value in row.items():
        items = list(value) if isinstance(value, list | tuple) else [value]
        if any(isinstance(one, str | bytes) for one in items):
            verb, (kind, values) = "strings", _strings(items)
            if kind == "byte[]":
                values = [f"new byte[] {one}" for one in values]
        else:
            dtype = specs[name].dtype if name in specs else None
            whole = dtype == "int64" or (dtype is None and all(type(one) is int for one in items))
            verb = "ints" if whole else "floats"
            kind = "long" if whole else "float"
            values = [_number(int(one) if whole else np.float32(one), kind) for one in items]
        if name in idents:
            made += f".{idents[name]}({', '.join(values)})"
        else:
            made += f".{verb}({', '.join([str(java_string(name)), *values])})"
    return f"{made}.build()"
