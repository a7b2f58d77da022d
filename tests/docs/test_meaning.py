"""docs/meaning.md: its file is read, its commands and its Python print what the page shows."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from tests.conftest import CONFORMANCE, Zoo, missing
from tests.docs.pages import blocks, promised
from tfsclient import Model, Signature, TensorSpec, meaning
from tfsclient._cli.main import main
from tfsclient.testing import serve

PAGE = (Path(__file__).parents[2] / "docs" / "meaning.md").read_text("utf-8")
TOML = [block.text for block in blocks(PAGE) if block.kind == "toml"]
DIGITS = "zero one two three four five six seven eight nine".split()


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zoo]:
    """A classifier of pictures that it wants as floats of 0 to 1, with the zoo's weights."""
    try:
        import tensorflow as tf
    except ImportError:
        missing("tensorflow")
    path = tmp_path_factory.mktemp("digits")
    with np.load(CONFORMANCE / "digits_weights.npz") as file:
        weights = tf.constant(file["w"] * file["scale"], tf.float32)
        bias = tf.constant(file["b"] / 1024, tf.float32)

    def classify(images: Any) -> dict[str, Any]:
        logits = tf.matmul(tf.reshape(images, [-1, 784]), weights) + bias
        return {"scores": tf.nn.softmax(logits)}

    spec = tf.TensorSpec([None, 28, 28, 1], tf.float32, name="images")
    module: Any = tf.Module()
    module.classify = tf.function(classify, input_signature=[spec])
    tf.saved_model.save(module, str(path / "1"), signatures=module.classify)
    with serve({"digits": path}) as server:
        yield Zoo(server.grpc_target, server.rest_target)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    try:
        import PIL  # noqa: F401
    except ImportError:
        missing("PIL")
    monkeypatch.chdir(tmp_path)
    shutil.copy(CONFORMANCE / "data" / "digit_7.png", "seven.png")
    Path("labels.txt").write_text("\n".join(DIGITS), "utf-8")
    Path("meaning.toml").write_text(TOML[0], "utf-8")
    return tmp_path


def test_commands_print_what_is_shown(folder: Path, digits: Zoo) -> None:
    (console,) = (block.text for block in blocks(PAGE) if block.kind == "console")
    for part in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
        command, _, printed = part.partition("\n")
        _, *arguments = shlex.split(command.replace("localhost:8500", digits.grpc))
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 0, command
        for line, shown in zip(done.output.splitlines(), printed.splitlines(), strict=True):
            assert [*map(number, line.split())] == [*map(number, shown.split())], command


def number(word: str) -> Any:
    """A word; one with a point as a number, whose last digits depend on the processor."""
    try:
        return pytest.approx(float(word), rel=0.01) if "." in word else word
    except ValueError:
        return word


def test_its_python_prints_what_it_says(
    folder: Path, digits: Zoo, capsys: pytest.CaptureFixture[str]
) -> None:
    for target in (digits.grpc, digits.rest):
        scope: dict[str, object] = {}
        for block in blocks(PAGE):
            if block.kind == "python":
                exec(block.text.replace("localhost:8500", target), scope)
                assert promised(block.text) <= set(capsys.readouterr().out.splitlines())


@pytest.mark.parametrize("number", range(1, len(TOML)))
def test_worked_examples_fit(tmp_path: Path, number: int) -> None:
    path = tmp_path / "meaning.toml"
    path.write_text("format = 1\n" + TOML[number], "utf-8")
    shape = [-1, 3, 224, 224] if "CHW" in TOML[number] else [-1, 224, 224, 3]
    inputs = {
        n: TensorSpec(n, "float32", shape) for n in ("images", "input") if f".{n}]" in TOML[number]
    }
    signature = Signature("serving_default", inputs, inputs)
    model = meaning.attach(meaning.read(path), Model("m", 1, {"serving_default": signature}))
    assert all(spec.meaning is not None for spec in model.signature().inputs.values())
