"""What clients made by ``tfsclient-gen`` share; nothing here is meant to be called by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy.typing as npt

from tfsclient._inputs.example import Example
from tfsclient.drift import compare
from tfsclient.dtypes import DType
from tfsclient.errors import REDEPLOYED, DecodeError, FailedPrecondition, InvalidInput
from tfsclient.results import Classes, Prediction
from tfsclient.results._forms import top_classes
from tfsclient.schema import Model, Signature

# A tf.Example whose features no type tells: itself, its features by name, or its bytes.
AnyExample: TypeAlias = Example | Mapping[str, Any] | bytes


def verify_signatures(expected: Iterable[Signature], served: Model) -> None:
    """Check that a model still has the signatures that a client was generated from.

    Raises:
        FailedPrecondition: calls that were right may fail; the text lists all that changed.
    """
    before = Model(served.name, None, {signature.name: signature for signature in expected})
    breaking = [str(found) for found in compare(before, served) if found.verdict == "breaking"]
    if breaking:
        raise FailedPrecondition(
            f"the model is not as it was when this client was generated: {'; '.join(breaking)}",
            model=served.name,
            hint="generate the client anew with tfsclient-gen, or call the version it was made for",
        )


def check_dtypes(answer: Prediction, signature: Signature) -> None:
    """Check that the outputs of an answer have the dtypes that a client's fields are typed with.

    Over REST the answer was read by those dtypes; over gRPC it has its own.  Shapes are not
    compared: signatures often get those of outputs wrong, in models that answer well.

    Raises:
        DecodeError: an output has another dtype.
    """
    for name, array in answer.items():
        spec = signature.outputs.get(name)
        if spec is None or not spec.dtype.sendable:
            continue
        if array.dtype != spec.dtype.numpy:
            came = DType.of_numpy(array.dtype) or array.dtype
            raise DecodeError(
                f"output {name!r} came as {came}, but this client was generated for {spec.dtype}",
                model=answer.model,
                signature=signature.name,
                hint=REDEPLOYED,
            )


def top(
    signature: Signature, outputs: Mapping[str, npt.NDArray[Any]], output: str, k: int
) -> Classes:
    """See :meth:`tfsclient.Prediction.top`; of the outputs of a client that knows their labels."""
    if output not in outputs:
        raise KeyError(f"there is no output {output!r} with labels; there are {', '.join(outputs)}")
    try:
        return top_classes(output, outputs[output], (signature.labels or {}).get(output), k)
    except InvalidInput as error:
        error.signature = signature.name
        raise


def plain_examples(examples: Any) -> Any:
    """Typed examples, alone or in a sequence, as :class:`Example`; all else as it is."""
    if isinstance(examples, Sequence) and not isinstance(examples, str | bytes):
        return [_plain(example) for example in examples]
    return _plain(examples)


def _plain(example: Any) -> Any:
    return example.to_example() if hasattr(type(example), "to_example") else example


def without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are given: None stands for one that is left out."""
    return {name: value for name, value in values.items() if value is not None}
