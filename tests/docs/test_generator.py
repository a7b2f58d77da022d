"""docs/generator.md, drift.md and templates.md, and the workflow beside them: every command runs.

So does the language that templates.md adds.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tfsclient
from tests.conftest import ZOO, missing, tool

ROOT = Path(__file__).parents[2]
PAGES = ("generator.md", "drift.md", "templates.md")
BLOCKS = re.findall(
    r"^```(\w+)\n(.*?)^```$",
    "".join((ROOT / "docs" / name).read_text("utf-8") for name in PAGES),
    re.MULTILINE | re.DOTALL,
)
WORKFLOW = (ROOT / "docs" / "github-actions" / "clients.yml").read_text("utf-8")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder with a model called digits, and the ports of a server of it."""
    try:
        import tensorflow as tf  # noqa: F401
    except ImportError as error:
        missing(str(error.name))
    from tfsclient.server.app import Server

    shutil.copytree(ZOO / "linear", tmp_path / "models" / "digits")
    shutil.copytree(ZOO / "bert", tmp_path / "models" / "text_encoder_v3")
    with Server({"digits": tmp_path / "models" / "digits"}) as server:
        yield (
            tmp_path,
            {"http://localhost:8501": server.rest_target, "localhost:8500": server.grpc_target},
        )


def with_card(folder: Path) -> Path:
    """A copy of the generator, with the language of the page added as the page says."""
    module, entry = (text for kind, text in BLOCKS if kind == "python" and "card" in text)
    (template,) = (text for kind, text in BLOCKS if kind == "jinja")
    package = folder / "tfsclient_gen"
    shutil.copytree(ROOT / "codegen" / "tfsclient_gen", package)
    shutil.copytree(ROOT / "templates", package / "templates")
    (package / "languages" / "card.py").write_text(module, "utf-8")
    (package / "templates" / "card").mkdir()
    (package / "templates" / "card" / "model.md.j2").write_text(template, "utf-8")
    imported, _, line = entry.partition("\n\n")
    generate = (package / "generate.py").read_text("utf-8")
    for before, added in (("from tfsclient_gen.", f"{imported}\n"), ('        "python":', line)):
        assert before in generate
        generate = generate.replace(before, added + before, 1)
    (package / "generate.py").write_text(generate, "utf-8")
    return folder


def test_the_pages_run_from_top_to_bottom(place: tuple[Path, dict[str, str]]) -> None:
    tool("curl")
    folder, targets = place
    programs = folder / "bin"
    programs.mkdir()
    program = programs / "tfsclient-gen"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tfsclient_gen "$@"\n')
    program.chmod(0o755)
    env = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{with_card(folder / 'source')}{os.pathsep}{ROOT}",
        "TF_SERVING": targets["localhost:8500"],
    }
    (config,) = (text for kind, text in BLOCKS if kind == "toml")
    for written, running in targets.items():
        config = config.replace(written, running)
    (folder / "tfsclient-gen.toml").write_text(config, "utf-8")
    commands = [text for kind, text in BLOCKS if kind == "sh"]
    commands += re.findall(r"run: (tfsclient-gen .*\n)", WORKFLOW)
    assert len(commands) == 6 + 2
    for text in commands:
        for written, running in targets.items():
            text = text.replace(written, running)
        done = subprocess.run(
            ["sh", "-euc", text],
            cwd=folder, env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, text + done.stdout + done.stderr
    (card,) = (text for kind, text in BLOCKS if kind == "markdown")
    assert (folder / "cards" / "MODEL.md").read_text("utf-8") == card


def test_how_names_are_claimed(capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = (text for kind, text in BLOCKS if kind == "python" and "claim" in text)
    (printed,) = (text for kind, text in BLOCKS if kind == "text")
    exec(compile(program, "templates.md", "exec"), {})
    assert capsys.readouterr().out == printed


def test_the_workflow_pins_this_version() -> None:
    assert f"pip install tfsclient=={tfsclient.__version__} #" in WORKFLOW
