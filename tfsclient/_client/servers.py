"""Which server a client is of: its profile, and what authenticates the calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from tfsclient._calls.headers import kind_of, read_headers
from tfsclient._calls.options import Headers, Token
from tfsclient._transports.auth import Basic, basic
from tfsclient._transports.target import Target
from tfsclient.errors import InvalidInput, did_you_mean, of_type

if TYPE_CHECKING:
    from tfsclient._calls.profiles.profile import Authenticate, Profile

TF_SERVING: Final = "tfserving"
# The modules of the others, each with its PROFILE.
_PROFILES: Final = {
    "kserve-v1": "kserve",
    "mlflow": "mlflow",
    "pai-eas": "pai_eas",
    "sagemaker": "sagemaker",
    "vertex": "vertex",
    "simple-tensorflow-serving": "simple",
}
# Modules of what authenticates by a cloud's own rules.  They are loaded when a client is made, and
# load the libraries that they need, which not every installation has.
_CLOUDS: Final = {"sagemaker": "aws", "vertex": "google"}
NAMES: Final = (TF_SERVING, *_PROFILES)

# A user's name and password, or what gives the headers of each request.
Auth: TypeAlias = "tuple[str, str] | Authenticate | Any | None"


class Server(NamedTuple):
    """What a client is of.

    Attributes:
        profile: the server; None for TF Serving.
        headers: what every call is to carry.
        token: the bearer token of every call, unless ``authenticate`` makes use of it.
        authenticate: gives the headers that authenticate each request; None for none.
    """

    profile: Profile | None
    headers: Mapping[str, str | bytes]
    token: Token
    authenticate: Authenticate | None


def choose(
    target: Target, profile: str | Profile | None, auth: Auth, token: Token, headers: Headers
) -> Server:
    """The server that a user means.

    Raises:
        InvalidInput: there is no such profile, or what was given does not go together.
    """
    chosen = _profile(target, profile)
    if chosen is not None and chosen.rest != target.rest:
        speaks, write = ("HTTP", "http://host:port") if chosen.rest else ("gRPC", "host:port")
        raise InvalidInput(
            f"{chosen.name} speaks {speaks}, but the target is {target}", hint=f"write {write}"
        )
    of_vertex = chosen is not None and chosen.name == "vertex" and chosen.rest
    if of_vertex and "/" not in target.address.partition("://")[2]:
        raise InvalidInput(
            f"the target {target} ends before the endpoint",
            hint="write vertex://PROJECT/LOCATION/ENDPOINT, or a URL up to /endpoints/ENDPOINT",
        )
    sent = read_headers(headers)
    if auth is not None and token is not None:
        raise InvalidInput("give token or auth, not both")
    if target.user is not None:
        if auth is not None or token is not None or "authorization" in sent:
            raise InvalidInput(
                f"the target {target} has a user's name and password: leave them out, or the auth, "
                "token or authorization header"
            )
        sent["authorization"] = basic(*target.user)
    if auth is not None:
        return Server(chosen, sent, None, _read(auth, target, chosen))
    if chosen is None or (token is not None and chosen.token is None):
        return Server(chosen, sent, token, None)
    if token is not None and chosen.token is not None:
        sent.pop("authorization", None)  # as where the token is a header itself
        return Server(chosen, sent, None, chosen.token(token))
    return Server(chosen, sent, None, chosen.authenticate or _cloud(chosen, target, None))


def _profile(target: Target, given: object) -> Profile | None:
    if given is None:
        given = target.profile or TF_SERVING
    elif target.profile is not None and given != target.profile:
        named = repr(given) if isinstance(given, str) else kind_of(given)
        raise InvalidInput(f"the target {target} is of {target.profile}, not of {named}")
    if not isinstance(given, str):
        from tfsclient._calls.profiles.profile import Profile  # as who made one has done

        if isinstance(given, Profile):
            return given
        raise InvalidInput(
            f"profile must be the name of one or a tfsclient.Profile, not {kind_of(given)}"
        )
    if given == TF_SERVING:
        return None
    if given not in _PROFILES:
        raise InvalidInput(
            f"there is no profile {given!r}{did_you_mean(given, NAMES)}; the profiles are "
            f"{', '.join(NAMES)}"
        )
    module = import_module(f"tfsclient._calls.profiles.{_PROFILES[given]}")
    profile: Profile = (
        module.PROFILE if target.endpoint is None else module.over_grpc(target.endpoint)
    )
    return profile


def _read(auth: object, target: Target, profile: Profile | None) -> Authenticate:
    method = getattr(auth, "__call__", None)  # noqa: B004 (an object's may be async, too)
    if iscoroutinefunction(auth) or iscoroutinefunction(method):
        raise InvalidInput("auth must be a function without async, which is called on a thread")
    if isinstance(auth, tuple) and len(auth) == 2 and all(isinstance(a, str) for a in auth):
        return Basic(*auth)
    cloud = None if profile is None or callable(auth) else _cloud(profile, target, auth)
    if cloud is not None:
        return cloud
    if callable(auth):
        given: Callable[..., Any] = auth
        return given
    raise InvalidInput(
        f"auth must be a pair of a user and a password, or a function, not {of_type(auth)}"
    )


def _cloud(profile: Profile, target: Target, credentials: object) -> Authenticate | None:
    """What authenticates by a cloud's own rules; None where there are none."""
    if profile.name not in _CLOUDS:
        return None
    module = import_module(f"tfsclient._transports.{_CLOUDS[profile.name]}")
    address = target.address if target.rest else f"grpcs://{target.address}"
    made: Authenticate | None = module.authenticate(address, credentials)
    return made
