"""Code that the page shows: it runs beside the client that the page gives as an archive."""

from __future__ import annotations

import io
import json
import os
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import tool
from tests.generator.java.clients import BRIEF, compiled
from tests.generator.js.fixtures import npm
from tests.ui.conftest import Api

__all__ = ["npm"]


def as_json(value: object) -> dict[str, Any]:
    return {"mode": "json", "text": json.dumps(value)}


ROW = {"a": "x", "b": "0.5"}
# Of everything that is written differently: dtypes, ranks, strings, bytes, Examples, versions.
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "numbers": ("half_plus_two", {"x": as_json([[1.0], ["NaN"]])}, {"version": 1}),
    "many": ("half_plus_two", {"x": {"mode": "fill", "with": "random", "sizes": [5000, 1]}}, {}),
    "strings": (
        "strings",
        {"b": {"mode": "text", "text": 'a"\\\n\u202e${x}`'}},
        {"signature": "test_assign"},
    ),
    "bytes": (
        "strings",
        {"b": {"mode": "file", "files": [{"name": "a.bin", "b64": "/wD+"}]}},
        {"signature": "test_assign"},
    ),
    "examples": ("estimator", {"inputs": {"mode": "features", "rows": [ROW, ROW]}}, {}),
    "serialized": (
        "estimator", {"examples": {"mode": "features", "rows": [ROW]}}, {"signature": "predict"},
    ),
}  # fmt: skip


def dtypes(api: Api) -> dict[str, tuple[str, dict[str, Any], dict[str, Any]]]:
    """A case for each signature of the model that has all dtypes."""
    described = api.post("model", {"model": "dtypes"}).json()["signatures"]
    return {
        one["name"]: (
            "dtypes",
            {i["name"]: {"mode": "json", "text": i["json"]} for i in one["inputs"]},
            {"signature": one["name"]},
        )
        for one in described
        if not one["unusable"]
    }


def cases(api: Api) -> dict[str, tuple[str, dict[str, Any], dict[str, Any]]]:
    return {**CASES, **dtypes(api)}


def text(api: Api, case: tuple[str, dict[str, Any], dict[str, Any]], language: str) -> str:
    model, inputs, more = case
    told = api.post("code", {**api.form(model, inputs, **more), "language": language})
    assert told.status_code == 200, (case, told.text)
    written: str = told.json()["text"]
    return written


def unpack(api: Api, model: str, language: str, folder: Path) -> None:
    packed = api.post("zip", {"model": model, "language": language})
    assert packed.status_code == 200, packed.text
    zipfile.ZipFile(io.BytesIO(packed.content)).extractall(folder)


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False,
        env={**os.environ, "GOWORK": "off"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_python(api: Api) -> None:
    for name, case in cases(api).items():
        ran: dict[str, Any] = {}
        exec(text(api, case, "python"), ran)
        assert len(ran["out"]), name


@pytest.mark.slow
@pytest.mark.language("js")
def test_javascript_and_typescript(api: Api, npm: Path, tmp_path: Path) -> None:
    modules = tmp_path / "node_modules"
    for model in ("half_plus_two", "strings", "estimator", "dtypes"):
        package = f"{model.replace('_', '-')}-client"
        unpack(api, model, "js", modules / package)
        unpack(api, model, "ts", tmp_path / "ts" / package)
    for one in npm.iterdir():
        if not (modules / one.name).exists():
            (modules / one.name).symlink_to(one)
    for folder in (tmp_path / "ts").iterdir():
        run(npm / ".bin" / "tsc", "--project", folder, cwd=tmp_path)
    for name, case in cases(api).items():
        if name == "bytes":
            continue  # its answer is no text, which the client says with what to do
        program = text(api, case, "js").replace("localhost:8501", "unused")
        (tmp_path / "main.mjs").write_text(program, "utf-8")
        assert run(tool("node"), "main.mjs", cwd=tmp_path), name


@pytest.mark.slow
@pytest.mark.language("go")
def test_go(api: Api, tmp_path: Path) -> None:
    models = ("half_plus_two", "strings", "estimator", "dtypes")
    for model in models:
        unpack(api, model, "go", tmp_path / model)
    found = cases(api)
    for number, case in enumerate(found.values()):
        place = tmp_path / case[0] / "cmd" / f"call{number}"
        place.mkdir(parents=True)
        (place / "main.go").write_text(text(api, case, "go"), "utf-8")
    for model in models:
        (tmp_path / "built" / model).mkdir(parents=True)
        run(
            tool("go"), "build", "-o", tmp_path / "built" / model, "./cmd/...", cwd=tmp_path / model
        )
        for program in sorted((tmp_path / "built" / model).iterdir()):
            assert run(program, cwd=tmp_path)


@pytest.mark.slow
@pytest.mark.language("java")
def test_java(api: Api, tmp_path: Path) -> None:
    paths = {}
    for model in ("half_plus_two", "strings", "estimator", "dtypes"):
        unpack(api, model, "java", tmp_path / model)
        paths[model] = compiled(tmp_path / model)
    program = tmp_path / "Main.java"
    for name, case in cases(api).items():
        program.write_text(text(api, case, "java"), "utf-8")
        assert run(tool("java"), *BRIEF, "-cp", paths[case[0]], program, cwd=tmp_path), name
