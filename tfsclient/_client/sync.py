"""The client that people use, for threads; ``_client.aio`` has its twin for asyncio."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tfsclient._calls.options import DEFAULT, Flag, Headers, Options, Outputs, Timeout, Token
from tfsclient._calls.request import PredictRequest
from tfsclient._client.examples import ExampleCalls
from tfsclient._client.flows import Flows
from tfsclient._client.observe import OnCall
from tfsclient._client.protocols import make_calls, make_transport
from tfsclient._client.recipe import Recipe
from tfsclient._client.sending import Sender
from tfsclient._client.servers import choose
from tfsclient._codec.model_ref import ModelRef
from tfsclient._inputs.prepare import Inputs
from tfsclient._transports.settings import Settings
from tfsclient._transports.target import parse
from tfsclient.dtypes import LOADING
from tfsclient.results import Prediction, VersionStatus
from tfsclient.schema import Model, Signature

if TYPE_CHECKING:
    from tfsclient._calls.profiles.profile import Profile
    from tfsclient._client.bound import BoundModel
    from tfsclient._client.servers import Auth
    from tfsclient._transports.interface import Transport
    from tfsclient._transports.tls import TLS
    from tfsclient.meaning import Meaning
    from tfsclient.model_config import ConfigSource


class Client(ExampleCalls):
    """A client of one TF Serving, over gRPC or REST.

    It is made without any network traffic, connects when first used, is safe to share between
    threads and works in forked children.

    Proxies come from the environment, for localhost too: gRPC tunnels through ``grpc_proxy``,
    ``https_proxy`` or ``http_proxy`` (lower case, in this order) except to hosts in
    ``no_grpc_proxy`` or ``no_proxy``; REST goes by ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY``
    and ``NO_PROXY``, or by ``http_client``.

    Args:
        target: ``"localhost:8500"`` (gRPC; also ``grpc://``, ``grpcs://`` for TLS, ``dns:///``,
            ``unix:``), ``"http://localhost:8501"`` (REST; also ``https://``),
            ``"sagemaker://REGION/ENDPOINT"``, ``"vertex://PROJECT/LOCATION/ENDPOINT"``, or a list
            of IP addresses of replicas, among which gRPC spreads the calls.
        timeout: seconds that a call may take in all, retries included; None for no limit.
        headers: gRPC metadata or HTTP headers sent with every call.
        token: a bearer token, or a function that gives one for each call.  It takes the place of
            an authorization among ``headers``, but not among those of a call.
        profile: what the server is, if it is not TF Serving itself: "kserve-v1", "mlflow",
            "pai-eas", "sagemaker", "vertex", "simple-tensorflow-serving", or a :class:`Profile` of
            your own; None for what the target says, which is TF Serving ("tfserving") where it is
            an address.
        auth: how to authenticate: a user's name and password, a function that is given each
            :class:`Outgoing` request and returns the headers to add, or credentials of the cloud's
            own library; None for what that finds by itself.  Not together with ``token``.
        tls: True or a :class:`TLS` for gRPC over TLS; a :class:`TLS` also sets up ``https://``.
        retries: how often inference is tried again when the server is unavailable, 0 to 4.  Set 0
            for a model that keeps state between calls.
        compression: "gzip" compresses requests; it costs far more time than it saves on a fast
            network.
        validate: whether inputs are checked against the signature before they are sent.
        copy: whether results are writable copies rather than views of the answer.
        schemas: models whose signatures are known, by name; the server is not asked for them.
        meanings: what signatures cannot say, by the model's name, as :func:`tfsclient.meaning.read`
            gives it: an :class:`Image` then becomes the numbers that the model wants, and
            :meth:`Prediction.top` has labels.
        on_call: is given a :class:`CallInfo` after every call, on the thread that decoded it; what
            it raises is logged.
        channel_options: more options for the gRPC channel; they win over our own.
        http_client: an ``httpx.Client`` to use for REST; it stays yours to close.
        transport: what sends the bytes instead of our own connections: a
            :class:`tfsclient.Transport`, as ``tfsclient.testing.FakeTransport`` is one.

    Raises:
        InvalidInput: the target or an option makes no sense.
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
        transport: Transport | None = None,
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
        sends = make_transport(settings, transport, server.authenticate)
        self._sender = Sender(self._target, flows, sends, on_call, recipe)

    def predict(
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
        """Run a signature of a model.

        Args:
            model: the model's name.
            inputs: a dict of input name to value; a value alone for a signature with one input; a
                list of dicts, one a row, that are stacked by name; or a table of pandas, polars or
                pyarrow, whose columns are inputs of the same name, or whose rows become Examples.
                A value is what numpy takes; str or bytes for strings; an :class:`Image`; an
                :class:`Example`, :class:`SequenceExample` or :class:`ExampleListWithContext`, or a
                list of them; or a ``TensorProto`` or ``tf.train.Example`` message.
            signature: the signature to run, by name; None for serving_default, else the only
                usable one.  A ``Signature`` is taken as it is: the server is not asked for it.
            version: the version to run; None for the latest.
            label: run the version with this label; not together with ``version``.
            outputs: the outputs to return; None for all.
            timeout: seconds for the whole call; None for no limit.
            headers: metadata for this call, added to the client's.
            validate: whether to check the inputs first.
            copy: whether to return writable copies.

        Returns:
            The outputs by name, as numpy arrays.

        Raises:
            InvalidInput: the inputs do not fit the signature; no predict call was made.
            TFSError: the call failed; see ``tfsclient.errors`` for the classes.
        """
        options = Options(outputs, timeout, headers, validate, copy)
        ref = ModelRef(model, version, label)
        return self._sender.predict(ref, signature, inputs, options)

    def predict_future(
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
    ) -> Future[Prediction]:
        """Start :meth:`predict` and return at once.

        The inputs are checked and encoded before this returns, so they may change afterwards; the
        answer is decoded in ``result()``.  ``cancel()`` reaches the wire.

        Raises:
            InvalidInput: the inputs do not fit the signature; no predict call was made.
            TFSError: the signature could not be discovered.
        """
        options = Options(outputs, timeout, headers, validate, copy)
        ref = ModelRef(model, version, label)
        return self._sender.predict_future(ref, signature, inputs, options)

    def predict_batches(
        self,
        model: str,
        batches: Iterable[Inputs],
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
    ) -> Iterator[Prediction]:
        """Run a signature on one batch after the other, several at a time.

        A batch is taken from ``batches`` only when there is room for it, so neither side runs
        ahead of the other.  Each batch gives one prediction.

        Args:
            model: the model's name.
            batches: the inputs of each call, as :meth:`predict` takes them.
            concurrency: how many calls are under way at once, each of a batch or of a part of one.
            ordered: whether predictions come in the order of the batches, or as they are ready.
            batch_size: the rows that the server takes at once; a larger batch is sent in parts, and
                the answers are put together.
            signature: as for :meth:`predict`, and so are the rest.
            version: the version to run.
            label: the version label to run.
            outputs: the outputs to return.
            timeout: seconds for each call, not for all the parts of a batch.
            headers: metadata for each call.
            validate: whether to check the inputs first.
            copy: whether to return writable copies.

        Raises:
            TFSError: a call failed, or a batch does not fit; what was under way is cancelled.
        """
        options = Options(outputs, timeout, headers, validate, copy)
        build = partial(
            self._sender.flows.build, ModelRef(model, version, label), signature, options=options
        )
        with LOADING:  # with asyncio, which few programs need
            from tfsclient._client.batches import Batches, run_batches

        plan = Batches(concurrency, ordered, batch_size)
        return run_batches(self._sender, batches, build, plan, options)

    def build_predict(
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
        return self._sender.run(flow, options)

    def send(
        self,
        request: PredictRequest | Any,
        *,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
        copy: Flag = DEFAULT,
    ) -> Prediction:
        """Send a request that was built before.

        Args:
            request: what :meth:`build_predict` gave, or an official ``PredictRequest`` message.
            timeout: seconds for the whole call; None for no limit.
            headers: metadata for this call, added to the client's.
            copy: whether to return writable copies.
        """
        options = Options(timeout=timeout, headers=headers, copy=copy)
        return self._sender.run(self._sender.flows.send(request, options), options)

    def metadata(
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
        return self._sender.run(flow, Options(None, timeout, headers))

    def signature(
        self,
        model: str,
        signature: str | None = None,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
    ) -> Signature:
        """One signature of a model; None picks as :meth:`predict` does.

        Raises:
            InvalidInput: the model has no such signature; the error lists those it has.
        """
        flow = self._sender.flows.signature(ModelRef(model, version, label), signature)
        return self._sender.run(flow, Options(None, timeout, headers))

    def view_api(
        self,
        model: str,
        signature: str | None = None,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
    ) -> None:
        """Print code that calls a model, and works as it is pasted.

        Inputs are small samples that the server accepts; put your own in their place.

        Args:
            model: the model's name.
            signature: only this signature; None for all.
            version: call this version; None for the latest.
            label: call the version with this label; not together with ``version``.
            timeout: seconds for asking the server for the signatures; None for no limit.
            headers: metadata for that.

        Raises:
            InvalidInput: the model has no such signature.
            TFSError: the signatures cannot be had.
        """
        ref = ModelRef(model, version, label)
        found = self._sender.run(self._sender.flows.described(ref), Options(None, timeout, headers))
        with LOADING:  # which few programs need
            from tfsclient._client.view_api import view_api

        print(view_api(self._sender, ref, found, signature))

    def status(
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
        return self._sender.run(flow, Options(None, timeout, headers))

    def wait_until_ready(
        self,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = 60.0,
    ) -> VersionStatus:
        """Wait until a version of the model answers requests; give up when it cannot load.

        A server that cannot be reached, or does not know the model yet, is waited for; the logger
        ``tfsclient.readiness`` logs at level INFO what is seen meanwhile.

        Args:
            model: the model's name.
            version: wait for this version; None for any.
            label: wait until a version has this label and answers; not together with ``version``.
            timeout: seconds to wait; None for ever.

        Returns:
            The status of the newest available version.

        Raises:
            DeadlineExceeded: it was not ready in time; the text has the last state or reason.
            TFSError: no version of it will become ready: loading failed, with the server's code.
        """
        with LOADING:
            from tfsclient._client.readiness import wait_until_ready

        return wait_until_ready(self._sender, ModelRef(model, version, label), timeout)

    def reload_config(
        self,
        config: ConfigSource,
        *,
        running: ConfigSource | None = None,
        dry_run: bool = False,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
    ) -> list[str]:
        """Have the server serve other models; over gRPC only.

        The server's whole list of models is replaced, and the call returns when each new model is
        available or has failed.

        Args:
            config: a dict, a file, text format or a :class:`ServerConfig`; with ``running``, only
                what is to change.
            running: what the server has now, into which ``config`` is merged; a server does not
                tell it.
            dry_run: whether to return the difference and change nothing.
            timeout: seconds for the whole call.
            headers: metadata for this call.

        Returns:
            What changes, a line a model; without ``running``, just what is sent.

        Raises:
            Unimplemented: the target is REST, which cannot do it.
            TFSError: the server refused, or a new model did not load.
        """
        with LOADING:  # which few clients need
            from tfsclient.model_config import plan_reload

        wanted, changes = plan_reload(config, running)
        if not dry_run:
            flow = self._sender.flows.reload(wanted)
            self._sender.run(flow, Options(None, timeout, headers))
        return changes

    def model(
        self, name: str, *, version: int | None = None, label: str | None = None
    ) -> BoundModel:
        """A model named once, for many calls."""
        with LOADING:
            from tfsclient._client.bound import BoundModel

        return BoundModel(self._sender, ModelRef(name, version, label))

    def close(self) -> None:
        """Close the connections; the client opens new ones if it is used again."""
        self._sender.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<tfsclient.Client of {self._target}>"
