"""docs/java.md: what it shows compiles and runs, over both transports."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT, missing, tool
from tests.docs.pages import blocks
from tests.generator.java.clients import compiled, run, write
from tfsclient import Model, Signature, TensorSpec, meaning
from tfsclient._inputs import pixels

PAGE = ROOT / "docs" / "java.md"
HEAD = """
import com.acme.models.digits.*;
import com.acme.models.tfs.*;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;

final class Page {
  public static void main(String[] args) throws Exception {
    FloatTensor images = FloatTensor.of(new float[64], 1, 8, 8);
"""

pytestmark = [pytest.mark.language("java"), pytest.mark.slow]


def program() -> str:
    """The page's blocks as statements of one program."""
    shown = [block.text for block in blocks(PAGE.read_text("utf-8")) if block.kind == "java"]
    first, *others = shown
    text = "".join([HEAD, f"{{\n{first}}}\n", *others, "    System.exit(0);\n  }\n}\n"])
    return text.replace('"localhost:8500"', "args[0]")


def test_the_page_runs(tmp_path: Path) -> None:
    try:
        import sklearn  # noqa: F401
        import tensorflow as tf  # noqa: F401
    except ImportError as error:
        missing(str(error.name))
    from tfsclient._cli.demo import digits
    from tfsclient.server.app import Options, Server

    digits.build(tmp_path / "digits" / "1")
    clients = tmp_path / "clients"
    shutil.copytree(ROOT / "generated" / "clients" / "java", clients)
    (tmp_path / "Page.java").write_text(program(), "utf-8")
    paths = compiled(clients, tmp_path / "Page.java")
    picture = pixels.open_upright(np.zeros((9, 8), np.uint8), "scan", 100)
    scan = pixels.encode(picture, "png", "scan")
    (tmp_path / "scan.png").write_bytes(scan)
    with Server({"digits": tmp_path / "digits"}, Options()) as server:
        for target in (server.grpc_target, server.rest_target):
            shown = run(tool("java"), "-cp", paths, "Page", target, cwd=tmp_path)
            assert "true FloatTensor[2] [3.0, 4.0]\n" in shown
            assert "LongTensor[1] [7]\n" in shown


def test_the_block_on_meaning_compiles(tmp_path: Path) -> None:
    page = blocks((ROOT / "docs" / "meaning.md").read_text("utf-8"))
    (shown,) = (block.text for block in page if block.kind == "java")
    toml = next(block.text for block in page if block.kind == "toml")
    (tmp_path / "meaning.toml").write_text(toml, "utf-8")
    (tmp_path / "labels.txt").write_text("\n".join("0123456789"), "utf-8")
    (tmp_path / "seven.png").touch()
    images = TensorSpec("images", "float32", (-1, 28, 28, 1))
    scores = TensorSpec("scores", "float32", (-1, 10))
    bare = Signature("serving_default", {"images": images}, {"scores": scores})
    model = meaning.attach(
        meaning.read(tmp_path / "meaning.toml"), Model("digits", 1, {bare.name: bare})
    )
    text = "import java.util.List;\nimport models.digits.*;\nimport models.tfs.*;\n\n"
    text += f"class Page {{\n  void read(DigitsClient client, byte[] file) {{\n{shown}  }}\n}}\n"
    (tmp_path / "Page.java").write_text(text, "utf-8")
    compiled(write(model, tmp_path / "clients"), tmp_path / "Page.java")
