"""A model of a client, named once: ``client.model("digits").predict(images)``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfsclient._client.aio import AsyncClient
    from tfsclient._client.flows import Examples
    from tfsclient._client.sync import Client
    from tfsclient._inputs.example import ExampleLike
    from tfsclient._inputs.prepare import Inputs
    from tfsclient.results import Classes, Float32s, Prediction, VersionStatus
    from tfsclient.schema import Model, Signature


class _Bound:
    """Which model, and which version of it.

    Attributes:
        name: the model's name.
        version: the version to call; None for the latest.
        label: the version label to call; None if none is asked for.
    """

    def __init__(self, name: str, version: int | None, label: str | None) -> None:
        self.name = name
        self.version = version
        self.label = label

    def _which(self) -> dict[str, Any]:
        return {"version": self.version, "label": self.label}


class BoundModel(_Bound):
    """A model of a :class:`tfsclient.Client`; the methods take what the client's own take."""

    def __init__(self, client: Client, name: str, version: int | None, label: str | None) -> None:
        super().__init__(name, version, label)
        self._client = client

    def predict(self, inputs: Inputs, **options: Any) -> Prediction:
        """See :meth:`tfsclient.Client.predict`."""
        return self._client.predict(self.name, inputs, **self._which(), **options)

    def predict_future(self, inputs: Inputs, **options: Any) -> Future[Prediction]:
        """See :meth:`tfsclient.Client.predict_future`."""
        return self._client.predict_future(self.name, inputs, **self._which(), **options)

    def predict_batches(self, batches: Iterable[Inputs], **options: Any) -> Iterator[Prediction]:
        """See :meth:`tfsclient.Client.predict_batches`."""
        return self._client.predict_batches(self.name, batches, **self._which(), **options)

    def classify(
        self, examples: Examples, context: ExampleLike | None = None, **options: Any
    ) -> Classes:
        """See :meth:`tfsclient.Client.classify`."""
        return self._client.classify(self.name, examples, context, **self._which(), **options)

    def regress(
        self, examples: Examples, context: ExampleLike | None = None, **options: Any
    ) -> Float32s:
        """See :meth:`tfsclient.Client.regress`."""
        return self._client.regress(self.name, examples, context, **self._which(), **options)

    def multi_inference(
        self,
        tasks: Mapping[str, str],
        examples: Examples,
        context: ExampleLike | None = None,
        **options: Any,
    ) -> dict[str, Classes | Float32s]:
        """See :meth:`tfsclient.Client.multi_inference`."""
        return self._client.multi_inference(
            self.name, tasks, examples, context, **self._which(), **options
        )

    def metadata(self, **options: Any) -> Model:
        """See :meth:`tfsclient.Client.metadata`."""
        return self._client.metadata(self.name, **self._which(), **options)

    def signature(self, signature: str | None = None, **options: Any) -> Signature:
        """See :meth:`tfsclient.Client.signature`."""
        return self._client.signature(self.name, signature, **self._which(), **options)

    def status(self, **options: Any) -> list[VersionStatus]:
        """See :meth:`tfsclient.Client.status`."""
        return self._client.status(self.name, version=self.version, **options)

    def wait_until_ready(self, *, timeout: float | None = 60.0) -> VersionStatus:
        """See :meth:`tfsclient.Client.wait_until_ready`."""
        return self._client.wait_until_ready(self.name, version=self.version, timeout=timeout)


class AsyncBoundModel(_Bound):
    """A model of a :class:`tfsclient.AsyncClient`; the methods take what the client's own take."""

    def __init__(
        self, client: AsyncClient, name: str, version: int | None, label: str | None
    ) -> None:
        super().__init__(name, version, label)
        self._client = client

    def predict(self, inputs: Inputs, **options: Any) -> Awaitable[Prediction]:
        """See :meth:`tfsclient.Client.predict`."""
        return self._client.predict(self.name, inputs, **self._which(), **options)

    def predict_batches(self, batches: Any, **options: Any) -> AsyncIterator[Prediction]:
        """See :meth:`tfsclient.Client.predict_batches`."""
        return self._client.predict_batches(self.name, batches, **self._which(), **options)

    def classify(
        self, examples: Examples, context: ExampleLike | None = None, **options: Any
    ) -> Awaitable[Classes]:
        """See :meth:`tfsclient.AsyncClient.classify`."""
        return self._client.classify(self.name, examples, context, **self._which(), **options)

    def regress(
        self, examples: Examples, context: ExampleLike | None = None, **options: Any
    ) -> Awaitable[Float32s]:
        """See :meth:`tfsclient.AsyncClient.regress`."""
        return self._client.regress(self.name, examples, context, **self._which(), **options)

    def multi_inference(
        self,
        tasks: Mapping[str, str],
        examples: Examples,
        context: ExampleLike | None = None,
        **options: Any,
    ) -> Awaitable[dict[str, Classes | Float32s]]:
        """See :meth:`tfsclient.AsyncClient.multi_inference`."""
        return self._client.multi_inference(
            self.name, tasks, examples, context, **self._which(), **options
        )

    def metadata(self, **options: Any) -> Awaitable[Model]:
        """See :meth:`tfsclient.Client.metadata`."""
        return self._client.metadata(self.name, **self._which(), **options)

    def signature(self, signature: str | None = None, **options: Any) -> Awaitable[Signature]:
        """See :meth:`tfsclient.Client.signature`."""
        return self._client.signature(self.name, signature, **self._which(), **options)

    def status(self, **options: Any) -> Awaitable[list[VersionStatus]]:
        """See :meth:`tfsclient.Client.status`."""
        return self._client.status(self.name, version=self.version, **options)

    def wait_until_ready(self, *, timeout: float | None = 60.0) -> Awaitable[VersionStatus]:
        """See :meth:`tfsclient.Client.wait_until_ready`."""
        return self._client.wait_until_ready(self.name, version=self.version, timeout=timeout)
