"""Fixtures of the tests of JavaScript and TypeScript: a plugin of pytest, once for all of them."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import missing, tool
from tests.generator.hostile import HOSTILE
from tests.generator.js.clients import (
    ROOT,
    TOOLS,
    compile_all,
    hostile_model,
    large_model,
    loadable,
    write,
    zoo_model,
)


@pytest.fixture(scope="session")
def npm() -> Path:
    """The programs that npm brings, installed once for this checkout."""
    folder = ROOT / ".cache" / "npm"
    lock = (TOOLS / "package-lock.json").read_bytes()
    stamp = folder / "installed.json"
    if not stamp.is_file() or stamp.read_bytes() != lock:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(TOOLS / name, folder / name)
        command = [tool("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        if subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode:
            missing("what npm installs (is there a network?)")
        stamp.write_bytes(lock)
    return folder / "node_modules"


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory, npm: Path) -> Path:
    """A package of clients, healthy and hostile, in each language: LANGUAGE/MODULE."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "node_modules").symlink_to(npm)
    models = [*map(zoo_model, loadable()), hostile_model(), large_model()]
    for language in ("js", "ts"):
        write(models, language, folder / language)
    for number, name in enumerate(HOSTILE):
        model = replace(zoo_model("linear"), name=name)
        write(model, "js", folder / "js" / f"hostile-{number}")
    shutil.copy(TOOLS / "eslint.config.js", folder)
    (folder / "package.json").write_text('{"type": "module"}', "utf-8")
    for language in ("js", "ts"):
        for name in ("use.ts", "offline.ts"):
            shutil.copy(TOOLS / name, folder / language)
    return folder


@pytest.fixture(scope="session")
def built(generated: Path, npm: Path) -> Path:
    """The TypeScript clients, compiled."""
    folder = generated / "built"
    compile_all(generated / "ts", npm, lib=["ES2022", "DOM"], rootDir=".", outDir=str(folder))
    return folder
