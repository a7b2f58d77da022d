"""The ``tfsclient-gen`` command: arguments and exit codes, no logic."""

from __future__ import annotations

import io
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import click
import orjson

from tfsclient import sources
from tfsclient._cli.connection import Connection, connection_options
from tfsclient._cli.main import EXIT_NO, EXIT_USAGE, Group, exit_codes
from tfsclient.drift import Verdict, compare
from tfsclient.errors import TFSError
from tfsclient.schema import Model, to_json
from tfsclient_gen import output
from tfsclient_gen.generate import Generated, NothingToCall, languages, make, refuse_empty
from tfsclient_gen.target import Options

_EXIT_CODES = """\b
Exit codes:
  0  the same, compatible, or done
  1  stale (--check) or breaking (drift)
  2  usage or input
  3  the server cannot be reached, or did not answer in time
  4  the server refused or failed
"""

_SOURCE_OPTIONS = [
    click.option("--server", metavar="TARGET", help="A running server, e.g. localhost:8500."),
    click.option("--saved-model", metavar="DIR", help="A SavedModel folder, or its parent."),
    click.option("--metadata", metavar="FILE", help="A saved metadata answer (JSON or protobuf)."),
    click.option("--schema", metavar="FILE", help="A schema, as `tfsclient-gen schema` writes it."),
    click.option("--model", metavar="NAME", help="The model's name; by default the source's."),
    click.option(
        "--tags", metavar="TAG,...", help="With --saved-model: the tags of the graph to read."
    ),
    click.option("--version", type=click.IntRange(0), help="With --server: this version."),
    click.option("--label", help="With --server: the version with this label."),
    connection_options(timeout=30.0, about="Seconds to wait for --server."),
]


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
        more = "give it once"
        if option.name == "model":
            more = "several models are not supported: run the command once for each"
        raise click.UsageError(f"{option.opts[0]} is given more than once; {more}", ctx)


class _Command(_Once, click.Command):
    def __init__(self, *args: Any, **options: Any) -> None:
        options["epilog"] = _EXIT_CODES
        super().__init__(*args, **options)


class _Group(_Once, Group):
    command_class = _Command


def _source_options(command: Any) -> Any:
    for option in reversed(_SOURCE_OPTIONS):
        command = option(command)
    return command


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
@_source_options
@click.option("--out", type=click.Path(path_type=Path), help="Where the files go.")
@click.option("--check", is_flag=True, help="Write nothing; name what is stale and exit 1.")
@click.option("--diff", is_flag=True, help="With --check: show what would change, too.")
@click.option(
    "--transport",
    type=click.Choice(["any", "rest"]),
    default="any",
    show_default=True,
    help="In each language: `rest` leaves gRPC out, what it needs, and what only it can carry.",
)
@click.option("--go-module", metavar="PATH", help="Go: the module path in go.mod.")
@click.option("--no-go-mod", is_flag=True, help="Go: a package for a module that you already have.")
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
    go_module: str | None,
    no_go_mod: bool,
    templates: Path | None,
    **source: Any,
) -> None:
    """Write typed clients for a TensorFlow Serving model.

    With one --lang the files go straight into --out, with several into --out/LANG.  A run writes
    over and removes nothing but what an earlier run of the same model and language wrote.
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
    if no_go_mod and go_module:
        raise click.UsageError("--go-module cannot be used with --no-go-mod")
    if diff and not check:
        raise click.UsageError("--diff can only be used with --check")
    chosen = list(languages()) if "all" in langs else list(dict.fromkeys(langs))
    folders = {lang: out if len(chosen) == 1 else out / lang for lang in chosen}
    options = Options(transport, go_module, go_mod=not no_go_mod, templates=templates)
    with _failures_reported():
        made = _made(load(**source), chosen, options, skip="all" in langs)
        outputs = [output.Output(folders[lang], made[lang].files) for lang in made]
        for lang, client in made.items():
            for gone in client.left_out:
                for reason in (gone.reason, *gone.others):
                    _tell(f"{lang}: signature {gone.signature!r} left out: {reason}")
            for note in client.notes:
                _tell(f"{lang}: {note}")
        if check:
            if not _is_fresh(outputs, diff=diff):
                context.exit(EXIT_NO)
        else:
            for one in outputs:
                one.refuse_what_is_not_ours()
            for one in outputs:
                _write(one)


def _made(
    model: Model, chosen: Sequence[str], options: Options, *, skip: bool
) -> dict[str, Generated]:
    """The clients; with ``skip`` without those languages that cannot call anything, if some can."""
    made: dict[str, Generated] = {}
    empty: dict[str, NothingToCall] = {}
    for lang in chosen:
        try:
            client = make(model, lang, options)
            refuse_empty(model, client)
            made[lang] = client
        except NothingToCall as error:
            empty[lang] = error
    for lang, refused in empty.items():
        if not skip or not made:
            raise refused
        _tell(f"{lang}: left out: {refused.details}")
    return made


def _is_fresh(outputs: Sequence[output.Output], *, diff: bool) -> bool:
    stale = [(one.folder / path, why) for one in outputs for path, why in one.stale().items()]
    for path, why in stale:
        click.echo(f"{path} {why}")
    if diff:
        click.echo("".join(one.diff() for one in outputs), nl=False)
    if any(why.startswith("is there") or "edited" in why for _, why in stale):
        _tell("a run without --check writes over none of what it did not write: move that first")
    elif stale:
        _tell("run the same command without --check")
    return not stale


def _write(one: output.Output) -> None:
    done = one.write()
    if done.written:
        _tell(f"wrote {output.counted(done.written)} to {one.folder}")
    else:
        _tell(f"{one.folder} is up to date")
    for path in done.removed:
        _tell(f"removed {one.folder / path}")
    for path in done.kept:
        _tell(f"kept {one.folder / path}, which is no longer generated: it was edited")


def _tell(text: str) -> None:
    click.echo(text, err=True)


@main.command()
@_source_options
@click.option("--out", type=click.Path(path_type=Path), help="A file; default is standard output.")
def schema(out: Path | None, **source: Any) -> None:
    """Write a model's schema as JSON, to generate from later and without a server."""
    with _failures_reported():
        text = to_json(load(**source))
        if out is None:
            click.echo(text, nl=False)
        else:
            out.write_bytes(text)


@main.command()
@click.option("--lock", required=True, metavar="FILE", help="The tfsclient.lock.json of a client.")
@_source_options
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of objects.")
@click.pass_context
def drift(context: click.Context, /, lock: str, as_json: bool, **source: Any) -> None:
    """Compare a model with the schema that a client was made from.

    Exits with 1 if calls of that client may fail.  The model's name is the lock file's by default.
    """
    with _failures_reported():
        old = sources.from_file(lock)
        source["model"] = source["model"] or old.name
        differences = compare(old, load(**source))
    if as_json:
        click.echo(orjson.dumps(differences, option=orjson.OPT_INDENT_2))
    else:
        for verdict in get_args(Verdict):
            of_verdict = [str(each) for each in differences if each.verdict == verdict]
            if of_verdict:
                click.echo("\n  ".join([f"{verdict}:", *of_verdict]))
        if not differences:
            click.echo("no difference")
    if any(each.verdict == "breaking" for each in differences):
        context.exit(EXIT_NO)


@main.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def eject(folder: Path) -> None:
    """Write the shipped templates into DIR, to be changed there and used with --templates DIR.

    Keep the ones that you change and delete the others, so that those follow updates.
    """
    with _failures_reported():
        output.eject(folder)


def load(
    server: str | None,
    saved_model: str | None,
    metadata: str | None,
    schema: str | None,
    model: str | None,
    version: int | None,
    label: str | None,
    connection: Connection,
    tags: str | None = None,
) -> Model:
    """The model that the source options name; exactly one source must be given."""
    if sum(source is not None for source in (server, saved_model, metadata, schema)) != 1:
        raise click.UsageError("give one source: --server, --saved-model, --metadata or --schema")
    if server is None and (version is not None or label is not None):
        raise click.UsageError("--version and --label can only be used with --server")
    if saved_model is None and tags is not None:
        raise click.UsageError("--tags can only be used with --saved-model")
    if server is None:
        connection.refuse("--server")
    else:
        if model is None:
            raise click.UsageError("--server needs --model: a server does not list its models")
        with connection.client(server) as client:
            return replace(client.metadata(model, version=version, label=label), name=model)
    if saved_model is not None:
        read = sources.from_saved_model(saved_model, model, tags=tags)
        if tags is None and read.tags not in (None, ("serve",)):
            _tell(f"{saved_model}: read its only graph, tagged {','.join(read.tags) or 'nothing'}")
        return read
    loaded = sources.from_file(metadata or schema or "")
    return loaded if model is None else replace(loaded, name=model)


@contextmanager
def _failures_reported() -> Iterator[None]:
    """End the command with an error's text and an exit code if the code inside fails."""
    with exit_codes():
        try:
            yield
        except TFSError:
            raise
        except OSError as error:
            click.echo(f"error: {error}", err=True)
            raise click.exceptions.Exit(EXIT_USAGE) from error
