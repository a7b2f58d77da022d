"""The ``tfsclient`` command: which commands there are, and what their exit codes mean.

Exit codes: 0 done; 1 the answer is no (not ready, not agreed); 2 usage or input; 3 the server
cannot be reached.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib import import_module

import click

from tfsclient.errors import DeadlineExceeded, Hint, MissingExtra, TFSError, Unavailable, left_out

EXIT_NO, EXIT_USAGE, EXIT_UNREACHABLE = 1, 2, 3

# By name: the module that holds it, and what it does.
_COMMANDS = {
    "inspect": ("tfsclient._cli.models", "Show a model's signatures."),
    "predict": ("tfsclient._cli.predict", "Call a model."),
    "classify": ("tfsclient._cli.examples", "Have a model classify rows of features."),
    "regress": ("tfsclient._cli.examples", "Have a model give numbers for rows of features."),
    "status": ("tfsclient._cli.models", "Show the states of a model's versions."),
    "wait": ("tfsclient._cli.models", "Wait until a model answers requests."),
    "doctor": ("tfsclient._cli.doctor", "Find out what is wrong, and what to do."),
    "bench": ("tfsclient._cli.bench", "Measure how fast a model answers."),
    "reload": ("tfsclient._cli.models", "Have a server serve other models."),
    "warmup": ("tfsclient._cli.warmup", "Put warm-up requests into a SavedModel."),
    "serve": ("tfsclient.server.cli", "Serve SavedModels on this machine."),
    "demo": ("tfsclient.demo.cli", "The whole story on this machine."),
}


class _Commands(click.Group):
    """Loads a command only when it is run: most need what the others do not."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        with exit_codes():
            try:
                module = import_module(_COMMANDS[cmd_name][0])
            except MissingExtra:
                raise
            except ImportError as error:
                if (error.name or "").partition(".")[0] not in ("grpc", "google"):
                    raise
                raise left_out(error) from error
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@contextlib.contextmanager
def exit_codes() -> Iterator[None]:
    """Turn our errors into lines on standard error and an exit code."""
    try:
        yield
    except TFSError as error:
        error.hint = _typed(error.hint)
        click.echo("\n".join(map(visible, f"error: {error}".splitlines())), err=True)
        raise click.exceptions.Exit(
            EXIT_UNREACHABLE if unreachable(error) else EXIT_USAGE
        ) from error


# The library's hints in the words of people who type commands, by their keys.
_TYPED: dict[str, str | None] = {
    "validate": None,
    "by_name": "write --input NAME=VALUE for each",
    "which_signature": "--signature says which",
    "tls": "if TLS is what failed, `tfsclient doctor` finds out more",
}


def _typed(hint: str | None) -> str | None:
    return _TYPED.get(hint.key, hint) if isinstance(hint, Hint) else hint


def unreachable(error: TFSError) -> bool:
    """Whether the server did not answer at all."""
    return isinstance(error, Unavailable | DeadlineExceeded)


def visible(text: str) -> str:
    """Text as it is, with control characters escaped: a model may try to steer the terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def missing_extra(extra: str, what: str, error: ImportError) -> MissingExtra:
    """The error for a command whose optional packages are not installed."""
    return MissingExtra(f"{what} needs more packages ({error}): pip install tfsclient[{extra}]")


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tfsclient")
def main() -> None:
    """Talk to TensorFlow Serving: look at models, call them, serve them on this machine.

    A TARGET is localhost:8500 for gRPC, or http://localhost:8501 for REST.
    """
