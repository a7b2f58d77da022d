"""Go clients of models of which is told what their tensors stand for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import ZOO, Zoo, tool
from tests.generator import meant
from tests.generator.go.clients import PROGRAMS, run, workspace, write
from tests.generator.python_models import told
from tfsclient import meaning, sources

pytestmark = pytest.mark.language("go")


@pytest.fixture
def told_of(tmp_path: Path) -> meaning.Meaning:
    return meant.read(tmp_path)


@pytest.fixture
def clients(told_of: meaning.Meaning, tmp_path: Path) -> Path:
    write([meant.ranks(told_of), told()], tmp_path / "go" / "clients")
    return workspace(tmp_path / "go")


def test_they_are_formatted_and_vetted(clients: Path) -> None:
    assert run(tool("gofmt"), "-l", clients, cwd=clients) == ""
    run(tool("go"), "vet", "./clients/...", cwd=clients)
    text = (clients / "clients" / "told" / "meaning.go").read_text("utf-8")
    assert text.isascii()
    assert "TopTop" in text


def test_pictures_and_labels_are_those_of_the_library(
    clients: Path, told_of: meaning.Meaning, tmp_path: Path, zoo: Zoo
) -> None:
    files = meant.pictures(tmp_path)
    shutil.copytree(PROGRAMS / "meant", clients / "programs" / "meant")
    answers = tmp_path / "answers.json"
    for target in (zoo.grpc, zoo.rest):
        answers.write_text(json.dumps(meant.answers(target, told_of, files)), "utf-8")
        env = {f"TFSCLIENT_{name}": str(path) for name, path in files.items()}
        env |= {"TFSCLIENT_TARGET": target, "TFSCLIENT_ANSWERS": str(answers)}
        run(tool("go"), "test", "-count=1", "./programs/meant", cwd=clients, env=env)


def test_without_a_meaning_there_is_no_more_code(tmp_path: Path) -> None:
    write(sources.from_saved_model(ZOO / "ranks"), tmp_path)
    assert not list(tmp_path.rglob("meaning.go"))
