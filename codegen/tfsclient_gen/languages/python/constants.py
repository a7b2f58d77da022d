"""The constants of a Python client that describe signatures, and the features of Examples."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from markupsafe import Markup

from tfsclient.schema import (
    PREDICT,
    Features,
    FeatureSpec,
    Signature,
    TensorMeaning,
    TensorSpec,
)
from tfsclient.schema._meaning import PICTURE_KEYS
from tfsclient_gen.languages.python.layout import STEP, fit, fits
from tfsclient_gen.quoting import code, py_string


def signature(constant: str, spec: Signature, features: str | None) -> Markup:
    """The constant that holds a signature; its features may have one of their own."""
    parts = [
        f"name={py_string(spec.name)}",
        _tensors("inputs", spec.inputs.values()),
        _tensors("outputs", spec.outputs.values()),
    ]
    if spec.method != PREDICT:
        parts.append(f"method={py_string(spec.method)}")
    if spec.defaults:
        defaults = [py_string(name) for name in sorted(spec.defaults)]
        parts.append(fit(STEP, "defaults=frozenset({", defaults, "})", after=1))
    if spec.example_input is not None:
        parts.append(f"example_input={py_string(spec.example_input)}")
    if features is not None:
        parts.append(f"features={features}")
    elif spec.features is not None:
        told = [_feature(feature, 2 * STEP) for feature in spec.features.values()]
        parts.append(fit(STEP, "features={", told, "}", after=1))
    return fit(0, f"{constant} = Signature(", parts, ")")


def signature_imports(spec: Signature, features: str | None) -> frozenset[str]:
    """What that constant needs to have imported."""
    names = {"Signature"}
    if spec.inputs or spec.outputs:
        names |= {"DType", "TensorSpec"}
    if spec.features and features is None:
        names |= {"DType", "FeatureSpec"}
    if any(map(has_meaning, [*spec.inputs.values(), *spec.outputs.values()])):
        names.add("TensorMeaning")
    return frozenset(names)


def _tensors(kind: str, specs: Iterable[TensorSpec]) -> Markup:
    return fit(STEP, f"{kind}={{", [_tensor(spec) for spec in specs], "}", after=1)


def _tensor(spec: TensorSpec) -> Markup:
    wire = py_string(spec.name)
    parts = [wire, f"DType({py_string(spec.dtype)})", repr(spec.shape)]
    if spec.encoding != "dense":
        parts.append(f"encoding={py_string(spec.encoding)}")
    if has_meaning(spec):
        parts.append(_meaning(spec, 3 * STEP))
    return fit(2 * STEP, f"{wire}: TensorSpec(", parts, ")", after=1)


def has_meaning(spec: TensorSpec) -> bool:
    """Whether something is told of a tensor that a call goes by, beside what docs tell."""
    return spec.meaning is not None and bool(_told(spec.meaning))


def _told(meaning: TensorMeaning) -> dict[str, Any]:
    told = {name: getattr(meaning, name) for name in (*PICTURE_KEYS, "labels")}
    return {name: value for name, value in told.items() if value is not None}


def _meaning(spec: TensorSpec, indent: int) -> Markup:
    assert spec.meaning is not None
    parts = [f"kind={py_string(spec.meaning.kind or '')}"]
    for name, value in _told(spec.meaning).items():
        if isinstance(value, str):
            parts.append(f"{name}={py_string(value)}")
        elif name == "labels":
            parts.append(_tuple(name, [py_string(label) for label in value], indent + STEP))
        else:
            parts.append(_tuple(name, list(map(repr, value)), indent + STEP))
    return fit(indent, "meaning=TensorMeaning(", parts, ")", after=1)


def features(constant: str, specs: Features) -> Markup:
    """The constant that holds the features of Examples."""
    return fit(0, f"{constant} = {{", [_feature(spec, STEP) for spec in specs.values()], "}")


def _feature(spec: FeatureSpec, indent: int) -> Markup:
    wire = py_string(spec.name)
    parts = [wire, f"DType({py_string(spec.dtype)})"]
    if spec.kind != "dense":
        parts.append(f"kind={py_string(spec.kind)}")
    if spec.shape != ():
        parts.append(f"shape={spec.shape!r}")
    if spec.required is not False:
        parts.append(f"required={spec.required}")
    if spec.default is not None:
        parts.append(_tuple("default", list(map(_value, spec.default)), indent + STEP))
    return fit(indent, f"{wire}: FeatureSpec(", parts, ")", after=1)


def _tuple(name: str, values: Sequence[str], indent: int) -> Markup:
    line = f"{name}=({', '.join(values)}{',' if len(values) == 1 else ''})"
    if fits(indent + 1, line):
        return code(line)
    inner = "".join(f"{' ' * (indent + STEP)}{value},\n" for value in values)
    return code(f"{name}=(\n{inner}{' ' * indent})")


def _value(value: float | bytes) -> str:
    if isinstance(value, bytes):
        return f"b{py_string(value.decode('latin-1'))}"
    return repr(value) if math.isfinite(value) else f'float("{value}")'
