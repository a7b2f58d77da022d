"""The REST routes of TF Serving: from a request's parts to an answer's, without any sockets."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import unquote_to_bytes

from tfsclient._codec.messages import message_class
from tfsclient._codec.model_ref import ModelRef
from tfsclient.errors import Code, InvalidArgument, TFSError
from tfsclient.schema import CLASSIFY, DEFAULT_SIGNATURE, REGRESS
from tfsclient.server import metrics
from tfsclient.server.inference import info
from tfsclient.server.inference.examples import ExampleInference, Task
from tfsclient.server.inference.predict import Inference
from tfsclient.server.interface import Around, Call, Models
from tfsclient.server.rest import responses
from tfsclient.server.rest.examples import read_examples, results
from tfsclient.server.rest.messages import to_json
from tfsclient.server.rest.requests import (
    parse_body,
    predict_inputs,
    signature_name,
)
from tfsclient.server.rest.tensors import JsonTensor
from tfsclient.server.text import to_bytes

_log = logging.getLogger("tfsclient.server")

_FLAGS = re.IGNORECASE | re.ASCII
_ANY = re.compile(r"/v1/.*", _FLAGS)
_VERSION = r"(?:(?:/versions/(\d+))|(?:/labels/([^/:]+)))?"
_INFERENCE = re.compile(rf"/v1/models/([^/:]+){_VERSION}:(classify|regress|predict)", _FLAGS)
_MODEL = re.compile(rf"/v1/models(?:/([^/:]+))?{_VERSION}(?:/(metadata))?", _FLAGS)
_ORIGIN = re.compile(r"https?://")
_METHODS = {"classify": CLASSIFY, "regress": REGRESS}
_MAX_VERSION = (1 << 63) - 1

_STATUSES = {
    Code.INVALID_ARGUMENT: 400,
    Code.FAILED_PRECONDITION: 400,
    Code.OUT_OF_RANGE: 400,
    Code.UNAUTHENTICATED: 401,
    Code.PERMISSION_DENIED: 403,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.ABORTED: 409,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.CANCELLED: 499,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
    Code.DEADLINE_EXCEEDED: 504,
}  # anything else is 500

_JSON = "application/json"
_TEXT = "text/plain"
_PREFLIGHT_TYPE = "text/html; charset=ISO-8859-1"
_CORS = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Methods", "POST, GET"),
    ("Access-Control-Allow-Headers", "Content-Type"),
)


# From the model and the body to the answer's body.
_Run = Callable[[ModelRef, bytes], str]


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, without what belongs to the connection."""

    status: int
    body: bytes = b""
    content_type: str = _JSON
    headers: tuple[tuple[str, str], ...] = ()


class RestApi:
    """TF Serving's routes.

    Args:
        models: the models, for their states and metadata.
        inference: what runs predict requests on them.
        examples: what runs classify and regress requests on them.
        around: entered around every call that is for one of the routes.
        timeout: seconds that a run may take.
        cors: whether answers carry the CORS headers.
        metrics_path: where Prometheus reads the metrics; None if it cannot.
    """

    def __init__(
        self,
        models: Models,
        inference: Inference,
        examples: ExampleInference,
        *,
        around: Around,
        timeout: float,
        cors: bool,
        metrics_path: str | None = None,
    ) -> None:
        self._models = models
        self._inference = inference
        self._examples = examples
        self._timeout = timeout
        self._around = around
        self._headers = _CORS if cors else ()
        self._metrics_path = metrics_path

    def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Answer | None:
        """Answer a request; None if it does not match any route.

        Args:
            method: "GET", "POST" and so on.
            path: the path with query and fragment, not decoded.
            headers: the request's headers, names in lower case.
            body: the body, inflated.
        """
        if path.partition("?")[0] == self._metrics_path:
            return self._metrics(path)
        if not _ANY.fullmatch(path):
            return None
        if method == "OPTIONS":
            allowed = _ORIGIN.search(headers.get("origin", ""))
            return Answer(200 if allowed else 400, b"", _PREFLIGHT_TYPE, self._headers)
        try:
            ref, verb, run = self._route(method, path)
            with self._around(Call("REST", verb, ref, headers)):
                answer = Answer(200, to_bytes(run(ref, body)))
        except _EmptyAnswer:
            answer = Answer(400)
        except TFSError as error:
            status = _STATUSES.get(error.code or Code.UNKNOWN, 500)
            answer = Answer(status, to_bytes(responses.error(error.details)))
        except BaseException as error:  # noqa: BLE001 (one call's failure; the server goes on)
            # Among them are pytest.fail() and sys.exit() in what a test makes the server call.
            _log.exception("a call failed")
            answer = Answer(500, to_bytes(responses.error(f"{type(error).__name__}: {error}")))
        return replace(answer, headers=self._headers)

    def _metrics(self, path: str) -> Answer:
        if path != self._metrics_path:
            text = f"Unexpected path: {path}. Should be {self._metrics_path}"
            return Answer(400, to_bytes(text), _TEXT)
        return Answer(200, to_bytes(metrics.page()), _TEXT)

    def _route(self, method: str, path: str) -> tuple[ModelRef, str, _Run]:
        """Which model a request is for, what it wants, and what answers it."""
        if method == "POST" and (match := _INFERENCE.fullmatch(path)):
            name, version, label, verb = match.groups()
            ref = _ref(name, version, label)
            if verb == "predict":
                return ref, verb, self._predict
            if verb in _METHODS:
                return ref, verb, partial(self._run_examples, _METHODS[verb])
        elif method == "GET" and (match := _MODEL.fullmatch(path)):
            name, version, label, resource = match.groups()
            ref = _ref(name or "", version, label)
            if not ref.name:
                raise InvalidArgument("Missing model name in request.")
            if resource == "metadata":
                return ref, resource, self._metadata
            return ref, "", self._status
        raise InvalidArgument(f"Malformed request: {method} {path}")

    def _predict(self, ref: ModelRef, body: bytes) -> str:
        document = parse_body(body)
        ref = ModelRef.received(ref.name, ref.version, ref.label, signature_name(document))
        with self._models.lease(ref) as version:
            key = ref.signature or DEFAULT_SIGNATURE
            signature = version.model.signatures.get(key)
            if signature is None:
                raise InvalidArgument(f'Serving signature name: "{key}" not found in signature def')
            if not signature.inputs:
                raise InvalidArgument(
                    f"Failed to get input map for signature: {ref.signature or 'DEFAULT'}"
                )
            inputs, row = predict_inputs(document, signature.inputs)
            response = self._inference.run(
                version, ref, inputs, read=JsonTensor.to_tensor, timeout=self._timeout
            )
        return responses.predictions(response.outputs, row=row)

    def _run_examples(self, method: str, ref: ModelRef, body: bytes) -> str:
        document = parse_body(body)
        ref = ModelRef.received(ref.name, ref.version, ref.label, signature_name(document))
        examples = read_examples(document)
        result = self._examples.run_one(Task(ref, method), examples, timeout=self._timeout)
        return results(result)

    def _status(self, ref: ModelRef, _: bytes) -> str:
        return to_json(info.get_model_status(self._models, ref))

    def _metadata(self, ref: ModelRef, _: bytes) -> str:
        response = info.get_model_metadata(self._models, ref, [info.SIGNATURE_DEF])
        signatures = message_class("tensorflow.serving.SignatureDefMap")()
        response.metadata[info.SIGNATURE_DEF].Unpack(signatures)
        return (
            f'{{\n"model_spec":{to_json(response.model_spec)},\n'
            f'"metadata": {{"signature_def": {to_json(signatures)}}}\n}}\n'
        )


class _EmptyAnswer(Exception):
    """The one error whose text TF Serving does not write."""


def _ref(name: str, version: str | None, label: str | None) -> ModelRef:
    return ModelRef.received(
        _decoded(name),
        None if version is None else _number(version),
        None if label is None else _decoded(label),
    )


def _number(version: str) -> int:
    # Python refuses to read thousands of digits at once.
    digits = version.lstrip("0")[: len(str(_MAX_VERSION)) + 1]
    number = int(digits or "0")
    if number > _MAX_VERSION:
        raise _EmptyAnswer
    return number


def _decoded(text: str) -> str:
    return unquote_to_bytes(text).decode(errors="surrogateescape")
