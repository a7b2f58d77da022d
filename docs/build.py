"""Builds the site: ``python docs/build.py``, or ``make docs``.

The pages of docs/, its notebooks, README and CHANGELOG are gathered in build/docs, beside those
that are made from the code: the reference of commands, that of Python, and most of troubleshooting.
MkDocs makes the site of them.  In it, llms.txt lists the pages, which are there as Markdown, too.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import click
import yaml  # type: ignore[import-untyped]  # comes with MkDocs
from tfsclient_gen.cli import main as generator_command

import tfsclient
from tfsclient._cli.explanations import EXPLANATIONS
from tfsclient._cli.main import main as tfsclient_command

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "build" / "docs"

_GAP = "\n\n"
# A search finds guides before names, and first of all what an error means.
_BOOST = {"troubleshooting.md": 4, "changelog.md": 0.2, "modules.md": 0.2, "reference.md": 0.5}

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
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("--site-dir", type=Path, default=ROOT / "site")
    site = options.parse_args().site_dir
    pages = gather()
    config = ROOT / "docs" / "mkdocs.yml"
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", config,
         "--site-dir", site.absolute()],
        cwd=ROOT, check=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    for name, text in pages.items():
        (site / name).write_text(text, "utf-8")
    (site / "llms.txt").write_text(llms(config.read_text("utf-8"), pages), "utf-8")


def gather() -> dict[str, str]:
    """Put everything in place; gives the pages that are text, by their paths."""
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.copytree(
        ROOT / "docs", PAGES, ignore=shutil.ignore_patterns("*.py", "mkdocs.yml", "__*")
    )
    pages = {path.name: _page(path.read_text("utf-8")) for path in PAGES.glob("*.md")}
    for path in PAGES.glob("notebooks/*.ipynb"):
        pages[f"notebooks/{path.stem}.md"] = notebook(path)
    for name, file in (("index.md", "README.md"), ("changelog.md", "CHANGELOG.md")):
        pages[name] = _page((ROOT / file).read_text("utf-8").replace("](docs/", "]("))
    pages["troubleshooting.md"] += troubleshooting()
    pages["commands.md"] = commands()
    for name, text in (pages | {"reference.md": reference(), "modules.md": modules()}).items():
        boost = f"---\nsearch:\n  boost: {_BOOST[name]}\n---\n\n" if name in _BOOST else ""
        (PAGES / name).write_text(boost + text, "utf-8")
    return pages


def _page(text: str) -> str:
    """A page as MkDocs reads it: links within the site, and titles of blocks spelt its way.

    What lies outside of docs/ is not on the site, and keeps its name alone.
    """
    text = re.sub(r"\]\((?:\.\./)+README\.md", "](index.md", text)
    text = re.sub(r"\[([^\]]+)\]\((?:\.\./[^)]*|generated)\)", r"\1", text)
    text = re.sub(r"\.ipynb\)", ".md)", text)
    return re.sub(r"^```(\w+) ([\w./-]+)$", r'```\1 title="\2"', text, flags=re.MULTILINE)


def notebook(path: Path) -> str:
    """A notebook's cells as a page, which offers the file."""
    texts = []
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        source = "".join(cell["source"])
        texts.append(f"```python\n{source}\n```" if cell["cell_type"] == "code" else source)
    title, _, rest = texts[0].partition("\n")
    offer = f"[Download this notebook]({path.name}){{ download }}"
    text = "\n\n".join([title, offer, rest.strip(), *texts[1:]]) + "\n"
    return re.sub(r"\]\((?:\.\./)+README\.md", "](../index.md", text)


def llms(config: str, pages: dict[str, str]) -> str:
    """What https://llmstxt.org asks for: the pages with a line on each, for language models."""
    lines = ["# tfsclient", "", f"> {_plain(pages['index.md'].split(_GAP)[1])}"]
    for entry in yaml.safe_load(config)["nav"]:
        ((title, inner),) = entry.items()
        lines += ["", f"## {title}", ""]
        for page in inner if isinstance(inner, list) else [entry]:
            ((name, path),) = page.items()
            if path in pages:
                lines.append(f"- [{name}]({path}){_first_sentence(pages[path])}")
    return "\n".join(lines) + "\n"


def _first_sentence(text: str) -> str:
    """What a page is about, as it says itself."""
    for part in text.split(_GAP)[1:]:
        if re.match(r"\w|`\w|\[(?!Download)", part):
            return ": " + re.split(r"(?<=[.:])\s", _plain(part), maxsplit=1)[0].rstrip(".:")
    return ""


def _plain(text: str) -> str:
    return re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text.replace("\n", " "))


def troubleshooting() -> str:
    """The texts that ``tfsclient explain`` prints, and first of all where each error leads."""
    rows = [
        (re.sub(" +", " ", said), entry)
        for entry in EXPLANATIONS
        for said in re.findall(r'"([A-Z][^"]{9,})"', entry.text.replace("\n", " "))
    ]
    rows.sort(key=lambda row: row[0])
    rows += [(entry.key, entry) for entry in EXPLANATIONS]
    table = "".join(f"| `{said}` | [{e.title}](#{e.key.lower()}) |\n" for said, e in rows)
    entries = "\n".join(f"## {e.key}\n\n**{e.title}.**\n\n{e.text}" for e in EXPLANATIONS)
    entries = re.sub(r"^ {6}(?=\S)", " " * 8, entries, flags=re.MULTILINE)  # code in a list
    return f"\n| the error says | read |\n|---|---|\n{table}\n{entries}"


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
