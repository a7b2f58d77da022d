"""What pages name is there: modules, calls, arguments, commands, options; and their blocks run."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
from tfsclient_gen.cli import main as generator_command

import tfsclient
import tfsclient.testing
from tests.conftest import ROOT
from tests.docs.pages import PAGES, blocks
from tfsclient._cli.explanations import EXPLANATIONS, Explanation
from tfsclient._cli.main import main as tfsclient_command

_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_OBJECTS = {"client": tfsclient.Client, "aclient": tfsclient.AsyncClient}
_COMMANDS = {"tfsclient": tfsclient_command, "tfsclient-gen": generator_command}
# Arguments of generated clients, and options of other programs.
_GENERATED = {"verify"}
_FOREIGN = {"--no-deps"}


def inline(text: str) -> Iterator[str]:
    """The pieces of code in a page's sentences and tables, and the commands that it sets apart."""
    text = _FENCED.sub("", text)
    yield from re.findall(r"`([^`\n]+)`", text)
    yield from re.findall(r"^    (tfsclient(?:-gen)? .+)$", text, re.MULTILINE)


def resolve(dotted: str) -> Any:
    """``tfsclient.x.y`` as a program has it after ``import tfsclient``, or a module of ours."""
    found: Any = tfsclient
    for name in dotted.split(".")[1:]:
        if inspect.ismodule(found) and not hasattr(found, name):
            import_module(f"{found.__name__}.{name}")
        found = getattr(found, name)
    return found


@cache
def options(command: click.Command) -> frozenset[str]:
    """The options of a command, and for a group those of all its commands."""
    context = click.Context(command)
    found = {name for p in command.get_params(context) for name in (*p.opts, *p.secondary_opts)}
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            found |= options(inner)
    return frozenset(found)


def check_command(code: str) -> None:
    """A command line of ours has the subcommand and the options that it names."""
    words = code.split()
    command: click.Command = _COMMANDS[words[0]]
    if len(words) > 1 and re.fullmatch("[a-z]+", words[1]) and isinstance(command, click.Group):
        inner = command.get_command(click.Context(command), words[1])
        assert inner is not None, f"{words[0]} has no command {words[1]}"
        command = inner
    for option in re.findall(r"(?<!\S)--[a-z][\w-]*", code):
        assert option in options(command), f"{words[:2]} has no option {option}"


@cache
def arguments() -> frozenset[str]:
    """The names of arguments of all that is public."""
    found: set[str] = set(_GENERATED)
    others = (tfsclient.testing, tfsclient.sources, tfsclient.score, tfsclient.spark, tfsclient.ray)
    for module in (tfsclient, *others):
        for public in (getattr(module, name) for name in module.__all__):
            for each in (public, *(vars(public).values() if inspect.isclass(public) else ())):
                if callable(each):
                    found |= set(parameters(each))
    return frozenset(found)


def parameters(called: Any) -> list[str]:
    try:
        return list(inspect.signature(called).parameters)
    except (TypeError, ValueError):
        return []


def check_calls(code: str) -> None:
    """Calls of our classes and of a client's methods name arguments that those have."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = ast.unparse(call.func)
        owner, _, method = name.rpartition(".")
        called = getattr(_OBJECTS.get(owner, tfsclient), method, None) if method else None
        for keyword in call.keywords:
            if called is not None and keyword.arg is not None:
                assert keyword.arg in parameters(called), f"{name} has no argument {keyword.arg}"


def check(code: str) -> None:
    for dotted in re.findall(r"(?<![\w./-])tfsclient(?:\.[A-Za-z_]\w*)+", code):
        if not dotted.endswith((".json", ".toml")):
            resolve(dotted)
    for owner, name in re.findall(r"(?<![\w./])(a?client)\.(\w+)", code):
        assert hasattr(_OBJECTS[owner], name), f"a client has no {name}"
    check_calls(code)
    if code.split(maxsplit=1)[0] in _COMMANDS:
        check_command(code)
    else:
        known = _FOREIGN.union(*map(options, _COMMANDS.values()))
        for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", code):
            assert option in known, f"no command has {option}"
    if argument := re.fullmatch(r"([a-z_]+)=(\S+)?", code):
        assert argument[1] in arguments(), f"nothing takes {argument[1]}="
    if target := re.fullmatch(r"make ([a-z-]+)", code):
        assert f"\n{target[1]}:" in (ROOT / "Makefile").read_text("utf-8"), code


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_is_there(page: Path) -> None:
    for code in inline(page.read_text("utf-8")):
        check(code)


@pytest.mark.parametrize("entry", EXPLANATIONS, ids=lambda entry: entry.key)
def test_what_an_explanation_names_is_there(entry: Explanation) -> None:
    for code in inline(entry.text):
        check(code)


@pytest.mark.parametrize(
    "code",
    [
        "tfsclient.source.from_saved_model", "client.predicts(x)", "tfsclient guess",
        "tfsclient predict --scales", "tfsclient-gen --langs go", "--no_such_flag",
        'client.predict("m", x, singature="s")', "TLS(certificate=...)", "retry=0", "make tests",
    ],
)  # fmt: skip
def test_what_is_not_there_is_found(code: str) -> None:
    with pytest.raises((AssertionError, AttributeError, ImportError)):
        check(code)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_runs_or_says_why_not(page: Path) -> None:
    named = str(page.relative_to(ROOT))
    tests = [path for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__)]
    if any(page.name in path.read_text("utf-8") for path in tests):
        return  # a test of its own runs it
    for block in blocks(page.read_text("utf-8")):
        assert block.kind not in ("sh", "python", "console", "pycon") or block.why_not, (
            f"{named}: {block.text}"
        )
