"""Generated clients in Java, and how Maven and the compiler are run on them."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tfsclient_gen import Options, generate

from tests.conftest import missing, tool
from tfsclient.schema import Model

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = Path(__file__).parent
REPOSITORY = ROOT / ".cache" / "maven"  # what Maven downloads
LINT = ("--release", "11", "-Xlint:all", "-Werror", "-proc:none", "-encoding", "UTF-8")
# Programs that run for a second are faster without the better compiler.
BRIEF = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_NO_NETWORK = ("Could not transfer", "Unknown host")


def run(
    *command: str | Path, cwd: Path, env: Mapping[str, str] | None = None, data: str = ""
) -> str:
    """What the command printed; it must end well."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        input=data,
        check=False,
        capture_output=True,
        encoding="utf-8",
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-8000:]
    return done.stdout


def write(models: Model | Sequence[Model], folder: Path, options: Options | None = None) -> Path:
    """The clients of models in a folder, which has to be empty."""
    for path, text in generate(models, "java", options).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    return folder


def jdk() -> str:
    """The path of java, where there is a compiler, too: macOS has programs that only say no."""
    for name in ("javac", "java"):
        done = subprocess.run([tool(name), "-version"], check=False, capture_output=True)
        if done.returncode != 0:
            missing("a JDK")
    return tool("java")


def maven(*goals: str, cwd: Path) -> None:
    """Run Maven: without a network once it has all that these goals and this project need."""
    key = hashlib.sha256((cwd / "pom.xml").read_bytes() + repr(goals).encode()).hexdigest()[:16]
    warm = REPOSITORY / f".warm-{key}"
    command = [tool("mvn"), "-q", "-B", f"-Dmaven.repo.local={REPOSITORY}", *goals]
    if warm.exists():
        run(*command, "-o", cwd=cwd)
        return
    REPOSITORY.mkdir(parents=True, exist_ok=True)
    for _ in range(3):  # a download may fail once
        done = subprocess.run(
            [*command, "-U"], cwd=cwd, check=False, capture_output=True, encoding="utf-8"
        )
        if not any(words in done.stdout for words in _NO_NETWORK):
            break
    else:
        missing("what Maven downloads (is there a network?)")
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-8000:]
    warm.touch()


def classpath(folder: Path) -> str:
    """The libraries that the clients in a folder need."""
    listed = folder / "classpath.txt"
    if not listed.exists():
        maven("dependency:build-classpath", f"-Dmdep.outputFile={listed.name}", cwd=folder)
    return listed.read_text("utf-8").strip()


def compiled(folder: Path, *more: Path) -> str:
    """Compile clients and more sources under the strictest checks; gives the class path of both."""
    sources = [*sorted((folder / "src").rglob("*.java")), *more]
    listed = folder / "sources.txt"
    listed.write_text("".join(f'"{path}"\n' for path in sources), "utf-8")
    libraries, classes = classpath(folder), folder / "classes"
    paths = ("-cp", libraries, "-d", classes)
    run(
        tool("javac"), *(f"-J{option}" for option in BRIEF), *LINT, *paths, f"@{listed}", cwd=folder
    )
    return f"{classes}{os.pathsep}{libraries}"
