"""A model made from a schema: takes what its signatures say, and returns what a test says."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tfsclient._codec.messages import message_class
from tfsclient._codec.tensor import Tensor, encode_tensor
from tfsclient._inputs.convert import to_tensor
from tfsclient.dtypes import STRING
from tfsclient.errors import Internal, InvalidArgument, InvalidInput, ResourceExhausted
from tfsclient.schema import Model, Signature, TensorSpec
from tfsclient.server.rest.tensors import dtype_name

Array: TypeAlias = npt.NDArray[Any]
Outputs: TypeAlias = Mapping[str, Any]  # what numpy takes, by name
# What a test programs: outputs by name, or a function that makes them from the inputs by name.
Program: TypeAlias = Outputs | Callable[[Mapping[str, Array]], Outputs]

_CLASSES, _SCORES = "classes", "scores"  # outputs of a classification are [batch, classes]
_MAX_ELEMENTS = 1 << 24  # of an output that nobody programmed


class FakeModel:
    """Runs a schema's signatures without TensorFlow.

    Args:
        schema: the model.
        program: what a signature returns; None stands for zeros and empty strings.
        receive: called for each run, with the signature and the inputs by name.
    """

    def __init__(
        self,
        schema: Model,
        *,
        program: Callable[[str, str], Program | None],
        receive: Callable[[str, Mapping[str, Array]], None],
    ) -> None:
        self._schema = schema
        self._program = program
        self._receive = receive
        # By the names that the graph would have.
        self._inputs: dict[str, tuple[Signature, TensorSpec]] = {}
        self._outputs: dict[str, tuple[Signature, TensorSpec]] = {}
        self.signatures: Mapping[str, Any] = {
            name: self._definition(signature) for name, signature in schema.signatures.items()
        }

    def _definition(self, signature: Signature) -> Any:
        definition = message_class("tensorflow.SignatureDef")(method_name=signature.method)
        groups = {name: group for group in signature.same_tensors for name in group}
        shared: dict[tuple[str, ...], str] = {}  # tensors that several inputs feed
        for specs, infos, graph, prefix in (
            (signature.inputs, definition.inputs, self._inputs, f"{signature.name}_"),
            (signature.outputs, definition.outputs, self._outputs, f"{signature.name}_call_"),
        ):
            for alias, spec in specs.items():
                info = infos[alias]
                info.dtype = spec.dtype.number
                info.tensor_shape.SetInParent()
                if spec.shape is None:
                    info.tensor_shape.unknown_rank = True
                for size in spec.shape or ():
                    info.tensor_shape.dim.add(size=size)
                if spec.encoding == "dense":
                    info.name = _claimed(f"{prefix}{alias}", graph)
                    if specs is signature.inputs and alias in groups:
                        info.name = shared.setdefault(groups[alias], info.name)
                    graph[info.name] = signature, spec
                else:
                    getattr(info, _ENCODINGS[spec.encoding]).SetInParent()
        for alias in signature.defaults:
            encoded = b"".join(encode_tensor(_zeros(signature.inputs[alias], 1)))
            definition.defaults[alias].ParseFromString(encoded)
        return definition

    def close(self) -> None:
        """There is nothing to release."""

    def run(
        self,
        feeds: Mapping[str, Tensor],
        fetches: Sequence[str],
        *,
        timeout: float | None = None,
    ) -> list[Tensor]:
        """Return the outputs, once the inputs have been checked; see Runnable."""
        del timeout
        for name in (*feeds, *fetches):
            if name not in self._inputs and name not in self._outputs:
                raise InvalidArgument(
                    f"Tensor {name}, specified in either feed_devices or fetch_devices was not"
                    " found in the Graph"
                )
        inputs: dict[str, dict[str, Array]] = {}
        for name, tensor in feeds.items():
            signature, spec = self._inputs[name]
            inputs.setdefault(signature.name, {})[spec.name] = tensor.array
        wanted = list(dict.fromkeys(self._outputs[name][0].name for name in fetches))
        for key in wanted:
            self._receive(key, inputs.get(key, {}))
        if not fetches:
            raise InvalidArgument("Must specify at least one target to fetch or execute.")
        for index, (name, tensor) in enumerate(feeds.items()):
            _check_input(index, self._inputs[name][1], tensor)
        answers = {key: self._answer(key, inputs.get(key, {})) for key in wanted}
        found = [self._outputs[name] for name in fetches]
        return [answers[signature.name][spec.name] for signature, spec in found]

    def _answer(self, key: str, inputs: Mapping[str, Array]) -> dict[str, Tensor]:
        signature = self._schema.signatures[key]
        program = self._program(self._schema.name, key)
        if program is None:
            batch = _batch(signature, inputs)
            return {name: _zeros(spec, batch) for name, spec in signature.outputs.items()}
        outputs: Any = program(inputs) if callable(program) else program
        if not isinstance(outputs, Mapping):
            raise Internal(
                f"the answer programmed for {self._schema.name}, {key} must be a dict of outputs by"
                f" name, not {outputs!r:.50}"
            )
        if set(outputs) != set(signature.outputs):
            raise Internal(
                f"the answer programmed for {self._schema.name}, {key} has the outputs"
                f" {sorted(outputs)}, but its signature has {sorted(signature.outputs)}"
            )
        return {name: _output(spec, outputs[name]) for name, spec in signature.outputs.items()}


_ENCODINGS = {"coo_sparse": "coo_sparse", "composite": "composite_tensor"}


def _claimed(name: str, taken: Mapping[str, object]) -> str:
    candidate, count = f"{name}:0", 1
    while candidate in taken:
        candidate, count = f"{name}_{count}:0", count + 1
    return candidate


def _check_input(index: int, spec: TensorSpec, tensor: Tensor) -> None:
    """Refuse a wrong type as TensorFlow does, and a shape that the signature excludes."""
    if tensor.dtype != spec.dtype:
        expected, got = dtype_name(spec.dtype.number), dtype_name(tensor.dtype.number)
        raise InvalidArgument(f"Expects arg[{index}] to be {expected} but {got} is provided")
    if not _fits(spec.shape, tensor.array.shape):
        raise InvalidArgument(
            f"input {spec.name} is {spec}, but came as {list(tensor.array.shape)}"
        )


def _fits(declared: tuple[int, ...] | None, shape: tuple[int, ...]) -> bool:
    return declared is None or (
        len(declared) == len(shape)
        and all(want in (-1, size) for want, size in zip(declared, shape, strict=True))
    )


def _batch(signature: Signature, inputs: Mapping[str, Array]) -> int:
    """How many rows the outputs are to have: as many as an input that may have any number."""
    for name, array in inputs.items():
        shape = signature.inputs[name].shape
        if array.ndim and (shape is None or shape[0] == -1):
            return len(array)
    return 1


def _zeros(spec: TensorSpec, batch: int) -> Tensor:
    declared = spec.shape
    if declared is None:
        declared = (-1, -1) if spec.name in (_CLASSES, _SCORES) else (-1,)
    shape = tuple(size if size >= 0 else 1 if axis else batch for axis, size in enumerate(declared))
    if math.prod(shape) > _MAX_ELEMENTS:
        raise ResourceExhausted(f"output {spec.name} would be {list(shape)}: program an answer")
    filler: Any = b"" if spec.dtype == STRING else 0
    return Tensor(spec.dtype, np.full(shape, filler, spec.dtype.numpy))


def _output(spec: TensorSpec, value: Any) -> Tensor:
    """A programmed output, as the signature's type if that loses nothing but precision."""
    try:
        array = to_tensor(value, spec, None).array
    except InvalidInput as error:
        raise Internal(
            f"output {spec.name} of {spec} cannot be what is programmed: it {error.details}"
        ) from error
    if not _fits(spec.shape, array.shape):
        raise Internal(f"output {spec.name} is programmed as {list(array.shape)}, but is {spec}")
    return Tensor(spec.dtype, array)
