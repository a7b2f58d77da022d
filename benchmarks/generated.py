"""Compare generated clients with hand-written ones: python benchmarks/generated.py [--quick].

A language's two clients take turns in one process, against the canned server; every number is a
ratio of the two, so that what else the machine does cancels out.  What the programs need is made
below .cache/benchmarks: the client by our generator, the messages by protobuf's own compiler.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "codegen")]

from google.protobuf import descriptor_pb2  # noqa: E402
from google.protobuf.compiler import plugin_pb2  # noqa: E402
from tfsclient_gen import Options, generate  # noqa: E402

from benchmarks import messages  # noqa: E402
from benchmarks.cases import CASES, MODEL, Arrays  # noqa: E402
from benchmarks.report import aligned, machine  # noqa: E402
from tfsclient import Model  # noqa: E402

_RESULTS: Final = ROOT / "benchmarks" / "results"
_CACHE: Final = ROOT / ".cache" / "benchmarks" / "generated"
_PROTOS: Final = ROOT / "tfsclient" / "_codec" / "protos.binpb"
_PREDICT: Final = "tensorflow_serving/apis/predict.proto"
_GO_MODULE: Final = "benchmark"
_PROTOC: Final = "4.36.2:exe:linux-x86_64"

# The case, and the signature that it calls: named after the case that has the same tensors.
_CALLED: Final = {
    **{n: n for n in ("scalar", "digit", "image", "strings-up", "strings-down", "ints-down")},
    "rest-digit": "digit",
    "rest-image": "image",
}

_NOTES: Final = """\
Each cell is the time of a whole call of the generated client, by the clock / in CPU time, as a
ratio to a client that is written by hand for the case: median over rounds, in which both take a
turn. Lower is better; 1 is a client without checks, retries or errors of its own. By hand is: Go
over gRPC with the messages that protoc-gen-go makes, over REST with net/http and encoding/json;
JS over gRPC with @grpc/proto-loader, whose int64 are plain numbers, over REST with fetch and
JSON; Java over gRPC with the messages that protoc makes, over REST with java.net.http and Gson.
The generated ones take and give flat data with a shape, those over REST by hand nested lists.
"""


class Skipped(Exception):
    """What a language needs is not there."""


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few rounds; write nothing")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    skipped = {}
    with _server() as targets:
        job = {
            "rounds": 3 if options.quick else 11,
            "seconds": 0.1 if options.quick else 0.2,
            "cases": [_case(name, target) for name, target in targets.items()],
        }
        for language, prepare in _PREPARE.items():
            print(f"{language} ...", file=sys.stderr, flush=True)
            try:
                command = prepare(_CACHE / language)
                results[language] = json.loads(
                    _run(command, _CACHE / language, json.dumps(job).encode())
                )
            except Skipped as reason:
                skipped[language] = str(reason)
    data = {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "machine": machine(),
        "versions": {name: result["versions"] for name, result in results.items()},
        "skipped": skipped,
        "languages": {name: _ratios(result["cases"]) for name, result in results.items()},
    }
    text = _table(data)
    print(text, end="")
    if not options.quick:
        _RESULTS.mkdir(exist_ok=True)
        (_RESULTS / "generated.txt").write_text(text)
        (_RESULTS / "generated.json").write_text(json.dumps(data, indent=1) + "\n")


@contextmanager
def _server() -> Iterator[dict[str, str]]:
    """The target of each case."""
    command = [sys.executable, "-m", "benchmarks.canned", *_CALLED]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ports = json.loads(process.stdout.readline())
        scheme = {True: "http://", False: ""}
        yield {n: f"{scheme[CASES[n].rest]}127.0.0.1:{port}" for n, port in ports.items()}
        process.stdin.close()


def _case(name: str, target: str) -> dict[str, Any]:
    case = CASES[name]
    return {
        "name": name,
        "signature": _CALLED[name],
        "target": target,
        "rest": case.rest,
        "input": _tensor(case.inputs()),
        "output": _tensor(case.outputs()),
    }


def _tensor(arrays: Arrays) -> dict[str, Any]:
    ((name, array),) = arrays.items()
    flat = array.ravel().tolist()
    values = {
        "f": lambda: {"floats": flat},
        "i": lambda: {"ints": flat},
        "O": lambda: {"strings": [item.decode() for item in flat]},
    }
    return {"name": name, "shape": array.shape, **values[array.dtype.kind]()}


def _model() -> Model:
    """A model with a signature for each case."""
    signatures = {}
    for name in _CALLED.values():
        (signature,) = messages.schema(CASES[name]).signatures.values()
        signatures[name] = replace(signature, name=name)
    return Model(MODEL, 1, signatures)


def _go(folder: Path) -> list[str]:
    """The program, in the generated client's own module."""
    go = _tool("go")
    shutil.rmtree(folder, ignore_errors=True)  # other templates made other files
    _fill(folder, generate(_model(), "go", Options(go_module=_GO_MODULE)))
    _download([go, "mod", "download"], folder)
    # The compiler of the release that the client itself needs; it is in the same module.
    plugin = folder / "protoc-gen-go"
    _run([go, "build", "-o", str(plugin), "google.golang.org/protobuf/cmd/protoc-gen-go"], folder)
    _fill(folder / "protos", _compile_go(str(plugin)))
    _fill(folder / "main", {"main.go": (ROOT / "benchmarks" / "go" / "main.go").read_text()})
    _run([go, "build", "-o", "benchmark", "./main"], folder)
    return [str(folder / "benchmark")]


def _known() -> Sequence[descriptor_pb2.FileDescriptorProto]:
    return descriptor_pb2.FileDescriptorSet.FromString(_PROTOS.read_bytes()).file


def _wanted() -> list[str]:
    """PredictRequest's file, and what it imports."""
    by_name = {file.name: file for file in _known()}
    wanted: list[str] = []

    def want(name: str) -> None:
        if name not in wanted and not name.startswith("google/"):
            wanted.append(name)
            for dependency in by_name[name].dependency:
                want(dependency)

    want(_PREDICT)
    return wanted


def _compile_go(plugin: str) -> dict[str, str]:
    """Go code of PredictRequest's file, and of what it imports, in one package."""
    wanted = _wanted()
    package = f"{_GO_MODULE}/protos"
    request = plugin_pb2.CodeGeneratorRequest(
        file_to_generate=wanted,
        parameter=",".join(
            [f"module={package}", *(f"M{name}={package};protos" for name in wanted)]
        ),
        proto_file=_known(),
    )
    answer = _run([plugin], ROOT, request.SerializeToString())
    response = plugin_pb2.CodeGeneratorResponse.FromString(answer)
    if response.error:
        raise RuntimeError(response.error)
    return {file.name: file.content for file in response.file}


def _java(folder: Path) -> list[str]:
    """The program, in a project with the generated client and the messages."""
    java, maven = _tool("java"), _tool("mvn")
    shutil.rmtree(folder, ignore_errors=True)
    _fill(folder, generate(_model(), "java", Options(java_package=_GO_MODULE)))
    program = ROOT / "benchmarks" / "java"
    shutil.copy(program / "pom.xml", folder)
    sources = folder / "src" / "main" / "java"
    shutil.copy(program / "Main.java", sources / _GO_MODULE)
    command = [maven, "-q", "-B", f"-Dmaven.repo.local={ROOT / '.cache' / 'maven'}"]
    protoc = f"-Dartifact=com.google.protobuf:protoc:{_PROTOC}"
    _download([*command, "dependency:copy", protoc, f"-DoutputDirectory={folder}"], folder)
    (compiler,) = folder.glob("protoc-*")
    compiler.chmod(0o755)
    made = [str(compiler), f"--descriptor_set_in={_PROTOS}", f"--java_out={sources}"]
    _run([*made, *_wanted()], folder)
    libraries = "-Dmdep.outputFile=classpath.txt"
    _download([*command, "compile", "dependency:build-classpath", libraries], folder)
    paths = f"target/classes:{(folder / 'classpath.txt').read_text()}"
    return [java, "-cp", paths, f"{_GO_MODULE}.Main"]


def _js(folder: Path) -> list[str]:
    """The program, beside the generated client and what it needs."""
    node, npm = _tool("node"), _tool("npm")
    shutil.rmtree(folder / "model", ignore_errors=True)
    _fill(folder / "model", generate(_model(), "js"))
    program = ROOT / "benchmarks" / "js"
    for source in (*program.glob("*.js*"), _PROTOS):
        shutil.copy(source, folder)
    _download([npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent"], folder)
    return [node, "--expose-gc", "main.js"]


_PREPARE: Final[dict[str, Callable[[Path], list[str]]]] = {
    "go": _go,
    "java": _java,
    "js": _js,
}


def _tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise Skipped(f"there is no {name}")
    return path


def _fill(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _download(command: list[str], folder: Path) -> None:
    try:
        _run(command, folder)
    except subprocess.CalledProcessError as error:
        raise Skipped(f"{Path(command[0]).name} {command[1]} found no network, it seems") from error


def _run(command: list[str], folder: Path, data: bytes = b"") -> bytes:
    """What a program prints."""
    return subprocess.run(
        command, cwd=folder, input=data, stdout=subprocess.PIPE, check=True
    ).stdout


def _ratios(cases: dict[str, Any]) -> dict[str, Any]:
    ratios = {}
    for name, timings in cases.items():
        rounds = list(zip(timings["generated"], timings["by hand"], strict=True))
        walls = sorted(own["wall"] / other["wall"] for own, other in rounds)
        ratios[name] = {
            "by_hand_us": round(statistics.median(other["wall"] for _, other in rounds) * 1e6),
            "wall": round(statistics.median(walls), 3),
            "wall_low": round(walls[len(walls) // 4], 3),
            "wall_high": round(walls[-1 - len(walls) // 4], 3),
            "cpu": round(statistics.median(own["cpu"] / other["cpu"] for own, other in rounds), 3),
        }
    return ratios


def _table(data: dict[str, Any]) -> str:
    languages = data["languages"]
    head = [text for name in languages for text in (f"{name} by hand, us", f"{name} generated")]
    rows = [["", *head]]
    for case in _CALLED:
        row = [CASES[case].title]
        for ratios in languages.values():
            ratio = ratios[case]
            row += [f"{ratio['by_hand_us']:,}", f"{ratio['wall']:.2f} / {ratio['cpu']:.2f}"]
        rows.append(row)
    where = data["machine"]
    versions = [f"{n} {v}" for each in data["versions"].values() for n, v in each.items()]
    blocks = [
        f"Generated clients beside hand-written ones, {data['date']}",
        f"{where['cores']} cores of {where['cpu']}, {where['system']}; {', '.join(versions)}\n",
        _NOTES,
        aligned(rows),
    ]
    blocks += [f"{name} is left out: {reason}\n" for name, reason in data["skipped"].items()]
    return "\n".join(blocks)


if __name__ == "__main__":
    main()
