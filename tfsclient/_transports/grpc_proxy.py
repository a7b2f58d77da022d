"""Which HTTP proxy the environment names for gRPC; apart, for few environments name one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfsclient._transports.proxies import ProxyAddress


def grpc_proxy_for(address: str) -> ProxyAddress | None:
    """The proxy that gRPC goes through for a target; None if it connects directly.

    gRPC reads ``grpc_proxy``, ``https_proxy`` and ``http_proxy``, and ``no_grpc_proxy`` or
    ``no_proxy``, all in lower case.  Hosts are excluded by the rule of ``proxy_for``, which has
    more forms than gRPC's own.
    """
    names = ("grpc_proxy", "https_proxy", "http_proxy")
    name = next((name for name in names if os.environ.get(name)), None)
    if name is None or address.startswith("unix"):
        return None
    from tfsclient._transports.proxies import ProxyAddress, excluded, split_port

    host, port = split_port(address.rpartition("/")[2])
    excluding = [os.environ.get(name) for name in ("no_grpc_proxy", "no_proxy")]
    if excluded(next(filter(None, excluding), ""), host, port or 0):
        return None
    return ProxyAddress(os.environ[name], name)
