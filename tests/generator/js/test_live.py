"""Generated JavaScript and TypeScript on real servers: their models, versions and READMEs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import Zoo, tool
from tests.generator.js.clients import LANGUAGES, SAMPLES, run, write, zoo_model
from tests.generator.js.live import on_both
from tfsclient.dtypes import DType

pytestmark = pytest.mark.language("js")
pytest_plugins = ["tests.generator.js.fixtures"]


def test_errors_and_versions_on_a_real_server(generated: Path, zoo: Zoo) -> None:
    results = []
    for options in ("{ version: 1 }", '{ label: "canary" }', "{ version: 9 }", '{ model: "a/b?" }'):
        calls = ["servingDefault({ x: [[2]] })"]
        results += on_both(generated / "js", zoo, "half_plus_two", calls, options)
    assert [result["y"]["data"] for result in results[:2]] == [[3], [4]]
    assert [(error["name"], error["code"]) for error in results[2:]] == [
        ("ServingError", "NOT_FOUND"),
        ("ServingError", "NOT_FOUND"),
    ]


def test_a_model_that_changed_is_noticed(generated: Path, zoo: Zoo) -> None:
    model = zoo_model("half_plus_two")
    default = model.signatures["serving_default"]
    changed = replace(
        default,
        inputs={"x": replace(default.inputs["x"], dtype=DType("int64"))},
        outputs={
            "y": replace(default.outputs["y"], shape=(-1, 2)),
            "z": replace(default.outputs["y"], name="z", shape=None),
        },
    )
    signatures = {"serving_default": changed, "gone": replace(default, name="gone")}
    write(replace(model, signatures=signatures), "js", generated / "js" / "changed")
    call = ["servingDefault({ x: [[2]] })"] * 2
    folder = generated / "js" / "changed"
    (error, _) = on_both(folder, zoo, "half_plus_two", call, "{ verify: true }")
    assert error["code"] == "FAILED_PRECONDITION"
    assert error["details"].split(": ", 1)[1] == (
        'signature "gone" is missing; '
        'signature "serving_default": input "x" is float32 [-1, 1], not int64 [-1, 1]; '
        'signature "serving_default": output "y" is float32 [-1, 1], not float32 [-1, 2]; '
        'signature "serving_default": output "z" is missing; generate the client again'
    )


@pytest.mark.parametrize("model", SAMPLES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_readme_runs_as_it_stands(
    built: Path, npm: Path, zoo: Zoo, language: str, model: str, tmp_path: Path
) -> None:
    modules = tmp_path / "node_modules"
    package = write(zoo_model(model), language, modules / f"{model.replace('_', '-')}-client")
    if language == "ts":
        (package / "dist").symlink_to(built)
    (modules / "@grpc").symlink_to(npm / "@grpc")
    readme = (package / "README.md").read_text("utf-8")
    for part in readme.split(f"```{language}\n")[1:]:
        program = part.split("```")[0].replace("localhost:8500", zoo.grpc)
        example = tmp_path / "example.mjs"
        example.write_text(program.replace("http://localhost:8501", zoo.rest), "utf-8")
        run(tool("node"), example, cwd=tmp_path)
