"""The client for asyncio: what ``_client.sync`` has, awaited."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tfsclient._calls.options import DEFAULT, Flag, Headers, Options, Outputs, Timeout, Token
from tfsclient._calls.request import PredictRequest
from tfsclient._client.batches import Batches, arun_batches
from tfsclient._client.bound_aio import AsyncBoundModel
from tfsclient._client.examples import AsyncExampleCalls
from tfsclient._client.flows import Flows
from tfsclient._client.observe import OnCall
from tfsclient._client.protocols import make_async_transport, make_calls
from tfsclient._client.readiness import await_until_ready
from tfsclient._client.recipe import Recipe
from tfsclient._client.sending_aio import AsyncSender
from tfsclient._client.servers import Auth, choose
from tfsclient._codec.model_ref import ModelRef
from tfsclient._inputs.prepare import Inputs
from tfsclient._transports.settings import Settings
from tfsclient._transports.target import parse
from tfsclient.dtypes import LOADING
from tfsclient.results import Prediction, VersionStatus
from tfsclient.schema import Model, Signature

if TYPE_CHECKING:
    from tfsclient._calls.profiles.profile import Profile
    from tfsclient._transports.interface import AsyncTransport
    from tfsclient._transports.tls import TLS
    from tfsclient.meaning import Meaning
    from tfsclient.model_config import ConfigSource


class AsyncClient(AsyncExampleCalls):
    """:class:`tfsclient.Client` for asyncio: the same arguments, names and results, awaited.

    Each event loop that uses it has connections of its own; :meth:`close` closes those of the
    running one.
    ``http_client`` is an ``httpx.AsyncClient``.
    """

    def __init__(
        self,
        target: str | Sequence[str],
        *,
        timeout: float | None = 60.0,
        headers: Headers = None,
        token: Token = None,
        profile: str | Profile | None = None,
        auth: Auth = None,
        tls: bool | TLS | None = None,
        retries: int = 2,
        compression: str | None = None,
        validate: bool = True,
        copy: bool = False,
        schemas: Mapping[str, Model] | None = None,
        meanings: Mapping[str, Meaning] | None = None,
        on_call: OnCall = None,
        channel_options: Sequence[tuple[str, Any]] = (),
        http_client: Any = None,
        transport: AsyncTransport | None = None,
    ) -> None:
        super().__init__(recipe := Recipe(type(self), locals()))
        self._target = parse(target)
        server = choose(self._target, profile, auth, token, headers)
        settings = Settings(
            self._target, retries, tls, compression, channel_options, http_client, server.profile
        )
        flows = Flows(
            make_calls(self._target, server.profile),
            timeout=timeout,
            headers=server.headers,
            token=server.token,
            validate=validate,
            copy=copy,
            schemas=schemas,
            meanings=meanings,
        )
        sends = make_async_transport(settings, transport, server.authenticate)
        self._sender = AsyncSender(self._target, flows, sends, on_call, recipe)

    async def predict(
        self,
        model: str,
        inputs: Inputs,
        *,
        signature: str | Signature | None = None,
        version: int | None = None,
        label: str | None = None,
        outputs: Outputs = None,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
        validate: Flag = DEFAULT,
        copy: Flag = DEFAULT,
    ) -> Prediction:
        """Run a signature of a model; see :meth:`tfsclient.Client.predict`."""
        options = Options(outputs, timeout, headers, validate, copy)
        ref = ModelRef(model, version, label)
        return await self._sender.predict(ref, signature, inputs, options)

    def predict_batches(
        self,
        model: str,
        batches: Iterable[Inputs] | AsyncIterable[Inputs],
        *,
        concurrency: int = 8,
        ordered: bool = True,
        batch_size: int | None = None,
        signature: str | Signature | None = None,
        version: int | None = None,
        label: str | None = None,
        outputs: Outputs = None,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
        validate: Flag = DEFAULT,
        copy: Flag = DEFAULT,
    ) -> AsyncIterator[Prediction]:
        """Run a signature on many batches; see :meth:`tfsclient.Client.predict_batches`.

        ``batches`` may be an asynchronous iterator, too.
        """
        options = Options(outputs, timeout, headers, validate, copy)
        build = partial(
            self._sender.flows.build, ModelRef(model, version, label), signature, options=options
        )
        plan = Batches(concurrency, ordered, batch_size)
        return arun_batches(self._sender, batches, build, plan, options)

    async def build_predict(
        self,
        model: str,
        inputs: Inputs,
        *,
        signature: str | Signature | None = None,
        version: int | None = None,
        label: str | None = None,
        outputs: Outputs = None,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
        validate: Flag = DEFAULT,
    ) -> PredictRequest:
        """The request that :meth:`predict` would send; nothing is sent but discovery."""
        options = Options(outputs, timeout, headers, validate)
        flow = self._sender.flows.build(ModelRef(model, version, label), signature, inputs, options)
        return await self._sender.run(flow, options)

    async def send(
        self,
        request: PredictRequest | Any,
        *,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
        copy: Flag = DEFAULT,
    ) -> Prediction:
        """Send a request that was built before; see :meth:`tfsclient.Client.send`."""
        options = Options(timeout=timeout, headers=headers, copy=copy)
        return await self._sender.run(self._sender.flows.send(request, options), options)

    async def metadata(
        self,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
    ) -> Model:
        """The model's signatures, asked from the server now."""
        flow = self._sender.flows.metadata(ModelRef(model, version, label))
        return await self._sender.run(flow, Options(None, timeout, headers))

    async def signature(
        self,
        model: str,
        signature: str | None = None,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
    ) -> Signature:
        """One signature of a model; see :meth:`tfsclient.Client.signature`."""
        flow = self._sender.flows.signature(ModelRef(model, version, label), signature)
        return await self._sender.run(flow, Options(None, timeout, headers))

    async def view_api(
        self,
        model: str,
        signature: str | None = None,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
    ) -> None:
        """Print code that calls a model; see :meth:`tfsclient.Client.view_api`."""
        ref = ModelRef(model, version, label)
        found = await self._sender.run(
            self._sender.flows.described(ref), Options(None, timeout, headers)
        )
        with LOADING:  # which few programs need
            from tfsclient._client.view_api import view_api

        print(view_api(self._sender, ref, found, signature))

    async def status(
        self,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
    ) -> list[VersionStatus]:
        """The states of a model's versions, newest first, unloaded ones included."""
        flow = self._sender.flows.status(ModelRef(model, version, label))
        return await self._sender.run(flow, Options(None, timeout, headers))

    async def wait_until_ready(
        self,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = 60.0,
    ) -> VersionStatus:
        """Wait until a version answers; see :meth:`tfsclient.Client.wait_until_ready`."""
        return await await_until_ready(self._sender, ModelRef(model, version, label), timeout)

    async def reload_config(
        self,
        config: ConfigSource,
        *,
        running: ConfigSource | None = None,
        dry_run: bool = False,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
    ) -> list[str]:
        """Have the server serve other models; see :meth:`tfsclient.Client.reload_config`."""
        with LOADING:  # which few clients need
            from tfsclient.model_config import plan_reload

        wanted, changes = plan_reload(config, running)
        if not dry_run:
            flow = self._sender.flows.reload(wanted)
            await self._sender.run(flow, Options(None, timeout, headers))
        return changes

    def model(
        self, name: str, *, version: int | None = None, label: str | None = None
    ) -> AsyncBoundModel:
        """A model named once, for many calls."""
        return AsyncBoundModel(self._sender, ModelRef(name, version, label))

    async def close(self) -> None:
        """Close the connections; the client opens new ones if it is used again."""
        await self._sender.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<tfsclient.AsyncClient of {self._target}>"
