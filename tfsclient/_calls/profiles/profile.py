"""What a client needs to know of a server that is not TF Serving itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from tfsclient._calls.options import Token
from tfsclient._calls.request import PredictRequest
from tfsclient._codec.model_ref import ModelRef
from tfsclient._codec.tensor import Array
from tfsclient.errors import InvalidInput
from tfsclient.results import VersionStatus
from tfsclient.schema import Model


class Outgoing(NamedTuple):
    """A request about to be sent, for what authenticates it.

    Attributes:
        method: "POST", or "GET" where there is no body.
        url: where it goes; over gRPC the address and the method's name.
        headers: what goes with it so far, names in lower case.
        body: its bytes, exactly as they are sent.
    """

    method: str
    url: str
    headers: Mapping[str, str | bytes]
    body: bytes

    def __repr__(self) -> str:
        # Neither headers, which hold secrets, nor the body.
        return f"Outgoing(method={self.method!r}, url={self.url!r}, ...)"


# Gives the headers that authenticate a request.  It is called once for each call, on any thread;
# retries of the call carry the same.
Authenticate: TypeAlias = Callable[[Outgoing], Mapping[str, str]]
# How a question about a model is asked: the path of a GET, and what reads the answer.
Statuses: TypeAlias = tuple[
    Callable[[ModelRef], str], Callable[[bytes, ModelRef], list[VersionStatus]]
]
Signatures: TypeAlias = tuple[Callable[[ModelRef], str], Callable[[bytes, ModelRef], Model]]


def _no_headers(ref: ModelRef, method: str) -> Mapping[str, str]:
    del ref, method
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A server of models that is not TF Serving itself, for ``Client(profile=...)``.

    Three functions say how a prediction is asked for: ``path``, ``body`` and ``answer``.  The rest
    is data, and what else the server can be asked.  The functions do no I/O, may be called on any
    thread, and refuse with a :class:`TFSError`.

    Attributes:
        name: what to call it in errors.
        path: gives the path of a call from the model and the method ("predict", "classify" or
            "regress"); it is appended to the target's address, and is empty or begins with "/".
        body: makes the body of a predict request.
        answer: reads the outputs by name from the bytes of an answer, with the request's dtypes.
        content_type: of bodies.
        headers: gives headers that go with a call, from what ``path`` is given.
        rest: whether it speaks HTTP; else the path is a gRPC method.
        json: whether bodies and answers are JSON, whose numbers have no dtypes: the signature must
            be known.
        methods: what it can do: "predict", and "classify" and "regress" in TF Serving's JSON.
        versions: whether a call can ask for a version.
        labels: whether a call can ask for a version label.
        status: how to ask for the states of a model's versions; None if it does not tell.
        signatures: how to ask for a model's signatures; None if it does not tell.
        error: reads an HTTP error, from its status and its body: the status that was meant and the
            reason; None where it cannot.
        token: makes of the client's ``token`` what authenticates each request; None to send it as
            a bearer token.
        authenticate: gives the headers that authenticate a request, unless the client is given
            ``auth``, ``token`` or an authorization header; None for none.

    Raises:
        InvalidInput: ``status`` or ``signatures`` is not a pair of functions.
    """

    name: str
    path: Callable[[ModelRef, str], str]
    body: Callable[[PredictRequest], bytes]
    answer: Callable[[bytes, PredictRequest], Mapping[str, Array]]
    content_type: str = "application/json"
    headers: Callable[[ModelRef, str], Mapping[str, str]] = _no_headers
    rest: bool = True
    json: bool = True
    methods: tuple[str, ...] = ("predict",)
    versions: bool = False
    labels: bool = False
    status: Statuses | None = None
    signatures: Signatures | None = None
    error: Callable[[int, bytes], tuple[int, str] | None] | None = None
    token: Callable[[Token], Authenticate] | None = None
    authenticate: Authenticate | None = None

    def __post_init__(self) -> None:
        for name in ("status", "signatures"):
            pair: object = getattr(self, name)
            if pair is not None and not (
                isinstance(pair, tuple) and len(pair) == 2 and all(map(callable, pair))
            ):
                raise InvalidInput(f"a profile's {name} must be a pair of functions, or None")
