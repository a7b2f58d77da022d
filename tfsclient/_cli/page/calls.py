"""Calls of a model, each cancelled when the page that waits for it goes away; the last ones."""

from __future__ import annotations

import itertools
import re
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from anyio import to_thread

from tfsclient._calls.request import PredictRequest
from tfsclient._cli.page import answers, forms
from tfsclient._cli.page.forms import Filled, Request
from tfsclient._cli.page.servers import Server, Servers, seen
from tfsclient._client.call_info import CallInfo
from tfsclient._codec.model_ref import ModelRef
from tfsclient.errors import InvalidInput, TFSError
from tfsclient.results import Prediction
from tfsclient.schema import Signature

_KEPT: Final = 50
_MOST_BYTES: Final = 256 << 20  # of answers and requests that are kept
_MOST_FORM: Final = 1 << 20  # bytes of a form that can be filled in again


@dataclass(frozen=True)
class Asked:
    """What the page asks for: a form, as it was posted.

    Attributes:
        number: which server.
        ref: the model, version or label.
        signature: the signature's name.
        inputs: a field for each input.
        whole: one field for all.
    """

    number: int
    ref: ModelRef
    signature: str
    inputs: Mapping[str, Any]
    whole: Mapping[str, Any] | None

    @staticmethod
    def read(data: Any) -> Asked:
        """What a request of the page's holds.

        Raises:
            InvalidInput: it is not such a form.
        """
        number, ref = read_ref(data)
        signature, inputs, whole = data.get("signature"), data.get("inputs"), data.get("whole")
        if not isinstance(signature, str):
            raise InvalidInput("signature must be text")
        if inputs is None:
            inputs = {}
        for one in (inputs, {} if whole is None else whole):
            if not isinstance(one, Mapping):
                raise InvalidInput("a form must be an object")
        if not all(isinstance(one, Mapping) for one in inputs.values()):
            raise InvalidInput("a field must be an object")
        return Asked(number, ref, signature, inputs, whole)


def read_ref(data: Any) -> tuple[int, ModelRef]:
    """Which server and model a request is about.

    Raises:
        InvalidInput: it does not say so, or they cannot be.
    """
    if not isinstance(data, Mapping):
        raise InvalidInput("a request must be an object")
    number, model = data.get("target", 0), data.get("model")
    version, label = _version(data.get("version")), data.get("label")
    if type(number) is not int or not isinstance(model, str) or not model:
        raise InvalidInput("target must be a number, and model a name")
    return number, ModelRef(model, version, label or None)


def _version(value: Any) -> Any:
    """A version that came as text, since JavaScript would round the number; all else as it is."""
    if isinstance(value, str) and re.fullmatch("[0-9]{1,20}", value):
        return int(value)
    return value


@dataclass
class Done:
    """A call that was answered.

    Attributes:
        id: its number.
        server: where it went.
        asked: the form.
        signature: what was called.
        filled: the form as it was read.
        answer: the outputs.
        pairs: whether they are classify's labels and scores.
        seconds: how long its parts took.
        when: seconds since 1970.
        form: the form as it was posted; None if it is too large to be kept.
    """

    id: int
    server: Server
    asked: Asked
    signature: Signature
    filled: Filled
    answer: Prediction
    pairs: bool
    seconds: Mapping[str, float]
    sizes: Mapping[str, int]
    form: Any
    when: float = field(default_factory=time.time)

    @property
    def request(self) -> Request:
        """What was sent."""
        return self.filled.request

    @property
    def kept_bytes(self) -> int:
        """About how much memory it holds."""
        sent = self.request.tensors.values() if isinstance(self.request, PredictRequest) else ()
        arrays = [*self.answer.values(), *(tensor.array for tensor in sent)]
        return sum(array.nbytes for array in arrays) + sum(self.sizes.values())

    def summary(self) -> dict[str, Any]:
        """A line in the list of the last calls."""
        ref = self.asked.ref
        return {
            "id": self.id,
            "when": self.when,
            "target": self.asked.number,
            "model": ref.name,
            "version": answers.number(ref.version),
            "label": ref.label,
            "answered": answers.number(self.answer.version),
            "signature": self.signature.name,
            "seconds": self.seconds,
            "again": self.form is not None,
        }


class Calls:
    """Makes calls, and keeps the last of them."""

    def __init__(self, servers: Servers) -> None:
        self.servers = servers
        self._done: OrderedDict[int, Done] = OrderedDict()
        self._numbers = itertools.count(1)

    async def fill(self, asked: Asked) -> tuple[Signature, Filled]:
        """The form, read and checked; nothing is sent but discovery.

        Raises:
            Refusal: a field does not fit.
            TFSError: the model's signatures cannot be had.
        """
        model = await self.servers.model(asked.number, asked.ref)
        signature = model.signature(asked.signature)
        filled = await to_thread.run_sync(
            forms.fill, asked.ref, signature, asked.inputs, asked.whole
        )
        return signature, filled

    async def call(self, asked: Asked, form: Any, size: int) -> Done:
        """Make a call.

        Args:
            asked: the form.
            form: the same as it was posted.
            size: its bytes.

        Raises:
            Refusal: a field does not fit.
            TFSError: it failed.
        """
        started = time.perf_counter()
        signature, filled = await self.fill(asked)
        read = time.perf_counter() - started
        infos: list[CallInfo] = []
        seen.set(infos)
        try:
            answer, pairs = await send(self.servers.at(asked.number), signature, filled)
        except TFSError:
            self.servers.forget(asked.number, asked.ref)  # it may be another model by now
            raise
        info = infos[-1] if infos else None
        done = Done(
            next(self._numbers),
            self.servers.at(asked.number),
            asked,
            signature,
            filled,
            answer,
            pairs,
            {
                "read": read,
                "encode": info.encode_seconds if info else 0.0,
                "wire": info.wire_seconds if info else 0.0,
                "decode": info.decode_seconds if info else 0.0,
            },
            {
                "sent": info.request_bytes if info else 0,
                "received": info.response_bytes if info else 0,
            },
            form if size <= _MOST_FORM else None,
        )
        self._keep(done)
        return done

    def _keep(self, done: Done) -> None:
        self._done[done.id] = done
        held = sum(one.kept_bytes for one in self._done.values())
        while len(self._done) > 1 and (len(self._done) > _KEPT or held > _MOST_BYTES):
            _, oldest = self._done.popitem(last=False)
            held -= oldest.kept_bytes

    def get(self, number: int) -> Done:
        """One of the last calls.

        Raises:
            InvalidInput: it is not kept any more.
        """
        try:
            return self._done[number]
        except KeyError:
            raise InvalidInput("that call is not kept any more: call again") from None

    def last(self) -> list[dict[str, Any]]:
        """The last calls, newest first."""
        return [done.summary() for done in reversed(self._done.values())]


async def send(server: Server, signature: Signature, filled: Filled) -> tuple[Prediction, bool]:
    """Send what was filled in.

    Returns:
        The outputs, and whether they are classify's labels and scores.

    Raises:
        TFSError: the call failed.
    """
    request, client = filled.request, server.client
    if isinstance(request, PredictRequest):
        return await client.send(request), False
    ref = request.ref
    (examples,) = filled.values.values()
    classifies = signature.kind == "classify"
    if classifies:
        classes = await client.classify(
            ref.name, examples, signature=signature, version=ref.version, label=ref.label
        )
        outputs = answers.of_classes(classes)
    else:
        numbers = await client.regress(
            ref.name, examples, signature=signature, version=ref.version, label=ref.label
        )
        outputs = {"outputs": numbers}
    answer = Prediction(outputs, model=ref.name, signature=signature.name, version=None)
    return answer, classifies
