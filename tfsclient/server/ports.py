"""The ports: gRPC and REST in front of models, opened and closed together."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

import grpc

from tfsclient.errors import InvalidArgument, InvalidInput, Unavailable
from tfsclient.server.addresses import (
    LOOPBACK,
    Reserved,
    check_socket,
    reserve,
    socket_target,
    target_host,
)
from tfsclient.server.grpc.health import Health
from tfsclient.server.grpc.server import GrpcServer
from tfsclient.server.grpc.service import grpc_answers
from tfsclient.server.inference.examples import ExampleInference
from tfsclient.server.inference.predict import Inference
from tfsclient.server.interface import Around, Models
from tfsclient.server.rest.http import HttpServer
from tfsclient.server.rest.routes import RestApi

_log = logging.getLogger("tfsclient.server")

_JOIN_SECONDS = 5.0


class Ports:
    """Where models can be called.

    Args:
        models: the models.
        around: entered around every call.
        host: where to listen; see :func:`tfsclient.server.addresses.reserve`.
        port: the gRPC port; 0 takes a free one, None opens none.
        rest_port: the REST port, likewise.
        socket: path of a unix socket that also speaks gRPC.
        ssl: an SSLConfig message for gRPC; None is plain text.  REST never has TLS.
        health: whether to offer gRPC's health service.
        metrics_path: the REST path of Prometheus' page; None if there is no such page.
        max_grpc_calls: how many gRPC calls are answered at a time; calls beyond that are refused,
            as TF Serving refuses them.  None refuses none.
        max_rest_calls: how many REST calls are answered at a time; calls beyond that wait.
        grpc_options: gRPC's channel arguments.
        rest_timeout: seconds that a run for REST may take.
        cors: whether REST answers carry the CORS headers.
        check_method_names: refuse signatures whose method name is not the call's.
    """

    def __init__(
        self,
        models: Models,
        *,
        around: Around,
        host: str = LOOPBACK,
        port: int | None = 0,
        rest_port: int | None = 0,
        socket: str | None = None,
        ssl: Any = None,
        health: bool = False,
        metrics_path: str | None = None,
        max_grpc_calls: int | None = None,
        max_rest_calls: int = 16,
        grpc_options: tuple[tuple[str, Any], ...] = (),
        rest_timeout: float = 30.0,
        cors: bool = False,
        check_method_names: bool = False,
    ) -> None:
        inference = Inference(models, check_method_names=check_method_names)
        examples = ExampleInference(models, check_method_names=check_method_names)
        self.grpc_port: int | None = None
        self.rest_port: int | None = None
        self.is_open = False
        self._host = host
        self._wanted = port, rest_port
        self._socket = socket
        self._credentials = None if ssl is None else _credentials(ssl)
        self._make_grpc = partial(
            GrpcServer,
            grpc_answers(models, inference, examples, around=around),
            max_calls=max_grpc_calls,
            options=grpc_options,
        )
        self._health = health
        self._api = RestApi(
            models,
            inference,
            examples,
            around=around,
            timeout=rest_timeout,
            cors=cors,
            metrics_path=metrics_path,
        )
        self._max_rest_calls = max_rest_calls
        self._reserved: tuple[Reserved | None, Reserved | None] | None = None
        self._grpc: GrpcServer | None = None
        self._rest: HttpServer | None = None

    @property
    def grpc_target(self) -> str:
        """What a gRPC client on this machine connects to."""
        return f"{target_host(self._host)}:{self.grpc_port}"

    @property
    def targets(self) -> list[str]:
        """What people on this machine can paste into a client, with the protocol before each."""
        scheme, secure = ("", "") if self._credentials is None else ("grpcs://", " with TLS")
        found = []
        if self.grpc_port is not None:
            found.append(f"gRPC {scheme}{self.grpc_target}")
        if self._socket is not None:
            found.append(f"gRPC{secure} {socket_target(self._socket)}")
        if self.rest_port is not None:
            found.append(f"REST {self.rest_target}")
        return found

    @property
    def rest_target(self) -> str:
        """What an HTTP client on this machine connects to."""
        return f"http://{target_host(self._host)}:{self.rest_port}"

    def reserve(self) -> None:
        """Take the ports, so that nobody else does; connections are refused until ``open``.

        Raises:
            InvalidInput: the host is not this machine, there can be no such port or socket, or all
                of them are off.
            InvalidArgument: the certificate is not valid, or the key is not its key.
            Unavailable: a port or the socket is taken.
        """
        port, rest_port = self._wanted
        if port is None and rest_port is None and self._socket is None:
            raise InvalidInput(
                "nothing would listen: port and rest_api_port are off, and there is no"
                " grpc_socket_path"
            )
        if self._credentials is not None:
            _check_credentials(self._credentials)
        if self._socket is not None:
            check_socket(self._socket)
        grpc = rest = None
        if port is not None:
            grpc = reserve(self._host, port, "gRPC", "--port")
            self.grpc_port = grpc.port
        try:
            if rest_port is not None:
                rest = reserve(self._host, rest_port, "REST", "--rest_api_port")
                self.rest_port = rest.port
        except BaseException:
            if grpc is not None:
                grpc.close()
            raise
        self._reserved = grpc, rest

    def open(self) -> None:
        """Take calls from now on.

        Raises:
            InvalidInput, InvalidArgument: as ``reserve`` does.
            Unavailable: a port or the socket is taken.
        """
        if self._reserved is None:
            self.reserve()
        assert self._reserved is not None
        grpc_port, rest_port = self._reserved
        if grpc_port is not None or self._socket is not None:
            self._grpc = self._make_grpc(health=Health() if self._health else None)
            where = []
            if grpc_port is not None:
                grpc_port.close()  # gRPC binds by itself
                where += grpc_port.addresses
            where += [] if self._socket is None else [socket_target(self._socket)]
            for address in where:
                self._listen(self._grpc, address)
            self._grpc.start()
            secure = "" if self._credentials is None else " with TLS"
            _log.info("serving gRPC%s on %s", secure, " and ".join(where))
        if rest_port is not None:
            self._rest = HttpServer(
                rest_port.sockets, self._api.handle, max_requests=self._max_rest_calls
            )
            try:
                self._rest.start()
            except OSError as error:
                raise Unavailable(
                    f"REST cannot listen on port {rest_port.port}: {error.strerror}"
                ) from error
            _log.info("serving REST on %s", " and ".join(rest_port.addresses))
        self.is_open = True

    def _listen(self, server: GrpcServer, address: str) -> None:
        try:
            server.listen(address, self._credentials)
        except RuntimeError as error:
            raise Unavailable(f"gRPC cannot listen on {address}") from error

    def close(self, grace: float) -> None:
        """Take no more calls, give running ones ``grace`` seconds, and end all connections."""
        self.is_open = False
        server = self._grpc
        if server is not None:
            server.stop(grace)
        if self._rest is not None:
            self._rest.stop(grace)
        if server is not None:
            server.wait_closed()
        for reserved in self._reserved or ():
            if reserved is not None:
                reserved.close()

    def join(self) -> bool:
        """Wait until the threads of closed ports have ended, and return whether all have.

        It waits a few seconds at most: a call that outlives its connection cannot be ended if what
        it runs does not end by itself.
        """
        servers = [server for server in (self._grpc, self._rest) if server is not None]
        self._grpc = self._rest = None
        ended = [server.join(_JOIN_SECONDS) for server in servers]
        if not all(ended):
            _log.warning("the server has stopped, but a call is still running on its thread")
        return all(ended)


def _credentials(ssl: Any) -> grpc.ServerCredentials:
    if not ssl.server_key or not ssl.server_cert:
        raise InvalidArgument("SSLConfig needs server_key and server_cert, in PEM")
    if ssl.client_verify and not ssl.custom_ca:
        raise InvalidArgument("SSLConfig has client_verify, but no custom_ca to verify by")
    return grpc.ssl_server_credentials(
        [(ssl.server_key.encode(), ssl.server_cert.encode())],
        root_certificates=ssl.custom_ca.encode() or None,
        require_client_auth=ssl.client_verify,
    )


def _check_credentials(credentials: grpc.ServerCredentials) -> None:
    """Have gRPC look at a certificate, which it does only when a port is opened."""
    server = GrpcServer({})
    try:
        server.listen(f"{LOOPBACK}:0", credentials)
    except RuntimeError as error:
        raise InvalidArgument(
            "SSLConfig: server_cert and server_key are not a certificate and its key, in PEM"
        ) from error
    finally:
        server.stop(0)
        server.wait_closed()
        server.join(_JOIN_SECONDS)
