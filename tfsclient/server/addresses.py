"""Where a server listens: a host's addresses and a unix socket, tried before anything slow happens.

A port that is bound but not yet listened on refuses connections, as that of a server that is still
loading its models should.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from contextlib import suppress
from typing import Final
from urllib.parse import quote

from tfsclient.errors import InvalidInput, Unavailable

LOOPBACK: Final = "localhost"
_ANY: Final = ("0.0.0.0", "::")  # noqa: S104
_TRIES = 50  # for one free port on several addresses


class Reserved:
    """A port, bound on the addresses of a host.

    Attributes:
        port: its number.
        sockets: one for each address.
        addresses: the addresses with the port, as gRPC takes them.
    """

    def __init__(self, sockets: list[socket.socket]) -> None:
        self.sockets = sockets
        self.port = int(sockets[0].getsockname()[1])
        self.addresses = [_joined(each.getsockname()[0], self.port) for each in sockets]

    def close(self) -> None:
        """Release the port, or what is still held of it."""
        for each in self.sockets:
            each.close()


def reserve(host: str, port: int, use: str, flag: str) -> Reserved:
    """Bind a port on every address of a host.

    Args:
        host: "localhost" is both loopback addresses, or the one that there is; "0.0.0.0" and "::"
            are all addresses of both families.
        port: its number; 0 takes a free one.
        use: what it is for, for errors: "gRPC".
        flag: what chooses another port, for errors.

    Raises:
        InvalidInput: this machine has no such address, the host's name is empty or unknown, or the
            number is not that of a port.
        Unavailable: the port is taken, or may not be used.
    """
    if port not in range(1 << 16):
        raise InvalidInput(f"{use} cannot listen on port {port}: ports are 0 to 65535")
    addresses = _addresses(host)
    for _ in range(_TRIES):
        sockets: list[socket.socket] = []
        for address in addresses:
            number = sockets[0].getsockname()[1] if sockets else port
            try:
                sockets.append(_bind(address, number))
            except OSError as error:
                for each in sockets:
                    each.close()
                if sockets and port == 0 and error.errno == errno.EADDRINUSE:
                    break  # free on one address, but not on another
                if error.errno == errno.EADDRNOTAVAIL:
                    raise InvalidInput(
                        f"host {host!r}: no interface of this machine has the address {address}"
                    ) from error
                raise Unavailable(
                    f"{use} cannot listen on port {number} of {address}: {error.strerror}",
                    hint=f"choose another port with {flag}",
                ) from error
        else:
            return Reserved(sockets)
    raise Unavailable(f"{use} found no port that is free on all of {', '.join(addresses)}")


def check_socket(path: str) -> None:
    """Find out whether a unix socket can be opened, and leave nothing behind.

    gRPC takes the place of a socket that is there already.  That is right for one whose server has
    gone, but would cut off the clients of one that is still running.

    Args:
        path: where the socket is to be.

    Raises:
        InvalidInput: there can be no socket at this path.
        Unavailable: another server listens on it.
    """
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.bind(path)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
                if _accepts(path):
                    raise Unavailable(
                        f"gRPC cannot listen on the unix socket {path}: another server is using it",
                        hint="choose another path with --grpc_socket_path",
                    ) from error
                if _is_socket(path):
                    return
                reason = "it exists, and is not a socket"
            raise InvalidInput(
                f"gRPC cannot listen on the unix socket {path}: {reason}",
                hint="choose another path with --grpc_socket_path",
            ) from error
    os.unlink(path)


def _accepts(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as caller, suppress(OSError):
        caller.connect(path)
        return True
    return False


def _is_socket(path: str) -> bool:
    with suppress(OSError):
        return stat.S_ISSOCK(os.lstat(path).st_mode)
    return False


def socket_target(path: str) -> str:
    """A unix socket as gRPC takes it, on both sides."""
    return f"unix:{quote(os.fsencode(path))}"


def target_host(host: str) -> str:
    """What a client on this machine calls the host."""
    bare = _bare(host)
    if bare in _ANY:
        return LOOPBACK
    return f"[{bare}]" if ":" in bare else bare


def _bare(host: str) -> str:
    return host.removeprefix("[").removesuffix("]")


def _addresses(host: str) -> list[str]:
    bare = _bare(host)
    if not bare:
        raise InvalidInput("the host is empty: to listen on every interface, write 0.0.0.0 or ::")
    if bare == LOOPBACK:
        return ["127.0.0.1", *(["::1"] if _has_ipv6() else [])]
    if bare in _ANY:
        return ["::" if _has_ipv6() else "0.0.0.0"]  # noqa: S104
    try:
        found = socket.getaddrinfo(bare, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise InvalidInput(f"host {host!r} is neither an address nor a known name") from error
    return list(dict.fromkeys(str(info[4][0]) for info in found))


def _has_ipv6() -> bool:
    """Whether this machine speaks IPv6: many containers do not, whatever Python was built for."""
    try:
        _bind("::1", 0).close()
    except OSError:
        return False
    return True


def _bind(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address != "::")
        bound.bind((address, port))
    except BaseException:
        bound.close()
        raise
    return bound


def _joined(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
