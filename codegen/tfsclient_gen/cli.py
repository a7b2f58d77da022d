"""The ``tfsclient-gen`` command: arguments and exit codes, no logic."""

from __future__ import annotations

import io
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import click
import orjson

from tfsclient import sources
from tfsclient._cli.connection import Connection, connection_options
from tfsclient._cli.main import EXIT_NO, EXIT_USAGE, Group, exit_code, exit_codes, print_error
from tfsclient._cli.options import NamedPath
from tfsclient.drift import Difference, Verdict, compare
from tfsclient.errors import TFSError
from tfsclient.schema import Model, to_json
from tfsclient_gen import config as configuration
from tfsclient_gen import output
from tfsclient_gen.building import build as make_all
from tfsclient_gen.generate import Generated, NothingToCall, languages, make, refuse_empty
from tfsclient_gen.loading import Reader, load, load_each, source_options
from tfsclient_gen.output import Output
from tfsclient_gen.owned import names_in
from tfsclient_gen.reporting import is_fresh, tell, tell_of, write
from tfsclient_gen.target import Options

_EXIT_CODES = """\b
Exit codes:
  0  the same, compatible, or done
  1  stale (--check) or breaking (drift)
  2  usage or input
  3  the server cannot be reached, or did not answer in time
  4  the server refused or failed
"""


class _Once:
    """A command that refuses an option given twice, where click would take the last one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))  # type: ignore[attr-defined]
        for option, count in Counter(order).items():
            if isinstance(option, click.Option) and count > 1 and not option.multiple:
                self._refuse(option, ctx)
        return super().parse_args(ctx, args)  # type: ignore[misc, no-any-return]

    def _refuse(self, option: click.Option, ctx: click.Context) -> None:
        if option.is_flag:
            return
        raise click.UsageError(f"{option.opts[0]} is given more than once; give it once", ctx)


class _Command(_Once, click.Command):
    def __init__(self, *args: Any, **options: Any) -> None:
        options["epilog"] = _EXIT_CODES
        super().__init__(*args, **options)


class _Group(_Once, Group):
    command_class = _Command


@click.group(
    cls=_Group,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_EXIT_CODES,
)
@click.option(
    "--lang",
    "langs",
    multiple=True,
    type=click.Choice([*languages(), "all"]),
    help="A language to generate; may be given several times.",
)
@source_options
@click.option("--out", type=NamedPath(), help="Where the files go.")
@click.option("--check", is_flag=True, help="Write nothing; name what is stale and exit 1.")
@click.option("--diff", is_flag=True, help="With --check: show what would change, too.")
@click.option(
    "--transport",
    type=click.Choice(["any", "rest"]),
    default="any",
    show_default=True,
    help="In each language: `rest` leaves out gRPC, its dependencies, and what only it can carry.",
)
@click.option(
    "--name", metavar="NAME", help="What to call the model in code; the wire keeps --model."
)
@click.option("--go-module", metavar="PATH", help="Go: the import path of --out.")
@click.option(
    "--no-go-mod", is_flag=True, help="Go: packages of a module that you already have; no go.mod."
)
@click.option("--java-package", metavar="NAME", help="Java: what the packages are in.")
@click.option("--rust-crate", metavar="NAME", help="Rust: the crate's name.")
@click.option("--npm-name", metavar="NAME", help="JavaScript, TypeScript: the package's name.")
@click.option(
    "--templates",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of your own templates, used in place of those of the same names; see `eject`.",
)
@click.pass_context
def main(
    context: click.Context,
    /,
    langs: tuple[str, ...],
    out: Path | None,
    check: bool,
    diff: bool,
    transport: str,
    name: str | None,
    go_module: str | None,
    no_go_mod: bool,
    java_package: str | None,
    rust_crate: str | None,
    npm_name: str | None,
    templates: Path | None,
    **source: Any,
) -> None:
    """Write typed clients for TensorFlow Serving models.

    With one --lang the files go straight into --out, with several into --out/LANG.  A run
    overwrites and removes only what an earlier run for the same models and language wrote.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # The terminal may lack letters that are in names.
        sys.stdout.reconfigure(errors="backslashreplace")
    if context.invoked_subcommand is not None:
        set_before = [
            name
            for name in context.params
            if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        ]
        if set_before:
            raise click.UsageError(
                f"options before {context.invoked_subcommand!r} have no effect: "
                "put its own options after it"
            )
        return
    if not langs:
        raise click.UsageError(f"choose a language: --lang {', '.join(languages())} or all")
    if out is None:
        raise click.UsageError("choose an output folder: --out DIR")
    chosen = list(languages()) if "all" in langs else list(dict.fromkeys(langs))
    if no_go_mod and not go_module and "go" in chosen:
        raise click.UsageError("--no-go-mod needs --go-module: the import path of --out")
    if diff and not check:
        raise click.UsageError("--diff can only be used with --check")
    for option, value, meant in (
        ("--npm-name", npm_name, {"js", "ts"}),
        ("--go-module", go_module, {"go"}),
        ("--java-package", java_package, {"java"}),
        ("--rust-crate", rust_crate, {"rust"}),
    ):
        if value is not None and not meant & set(chosen):
            raise click.UsageError(f"{option} is for {' and '.join(sorted(meant))} only")
    folders = {lang: out if len(chosen) == 1 else out / lang for lang in chosen}
    with _failures_reported():
        loaded = load(**source)
        names = names_in(source["schema"])
        if name is not None:
            if not name:
                raise click.UsageError("--name is empty")
            if len(loaded) > 1:
                raise click.UsageError(f"--name is for one model, but there are {len(loaded)}")
            names = {loaded[0].name: name}
        options = Options(
            transport,
            go_module,
            not no_go_mod,
            npm_name,
            java_package,
            rust_crate,
            names=names,
            templates=templates,
        )
        made = _made(loaded, chosen, options, skip="all" in langs)
        outputs = [Output(folders[lang], one.files()) for lang in made for one in made[lang]]
        for lang, every in made.items():
            for one in every:
                tell_of(lang, one, several=len(loaded) > 1)
        if not check:
            write(outputs)
        elif not is_fresh(outputs, diff=diff):
            context.exit(EXIT_NO)


def _made(
    models: Sequence[Model], chosen: Sequence[str], options: Options, *, skip: bool
) -> dict[str, list[Generated]]:
    """The clients; with ``skip`` without those that cannot call anything, if some can."""
    made: dict[str, list[Generated]] = {}
    empty: list[tuple[str, NothingToCall]] = []
    for lang in chosen:
        able = []
        for model in models:
            try:
                refuse_empty(model, lang, options)
                able.append(model)
            except NothingToCall as error:
                empty.append((lang, error))
        if able:
            made[lang] = make(able, lang, options)
    for lang, refused in empty:
        if not skip or not made:
            raise refused
        what = lang if len(models) == 1 else f"{lang}: {refused.model}"
        tell(f"{what}: left out: {refused.details}")
    return made


@main.command()
@click.option(
    "--config",
    default=configuration.FILE,
    show_default=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The models, languages and folders.",
)
@connection_options(timeout=30.0, about="Seconds to wait for each server.")
@click.option("--check", is_flag=True, help="Write nothing; name what is stale and exit 1.")
@click.option("--diff", is_flag=True, help="With --check: show what would change, too.")
@click.pass_context
def build(
    context: click.Context, /, config: Path, connection: Connection, check: bool, diff: bool
) -> None:
    """Write the clients of all models in a configuration file.

    A model that cannot be read is named, and its clients stay those of the last run; the others are
    written.  The exit code is then the worst.
    """
    if diff and not check:
        raise click.UsageError("--diff can only be used with --check")
    with _failures_reported():
        with Reader(connection) as reader:
            made = make_all(configuration.read(config), reader)
        codes = [0]
        for name, error in made.failed.items():
            tell(f"{name} could not be read; the clients that it already has stay:")
            print_error(error)
            codes.append(exit_code(error))
        for out, generated in made.generated:
            tell_of(str(out.folder), generated, several=len(out.models) > 1)
        if not check:
            write(made.outputs)
        elif not is_fresh(made.outputs, diff=diff):
            codes.append(EXIT_NO)
    context.exit(max(codes))


@main.command()
@source_options
@click.option("--out", type=NamedPath(), help="A file; default is standard output.")
def schema(out: Path | None, **source: Any) -> None:
    """Write a model's schema as JSON, to generate from later and without a server."""
    with _failures_reported():
        loaded = load(**source)
        if len(loaded) > 1:
            raise click.UsageError("a schema describes one model: give --model once")
        text = to_json(loaded[0])
        if out is None or str(out) == "-":
            click.echo(text, nl=False)
        else:
            out.write_bytes(text)


@main.command()
@click.option("--lock", required=True, metavar="FILE", help="The lock file of a client.")
@source_options
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of objects.")
@click.pass_context
def drift(
    context: click.Context,
    /,
    lock: str,
    as_json: bool,
    models: tuple[str, ...],
    **source: Any,
) -> None:
    """Compare models with the schemas that clients were made from.

    Exits with 1 if calls of those clients may fail.  The models are those of the lock file, unless
    --model says which.
    """
    with _failures_reported():
        locked = {model.name: model for model in sources.all_from_file(lock)}
        if len(locked) == 1 and len(models) == 1:  # it may have another name now
            locked = {models[0]: next(iter(locked.values()))}
        if unknown := [name for name in models if name not in locked]:
            raise click.UsageError(
                f"--model {unknown[0]}: {lock} holds {', '.join(map(repr, locked))}"
            )
        asked = models or tuple(locked)
        if len(asked) > 1 and (source["saved_model"] or source["metadata"]):
            raise click.UsageError(
                f"{lock} holds {', '.join(map(repr, locked))}: say by --model which of them the "
                "source is"
            )
        current, failed = load_each(asked, **source)
    found = [(name, each) for name in current for each in compare(locked[name], current[name])]
    if as_json:
        rows = [{"model": name, **asdict(each)} for name, each in found]
        click.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2))
    else:
        _print_differences(found, several=len(asked) > 1)
        if current and not found:
            click.echo("no difference")
    for error in failed.values():
        print_error(error)
    breaking = any(each.verdict == "breaking" for _, each in found)
    context.exit(max([EXIT_NO * breaking, *map(exit_code, failed.values())]))


def _print_differences(found: Sequence[tuple[str, Difference]], *, several: bool) -> None:
    for verdict in get_args(Verdict):
        lines = [
            f"model {name!r}, {each}" if several else str(each)
            for name, each in found
            if each.verdict == verdict
        ]
        if lines:
            click.echo("\n  ".join([f"{verdict}:", *lines]))


@main.command()
@click.argument("folder", metavar="DIR", type=NamedPath())
def eject(folder: Path) -> None:
    """Write the shipped templates into DIR, to be changed there and used with --templates DIR.

    Keep the ones that you change and delete the others, so that you get updates of those.
    """
    with _failures_reported():
        output.eject(folder)


@contextmanager
def _failures_reported() -> Iterator[None]:
    """End the command with an error's text and an exit code if the code inside fails."""
    with exit_codes():
        try:
            yield
        except TFSError:
            raise
        except OSError as error:
            text = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            click.echo(f"error: {text}", err=True)
            raise click.exceptions.Exit(EXIT_USAGE) from error
