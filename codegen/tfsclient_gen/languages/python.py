"""Python: one module a model, over the tfsclient runtime."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from tfsclient.dtypes import STRING, DType
from tfsclient.schema import DEFAULT_SIGNATURE, Model, Signature, TensorSpec
from tfsclient_gen.generate import LeftOut, Options
from tfsclient_gen.names import Name, claim, pascal, snake
from tfsclient_gen.quoting import code, py_doc, py_string
from tfsclient_gen.render import render

_WIDTH: Final = 88  # ruff's and black's default
_STEP: Final = 4

_KEYWORDS: Final = frozenset(
    "False None True and as assert async await break class continue def del elif else except "
    "finally for from global if import in is lambda nonlocal not or pass raise return try while "
    "with yield".split()
)
# What each scope of the template uses itself.
_MODULE: Final = frozenset(
    "AbstractContextManager Any Client DEFAULT DType Mapping Sequence Signature TensorSpec "
    "Timeout TracebackType annotations dataclass np npt".split()
)
_CLASS: Final = _KEYWORDS | frozenset("close int label model str type version".split())
_METHOD: Final = _KEYWORDS | frozenset("answer given headers self timeout".split())
_RESULT: Final = _KEYWORDS | frozenset("np npt".split())


@dataclass(frozen=True, slots=True)
class _Tensor:
    """An input or output: its names, its docs, its type, and whether it may be left out."""

    name: Name
    doc: Markup
    field: Markup
    optional: bool


@dataclass(frozen=True, slots=True)
class _Method:
    """A signature: its names, its tensors, and the statements that depend on how long names are."""

    name: Name
    result: Markup
    inputs: list[_Tensor]
    outputs: list[_Tensor]
    constant: Markup
    spec: Markup
    given: Markup
    options: list[Markup]
    returned: Markup
    example: Markup


def module_name(model: Model) -> str:
    """The module that holds the model's client."""
    return str(claim([model.name], lambda w: snake(w, "model"), _KEYWORDS)[model.name].ident)


def lock_file(model: Model) -> str:
    """The schema file beside the module; several models may share a folder."""
    return f"{module_name(model)}.lock.json"


def files(model: Model, options: Options, left_out: Sequence[LeftOut] = ()) -> dict[str, str]:
    """The client module of ``model``; what was left out is told in it.  No option is Python's."""
    client = claim([model.name], lambda w: pascal(w, "model"), _MODULE | _KEYWORDS)[model.name]
    names = claim(model.signatures, lambda w: snake(w, "signature"), _CLASS)
    results = claim(
        model.signatures,
        lambda w: pascal(w, "signature") + "Result",
        {*_MODULE, str(client.ident)},
        separator="",
    )
    methods = [
        _method(signature, names[wire], results[wire].ident)
        for wire, signature in model.signatures.items()
    ]
    exported = sorted([client.ident, *(m.result for m in methods)], key=_ruff_order)
    dtypes = [t.dtype for s in model.signatures.values() for t in s.outputs.values()]
    text = render(
        "python/client.py.j2",
        model=model.name,
        left_out=left_out,
        client=client.ident,
        head=_class_head(str(client.ident)),
        exported=_fit(0, "__all__ = [", [f'"{name}"' for name in exported], "]"),
        methods=methods,
        example=sorted(methods, key=lambda m: m.name.wire != DEFAULT_SIGNATURE)[:1],
        uses_any=any(_element(d) == "Any" for d in dtypes),
        uses_np=any(_element(d) != "Any" for d in dtypes),
    )
    return {f"{module_name(model)}.py": text}


def _class_head(name: str) -> Markup:
    base = _fit(4, "AbstractContextManager[", [f'"{name}"'], "]", comma=False)
    return _fit(0, f"class {name}(", [base], "):")


def _ruff_order(name: str) -> tuple[bool, list[tuple[int, str]]]:
    """Sorts as ruff sorts ``__all__``: constants first, numbers by value."""
    parts = re.findall(r"([0-9]+)|([^0-9]+)", name)
    return not name.isupper(), [(int(number or 0), letters) for number, letters in parts]


def _method(signature: Signature, name: Name, result: Markup) -> _Method:
    ins = claim(signature.inputs, lambda w: snake(w, "tensor"), _METHOD)
    outs = claim(signature.outputs, lambda w: snake(w, "tensor"), _RESULT)
    constant = f"_{name.ident.upper()}"
    required = [wire for wire in ins if wire not in signature.defaults]
    optional = [wire for wire in ins if wire in signature.defaults]
    pairs = [f"{py_string(wire)}: {ins[wire].ident}" for wire in required]
    return _Method(
        name=name,
        result=result,
        inputs=[_tensor(signature.inputs[w], ins[w], w in optional) for w in required + optional],
        outputs=[_tensor(spec, outs[wire], False) for wire, spec in signature.outputs.items()],
        constant=code(constant),
        spec=_spec(constant, signature),
        given=_fit(8, "given: dict[str, npt.ArrayLike] = {", pairs, "}")
        if optional
        else _fit(12, "{", pairs, "},"),
        options=[
            code(f"if {ins[w].ident} is not None:\n")
            + " " * 12
            + _fit(12, "given[", [py_string(w)], f"] = {ins[w].ident}", comma=False)
            for w in optional
        ],
        returned=_fit(
            8,
            f"return {result}(",
            (_fit(12, f"{outs[w].ident}=answer[", [py_string(w)], "]", comma=False) for w in outs),
            ")",
        ),
        example=code(", ".join(f"{ins[w].ident}={_sample(signature.inputs[w])}" for w in required)),
    )


def _spec(constant: str, signature: Signature) -> Markup:
    def tensors(kind: str, specs: Iterable[TensorSpec]) -> Markup:
        return _fit(4, f"{kind}={{", [_tensor_spec(spec) for spec in specs], "}")

    parts = [
        code(f"name={py_string(signature.name)}"),
        tensors("inputs", signature.inputs.values()),
        tensors("outputs", signature.outputs.values()),
        code(f"method={py_string(signature.method)}"),
    ]
    if signature.defaults:
        defaults = [py_string(name) for name in sorted(signature.defaults)]
        parts.append(_fit(4, "defaults=frozenset({", defaults, "})"))
    return _fit(0, f"{constant} = Signature(", parts, ")")


def _tensor_spec(spec: TensorSpec) -> Markup:
    wire = py_string(spec.name)
    parts = [wire, f"DType({py_string(spec.dtype)})", repr(spec.shape)]
    return _fit(8, f"{wire}: TensorSpec(", parts, ")")


def _tensor(spec: TensorSpec, name: Name, optional: bool) -> _Tensor:
    doc = str(spec)
    if spec.name != name.ident:
        doc += f'; called "{spec.name}" by the server'
    if optional:
        doc += "; None leaves it to the model's default"
    field = _fit(4, f"{name.ident}: npt.NDArray[", [_element(spec.dtype)], "]", comma=False)
    return _Tensor(name, py_doc(doc), field, optional)


def _element(dtype: DType) -> str:
    """The type of an array's elements."""
    if dtype == STRING:
        return "np.object_"
    if dtype.numpy.isbuiltin != 1:  # ml_dtypes' types have no annotations to speak of
        return "Any"
    return f"np.{dtype.numpy.type.__name__}"


def _fit(indent: int, head: str, items: Iterable[str], tail: str, *, comma: bool = True) -> Markup:
    """``head items tail`` on one line where that fits, else broken as ruff breaks it."""
    items = list(items)
    line = f"{head}{', '.join(items)}{tail}"
    # Inside brackets a comma may follow, and it counts.
    if "\n" not in line and indent + len(line) + 1 <= _WIDTH:
        return code(line)
    if not items:
        return code(line)
    inner = "".join(f"{' ' * (indent + _STEP)}{item}{',' if comma else ''}\n" for item in items)
    return code(f"{head}\n{inner}{' ' * indent}{tail}")


def _sample(spec: TensorSpec) -> str:
    """An expression that makes a value of this dtype and shape."""
    shape = [1 if size == -1 else size for size in spec.shape or ()]
    if spec.dtype == STRING:
        sample = 'b"..."'
        for size in reversed(shape):
            sample = f"[{sample}]" if size == 1 else f"[{sample}] * {size}"
        return sample
    dims = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
    numpy = spec.dtype.numpy
    known = numpy.isbuiltin == 1
    return f"np.zeros({dims}, np.{numpy.type.__name__})" if known else f"np.zeros({dims}, np.uint8)"
