"""The ``tfsclient-gen`` command: arguments and exit codes, no logic.

Exit codes: 0 done, or nothing to do; 1 stale or breaking; 2 wrong usage or input; 3 the server
cannot be reached.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import click
import orjson

from tfsclient import sources
from tfsclient.drift import Verdict, compare
from tfsclient.errors import DeadlineExceeded, TFSError, Unavailable
from tfsclient.schema import Model, to_json
from tfsclient_gen import output
from tfsclient_gen.generate import languages, make
from tfsclient_gen.target import Options

EXIT_STALE = EXIT_BREAKING = 1
EXIT_USAGE, EXIT_UNREACHABLE = 2, 3

_SOURCE_OPTIONS = [
    click.option("--server", metavar="TARGET", help="A running server, e.g. localhost:8500."),
    click.option("--saved-model", metavar="DIR", help="A SavedModel folder, or its parent."),
    click.option("--metadata", metavar="FILE", help="A saved metadata answer (JSON or protobuf)."),
    click.option("--schema", metavar="FILE", help="A schema, as `tfsclient-gen schema` writes it."),
    click.option("--model", metavar="NAME", help="The model's name; by default the source's."),
    click.option("--version", type=click.IntRange(0), help="With --server: this version."),
    click.option("--label", help="With --server: the version with this label."),
    click.option(
        "--timeout", default=30.0, show_default=True, help="Seconds to wait for --server."
    ),
]


def _source_options(command: Any) -> Any:
    for option in reversed(_SOURCE_OPTIONS):
        command = option(command)
    return command


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--lang",
    "langs",
    multiple=True,
    type=click.Choice([*languages(), "all"]),
    help="A language to generate; may be given several times.",
)
@_source_options
@click.option("--out", type=click.Path(path_type=Path), help="Where the files go.")
@click.option("--check", is_flag=True, help="Write nothing; show a diff and exit 1 if stale.")
@click.option(
    "--transport",
    type=click.Choice(["any", "rest"]),
    default="any",
    show_default=True,
    help="Go: `rest` leaves gRPC and its modules out.",
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
    transport: str,
    go_module: str | None,
    no_go_mod: bool,
    templates: Path | None,
    **source: Any,
) -> None:
    """Write typed clients for a TensorFlow Serving model.

    With one --lang the files go straight into --out, with several into --out/LANG.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # The terminal may lack letters that are in names.
        sys.stdout.reconfigure(errors="backslashreplace")
    if context.invoked_subcommand is not None:
        set_before = [
            name
            for name in context.params
            if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT
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
    chosen = list(languages()) if "all" in langs else list(dict.fromkeys(langs))
    folders = {lang: out if len(chosen) == 1 else out / lang for lang in chosen}
    options = Options(transport, go_module, go_mod=not no_go_mod, templates=templates)
    with _failures_reported():
        model = load(**source)
        made = {lang: make(model, lang, options) for lang in chosen}
        outputs = [output.Output(folders[lang], made[lang].files) for lang in chosen]
        for lang in chosen:
            for gone in made[lang].left_out:
                for reason in (gone.reason, *gone.others):
                    click.echo(f"{lang}: signature {gone.signature!r} left out: {reason}", err=True)
        if check:
            diffs = "".join(one.diff() for one in outputs)
            if diffs:
                click.echo(diffs, nl=False)
                click.echo(f"{out} is stale: run the same command without --check", err=True)
                context.exit(EXIT_STALE)
        else:
            for one in outputs:
                one.write()


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
        context.exit(EXIT_BREAKING)


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
    timeout: float,
) -> Model:
    """The model that the source options name; exactly one source must be given."""
    from tfsclient import Client

    if sum(source is not None for source in (server, saved_model, metadata, schema)) != 1:
        raise click.UsageError("give one source: --server, --saved-model, --metadata or --schema")
    if server is None and (version is not None or label is not None):
        raise click.UsageError("--version and --label can only be used with --server")
    if server is not None:
        if model is None:
            raise click.UsageError("--server needs --model: a server does not list its models")
        with Client(server, timeout=timeout) as client:
            return replace(client.metadata(model, version=version, label=label), name=model)
    if saved_model is not None:
        return sources.from_saved_model(saved_model, model)
    loaded = sources.from_file(metadata or schema or "")
    return loaded if model is None else replace(loaded, name=model)


@contextmanager
def _failures_reported() -> Iterator[None]:
    """End the command with one line and an exit code if the code inside fails."""
    try:
        yield
    except (TFSError, OSError) as error:
        click.echo(f"error: {error}", err=True)
        unreachable = isinstance(error, Unavailable | DeadlineExceeded)
        raise click.exceptions.Exit(EXIT_UNREACHABLE if unreachable else EXIT_USAGE) from error
