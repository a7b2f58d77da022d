"""The proof: the result is loaded and run as TF Serving does it, beside the source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tfsclient._codec.tensor import Tensor
from tfsclient.dtypes import DType
from tfsclient.errors import TFSError
from tfsclient.export._signatures import Served
from tfsclient.export._source import Arrays, first_line
from tfsclient.server.models.tensorflow import LoadedModel

TOLERANCE: Final = 1e-5


class Differs(TFSError):
    """The exported model does not compute what its source does; nothing was written."""


def compare(
    folder: Path,
    served: Sequence[Served],
    sampled: Mapping[str, tuple[Arrays, Arrays]],
) -> dict[str, Arrays]:
    """Run every signature of the result in a session, as TF Serving does.

    Args:
        folder: the SavedModel.
        served: its signatures.
        sampled: by the source's signature, inputs that it takes and what it answers.

    Returns:
        The inputs that each signature of the result was called with.

    Raises:
        Differs: an output differs from the source's by more than 1e-5 of its largest value, or
            there is none.
    """
    model = LoadedModel(folder)
    given: dict[str, Arrays] = {}
    try:
        for one in served:
            inputs, answer = sampled[one.origin]
            given[one.name] = one.inputs(inputs)
            found = _run(model, one, given[one.name])
            _check(one.name, one.outputs(answer), found)
    finally:
        model.close()
    return given


def _run(model: LoadedModel, one: Served, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
    definition = model.signatures[one.name]
    if sorted(definition.inputs) != sorted(inputs):
        raise Differs(
            f"the result takes {sorted(definition.inputs)}, not {sorted(inputs)}",
            signature=one.name,
        )
    feeds = {
        definition.inputs[name].name: Tensor(DType.of_number(definition.inputs[name].dtype), array)
        for name, array in inputs.items()
    }
    names = list(definition.outputs)
    try:
        tensors = model.run(feeds, [definition.outputs[name].name for name in names])
    except TFSError as error:
        raise Differs(
            f"the source answers, but the result fails: {first_line(error)}", signature=one.name
        ) from None
    return {name: tensor.array for name, tensor in zip(names, tensors, strict=True)}


def _check(signature: str, wanted: Arrays, found: Arrays) -> None:
    if sorted(wanted) != sorted(found):
        raise Differs(
            f"the result answers {sorted(found)}, not {sorted(wanted)}", signature=signature
        )
    for name, array in wanted.items():
        if (reason := _difference(np.asarray(array), np.asarray(found[name]))) is not None:
            raise Differs(
                f"output {name!r} {reason}",
                signature=signature,
                hint="a model that is random, or that changes when it is called, cannot be checked",
            )


def _difference(wanted: npt.NDArray[Any], found: npt.NDArray[Any]) -> str | None:
    """How far two arrays are apart; None if they are not."""
    if wanted.shape != found.shape:
        return f"is of the shape {list(found.shape)}, and the source's of {list(wanted.shape)}"
    if wanted.dtype.kind in "OSU":
        return None if np.array_equal(_bytes(wanted), _bytes(found)) else "has other strings"
    if wanted.dtype.kind in "iub":
        return None if np.array_equal(wanted, found) else "has other values than the source's"
    exact = np.complex128 if wanted.dtype.kind == "c" else np.float64
    wanted, found = wanted.astype(exact), found.astype(exact)
    with np.errstate(invalid="ignore"):
        apart = np.abs(wanted - found)
    same = (wanted == found) | (np.isnan(wanted) & np.isnan(found))
    apart = np.where(same, 0.0, apart)
    size = np.abs(wanted[np.isfinite(wanted)])
    allowed = TOLERANCE * max(1.0, float(size.max(initial=0.0)))
    if np.all(apart <= allowed):  # not true of NaN
        return None
    return f"differs from the source's by {np.nanmax(apart):g}"


def _bytes(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    flat = [v.encode() if isinstance(v, str) else bytes(v) for v in array.ravel().tolist()]
    found = np.empty(len(flat), object)
    found[:] = flat
    return found
