"""docs/scoring.md: every command prints what the page shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.conftest import ROOT, Zoo
from tfsclient._cli.main import main

TEXT = (ROOT / "docs" / "scoring.md").read_text("utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_every_command_prints_what_is_shown(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for part in re.split(r"^\$ ", "".join(BLOCKS), flags=re.MULTILINE)[1:]:
        command, _, printed = part.partition("\n")
        name, *arguments = shlex.split(command.replace("localhost:8500", zoo.grpc))
        if name == "cat" and not Path(arguments[0]).exists():
            Path(arguments[0]).write_text(printed)
        elif name == "cat":
            assert Path(arguments[0]).read_text() == printed
        else:
            done = CliRunner().invoke(main, arguments)
            assert done.stdout == printed, done.output
            assert done.exit_code == 1  # a row is bad
