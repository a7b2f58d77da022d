"""docs/java.md: what it shows compiles and runs, over both transports."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT, missing, tool
from tests.docs.pages import blocks
from tests.generator.java.clients import compiled, run

PAGE = ROOT / "docs" / "java.md"
HEAD = """
import com.acme.models.digits.*;
import com.acme.models.tfs.*;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;

final class Page {
  public static void main(String[] args) {
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
    with Server({"digits": tmp_path / "digits"}, Options()) as server:
        for target in (server.grpc_target, server.rest_target):
            shown = run(tool("java"), "-cp", paths, "Page", target, cwd=tmp_path)
            assert "true FloatTensor[2] [3.0, 4.0]\n" in shown
            assert "LongTensor[1] [7]\n" in shown
