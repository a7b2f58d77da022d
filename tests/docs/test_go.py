"""docs/go.md: what it shows compiles and runs, over both transports, and makes spans."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT, missing, tool
from tests.docs.pages import blocks
from tests.generator.go.clients import PROGRAMS, run

PAGE = ROOT / "docs" / "go.md"
IMPORTS = {
    "attribute": "go.opentelemetry.io/otel/attribute",
    "codes": "go.opentelemetry.io/otel/codes",
    "context": "context",
    "digits": "example.com/ml/clients/digits",
    "digitstest": "example.com/ml/clients/digits/digitstest",
    "errors": "errors",
    "fmt": "fmt",
    "log": "log",
    "os": "os",
    "testing": "testing",
    "tfs": "example.com/ml/clients/tfs",
    "time": "time",
    "trace": "go.opentelemetry.io/otel/trace",
}

pytestmark = pytest.mark.language("go")


def program() -> str:
    """The page's blocks as a file: functions as they are, and statements in one."""
    shown = [block.text for block in blocks(PAGE.read_text("utf-8")) if block.kind == "go"]
    imports = [text for text in shown if text.startswith("import ")]
    shown = [text for text in shown if text not in imports]
    functions = [text for text in shown if text.startswith("func ")]
    statements = "".join(text for text in shown if not text.startswith("func "))
    head = "func page(ctx context.Context, images tfs.Tensor[float32]) error {\n"
    body = "\n".join([*functions, f"{head}{statements}return nil\n}}\n"])
    body = body.replace('"localhost:8500"', 'os.Getenv("TFSCLIENT_TARGET")')
    used = [f'"{path}"' for name, path in IMPORTS.items() if re.search(rf"\b{name}\.[A-Z]", body)]
    return "\n".join(["package page", *imports, "import (", *used, f")\n\n{body}"])


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        import sklearn  # noqa: F401
        import tensorflow as tf  # noqa: F401
    except ImportError as error:
        missing(str(error.name))
    from tfsclient._cli.demo import digits
    from tfsclient.server.app import Server

    scans = digits.build(tmp_path / "digits" / "1")
    shutil.copytree(ROOT / "generated" / "clients" / "go", tmp_path / "clients")
    folder = tmp_path / "page"
    shutil.copytree(PROGRAMS / "page", folder)
    (folder / "scan.png").write_bytes(digits.to_png(scans.images[0]))
    (tmp_path / "go.work").write_text("go 1.25.0\n\nuse ./clients\nuse ./page\n", "utf-8")
    with Server({"digits": tmp_path / "digits"}) as server:
        # Tests of the page have names of their own, so the file is one of tests.
        (folder / "shown_test.go").write_text(program(), "utf-8")
        targets = {"TFSCLIENT_GRPC": server.grpc_target, "TFSCLIENT_REST": server.rest_target}
        for target in targets.values():
            env = targets | {"TFSCLIENT_TARGET": target}
            run(tool("go"), "test", "-count=1", ".", cwd=folder, env=env)
