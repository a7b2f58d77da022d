"""docs/coming-from.md: the old lines and the new ones below them give the same."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import missing

PAGE = Path(__file__).parents[2] / "docs" / "coming-from.md"
SECTION = re.compile(r"^## ", re.MULTILINE)
BLOCK = re.compile(r"^```python (\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def pairs(section: str) -> list[tuple[str, str, str]]:
    """The kind and code of what there was, and the code in its place."""
    blocks = BLOCK.findall(section)
    assert [kind for kind, _ in blocks[1::2]] == ["new"] * (len(blocks) // 2)
    return [(*old, new) for old, (_, new) in zip(blocks[::2], blocks[1::2], strict=True)]


SECTIONS = {part.partition("\n")[0]: pairs(part) for part in SECTION.split(PAGE.read_text())[1:]}


class Place:
    """A running server of digits in the current folder, and what the page takes for granted."""

    def __init__(self, grpc: str, rest: str, images: Any) -> None:
        self.images = images
        self._targets = {"http://localhost:8501": rest, "localhost:8500": grpc}

    def here(self, code: str) -> str:
        for shown, real in self._targets.items():
            code = code.replace(shown, real)
        return code


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    for needed in ("tensorflow", "sklearn", "PIL", "tensorflow_serving", "requests"):
        if find_spec(needed) is None:
            missing(needed)
    from tfsclient._cli.demo import digits
    from tfsclient.server.app import Server

    scans = digits.build(tmp_path / "digits" / "1")
    (tmp_path / "scan.png").write_bytes(digits.to_png(scans.images[0]))
    monkeypatch.chdir(tmp_path)
    with Server({"digits": tmp_path / "digits"}) as server:
        yield Place(server.grpc_target, server.rest_target, scans.images[:3])


def results(old: str, new: str) -> set[str]:
    """The names to which both blocks give what was asked for."""
    stored = [
        {n.id for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Name) and is_store(n)}
        for code in (old, new)
    ]
    return stored[0] & stored[1] - {"client", "call", "examples", "image", "each"}


def is_store(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


def flat(value: Any) -> list[Any]:
    """What is in arrays, lists and dicts, in their order."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, dict):
        value = sorted(value.items())
    if isinstance(value, list | tuple):
        return [leaf for item in value for leaf in flat(item)]
    return [value]


@pytest.mark.parametrize("title", [t for t, blocks in SECTIONS.items() if blocks[0][0] == "old"])
def test_old_and_new_lines_agree(title: str, place: Place) -> None:
    before: dict[str, Any] = {"images": place.images}
    after = dict(before)
    for _, old, new in SECTIONS[title]:
        exec(compile(place.here(old), "old", "exec"), before)
        exec(compile(place.here(new), "new", "exec"), after)
        names = results(old, new)
        assert names
        for name in names:
            assert flat(after[name]) == pytest.approx(flat(before[name])), name


def ovmsclient_pairs() -> list[tuple[str, str, str]]:
    (blocks,) = (b for b in SECTIONS.values() if b[0][0] == "ovmsclient")
    return blocks


def test_the_new_lines_for_ovmsclient_run(place: Place) -> None:
    scope: dict[str, Any] = {"images": place.images}
    for _, old, new in ovmsclient_pairs():
        exec(compile(place.here(new), "new", "exec"), scope)
        assert results(old, new) <= scope.keys()
    assert (scope["state"], scope["code"]) == ("AVAILABLE", "NOT_FOUND")


@pytest.mark.slow
def test_ovmsclient_agrees(place: Place, tmp_path: Path) -> None:
    """It needs an environment with packages of its own age."""
    python = str(tmp_path / "venv" / "bin" / "python")
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    install = [python, "-m", "pip", "install", "--quiet", "ovmsclient==2023.1"]
    if subprocess.run(install, check=False).returncode:
        missing("ovmsclient")
    np.save("images.npy", place.images)
    program = "import json, numpy\nimages = numpy.load('images.npy')\n"
    scope: dict[str, Any] = {"images": place.images}
    names: set[str] = set()
    for _, old, new in ovmsclient_pairs():
        program += place.here(old)
        names |= results(old, new)
        exec(compile(place.here(new), "new", "exec"), scope)
    wanted = ", ".join(f"{name!r}: {name}" for name in names)
    program += f"print(json.dumps({{{wanted}}}, default=lambda array: array.tolist()))\n"
    done = subprocess.run([python, "-c", program], capture_output=True, check=True, text=True)
    for name, value in json.loads(done.stdout).items():
        assert flat(scope[name]) == pytest.approx(flat(value)), name
