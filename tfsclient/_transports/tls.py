"""Certificates, said once for both transports."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfsclient.errors import InvalidInput, of_type

# What Python and httpx read when they make a context.
_AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_KEY_LOG = "SSLKEYLOGFILE"


@dataclass(frozen=True, slots=True)
class TLS:
    """How to trust the server, and how to be trusted by it.

    Attributes:
        ca: a PEM file of certificate authorities; None trusts those that the library brings.
        cert: a PEM file with our own certificate, for servers that ask for one (mTLS).
        key: the PEM file with the certificate's key.
        server_name: the name that the server's certificate carries, if it is not the target's.

    Raises:
        InvalidInput: one of them is of a wrong type, or a certificate or its key is missing.
    """

    ca: str | Path | None = None
    cert: str | Path | None = None
    key: str | Path | None = None
    server_name: str | None = None

    def __post_init__(self) -> None:
        for name in ("ca", "cert", "key"):
            file = getattr(self, name)
            if file is not None and not isinstance(file, str | Path):
                raise InvalidInput(f"{name} must be the path of a PEM file, not {of_type(file)}")
        if self.server_name is not None and not isinstance(self.server_name, str):
            raise InvalidInput(f"server_name must be text, not {of_type(self.server_name)}")
        if (self.cert is None) != (self.key is None):
            raise InvalidInput("a certificate goes with its key: give both cert and key")

    def grpc_credentials(self) -> Any:
        """Channel credentials for gRPC.

        Raises:
            InvalidInput: a file cannot be read or is not a certificate.
        """
        import grpc

        # gRPC itself would fail at the first call, as if there were no server.
        self._loaded(lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ())
        return grpc.ssl_channel_credentials(
            root_certificates=_read(self.ca),
            private_key=_read(self.key),
            certificate_chain=_read(self.cert),
        )

    def ssl_context(self) -> ssl.SSLContext:
        """A context for HTTPS.

        Raises:
            InvalidInput: a file cannot be read or is not a certificate.
        """
        import httpx

        if self.ca is None:
            return self._loaded(httpx.create_ssl_context, (*_AUTHORITIES, _KEY_LOG))
        return self._loaded(lambda: ssl.create_default_context(cafile=self.ca), (_KEY_LOG,))

    def _loaded(
        self, make: Callable[[], ssl.SSLContext], variables: Iterable[str]
    ) -> ssl.SSLContext:
        """What ``make`` gives, with our files in it; ``variables`` are what that reads."""
        try:
            context = make()
            if self.ca is not None:
                context.load_verify_locations(self.ca)
            if self.cert is not None:
                context.load_cert_chain(self.cert, self.key)
        except OSError as error:  # ssl.SSLError is one
            given = [str(file) for file in (self.ca, self.cert, self.key) if file is not None]
            named = [f"{name}={os.environ[name]}" for name in variables if os.environ.get(name)]
            raise InvalidInput(
                f"{', '.join(given + named)} cannot be used for TLS: {error}"
            ) from error
        return context


def _read(path: str | Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}") from error
