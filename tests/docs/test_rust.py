"""docs/rust.md: what it shows compiles and runs, over both transports."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT, missing
from tests.docs.pages import blocks
from tests.generator.rust.clients import built, crate, run

PAGE = ROOT / "docs" / "rust.md"
CLIENTS = ROOT / "generated" / "clients" / "rust"
HEAD = """
use std::time::Duration;

use acme_models::digits::{Client, Fake, ServingDefaultInput, ServingDefaultOutput};
use acme_models::tfs::{CallOptions, Code, Connection, Tensor};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let target = std::env::args().nth(1).unwrap_or_default();
"""

pytestmark = [pytest.mark.language("rust"), pytest.mark.slow]


def program() -> str:
    """The page's blocks as statements of one program."""
    page = PAGE.read_text("utf-8")
    shown = [block.text for block in blocks(page) if block.kind == "rust" and not block.why_not]
    text = "".join([HEAD, *shown, "    let _ = (authorized, observed);\n    Ok(())\n}\n"])
    return text.replace('"localhost:8500"', "&target")


def test_the_page_runs(tmp_path: Path) -> None:
    try:
        import sklearn  # noqa: F401
        import tensorflow as tf  # noqa: F401
    except ImportError as error:
        missing(str(error.name))
    from tfsclient._cli.demo import digits
    from tfsclient.server.app import Options, Server

    digits.build(tmp_path / "digits" / "1")
    files = {
        path.relative_to(CLIENTS).as_posix(): path.read_text("utf-8")
        for path in CLIENTS.rglob("*")
        if path.is_file()
    }
    folder = crate("page", files | {"examples/page_of_docs.rs": program()})
    page = built("page_of_docs", folder)
    with Server({"digits": tmp_path / "digits"}, Options()) as server:
        for target in (server.grpc_target, server.rest_target):
            assert "Tensor" in run(page, target, cwd=folder)
