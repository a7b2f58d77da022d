"""``tfsclient wait``: until a model answers, with news of what it is waiting for."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

import click
import orjson

from tfsclient._cli.connection import Connection, connection_options
from tfsclient._cli.main import EXIT_NO, exit_code, exit_codes, print_error, unreachable, visible
from tfsclient._client.call_info import CallInfo
from tfsclient.errors import DeadlineExceeded


@click.command()
@click.argument("target")
@click.argument("model")
@click.option("--version", type=click.IntRange(0), help="Wait for this version.")
@click.option("--label", help="Wait until a version has this label and answers.")
@click.option("--json", "as_json", is_flag=True, help="The version that is ready, as JSON.")
@connection_options(about="Seconds to wait.")
def wait(
    target: str,
    model: str,
    version: int | None,
    label: str | None,
    as_json: bool,
    connection: Connection,
) -> None:
    """Wait until MODEL on the server TARGET answers requests.

    What it is waiting for is told on standard error.  Exits with 1 if the model was not ready in
    time, with 3 if no server ever answered, and with 4 if the model failed to load.

    Example: tfsclient wait localhost:8500 digits --timeout 30
    """
    answers: list[None] = []

    def note(info: CallInfo) -> None:
        if info.error is None or not unreachable(info.error):
            answers.append(None)

    with exit_codes(), _news(), connection.client(target, on_call=note) as client:
        try:
            ready = client.wait_until_ready(
                model, version=version, label=label, timeout=connection.timeout
            )
        except DeadlineExceeded as error:
            print_error(error)
            raise click.exceptions.Exit(EXIT_NO if answers else exit_code(error)) from error
    if as_json:
        click.echo(orjson.dumps(ready))
    else:
        which = "" if ready.version is None else f" version {ready.version}"
        click.echo(f"{visible(model)}{which} is ready")


class _News(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        click.echo(visible(record.getMessage()), err=True)


@contextlib.contextmanager
def _news() -> Iterator[None]:
    """Write what the library sees while it waits to standard error."""
    log, handler = logging.getLogger("tfsclient.readiness"), _News()
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)
