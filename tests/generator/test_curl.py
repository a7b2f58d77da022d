"""Generated curl scripts: shells and linters accept them, and the server accepts what they send."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote

import pytest
from tfsclient_gen import LeftOut, generate
from tfsclient_gen.generate import make
from tfsclient_gen.languages import curl
from tfsclient_gen.target import Run

from tests.conftest import ZOO, Zoo, tool
from tests.generator.hostile import HOSTILE
from tfsclient import sources
from tfsclient.dtypes import DType
from tfsclient.schema import FeatureSpec, Model, Signature, TensorSpec

pytestmark = pytest.mark.language("curl")

LOADABLE = sorted(p.name for p in ZOO.iterdir() if p.name not in ("broken", "wrong_tag"))

# Samples that fit their signatures, but not what the graphs make of them.
REFUSED = {
    ("composite", "serving_default"),  # indices beyond the dense shape
    ("failing", "number"),  # parses the text as a number
    ("failing", "reshape"),  # wants six values
    ("mnist_images", "serving_default"),  # wants base64url inside the string
    ("ranks", "missing_tensor"),  # the signature lies
    ("ranks", "wrong_dtype"),  # the signature lies
    ("signatures_tf2", "ragged"),  # values and row splits that disagree
}

SAYABLE = [name for name in HOSTILE if name and "\0" not in name]  # as an argument of a program


def zoo_model(name: str) -> Model:
    return sources.from_saved_model(ZOO / name, name)


def hostile_model() -> Model:
    """A model whose signatures and tensors have every hostile name there is."""
    specs = {n: TensorSpec(n, DType("float32"), (-1,)) for n in HOSTILE}
    names = [*HOSTILE, "status", "metadata", "--help", "esac"]
    return Model("hostile", None, {n: Signature(n, specs, specs) for n in names})


def script_of(model: Model, folder: Path) -> Path:
    """The model's script, written as the generator writes files."""
    for path, text in generate(model, "curl").items():
        if path.endswith(".sh"):
            script = folder / path
            script.write_text(text, "utf-8", newline="\n")
            script.chmod(0o755)
    return script


def run(
    *command: str | Path, stdin: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    path = {"PATH": f"{Path(tool('curl')).parent}:/usr/bin:/bin"}
    return subprocess.run(
        command,
        input=stdin,
        env=path | environment,
        capture_output=True,
        check=False,
        encoding="utf-8",
        cwd=Path(command[0]).parent,
    )


@dataclass
class Echo:
    """A server that keeps what it is sent and answers ``status``."""

    url: str
    status: int = 200
    location: str = ""
    requests: list[tuple[str, dict[str, str], str]] = field(default_factory=list)


@pytest.fixture
def echo() -> Iterator[Echo]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            kept.requests.append((self.path, dict(self.headers), body))
            self.send_response(kept.status)
            if kept.location:
                self.send_header("Location", kept.location)
            self.end_headers()
            self.wfile.write(b'{"error": "no such model"}')

        do_POST = do_GET  # noqa: N815

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kept = Echo(f"http://127.0.0.1:{server.server_address[1]}")
        Thread(target=server.serve_forever, daemon=True).start()
        yield kept
        server.shutdown()


@pytest.mark.parametrize("name", [*LOADABLE, "hostile"])
def test_shells_and_shellcheck_accept_it(name: str, tmp_path: Path) -> None:
    model = hostile_model() if name == "hostile" else zoo_model(name)
    script = script_of(model, tmp_path)
    subprocess.run([tool("shellcheck"), script], check=True)
    for shell in ("sh", "dash", "bash"):
        subprocess.run([tool(shell), "-n", script], check=True)


def first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object as TF Serving reads one: the first of equal keys counts."""
    return dict(reversed(pairs))


def test_hostile_names_are_data(tmp_path: Path, echo: Echo) -> None:
    model = hostile_model()
    script = script_of(model, tmp_path)
    for name in SAYABLE:
        assert run(script, name, HOSTILE_URL=echo.url).returncode == 0, name
        path, _, text = echo.requests[-1]
        body = json.loads(text, object_pairs_hook=first_wins)
        assert path == "/v1/models/hostile:predict"
        assert body == {"signature_name": name, "inputs": {key: [0.0] for key in HOSTILE}}
    assert [path.name for path in tmp_path.iterdir()] == ["hostile.sh"]


@pytest.mark.parametrize("name", [name for name in HOSTILE if name], ids=ascii)
def test_hostile_models_are_named_in_the_url(name: str, tmp_path: Path, echo: Echo) -> None:
    model = replace(zoo_model("half_plus_two"), name=name)
    script = script_of(model, tmp_path)
    prefix = script.read_text("utf-8").partition("base=${")[2].partition("_URL")[0]
    assert run(script, "status", **{f"{prefix}_URL": echo.url}).returncode == 0
    assert unquote(echo.requests[-1][0]) == f"/v1/models/{name}"
    environment = {f"{prefix}_URL": echo.url, f"{prefix}_MODEL": name, f"{prefix}_LABEL": name}
    if "\0" not in name:
        assert run(script, "metadata", **environment).returncode == 0
        assert unquote(echo.requests[-1][0]) == f"/v1/models/{name}/labels/{name}/metadata"
    assert len(list(tmp_path.iterdir())) == 1


def test_own_bodies_headers_and_versions(tmp_path: Path, echo: Echo) -> None:
    script = script_of(zoo_model("half_plus_two"), tmp_path)
    (tmp_path / "a b.json").write_text(
        ' {"signature_name": "other", "inputs": [[`$x\\n`]]}', "utf-8"
    )
    environment = {"HALF_PLUS_TWO_URL": echo.url, "HALF_PLUS_TWO_VERSION": "3"}
    header = {"HALF_PLUS_TWO_HEADER": "Authorization: Bearer t $x"}
    done = run(script, "serving_default", "@a b.json", **environment, **header)
    assert done.returncode == 0
    path, headers, body = echo.requests[-1]
    assert path == "/v1/models/half_plus_two/versions/3:predict"
    assert headers["Authorization"] == "Bearer t $x"
    rest = '"signature_name": "other", "inputs": [[`$x\\n`]]}\n'
    assert body == '{"signature_name": "serving_default", ' + rest
    run(script, "serving_default", "-", stdin='{"instances": []}', **environment)
    assert json.loads(echo.requests[-1][2])["instances"] == []


def test_exit_codes(tmp_path: Path, echo: Echo) -> None:
    script = script_of(zoo_model("half_plus_two"), tmp_path)
    url = {"HALF_PLUS_TWO_URL": echo.url}
    echo.status = 404
    done = run(script, "serving_default", **url)
    assert (done.returncode, done.stdout) == (22, "")
    assert done.stderr == 'HTTP 404: {"error": "no such model"}\n'
    assert run(script, "status", TFSCLIENT_URL=echo.url).returncode == 22
    done = run(script, "status", HALF_PLUS_TWO_URL="http://127.0.0.1:1", TFSCLIENT_URL=echo.url)
    assert (done.returncode, done.stdout) == (7, "")
    sent = len(echo.requests)
    label = {"HALF_PLUS_TWO_LABEL": "a"}
    assert run(script, "status", HALF_PLUS_TWO_VERSION="1", **label, **url).returncode == 2
    assert run(script, "status", HALF_PLUS_TWO_VERSION="1x", **url).returncode == 2
    assert run(script, "serving_default", "body.json", **url).returncode == 2
    assert run(script, "serving_default", "@missing.json", **url).returncode == 2
    assert run(script, "serving_default", "-", "-", **url).returncode == 2
    assert run(script, "nothing", **url).stderr.startswith("there is no signature nothing: --help")
    assert "usage:" in run(script, **url).stderr
    assert run(script, **url).returncode == 2
    assert run(script, "--help", **url).stdout.startswith("usage:")
    assert len(echo.requests) == sent


def test_a_signature_that_rest_cannot_call_is_refused_with_the_reason(tmp_path: Path) -> None:
    gone = [LeftOut("it's `half`", "input 'x' is float16; use gRPC"), LeftOut("", "no name")]
    files = curl.files(Run(zoo_model("half_plus_two"), left_out=gone))
    script = tmp_path / "half_plus_two.sh"
    script.write_text(files["half_plus_two.sh"], "utf-8")
    done = run(tool("sh"), script, "it's `half`")
    assert done.returncode == 2
    assert done.stderr == "it's `half`: input 'x' is float16; use gRPC\n"


def test_samples_of_any_size_are_made_and_stay_small_in_the_script(
    tmp_path: Path, echo: Echo
) -> None:
    shapes = {
        "image": (1, 224, 224, 3),
        "odd": (7, -1, 5),
        "none": (0,),
        "small": (2, 2),
        "one": (),
    }
    specs = {n: TensorSpec(n, DType("int32"), shape) for n, shape in shapes.items()}
    huge = {"x": TensorSpec("x", DType("float32"), (-1, 100_000, 100_000))}
    signatures = {"s": Signature("s", specs, huge), "huge": Signature("huge", huge, huge)}
    script = script_of(Model("m", None, signatures), tmp_path)
    assert script.stat().st_size < 7000
    for shell in ("sh", "bash"):
        assert run(tool(shell), script, "s", M_URL=echo.url).returncode == 0
        inputs = json.loads(echo.requests[-1][2])["inputs"]
        assert inputs["image"] == [[[[1] * 3] * 224] * 224]
        assert inputs["odd"] == [[[1] * 5]] * 7
        assert (inputs["none"], inputs["small"], inputs["one"]) == ([], [[1, 1], [1, 1]], 1)
    done = run(script, "huge", M_URL=echo.url)
    assert (done.returncode, done.stderr) == (2, "there is no sample of that size: give a body\n")


@pytest.mark.parametrize("name", LOADABLE)
def test_a_real_server_accepts_the_samples(name: str, tmp_path: Path, zoo: Zoo) -> None:
    model = zoo_model(name)
    script = script_of(model, tmp_path)
    url = {f"{name.upper()}_URL": zoo.rest}
    for command in ("status", "metadata"):
        assert json.loads(run(script, command, **url).stdout)
    for signature in model.usable().values():
        if signature.why_not_over_rest:
            continue
        done = run(script, signature.name, **url)
        if (name, signature.name) in REFUSED:
            assert done.returncode == 22
            continue
        assert done.returncode == 0, (signature.name, done.stderr)
        assert json.loads(done.stdout).keys() <= {"outputs", "results"}


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_what_is_refused_before_it_is_sent(shell: str, tmp_path: Path, echo: Echo) -> None:
    script = script_of(zoo_model("half_plus_two"), tmp_path)
    url = {"HALF_PLUS_TWO_URL": f"{echo.url}//"}
    own = (tool(shell), script, "serving_default")
    for body in ("", "[1]", "1", '"x"', "null", "{", "}", "not json", "{}", " {\n} "):
        done = run(*own, "-", stdin=body, **url)
        assert (done.returncode, done.stdout) == (2, "")
        assert "nothing was sent" in done.stderr
    for missing_file in ("nofile", str(tmp_path)):
        done = run(*own, f"@{missing_file}", **url)
        assert (done.returncode, done.stderr) == (2, f"cannot read {missing_file}\n")
    assert not echo.requests
    done = run(*own, "-", stdin=' \n{ "instances": [[1]]}\n ', BASE_URL="http://nowhere", **url)
    assert done.returncode == 0
    path, _, body = echo.requests[-1]
    assert path == "/v1/models/half_plus_two:predict"
    assert json.loads(body) == {"signature_name": "serving_default", "instances": [[1]]}


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_a_header_that_cannot_be_sent_is_refused(shell: str, tmp_path: Path, echo: Echo) -> None:
    script = script_of(zoo_model("half_plus_two"), tmp_path)
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "mixed").write_text("A: b\nsecret\n")

    def call(header: str) -> subprocess.CompletedProcess[str]:
        environment = {"HALF_PLUS_TWO_URL": echo.url, "HALF_PLUS_TWO_HEADER": header}
        return run(tool(shell), script, "serving_default", **environment)

    assert call("@/nofile").stderr == "cannot read /nofile\n"
    assert "empty has no header" in call(f"@{tmp_path}/empty").stderr
    bad = "HALF_PLUS_TWO_HEADER has a line that is not NAME: VALUE: nothing was sent\n"
    for header in (
        "@/nofile",
        "@",
        f"@{tmp_path}/empty",
        f"@{tmp_path}/mixed",
        "secret",
        "secret: ",
        ": x",
        "a b: x",
    ):
        done = call(header)
        assert (done.returncode, done.stdout) == (2, ""), header
        assert "secret" not in done.stderr
        assert header.startswith("@") or done.stderr == bad
    assert not echo.requests
    (tmp_path / "good").write_text("\ufeffA: b\r\n\nX-Key:  c: $d\\e", "utf-8", newline="")
    assert call(f"@{tmp_path}/good").returncode == 0
    assert echo.requests[-1][1].items() >= {"A": "b", "X-Key": "c: $d\\e"}.items()


def test_a_byte_order_mark_before_a_body_is_passed_over(tmp_path: Path, echo: Echo) -> None:
    script = script_of(zoo_model("half_plus_two"), tmp_path)
    (tmp_path / "body.json").write_text('{"instances": [1.0]}', "utf-8-sig")
    for shell in ("dash", "bash"):
        own = (tool(shell), script, "serving_default", f"@{tmp_path}/body.json")
        assert run(*own, HALF_PLUS_TWO_URL=echo.url).returncode == 0
        assert json.loads(echo.requests[-1][2])["instances"] == [1.0]


def test_a_signature_with_the_name_of_a_command_is_told(tmp_path: Path, echo: Echo) -> None:
    signature = zoo_model("linear").signatures["serving_default"]
    signatures = {n: replace(signature, name=n) for n in ("status", "-h", "fine")}
    (made,) = make([Model("m", None, signatures)], "curl")
    assert made.notes == [
        "m.sh: signature '-h' is called as -h_: the script itself uses '-h'",
        "m.sh: signature 'status' is called as status_: the script itself uses 'status'",
    ]
    readme = made.files()["README.md"]
    assert "Its signature `status` is called as `status_`." in readme
    script = script_of(Model("m", None, signatures), tmp_path)
    usage = run(script, "--help").stdout
    assert '  - status_ (predict), signature "status"\n' in usage
    assert "  - fine (predict)\n" in usage
    assert run(script, "status_", M_URL=echo.url).returncode == 0
    assert json.loads(echo.requests[-1][2])["signature_name"] == "status"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int, tmp_path: Path, echo: Echo) -> None:
    script = script_of(zoo_model("half_plus_two"), tmp_path)
    (tmp_path / ".curlrc").write_text("location\n")
    echo.status, echo.location = status, f"{echo.url}/elsewhere"
    done = run(script, "status", HALF_PLUS_TWO_URL=echo.url, HOME=str(tmp_path))
    assert (done.returncode, len(echo.requests)) == (22, 1)
    assert f"redirects to {echo.location}, which is not followed" in done.stderr


@pytest.mark.parametrize("model", ["python", "ci", "bash", "aux", "com1"])
def test_names_that_mean_something_elsewhere(model: str, tmp_path: Path, echo: Echo) -> None:
    script = script_of(replace(zoo_model("half_plus_two"), name=model), tmp_path)
    device = model in ("aux", "com1")
    assert script.name == (f"{model}_model.sh" if device else f"{model}.sh")
    prefix = model.upper() if device else f"{model.upper()}_MODEL"
    assert run(script, "status", **{f"{prefix}_URL": echo.url}).returncode == 0


def test_nothing_in_the_script_is_unseen() -> None:
    text = generate(hostile_model(), "curl")["hostile.sh"]
    assert all(char.isprintable() or char == "\n" for char in text)


def test_examples_of_known_and_of_unknown_features(tmp_path: Path, zoo: Zoo) -> None:
    model = zoo_model("half_plus_two")
    url = {"HALF_PLUS_TWO_URL": zoo.rest}
    script = script_of(model, tmp_path)
    own = '{"context": {"x": 2.0}, "examples": [{"x": 1.0}, {}]}'
    done = run(script, "regress_x_to_y", "-", stdin=own, **url)
    assert json.loads(done.stdout) == {"results": [3.5, 4.0]}
    signature = replace(model.signatures["regress_x_to_y"], example_input=None, features=None)
    script = script_of(replace(model, signatures={signature.name: signature}), tmp_path)
    assert "the features are not known" in run(script, "regress_x_to_y", **url).stderr
    assert run(script, "regress_x_to_y", "-", stdin=own, **url).returncode == 0
    wide = {"x": FeatureSpec("x", DType("float32"), shape=(50_000,), required=True)}
    signature = replace(signature, features=wide)
    script = script_of(replace(model, signatures={signature.name: signature}), tmp_path)
    assert script.stat().st_size < 7000
    assert run(script, "regress_x_to_y", **url).stderr.startswith("HTTP 400")
