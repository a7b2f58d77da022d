"""The ``tfsclient`` command: which commands there are, and what their exit codes mean."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from tfsclient import _tables
from tfsclient.errors import (
    DeadlineExceeded,
    Hint,
    InvalidInput,
    MissingExtra,
    TFSError,
    Unavailable,
    Unimplemented,
    left_out,
)

EXIT_NO, EXIT_USAGE, EXIT_UNREACHABLE, EXIT_REFUSED, EXIT_INTERRUPTED = 1, 2, 3, 4, 130
_EXIT_UNREAD = 141  # as of what SIGPIPE ends; click's own is 1, which is the answer no

EXIT_CODES = """\b
Exit codes:
  0  all is well
  1  the answer is no: not ready in time, differs, over the limit,
     some calls or rows failed
  2  usage or input
  3  the server cannot be reached, or did not answer in time
  4  the server refused or failed
"""

# By name: the module that holds it, and what it does.
_COMMANDS = {
    "inspect": ("tfsclient._cli.models", "Show a model's signatures."),
    "predict": ("tfsclient._cli.predict", "Call a model."),
    "classify": ("tfsclient._cli.examples", "Have a model classify rows of features."),
    "regress": ("tfsclient._cli.examples", "Have a model give numbers for rows of features."),
    "status": ("tfsclient._cli.models", "Show the states of a model's versions."),
    "wait": ("tfsclient._cli.wait", "Wait until a model answers requests."),
    "doctor": ("tfsclient._cli.doctor", "Find out what is wrong, and what to do."),
    "score": ("tfsclient._cli.score", "Run a model on whole files."),
    "bench": ("tfsclient._cli.bench", "Put load on a model, and measure its answers."),
    "compare": ("tfsclient._cli.compare", "Compare what two versions or servers answer."),
    "explain": ("tfsclient._cli.explain", "Explain an error, offline."),
    "reload": ("tfsclient._cli.reload", "Have a server serve other models."),
    "export": ("tfsclient._cli.export", "Make a good SavedModel of a trained model."),
    "warmup": ("tfsclient._cli.warmup", "Put warm-up requests into a SavedModel."),
    "serve": ("tfsclient.server.__main__", "Serve SavedModels on this machine."),
    "ui": ("tfsclient._cli.ui", "Try models in the browser."),
    "demo": ("tfsclient._cli.demo.cli", "The whole story on this machine."),
}


class Group(click.Group):
    """Commands, of which a misspelt one is answered with the closest."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command; say in a line which file, or that its output, cannot be used."""
        try:
            return super().main(*args, **kwargs)
        except OSError as error:
            if error.filename is not None:  # of a place where nothing more is known
                text = f"{error.filename}: {error.strerror or error}"
                click.echo(visible(f"error: {text}"), err=True)
                sys.exit(EXIT_USAGE)
            if sys.stdout is None:
                raise
            click.echo(f"error: cannot write the output: {error.strerror or error}", err=True)
            _drop_output()
            sys.exit(EXIT_USAGE)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; one whose output nobody reads any more, as after `head`, just ends."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _drop_output()
            raise click.exceptions.Exit(_EXIT_UNREAD) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        names, name = self.list_commands(ctx), args[0]
        if not ctx.resilient_parsing and not name.startswith("-") and name not in names:
            near = difflib.get_close_matches(name, names, 1)
            more = f"; did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"there is no command {name!r}{more}", ctx)
        return super().resolve_command(ctx, args)


def _drop_output() -> None:
    """Have the interpreter not try again, when it ends, to write what could not be written."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Commands(Group):
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
                package = (error.name or "").partition(".")[0]
                if package == "tfsclient":
                    raise
                if package in ("grpc", "google"):
                    raise left_out(error) from error
                raise MissingExtra(
                    f"a package that is needed cannot be imported: {error}",
                    hint="`tfsclient doctor TARGET` says which one, and what to do",
                ) from error
        command: click.Command = getattr(module, cmd_name)
        command.epilog = command.epilog or EXIT_CODES
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [name for name in _COMMANDS if name.startswith(incomplete)]
        items = [CompletionItem(name, help=_COMMANDS[name][1]) for name in names]
        return items + click.Command.shell_complete(self, ctx, incomplete)


@contextlib.contextmanager
def exit_codes() -> Iterator[None]:
    """Turn our errors into lines on standard error and an exit code."""
    try:
        yield
    except TFSError as error:
        print_error(error)
        raise click.exceptions.Exit(exit_code(error)) from error
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        raise click.exceptions.Exit(EXIT_INTERRUPTED) from None


def print_error(error: TFSError) -> None:
    """Write an error to standard error: its hint in words for a terminal, and where to read on."""
    reason = error.__cause__ if isinstance(error.__cause__, TFSError) else error
    key = error.hint.key if isinstance(error.hint, Hint) else reason.code
    error.hint = typed(error.hint)
    text = f"error: {error}".expandtabs(1)
    if isinstance(error, InvalidInput):
        text = without_python(text)
    lines = text.splitlines()
    if key is not None:
        lines.append(f"  see: tfsclient explain {key}")
    click.echo("\n".join(map(visible, lines)), err=True)


def exit_code(error: TFSError) -> int:
    """What a command ends with that failed so."""
    if unreachable(error):
        return EXIT_UNREACHABLE
    not_sent = isinstance(error, Unimplemented) and not error.sent
    if isinstance(error, InvalidInput | MissingExtra) or not_sent:
        return EXIT_USAGE
    return EXIT_REFUSED


# The library's hints in the words of people who type commands, by their keys.
_TYPED: dict[str, str | None] = {
    "validate": None,
    "no_metadata": "if the server has the model but does not tell its signatures, its "
    "SavedModel does: --saved-model DIR of `tfsclient predict`, or of tfsclient-gen, not --server",
    "by_name": "write --input NAME=VALUE for each",
    "which_signature": "--signature says which",
    "no_labels": "--meaning FILE tells them: labels = [...] of the output",
    "tls": "if TLS is what failed: --ca says whom to trust, --cert and --key are our own "
    "certificate",
}
# The library's advice for people who write Python, and what becomes of it.
_PYTHON: Final = (
    (r"; for a picture, write Image\('([^'\n]*)'\)", r"; a file is written @\1"),
    (r"; make the array yourself: numpy\.asarray\(.*\)", ""),
    (r"; it looks like a picture: write Image\(\.\.\.\) around it", ""),
    (r"( wants bool); convert it yourself if that is meant: .*", r"\1; in JSON, true or false"),
    (r"( wants complex\d+); convert it .*", r"\1; in JSON, [real, imaginary] for each"),
    (r"; (?:convert it yourself if that is meant|no imaginary part would be lost): numpy\..*", ""),
    (r": numpy\.reshape\(.*\)", ""),
    (r": write \.ravel\(\)", ""),
)


def without_python(text: str) -> str:
    """An error's text without advice for people who write Python."""
    for python, words in _PYTHON:
        text = re.sub(python, words, text)
    return text


_DOCTOR: Final = re.compile(r"(?:^|; )(`tfsclient doctor [^`]+` finds out more)$")


def typed(hint: str | None, *, to_doctor: bool = True) -> str | None:
    """A hint of the library's in the words of people who type commands.

    Args:
        hint: the library's.
        to_doctor: whether it may send them to `tfsclient doctor`.
    """
    if hint is None:
        return None
    doctor = _DOCTOR.search(hint)
    known = isinstance(hint, Hint) and hint.key in _TYPED
    if not known and doctor is None:
        return hint  # with its key, if it has one
    text = _TYPED[hint.key] if isinstance(hint, Hint) and known else _DOCTOR.sub("", hint)
    parts = [text, doctor[1] if doctor and to_doctor else None]
    return "; ".join(part for part in parts if part) or None


def unreachable(error: TFSError) -> bool:
    """Whether the server did not answer at all."""
    return isinstance(error, Unavailable | DeadlineExceeded)


visible: Final = _tables.visible


def print_wrapped(label: str, text: str) -> None:
    """Print a text beside a label, in lines of 80 columns."""
    for line in _tables.wrap(visible(text), _tables.WIDTH - len(label)):
        click.echo(f"{label}{line}".rstrip())
        label = " " * len(label)


def missing_extra(extra: str, what: str, error: ImportError) -> MissingExtra:
    """The error for a command whose optional packages are not installed."""
    return MissingExtra(f"{what} needs more packages ({error}): pip install 'tfsclient[{extra}]'")


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_CODES,
)
@click.version_option(package_name="tfsclient")
def main() -> None:
    """Talk to TensorFlow Serving: look at models, call them, serve them on this machine.

    A TARGET is localhost:8500 for gRPC, or http://localhost:8501 for REST.
    """
