"""Which servers ``bench`` puts load on, and what sends the calls there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from tfsclient._calls.request import PredictRequest
from tfsclient._cli.connection import Connection
from tfsclient._cli.load.interface import Engine
from tfsclient._cli.load.metrics import grpc_beside, page_at, rest_beside, url_of
from tfsclient._cli.load.session import Endpoint, Report
from tfsclient._cli.load.threads import Alone, ThreadSender
from tfsclient._cli.load_data import (
    Data,
    describe,
    read_requests,
    recorded_requests,
    requests_of,
)
from tfsclient._client.observe import OnCall
from tfsclient._client.sync import Client
from tfsclient._codec.model_ref import ModelRef
from tfsclient._transports.target import parse
from tfsclient.errors import InvalidArgument, InvalidInput, TFSError
from tfsclient.schema import DEFAULT_SIGNATURE


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, beside the connection."""

    target: str
    model: str
    data: Data
    signature: str | None
    version: int | None
    label: str | None
    processes: int

    @property
    def ref(self) -> ModelRef:
        """The model and its version."""
        return ModelRef(self.model, self.version, self.label)


def endpoints_of(asked: Asked, connection: Connection, transports: str | None) -> list[Endpoint]:
    """The servers that are meant, of one transport or both.

    Raises:
        InvalidInput: a transport is not known, or where it is.
    """
    first, _, second = asked.target.partition(",")
    targets = {_transport(target): target for target in (first, second) if target}
    if transports is None:
        if second:
            raise InvalidInput("TARGET,TARGET is for --transports grpc,rest")
        return [endpoint_of(first, connection)]
    if "," in transports and connection.is_other(first):
        raise InvalidInput("--transports grpc,rest is for TF Serving: other servers speak one")
    if second and len(targets) < 2:
        raise InvalidInput(f"{first} and {second} are of one transport")
    endpoints = []
    for name in transports.split(","):
        if name not in ("grpc", "rest"):
            raise InvalidInput(f"--transports: {name!r} is not grpc or rest")
        target = targets.get(name) or (rest_beside(first) if name == "rest" else grpc_beside(first))
        if target is None:
            raise InvalidInput(
                f"--transports: where {name} is cannot be told from {first}",
                hint="write both, as in localhost:8500,http://localhost:8501",
            )
        endpoints.append(endpoint_of(target, connection, targets.get("rest")))
    if len({endpoint.transport for endpoint in endpoints}) < len(endpoints):
        raise InvalidInput(f"--transports {transports} has one twice")
    return endpoints


def _transport(target: str) -> str:
    return "rest" if parse(target).rest else "grpc"


def endpoint_of(target: str, connection: Connection, rest: str | None = None) -> Endpoint:
    """A server; ``rest`` is its REST target, where that is known."""
    url = url_of(rest or target)
    if url is None or connection.is_other(target):
        return Endpoint(target, _transport(target))
    # Secrets are for the target alone: another port may be another's, and without TLS.
    headers: dict[str, str] = {}
    if _transport(target) == "rest":
        given = connection.read_headers().items()
        headers = {name: value for name, value in given if isinstance(value, str)}
        if connection.token:
            headers["authorization"] = f"Bearer {connection.token}"
    tls = connection.read_tls(target)
    trusted = True if tls is None else tls.ssl_context()
    return Endpoint(target, _transport(target), page_at(url, headers, trusted))


class Calls:
    """Makes the requests of a benchmark once, and opens what sends them.

    Args:
        asked: which.
        connection: how.
    """

    def __init__(self, asked: Asked, connection: Connection) -> None:
        self._asked = asked
        self._connection = connection
        self._whole: PredictRequest | None = None
        self._recorded: list[PredictRequest] = []

    def begin(self, endpoints: list[Endpoint], batches: list[int] | None) -> Report:
        """Read the inputs, and make a call of each server, which connects.

        Raises:
            TFSError: an input cannot be read, or a server does not answer.
        """
        asked = self._asked
        given = asked.data.given
        if asked.data.recorded:
            if batches:
                raise InvalidInput("--batch cannot be used with recorded calls")
            assert asked.data.file is not None
            ref = asked.ref.with_signature(asked.signature)
            self._recorded = recorded_requests(asked.data.file, ref)
        else:
            with self._client(endpoints[0].target) as client:
                named = asked.signature or given.signature_name
                spec = client.signature(
                    asked.model, named, version=asked.version, label=asked.label
                )
                self._whole = read_requests(client, asked.ref, spec, asked.data)
        for batch in batches or []:
            self.requests(batch)  # so that what cannot be made is refused before anything is sent
        for endpoint in endpoints:
            self.check(endpoint, batches)
        requests = self.requests(batches[0] if batches else None)
        signature = requests[0].ref.signature or DEFAULT_SIGNATURE
        return Report(asked.model, signature, describe(requests, zeros=asked.data.zeros))

    def check(self, endpoint: Endpoint, batches: list[int] | None) -> None:
        """Call a server once with each batch size, so that what cannot work is said at once.

        Raises:
            TFSError: it does not answer, or refuses the inputs.
        """
        with self._client(endpoint.target) as client:
            for batch in sorted(batches) if batches else [None]:
                try:
                    client.send(self.requests(batch)[0])
                except TFSError as error:
                    if batch is not None and batch != min(batches or []):
                        error.hint = f"this was a call of {batch} rows: give a smaller --batch"
                    elif self._asked.data.zeros and isinstance(error, InvalidArgument):
                        error.hint = "these were zeros: --input gives real inputs"
                    raise

    def requests(self, batch: int | None) -> list[PredictRequest]:
        """What to send in turn, in calls of so many rows."""
        if self._whole is None:
            return self._recorded
        return requests_of(self._whole, self._asked.data, batch)

    @contextmanager
    def open(self, endpoint: Endpoint, batch: int | None) -> Iterator[Engine]:
        """What puts load on a server."""
        make_client = partial(_client, self._connection, endpoint.target)
        make = partial(ThreadSender, make_client, self.requests(batch))
        if self._asked.processes == 1:
            engine: Any = Alone(make())
        else:
            from tfsclient._cli.load.processes import Processes

            engine = Processes(self._asked.processes, make)
        try:
            yield engine
        finally:
            engine.close()

    def _client(self, target: str) -> Client:
        return _client(self._connection, target, None)


def _client(connection: Connection, target: str, on_call: OnCall) -> Client:
    """Makes a client, in whichever process."""
    return connection.client(target, retries=0, on_call=on_call)
