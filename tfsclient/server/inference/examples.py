"""Classify, regress and multi-inference: signatures that take serialized tf.Examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from google.protobuf import text_format

from tfsclient._codec.messages import pool
from tfsclient._codec.model_ref import ModelRef
from tfsclient._codec.strings import string_array
from tfsclient._codec.tensor import Tensor
from tfsclient.dtypes import STRING, DType
from tfsclient.errors import InvalidArgument, Unimplemented
from tfsclient.schema import CLASSIFY, DEFAULT_SIGNATURE, REGRESS
from tfsclient.server import metrics
from tfsclient.server.interface import Models, Runnable

_INPUTS = "inputs"
_CLASSES, _SCORES = "classes", "scores"
_OUTPUTS = "outputs"

Classes: TypeAlias = list[tuple[bytes, float]]
KINDS: Final = {CLASSIFY: "classification", REGRESS: "regression"}


@dataclass(frozen=True, slots=True)
class Task:
    """One signature to run.

    Attributes:
        ref: the model and the signature.
        method: how to read its outputs: schema.CLASSIFY or schema.REGRESS.
    """

    ref: ModelRef
    method: str


@dataclass(frozen=True, slots=True)
class Result:
    """What a task gave.

    Attributes:
        ref: the model, the version that ran, and the signature.
        method: the task's method.
        classes: for each example, labels with scores; of a classification.
        values: for each example, a float32; of a regression.
    """

    ref: ModelRef
    method: str
    classes: list[Classes]
    values: npt.NDArray[np.float32]


def read_input(message: Any) -> list[bytes]:
    """The serialized Examples of an Input message, each after the context that they share."""
    kind = message.WhichOneof("kind")
    if kind is None:
        return []
    examples = getattr(message, kind)
    context = b""
    if kind == "example_list_with_context":
        context = examples.context.SerializeToString()
    # Put together, two messages read as one in which the latter's features win.
    return [context + example.SerializeToString() for example in examples.examples]


class ExampleInference:
    """Runs examples on the models.

    Args:
        models: the models.
        check_method_names: refuse a signature whose method name is not the task's.
    """

    def __init__(self, models: Models, *, check_method_names: bool = False) -> None:
        self._models = models
        self._check_method_names = check_method_names

    def run_one(self, task: Task, examples: list[bytes], *, timeout: float | None = None) -> Result:
        """Classify or regress.

        Args:
            task: what to run.
            examples: serialized tf.Examples.
            timeout: seconds the run may take.

        Raises:
            TFSError: as TF Serving would report it.
        """
        with self._models.lease(task.ref) as version:
            name = task.ref.signature or DEFAULT_SIGNATURE
            signature = version.model.signatures.get(name)
            if signature is None:
                raise InvalidArgument(f"No signature was found with the name: {name}")
            self._check(signature, task.method)
            metrics.count_examples(task.ref.name, len(examples))
            api = "Classify" if task.method == CLASSIFY else "Regress"
            with metrics.runtime_latency.time(task.ref.name, api, "TF1"):
                (result,) = _run(version.model, version.number, [task], examples, timeout)
            return result

    def run_many(
        self, tasks: Sequence[Task], examples: list[bytes], *, timeout: float | None = None
    ) -> list[Result]:
        """Run several signatures of one model on the same examples, in one go.

        The first task's ref alone decides the version.

        Raises:
            TFSError: as TF Serving would report it.
        """
        with self._models.lease(tasks[0].ref if tasks else ModelRef.received()) as version:
            names: set[str] = set()
            for task in tasks:
                if not task.ref.name:
                    raise InvalidArgument("Found ModelSpec with an empty model name.")
                if task.ref.name != tasks[0].ref.name:
                    raise InvalidArgument(
                        "All ModelSpecs in a MultiInferenceRequest must access the same model name."
                    )
                name = task.ref.signature or DEFAULT_SIGNATURE
                if name in names:
                    raise InvalidArgument(f"Duplicate evaluation of signature: {name}")
                names.add(name)
                if name not in version.model.signatures:
                    raise InvalidArgument(f"Requested signature not found in model graph: {name}")
                if task.method not in KINDS:
                    raise Unimplemented(f"Unsupported signature method_name: {task.method}")
                self._check(version.model.signatures[name], task.method)
            model = tasks[0].ref.name if tasks else ""
            metrics.count_examples(model, len(examples))
            with metrics.runtime_latency.time(model, "MultiInference", "TF1"):
                return _run(version.model, version.number, tasks, examples, timeout)

    def _check(self, signature: Any, method: str) -> None:
        """Refuse a signature that is not formed for the method."""
        kind = KINDS[method]
        if self._check_method_names and signature.method_name != method:
            raise InvalidArgument(
                f"Expected {kind} signature method_name to be {method}."
                f" Was: {signature.method_name}"
            )
        if len(signature.inputs) != 1:
            raise InvalidArgument("Expected one input Tensor.")
        outputs = len(signature.outputs)
        if method == REGRESS and outputs != 1:
            raise InvalidArgument("Expected one output Tensor.")
        if method == CLASSIFY and outputs not in (1, 2):
            raise InvalidArgument(f"Expected one or two output Tensors, found {outputs}")
        if _INPUTS not in signature.inputs:
            raise InvalidArgument(f"No {kind} inputs found in SignatureDef: {_debug(signature)}")
        if method == REGRESS and _OUTPUTS not in signature.outputs:
            raise InvalidArgument(f"No {kind} outputs found in SignatureDef: {_debug(signature)}")
        if method == CLASSIFY and not {_CLASSES, _SCORES} & set(signature.outputs):
            raise InvalidArgument(
                f'Expected {kind} signature outputs to contain at least one of "{_CLASSES}" or'
                f' "{_SCORES}". Signature was: {_debug(signature)}'
            )


def _debug(signature: Any) -> str:
    return str(text_format.MessageToString(signature, descriptor_pool=pool()))


def _run(
    model: Runnable,
    number: int,
    tasks: Sequence[Task],
    examples: list[bytes],
    timeout: float | None,
) -> list[Result]:
    if not examples:
        raise InvalidArgument("Input is empty.")
    signatures = [model.signatures[task.ref.signature or DEFAULT_SIGNATURE] for task in tasks]
    serialized = Tensor(STRING, string_array(list(examples)))
    feeds = {signature.inputs[_INPUTS].name: serialized for signature in signatures}
    wanted = {
        CLASSIFY: (_CLASSES, _SCORES),
        REGRESS: (_OUTPUTS,),
    }
    fetches = sorted(
        {
            signature.outputs[alias].name
            for task, signature in zip(tasks, signatures, strict=True)
            for alias in wanted[task.method]
            if alias in signature.outputs
        }
    )
    tensors = dict(zip(fetches, model.run(feeds, fetches, timeout=timeout), strict=True))
    results = []
    for task, signature in zip(tasks, signatures, strict=True):
        name = task.ref.signature or DEFAULT_SIGNATURE
        ref = ModelRef.received(task.ref.name, number, None, name)
        outputs = {alias: tensors.get(info.name) for alias, info in signature.outputs.items()}
        classes: list[Classes] = []
        values = np.empty(0, np.float32)
        if task.method == CLASSIFY:
            classes = _classes(outputs.get(_CLASSES), outputs.get(_SCORES), len(examples))
        else:
            values = _values(outputs[_OUTPUTS], len(examples))
        results.append(Result(ref, task.method, classes, values))
    return results


def _classes(labels: Tensor | None, scores: Tensor | None, count: int) -> list[Classes]:
    _check_matrix(labels, _CLASSES, STRING, count)
    _check_matrix(scores, _SCORES, DType("float32"), count)
    if labels is not None and scores is not None:
        if labels.array.shape != scores.array.shape:
            raise InvalidArgument(
                "Tensors class and score should match in dim_size(1). Got"
                f" {labels.array.shape[1]} vs. {scores.array.shape[1]}"
            )
        label_rows, score_rows = labels.array.tolist(), scores.array.tolist()
    elif labels is not None:
        label_rows = labels.array.tolist()
        score_rows = [[0.0] * len(row) for row in label_rows]
    else:
        assert scores is not None
        score_rows = scores.array.tolist()
        label_rows = [[b""] * len(row) for row in score_rows]
    return [list(zip(*rows, strict=True)) for rows in zip(label_rows, score_rows, strict=True)]


def _check_matrix(tensor: Tensor | None, name: str, dtype: DType, count: int) -> None:
    if tensor is None:
        return
    if tensor.array.ndim != 2:
        raise InvalidArgument(
            "Expected Tensor shape: [batch_size num_classes] but got"
            f" {_shape_text(tensor.array.shape)}"
        )
    if tensor.dtype != dtype:
        raise InvalidArgument(f"Expected {name} Tensor of {dtype.enum}. Got: {tensor.dtype.enum}")
    if tensor.array.shape[0] != count:
        raise InvalidArgument(
            f"Expected {name} output batch size of {count}. Got: {tensor.array.shape[0]}"
        )


def _values(tensor: Tensor | None, count: int) -> npt.NDArray[np.float32]:
    assert tensor is not None
    shape = tensor.array.shape
    if not (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)):
        raise InvalidArgument(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got"
            f" {_shape_text(shape)}"
        )
    if shape[0] != count:
        raise InvalidArgument(
            f"Input batch size did not match output batch size: {count} vs. {shape[0]}"
        )
    if tensor.dtype != "float32":
        raise InvalidArgument(f"Expected output Tensor of DT_FLOAT.  Got: {tensor.dtype.enum}")
    return tensor.array.reshape(-1)


def _shape_text(shape: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, shape))}]"
