"""docs/inputs.md: every command prints what the page shows."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.conftest import CONFORMANCE, Zoo, missing
from tfsclient._cli.inputs import SUFFIXES
from tfsclient._cli.main import main

PAGE = Path(__file__).parents[2] / "docs" / "inputs.md"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands() -> Iterator[tuple[str, str]]:
    """Each command with what it prints."""
    for block in re.findall(
        r"^```console\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    ):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            yield command, printed


def test_every_command_prints_what_is_shown(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if find_spec("PIL") is None:
        missing("PIL")
    monkeypatch.chdir(tmp_path)
    shutil.copy(CONFORMANCE / "data" / "digit_7.png", "seven.png")
    for command, printed in commands():
        name, *arguments = shlex.split(command.replace("localhost:8500", zoo.grpc))
        if name == "cat":
            Path(arguments[0]).write_text(printed)
            continue
        assert name == "tfsclient"
        stdin = Path(arguments.pop()).read_bytes() if "<" in arguments else None
        done = CliRunner().invoke(main, [a for a in arguments if a != "<"], input=stdin)
        assert done.output == printed, command
        assert done.exit_code == (2 if printed.startswith("error: ") else 0)
    assert Path("logits.csv").read_text() == Path("again.csv").read_text()


def test_every_suffix_is_on_the_page() -> None:
    text = PAGE.read_text("utf-8")
    assert not [suffix for suffix in SUFFIXES if suffix not in text]
