"""``tfsclient score``: files in, files out."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click
import orjson

from tfsclient._cli.connection import Connection, connection_options
from tfsclient._cli.main import EXIT_INTERRUPTED, EXIT_NO, exit_codes, print_error, visible
from tfsclient._cli.options import (
    FiniteRange,
    meaning_option,
    meanings,
    signature_option,
    version_options,
)
from tfsclient.errors import Hint, TFSError, counted
from tfsclient.score import Progress, Summary, TooManyErrors
from tfsclient.score._options import FORMATS, Auto, read_options

if TYPE_CHECKING:
    from tfsclient.score._job import Job

_EXIT_TERMINATED = 143
# The library's options for people who write Python, and what becomes of them.
_TYPED: Final = (
    (r"on_error='dead-letter'", "--on-error dead-letter"),
    (r"resume=True", "--resume"),
    (r"\bgive one of version, label and latest\b", "give one of --version, --label and --latest"),
    (r"^out must", "--out must"),
    (r"max_errors=", "--max-errors "),
    (r"max_errors\b", "--max-errors"),
    (r"map=\{'([^']*)': '\*'\}", r"--map \1=*"),
    (r"map=\{'([^']*)': \.\.\.\}", r"--map \1=COLUMN"),
    (r"\b(prefix|keep|outputs)=\.\.\.", r"--\1"),
    (r"\bbatch=1\b", "--batch 1"),
)


def _auto(_: click.Context, __: click.Parameter, value: str) -> Auto:
    if value == "auto":
        return "auto"
    if not value.isdecimal() or not 1 <= int(value) < 1 << 31:
        raise click.BadParameter(f"{value!r} is not auto or a number from 1")
    return int(value)


def _names(_: click.Context, __: click.Parameter, values: Sequence[str]) -> list[str] | None:
    return [name for value in values for name in value.split(",") if name] if values else None


def _map(_: click.Context, __: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for value in values:
        name, equals, column = value.partition("=")
        if not equals or not name or not column:
            raise click.BadParameter(f"{value!r} is not of the form INPUT=COLUMN")
        if name in found:
            raise click.BadParameter(f"{name!r} is given twice")
        found[name] = column
    return found


@click.command()
@click.argument("target")
@click.argument("model")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option(
    "--out",
    required=True,
    metavar="DIR|-",
    help="The folder for part files and manifest; - is JSON lines on standard output.",
)
@signature_option
@version_options
@click.option(
    "--latest",
    is_flag=True,
    help="Call the version that is the latest at each call.  By default it is the one that is when "
    "the job starts, to the end.",
)
@click.option(
    "--map",
    "mapping",
    multiple=True,
    callback=_map,
    metavar="INPUT=COLUMN",
    help="The column of an input that has another name; may be repeated.",
)
@click.option(
    "--keep",
    multiple=True,
    callback=_names,
    metavar="NAME,...|all",
    help="The columns of the input to keep.  [default: all]",
)
@click.option(
    "--outputs",
    multiple=True,
    callback=_names,
    metavar="NAME,...",
    help="Only these outputs.",
)
@click.option(
    "--prefix",
    default="pred_",
    show_default=True,
    help="Goes before the name of an output that a kept column has.",
)
@click.option(
    "--batch",
    default="auto",
    show_default=True,
    callback=_auto,
    metavar="auto|N",
    help="The most rows of a call.",
)
@click.option(
    "--concurrency",
    default="auto",
    show_default=True,
    callback=_auto,
    metavar="auto|N",
    help="The most calls under way.",
)
@click.option(
    "--rate",
    type=FiniteRange(0, min_open=True),
    metavar="R",
    help="The most rows a second.",
)
@click.option("--limit", type=click.IntRange(0), metavar="N", help="Score the first N rows only.")
@click.option(
    "--on-error",
    type=click.Choice(["stop", "dead-letter"]),
    default="stop",
    show_default=True,
    help="What to do with a row that cannot be scored: stop and name it, or write it to _errors.",
)
@click.option(
    "--max-errors",
    metavar="N|P%",
    help="Stop when more rows than that fail.",
)
@click.option("--resume", is_flag=True, help="Go on with the job that began in --out.")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="Of the part files.  [default: parquet]",
)
@meaning_option
@connection_options(signatures=True)
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def score(
    target: str,
    model: str,
    inputs: tuple[str, ...],
    out: str,
    mapping: dict[str, str],
    keep: list[str] | None,
    connection: Connection,
    form: str | None,
    meaning: str | None,
    as_json: bool,
    **others: Any,
) -> None:
    """Run MODEL on every row of files, and write its answers beside the columns.

    INPUT is Parquet, CSV, JSON lines, .npy, .npz, TFRecord of tf.Examples or pictures: a file, a
    folder, a glob, or s3:// and gs:// names of them; - is standard input (JSON lines or CSV).

    Columns are inputs of the same name; --map x=@column takes cells that name files, and --map x=*
    makes a tf.Example of each row.  Rows are written in the order of the input, each once; calls
    may be sent more than once.  A server that is busy or restarts is waited for.  Ctrl-C and
    SIGTERM write what was answered; --resume goes on, after kill -9 as well.

    Example: tfsclient score localhost:8500 digits scans/ --out scored --keep path
    """
    if as_json and out == "-":
        raise click.UsageError("--json is for a folder: standard output gets the rows")
    if connection.token_file == "-" and "-" in inputs:  # noqa: S105
        raise click.UsageError("standard input cannot hold both the token and the rows")
    with exit_codes(), _typed(), _bar(out) as progress, _signals() as signals:
        options = read_options(
            model=model,
            inputs=inputs,
            out=out,
            map=mapping,
            keep="all" if keep in (None, ["all"]) else keep or [],
            format=form,
            **others,
        )
        from tfsclient.score._start import run_job

        told = meanings(model, meaning)
        with connection.client(target, retries=0, meanings=told) as client:
            summary = run_job(client, options, progress, {}, signals.watch)
    _print_summary(summary, as_json)
    if not summary.complete:
        raise click.exceptions.Exit(signals.exit_code)
    if summary.errors:
        raise click.exceptions.Exit(EXIT_NO)


@contextmanager
def _typed() -> Iterator[None]:
    """Have errors speak of options as they are typed; too many failed rows are the answer no."""
    try:
        yield
    except TFSError as error:
        for python, typed in _TYPED:
            error.details = re.sub(python, typed, error.details)
            if error.hint is not None and not isinstance(error.hint, Hint):
                error.hint = re.sub(python, typed, error.hint)
        if not isinstance(error, TooManyErrors):
            raise
        print_error(error)
        raise click.exceptions.Exit(EXIT_NO) from error


def _print_summary(summary: Summary, as_json: bool) -> None:
    if as_json:
        click.echo(orjson.dumps(summary.to_dict()))
        return
    rate = summary.rows / summary.seconds if summary.seconds else 0.0
    text = f"{counted(summary.rows, 'row')} in {summary.seconds:.1f} s ({rate:.0f} rows/s)"
    if summary.earlier:
        text += f", {summary.earlier} before"
    if summary.errors:
        text += f", {summary.errors} failed"
        text += "" if summary.out == "-" else f": see {summary.out}/_errors"
    if summary.version is not None:
        text += f"; version {summary.version}"
    if not summary.complete:
        text += "; interrupted" if summary.out == "-" else "; interrupted: --resume goes on"
    click.echo(visible(text), err=True)


class _Signals:
    """Ends a job at Ctrl-C and SIGTERM, with what was answered written; at once the second time."""

    def __init__(self) -> None:
        self._job: Job | None = None
        self.exit_code = EXIT_INTERRUPTED

    def watch(self, job: Job) -> None:
        """Take over: from now on it is the job that ends."""
        self._job = job

    def arrived(self, number: int, frame: object) -> None:
        """Handle a signal."""
        del frame
        if number == signal.SIGTERM:
            self.exit_code = _EXIT_TERMINATED
        if self._job is None or self._job.stopping:
            raise KeyboardInterrupt
        self._job.stopping = True


@contextmanager
def _signals() -> Iterator[_Signals]:
    signals = _Signals()
    try:
        before = {
            number: signal.signal(number, signals.arrived)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
    except ValueError:  # not on the main thread, as in a test
        yield signals
        return
    try:
        yield signals
    except KeyboardInterrupt:  # before the job began, or by a second signal
        click.echo("interrupted", err=True)
        raise click.exceptions.Exit(signals.exit_code) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _bar(out: str) -> Iterator[Callable[[Progress], None] | None]:
    """A line on a terminal's standard error that says how far the job is."""
    if not sys.stderr.isatty() or (out == "-" and sys.stdout.isatty()):
        yield None
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar
    except ImportError:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(state: Progress) -> None:
            rate = state.rows / state.seconds if state.seconds else 0.0
            text = f"{state.rows:,} rows  {rate:,.0f}/s  {state.errors:,} errors"
            known = state.fraction > 0
            bar.update(
                task, description=text, total=1.0 if known else None, completed=state.fraction
            )

        yield show
