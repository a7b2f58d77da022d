"""Sample inputs that a model accepts: several kinds are tried, for a signature says little."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tfsclient._inputs.example import serialize
from tfsclient._inputs.samples import PNG_BASE64, feature_dims
from tfsclient.errors import InvalidInput
from tfsclient.export._plan import Plan
from tfsclient.export._source import Arrays, Source, first_line
from tfsclient.schema import FeatureSpec, Signature

_SIZES: Final = (4, 32, 1)  # of dimensions that may be of any size
_ROWS: Final = 2
_PNG: Final = base64.b64decode(PNG_BASE64)
_TEXTS: Final = (b"text", _PNG, base64.urlsafe_b64encode(_PNG), b"1")


def sampled(source: Source, plan: Plan) -> dict[str, tuple[Arrays, Arrays]]:
    """By the source's signature: inputs that the source accepts, and what it answers.

    Raises:
        InvalidInput: it accepts none of the samples.
    """
    fixed = {}
    if plan.picture is not None:
        fixed[plan.main.inputs[plan.picture.name]] = plan.picture.sample()
    found = {source.main: _accepted(source, source.main, fixed)}
    for origin in source.functions:
        if origin == source.main:
            continue
        try:
            found[origin] = _accepted(source, origin, {})
        except InvalidInput as error:  # what cannot be checked is not kept
            plan.leave_out(origin, error.details)
    return found


def _accepted(source: Source, signature: str, fixed: Arrays) -> tuple[Arrays, Arrays]:
    specs, reason = source.inputs(signature), None
    for arrays in _samples(specs, fixed, source.signatures.get(signature)):
        try:
            return arrays, source.run(signature, arrays)
        except Exception as error:  # noqa: BLE001 - a model may fail in any way
            reason = reason or error
    why = "" if reason is None else f": {first_line(reason)}"
    raise InvalidInput(
        f"the source itself fails for every sample that was tried{why}", signature=signature
    )


def _samples(
    specs: Mapping[str, Any], fixed: Arrays, signature: Signature | None
) -> Iterator[dict[str, npt.NDArray[Any]]]:
    rest = {name: spec for name, spec in specs.items() if name not in fixed}
    texts: tuple[bytes, ...] = (b"",)
    if any(spec.dtype.name == "string" for spec in rest.values()):
        texts = (*_examples(signature), *_TEXTS)
    sizes = _SIZES if any(_is_open(spec) for spec in rest.values()) else _SIZES[:1]
    for text, size, ones in product(texts, sizes, (False, True)):
        random = np.random.default_rng(0)
        made = {n: _array(spec, size, text, None if ones else random) for n, spec in rest.items()}
        yield {**fixed, **made}


def _is_open(spec: Any) -> bool:
    return spec.shape.rank is None or None in spec.shape.as_list()[1:]


def _array(
    spec: Any, size: int, text: bytes, random: np.random.Generator | None
) -> npt.NDArray[Any]:
    dims = [None] if spec.shape.rank is None else spec.shape.as_list()
    shape = [
        _ROWS if n is None and axis == 0 else size if n is None else n
        for axis, n in enumerate(dims)
    ]
    dtype = spec.dtype
    if dtype.name == "string":
        return np.full(shape, text, object)
    values: npt.NDArray[Any]
    if random is None:
        values = np.ones(shape)
    elif dtype.is_floating or dtype.is_complex:
        values = random.random(shape)
    else:
        values = random.integers(0, 2, shape)
    return np.asarray(values).astype(dtype.as_numpy_dtype)


def _examples(signature: Signature | None) -> Iterator[bytes]:
    """An Example with the features that a signature wants."""
    if signature is None or signature.features is None:
        return
    yield serialize({name: _values(feature) for name, feature in signature.features.items()})


def _values(feature: FeatureSpec) -> list[Any]:
    (count,) = feature_dims(feature) or [1]
    value = {"float32": 1.0, "int64": 1, "string": b"text"}[feature.dtype]
    return [value] * count
