"""``tfsclient doctor``: looks at a server step by step, and says in plain words what is wrong."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from tfsclient._cli import probe, surroundings
from tfsclient._cli.connection import Connection, connection_options
from tfsclient._cli.main import (
    EXIT_NO,
    EXIT_UNREACHABLE,
    exit_codes,
    print_wrapped,
    typed,
    unreachable,
)
from tfsclient._cli.probe import Address
from tfsclient._transports.proxies import proxy_for
from tfsclient._transports.target import Target, parse
from tfsclient._transports.tls import TLS
from tfsclient.errors import (
    Code,
    NotFound,
    PermissionDenied,
    TFSError,
    Unauthenticated,
    Unimplemented,
)

# Nothing here needs numpy, httpx and their like at once: `doctor` says which of them is broken.
if TYPE_CHECKING:
    from tfsclient._client.sync import Client
    from tfsclient.results import VersionStatus
    from tfsclient.schema import Model

# What to install for a module, and which of the protocols cannot do without it.
_PACKAGES: Final = {
    "numpy": ("numpy", "gRPC REST"),
    "ml_dtypes": ("ml_dtypes", "gRPC REST"),
    "orjson": ("orjson", "gRPC REST"),
    "httpx": ("httpx", "REST"),
    "grpc": ("grpcio", "gRPC"),
    "google.protobuf": ("protobuf", "gRPC"),
}
_NO_MODEL = "tfsclient-doctor"  # asked for where no model is named: even a no is an answer


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        text: it, in plain words.
        remedy: what to do; "" where nothing is wrong.
        lost: whether it keeps every call from the server.
        note: whether it is worth knowing, though nothing is wrong.
    """

    text: str
    remedy: str = ""
    lost: bool = False
    note: bool = False

    @property
    def kind(self) -> str:
        """What it is: "problem", "note" or "ok"."""
        return "problem" if self.remedy else "note" if self.note else "ok"


@click.command()
@click.argument("target")
@click.argument("model", required=False)
@click.option("--json", "as_json", is_flag=True, help="The findings as a JSON list.")
@connection_options(timeout=10.0)
def doctor(target: str, model: str | None, as_json: bool, connection: Connection) -> None:
    """Find out why calls to the server TARGET, or to MODEL on it, fail.

    Looks at this installation, the environment, the way to the server, the server and the model.
    Nothing is changed and the model is not run.  Exits with 0 if all is well, with 1 if something
    is wrong, and with 3 if there is no getting through to a server.

    A server does not say which variables a model lacks, but its folder does: TARGET may be that
    of a SavedModel, too.

    Example: tfsclient doctor localhost:8500 digits
    """
    folder = Path(target) if ":" not in target else None  # no server's address is without
    if folder is not None and folder.is_dir():
        if model is not None:
            raise click.UsageError(f"{target} is a folder of one model: leave MODEL out")
        found = _survived(lambda: _saved_model(folder))
    else:
        with exit_codes():
            place = parse(target)
        found = examine(place, target, model, connection)
    code = 0
    findings: list[Finding] = []
    for finding in found:
        findings.append(finding)
        if finding.remedy:
            code = max(code, EXIT_UNREACHABLE if finding.lost else EXIT_NO)
        if not as_json:
            print_wrapped(f"{finding.kind:<9}", finding.text)
            if finding.remedy:
                print_wrapped(f"{'remedy':<9}", finding.remedy)
    if as_json:
        told = [{"kind": f.kind, "text": f.text, "remedy": f.remedy or None} for f in findings]
        click.echo(json.dumps(told, indent=2))
    raise click.exceptions.Exit(code)


def examine(
    target: Target, text: str, model: str | None, connection: Connection
) -> Iterator[Finding]:
    """Look at one thing after the other, as far as that makes sense.

    Args:
        target: the server.
        text: the same as it was typed.
        model: a model on it.
        connection: how to connect.
    """
    broken = False
    for check in (
        lambda: _installation(target),
        lambda: _environment(target),
        lambda: _way(target, connection),
    ):
        for finding in _survived(check):
            yield finding
            broken = broken or bool(finding.remedy)
    if not broken:
        yield from _survived(lambda: _answers(target, text, model, connection))


def _survived(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """What a check finds, whatever happens to it."""
    try:
        yield from check()
    except TFSError as error:
        hint = typed(error.hint, to_doctor=False) or "correct what it names"
        yield Finding(str(error).partition("\n")[0], hint, lost=unreachable(error))
    except Exception as error:  # noqa: BLE001 (the tool that explains must not die)
        yield Finding(
            f"a check itself failed: {type(error).__name__}: {error}",
            "look at this machine's installation and environment for what the error names",
        )


def _saved_model(folder: Path) -> Iterator[Finding]:
    from tfsclient import sources

    model = sources.from_saved_model(folder)
    version = "" if model.version is None else f", version {model.version}"
    yield Finding(f"{folder} holds a SavedModel{version}")
    flaws = sources.find_flaws(folder)
    for flaw in flaws:
        if flaw.works:
            yield Finding(str(flaw), note=True)
        else:
            yield Finding(flaw.sentence, flaw.cure)
    if all(flaw.works for flaw in flaws):
        yield Finding("nothing in its graph keeps TensorFlow Serving from running it")


def _installation(target: Target) -> Iterator[Finding]:
    protocol, other = ("REST", "gRPC") if target.rest else ("gRPC", "REST")
    broken = set()
    for name, (package, needed_for) in _PACKAGES.items():
        if name == "ml_dtypes" and "numpy" in broken:
            continue  # which is built on it
        try:
            import_module(name)
        except Exception as error:  # noqa: BLE001 (what is broken may raise anything)
            broken.add(name)
            if isinstance(error, ModuleNotFoundError) and name.startswith(error.name or "?"):
                text, remedy = f"{name} is not installed here", f"pip install {package}"
            else:
                reason = str(error).partition("\n")[0] or type(error).__name__
                text = f"{name} is installed but cannot be imported: {reason}"
                remedy = f"pip install --force-reinstall {package}"
            if protocol not in needed_for:
                yield Finding(f"{text}; so there is no {other}: {remedy}", note=True)
            elif other in needed_for:
                yield Finding(text, remedy)
            else:
                port = "gRPC port, without http://" if target.rest else "REST port: http://"
                yield Finding(f"{text}; so there is no {protocol}", f"{remedy}, or use the {port}")


def _environment(target: Target) -> Iterator[Finding]:
    for trap in surroundings.traps(target):
        yield Finding(trap.text, trap.remedy if trap.matters else "", note=not trap.matters)
    proxy = probe.proxy_of(target)
    if proxy is not None:
        yield Finding(f"the environment sends calls through a proxy: {proxy}", note=True)


def _way(target: Target, connection: Connection) -> Iterator[Finding]:
    address = probe.address_of(target, connection.timeout)
    if address is not None and probe.proxy_of(target) is None:
        yield from _network(target, address, connection)


def _answers(
    target: Target, text: str, model: str | None, connection: Connection
) -> Iterator[Finding]:
    with connection.client(text) as client:
        try:
            yield from _calls(client, target, model, connection)
        except TFSError as error:
            yield _failure(error, probe.proxy_of(target))


# The way to the server.


def _network(target: Target, address: Address, connection: Connection) -> Iterator[Finding]:
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError as error:
        yield Finding(
            f"{address.host} has no address: {error.strerror or error}",
            "check the spelling, and that this machine asks the right DNS server",
            lost=True,
        )
        return
    numbers = ", ".join(sorted({str(entry[4][0]) for entry in found}))
    yield Finding(f"{address.host} is {numbers}")
    try:
        probe.connect(address).close()
    except OSError as error:
        yield _closed(address, error)
        return
    yield Finding(f"{address} accepts connections")
    protocol = _protocol(target, address)
    yield protocol
    if target.tls and not protocol.remedy:
        yield from _certificates(target, address, connection)


def _closed(address: Address, error: OSError) -> Finding:
    if isinstance(error, ConnectionRefusedError):
        return Finding(
            f"nothing listens on {address}",
            "start the server, or correct the port: TF Serving's --port (gRPC) is 8500 by default, "
            "--rest_api_port is usually 8501; a container must publish both (docker run -p)",
            lost=True,
        )
    return Finding(
        f"{address} does not accept a connection: {error}",
        "look for a firewall or a network policy between here and there, or correct the host",
        lost=True,
    )


def _protocol(target: Target, address: Address) -> Finding:
    """Whether what listens speaks what the target wants: HTTP/1 or 2, TLS or not."""
    wanted = _spoken(http2=not target.rest, tls=target.tls)
    if probe.speaks(address, http2=not target.rest, tls=target.tls):
        return Finding(f"it speaks {wanted}")
    tls = probe.offers_tls(address)
    for http2 in (not target.rest, target.rest):
        if probe.speaks(address, http2=http2, tls=tls):
            return Finding(
                f"it speaks {_spoken(http2=http2, tls=tls)}, but {target} means {wanted}",
                f"write {_scheme(http2=http2, tls=tls)}{address}, or use the port that you mean: "
                "gRPC is usually on 8500, REST on 8501",
            )
    if not tls and probe.says_nothing(address):
        return Finding(
            "it says nothing, be it asked by gRPC, HTTP or TLS",
            "the server hangs, or a tunnel or a published port has no server behind it (kubectl "
            "port-forward, docker run -p); or correct the port",
            lost=True,
        )
    if not tls:
        return Finding(
            "it speaks neither gRPC nor HTTP", "correct the port: something else listens there"
        )
    if target.tls:
        return Finding("it speaks TLS")
    return Finding(
        f"it speaks TLS, but {target} means {wanted}",
        f"write {_scheme(http2=not target.rest, tls=True)}{address}",
    )


def _spoken(*, http2: bool, tls: bool) -> str:
    return f"{'gRPC (HTTP/2)' if http2 else 'REST (HTTP/1)'} {'over' if tls else 'without'} TLS"


def _scheme(*, http2: bool, tls: bool) -> str:
    if http2:
        return "grpcs://" if tls else ""
    return "https://" if tls else "http://"


def _certificates(target: Target, address: Address, connection: Connection) -> Iterator[Finding]:
    tls = connection.read_tls(target.text) or TLS()
    reason = probe.why_not_trusted(address, http2=not target.rest, tls=tls)
    if reason is None:
        yield Finding("its certificate is trusted")
        refusal = probe.why_not_known(address, http2=not target.rest, tls=tls)
        if refusal is not None and tls.cert is None:
            yield Finding(
                f"the server requires a client certificate: {refusal}",
                "give one that it trusts: --cert, with its --key",
                lost=True,
            )
        elif refusal is not None:
            yield Finding(
                f"the server does not accept our certificate: {refusal}",
                "it must be current, and signed by an authority that the server trusts: --cert, "
                "with its --key",
                lost=True,
            )
        return
    yield Finding(
        f"its certificate is not trusted: {reason}",
        "say whom to trust, and under which name: --ca and --server-name",
    )


# The server and the model.


def _calls(
    client: Client, target: Target, model: str | None, connection: Connection
) -> Iterator[Finding]:
    name = model or _NO_MODEL
    if connection.is_other(target.text):
        yield from _others_calls(client, target, name)
        return
    try:
        states = client.status(name)
    except NotFound as error:
        yield _not_found(error, target, model, connection)
        return
    start = time.perf_counter()
    client.status(name)
    yield Finding(f"a round trip takes {(time.perf_counter() - start) * 1e3:.1f} ms")
    yield from _versions(states, target, name)
    if any(state.available for state in states):
        yield from _signatures(client.metadata(name), target)


def _others_calls(client: Client, target: Target, name: str) -> Iterator[Finding]:
    """The calls of a server that is not TF Serving itself: it may lack any of these."""
    try:
        yield from _versions(client.status(name), target, name)
    except Unimplemented as error:
        yield Finding(error.details, note=True)
    except NotFound as error:
        if name != _NO_MODEL:
            raise
        yield Finding(f"it answers: {error.details}")
    if name == _NO_MODEL:
        return
    try:
        yield from _signatures(client.metadata(name), target)
    except Unimplemented as error:
        yield Finding(f"{error.details}; they must be given: --saved-model", note=True)


def _not_found(
    error: NotFound, target: Target, model: str | None, connection: Connection
) -> Finding:
    if target.rest and not _has_serving_errors(target, connection):
        return Finding(
            f"this web server is not TensorFlow Serving: {error.details}",
            "correct the host, the port, or the path that a gateway gives it",
        )
    if model is None:
        return Finding("it answers as TensorFlow Serving does")
    return Finding(
        f"the server does not know the model {model!r}: {error.details}",
        "write it as the server's --model_name or its configuration does (case matters; without "
        "either it is 'default'), or load it: tfsclient reload",
    )


def _has_serving_errors(target: Target, connection: Connection) -> bool:
    """Whether a 404 comes as TF Serving's JSON: any web server has a 404."""
    url = f"{target.address}/v1/models/{_NO_MODEL}"
    proxy, token = proxy_for(url), connection.read_token()
    headers = {name: v for name, v in connection.read_headers().items() if isinstance(v, str)}
    tls = connection.read_tls(target.text) or TLS()
    import httpx

    try:
        answer = httpx.get(
            url,
            headers=headers | ({"authorization": f"Bearer {token}"} if token else {}),
            auth=target.user,
            timeout=connection.timeout,
            verify=tls.ssl_context() if target.tls else False,
            proxy=None if proxy is None else proxy.url,
            trust_env=False,
        )
        return isinstance(json.loads(answer.content).get("error"), str)
    except (httpx.HTTPError, ValueError, AttributeError):
        return False


def _versions(states: list[VersionStatus], target: Target, model: str) -> Iterator[Finding]:
    for state in states:
        version = "the model" if state.version is None else f"version {state.version}"
        if state.available:
            yield Finding(f"{version} is available")
        elif state.error_code is not Code.OK:
            yield Finding(
                f"{version} did not load: {state.error_code}: {state.error_message}",
                "fix what the server reports, and export it as a new version",
            )
        else:
            yield Finding(f"{version} is {state.state}", note=True)
    if not any(state.available for state in states):
        yield Finding(
            "no version is available",
            f"if one is loading, wait for it: tfsclient wait {target} {model}; otherwise look at "
            "the server's --model_base_path, which must hold a folder with a number for each "
            "version",
        )


def _signatures(model: Model, target: Target) -> Iterator[Finding]:
    from tfsclient.schema._reasons import without_exporters

    callable_here = 0
    for name, signature in without_exporters(model.signatures).items():
        reason = signature.why_unusable
        if reason is not None:
            yield Finding(f"signature {name!r} cannot be called: {reason}", note=True)
        elif signature.why_not_over_rest is not None:
            callable_here += not target.rest
            yield Finding(
                f"signature {name!r} can be called over gRPC only: {signature.why_not_over_rest}",
                note=target.rest,
            )
        else:
            callable_here += 1
            yield Finding(f"signature {name!r} can be called over gRPC and REST")
    if not callable_here:
        yield Finding(
            f"no signature can be called over {'REST' if target.rest else 'gRPC'}",
            "call it over gRPC" if model.usable() else "export the model with a signature",
        )


def _failure(error: TFSError, proxy: str | None) -> Finding:
    lost = unreachable(error)
    if isinstance(error, Unimplemented):
        remedy = "correct the target: this is a gRPC server, but not TensorFlow Serving"
    elif isinstance(error, Unauthenticated | PermissionDenied):
        remedy = "give what the server, or a gateway before it, asks for: --token-file or --header"
    elif lost and proxy is not None:
        remedy = "if the server is not behind that proxy, put its host into no_proxy"
    else:
        remedy = (
            typed(error.hint, to_doctor=False)
            or "what the server says is all that is known: look at its log, too"
        )
    return Finding(f"a call fails: {str(error).partition(chr(10))[0]}", remedy, lost=lost)
