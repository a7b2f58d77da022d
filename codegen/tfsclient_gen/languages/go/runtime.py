"""The runtime of a Go client: what its signatures share, cut to what they need."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from markupsafe import Markup

from tfsclient.dtypes import STRING, DType
from tfsclient.schema import Model, Signature, TensorSpec
from tfsclient.schema._samples import is_picture
from tfsclient_gen.languages.go.types import BITS, DTYPES, WORDS, constant, go_type
from tfsclient_gen.quoting import code, go_string
from tfsclient_gen.render import Templates

_WIDTH: Final = 100
_TAB: Final = 4


def takes_pixels(spec: TensorSpec) -> bool:
    """Whether an input's shape is that of pictures: [batch, height, width] and maybe channels."""
    if spec.dtype not in ("float32", "uint8") or spec.shape is None:
        return False
    if len(spec.shape) == 4:
        return spec.shape[3] in (1, 3, 4)
    return len(spec.shape) == 3 and is_picture(TensorSpec(spec.name, DType("string"), None))


def takes_image_files(spec: TensorSpec) -> bool:
    """Whether an input wants a list of encoded pictures."""
    return is_picture(spec) and (spec.shape is None or len(spec.shape) == 1)


def view(
    model: Model,
    picked: Mapping[str, Collection[str]] = MappingProxyType({}),
    *,
    rest_only: bool,
) -> dict[str, Any]:
    """What the runtime's templates need to know of a model's signatures.

    Args:
        model: the part of it that the client can call.
        picked: what calls ask for by name, of signatures that have other outputs, too.
        rest_only: whether there is no gRPC.
    """
    every = list(model.signatures.values())
    # A client without any signature has the parts that a predict signature would need.
    predict = [s for s in every if s.kind == "predict"] if every else [_ANY]
    infer = [s for s in every if s.kind != "predict"]
    marshal = [s for s in predict if takes_examples(s)]
    known = [s for s in every if s.features is not None and (s in infer or s in marshal)]

    def given(signature: Signature) -> list[TensorSpec]:
        asked = picked.get(signature.name, signature.outputs)
        return [signature.outputs[name] for name in asked]

    over_rest = [s for s in predict if s.why_not_over_rest is None] or ([_ANY] if predict else [])
    inputs, outputs = _dtypes(predict, _inputs), _dtypes(predict, given)
    rest_in, rest_out = _dtypes(over_rest, _inputs), _dtypes(over_rest, given)
    features = [f for s in known for f in (s.features or {}).values()]
    named = {spec.dtype for s in every for spec in (*s.inputs.values(), *given(s))}
    constants = {str(d) for d in named | inputs | outputs | rest_in | rest_out}
    if known:
        constants |= {"float32", "int64", "string"}
    pictures = [spec for s in predict for spec in s.inputs.values()]
    pixels = sorted({go_type(spec.dtype) for spec in pictures if takes_pixels(spec)})
    scalars = [f for f in features if f.shape == ()]
    return {
        "rest_only": rest_only,
        "predict": bool(predict),
        "infer": bool(infer),
        "classify": any(s.kind == "classify" for s in infer),
        "regress": any(s.kind == "regress" for s in infer),
        "marshal": bool(marshal),
        "typed_infer": any(s.features is not None for s in infer),
        "typed_marshal": any(s.features is not None for s in marshal),
        "serialize": bool(marshal) or (bool(infer) and not rest_only),
        "specs": bool(known),
        "pointers": any(not f.required for f in scalars),
        "scalars": any(f.required for f in scalars),
        "grpc_only": not rest_only and any(s.why_not_over_rest is not None for s in predict),
        "asks_by_name": bool(picked),
        "defaults": not rest_only and any(s.defaults for s in predict),
        "bare_b64": any(_is_bare(s) for s in over_rest),
        "dtypes": {str(d) for d in inputs | outputs},
        "constants": _constants(constants),
        "dtype_names": _dtype_names(),
        "narrow": _narrow(inputs),
        "encoded": any(takes_image_files(spec) for spec in pictures),
        "decodes": bool(pixels),
        "pixels": _pixels(pixels),
        "rest_inputs": _writers(rest_in),
        "rest_outputs": _json_readers(rest_out),
        "wire_outputs": _wire_readers(outputs),
        "wire_in": _wire_uses(inputs),
        "wire_out": _wire_uses(outputs),
        "json_out": _json_uses(rest_in | (_FEATURES if infer else frozenset())),
        "json_in": _json_uses(rest_out | (frozenset({DType("float32")}) if infer else frozenset())),
    }


def files(view: Mapping[str, Any], package: Markup, templates: Templates) -> dict[str, str]:
    """The files of the runtime: only those that the signatures need."""
    names = ["call", "dtype", "errors", "jsonmetadata", "jsonreader", "jsonwrite", "options"]
    names += ["rest", "signature", "verify"]
    if not view["rest_only"]:
        names += ["bound", "grpc", "grpctarget", "protometadata", "wire"]
    if view["predict"]:
        names += ["jsonpredict", "jsontensor", "predict", "tensor"]
        names += [] if view["rest_only"] else ["protopredict", "prototensor"]
    if view["infer"]:
        names += ["infer", "jsoninfer"] + ([] if view["rest_only"] else ["protoinfer"])
    if view["infer"] or view["marshal"]:
        names.append("example")
    if any(view["json_in"].values()):
        names.append("jsonvalues")
    if {"float16", "bfloat16"} & view["dtypes"]:
        names.append("float16")
    if view["encoded"] or view["decodes"]:
        names.append("image")
    return {
        f"{name}.go": templates.render(f"go/runtime/{name}.go.j2", package=package, **view)
        for name in names
    }


_FLOAT = TensorSpec("x", DType("float32"), None)
_ANY: Final = Signature("", {"x": _FLOAT}, {"x": _FLOAT})
_FEATURES: Final = frozenset({DType("float32"), DType("string")})


def takes_examples(signature: Signature) -> bool:
    """Whether the only input of a predict signature takes serialized Examples."""
    return signature.kind == "predict" and list(signature.inputs) == [signature.example_input]


def _is_bare(signature: Signature) -> bool:
    """Whether the only input can be a lone string in JSON which its name makes look like base64."""
    spec = signature.inputs.get("b64")
    lone = spec is not None and len(signature.inputs) == 1
    return lone and spec is not None and spec.dtype == STRING and not spec.shape


def _inputs(signature: Signature) -> list[TensorSpec]:
    return list(signature.inputs.values())


def _dtypes(
    signatures: Iterable[Signature], side: Callable[[Signature], list[TensorSpec]]
) -> frozenset[DType]:
    specs = [spec for s in signatures for spec in side(s)]
    return frozenset(spec.dtype for spec in specs) or frozenset({DType("float32")})


def _by_number(dtypes: Iterable[DType]) -> list[DType]:
    return sorted(dtypes, key=lambda d: d.number)


def _constants(dtypes: Collection[str]) -> list[dict[str, Any]]:
    width = max(len(constant(d)) for d in dtypes)
    return [
        {
            "name": code(constant(d)),
            "padded": code(constant(d).ljust(width)),
            "number": d.number,
        }
        for d in _by_number(map(DType, dtypes))
    ]


def _dtype_names() -> list[Markup]:
    """The lines of a list of all names, by number."""
    highest = max(DType(d).number for d in DTYPES)
    lines, line = [], ""
    for number in range(highest + 1):
        item = f"{go_string(DType.of_number(number))},"
        if len(line) + len(item) >= _WIDTH - _TAB:
            lines.append(line)
            line = ""
        line += f" {item}" if line else item
    return [code(text) for text in [*lines, line]]


def _narrow(dtypes: Iterable[DType]) -> list[dict[str, Any]]:
    cases: dict[int, list[str]] = {}
    for dtype in _by_number(d for d in dtypes if d in BITS):
        cases.setdefault(BITS[dtype], []).append(constant(dtype))
    return [{"bits": bits, "constants": code(", ".join(c))} for bits, c in cases.items()]


def _pixels(types: list[str]) -> Mapping[str, Markup]:
    if len(types) == 1:
        return {"parameter": code(""), "type": code(types[0])}
    return {"parameter": code(f"[T {' | '.join(types)}]"), "type": code("T")}


def _writers(dtypes: Iterable[DType]) -> list[dict[str, Any]]:
    """How values are written as JSON, by their type."""
    return [
        {
            "type": code(go_type(d)),
            "writer": code(_writer(d)),
            "size": 4 if go_type(d) in ("int8", "uint8") else 16,
        }
        for d in _by_number(dtypes)
    ]


def _writer(dtype: DType) -> str:
    fixed = {
        "float32": "appendJSONFloat32",
        "float64": "appendJSONFloat64",
        "bool": "strconv.AppendBool",
        "string": "appendJSONBytes",
    }
    return fixed.get(dtype) or ("appendJSONUint" if dtype.startswith("u") else "appendJSONInt")


def _json_readers(dtypes: Iterable[DType]) -> list[dict[str, Markup]]:
    """How values are read from JSON, by their dtype."""
    found = []
    for dtype in _by_number(dtypes):
        kind = {"bool": "Bool", "string": "Bytes"}.get(dtype)
        reader = f"json{kind}"
        if kind is None:
            family = dtype.rstrip("0123456789")
            reader = f"json{family.capitalize()}s[{dtype}]({dtype.removeprefix(family)})"
        found.append({"constant": code(constant(dtype)), "reader": code(reader)})
    return found


def _wire_readers(dtypes: Iterable[DType]) -> list[dict[str, Markup]]:
    """How values are read from a TensorProto, by their dtype."""
    cases: dict[str, list[str]] = {}
    for dtype in _by_number(dtypes):
        facts = DTYPES[dtype]
        reader = f"{facts.kind}[{facts.type}](t, {facts.field})"
        if not facts.field:
            reader = f"t.{facts.kind}()"
        cases.setdefault(reader, []).append(constant(dtype))
    return [{"constants": code(", ".join(c)), "reader": code(r)} for r, c in cases.items()]


def _wire_uses(dtypes: Iterable[DType]) -> Mapping[str, Any]:
    dtypes = list(dtypes)
    kinds = {DTYPES[d].kind for d in dtypes}
    return {
        **{kind: kind in kinds for kind in ("memory", "integers", "bools", "strings")},
        "ordered": _ordered(dtypes),
        "floats": any(go_type(d).startswith(("float", "complex")) for d in dtypes),
        "float8": any(d.startswith("float8") for d in dtypes),
    }


def _ordered(dtypes: Iterable[DType]) -> list[dict[str, Any]]:
    """How values wider than a byte are written to memory and read from it, by their type."""
    cases = []
    for kind in dict.fromkeys(go_type(d) for d in _by_number(dtypes)):
        if kind in WORDS:
            bits, words, element = WORDS[kind]
            width = bits // 8 * len(words)
            starts = [f"{width}*i", f"{width}*i+{bits // 8}"][: len(words)]
            found = [f"order.Uint{bits}(memory[{start}:])" for start in starts]
            cases.append(
                {
                    "type": code(kind),
                    "append": [code(f"order.AppendUint{bits}(b, {word})") for word in words],
                    "read": code(element.format(*found)),
                }
            )
    return cases


def _json_uses(dtypes: Iterable[DType]) -> dict[str, bool]:
    dtypes = list(dtypes)
    return {
        "floats": any(d.startswith("float") for d in dtypes),
        "doubles": "float64" in dtypes,
        "singles": "float32" in dtypes,
        "ints": any(d.startswith("int") for d in dtypes),
        "uints": any(d.startswith("uint") for d in dtypes),
        "bools": "bool" in dtypes,
        "strings": "string" in dtypes,
    }
