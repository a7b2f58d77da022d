"""Java clients of a model of which is told what its tensors stand for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tfsclient_gen import generate

from tests.conftest import Zoo
from tests.generator import meant
from tests.generator.go.clients import zoo_model
from tests.generator.java.fixtures import Clients

pytestmark = pytest.mark.language("java")
pytest_plugins = ["tests.generator.java.fixtures"]


@pytest.mark.slow
def test_pictures_and_labels_are_those_of_the_library(
    java_clients: Clients, tmp_path: Path, zoo: Zoo
) -> None:
    files = meant.pictures(tmp_path)
    told_of = meant.read(tmp_path)
    for target in (zoo.grpc, zoo.rest):
        wanted = meant.answers(target, told_of, files)
        shown = java_clients.program("program.Meant", target, files["GREY"], files["RGB"])
        grey, bgr, *top = shown.splitlines()
        assert json.loads(grey) == pytest.approx(wanted["Grey"], rel=1e-7)
        assert json.loads(bgr) == pytest.approx(wanted["BGR"], rel=1e-7)
        assert top == [f"[{', '.join(row)}]" for row in wanted["Top"]]


def test_a_meaning_is_code_where_there_is_one(tmp_path: Path) -> None:
    folder = "src/main/java/models"
    files = generate(meant.ranks(meant.read(tmp_path)), "java")
    assert ".range(-1.0, 1.0);" in files[f"{folder}/ranks/Rank3Input.java"]
    assert 'Labels.of("zero", "one", "two")' in files[f"{folder}/ranks/Rank2Result.java"]
    assert f"{folder}/tfs/Labels.java" in files
    assert f"{folder}/tfs/Labels.java" not in generate(zoo_model("ranks"), "java")
