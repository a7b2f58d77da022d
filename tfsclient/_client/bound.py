"""A model of a client, named once: ``client.model("digits").predict(images)``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from functools import partial

from tfsclient._calls.options import DEFAULT, Flag, Headers, Options, Outputs, Timeout
from tfsclient._client.batches import Batches, run_batches
from tfsclient._client.readiness import wait_until_ready
from tfsclient._client.sending import Sender
from tfsclient._client.shown import bound_html, bound_line, bound_text
from tfsclient._codec.inference import Task
from tfsclient._codec.model_ref import ModelRef
from tfsclient._inputs.example import ExampleLike, Examples
from tfsclient._inputs.prepare import Inputs
from tfsclient.dtypes import LOADING
from tfsclient.results import Classes, Float32s, Prediction, VersionStatus
from tfsclient.schema import Model, Signature


class BoundModel:
    """A model of a :class:`tfsclient.Client`; the methods take what the client's own take.

    Attributes:
        name: the model's name.
        version: the version to call; None for the latest.
        label: the version label to call; None if none is asked for.
    """

    def __init__(self, sender: Sender, ref: ModelRef) -> None:
        self._sender = sender
        self._ref = ref
        self.name = ref.name
        self.version = ref.version
        self.label = ref.label

    def predict(
        self,
        inputs: Inputs,
        *,
        signature: str | Signature | None = None,
        outputs: Outputs = None,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
        validate: Flag = DEFAULT,
        copy: Flag = DEFAULT,
    ) -> Prediction:
        """See :meth:`tfsclient.Client.predict`."""
        options = Options(outputs, timeout, headers, validate, copy)
        return self._sender.predict(self._ref, signature, inputs, options)

    def predict_future(
        self,
        inputs: Inputs,
        *,
        signature: str | Signature | None = None,
        outputs: Outputs = None,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
        validate: Flag = DEFAULT,
        copy: Flag = DEFAULT,
    ) -> Future[Prediction]:
        """See :meth:`tfsclient.Client.predict_future`."""
        options = Options(outputs, timeout, headers, validate, copy)
        return self._sender.predict_future(self._ref, signature, inputs, options)

    def predict_batches(
        self,
        batches: Iterable[Inputs],
        *,
        concurrency: int = 8,
        ordered: bool = True,
        batch_size: int | None = None,
        signature: str | Signature | None = None,
        outputs: Outputs = None,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
        validate: Flag = DEFAULT,
        copy: Flag = DEFAULT,
    ) -> Iterator[Prediction]:
        """See :meth:`tfsclient.Client.predict_batches`."""
        options = Options(outputs, timeout, headers, validate, copy)
        build = partial(self._sender.flows.build, self._ref, signature, options=options)
        plan = Batches(concurrency, ordered, batch_size)
        return run_batches(self._sender, batches, build, plan, options)

    def classify(
        self,
        examples: Examples,
        context: ExampleLike | None = None,
        *,
        signature: str | Signature | None = None,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
        validate: Flag = DEFAULT,
    ) -> Classes:
        """See :meth:`tfsclient.Client.classify`."""
        options = Options(None, timeout, headers, validate)
        flow = self._sender.flows.classify(self._ref, signature, examples, context, options)
        return self._sender.run(flow, options)

    def regress(
        self,
        examples: Examples,
        context: ExampleLike | None = None,
        *,
        signature: str | Signature | None = None,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
        validate: Flag = DEFAULT,
    ) -> Float32s:
        """See :meth:`tfsclient.Client.regress`."""
        options = Options(None, timeout, headers, validate)
        flow = self._sender.flows.regress(self._ref, signature, examples, context, options)
        return self._sender.run(flow, options)

    def multi_inference(
        self,
        tasks: Mapping[str, Task],
        examples: Examples,
        context: ExampleLike | None = None,
        *,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
        validate: Flag = DEFAULT,
    ) -> dict[str, Classes | Float32s]:
        """See :meth:`tfsclient.Client.multi_inference`."""
        options = Options(None, timeout, headers, validate)
        flow = self._sender.flows.multi_inference(self._ref, tasks, examples, context, options)
        return self._sender.run(flow, options)

    def metadata(self, *, timeout: Timeout = DEFAULT, headers: Headers = None) -> Model:
        """See :meth:`tfsclient.Client.metadata`."""
        flow = self._sender.flows.metadata(self._ref)
        return self._sender.run(flow, Options(None, timeout, headers))

    def signature(
        self,
        signature: str | None = None,
        *,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
    ) -> Signature:
        """See :meth:`tfsclient.Client.signature`."""
        flow = self._sender.flows.signature(self._ref, signature)
        return self._sender.run(flow, Options(None, timeout, headers))

    def view_api(
        self,
        signature: str | None = None,
        *,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
    ) -> None:
        """See :meth:`tfsclient.Client.view_api`."""
        flow = self._sender.flows.described(self._ref)
        model = self._sender.run(flow, Options(None, timeout, headers))
        with LOADING:  # which few programs need
            from tfsclient._client.view_api import view_api

        print(view_api(self._sender, self._ref, model, signature))

    def status(self, *, timeout: Timeout = DEFAULT, headers: Headers = None) -> list[VersionStatus]:
        """See :meth:`tfsclient.Client.status`."""
        flow = self._sender.flows.status(self._ref)
        return self._sender.run(flow, Options(None, timeout, headers))

    def wait_until_ready(self, *, timeout: float | None = 60.0) -> VersionStatus:
        """See :meth:`tfsclient.Client.wait_until_ready`."""
        return wait_until_ready(self._sender, self._ref, timeout)

    def __repr__(self) -> str:
        return bound_line("BoundModel", self._ref, self._sender)

    def __str__(self) -> str:
        return bound_text(self._ref, self._sender)

    def _repr_html_(self) -> str:
        return bound_html(self._ref, self._sender)
