"""Generated Rust: its language's own checks pass, and names stay names."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

import pytest
from tfsclient_gen import LeftOut, Options, generate
from tfsclient_gen.languages.rust import files as rust
from tfsclient_gen.languages.rust.methods import Method, methods
from tfsclient_gen.languages.rust.names import KEYWORDS, module_name
from tfsclient_gen.target import Run

from tests.conftest import ZOO, Zoo, tool
from tests.generator.go.clients import hostile_model, zoo_model
from tests.generator.hostile import HOSTILE
from tests.generator.java.fixtures import odd_models
from tests.generator.matrix.random_models import random_model
from tests.generator.python_models import told
from tests.generator.rust.clients import PROGRAMS, built, cargo, run, write
from tfsclient.dtypes import DType
from tfsclient.errors import InvalidInput
from tfsclient.schema import Model, Signature, TensorSpec

pytestmark = pytest.mark.language("rust")

STRICT = ("--", "-D", "warnings")
TRANSPORTS = ("any", "rest")


def test_two_models_are_built_and_called(zoo: Zoo) -> None:
    models = [zoo_model("half_plus_two"), zoo_model("estimator")]
    program = (PROGRAMS / "live.rs").read_text("utf-8")
    folder = write(models, "two", more={"examples/live_two.rs": program})
    cargo("fmt", "--check", cwd=folder)
    live = built("live_two", folder)
    for target in (zoo.grpc, zoo.rest):
        assert run(live, target, cwd=folder) == "[3.0] of 2, 2\n"


@pytest.mark.slow
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_cargo_accepts_every_model(transport: str) -> None:
    models = [*_loadable(), *odd_models(), *_awkward()]
    folder = write(models, f"all_{transport}", Options(transport))
    cargo("fmt", "--check", cwd=folder)
    features = [[], ["rest"], ["ndarray"], ["rest", "ndarray"]]
    features += [] if transport == "rest" else [["grpc"], ["grpc", "rest"], ["grpc", "ndarray"]]
    for chosen in features:
        given = ("--no-default-features", "--features", ",".join(chosen))
        cargo("clippy", "-q", *given, *STRICT, cwd=folder)
    cargo("clippy", "-q", "--all-features", "--all-targets", *STRICT, cwd=folder)
    strict = {"RUSTDOCFLAGS": "-D warnings"}
    cargo("doc", "-q", "--no-deps", "--all-features", cwd=folder, env=strict)
    if transport == "any":
        cargo("test", "-q", cwd=folder)


def _loadable() -> list[Model]:
    models = []
    for path in sorted(ZOO.iterdir()):
        with suppress(InvalidInput):  # two of them are broken on purpose
            models.append(zoo_model(path.name))
    return models


# What clippy looks for, what Rust reserves, and what could run or link in docs.
AWKWARD = """
    new default clone drop next from into from_image to_text is_ok as_ref add sub mul div neg not
    hash eq cmp len deref borrow fmt self crate super Self type async gen Url HTTPServer a1 a_1 A1
    x_ __x__
    tfs Client Fake MODEL signatures input tensors String Vec Option Result Some Ok Cow Future
""".split()
MARKUP = """
    ```|fn main() { panic!() }|# Panics|[`Vec`]|[x]: http://x|<b>|http://example.com|\\|a~~b~~|*b*|
    1. x|    - [ ] x|| a | b ||{{}}|{:?}|${x}|&amp;|==|[^1]
""".strip().split("|")


def _awkward() -> list[Model]:
    words = [*AWKWARD, *sorted(KEYWORDS)]
    named = [_model(n, ["type"], ["x"]) for n in ("tfs", "std", "type", "Self", "f32")]
    marked = replace(_model("marked", MARKUP, MARKUP), description="\n\n".join(MARKUP))
    return [
        _model("words", words, ["type"]),
        _model("fields", ["x"], words),
        marked,
        told(),
        *named,
    ]


def _model(name: str, signatures: Sequence[str], tensors: Sequence[str]) -> Model:
    spec = {n: TensorSpec(n, DType("float32"), (-1,)) for n in tensors}
    return Model(name, None, {n: Signature(n, spec, spec) for n in signatures})


@pytest.mark.parametrize(
    ("count", "step"), [(20, 9), pytest.param(500, 1, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_rustfmt_changes_nothing(count: int, step: int, tmp_path: Path) -> None:
    models = [random_model(Random(seed), 5) for seed in range(count)]
    models += [_long_names(length) for length in range(1, 100, step)]
    paths = []
    for i, model in enumerate([*models, *_awkward()]):
        paths.append(tmp_path / f"m{i}.rs")
        text = generate(model, "rust")[f"src/{module_name(model.name)}.rs"]
        paths[-1].write_text(text, "utf-8")
    command: list[str | Path] = [
        tool("rustfmt"),
        "--check",
        "--edition",
        "2021",
        "--color",
        "never",
        *paths,
    ]
    done = subprocess.run(command, check=False, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout[:3000] + done.stderr[:3000]


def _long_names(length: int) -> Model:
    """A model whose names have this length, and whose shapes have as many dimensions."""
    name = ("name_" * 20)[:length]
    spec = {name: TensorSpec(name, DType("float32"), [-1] * length)}
    wide = {name: TensorSpec(name, DType("float32"), [1 << 40] * (length // 10))}
    specs = {**spec, f"{name}x": TensorSpec(f"{name}x", DType("string"), None)}
    signatures = [
        Signature(name, spec, specs),
        Signature(f"{name}y", specs, wide, defaults=frozenset(specs)),
    ]
    return Model(name, None, {s.name: s for s in signatures})


@pytest.mark.slow
@pytest.mark.parametrize("name", ["awkward", "hostile"])
def test_names_reach_the_wire_unchanged(name: str) -> None:
    model = hostile_model(name) if name == "hostile" else zoo_model(name)
    found = methods(replace(model, signatures=model.usable()), rest_only=False)
    program = (PROGRAMS / "names.rs.in").read_text("utf-8")
    program = program.replace(
        "CALLS", "".join(f"    call{i}(&client).await?;\n" for i in range(len(found)))
    )
    bodies = "\n".join(_call(f"call{i}", m, str(module_name(name))) for i, m in enumerate(found))
    program = program.replace("BODIES", bodies).replace("MODULE", str(module_name(name)))
    example = f"names_{name}"
    folder = write(model, f"{name}_names", more={f"examples/{example}.rs": program})
    with _answering([_answer(m) for m in found]) as (target, sent):
        shown = run(built(example, folder), target, cwd=folder)
    for m, body, got in zip(found, sent, shown.split("\n")[:-1], strict=True):
        assert body["signature_name"] == m.name.wire
        if m.kind == "classify":
            assert m.features is not None
            assert body["examples"] == [{f.name.wire: [i] for i, f in enumerate(m.features)}]
        else:
            assert body["inputs"] == {t.name.wire: [i] for i, t in enumerate(m.inputs)}
            assert json.loads(got) == list(range(len(m.outputs)))


def _call(name: str, m: Method, module: str) -> str:
    """A function that calls a method with a number in each place, and prints the answer's."""
    given = f"{module}::{m.type}Input"
    if m.kind == "classify":
        each = "".join(
            f"{f.name.ident}: Some(vec![{i} as f32]), " for i, f in enumerate(m.features or ())
        )
        given += f" {{ examples: vec![{module}::{m.examples} {{ {each}}}], context: None }}"
        shown = "Vec::<f32>::new()"
    else:
        values = [f"Tensor::from_vec(vec![{i} as f32])" for i in range(len(m.inputs))]
        values = [f"Some({v})" if t.optional else v for t, v in zip(m.inputs, values, strict=True)]
        each = "".join(f"{t.name.ident}: {v}, " for t, v in zip(m.inputs, values, strict=True))
        given += f" {{ {each}}}"
        shown = ", ".join(f"output.{t.name.ident}.data()[0]" for t in m.outputs)
        shown = f"[{shown}]"
    output = "output" if m.kind != "classify" else "_output"
    return (
        f"async fn {name}(client: &Client) -> Result<(), Error> {{\n"
        f"    let {output} = client.{m.name.ident}({given}).await?;\n"
        f'    println!("{{:?}}", {shown});\n    Ok(())\n}}\n'
    )


def _answer(m: Method) -> str:
    if m.kind == "classify":
        return '{"results": [[]]}'
    outputs = {t.name.wire: [float(i)] for i, t in enumerate(m.outputs)}
    return json.dumps({"outputs": outputs if len(outputs) > 1 else [0.0]})


@contextmanager
def _answering(answers: Sequence[str]) -> Iterator[tuple[str, list[Any]]]:
    """A server that gives these answers in turn, and the bodies that it was sent."""
    waiting, sent = iter(answers), []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            sent.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            answer = next(waiting).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_args: object) -> None:
            pass

    with ThreadingHTTPServer(("localhost", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://localhost:{server.server_port}", sent
        finally:
            server.shutdown()
            thread.join()


def test_options_say_how_the_crate_is_called() -> None:
    files = generate(zoo_model("half_plus_two"), "rust", Options(rust_crate="acme-models"))
    assert 'name = "acme-models"' in files["Cargo.toml"]
    assert "//! use acme_models::half_plus_two::{" in files["src/half_plus_two.rs"]
    for name in ("a b", "A", "1a", "a--b", "std", "crate", "tonic", "aux", 'a"', "-a", "f32"):
        with pytest.raises(InvalidInput, match="is not the name of a Rust crate"):
            generate(zoo_model("half_plus_two"), "rust", Options(rust_crate=name))


def test_rest_alone_needs_no_grpc() -> None:
    files = generate(zoo_model("half_plus_two"), "rust", Options("rest"))
    assert not [path for path, text in files.items() if "tonic" in text or "grpc" in path]


def test_names_are_of_their_own() -> None:
    names = {w: str(module_name(w)) for w in [*HOSTILE, "tfs", "aux", "Std", "type"]}
    assert (names["tfs"], names["aux"], names["class"]) == ("tfs_model", "aux_model", "class")
    assert (names["Std"], names["type"]) == ("std_model", "type_model")
    spec = {n: TensorSpec(n, DType("float32"), (-1,)) for n in ("version", "self", "type", "Type")}
    wires = ["open", "Run", "run", "r_un", "type", "self", "clone"]
    model = Model("m", None, {n: Signature(n, spec, spec) for n in wires})
    found = methods(model, rest_only=False)
    assert len({m.name.type for m in found}) == len(wires)
    idents = {m.name.wire: str(m.name.ident) for m in found}
    assert (idents["type"], idents["run"], idents["self"]) == ("r#type", "run", "self_2")
    assert not set(idents.values()) & {"open", "clone"}
    outputs = {t.name.wire: str(t.name.ident) for t in found[0].outputs}
    assert outputs == {"version": "version_", "self": "self_", "type": "r#type", "Type": "type_"}


def test_docs_hold_nothing_but_text() -> None:
    (model,) = (m for m in _awkward() if m.name == "marked")
    docs = re.findall(r"^ *//[/!] (.*)$", generate(model, "rust")["src/marked.rs"], re.MULTILINE)
    fences = [line for line in docs if re.match("```[^`]*$", line)]
    assert fences == ["```no_run", "```", "```", "```"]


def test_outputs_with_labels_name_their_classes() -> None:
    text = generate(told(), "rust")["src/told.rs"]
    assert text.count("pub fn top_top(&self, k: usize)") == 2
    assert "        tfs::top(&self.top, LABELS, k)\n" in text
    assert "top_list" not in text  # its scores are integers


def test_what_is_left_out_is_told() -> None:
    gone = [LeftOut("```\nfn x", "input 'x' is a resource")]
    readme = rust.shared([Run(zoo_model("half_plus_two"), left_out=gone)])["README.md"]
    assert "- ```` ```\\nfn x ````: input 'x' is a resource\n" in readme


def test_no_file_of_the_runtime_is_long() -> None:
    for path, text in generate(zoo_model("half_plus_two"), "rust").items():
        if "/tfs/" in path:
            assert text.count("\n") <= 350, path


def test_the_version_plays_no_part() -> None:
    model = zoo_model("half_plus_two")
    assert generate(model, "rust") == generate(replace(model, version=7), "rust")
