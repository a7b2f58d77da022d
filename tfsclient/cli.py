"""The ``tfsclient`` command: arguments and exit codes, no logic.

Exit codes: 0 done; 1 the answer is no (not ready, not agreed); 2 usage or input; 3 the server
cannot be reached.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfsclient.errors import DeadlineExceeded, MissingExtra, TFSError, Unavailable

if TYPE_CHECKING:
    from tfsclient.schema import Model

EXIT_NO, EXIT_USAGE, EXIT_UNREACHABLE = 1, 2, 3


class _Commands(click.Group):
    """Loads the server and the demo only when they are asked for: they need optional extras."""

    _LAZY = ("serve", "demo")

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *self._LAZY])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self._LAZY:
            package = {"serve": "server"}.get(cmd_name, cmd_name)
            command: click.Command = getattr(import_module(f"tfsclient.{package}.cli"), cmd_name)
            return command
        return super().get_command(ctx, cmd_name)


@contextlib.contextmanager
def exit_codes() -> Iterator[None]:
    """Turn our errors into a line on standard error and an exit code."""
    try:
        yield
    except TFSError as error:
        click.echo(f"error: {error}", err=True)
        unreachable = isinstance(error, Unavailable | DeadlineExceeded)
        raise click.exceptions.Exit(EXIT_UNREACHABLE if unreachable else EXIT_USAGE) from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tfsclient")
def main() -> None:
    """Talk to TensorFlow Serving: look at models, call them, serve them on this machine."""


@main.command()
@click.argument("source")
@click.argument("model", required=False)
@click.option("--json", "as_json", is_flag=True, help="The schema as JSON instead of a table.")
@click.option("--version", type=click.IntRange(0), help="Of a server's model: this version.")
@click.option("--label", help="Of a server's model: the version with this label.")
def inspect(
    source: str, model: str | None, as_json: bool, version: int | None, label: str | None
) -> None:
    """Show the signatures of MODEL on the server SOURCE, or of the SavedModel in folder SOURCE."""
    from tfsclient import schema, sources
    from tfsclient.client import Client

    with exit_codes():
        if Path(source).is_dir():
            found = sources.from_saved_model(source, model)
        elif model is None:
            raise click.UsageError(f"{source} is no folder, so name a MODEL on that server")
        else:
            with Client(source) as client:
                found = client.metadata(model, version=version, label=label)
    if as_json:
        click.echo(schema.to_json(found), nl=False)
    else:
        _print_signatures(found)


def _print_signatures(model: Model) -> None:
    version = "" if model.version is None else f", version {model.version}"
    click.echo(_visible(model.name) + version)
    rows = [("signature", "method", "", "tensor", "dtype", "shape", "note")]
    for name, signature in model.signatures.items():
        first = (_visible(name) or "(empty)", signature.method.removeprefix("tensorflow/serving/"))
        note = signature.why_unusable or ""
        tensors = [("in", t) for t in signature.inputs.values()]
        tensors += [("out", t) for t in signature.outputs.values()]
        for way, spec in tensors:
            default = "has a default" if way == "in" and spec.name in signature.defaults else ""
            shape = "any" if spec.shape is None else str(list(spec.shape))
            rows.append((*first, way, _visible(spec.name), spec.dtype, shape, note or default))
            first, note = ("", ""), ""
        if not tensors:
            rows.append((*first, "", "", "", "", note))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _visible(name: str) -> str:
    """A name as it is, with control characters escaped: a model may try to steer the terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)


@main.command()
@click.argument("target")
@click.argument("model")
@click.option("--version", type=click.IntRange(0), help="Only this version.")
def status(target: str, model: str, version: int | None) -> None:
    """Show the states of MODEL on the server TARGET; exit 1 if no version is available."""
    from tfsclient.client import Client

    with exit_codes(), Client(target) as client:
        states = client.status(model, version=version)
    for state in states:
        click.echo(f"{state.version}\t{state.state}\t{state.error_code}\t{state.error_message}")
    if not any(state.available for state in states):
        raise click.exceptions.Exit(EXIT_NO)


@main.command()
@click.argument("target")
@click.argument("model")
@click.option("--version", type=click.IntRange(0), help="Wait for this version.")
@click.option("--timeout", default=60.0, show_default=True, help="Seconds to wait.")
def wait(target: str, model: str, version: int | None, timeout: float) -> None:
    """Wait until MODEL on the server TARGET answers requests."""
    from tfsclient.client import Client

    with exit_codes(), Client(target) as client:
        ready = client.wait_until_ready(model, version=version, timeout=timeout)
    click.echo(f"{model} version {ready.version} is ready")


def missing_extra(extra: str, what: str, error: ImportError) -> MissingExtra:
    """The error for a command whose optional packages are not installed."""
    return MissingExtra(f"{what} needs more packages ({error}): pip install tfsclient[{extra}]")
