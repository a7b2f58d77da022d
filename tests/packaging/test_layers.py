"""The house: modules import downwards only, in no circle, and what is loaded when."""

from __future__ import annotations

import ast
import importlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import Zoo

ROOT = Path(__file__).parents[2]
PACKAGES = {"tfsclient": ROOT / "tfsclient", "tfsclient_gen": ROOT / "codegen" / "tfsclient_gen"}

# From the foundation up: a module imports from its own layer's package and from the layers before.
LAYERS = [
    {"errors", "dtypes", "_tables"},
    {"schema", "results", "meaning"},
    {"_codec"},
    {"_inputs", "sources", "model_config"},
    {"_calls"},
    {"_transports"},
    {"_client"},
    {"drift", "warmup", "generated"},
    {"server"},
    {"testing", "export", "score"},
    {"spark", "ray"},
    {"_cli", "__main__"},
]
# A room that stands apart from the floors above its foundation.
APART = {"server": LAYERS[:5]}
# What a command starts beside its own work, lazily.
BESIDE = {("tfsclient.server.cli", "_cli")}
# Siblings of one layer that may look at each other.
TOGETHER = [LAYERS[0], LAYERS[1], LAYERS[7], LAYERS[-1]]

PUBLIC = {
    "drift", "dtypes", "errors", "export", "meaning", "model_config", "ray", "results", "schema",
    "score", "sources", "spark", "testing", "warmup",
}  # fmt: skip


@cache
def modules() -> dict[str, Path]:
    """Every module by its dotted name."""
    found = {}
    for package, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            if "programs" in path.parts:
                continue  # what the demo copies to its users
            parts = path.relative_to(folder).with_suffix("").parts
            found[".".join([package, *(p for p in parts if p != "__init__")])] = path
    return found


def imports(name: str) -> Iterator[str]:
    """What a module imports of this project, wherever in it: late and for types, too."""
    for node in ast.walk(ast.parse(modules()[name].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules())
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if inner in modules():
                    yield inner
                elif node.module in modules():
                    yield node.module


def room(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


def floor(name: str) -> int:
    return next(number for number, layer in enumerate(LAYERS) if room(name) in layer)


@pytest.mark.parametrize("name", [n for n in modules() if n.startswith("tfsclient.")])
def test_a_module_imports_its_own_room_and_lower_floors(name: str) -> None:
    for other in imports(name):
        if other == "tfsclient":
            assert room(name) in {"testing", "_cli", "__main__", "server"}, (name, other)
            continue
        if other.startswith("tfsclient_gen.") and name.startswith("tfsclient._cli.page."):
            continue  # late: code of what stands in a form is the generator's
        if (name, room(other)) in BESIDE:
            continue
        assert other.startswith("tfsclient."), f"{name} imports {other}"
        if room(other) == room(name) or any({room(name), room(other)} <= t for t in TOGETHER):
            continue
        allowed = set().union(*APART.get(room(name), LAYERS[: floor(name)]))
        assert room(other) in allowed, f"{name} imports {other}"


def test_no_circle() -> None:
    state: dict[str, int] = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if state.get(name) == 2:
            return
        assert state.get(name) != 1, " -> ".join((*path[path.index(name) :], name))
        state[name] = 1
        for other in imports(name):
            if other != name and not name.startswith(f"{other}."):
                visit(other, (*path, name))
        state[name] = 2

    for name in modules():
        visit(name, ())


def test_what_a_newcomer_can_take_in() -> None:
    entries = [p for p in (ROOT / "tfsclient").iterdir() if p.name != "__pycache__"]
    assert len(entries) <= 26  # spark and ray among them, names that users type
    for name, path in modules().items():
        assert len(path.read_text("utf-8").splitlines()) <= 500, name


def test_public_modules_are_those_that_the_changelog_lists() -> None:
    import tfsclient

    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    (listed,) = re.findall(r"Public modules: (.*?)\.\n", changelog, re.DOTALL)
    assert set(re.findall(r"`tfsclient\.(\w+)`", listed)) == PUBLIC
    names = set(dir(tfsclient))
    assert {n for n in names if type(getattr(tfsclient, n)).__name__ == "module"} == PUBLIC
    assert not {n for n in names if n.startswith("_")} - {"__version__"}
    for name in set(tfsclient.__all__) - {"DEFAULT", "Timeout"}:
        assert getattr(tfsclient, name).__module__ == "tfsclient", name


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_tab_shows_public_names_only(name: str) -> None:
    module = importlib.import_module(f"tfsclient.{name}")
    assert dir(module) == sorted(module.__all__)
    assert all(hasattr(module, one) for one in dir(module))


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import tfsclient", "grpc httpx google.protobuf jinja2 tensorflow pandas tfsclient_gen"),
        ("import tfsclient; dir(tfsclient); tfsclient.sources", "grpc httpx google.protobuf"),
        ("import tfsclient; tfsclient.Client('http://localhost:1')", "grpc google.protobuf"),
        ("import tfsclient; tfsclient.Client('localhost:1')", "httpx tenacity"),
        ("import tfsclient; tfsclient.AsyncClient('http://localhost:1')", "grpc tenacity"),
    ],
)
def test_nothing_heavy_is_loaded_early(statement: str, absent: str) -> None:
    program = f"import sys; {statement}; print([m for m in {absent.split()} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


# What a first answer does without: each costs more to load than the call itself takes.
_OTHERS = (
    "asyncio decimal httpx importlib.resources ml_dtypes tenacity tfsclient._client.aio "
    "tfsclient._client.bound tfsclient._inputs.image tfsclient._transports.tls "
    "tfsclient.meaning tfsclient.model_config tfsclient.schema._meaning tfsclient.sources"
)


@pytest.mark.parametrize(
    ("side", "schemas", "absent"),
    [
        ("grpc", "known", "google.protobuf orjson urllib.parse tfsclient._calls.rest"),
        ("grpc", "{}", "orjson tfsclient._calls.rest"),
        ("rest", "{}", "google.protobuf grpc tfsclient._calls.grpc tfsclient._client.sending_aio"),
    ],
)
def test_a_first_answer_loads_only_what_it_needs(
    zoo: Zoo, side: str, schemas: str, absent: str
) -> None:
    transport = {"grpc": "grpc", "rest": "httpx, httpcore"}[side]
    program = f"""
import sys
import numpy as np
import {transport}
before = set(sys.modules)
from tfsclient import Client, DType, Model, Signature, TensorSpec
x, y = (TensorSpec(name, DType("float32"), (-1,)) for name in "xy")
signature = Signature("serving_default", {{"x": x}}, {{"y": y}})
known = {{"linear": Model("linear", 1, {{"serving_default": signature}})}}
with Client({getattr(zoo, side)!r}, schemas={schemas}) as client:
    assert client.predict("linear", np.ones(1, np.float32))["y"].tolist() == [1.5]
print([m for m in {(_OTHERS + " " + absent).split()} if m in sys.modules and m not in before])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize(
    ("loads", "waits_for_the_end"),
    [
        ("time.sleep(0.5)", True),
        ("time.sleep(0.5); logging.getLogger('made by a module that is loaded')", True),
        ("forked.wait()", False),  # as if it wanted something that the fork holds
    ],
)
def test_a_fork_waits_for_what_another_thread_loads(loads: str, waits_for_the_end: bool) -> None:
    program = f"""
import os, threading, time
from tfsclient.dtypes import LOADING, DType
import logging
begun, forked = threading.Event(), threading.Event()
def load():
    with LOADING:
        begun.set()
        {loads}
thread = threading.Thread(target=load)
thread.start()
begun.wait()
child = os.fork()
if child == 0:
    DType("bfloat16").numpy
    os._exit(0)
forked.set()
thread.join()
DType("bfloat16").numpy
print(os.waitpid(child, 0)[1], LOADING._fork.holds)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, check=False, cwd=ROOT, timeout=60,
    )  # fmt: skip
    assert done.stdout.split() == ["0", str(waits_for_the_end)], done.stderr


def test_no_module_loads_others_late_while_it_is_loaded_itself() -> None:
    """Two threads could wait for each other then: one for ``LOADING``, one for the module."""
    program = """
import importlib, pkgutil, tfsclient
from tfsclient.dtypes import LOADING
def refuse(self): raise AssertionError("LOADING is held on import")
type(LOADING).__enter__ = refuse
for module in pkgutil.walk_packages(tfsclient.__path__, "tfsclient."):
    if module.name.rpartition(".")[2] != "__main__":
        try:
            importlib.import_module(module.name)
        except ImportError as error:
            print(module.name, error)
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
