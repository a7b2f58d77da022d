"""What openapi-typescript makes of OpenAPI documents: types that compile, and typed calls."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.conftest import Zoo, missing, tool
from tests.generator.js.clients import ROOT, run
from tests.generator.test_curl import LOADABLE, zoo_model
from tests.generator.test_openapi import hostile_model, text_of
from tfsclient.schema import Model

pytestmark = pytest.mark.language("openapi")

TOOLS = Path(__file__).parent / "openapi"
SETTINGS = {
    "strict": True, "exactOptionalPropertyTypes": True, "noUncheckedIndexedAccess": True,
    "verbatimModuleSyntax": True, "target": "es2022", "module": "nodenext",
    "lib": ["es2022", "dom"], "types": [], "outDir": "built",
}  # fmt: skip


@pytest.fixture(scope="module")
def npm() -> Path:
    """The programs that npm brings, installed once for this checkout."""
    folder = ROOT / ".cache" / "npm-openapi"
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


def compile_types(npm: Path, folder: Path, models: Iterable[tuple[str, Model]]) -> None:
    """Make types of each model's document, and compile all that is in the folder."""
    (folder / "node_modules").symlink_to(npm)
    (folder / "package.json").write_text('{"type": "module"}', "utf-8")
    for name, model in models:
        path = folder / f"{name}.json"
        path.write_text(text_of(model), "utf-8")
        run(npm / ".bin" / "openapi-typescript", path, "-o", path.with_suffix(".ts"), cwd=folder)
    config = {"compilerOptions": SETTINGS, "include": ["*.ts"]}
    (folder / "tsconfig.json").write_text(json.dumps(config), "utf-8")
    run(npm / ".bin" / "tsc", "--project", folder, cwd=folder)


def test_calls_are_typed(npm: Path, zoo: Zoo, tmp_path: Path) -> None:
    shutil.copy(TOOLS / "use.ts", tmp_path)
    names = ("half_plus_two", "estimator")
    compile_types(npm, tmp_path, [(name, zoo_model(name)) for name in names])
    shown = run(tool("node"), tmp_path / "built" / "use.js", zoo.rest, cwd=tmp_path)
    assert json.loads(shown) == [[[5], [7]], "string", 1]


@pytest.mark.slow
def test_types_of_the_zoo_compile(npm: Path, tmp_path: Path) -> None:
    models = [(name, zoo_model(name)) for name in LOADABLE]
    compile_types(npm, tmp_path, [*models, ("hostile", hostile_model())])
    for path in tmp_path.glob("*.ts"):
        assert "& Record<string, never>" not in path.read_text("utf-8"), path
