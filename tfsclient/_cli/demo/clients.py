"""The demo's generated clients: made by ``tfsclient-gen``, each run by a small program."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from tfsclient.errors import TFSError

# What each language needs on PATH, and the program of ours that uses the generated client.
_TOOLS = {
    "python": [], "go": ["go"], "js": ["node"], "java": ["javac", "mvn"], "curl": ["curl"],
}  # fmt: skip
_PROGRAMS = {"python": "use.py", "go": "use/main.go", "js": "use.mjs", "java": "Use.java"}
# What is done before a client can run; it may download.
_PREPARED = {
    "go": ["go", "mod", "download"],
    "java": ["mvn", "-q", "-B", "package", "dependency:build-classpath",
             "-Dmdep.outputFile=target/classpath.txt"],
}  # fmt: skip


def run_all(
    folder: Path,
    *,
    model: str,
    grpc_target: str,
    rest_target: str,
    scan: str,
    say: Callable[[str], None],
) -> dict[str, int]:
    """Generate a client in each language from the live server and ask each for the digit.

    Args:
        folder: where the clients go, one folder a language.
        model: the model's name.
        grpc_target: where the server speaks gRPC.
        rest_target: where it speaks REST.
        scan: a batch of one image, as JSON.
        say: prints a line of the story.

    Returns:
        What each language's client answered; a language that was left out is not in it.
    """
    answers = {}
    for language, programs in _TOOLS.items():
        missing = next((one for one in programs if shutil.which(one) is None), None)
        if missing is not None:
            say(f"{language:<7}left out: {missing} is not installed")
            continue
        out = folder / language
        _call(
            [sys.executable, "-m", "tfsclient_gen", "--lang", language, "--server", grpc_target,
             "--model", model, "--out", str(out)],
            folder.parent,
        )  # fmt: skip
        if (why := _unprepared(language, out)) is not None:
            say(f"{language:<7}left out: {why}")
            continue
        answers[language] = int(_RUN[language](out, grpc_target, rest_target, scan))
        say(f"{language:<7}answers {answers[language]}")
    return answers


def _unprepared(language: str, out: Path) -> str | None:
    """Why a client cannot be built on this machine."""
    if language not in _PREPARED:
        return None
    try:
        _call(_PREPARED[language], out)
    except TFSError as error:
        return str(error)
    return None


def _install(language: str, out: Path) -> Path:
    """Put our program beside the generated client."""
    target = out / _PROGRAMS[language]
    target.parent.mkdir(exist_ok=True)
    target.write_bytes((files("tfsclient._cli.demo") / "programs" / target.name).read_bytes())
    return target


def _python(out: Path, grpc_target: str, _rest: str, scan: str) -> str:
    return _call([sys.executable, str(_install("python", out)), grpc_target], out, scan)


def _go(out: Path, grpc_target: str, _rest: str, scan: str) -> str:
    _install("go", out)
    return _call(["go", "run", "./use", grpc_target], out, scan)


def _java(out: Path, grpc_target: str, _rest: str, scan: str) -> str:
    program = _install("java", out)
    libraries = (out / "target" / "classpath.txt").read_text("utf-8").strip()
    paths = f"target/classes{os.pathsep}{libraries}"
    return _call(["java", "-cp", paths, program.name, grpc_target], out, scan)


def _js(out: Path, _grpc: str, rest_target: str, scan: str) -> str:
    return _call(["node", str(_install("js", out)), rest_target], out, scan)


def _curl(out: Path, _grpc: str, rest_target: str, scan: str) -> str:
    body = json.dumps({"inputs": json.loads(scan)})
    text = _call(["./digits.sh", "serving_default", "-"], out, body, {"DIGITS_URL": rest_target})
    answer: Any = json.loads(text)
    return str(answer["outputs"]["digit"][0])


_RUN = {"python": _python, "go": _go, "js": _js, "java": _java, "curl": _curl}


def _call(
    command: list[str], folder: Path, stdin: str = "", env: Mapping[str, str] | None = None
) -> str:
    done = subprocess.run(
        command,
        check=False,
        cwd=folder,
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, **(env or {})},
    )
    if done.returncode:
        raise TFSError(f"{' '.join(command)} failed:\n{done.stderr or done.stdout}")
    return done.stdout.strip()
