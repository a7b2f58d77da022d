"""What a meaning does to generated clients, their lock files and drift."""

from __future__ import annotations

import asyncio
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from tfsclient_gen import generate
from tfsclient_gen.cli import main

from tests.conftest import ZOO, Zoo
from tests.generator.python_models import HOSTILE_LABELS, load, told
from tests.generator.test_openapi import document, problems
from tfsclient import Image, InvalidInput, drift, meaning, schema, sources

TEXT = """
format = 1
description = "Adds one."
[signatures.rank4.inputs.x]
kind = "image"
range = [0, 1]
colour = "gray"
layout = "HWC"
description = "white is 1"
[signatures.rank2.outputs.y]
kind = "scores"
labels = ["zero", "one", "two"]
[[signatures.rank2.examples]]
name = "few"
inputs = {x = [[1, 2, 3]]}
"""
RANKS = ZOO / "ranks"
WHITE = np.full((2, 2), 255, np.uint8)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "meaning.toml"
    path.write_text(TEXT, "utf-8")
    return path


def test_generated_python_scales_pictures_and_knows_labels(
    tmp_path: Path, file: Path, zoo: Zoo
) -> None:
    source = ["--saved-model", RANKS, "--meaning", file]
    done = run("--lang", "python", *source, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    module = load(tmp_path / "out" / "ranks.py")
    assert "images" not in module.Ranks.rank4.__doc__
    assert "image, gray, HWC, 0 to 1. white is 1; also a tfsclient.Image" in " ".join(
        module.Ranks.rank4.__doc__.split()
    )
    assert "few: x=[[1, 2, 3]]" in module.Ranks.rank2.__doc__
    for target in (zoo.grpc, zoo.rest):
        with module.Ranks(target) as client:
            assert client.rank4(x=Image(WHITE)).y.tolist() == [[[[2], [2]], [[2], [2]]]]
            result = client.rank2(x=np.array([[1, 7, 2]]))
            assert result.top("y", 2) == [[("one", 8), ("two", 3)]]
            with pytest.raises(InvalidInput, match="there are 3 labels"):
                client.rank2(x=np.array([[1, 7]])).top("y")
            with pytest.raises(KeyError, match="no output 'z' with labels"):
                result.top("z")

        async def top(target: str) -> object:
            async with module.AsyncRanks(target) as client:
                return (await client.rank2(x=np.array([[1, 7, 2]]))).top("y", 1)

        assert asyncio.run(top(target)) == [[("one", 8)]]


def test_a_lock_file_has_all_of_it_and_drift_calls_a_change_documentation(
    tmp_path: Path, file: Path, zoo: Zoo
) -> None:
    lock = tmp_path / "out" / "ranks.lock.json"
    made = ["--lang", "python", "--out", tmp_path / "out"]
    assert run(*made, "--saved-model", RANKS, "--meaning", file).exit_code == 0
    assert run(*made, "--schema", lock, "--check").exit_code == 0
    server = ["--server", zoo.grpc, "--model", "ranks"]
    assert run(*made, *server, "--meaning", file, "--check").exit_code == 0

    done = run("drift", "--lock", lock, *server)
    assert done.exit_code == 0
    assert "only one side has a meaning" in done.output
    file.write_text(TEXT.replace("[0, 1]", "[-1, 1]").replace("Adds one", "It adds one"), "utf-8")
    done = run("drift", "--lock", lock, *server, "--meaning", file)
    assert done.exit_code == 0
    changed = (
        "its meaning was 'image, gray, HWC, 0 to 1. white is 1', is 'image, gray, HWC, -1 to 1. "
        "white is 1'"
    )
    assert done.output.splitlines() == [
        "documentation:",
        "  the model: its description has changed",
        f"  signature 'rank4', input 'x': {changed}",
    ]
    assert run(*made, *server, "--meaning", file, "--check").exit_code == 1


def test_drift_finds_every_change_of_meaning() -> None:
    model = told()
    bare = meaning.attach(meaning.Meaning(), model)
    assert [d.verdict for d in drift.compare(model, bare)] == ["not comparable"]
    assert drift.compare(model, schema.from_json(schema.to_json(model))) == []
    other = model.signatures["other"]
    fewer = replace(model, signatures={**model.signatures, "other": replace(other, samples=())})
    (found,) = drift.compare(model, fewer)
    assert (found.verdict, str(found)) == (
        "documentation", "signature 'other': its examples have changed"
    )  # fmt: skip


def test_a_configuration_names_a_file_for_a_model(tmp_path: Path, file: Path) -> None:
    config = tmp_path / "tfsclient-gen.toml"
    text = f'[models.ranks]\nsaved_model = {json.dumps(str(RANKS))}\nmeaning = "meaning.toml"\n'
    config.write_text(text + '[[out]]\nlang = "python"\ndir = "out"\n', "utf-8")
    assert run("build", "--config", config).exit_code == 0
    assert "'two'" not in (tmp_path / "out" / "ranks.py").read_text("utf-8")
    assert '"two"' in (tmp_path / "out" / "ranks.py").read_text("utf-8")
    file.write_text(TEXT.replace("rank4", "rank44"), "utf-8")
    done = run("build", "--config", config)
    assert done.exit_code == 2
    assert "meaning.toml:4: there is no signature 'rank44' (did you mean 'rank4'?)" in done.output
    done = run("--lang", "go", "--server", "localhost:1", "--model", "a", "--model", "b",
               "--meaning", file, "--out", tmp_path)  # fmt: skip
    assert done.exit_code == 2
    assert "--meaning is for one model" in done.output


def test_hostile_words_stay_text_in_python(tmp_path: Path) -> None:
    (path, text), _ = generate(told(), "python").items()
    (tmp_path / path).write_text(text, "utf-8")
    module = load(tmp_path / path)
    assert module._SERVING_DEFAULT.labels["top"] == HOSTILE_LABELS
    assert "touch pwned" in str(module.__doc__)
    assert module._SIGNATURES[0].inputs["x"].meaning.mean == (1.5, 2, 3)


def test_hostile_words_stay_comments_in_a_shell_script(tmp_path: Path) -> None:
    text = generate(told(), "curl")["told.sh"]
    assert text.isascii() or all(line.startswith(("#", "  #")) for line in text.split("\n")
                                 if not line.isascii())  # fmt: skip
    script = tmp_path / "told.sh"
    script.write_text(text, "utf-8")
    done = subprocess.run(["sh", script, "--help"], cwd=tmp_path, capture_output=True, check=True)
    assert b"serving_default" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["told.sh"]
    assert "x: float32 [-1, 3, 4, 4]: image, bgr, CHW, mean 1.5 2 3, std 2." in " ".join(
        line.lstrip("# ") for line in text.splitlines()
    )


def test_openapi_describes_tensors_and_has_the_examples(file: Path) -> None:
    model = sources.from_saved_model(RANKS, meaning=meaning.read(file))
    made = document(model)
    assert "\n\nAdds one.\n" in made["info"]["description"]
    described = made["components"]["schemas"]["Rank4Inputs"]["properties"]["x"]["description"]
    assert described.startswith("float32 [-1, -1, -1, -1]: image, gray, HWC, 0 to 1. white is 1")
    content = made["components"]["requestBodies"]["Predict"]["content"]["application/json"]
    few = content["examples"]["Rank2: few"]["value"]
    assert few == {"signature_name": "rank2", "inputs": {"x": [[1, 2, 3]]}}
    assert problems(made, content["schema"], few) == []
    about = document(told())["info"]["description"]
    assert "</script>" not in about
    assert "<!--" not in about
