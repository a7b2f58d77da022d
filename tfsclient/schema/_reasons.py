"""Why a signature cannot be called, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeVar

from tfsclient.dtypes import INVALID
from tfsclient.errors import Hint

if TYPE_CHECKING:
    from tfsclient.schema import Signature, TensorSpec

T = TypeVar("T")

WHICH_SIGNATURE: Final = Hint("which_signature", "pass signature=...")
NO_SIGNATURES: Final = Hint(
    "no_signatures",
    "export it with one: model.export(dir) in Keras 3, or tf.saved_model.save(model, dir, "
    'signatures={"serving_default": f}) with f, a tf.function that has an input_signature',
)

# Put there by TensorFlow's own exporter: listed by the server, not meant to be called.
EXPORTER_SIGNATURES = frozenset({"__saved_model_init_op", "__saved_model_train_op"})

# What a TensorInfo that is not dense stands for, and the dense tensors that make it up.
ENCODINGS: Final = {
    "coo_sparse": ("a SparseTensor", "indices, values and dense_shape"),
    "composite": ("a composite tensor", "components"),
}


def without_exporters(signatures: Mapping[str, T]) -> dict[str, T]:
    """The signatures that are a model's own."""
    return {name: one for name, one in signatures.items() if name not in EXPORTER_SIGNATURES}


def why_unusable(signature: Signature) -> str | None:
    """Why no client can call it for all its outputs; None if it can be called."""
    if signature.name == "":
        return "its name is empty, and an empty name means serving_default in a request"
    if signature.name in EXPORTER_SIGNATURES:
        return "it belongs to TensorFlow's exporter"
    if not signature.outputs:
        return "it has no outputs"
    for kind, specs in (("input", signature.inputs), ("output", signature.outputs)):
        for spec in specs.values():
            if (reason := why_no_tensor(kind, spec)) is not None:
                return reason
    return why_fed_twice(signature)


def why_fed_twice(signature: Signature) -> str | None:
    """Why its inputs cannot be sent together, though TF Serving asks for all of them."""
    for group in signature.same_tensors:
        names = [name for name in group if name in signature.inputs]
        if len(names) > 1:
            listed = " and ".join(map(repr, names))
            return (
                f"inputs {listed} are the same tensor of the graph, which TF Serving refuses to be"
                " fed more than once: export the model with one input, or with a placeholder each"
            )
    return None


def why_no_tensor(kind: str, spec: TensorSpec) -> str | None:
    """Why this input or output cannot travel; None if it can."""
    if spec.encoding != "dense":
        form, parts = ENCODINGS[spec.encoding]
        return (
            f"{kind} {spec.name!r} is {form}, and TF Serving takes and gives dense tensors "
            f"only: export its {parts} as {kind}s of their own"
        )
    if spec.dtype == INVALID:
        return (
            f"{kind} {spec.name!r} has no type that is known, so a client can only pass on what it "
            "is given (validate=False)"
        )
    if not spec.dtype.sendable:
        return f"{kind} {spec.name!r} is of type {spec.dtype}, which cannot be sent"
    return None


def why_not_over_rest(signature: Signature) -> str | None:
    """Why TF Serving's REST interface cannot carry a call of it; None if it can."""
    if not signature.inputs:
        return "it has no inputs, and TF Serving cannot call such a signature over REST"
    for kind, specs in (("input", signature.inputs), ("output", signature.outputs)):
        for spec in specs.values():
            if spec.encoding != "dense":
                if kind == "input":
                    return f"input {spec.name!r} is not dense, and TF Serving takes nothing else"
                return (
                    f"output {spec.name!r} is not dense: an answer in JSON has all outputs, and TF "
                    "Serving cannot fetch this one; use gRPC, which takes names of outputs"
                )
            if spec.dtype == INVALID:
                return (
                    f"{kind} {spec.name!r} has no type that is known, and TF Serving reads and "
                    "writes JSON by that; use gRPC"
                )
            if not spec.dtype.rest:
                return f"{kind} {spec.name!r} is {spec.dtype}, which has no form in JSON; use gRPC"
    return None
