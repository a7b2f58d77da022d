"""``tfsclient bench``: load on a server, and what it makes of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from tfsclient._calls.request import PredictRequest
from tfsclient._cli.connection import Connection, connection_options
from tfsclient._cli.load_data import (
    Data,
    describe,
    read_requests,
    recorded_requests,
    requests_of,
)
from tfsclient._cli.main import EXIT_INTERRUPTED, EXIT_NO, exit_codes, visible
from tfsclient._cli.options import input_option, signature_option, version_options
from tfsclient._client.observe import OnCall
from tfsclient._client.sync import Client
from tfsclient._codec.model_ref import ModelRef
from tfsclient._transports.target import parse
from tfsclient.errors import InvalidArgument, InvalidInput
from tfsclient.load import text
from tfsclient.load.interface import WIDEST, Arrivals, Engine, Load, Progress
from tfsclient.load.limits import read_fail_if, read_slo
from tfsclient.load.metrics import grpc_beside, page_at, rest_beside, url_of
from tfsclient.load.search import Trial
from tfsclient.load.session import Endpoint, Report, Session, loads
from tfsclient.load.threads import Alone, ThreadSender
from tfsclient.load.units import number
from tfsclient.schema import Signature


def _numbers(kind: type[int | float], most: float) -> Callable[..., list[Any] | None]:
    """The callback of an option that takes numbers with commas between them."""

    def read(_: click.Context, __: click.Parameter, value: str | None) -> list[Any] | None:
        if value is None:
            return None
        numbers = []
        for part in value.split(","):
            try:
                each = kind(part)
            except ValueError:
                each = 0
            if not 0 < each <= most:
                called = "a whole number" if kind is int else "a number"
                raise click.BadParameter(f"{part!r} is not {called} over 0, up to {most:g}")
            numbers.append(each)
        if len(set(numbers)) < len(numbers):
            raise click.BadParameter(f"{value!r} has a number twice")
        return numbers

    return read


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was asked for, beside the connection."""

    target: str
    model: str
    data: Data
    signature: str | None
    version: int | None
    label: str | None
    processes: int

    @property
    def ref(self) -> ModelRef:
        return ModelRef(self.model, self.version, self.label)


@click.command()
@click.argument("target")
@click.argument("model")
@input_option
@click.option(
    "--data",
    metavar="FILE",
    help="Rows to send in turn: .jsonl, .csv, .json, .npy, .npz, or - for standard input; or "
    "recorded calls, as a warm-up file holds them.",
)
@signature_option
@version_options
@click.option(
    "--concurrency",
    metavar="N,...",
    callback=_numbers(int, WIDEST),
    help="A closed loop: so many callers, each of which waits for its answer.  [default: 1]",
)
@click.option(
    "--rate",
    metavar="N,...",
    callback=_numbers(float, 1e6),
    help="An open loop: so many calls a second, whether or not others are answered.",
)
@click.option("--slo", metavar="p99=50ms", help="Find the highest rate within this limit.")
@click.option(
    "--arrivals",
    type=click.Choice(["poisson", "even"]),
    default="poisson",
    show_default=True,
    help="How the calls of an open loop are spread.",
)
@click.option(
    "--batch", "batches", metavar="N,...", callback=_numbers(int, 1e6), help="Rows of a call."
)
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes that send, where one is too slow.",
)
@click.option(
    "--seconds",
    default=5.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="How long to measure each load.",
)
@click.option(
    "--warmup",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Seconds before that, in which calls are sent and not measured.",
)
@click.option(
    "--transports",
    metavar="grpc,rest",
    help="Measure these beside each other.  The other of TARGET's is on the port beside it (8500 "
    "and 8501), or given as TARGET,TARGET.",
)
@click.option(
    "--against", metavar="TARGET2", help="Measure TARGET2 in turns with TARGET, and compare."
)
@click.option(
    "--fail-if",
    metavar="LIMITS",
    help='Exit with 1 where a run is over a limit, as in "p99>50ms,errors>0.1%".',
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write everything to this file as JSON.",
)
@click.option(
    "--html",
    "html_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a report with plots to this file.",
)
@connection_options()
def bench(
    target: str,
    model: str,
    inputs: tuple[str, ...],
    data: str | None,
    signature: str | None,
    version: int | None,
    label: str | None,
    concurrency: list[int] | None,
    rate: list[float] | None,
    slo: str | None,
    arrivals: Arrivals,
    batches: list[int] | None,
    processes: int,
    seconds: float,
    warmup: float,
    transports: str | None,
    against: str | None,
    fail_if: str | None,
    json_file: Path | None,
    html_file: Path | None,
    connection: Connection,
) -> None:
    """Put load on MODEL on the server TARGET, and measure what it makes of it.

    A closed loop (--concurrency) has callers that wait for their answers: where the server stalls,
    they do not call, and the stall is hidden.  An open loop (--rate) sends calls when it is time,
    as independent users do.  --slo finds the highest rate at which a limit holds, with --batch for
    each batch size, and says what to tell the server about batching.

    Latency counts from when a call was to be sent.  Where the sender itself was too slow, that is
    said, and there is no verdict on the server.  No call is tried again.

    Inputs are given as for predict; without any, zeros and empty strings of the signature's shapes
    are sent, where an open dimension is 1.

    Exit code 1: a call failed; or, with --fail-if, a limit was not kept or there is no verdict; or,
    with --slo, no rate keeps it.

    Example: tfsclient bench localhost:8500 digits --rate 50,100,200 --html report.html
    """
    if sum(option is not None for option in (concurrency, rate, slo)) > 1:
        raise click.UsageError("give one of --concurrency, --rate and --slo")
    if against and (slo or transports):
        other = "--slo" if slo else "--transports"
        raise click.UsageError(f"--against cannot be used with {other}")
    asked = _Asked(target, model, Data(inputs, data), signature, version, label, processes)
    with exit_codes():
        for file in (json_file, html_file):
            if file is not None and not file.absolute().parent.is_dir():
                raise InvalidInput(f"cannot write {file}: {file.parent} is not a directory")
        limit = None if slo is None else read_slo(slo)
        limits = [] if fail_if is None else read_fail_if(fail_if)
        connection = replace(connection, token=connection.read_token(), token_file=None)
        endpoints = _endpoints(asked, connection, transports)
        benchmark = _Benchmark(asked, connection)
        report = benchmark.begin(endpoints, batches)
        click.echo("\n".join(text.head(report)))
        base = Load(seconds, arrivals=arrivals, warmup=warmup)
        sizes: list[int | None] = [*batches] if batches else [None]
        live = _Live()
        session = Session(report, benchmark.open, live)
        wanted = loads(base, rate or [], concurrency or [1])
        try:
            if limit is not None:
                session.search(endpoints, sizes, base, limit)
            elif against is not None:
                second = _endpoint(against, connection)
                benchmark.check(second)
                session.compare(endpoints[0], second, sizes, wanted)
            else:
                session.sweep(endpoints, sizes, wanted)
        except KeyboardInterrupt:
            report.interrupted = True
        live.end()
        session.judge(limits)
        click.echo("\n".join(text.lines(report)))
        _write(report, asked, json_file, html_file)
    if report.interrupted:
        raise click.exceptions.Exit(EXIT_INTERRUPTED)
    if limits:
        bad = any(kept is not True for _, kept, _ in report.verdicts)
    elif limit is not None:
        bad = any(searched.found.best is None for searched in report.searches)
    else:
        bad = any(run.summary.errors for run in report.runs)
    if bad:
        raise click.exceptions.Exit(EXIT_NO)


def _endpoints(asked: _Asked, connection: Connection, transports: str | None) -> list[Endpoint]:
    """The servers that are meant, of one transport or both.

    Raises:
        InvalidInput: a transport is not known, or where it is.
    """
    first, _, second = asked.target.partition(",")
    targets = {_transport(target): target for target in (first, second) if target}
    if transports is None:
        if second:
            raise InvalidInput("TARGET,TARGET is for --transports grpc,rest")
        return [_endpoint(first, connection)]
    if second and len(targets) < 2:
        raise InvalidInput(f"{first} and {second} are of one transport")
    endpoints = []
    for name in transports.split(","):
        if name not in ("grpc", "rest"):
            raise InvalidInput(f"--transports: {name!r} is not grpc or rest")
        target = targets.get(name) or (rest_beside(first) if name == "rest" else grpc_beside(first))
        if target is None:
            raise InvalidInput(
                f"--transports: where {name} is cannot be told from {first}",
                hint="write both, as in localhost:8500,http://localhost:8501",
            )
        endpoints.append(_endpoint(target, connection, targets.get("rest")))
    if len({endpoint.transport for endpoint in endpoints}) < len(endpoints):
        raise InvalidInput(f"--transports {transports} has one twice")
    return endpoints


def _transport(target: str) -> str:
    return "rest" if parse(target).rest else "grpc"


def _endpoint(target: str, connection: Connection, rest: str | None = None) -> Endpoint:
    """A server; ``rest`` is its REST target, where that is known."""
    url = url_of(rest or target)
    if url is None:
        return Endpoint(target, _transport(target))
    # Secrets are for the target alone: another port may be another's, and without TLS.
    headers: dict[str, str] = {}
    if _transport(target) == "rest":
        given = connection.read_headers().items()
        headers = {name: value for name, value in given if isinstance(value, str)}
        if connection.token:
            headers["authorization"] = f"Bearer {connection.token}"
    tls = connection.read_tls(target)
    trusted = True if tls is None else tls.ssl_context()
    return Endpoint(target, _transport(target), page_at(url, headers, trusted))


class _Benchmark:
    """Makes the requests once, and opens what sends them."""

    def __init__(self, asked: _Asked, connection: Connection) -> None:
        self._asked = asked
        self._connection = connection
        self._spec: Signature | None = None
        self._whole: PredictRequest | None = None
        self._recorded: list[PredictRequest] = []

    def begin(self, endpoints: list[Endpoint], batches: list[int] | None) -> Report:
        """Read the inputs, and make a call of each server, which connects.

        Raises:
            TFSError: an input cannot be read, or a server does not answer.
        """
        asked = self._asked
        with self._client(endpoints[0].target) as client:
            named = asked.signature or asked.data.given.signature_name
            spec = client.signature(asked.model, named, version=asked.version, label=asked.label)
            if asked.data.recorded:
                if batches:
                    raise InvalidInput("--batch cannot be used with recorded calls")
                assert asked.data.file is not None
                ref = asked.ref.with_signature(asked.signature)
                self._recorded = recorded_requests(asked.data.file, ref)
            else:
                self._whole = read_requests(client, asked.ref, spec, asked.data)
        self._spec = spec
        for batch in batches or []:
            self.requests(batch)  # so that what cannot be made is refused before anything is sent
        for endpoint in endpoints:
            self.check(endpoint)
        requests = self.requests(batches[0] if batches else None)
        signature = requests[0].ref.signature or spec.name
        return Report(asked.model, signature, describe(requests, zeros=asked.data.zeros))

    def check(self, endpoint: Endpoint) -> None:
        """Call a server once, so that what cannot work is said at once.

        Raises:
            TFSError: it does not answer, or refuses the inputs.
        """
        with self._client(endpoint.target) as client:
            try:
                client.send(self.requests(None)[0])
            except InvalidArgument as error:
                if self._asked.data.zeros:
                    error.hint = "these were zeros: --input gives real inputs"
                raise

    def requests(self, batch: int | None) -> list[PredictRequest]:
        """What to send in turn, in calls of so many rows."""
        if self._whole is None:
            return self._recorded
        return requests_of(self._whole, self._asked.data, batch)

    @contextmanager
    def open(self, endpoint: Endpoint, batch: int | None) -> Iterator[Engine]:
        """What puts load on a server."""
        make_client = partial(_client, self._connection, endpoint.target)
        make = partial(ThreadSender, make_client, self.requests(batch))
        if self._asked.processes == 1:
            engine: Any = Alone(make())
        else:
            from tfsclient.load.processes import Processes

            engine = Processes(self._asked.processes, make)
        try:
            yield engine
        finally:
            engine.close()

    def _client(self, target: str) -> Client:
        return _client(self._connection, target, None)


def _client(connection: Connection, target: str, on_call: OnCall) -> Client:
    """Makes a client, in whichever process."""
    return connection.client(target, retries=0, on_call=on_call)


class _Live:
    """Shows how far it is, on standard error: a line that changes, where that is a terminal."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._what = ""
        self._shown = 0

    def begin(self, what: str) -> None:
        """Something new begins."""
        self._what = what

    def watch(self, progress: Progress) -> bool:
        """Show it; it never ends anything."""
        if self._terminal:
            under_way = progress.sent - progress.answered - progress.failed
            self._show(
                f"{self._what}: {max(progress.elapsed, 0):.1f} s, {progress.answered} answered, "
                f"{progress.failed} failed, {under_way} under way"
            )
        return False

    def tried(self, trial: Trial) -> None:
        """Tell of a rate that was tried."""
        word = {True: "kept", False: "missed", None: "?"}[trial.kept]
        self.end()
        click.echo(f"{number(trial.rate)} calls/s: {word}, {trial.why}", err=True)

    def end(self) -> None:
        """Take the line away."""
        if self._shown:
            self._show("")
            click.echo("\r", nl=False, err=True)
            self._shown = 0

    def _show(self, line: str) -> None:
        line = visible(line)[:79]
        click.echo("\r" + line.ljust(self._shown), nl=False, err=True)
        self._shown = len(line)


def _write(report: Report, asked: _Asked, json_file: Path | None, html_file: Path | None) -> None:
    """Write the files that were asked for.

    Raises:
        InvalidInput: one cannot be written.
    """
    from tfsclient.load import page, record

    settings = {
        "target": str(parse(asked.target.partition(",")[0])),
        "version": asked.version,
        "label": asked.label,
        "processes": asked.processes,
    }
    made = []
    if json_file is not None:
        made.append((json_file, record.to_json(report, settings)))
    if html_file is not None:
        made.append((html_file, page.to_html(report).encode()))
    for path, content in made:
        try:
            path.write_bytes(content)
        except OSError as error:
            raise InvalidInput(f"cannot write {path}: {error.strerror or error}") from error
        click.echo(f"wrote {visible(str(path))}", err=True)
