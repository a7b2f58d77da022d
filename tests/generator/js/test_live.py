"""Generated JavaScript and TypeScript on real servers: it gives what the library gives."""

from __future__ import annotations

import functools
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tfsclient_gen.languages.js.methods import methods as js_methods

from tests.conftest import ZOO, Zoo, tool
from tests.generator.js.clients import (
    LANGUAGES,
    SAMPLES,
    array,
    assert_same,
    node,
    plain,
    run,
    write,
    zoo_model,
)
from tfsclient import Client
from tfsclient._inputs.example import serialize
from tfsclient.dtypes import DType
from tfsclient.testing import FakeServer, serve

pytestmark = pytest.mark.language("js")
pytest_plugins = ["tests.generator.js.fixtures"]


def on_both(folder: Path, zoo: Zoo, model: str, calls: list[str], options: str = "{}") -> list[Any]:
    """What calls of a client, as JavaScript, give over REST; over gRPC they must give the same."""
    program = f"""
    const {{ connect }} = await import(`${{process.cwd()}}/grpc.js`);
    const {{ ServingError, ...clients }} = await import(`${{process.cwd()}}/{model}.js`);
    const connection = connect(given.grpc);
    for (const server of [given.rest, connection]) {{
      const [Client] = Object.values(clients);
      const client = new Client(server, {options});
      {"".join(f"await showCall(async () => client.{call});" for call in calls)}
    }}
    connection.close();
    """
    shown = node(program, folder, {"rest": zoo.rest, "grpc": zoo.grpc})
    rest, grpc = shown[: len(calls)], shown[len(calls) :]
    for result in rest:
        if "httpStatus" in result:
            del result["httpStatus"]
    assert rest == grpc
    return rest


EXAMPLES: dict[str, list[dict[str, Any]]] = {
    "half_plus_two": [{"x": [1.0]}, {"x": [2.5], "x2": [-1.0]}],
    "estimator": [{"a": ["abc"], "b": [1.0]}, {"a": [b"\xff"], "b": [float("-inf")]}],
    "predict_images": [{"x": [1.0] * 784}],
    "feature_spec": [
        {"f_required": [1.0]},
        {"f_required": [2.0], "f_default": [3.0], "f_seq": [1.0, 2.0], "i_fixed": [1, 2, 1 << 62],
         "i_ragged": [5], "s_fixed": ["é"], "s_var": ["a", b"b"]},
    ],
}  # fmt: skip


def written(value: Any) -> str:
    """A value as JavaScript."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {written(v)}" for key, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, bytes):
        return f"Uint8Array.from({list(value)})"
    if isinstance(value, int):
        return f"{value}n"
    return {float("-inf"): "-Infinity"}.get(value) or json.dumps(value)


@pytest.mark.parametrize("model", EXAMPLES)
def test_examples_give_what_the_library_gives(generated: Path, zoo: Zoo, model: str) -> None:
    schema = zoo_model(model)
    calls, wanted = [], []
    with Client(zoo.grpc) as client:
        for method in js_methods(replace(schema, signatures=schema.usable())):
            signature = schema.signatures[method.name.wire]
            if method.features is None:
                continue
            examples = EXAMPLES[model]
            idents = {f.name.wire: f.name.ident for f in method.features}
            renamed = [{idents[k]: v for k, v in example.items()} for example in examples]
            if method.kind == "predict":
                answer: Any = client.predict(
                    model, [serialize(e) for e in examples], signature=signature.name
                )
                calls.append(f"{method.name.ident}({{ examples: {written(renamed)} }})")
            else:
                call = client.classify if method.kind == "classify" else client.regress
                answer = call(model, examples, signature=signature.name)
                calls.append(f"{method.name.ident}({{ examples: {written(renamed)} }})")
            wanted.append((signature, answer))
    for came, (signature, answer) in zip(
        on_both(generated / "js", zoo, model, calls, "{ verify: true }"), wanted, strict=True
    ):
        if signature.kind == "predict":
            assert_same(came, answer, signature)
        elif signature.kind == "regress":
            np.testing.assert_array_equal(np.array(plain(came), np.float32), answer)
        else:
            classes = [
                [(one["label"], float(one["score"])) for one in each] for each in plain(came)
            ]
            assert classes == answer


def test_a_context_is_shared(generated: Path, zoo: Zoo) -> None:
    calls = [
        "regressXToY2({ examples: [{ x: 1, x2: 5 }, { x: 1 }], context: { x2: 7 } })",
        "regressXToY({ examples: [{}, { x: 1 }], context: { x: 3 } })",
    ]
    with Client(zoo.grpc) as client:
        wanted = [
            client.regress("half_plus_two", examples, context, signature=signature).tolist()
            for signature, examples, context in (
                ("regress_x_to_y2", [{"x": 1.0, "x2": 5.0}, {"x": 1.0}], {"x2": 7.0}),
                ("regress_x_to_y", [{}, {"x": 1.0}], {"x": 3.0}),
            )
        ]
    assert on_both(generated / "js", zoo, "half_plus_two", calls) == wanted


def test_examples_without_known_features(generated: Path, zoo: Zoo) -> None:
    model = zoo_model("half_plus_two")
    blind = {n: replace(s, features=None, example_input=None) for n, s in model.signatures.items()}
    write(replace(model, signatures=blind), "js", generated / "js" / "blind")
    calls = [
        "regressXToY({ examples: [{ x: 1 }, { x: [2.5] }] })",
        "regressXToY({ examples: [{ x: new Float32Array([3]) }] })",
        "regressXToY({ examples: [{ x: 1n }] })",
        "regressXToY({ examples: [{ x: [] }] })",
        "regressXToY({ examples: [{ x: [1, 1n] }] })",
    ]
    *right, integer, empty, mixed = on_both(generated / "js" / "blind", zoo, "half_plus_two", calls)
    assert right == [[3.5, 4.25], [4.5]]
    assert {error["code"] for error in (integer, empty, mixed)} == {"INVALID_ARGUMENT"}
    assert "example 0: feature x is empty" in empty["details"]
    assert "holds 1n as a float32" in mixed["details"]


def test_it_gives_what_the_library_gives(generated: Path, zoo: Zoo) -> None:
    call = """rest({
      bool: [true, false],
      float32: [NaN, -0],
      float64: new Float64Array([0.1, -Infinity]),
      int8: [-128, 127],
      int16: [-32768, 32767],
      int32: new Int32Array([-2147483648, 2147483647]),
      int64: [2n ** 63n - 1n, -5],
      string: ["é\\\\0", new Uint8Array([104, 105])],
      uint8: { data: [0, 255], shape: [2] },
      uint32: [0, 4294967295],
      uint64: [18446744073709551615n, 0],
    })"""
    (came,) = on_both(generated / "js", zoo, "dtypes", [call], "{ verify: true }")
    wanted = {
        "bool": np.array([True, False]),
        "float32": np.array([np.nan, -0.0], np.float32),
        "float64": np.array([0.1, -np.inf]),
        "int8": np.array([-128, 127], np.int8),
        "int16": np.array([-32768, 32767], np.int16),
        "int32": np.array([-(1 << 31), (1 << 31) - 1], np.int32),
        "int64": np.array([(1 << 63) - 1, -5]),
        "string": np.array(["é\\0".encode(), b"hi"], object),
        "uint8": np.array([0, 255], np.uint8),
        "uint32": np.array([0, (1 << 32) - 1], np.uint32),
        "uint64": np.array([(1 << 64) - 1, 0], np.uint64),
    }
    assert_same(came, wanted, zoo_model("dtypes").signatures["rest"])
    assert np.signbit(array(came["float32"], DType("float32"))[1])


def test_strings_may_be_bytes(generated: Path, zoo: Zoo) -> None:
    given = "{ x: [Uint8Array.of(255, 0), Uint8Array.of(195, 169)] }"
    calls = [f'idString({given}, {{ strings: "bytes" }})', f"idString({given})"]
    came, error = on_both(generated / "js", zoo, "dtypes", calls)
    assert plain(came["y"]["data"]) == [b"\xff\0", "é".encode()]
    assert error["code"] == "FAILED_PRECONDITION"
    assert 'strings: "bytes"' in error["details"]


def over_grpc(folder: Path, zoo: Zoo, model: str, calls: list[str]) -> list[Any]:
    """What calls of a client give over gRPC, and then, over REST, as errors."""
    program = f"""
    const {{ connect }} = await import(`${{process.cwd()}}/grpc.js`);
    const {{ ServingError, ...clients }} = await import(`${{process.cwd()}}/{model}.js`);
    const connection = connect(given.grpc);
    const [Client] = Object.values(clients);
    for (const server of [connection, given.rest]) {{
      const client = new Client(server, {{ verify: server === connection }});
      {"".join(f"await showCall(async () => client.{call});" for call in calls)}
    }}
    connection.close();
    """
    shown = node(program, folder, {"rest": zoo.rest, "grpc": zoo.grpc})
    grpc, rest = shown[: len(calls)], shown[len(calls) :]
    assert [error.get("code") for error in rest] == ["UNIMPLEMENTED"] * len(calls), rest
    assert all("over REST" in error["details"] for error in rest)
    return grpc


def test_what_only_grpc_carries_gives_what_the_library_gives(generated: Path, zoo: Zoo) -> None:
    import ml_dtypes

    given: dict[str, tuple[str, Any]] = {
        "float16": ("[1.5, 65504, 0.1, -Infinity]", np.array([1.5, 65504, 0.1, -np.inf], "e")),
        "bfloat16": (
            "new Float32Array([1.5, 3e38])", np.array([1.5, 3e38], np.float32).astype(
                ml_dtypes.bfloat16
            ),
        ),
        "uint16": ("[65535, 0n]", np.array([65535, 0], np.uint16)),
        "complex64": ("[[1, -2], [0.5, 0]]", np.array([1 - 2j, 0.5], np.complex64)),
        "complex128": (
            "{ data: new Float64Array([0.1, 2, 3, 4]), shape: [2] }", np.array([0.1 + 2j, 3 + 4j])
        ),
        "float8_e5m2": ("[60]", np.array([1], ml_dtypes.float8_e5m2)),
    }  # fmt: skip
    schema = zoo_model("dtypes")
    names = {m.name.wire: m.name.ident for m in js_methods(schema)}
    calls = [f"{names[f'id_{dtype}']}({{ x: {text} }})" for dtype, (text, _) in given.items()]
    came = over_grpc(generated / "js", zoo, "dtypes", calls)
    for result, (dtype, (_, value)) in zip(came, given.items(), strict=True):
        assert_same(result, {"y": value}, schema.signatures[f"id_{dtype}"])


def test_defaults_are_the_models_over_grpc(generated: Path, zoo: Zoo) -> None:
    calls = ["servingDefault({ x: [1] })", "every()", "every({})"]
    with Client(zoo.grpc) as client:
        wanted = [
            client.predict("defaults", inputs, signature=signature)
            for signature, inputs in (
                ("serving_default", {"x": np.array([1], np.float32)}), ("every", {}), ("every", {}),
            )
        ]  # fmt: skip
    schema = zoo_model("defaults").signatures
    came = over_grpc(generated / "js", zoo, "defaults", calls)
    for result, answer, name in zip(
        came, wanted, ("serving_default", "every", "every"), strict=True
    ):
        assert_same(result, dict(answer), schema[name])
    (none,) = over_grpc(generated / "js", zoo, "ranks", ["noInputs()"])
    assert "code" not in none


def test_a_connection_serves_clients_of_other_packages(generated: Path, zoo: Zoo) -> None:
    for name in ("one", "other"):
        write(zoo_model("half_plus_two"), "js", generated / "js" / f"package-{name}")
    program = """
    const { connect } = await import(`${process.cwd()}/package-one/grpc.js`);
    const one = await import(`${process.cwd()}/package-one/index.js`);
    const other = await import(`${process.cwd()}/package-other/index.js`);
    if (one.ServingError === other.ServingError) throw "one copy";
    const connection = connect(given);
    const input = { x: [[2]] };
    for (const options of [{}, { model: "gone" }]) {
      const client = new other.HalfPlusTwoClient(connection, options);
      await showCall(() => client.servingDefault(input));
    }
    const nobody = new other.HalfPlusTwoClient(connect("127.0.0.1:1"));
    const start = performance.now();
    const error = await nobody.servingDefault(input).catch((error) => error);
    show([error.code, performance.now() - start > 100]); // it was sent again
    show([error instanceof one.ServingError, error instanceof other.ServingError]);
    connection.close();
    """
    result, gone, down, kinds = node(program, generated / "js", zoo.grpc)
    assert result["y"]["data"] == [4]
    assert gone["code"] == "NOT_FOUND"
    assert down == ["UNAVAILABLE", True]
    assert kinds == [True, True]


def test_calls_take_turns_over_servers(generated: Path) -> None:
    program = """
    const { connect } = await import(`${process.cwd()}/grpc.js`);
    const { HalfPlusTwoClient } = await import(`${process.cwd()}/half_plus_two.js`);
    for (const target of given) {
      const connection = connect(target);
      const client = new HalfPlusTwoClient(connection, { retries: 0 });
      // gRPC does not wait until all are connected.
      await client.servingDefault({ x: [[2]] });
      await new Promise((resolve) => setTimeout(resolve, 200));
      for (let i = 0; i < 20; i++) await client.servingDefault({ x: [[2]] });
      connection.close();
    }
    """
    model = zoo_model("half_plus_two")
    with FakeServer(model) as one, FakeServer(model) as other:
        ports = [server.grpc_target.rsplit(":", 1)[1] for server in (one, other)]
        addresses = [f"127.0.0.1:{port}" for port in ports]
        joined = ",".join(addresses)
        targets = [addresses, [*addresses, "127.0.0.1:1"], joined, f"ipv4:{joined}"]
        node(program, generated / "js", targets)
        counts = [len(server.calls) for server in (one, other)]
    assert min(counts) >= 40
    assert sum(counts) == 84


TARGETS = [
    (None, "must be a string, not null"),
    (["a:1", 5], "must be a string, not 5"),
    ([], "there are no addresses"),
    ("", '"" is not host:port'),
    ("localhost", "is not host:port"),
    ("a:1, b:1", "has spaces around an address"),
    (" a:1", "has spaces around an address"),
    ("a:1,b", "is not host:port"),
    ("::1:8500", "is not host:port"),
    (["http://user:pw@h"], '"http://***@h" is a URL, which is for REST'),
    ("kubernetes:///x", 'gRPC has no resolver for "kubernetes:"'),
    (["a:1", "xds:///b"], 'gRPC has no resolver for "xds:"'),
    ("dns://b", 'write "dns:///b"'),
]


def test_targets_that_cannot_work_are_refused_at_once(generated: Path) -> None:
    program = """
    const { connect } = await import(`${process.cwd()}/grpc.js`);
    for (const target of given.refused) await showCall(async () => connect(target));
    for (const target of given.taken) connect(target).close();
    """
    taken = ["a:1", "[::1]:1", "a:1,b:1", "dns:///a", "dns:a:1", "unix:/a b", ["a:1", "dns:///b"]]
    given = {"refused": [target for target, _ in TARGETS], "taken": taken}
    errors = node(program, generated / "js", given)
    for error, (target, text) in zip(errors, TARGETS, strict=True):
        assert (error["name"], error["code"]) == ("ServingError", "INVALID_ARGUMENT"), target
        assert text in error["details"]
        assert "pw" not in error["details"]


@pytest.fixture(scope="module")
def few_threads() -> Iterator[str]:
    """The gRPC target of a server that runs four calls at once."""
    models = {name: ZOO / name for name in ("slow", "half_plus_two")}
    with serve(models, flags=["--grpc_max_threads=4"]) as server:
        yield server.grpc_target


def test_calls_beyond_the_servers_threads_wait(generated: Path, few_threads: str) -> None:
    program = """
    const { connect } = await import(`${process.cwd()}/grpc.js`);
    const { SlowClient } = await import(`${process.cwd()}/slow.js`);
    const { HalfPlusTwoClient } = await import(`${process.cwd()}/half_plus_two.js`);
    for (let round = 0; round < 10; round++) {
      const connection = connect(given);
      const client = new HalfPlusTwoClient(connection, { retries: 0 });
      const calls = Array.from({ length: 64 }, () => client.servingDefault({ x: [[1]] }));
      const ends = await Promise.allSettled(calls);
      show(ends.filter(({ status }) => status === "rejected").map(({ reason }) => reason));
      connection.close();
    }
    const connection = connect(given);
    const client = new SlowClient(connection, { verify: true });
    const all = (count, options) =>
      Promise.all(
        Array.from({ length: count }, () =>
          client.servingDefault({ x: [1] }, options).catch((error) => error),
        ),
      );
    const busy = all(8);
    for (const options of [{ timeoutMs: 90 }, { signal: AbortSignal.timeout(180) }]) {
      const ends = await all(8, options);
      show(ends.filter((end) => end.code));
    }
    await busy;
    connection.close();
    """
    *rounds, late, signalled = node(program, generated / "js", few_threads)
    assert rounds == [[]] * 10
    for errors in (late, signalled):
        assert errors
        assert {error["code"] for error in errors} == {"DEADLINE_EXCEEDED"}
        hinted = [e for e in errors if "--grpc_max_threads" in e["details"]]
        assert hinted
        assert "REST" in hinted[0]["details"]


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


def test_calls_over_grpc_end_as_they_should(generated: Path, zoo: Zoo) -> None:
    program = """
    const { connect } = await import(`${process.cwd()}/grpc.js`);
    const { SlowClient } = await import(`${process.cwd()}/slow.js`);
    const connection = connect(given);
    const predict = (options, more) =>
      showCall(() => new SlowClient(connection, options).servingDefault({ x: [1] }, more));
    await predict({ headers: { "x-a": "b" } });
    await predict({ timeoutMs: 50 });
    await predict({}, { signal: AbortSignal.timeout(50) });
    await predict({ headers: { "x-a!": "b" } });
    connection.close();
    await predict();
    const nobody = connect("localhost:1");
    await showCall(() => new SlowClient(nobody).servingDefault({ x: [1] }));
    for (const target of ["", given, `http://${given}`]) {
      await showCall(async () => connect(target).close());
    }
    """
    first, *others = node(program, generated / "js", zoo.grpc)
    assert first.keys() == {"y"}
    assert [other and (other["name"], other["code"]) for other in others] == [
        ("ServingError", "DEADLINE_EXCEEDED"),
        ("ServingError", "DEADLINE_EXCEEDED"),
        ("ServingError", "INVALID_ARGUMENT"),
        ("ServingError", "CANCELLED"),
        ("ServingError", "UNAVAILABLE"),
        ("ServingError", "INVALID_ARGUMENT"),
        None,
        ("ServingError", "INVALID_ARGUMENT"),
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


@pytest.fixture(scope="session")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a server that lets browsers in."""
    from tfsclient.server.app import Options as ServerOptions
    from tfsclient.server.app import Server
    from tfsclient.server.models.config import read_config

    path = tmp_path_factory.mktemp("open") / "models.config"
    base = json.dumps(str(ZOO / "half_plus_two"))
    path.write_text(
        f'model_config_list {{ config {{ name: "half_plus_two" base_path: {base} '
        'model_platform: "tensorflow" } }'
    )
    options = ServerOptions(rest_api_enable_cors_support=True, file_system_poll_wait_seconds=0)
    with Server(read_config(str(path)), options) as server:
        yield server.rest_target


@pytest.fixture
def site(generated: Path) -> Iterator[str]:
    """The URL of a web server with the JavaScript clients."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    handler = functools.partial(Quiet, directory=str(generated / "js"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_browser_calls_a_real_server(
    generated: Path, open_server: str, site: str, tmp_path: Path
) -> None:
    page = f"""<!DOCTYPE html><pre></pre><script type="module">
    import {{ HalfPlusTwoClient, ServingError }} from "./half_plus_two.js";
    const client = new HalfPlusTwoClient("{open_server}", {{ verify: true }});
    const {{ y }} = await client.servingDefault({{ x: [[2], [NaN]] }});
    const other = new HalfPlusTwoClient("{open_server}", {{ model: "m" }});
    const error = await other.servingDefault({{ x: [[2]] }}).catch((error) => error);
    document.querySelector("pre").textContent = `${{y.data}} ${{error.code}}`;
    </script>"""
    (generated / "js" / "page.html").write_text(page, "utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    flags += ["--disable-background-networking", "--disable-component-update", "--disable-quic"]
    flags += [f"--user-data-dir={tmp_path}", "--virtual-time-budget=20000", "--dump-dom"]
    shown = run(tool("chromium"), *flags, f"{site}/page.html", cwd=tmp_path)
    assert "<pre>4,NaN NOT_FOUND</pre>" in shown
