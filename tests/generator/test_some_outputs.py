"""Signatures with a sparse or ragged output beside dense ones: the dense ones are given, live."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tfsclient_gen import Options
from tfsclient_gen.generate import make

from tests.conftest import missing, tool
from tests.generator.go import clients as go
from tests.generator.js import clients as js
from tests.generator.python_models import load
from tests.generator.rust import clients as rust
from tfsclient import Unimplemented, sources
from tfsclient.testing import serve

pytest_plugins = ["tests.generator.js.fixtures"]
KINDS = ("sparse", "ragged")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    try:
        import tensorflow as tf
    except ImportError:
        missing("tensorflow")
    made = {
        "sparse": lambda x: _outputs(tf, x, tf.sparse.from_dense(x)),
        "ragged": lambda x: _outputs(tf, x, tf.RaggedTensor.from_tensor(x)),
    }
    folder = tmp_path_factory.mktemp("models")
    for kind, run in made.items():
        module: Any = tf.Module()
        module.run = tf.function(run, input_signature=[tf.TensorSpec([None, 2], tf.float32)])
        tf.saved_model.save(module, str(folder / kind / "1"), signatures=module.run)
    return {kind: folder / kind for kind in KINDS}


def _outputs(tf: Any, x: Any, odd: Any) -> dict[str, Any]:
    return {"odd": odd, "rows": tf.shape(x)[0], "sum": tf.reduce_sum(x, axis=1)}


@pytest.fixture(scope="module")
def targets(folders: dict[str, Path]) -> Iterator[tuple[str, str]]:
    with serve(folders) as server:
        yield server.grpc_target, server.rest_target


def write(folders: dict[str, Path], kind: str, language: str, folder: Path) -> Path:
    (made,) = make([sources.from_saved_model(folders[kind], kind)], language)
    assert [gone.signature for gone in made.left_out[kind]] == ["__saved_model_init_op"]
    assert f"output 'odd' is a {'SparseTensor' if kind == 'sparse' else 'composite'}" in str(
        made.notes
    )
    for path, text in made.files().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    return folder


@pytest.mark.language("python")
@pytest.mark.parametrize("kind", KINDS)
def test_python(
    folders: dict[str, Path], targets: tuple[str, str], kind: str, tmp_path: Path
) -> None:
    module = load(write(folders, kind, "python", tmp_path) / f"{kind}.py")
    name = kind.capitalize()
    with getattr(module, name)(targets[0]) as client:
        result = client.serving_default(x=[[1, 2], [3, 4]])
        assert (result.rows, result.sum.tolist()) == (2, [3, 7])
    with getattr(module, name)(targets[1]) as client, pytest.raises(Unimplemented, match="gRPC"):
        client.serving_default(x=[[1, 2]])
    del sys.modules[kind]


GO = """package main

import (
	"context"
	"errors"
	"fmt"

	"models/KIND"
	"models/tfs"
)

func main() {
	for _, target := range []string{GRPC, REST} {
		client, err := KIND.New(target, tfs.WithVerify())
		if err != nil {
			panic(err)
		}
		in := KIND.ServingDefaultInput{X: tfs.NewTensor([]float32{1, 2, 3, 4}, 2, 2)}
		out, err := client.ServingDefault(context.Background(), in)
		var e *tfs.Error
		if errors.As(err, &e) {
			fmt.Println(e.Code, errors.Is(err, tfs.ErrNotSent))
		} else {
			fmt.Println(out.Rows.Data, out.Sum.Data)
		}
	}
}
"""


@pytest.mark.language("go")
@pytest.mark.parametrize("kind", KINDS)
def test_go(folders: dict[str, Path], targets: tuple[str, str], kind: str, tmp_path: Path) -> None:
    write(folders, kind, "go", tmp_path / "models")
    (tmp_path / "main").mkdir()
    (tmp_path / "main" / "go.mod").write_text(f"module main\n\n{go.WORK}", "utf-8")
    program = GO.replace("KIND", kind)
    for name, target in zip(("GRPC", "REST"), targets, strict=True):
        program = program.replace(name, f'"{target}"', 1)
    (tmp_path / "main" / "main.go").write_text(program, "utf-8")
    (tmp_path / "go.work").write_text(f"{go.WORK}\nuse ./main\nuse ./models\n", "utf-8")
    assert go.run(tool("gofmt"), "-l", tmp_path / "models", cwd=tmp_path) == ""
    go.run(tool("go"), "vet", "./models/...", cwd=tmp_path)
    shown = go.run(tool("go"), "run", "./main", cwd=tmp_path)
    assert shown.splitlines() == ["[2] [3 7]", "UNIMPLEMENTED true"]


RUST = """
use models::KIND::{Client, ServingDefaultInput};
use models::tfs::{CallOptions, Error, Tensor};

#[tokio::main]
async fn main() -> Result<(), Error> {
    for target in std::env::args().skip(1) {
        let client = Client::open(&target)?.with(CallOptions::new().verify());
        let x = Tensor::from_rows([[1.0, 2.0], [3.0, 4.0]])?;
        match client.serving_default(ServingDefaultInput { x }).await {
            Ok(output) => println!("{:?} {:?}", output.rows.data(), output.sum.data()),
            Err(error) => println!("{} {}", error.code(), error.is_not_sent()),
        }
    }
    Ok(())
}
"""


@pytest.mark.language("rust")
@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_rust(folders: dict[str, Path], targets: tuple[str, str], kind: str) -> None:
    name, model = f"some_{kind}", sources.from_saved_model(folders[kind], kind)
    program = RUST.replace("KIND", kind)
    folder = rust.write(model, name, more={f"examples/{name}_of.rs": program})
    shown = rust.run(rust.built(f"{name}_of", folder), *targets, cwd=folder)
    assert shown.splitlines() == ["[2] [3.0, 7.0]", "UNIMPLEMENTED true"]


@pytest.mark.language("js")
@pytest.mark.parametrize("language", js.LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_javascript_and_typescript(
    folders: dict[str, Path],
    targets: tuple[str, str],
    kind: str,
    language: str,
    npm: Path,
    tmp_path: Path,
) -> None:
    (tmp_path / "node_modules").symlink_to(npm)
    client = write(folders, kind, language, tmp_path / "client")
    js.run(npm / ".bin" / "prettier", "--check", "*.{ts,js,md}", "package.json", cwd=client)
    if language == "ts":
        js.run(tool("node"), npm / "typescript" / "bin" / "tsc", "--project", client, cwd=client)
        client = client / "dist"
    program = f"""
    const {{ connect }} = await import(given.client + "/grpc.js");
    const {{ {kind.capitalize()}Client: Client }} = await import(given.client + "/index.js");
    const connection = connect(given.grpc);
    for (const server of [connection, given.rest]) {{
      const client = new Client(server, {{ verify: true }});
      await showCall(() => client.servingDefault({{ x: [[1, 2], [3, 4]] }}));
    }}
    connection.close();
    """
    given = {"client": client.as_uri(), "grpc": targets[0], "rest": targets[1]}
    over_grpc, over_rest = js.node(program, tmp_path, given)
    assert over_grpc.keys() == {"rows", "sum"}
    assert over_grpc["sum"]["data"] == [3, 7]
    assert over_rest["code"] == "UNIMPLEMENTED"


@pytest.mark.parametrize("language", ["python", "go", "java", "rust", "js", "ts"])
def test_over_rest_alone_it_is_left_out(folders: dict[str, Path], language: str) -> None:
    model = sources.from_saved_model(folders["sparse"])
    (made,) = make([model], language, Options(transport="rest"))
    _, gone = made.left_out["sparse"]
    assert "not dense" in f"{gone}" or "SparseTensor" in f"{gone}"
