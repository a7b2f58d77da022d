"""What users set about connections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tfsclient._transports.target import Target
from tfsclient._transports.tls import TLS
from tfsclient.errors import Hint, InvalidInput

MAX_ATTEMPTS: Final = 5  # gRPC makes no more, whatever a policy says; REST does as gRPC does

TLS_HINT: Final = Hint(
    "tls",
    "if TLS is what failed: TLS(ca=...) says whom to trust, and cert= and key= are our own "
    "certificate, which must be current and signed by somebody whom the server trusts",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What users set about connections; the client documents each.

    Raises:
        InvalidInput: a setting makes no sense, or not for this target.
    """

    target: Target
    retries: int
    tls: bool | TLS | None
    compression: str | None
    channel_options: Sequence[tuple[str, Any]]
    http_client: Any

    def __post_init__(self) -> None:
        if not 0 <= self.retries < MAX_ATTEMPTS:
            raise InvalidInput(
                f"retries must be from 0 to {MAX_ATTEMPTS - 1} (gRPC makes no more), "
                f"not {self.retries}"
            )
        if self.compression not in (None, "gzip"):
            raise InvalidInput(f"compression must be 'gzip' or None, not {self.compression!r}")
        if self.tls is False and self.target.tls:
            raise InvalidInput(f"tls=False contradicts the target {self.target}")
        if self.tls and self.target.rest and not self.target.tls:
            raise InvalidInput(f"TLS over REST needs https://, but the target is {self.target}")
        if self.http_client is not None and not self.target.rest:
            raise InvalidInput("http_client is for REST targets")
        if self.channel_options and self.target.rest:
            raise InvalidInput("channel_options are for gRPC targets")

    @property
    def credentials(self) -> TLS | None:
        """How to do TLS; None for plaintext."""
        if isinstance(self.tls, TLS):
            return self.tls
        return TLS() if self.tls or self.target.tls else None
