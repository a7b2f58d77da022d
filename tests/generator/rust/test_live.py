"""Generated Rust on real servers."""

from __future__ import annotations

import base64
import re

import pytest
from tfsclient_gen import Options, generate

from tests.conftest import Zoo
from tests.generator.go.clients import zoo_model
from tests.generator.rust.clients import built, cargo, crate, run
from tfsclient._inputs.samples import PNG_BASE64

pytestmark = [pytest.mark.language("rust"), pytest.mark.slow]


@pytest.mark.parametrize("transport", ["any", "rest"])
@pytest.mark.parametrize("model", ["half_plus_two", "raw_png", "estimator", "feature_spec_tf2"])
def test_the_readme_runs_as_it_stands(zoo: Zoo, model: str, transport: str) -> None:
    name = f"readme_{model}_{transport}"
    files = generate(zoo_model(model), "rust", Options(transport, rust_crate=name))
    program = files["README.md"].split("```rust\n")[1].split("```")[0]
    for target, real in (("localhost:8500", zoo.grpc), ("http://localhost:8501", zoo.rest)):
        program = program.replace(f'"{target}"', f'"{real}"')
    folder = crate(name, files | {f"examples/{name}.rs": program})
    (folder / "image.png").write_bytes(base64.b64decode(PNG_BASE64))
    cargo("fmt", "--check", cwd=folder)
    shown = run(built(name, folder), cwd=folder)
    assert re.search(r"^(\w+: Tensor \{|\[|\d\.)", shown)


def test_the_lowest_versions_of_dependencies_build() -> None:
    files = generate(zoo_model("half_plus_two"), "rust", Options(rust_crate="lowest"))
    folder = crate("lowest", files)
    unstable = {"RUSTC_BOOTSTRAP": "1"}
    cargo("update", "-q", "-Z", "direct-minimal-versions", cwd=folder, env=unstable)
    cargo("check", "-q", "--all-features", cwd=folder)
