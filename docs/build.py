"""Builds the site: ``python docs/build.py``, or ``make docs``.

The pages of docs/ and README are gathered in build/docs, beside those that are made from the code:
the reference of commands, that of Python, and troubleshooting.  MkDocs makes the site of them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import click
from tfsclient_gen.cli import main as generator_command

import tfsclient
from tfsclient._cli.explanations import EXPLANATIONS
from tfsclient._cli.main import main as tfsclient_command

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "build" / "docs"

_GENERATED = "<!-- Made by docs/build.py. -->\n\n"

# What `import tfsclient` exports, as a reader looks for it.
_GROUPS = {
    "Clients": "Client AsyncClient BoundModel AsyncBoundModel TLS CallInfo Timeout DEFAULT",
    "Inputs": "Image Example SequenceExample ExampleListWithContext",
    "Results": "Prediction VersionStatus",
    "What a model takes and gives": "Model Signature TensorSpec FeatureSpec DType",
    "Requests": (
        "build_predict build_classify build_regress build_multi_inference Request PredictRequest "
        "ExamplesRequest ModelRef"
    ),
    "The models of a server": "ServerConfig ModelConfig",
    "Other servers": "Profile Outgoing",
    "Transports of your own": "Transport AsyncTransport",
    "Errors": (
        "TFSError InvalidInput DecodeError MissingExtra InvalidArgument FailedPrecondition "
        "OutOfRange Unauthenticated PermissionDenied NotFound AlreadyExists ResourceExhausted "
        "Aborted Cancelled DeadlineExceeded Unavailable Unimplemented Internal DataLoss Unknown "
        "Code"
    ),
}
# Which modules hold more than that, and of those that hold the same as well, which members are new.
_MODULES = {
    "sources": "",
    "schema": "[to_json, from_json]",
    "meaning": "",
    "model_config": "[read_config]",
    "warmup": "",
    "score": "",
    "spark": "",
    "ray": "",
    "drift": "",
    "export": "",
    "testing": "",
}


def main() -> None:
    """Gather the pages and build."""
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.copytree(
        ROOT / "docs", PAGES, ignore=shutil.ignore_patterns("*.py", "mkdocs.yml", "__*")
    )
    pages = {path.name: path.read_text("utf-8") for path in PAGES.glob("*.md")}
    pages["index.md"] = (ROOT / "README.md").read_text("utf-8").replace("](docs/", "](")
    for name, text in pages.items():
        (PAGES / name).write_text(_page(text), "utf-8")
    for name, text in {
        "troubleshooting.md": troubleshooting(),
        "commands.md": commands(),
        "reference.md": reference(),
        "modules.md": modules(),
    }.items():
        (PAGES / name).write_text(_GENERATED + text, "utf-8")
    config = ROOT / "docs" / "mkdocs.yml"
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", config,
         *sys.argv[1:]],
        cwd=ROOT, check=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip


def _page(text: str) -> str:
    """A page as MkDocs reads it: links within the site, and titles of blocks spelt its way.

    What lies outside of docs/ is not on the site, and keeps its name alone.
    """
    text = text.replace("](../README.md", "](index.md")
    text = re.sub(r"\[([^\]]+)\]\((?:\.\./[^)]*|generated)\)", r"\1", text)
    return re.sub(r"^```(\w+) (\w+)$", r'```\1 title="\2"', text, flags=re.MULTILINE)


def troubleshooting() -> str:
    """The page of the texts that ``tfsclient explain`` prints."""
    entries = "\n".join(f"## {e.key}\n\n**{e.title}.**\n\n{e.text}" for e in EXPLANATIONS)
    entries = re.sub(r"^ {6}(?=\S)", " " * 8, entries, flags=re.MULTILINE)  # code in a list
    return (
        "# Troubleshooting\n\nWhat errors and hints mean, what usually causes them and what to do. "
        "`tfsclient explain KEY` prints the same on the command line, and `tfsclient doctor TARGET "
        f"MODEL` finds out what is wrong with a server.\n\n{entries}"
    )


def commands() -> str:
    """What ``--help`` says, of every command."""
    parts = ["# Commands\n"]
    for name, group in (("tfsclient", tfsclient_command), ("tfsclient-gen", generator_command)):
        parts += _help(group, name)
    return "\n".join(parts)


def _help(command: click.Command, name: str, parent: click.Context | None = None) -> Iterable[str]:
    settings = {**command.context_settings, "terminal_width": 80}
    context = click.Context(command, parent, info_name=name, **settings)
    yield f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                yield from _help(inner, name, context)


def reference() -> str:
    """The names that ``import tfsclient`` exports, each in its group."""
    grouped = {name for names in _GROUPS.values() for name in names.split()}
    if odd := grouped ^ set(tfsclient.__all__):
        raise SystemExit(f"_GROUPS in docs/build.py and tfsclient.__all__ differ: {sorted(odd)}")
    parts = ["# Python API\n\nWhat `import tfsclient` exports.\n"]
    for title, names in _GROUPS.items():
        parts += [f"## {title}\n", *(_directive(f"tfsclient.{name}", 3) for name in names.split())]
    return "\n".join(parts)


def modules() -> str:
    """The public modules that hold more than ``import tfsclient`` exports."""
    parts = ["# Python modules\n"]
    for name, members in _MODULES.items():
        some = {"members": members} if members else {}
        parts.append(_directive(f"tfsclient.{name}", 2, show_root_full_path="true", **some))
    return "\n".join(parts)


def _directive(name: str, level: int, **options: str) -> str:
    lines = [f"::: {name}", "    options:", f"      heading_level: {level}"]
    lines += [f"      {option}: {value}" for option, value in options.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
