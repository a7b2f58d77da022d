"""``tfsclient bench``: load on a server, and what it makes of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from tfsclient._cli.connection import Connection, connection_options
from tfsclient._cli.load import text
from tfsclient._cli.load.interface import WIDEST, Arrivals, Load, Progress
from tfsclient._cli.load.limits import read_fail_if, read_slo
from tfsclient._cli.load.search import Trial
from tfsclient._cli.load.session import Report, Session, loads
from tfsclient._cli.load.units import number
from tfsclient._cli.load_data import Data
from tfsclient._cli.load_servers import Asked, Calls, endpoint_of, endpoints_of
from tfsclient._cli.main import EXIT_INTERRUPTED, EXIT_NO, exit_codes, visible
from tfsclient._cli.options import FiniteRange, input_option, signature_option, version_options
from tfsclient._transports.target import parse
from tfsclient.errors import InvalidInput

_STDOUT = Path("-")


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
                raise click.BadParameter(f"{part!r} is not {called} over 0, up to {most:.0f}")
            numbers.append(each)
        if len(set(numbers)) < len(numbers):
            raise click.BadParameter(f"{value!r} has a number twice")
        return numbers

    return read


@click.command()
@click.argument("target")
@click.argument("model")
@input_option
@click.option(
    "--data",
    metavar="FILE",
    help="Rows to send in turn: .jsonl, .csv, .json, .npy, .npz, or - for standard input, and "
    "x=@FILE where they are of the input x; or recorded calls, as a warm-up file holds them.",
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
    type=FiniteRange(0, min_open=True),
    help="How long to measure each load.",
)
@click.option(
    "--warmup",
    default=1.0,
    show_default=True,
    type=FiniteRange(0),
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
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Write everything to this file as JSON; - is standard output, and text then goes to "
    "standard error.",
)
@click.option(
    "--html",
    "html_file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Write a report with plots to this file, or to - as above.",
)
@connection_options(signatures=True)
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

    Exit code 1: a call failed, or none was measured; or, with --fail-if, a limit was not kept or
    there is no verdict; or, with --slo, no rate keeps it.

    Example: tfsclient bench localhost:8500 digits --rate 50,100,200 --html report.html
    """
    if sum(option is not None for option in (concurrency, rate, slo)) > 1:
        raise click.UsageError("give one of --concurrency, --rate and --slo")
    if against and (slo or transports):
        other = "--slo" if slo else "--transports"
        raise click.UsageError(f"--against cannot be used with {other}")
    asked = Asked(target, model, Data(inputs, data), signature, version, label, processes)
    with exit_codes():
        _check_files(json_file, html_file)
        limit = None if slo is None else read_slo(slo)
        limits = [] if fail_if is None else read_fail_if(fail_if)
        connection = replace(connection, token=connection.read_token(), token_file=None)
        endpoints = endpoints_of(asked, connection, transports)
        calls = Calls(asked, connection)
        report = calls.begin(endpoints, batches)
        quiet = _STDOUT in (json_file, html_file)
        click.echo("\n".join(text.head(report)), err=quiet)
        base = Load(seconds, arrivals=arrivals, warmup=warmup)
        sizes: list[int | None] = [*batches] if batches else [None]
        live = _Live()
        session = Session(report, calls.open, live)
        wanted = loads(base, rate or [], concurrency or [1])
        try:
            if limit is not None:
                session.search(endpoints, sizes, base, limit)
            elif against is not None:
                second = endpoint_of(against, connection)
                calls.check(second, batches)
                session.compare(endpoints[0], second, sizes, wanted)
            else:
                session.sweep(endpoints, sizes, wanted)
        except KeyboardInterrupt:
            report.interrupted = True
        live.end()
        session.judge(limits)
        click.echo("\n".join(text.lines(report)), err=quiet)
        _write(report, asked, json_file, html_file)
    if report.interrupted:
        raise click.exceptions.Exit(EXIT_INTERRUPTED)
    bad = any(kept is not True for _, kept, _ in report.verdicts)
    bad |= any(searched.found.best is None for searched in report.searches)
    if limit is None and not limits:
        bad = any(run.summary.errors or not run.summary.calls for run in report.runs)
    if bad:
        raise click.exceptions.Exit(EXIT_NO)


def _check_files(json_file: Path | None, html_file: Path | None) -> None:
    """Refuse files that cannot be written before anything is sent: a benchmark takes its time.

    Raises:
        InvalidInput: one cannot be written, or both are the same.
    """
    files = [file for file in (json_file, html_file) if file is not None]
    if len({file.resolve() for file in files}) < len(files):
        raise InvalidInput(f"--json and --html are both {files[0]}")
    for file in files:
        if file == _STDOUT:
            continue
        if not file.absolute().parent.is_dir():
            raise InvalidInput(f"cannot write {file}: {file.parent} is not a directory")
        try:
            real = file.resolve()  # a link stays where it is
            new = not real.exists()
            if new or real.is_file():  # to open a pipe might wait for whoever reads it
                real.open("ab").close()
            if new:
                real.unlink()
        except OSError as error:
            raise _unwritable(file, error) from error


def _unwritable(file: Path, error: OSError) -> InvalidInput:
    return InvalidInput(f"cannot write {file}: {error.strerror or error}")


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


def _write(report: Report, asked: Asked, json_file: Path | None, html_file: Path | None) -> None:
    """Write the files that were asked for.

    Raises:
        InvalidInput: one cannot be written.
    """
    from tfsclient._cli.load import page, record

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
        if path == _STDOUT:
            click.echo(content, nl=False)
            continue
        try:
            path.write_bytes(content)
        except OSError as error:
            raise _unwritable(path, error) from error
        click.echo(f"wrote {visible(str(path))}", err=True)
