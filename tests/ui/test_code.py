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
    "whole numbers": ("estimator", {"inputs": as_json([{"a": "x", "b": 1}])}, {}),
    "serialized": (
        "estimator", {"examples": {"mode": "features", "rows": [ROW]}}, {"signature": "predict"},
    ),
    "peculiar features": (
        "estimator",
        {"inputs": {"mode": "features", "rows": [{**ROW, "b": b} for b in ("NaN", "-0.0")]}},
        {},
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


FLOATS = "[NaN, Infinity, -Infinity, -0.0]"
COMPLEX = '[["NaN", 1], ["-Infinity", -0.0], [-0.0, "Infinity"], [0, -2]]'
INT64 = "[-9223372036854775808, 9223372036854775807]"
UINT64 = "[18446744073709551615]"
# Numbers of which languages have no plain literal, by the signature that gives them back.
PECULIAR = {
    "id_float16": FLOATS,
    "id_bfloat16": FLOATS,
    "id_float32": FLOATS,
    "id_float64": FLOATS,
    "id_complex64": COMPLEX,
    "id_complex128": COMPLEX,
    "id_int64": INT64,
    "id_uint64": UINT64,
}
# What it looks like when they are printed; halves are their bits in Go and Java.
PRINTED = {
    "python": {
        FLOATS: "[nan, inf, -inf, -0.0]",
        COMPLEX: "[(nan+1j), (-inf-0j), (-0+infj), -2j]",
    },
    "go": {
        "id_float16": "[32256 31744 64512 32768]",
        "id_bfloat16": "[32704 32640 65408 32768]",
        FLOATS: "[NaN +Inf -Inf -0]",
        COMPLEX: "[(NaN+1i) (-Inf-0i) (-0+Infi) (0-2i)]",
        INT64: "[-9223372036854775808 9223372036854775807]",
    },
    "js": {
        FLOATS: "[ NaN, Infinity, -Infinity, -0 ]",
        COMPLEX: "NaN, 1, -Infinity, -0, -0, Infinity, 0, -2",
        INT64: "[ -9223372036854775808n, 9223372036854775807n ]",
        UINT64: "[ 18446744073709551615n ]",
    },
    "java": {
        "id_float16": "[32256, 31744, -1024, -32768]",
        "id_bfloat16": "[32704, 32640, -128, -32768]",
        FLOATS: "[NaN, Infinity, -Infinity, -0.0]",
        COMPLEX: "[NaN, 1.0, -Infinity, -0.0, -0.0, Infinity, 0.0, -2.0]",
        UINT64: "[-1]",
    },
}


def printed(language: str, case: str) -> str:
    name = case.removeprefix("peculiar ") if case in peculiar() else ""
    given = PECULIAR.get(name, "")
    return PRINTED[language].get(name) or PRINTED[language].get(given, given)


def peculiar() -> dict[str, tuple[str, dict[str, Any], dict[str, Any]]]:
    return {
        f"peculiar {name}": ("dtypes", {"x": {"mode": "json", "text": given}}, {"signature": name})
        for name, given in PECULIAR.items()
    }


def cases(api: Api) -> dict[str, tuple[str, dict[str, Any], dict[str, Any]]]:
    return {**CASES, **dtypes(api), **peculiar()}


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


@pytest.mark.parametrize("name", PECULIAR)
def test_peculiar_numbers_are_the_same_in_python(api: Api, name: str) -> None:
    case = peculiar()[f"peculiar {name}"]
    ran: dict[str, Any] = {}
    exec(text(api, case, "python"), ran)
    assert str(ran["out"]["y"].tolist()) == printed("python", f"peculiar {name}")
    model, inputs, more = case
    saved: dict[str, Any] = {}
    exec(api.get(f"calls/{api.call(model, inputs, **more)['id']}/test.py").text, saved)
    saved["test_call"]()


@pytest.mark.parametrize("name", ["whole numbers", "peculiar features"])
def test_features_are_of_the_dtypes_that_the_model_wants(api: Api, name: str) -> None:
    exec(text(api, CASES[name], "python"), {})
    assert "b: 1.0 }" in text(api, CASES["whole numbers"], "js")  # 1n is not for a float


def test_peculiar_numbers_have_their_type_in_go(api: Api) -> None:
    written = {name: text(api, case, "go") for name, case in peculiar().items()}
    zero = "math.Copysign(0, -1)"
    assert f"float32(math.Inf(-1)), float32({zero})}}" in written["peculiar id_float32"]
    assert f"tfs.ToFloat16(float32({zero}))" in written["peculiar id_float16"]
    assert f"math.Inf(-1), {zero}}}" in written["peculiar id_float64"]
    assert f"complex64(complex({zero}, math.Inf(1)))" in written["peculiar id_complex64"]
    assert " complex(0.0, -2.0)}" in written["peculiar id_complex64"]  # a constant has any type
    features = text(api, CASES["peculiar features"], "go")
    assert "[]float32{float32(math.NaN())}" in features


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
        (tmp_path / "main.mjs").write_text(text(api, case, "js"), "utf-8")
        shown = " ".join(run(tool("node"), "main.mjs", cwd=tmp_path).split())
        assert shown
        assert printed("js", name) in shown, name


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
    for number, (name, case) in enumerate(found.items()):
        shown = run(tmp_path / "built" / case[0] / f"call{number}", cwd=tmp_path)
        assert shown
        assert printed("go", name) in shown, name


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
        shown = run(tool("java"), *BRIEF, "-cp", paths[case[0]], program, cwd=tmp_path)
        assert shown
        assert printed("java", name) in shown, name
