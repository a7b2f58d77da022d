"""Which protocol a target speaks: its calls and its transports, loaded when a client is made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tfsclient._transports.settings import Settings
from tfsclient._transports.target import Target
from tfsclient.dtypes import LOADING
from tfsclient.errors import InvalidInput, left_out, of_type

if TYPE_CHECKING:
    from tfsclient._calls.interface import Calls
    from tfsclient._calls.profiles.profile import Authenticate, Profile
    from tfsclient._transports.headed import Heading
    from tfsclient._transports.interface import AsyncTransport, Transport


def make_calls(target: Target, profile: Profile | None) -> Calls:
    """What makes the calls for a target.

    Args:
        target: the target.
        profile: what it is, if it is not TF Serving itself; it speaks what the target says.

    Raises:
        MissingExtra: it speaks gRPC, and grpcio or protobuf is not installed.
    """
    with LOADING:
        if not target.rest:
            try:
                import grpc  # noqa: F401
            except ImportError as error:
                raise left_out(error) from error
        if profile is not None:
            from tfsclient._calls.profiles.calls import ProfileCalls

            return ProfileCalls(profile)
        if target.rest:
            from tfsclient._calls.rest import RestCalls

            return RestCalls()
        from tfsclient._calls.grpc import GrpcCalls

        return GrpcCalls()


def make_transport(
    settings: Settings, own: Transport | None, authenticate: Authenticate | None
) -> Transport:
    """What sends the calls of a sync client: the user's own transport, or one for the target.

    Args:
        settings: what the user set about connections.
        own: the user's own.
        authenticate: gives the headers that authenticate each request.

    Raises:
        InvalidInput: the user's own is not a transport, or other settings have no meaning with it.
    """
    transport = _transport(settings) if own is None else own
    if own is not None:
        _check(own, settings, ("send", "start", "close"), "a tfsclient.Transport")
    if settings.profile is None and authenticate is None:
        return transport
    from tfsclient._transports.headed import HeadedTransport

    return HeadedTransport(transport, _heading(settings, authenticate))


def _transport(settings: Settings) -> Transport:
    with LOADING:
        if settings.target.rest:
            from tfsclient._transports.rest import RestTransport

            return RestTransport(settings)
        from tfsclient._transports.grpc import GrpcTransport

        return GrpcTransport(settings)


def make_async_transport(
    settings: Settings, own: AsyncTransport | None, authenticate: Authenticate | None
) -> AsyncTransport:
    """What sends the calls of an asyncio client; see :func:`make_transport`."""
    transport = _async_transport(settings) if own is None else own
    if own is not None:
        _check(own, settings, ("asend", "aclose"), "a tfsclient.AsyncTransport")
    if settings.profile is None and authenticate is None:
        return transport
    from tfsclient._transports.headed import AsyncHeadedTransport

    return AsyncHeadedTransport(transport, _heading(settings, authenticate))


def _async_transport(settings: Settings) -> AsyncTransport:
    with LOADING:
        if settings.target.rest:
            from tfsclient._transports.rest_aio import AsyncRestTransport

            return AsyncRestTransport(settings)
        from tfsclient._transports.grpc_aio import AsyncGrpcTransport

        return AsyncGrpcTransport(settings)


def _heading(settings: Settings, authenticate: Authenticate | None) -> Heading:
    from tfsclient._transports.headed import Heading

    if settings.compression and authenticate is not None:
        raise InvalidInput("compression and auth cannot be used together: auth may sign the bytes")
    return Heading(settings.target, authenticate)


def _check(own: object, settings: Settings, methods: Iterable[str], kind: str) -> None:
    missing = [name for name in methods if not callable(getattr(own, name, None))]
    if missing:
        raise InvalidInput(
            f"transport must be {kind}, but {of_type(own)} has no {', '.join(missing)}"
        )
    if settings.http_client is not None or settings.channel_options:
        raise InvalidInput("http_client and channel_options have no meaning with transport=")
