"""Rust in the docs: what docs/rust.md and docs/languages.md show compiles and runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT, missing
from tests.docs.pages import blocks
from tests.generator.rust.clients import built, crate, run

DOCS = ROOT / "docs"
CLIENTS = ROOT / "generated" / "clients" / "rust"
HEAD = """
use std::time::Duration;

use acme_models::digits::{Client, Fake, ServingDefaultInput, ServingDefaultOutput};
use acme_models::tfs::{self, CallOptions, Code, Connection, Fit, Pictures, Tensor};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let target = std::env::args().nth(1).unwrap_or_default();
"""
TARGET = '"localhost:8500"'

pytestmark = [pytest.mark.language("rust"), pytest.mark.slow]


def programs() -> dict[str, str]:
    """The blocks of rust.md as statements of one program, and the program of languages.md."""
    found = blocks((DOCS / "rust.md").read_text("utf-8"))
    statements = [b.text for b in found if b.kind == "rust" and b.why_not is None]
    with_tls = [b.text for b in found if b.kind == "rust" and b.why_not is not None]
    page = [HEAD, *statements, "    let _ = (authorized, observed);\n    if false {\n", *with_tls]
    page.append("    let _ = connection;\n    }\n    Ok(())\n}\n")
    languages = blocks((DOCS / "languages.md").read_text("utf-8"))
    (picture,) = (block.text for block in languages if block.kind == "rust")
    picture = picture.replace("models::", "acme_models::")
    picture = picture.replace(TARGET, "&std::env::args().nth(1).unwrap_or_default()")
    return {
        "examples/page_of_docs.rs": "".join(page).replace(TARGET, "&target"),
        "examples/picture_of_docs.rs": picture,
    }


def test_what_pages_show_runs(tmp_path: Path) -> None:
    try:
        import PIL  # noqa: F401
        import sklearn  # noqa: F401
        import tensorflow as tf  # noqa: F401
    except ImportError as error:
        missing(str(error.name))
    from tfsclient._cli.demo import digits
    from tfsclient.server.app import Options, Server

    held_out = digits.build(tmp_path / "digits" / "1")
    (tmp_path / "scan.png").write_bytes(digits.to_png(held_out.images[0]))
    files = {
        path.relative_to(CLIENTS).as_posix(): path.read_text("utf-8")
        for path in CLIENTS.rglob("*")
        if path.is_file()
    }
    folder = crate("docs", files | programs())
    page = built("page_of_docs", folder, "images")
    with Server({"digits": tmp_path / "digits"}, Options()) as server:
        for target in (server.grpc_target, server.rest_target):
            assert "Tensor" in run(page, target, cwd=tmp_path)
            picture = run(built("picture_of_docs", folder), target, cwd=tmp_path)
            assert picture == f"{held_out.truth[0]}\n"
