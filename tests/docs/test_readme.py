"""README.md on an empty machine, and the pages that go on where it ends."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT, tool
from tests.docs.pages import Block, Reader, blocks
from tests.generator.java.clients import REPOSITORY, maven
from tests.generator.js.clients import compile_all, run
from tests.generator.js.fixtures import npm  # noqa: F401

# In the order in which a reader comes to them: each finds what the ones before it left.
PAGES = [
    "README.md", "docs/start.md", "docs/client.md", "docs/pictures.md", "docs/examples.md",
    "docs/batches.md", "docs/async.md", "docs/python.md", "docs/curl.md", "docs/production.md",
    "docs/testing.md",
]  # fmt: skip


def page(name: str) -> list[Block]:
    return blocks((ROOT / name).read_text("utf-8"))


@pytest.mark.parametrize("name", PAGES)
def test_it_runs_from_top_to_bottom(name: str, newcomer: Reader) -> None:
    ran = list(newcomer.read(page(name)))
    assert ran


def test_the_notebook_of_pictures_runs(newcomer: Reader) -> None:
    notebook = json.loads((ROOT / "docs" / "notebooks" / "pictures.ipynb").read_text("utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    written = [Block("python", "".join(cell["source"]), None) for cell in code]
    assert [block for block, _ in newcomer.read(written)]


def install(reader: Reader, name: str) -> str:
    """Put a program on the reader's PATH."""
    program = tool(name)
    link = reader.folder.parent / "venv" / "bin" / name
    link.unlink(missing_ok=True)
    link.symlink_to(program)
    return program


def call_in_each_language(reader: Reader) -> None:
    """Read docs/languages.md up to where it needs Go, and then Java."""
    install(reader, "node")
    *before, _, _ = page("docs/languages.md")
    *_, (_, printed) = reader.read(before)
    assert printed == "7\n7\n7\n"


def test_one_call_is_the_same_in_every_language(newcomer: Reader) -> None:
    call_in_each_language(newcomer)


def install_go(reader: Reader) -> None:
    """Go, and what it has downloaded before."""
    go = install(reader, "go")
    names = ("GOMODCACHE", "GOCACHE", "GOPROXY", "GOFLAGS", "GOTOOLCHAIN")
    asked = subprocess.run([go, "env", "-json", *names], capture_output=True, check=True)
    lines = (f"export {name}={value!r}\n" for name, value in json.loads(asked.stdout).items())
    reader.shell("".join(lines))


@pytest.mark.slow
@pytest.mark.language("go")
def test_a_newcomer_walks_from_the_start_to_a_service_in_go(somebody: Reader) -> None:
    install_go(somebody)
    pip, first = [block for block in page("README.md") if block.kind == "sh"][:2]
    ran = list(somebody.read([pip, first, *page("docs/go-service.md")]))
    assert [block.kind for block, _ in ran] == ["sh"] * 6
    somebody.shell("cd ..")
    list(somebody.read(page("docs/testing.md")))
    somebody.shell("python -m pytest -q test_real.py")


@pytest.mark.slow
def test_it_is_the_same_in_go_and_typescript(somebody: Reader, npm: Path) -> None:  # noqa: F811
    install_go(somebody)
    list(somebody.read([block for block in page("README.md") if block.kind == "sh"][:2]))
    call_in_each_language(somebody)
    folder = somebody.folder / "digits-demo"
    (folder / "node_modules").symlink_to(npm)
    (folder / "package.json").write_text('{"type": "module"}', "utf-8")
    compile_all(folder, npm, rootDir=".", skipLibCheck=True)
    assert run(tool("node"), "use.js", cwd=folder) == "7\n"
    (_, printed), *_ = somebody.read(page("docs/languages.md")[-2:-1])
    assert printed.endswith("7\n")


@pytest.mark.slow
@pytest.mark.language("java")
def test_it_is_the_same_in_java(somebody: Reader) -> None:
    list(somebody.read([block for block in page("README.md") if block.kind == "sh"][:2]))
    call_in_each_language(somebody)
    for name in ("mvn", "java"):
        install(somebody, name)
    maven(
        "package",
        "dependency:copy-dependencies",
        "-DoutputDirectory=target/lib",
        cwd=somebody.folder / "digits-demo" / "java",
    )
    settings = f"-Dmaven.repo.local={REPOSITORY}"
    somebody.shell(f"export MAVEN_OPTS={settings}")
    (_, printed), *_ = somebody.read(page("docs/languages.md")[-1:])
    assert printed.endswith("7\n")
