"""Which protocol a target speaks: its calls and its transports, loaded when a client is made."""

from __future__ import annotations

from tfsclient._calls.interface import Calls
from tfsclient._transports.interface import AsyncTransport, Transport
from tfsclient._transports.settings import Settings
from tfsclient._transports.target import Target
from tfsclient.errors import left_out


def make_calls(target: Target) -> Calls:
    """What makes the calls for a target.

    Raises:
        MissingExtra: it speaks gRPC, and grpcio or protobuf is not installed.
    """
    if target.rest:
        from tfsclient._calls.rest import RestCalls

        return RestCalls()
    try:
        import grpc  # noqa: F401
    except ImportError as error:
        raise left_out(error) from error
    from tfsclient._calls.grpc import GrpcCalls

    return GrpcCalls()


def make_transport(settings: Settings) -> Transport:
    """What sends the calls of a sync client."""
    if settings.target.rest:
        from tfsclient._transports.rest import RestTransport

        return RestTransport(settings)
    from tfsclient._transports.grpc import GrpcTransport

    return GrpcTransport(settings)


def make_async_transport(settings: Settings) -> AsyncTransport:
    """What sends the calls of an asyncio client."""
    if settings.target.rest:
        from tfsclient._transports.rest_aio import AsyncRestTransport

        return AsyncRestTransport(settings)
    from tfsclient._transports.grpc_aio import AsyncGrpcTransport

    return AsyncGrpcTransport(settings)
