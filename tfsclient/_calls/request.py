"""Requests that were checked and converted, and are not bound to a transport."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from tfsclient._calls.options import Outputs, read_flag, read_names
from tfsclient._codec import inference, predict
from tfsclient._codec.example import Content
from tfsclient._codec.inference import Task
from tfsclient._codec.model_ref import ModelRef
from tfsclient._codec.protobuf import Buffer, join
from tfsclient._codec.tensor import Tensor, decode_tensor
from tfsclient._inputs import prepare
from tfsclient._inputs.example import ExampleLike, contents_of
from tfsclient._inputs.messages import message_name
from tfsclient._tables import listed, short, visible
from tfsclient.dtypes import INVALID, LOADING, STRING
from tfsclient.errors import (
    USE_GRPC,
    DecodeError,
    InvalidInput,
    MissingExtra,
    cannot_send,
    did_you_mean,
    of_type,
    shown,
)
from tfsclient.schema import Features, Signature


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PredictRequest:
    """What :meth:`tfsclient.Client.send` sends; made by ``build_predict`` or :meth:`from_message`.

    Attributes:
        ref: which model, version and signature to call.
        tensors: the inputs, by name.
        outputs: the outputs to return; None for all.
        spec: the signature itself, where it is known.
    """

    ref: ModelRef
    tensors: Mapping[str, Tensor]
    outputs: Sequence[str] | None = None
    spec: Signature | None = None

    def to_bytes(self) -> bytes:
        """The serialized ``tensorflow.serving.PredictRequest``.

        Raises:
            InvalidInput: it would be 2 GiB or more, which neither protobuf nor gRPC can carry.
        """
        return join(self.to_parts())

    def to_parts(self) -> list[Buffer]:
        """What :meth:`to_bytes` joins; large arrays are not copied."""
        return predict.encode_predict_request(self.ref, self.tensors, self.outputs or ())

    def to_json(self, row: bool = False) -> bytes:
        """The body of the same request over REST.

        Args:
            row: whether to write ``instances``, a value or an object for each row of the batch,
                rather than ``inputs``, the column form that tfsclient sends.

        Raises:
            Unimplemented: a tensor has no JSON form that the server reads.
            InvalidInput: the inputs have no common first dimension, so there are no rows.
        """
        with LOADING:  # which gRPC does without
            from tfsclient._codec import rest_json

        if not row:
            return rest_json.encode_predict(self.tensors, self.ref.signature)
        try:
            return rest_json.encode_predict_rows(self.tensors, self.ref.signature)
        except InvalidInput as error:
            error.model, error.signature = self.ref.name, self.ref.signature
            raise

    def to_curl(self, url: str = "http://localhost:8501") -> str:
        """A shell command that sends the same request to the REST server at ``url``."""
        with LOADING:  # which gRPC does without
            from tfsclient._calls.urls import to_curl

        return to_curl(url, self.ref, "predict", self.to_json())

    @classmethod
    def from_message(cls, message: Any) -> PredictRequest:
        """The request of an official ``PredictRequest`` message, of any protobuf pool.

        Raises:
            InvalidInput: it is not such a message, or an input in it is not a tensor.
        """
        name = message_name(message)
        if name != "tensorflow.serving.PredictRequest":
            what = f"a {name}" if name else of_type(message)
            raise InvalidInput(f"{what} is not a PredictRequest")
        read = predict.decode_predict_request(message.SerializeToString())
        ref = read.ref or ModelRef.received()
        tensors = {}
        for name, proto in read.inputs.items():
            try:
                tensors[name] = decode_tensor(proto)
            except DecodeError as error:
                raise InvalidInput(
                    f"input {name!r}: {error.details}", model=ref.name, signature=ref.signature
                ) from error
        return cls(ref, tensors, read.output_filter or None)

    def to_message(self) -> Any:
        """The same request as the official ``predict_pb2.PredictRequest``.

        Raises:
            MissingExtra: tensorflow-serving-api is not installed.
        """
        try:
            predict_pb2: Any = import_module("tensorflow_serving.apis.predict_pb2")
        except ImportError as error:
            raise MissingExtra(
                "official messages need tensorflow-serving-api: pip install 'tfsclient[tensorflow]'"
            ) from error
        return predict_pb2.PredictRequest.FromString(self.to_bytes())

    def __repr__(self) -> str:
        inputs = [
            f"{short(visible(name))} {tensor.dtype} {list(tensor.array.shape)}"
            for name, tensor in self.tensors.items()
        ]
        return f"<PredictRequest of {self.ref}: {listed(inputs)}>"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ExamplesRequest:
    """A classify, regress or multi-inference request; made by ``build_classify`` and the like.

    Attributes:
        method: the gRPC method: "Classify", "Regress" or "MultiInference".
        tasks: which model and signature is to do what; one for Classify and Regress.
        examples: the Examples: features by name, or bytes where they came as those.
        context: what all Examples share; None for nothing.
    """

    method: str
    tasks: Sequence[tuple[ModelRef, Task]]
    examples: Sequence[Content]
    context: Content | None

    @property
    def ref(self) -> ModelRef:
        """The model to call; of several tasks without a signature."""
        ref = self.tasks[0][0]
        return ref.with_signature(None) if len(self.tasks) > 1 else ref

    def to_bytes(self) -> bytes:
        """The serialized ``tensorflow.serving`` request.

        Raises:
            InvalidInput: it would be 2 GiB or more, which neither protobuf nor gRPC can carry.
        """
        if self.method == "MultiInference":
            return inference.encode_multi_request(self.tasks, self.examples, self.context)
        return inference.encode_request(self.ref, self.examples, self.context)

    def to_json(self) -> bytes:
        """The body of the same request over REST.

        Raises:
            Unimplemented: REST has no multi-inference.
        """
        if self.method == "MultiInference":
            raise cannot_send("REST has no multi-inference", model=self.ref.name, hint=USE_GRPC)
        with LOADING:
            from tfsclient._codec import rest_json

        try:
            return rest_json.encode_examples(self.examples, self.context, self.ref.signature)
        except InvalidInput as error:
            error.model, error.signature = self.ref.name, self.ref.signature
            raise

    def to_curl(self, url: str = "http://localhost:8501") -> str:
        """A shell command that sends the same request to the REST server at ``url``."""
        with LOADING:
            from tfsclient._calls.urls import to_curl

        return to_curl(url, self.ref, self.method.lower(), self.to_json())

    def __repr__(self) -> str:
        many = f"{len(self.examples)} example{'s' * (len(self.examples) != 1)}"
        return f"<ExamplesRequest of {self.ref}: {self.method} of {many}>"


def build_predict(
    model: str,
    inputs: prepare.Inputs,
    *,
    signature: Signature,
    version: int | None = None,
    label: str | None = None,
    outputs: Outputs = None,
    validate: bool = True,
) -> PredictRequest:
    """A predict request for a known signature; no client, no network.

    Args:
        model: the model's name.
        inputs: the inputs, as :meth:`tfsclient.Client.predict` takes them.
        signature: what the model wants and gives.
        version: ask for this version; not together with ``label``.
        label: ask for the version with this label.
        outputs: the outputs to return; None for all.
        validate: whether to check the inputs against the signature and cast them to its dtypes.

    Raises:
        InvalidInput: the inputs do not fit the signature, or no client can call it.
    """
    if not isinstance(signature, Signature):
        raise InvalidInput(
            f"signature must be a Signature, not {of_type(signature)}",
            hint="without one, client.build_predict asks the server",
        )
    ref = ModelRef(model, version, label, signature.name)
    names = None if outputs is None else read_names(outputs, "outputs")
    return predict_request(ref, signature, inputs, names, read_flag(validate, "validate"))


def predict_request(
    ref: ModelRef,
    spec: Signature,
    inputs: prepare.Inputs,
    outputs: Sequence[str] | None,
    validate: bool,
) -> PredictRequest:
    """A predict request for a known signature; see :func:`build_predict`."""
    if validate:
        _check_outputs(outputs, spec, ref.name)
    if spec.why_unusable is not None:
        check_usable(ref, spec, outputs, validate)
    if validate:
        tensors = prepare.prepare(inputs, spec, model=ref.name)
    else:
        named = prepare.name_inputs(inputs, spec, model=ref.name)
        tensors = prepare.as_they_are(named, model=ref.name, signature=spec.name, specs=spec.inputs)
    return PredictRequest(ref, tensors, outputs, spec)


def check_usable(
    ref: ModelRef, spec: Signature, outputs: Sequence[str] | None, validate: bool
) -> None:
    """Refuse a signature that cannot be called for these outputs."""
    asked, hint = spec, ""
    if outputs is not None:
        # An output that cannot be fetched does not matter to those who do not ask for it.
        wanted = {name: output for name, output in spec.outputs.items() if name in outputs}
        asked = replace(spec, outputs=wanted) if wanted else spec
    reason = asked.why_unusable
    if reason is None:
        return
    if _typed(asked).why_unusable is None:
        if not validate:
            return
        hint = prepare.AS_THEY_ARE
    elif (others := spec.callable_part()) is not None:
        hint = f"its other outputs can be had over gRPC: outputs={list(others.outputs)}"
    raise InvalidInput(
        f"it cannot be called: {reason}", model=ref.name, signature=spec.name, hint=hint or None
    )


def _typed(spec: Signature) -> Signature:
    """The signature as if it had a type for each tensor that was exported without one."""
    inputs, outputs = (
        {n: replace(s, dtype=STRING) if s.dtype == INVALID else s for n, s in specs.items()}
        for specs in (spec.inputs, spec.outputs)
    )
    return replace(spec, inputs=inputs, outputs=outputs)


def _check_outputs(outputs: Sequence[str] | None, spec: Signature, model: str) -> None:
    for name in outputs or ():
        if name not in spec.outputs:
            raise InvalidInput(
                f"there is no output {name!r}{did_you_mean(name, spec.outputs)}; the outputs are "
                f"{', '.join(spec.outputs)}",
                model=model,
                signature=spec.name,
            )


def build_classify(
    model: str,
    examples: Iterable[ExampleLike],
    context: ExampleLike | None = None,
    *,
    signature: str | Signature | None = None,
    version: int | None = None,
    label: str | None = None,
) -> ExamplesRequest:
    """A classify request, for a warm-up file or to look at; no client, no network.

    Args:
        model: the model's name.
        examples: tf.Examples, as :meth:`tfsclient.Client.classify` takes them.
        context: an Example whose features all of them share.
        signature: the signature's name; None for serving_default.  A ``Signature`` also has the
            Examples checked, if it says what their features are.
        version: ask for this version; not together with ``label``.
        label: ask for the version with this label.

    Raises:
        InvalidInput: there are no Examples, or one cannot be written or does not fit.
    """
    ref, features = _called(ModelRef(model, version, label), signature)
    return examples_request("Classify", [(ref, "classify")], examples, context, features)


def build_regress(
    model: str,
    examples: Iterable[ExampleLike],
    context: ExampleLike | None = None,
    *,
    signature: str | Signature | None = None,
    version: int | None = None,
    label: str | None = None,
) -> ExamplesRequest:
    """A regress request; arguments and errors are those of :func:`build_classify`."""
    ref, features = _called(ModelRef(model, version, label), signature)
    return examples_request("Regress", [(ref, "regress")], examples, context, features)


def build_multi_inference(
    model: str,
    tasks: Mapping[str, Task],
    examples: Iterable[ExampleLike],
    context: ExampleLike | None = None,
    *,
    version: int | None = None,
    label: str | None = None,
) -> ExamplesRequest:
    """A multi-inference request, over gRPC only.

    Args:
        model: the model's name.
        tasks: "classify" or "regress" for each signature's name.
        examples: as for :func:`build_classify`, and so are the rest.
        context: an Example whose features all of them share.
        version: ask for this version; not together with ``label``.
        label: ask for the version with this label.

    Raises:
        InvalidInput: there are no tasks or no Examples, or one of them makes no sense.
    """
    listed = multi_tasks(ModelRef(model, version, label), tasks)
    return examples_request("MultiInference", listed, examples, context, None)


def _called(ref: ModelRef, signature: str | Signature | None) -> tuple[ModelRef, Features | None]:
    """The model with the signature, and what the Examples hold, where that is known."""
    if isinstance(signature, Signature):
        return ref.with_signature(signature.name), signature.features
    return ref.with_signature(signature), None


def multi_tasks(ref: ModelRef, tasks: Mapping[str, Task]) -> list[tuple[ModelRef, Task]]:
    """The tasks of a multi-inference request.

    Raises:
        InvalidInput: there are none, or one is neither "classify" nor "regress".
    """
    if not isinstance(tasks, Mapping):
        raise InvalidInput(
            f'tasks are a dict of signature to "classify" or "regress", not {shown(tasks)}',
            model=ref.name,
        )
    if not tasks:
        raise InvalidInput("there are no tasks", model=ref.name)
    for name, task in tasks.items():
        if task not in inference.METHODS:
            raise InvalidInput(
                f'a task is "classify" or "regress", not {task!r}', model=ref.name, signature=name
            )
    return [(ref.with_signature(name), task) for name, task in tasks.items()]


def examples_request(
    method: str,
    tasks: Sequence[tuple[ModelRef, Task]],
    examples: Iterable[ExampleLike],
    context: ExampleLike | None,
    features: Features | None,
) -> ExamplesRequest:
    """A request of a method that takes Examples, checked against their features if known.

    Raises:
        InvalidInput: there are no Examples, or one cannot be written or does not fit.
    """
    model = tasks[0][0].name
    signature = tasks[0][0].signature if len(tasks) == 1 else None
    try:
        contents, before = contents_of(examples, context, features)
    except InvalidInput as error:
        error.model, error.signature = model, signature
        raise
    if not contents:
        raise InvalidInput("there are no examples", model=model, signature=signature)
    return ExamplesRequest(method, tasks, contents, before)
