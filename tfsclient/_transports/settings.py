"""What users set about connections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tfsclient._calls.options import read_count
from tfsclient._transports.target import Target
from tfsclient.errors import Hint, InvalidInput

if TYPE_CHECKING:
    from tfsclient._calls.profiles.profile import Profile
    from tfsclient._transports.tls import TLS

MAX_ATTEMPTS: Final = 5  # gRPC makes no more, whatever a policy says; REST does as gRPC does

_TLS = (
    "if TLS is what failed: TLS(ca=...) says whom to trust; cert= and key= are our own "
    "certificate, which must be current and signed by an authority that the server trusts"
)


@dataclass(slots=True, eq=False, repr=False)
class Settings:
    """What users set about connections; the client documents each.

    Attributes:
        profile: what the server is, if it is not TF Serving itself.

    Raises:
        InvalidInput: a setting makes no sense, or not for this target.
    """

    target: Target
    retries: int
    tls: bool | TLS | None
    compression: str | None
    channel_options: Sequence[tuple[str, Any]]
    http_client: Any
    profile: Profile | None = None

    def __post_init__(self) -> None:
        read_count(self.retries, "retries", least=0, most=MAX_ATTEMPTS - 1)
        if self.compression not in (None, "gzip"):
            raise InvalidInput(f"compression must be 'gzip' or None, not {self.compression!r:.50}")
        if not isinstance(self.tls, bool | None):
            from tfsclient._transports.tls import TLS  # as who made one has done

            if not isinstance(self.tls, TLS):
                raise InvalidInput(f"tls must be True, a TLS(...) or None, not {self.tls!r:.50}")
        _check_options(self.channel_options)
        if self.tls is False and self.target.tls:
            raise InvalidInput(f"tls=False contradicts the target {self.target}")
        if self.tls and self.target.rest and not self.target.tls:
            raise InvalidInput(f"TLS over REST needs https://, but the target is {self.target}")
        if self.http_client is not None and not self.target.rest:
            raise InvalidInput("http_client is for REST targets")
        if self.channel_options and self.target.rest:
            raise InvalidInput("channel_options are for gRPC targets")
        if self.compression and self.profile is not None:
            raise InvalidInput(f"{self.profile.name} does not read compressed requests")

    @property
    def credentials(self) -> TLS | None:
        """How to do TLS; None for plaintext."""
        if not isinstance(self.tls, bool | None):
            return self.tls
        if not self.tls and not self.target.tls:
            return None
        from tfsclient._transports.tls import TLS  # which plaintext does without

        return TLS()


# OpenSSL's and BoringSSL's words for an answer that is not TLS at all.
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "NOT_TLS")


def is_not_tls(details: str) -> bool:
    """Whether the reason of a failed handshake is that the other side does not speak TLS."""
    return any(word in details.upper() for word in _NO_TLS)


def _check_options(options: Any) -> None:
    """Refuse what are not options of a channel."""
    if not (
        isinstance(options, Sequence)
        and not isinstance(options, str | bytes)
        and all(isinstance(one, tuple | list) and len(one) == 2 for one in options)
    ):
        raise InvalidInput(
            f"channel_options must be a list of pairs (name, value), not {options!r:.50}"
        )
    for name, _ in options:
        if not isinstance(name, str):
            raise InvalidInput(f"channel_options: {name!r:.50} is not an option's name")


def unavailable_hint(settings: Settings, guess: str | None, *, plain: bool = False) -> str:
    """What to do where a server cannot be reached.

    Args:
        settings: what the user set.
        guess: what may be wrong, if the failure suggests it.
        plain: whether it shows that the port does not speak TLS, though the target means it.
    """
    more = f"`tfsclient doctor {settings.target}` finds out more"
    if plain:
        address = settings.target.address.partition("://")[2]
        written = f"http://{address}" if settings.target.rest else settings.target.address
        return f"the port does not speak TLS: write {written}; {more}"
    if settings.credentials is not None:
        return Hint("tls", f"{_TLS}; {more}")
    return f"{guess}; {more}" if guess else more
