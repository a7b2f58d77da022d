"""The servers that the page may call, and what is known of their models.

They come from the command line only: nothing that the page sends makes us connect elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from tfsclient._client.aio import AsyncClient
from tfsclient._client.call_info import CallInfo
from tfsclient._codec.model_ref import ModelRef
from tfsclient._transports.target import Target, parse
from tfsclient.errors import InvalidInput
from tfsclient.schema import Model, Signature, TensorSpec

MOST_BYTES: Final = 256 << 20  # of an answer over gRPC
_REST_PORT: Final = 8501
_WITHOUT_HOST: Final = ("unix", "unix-abstract", "vsock")  # gRPC's addresses on this machine

seen: ContextVar[list[CallInfo] | None] = ContextVar("seen", default=None)


def on_call(info: CallInfo) -> None:
    """Note the calls of the request that is being answered: every client's ``on_call``."""
    calls = seen.get()
    if calls is not None:
        calls.append(info)


@dataclass(frozen=True, slots=True)
class Server:
    """A server.

    Attributes:
        target: what the user typed, without a user's name and password.
        client: its client, made with :func:`on_call`.
        rest: the URL of its REST interface; None if that is not known.
        hidden_options: arguments that its client was made with, and code does not show: secrets.
        profile: what it is, if it is not TF Serving itself.
    """

    target: str
    client: AsyncClient
    rest: str | None = None
    hidden_options: tuple[str, ...] = ()
    profile: str | None = None

    @property
    def rest_guess(self) -> str:
        """That URL, or where TF Serving's usually is on the same host."""
        if self.rest is not None:
            return self.rest
        target = parse(self.target)
        if target.rest:
            return target.address
        host = _host(target) or "localhost"
        return f"http://{f'[{host}]' if ':' in host else host}:{_REST_PORT}"

    @property
    def rest_known(self) -> bool:
        """Whether :attr:`rest_guess` is more than a guess."""
        return self.rest is not None or parse(self.target).rest


def rest_beside(target: str, targets: Iterable[str]) -> str | None:
    """The URL of a gRPC target's REST interface, if it is clear which of these targets that is.

    It is where they are the only two of one host, and one of them speaks REST.
    """
    host = _host(parse(target))
    near = [one for one in map(parse, targets) if _host(one) == host and one.profile is None]
    urls = [one.address for one in near if one.rest]
    return urls[0] if host and len(near) == 2 and len(urls) == 1 else None


def _host(target: Target) -> str | None:
    """The host in an address, which has one name if it is this machine; None if it has none.

    Of several addresses it is the first one's.
    """
    address = target.address
    if not target.rest:
        scheme, _, rest = address.partition(":")
        if scheme in _WITHOUT_HOST:
            return None
        named = rest if scheme in ("dns", "ipv4", "ipv6", "xds") else address
        place = named.partition(",")[0].rpartition("/")[2]
        bare = place.count(":") > 1 and "[" not in place  # as in ipv6:2001:db8::1
        address = f"//[{place}]" if bare else f"//{place}"
    try:
        host = urlsplit(address).hostname
    except ValueError:
        return None
    return "localhost" if host in ("127.0.0.1", "::1") else host


class Servers:
    """All of them, and the signatures of their models as they were last seen.

    Args:
        servers: in the order of the command line.
        models: gives the names of models to choose from, now.
        folders: gives what is known of a model from its SavedModel, by its name: the features of
            its Examples, which no server tells.
        base64: gives what is known of its inputs that take files as base64 text, by signature.
    """

    def __init__(
        self,
        servers: Sequence[Server],
        models: Callable[[], Iterable[str]],
        folders: Callable[[str], Model | None],
        base64: Callable[[str], Mapping[str, frozenset[str]]] = lambda name: {},
    ) -> None:
        self.all = servers
        self.models = models
        self.base64 = base64
        self._folders = folders
        self._seen: dict[tuple[int, ModelRef], Model] = {}

    def at(self, number: int) -> Server:
        """The server of this number.

        Raises:
            InvalidInput: there is none.
        """
        if not 0 <= number < len(self.all):
            raise InvalidInput(f"there is no target {number}: reload the page")
        return self.all[number]

    async def model(self, number: int, ref: ModelRef, *, fresh: bool = False) -> Model:
        """A model's signatures.

        Args:
            number: which server.
            ref: the model, version or label.
            fresh: whether to ask the server again.

        Raises:
            TFSError: the server does not tell them.
        """
        key = number, ref
        if fresh or key not in self._seen:
            client = self.at(number).client
            model = await client.metadata(ref.name, version=ref.version, label=ref.label)
            if len(self._seen) > 1000:
                self._seen.clear()
            self._seen[key] = _with_features(model, self._folders(ref.name))
        return self._seen[key]

    def forget(self, number: int, ref: ModelRef) -> None:
        """Ask again before the next call: the server seems to serve another version."""
        self._seen.pop((number, ref), None)

    async def close(self) -> None:
        """Close every connection."""
        for server in self.all:
            await server.client.close()


def _with_features(model: Model, known: Model | None) -> Model:
    """The model with what its SavedModel tells of signatures that are the same there."""
    if known is None:
        return model
    signatures: Mapping[str, Signature] = {
        name: _told(one, known.signatures[name]) if name in known.signatures else one
        for name, one in model.signatures.items()
    }
    return replace(model, signatures=signatures)


def _told(served: Signature, known: Signature) -> Signature:
    if _forms(served.inputs) != _forms(known.inputs):
        return served
    return replace(
        served,
        inputs=_meant(served.inputs, known.inputs),
        outputs=_meant(served.outputs, known.outputs),
        example_input=known.example_input,
        features=known.features,
        same_tensors=known.same_tensors,
        samples=served.samples or known.samples,
    )


def _forms(specs: Mapping[str, TensorSpec]) -> dict[str, tuple[object, object]]:
    return {name: (spec.dtype, spec.shape) for name, spec in specs.items()}


def _meant(
    served: Mapping[str, TensorSpec], known: Mapping[str, TensorSpec]
) -> dict[str, TensorSpec]:
    """The tensors, each with what it stands for: as was given, or as its SavedModel says."""
    forms, of_known = _forms(served), _forms(known)
    return {
        name: replace(spec, meaning=spec.meaning or known[name].meaning)
        if forms[name] == of_known.get(name)
        else spec
        for name, spec in served.items()
    }
