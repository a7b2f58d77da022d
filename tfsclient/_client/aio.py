"""The client for asyncio: what ``tfsclient._client.sync`` has, awaited."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Mapping,
    Sequence,
)
from types import TracebackType
from typing import Any

from tfsclient._calls.call import Call, T, adrive
from tfsclient._calls.deadline import Readiness, left
from tfsclient._calls.request import PredictRequest, check_version
from tfsclient._client.batches import merge, split
from tfsclient._client.bound import AsyncBoundModel
from tfsclient._client.flows import DEFAULT, Core, Examples, Flag, Headers, Timeout, Token
from tfsclient._client.observe import Exchange, OnCall
from tfsclient._inputs import prepare as inputs_
from tfsclient._inputs.example import ExampleLike
from tfsclient._sources.model_config import ConfigSource, plan_reload
from tfsclient._transports.settings import Settings
from tfsclient._transports.target import parse
from tfsclient._transports.tls import TLS
from tfsclient.errors import InvalidInput, TFSError
from tfsclient.results import Classes, Float32s, Prediction, VersionStatus
from tfsclient.schema import Model, Signature


class AsyncClient:
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
        tls: bool | TLS | None = None,
        retries: int = 2,
        compression: str | None = None,
        validate: bool = True,
        copy: bool = False,
        schemas: Mapping[str, Model] | None = None,
        on_call: OnCall = None,
        channel_options: Sequence[tuple[str, Any]] = (),
        http_client: Any = None,
    ) -> None:
        self._target = parse(target)
        settings = Settings(self._target, retries, tls, compression, channel_options, http_client)
        self._core = Core(
            self._target,
            timeout=timeout,
            headers=headers,
            token=token,
            validate=validate,
            copy=copy,
            schemas=schemas,
        )
        self._on_call = on_call
        if self._target.rest:
            from tfsclient._transports.rest_aio import AsyncRestTransport

            self._transport: Any = AsyncRestTransport(settings)
        else:
            from tfsclient._transports.grpc_aio import AsyncGrpcTransport

            self._transport = AsyncGrpcTransport(settings)

    async def predict(
        self,
        model: str,
        inputs: inputs_.Inputs,
        *,
        signature: str | Signature | None = None,
        version: int | None = None,
        label: str | None = None,
        outputs: Sequence[str] | None = None,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
        validate: Flag = DEFAULT,
        copy: Flag = DEFAULT,
    ) -> Prediction:
        """Run a signature of a model; see :meth:`tfsclient.Client.predict`."""
        end, sent = self._core.end(timeout), self._core.headers(headers)
        which = self._core.which(model, signature, version, label, outputs, validate, copy)
        call = self._core.repeats.find(which, inputs)
        if call is None:
            flow = self._core.prepare(
                which, model, inputs, signature, version, label, outputs, validate, copy
            )
            call = await adrive(flow, lambda call: self._exchange(call, end, sent))
        return await self._exchange(call, end, sent)

    def predict_batches(
        self,
        model: str,
        batches: Iterable[inputs_.Inputs] | AsyncIterable[inputs_.Inputs],
        *,
        concurrency: int = 8,
        ordered: bool = True,
        batch_size: int | None = None,
        signature: str | Signature | None = None,
        version: int | None = None,
        label: str | None = None,
        outputs: Sequence[str] | None = None,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
        validate: Flag = DEFAULT,
        copy: Flag = DEFAULT,
    ) -> AsyncIterator[Prediction]:
        """Run a signature on many batches; see :meth:`tfsclient.Client.predict_batches`.

        ``batches`` may be an asynchronous iterator, too.
        """
        if concurrency < 1:
            raise InvalidInput(f"concurrency must be at least 1, not {concurrency}", model=model)

        async def run(inputs: inputs_.Inputs) -> Prediction:
            send = self._sender(timeout, headers)
            flow = self._core.build(
                model,
                inputs,
                signature=signature,
                version=version,
                label=label,
                outputs=outputs,
                validate=validate,
            )
            requests = split(await adrive(flow, send), batch_size)

            async def part(request: PredictRequest) -> Prediction:
                prediction: Prediction = await send(self._core.call(request, copy))
                return prediction

            return merge(requests, await asyncio.gather(*map(part, requests)))

        return _pipeline(run, batches, concurrency, ordered)

    async def build_predict(
        self,
        model: str,
        inputs: inputs_.Inputs,
        *,
        signature: str | Signature | None = None,
        version: int | None = None,
        label: str | None = None,
        outputs: Sequence[str] | None = None,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
        validate: Flag = DEFAULT,
    ) -> PredictRequest:
        """The request that :meth:`predict` would send; nothing is sent but discovery."""
        flow = self._core.build(
            model,
            inputs,
            signature=signature,
            version=version,
            label=label,
            outputs=outputs,
            validate=validate,
        )
        return await adrive(flow, self._sender(timeout, headers))

    async def send(
        self,
        request: PredictRequest | Any,
        *,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
        copy: Flag = DEFAULT,
    ) -> Prediction:
        """Send a request that was built before; see :meth:`tfsclient.Client.send`."""
        return await adrive(self._core.send(request, copy), self._sender(timeout, headers))

    async def classify(
        self,
        model: str,
        examples: Examples,
        context: ExampleLike | None = None,
        *,
        signature: str | Signature | None = None,
        version: int | None = None,
        label: str | None = None,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
        validate: Flag = DEFAULT,
    ) -> Classes:
        """Classify tf.Examples; see :meth:`tfsclient.Client.classify`."""
        call = self._core.classify(
            model,
            examples,
            context,
            signature=signature,
            version=version,
            label=label,
            validate=validate,
        )
        return await self._send(call, timeout, headers)

    async def regress(
        self,
        model: str,
        examples: Examples,
        context: ExampleLike | None = None,
        *,
        signature: str | Signature | None = None,
        version: int | None = None,
        label: str | None = None,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
        validate: Flag = DEFAULT,
    ) -> Float32s:
        """Get a number for each tf.Example; see :meth:`tfsclient.Client.regress`."""
        call = self._core.regress(
            model,
            examples,
            context,
            signature=signature,
            version=version,
            label=label,
            validate=validate,
        )
        return await self._send(call, timeout, headers)

    async def multi_inference(
        self,
        model: str,
        tasks: Mapping[str, str],
        examples: Examples,
        context: ExampleLike | None = None,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
        validate: Flag = DEFAULT,
    ) -> dict[str, Classes | Float32s]:
        """Run several signatures on tf.Examples; see :meth:`tfsclient.Client.multi_inference`."""
        call = self._core.multi_inference(
            model,
            tasks,
            examples,
            context,
            version=version,
            label=label,
            validate=validate,
        )
        return await self._send(call, timeout, headers)

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
        return await self._send(self._core.metadata(model, version, label), timeout, headers)

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
        found = await self.metadata(
            model, version=version, label=label, timeout=timeout, headers=headers
        )
        return found.signature(signature)

    async def status(
        self,
        model: str,
        *,
        version: int | None = None,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
    ) -> list[VersionStatus]:
        """The states of a model's versions, newest first, unloaded ones included."""
        return await self._send(self._core.status(model, version), timeout, headers)

    async def wait_until_ready(
        self, model: str, *, version: int | None = None, timeout: float | None = 60.0
    ) -> VersionStatus:
        """Wait until a version answers; see :meth:`tfsclient.Client.wait_until_ready`."""
        readiness = Readiness(model, timeout)
        while True:
            try:
                states = await self.status(model, version=version, timeout=readiness.look_seconds())
            except TFSError as error:
                readiness.not_seen(error)
            else:
                ready = readiness.seen(states)
                if ready is not None:
                    return ready
            readiness.check_time()
            await asyncio.sleep(readiness.poll_seconds)

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
        wanted, changes = plan_reload(config, running)
        if not dry_run:
            await self._send(self._core.reload(wanted), timeout, headers)
        return changes

    def model(
        self, name: str, *, version: int | None = None, label: str | None = None
    ) -> AsyncBoundModel:
        """A model named once, for many calls."""
        check_version(name, version, label)
        return AsyncBoundModel(self, name, version, label)

    async def close(self) -> None:
        """Close the connections; the client opens new ones if it is used again."""
        await self._transport.close()

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

    async def _send(self, call: Call[T], timeout: Timeout, headers: Headers) -> T:
        return await self._exchange(call, self._core.end(timeout), self._core.headers(headers))

    def _sender(self, timeout: Timeout, headers: Headers) -> Callable[[Call[Any]], Awaitable[Any]]:
        """A function that sends calls, all of them within one deadline."""
        end, sent = self._core.end(timeout), self._core.headers(headers)
        return lambda call: self._exchange(call, end, sent)

    async def _exchange(self, call: Call[T], end: float | None, headers: Mapping[str, str]) -> T:
        exchange = Exchange(call, self._on_call)
        try:
            data = await self._transport.send(call, left(end, call.model), headers)
        except TFSError as error:
            exchange.failed(error)
            raise
        return exchange.answered(data)


async def _pipeline(
    run: Callable[[inputs_.Inputs], Coroutine[Any, Any, Prediction]],
    batches: Iterable[inputs_.Inputs] | AsyncIterable[inputs_.Inputs],
    concurrency: int,
    ordered: bool,
) -> AsyncIterator[Prediction]:
    under_way: deque[asyncio.Task[Prediction]] = deque()

    async def next_result() -> Prediction:
        if not ordered:
            done, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            ready = next(task for task in under_way if task in done)
            under_way.remove(ready)
            return await ready
        return await under_way.popleft()

    try:
        async for inputs in _each(batches):
            under_way.append(asyncio.create_task(run(inputs)))
            if len(under_way) >= concurrency:
                yield await next_result()
        while under_way:
            yield await next_result()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def _each(
    batches: Iterable[inputs_.Inputs] | AsyncIterable[inputs_.Inputs],
) -> AsyncIterator[inputs_.Inputs]:
    if isinstance(batches, AsyncIterable):
        async for inputs in batches:
            yield inputs
    else:
        for inputs in batches:
            yield inputs
