"""Generated clients in Rust, and how cargo is run on them."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tfsclient_gen import Options, generate

from tests.conftest import missing, tool
from tfsclient.dtypes import DType
from tfsclient.meaning import TensorMeaning
from tfsclient.schema import Model, Signature, TensorSpec

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = Path(__file__).parent
TARGET = ROOT / ".cache" / "rust"  # what cargo builds: dependencies once for all tests
# Crates stay where they are, so that what did not change is not built again.
_CRATES = TARGET / "crates" / hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]
_LOCKS = TARGET / "locks"
_ENVIRONMENT = {
    "CARGO_TARGET_DIR": str(TARGET),
    "CARGO_INCREMENTAL": "0",
    "CARGO_PROFILE_DEV_DEBUG": "0",
    "CARGO_TERM_COLOR": "never",
}
_NO_NETWORK = ("Could not resolve host", "download of", "failed to download", "failed to fetch")


def write(
    models: Model | Sequence[Model],
    name: str,
    options: Options | None = None,
    more: Mapping[str, str] | None = None,
) -> Path:
    """The crate of models' clients, with more files by their paths, whose `models` it is.

    The crate is called like its folder: what cargo builds of two crates of one name is one file.
    """
    options = replace(options or Options(), rust_crate=name)
    programs = {
        path: re.sub(r"\bmodels::", f"{name}::", text) for path, text in (more or {}).items()
    }
    return crate(name, generate(models, "rust", options) | programs)


def crate(name: str, files: Mapping[str, str]) -> Path:
    """A crate of these files, in a folder of this name."""
    folder = _CRATES / name
    for path in folder.rglob("*") if folder.is_dir() else ():
        kept = path.is_dir() or path.name == "Cargo.lock"
        if not kept and path.relative_to(folder).as_posix() not in files:
            path.unlink()
    for name, text in files.items():
        target = folder / name
        if not target.is_file() or target.read_text("utf-8") != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8")
    return folder


def cargo(*args: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """What cargo printed; it must end well.  Dependencies are those of the first such crate."""
    lock = cwd / "Cargo.lock"
    needs = (cwd / "Cargo.toml").read_bytes().partition(b"[features]")[2] or cwd.name.encode()
    seed = _LOCKS / hashlib.sha256(needs).hexdigest()[:16]
    if not seed.exists():
        lock.unlink(missing_ok=True)  # it is of other dependencies
        _cargo("fetch", cwd=cwd, env={})
        seed.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(lock, seed)
    if not lock.exists():
        shutil.copy(seed, lock)
    return _cargo(*args, cwd=cwd, env=env or {})


def _cargo(*args: str | Path, cwd: Path, env: Mapping[str, str]) -> str:
    done = subprocess.run(
        [tool("cargo"), *args],
        cwd=cwd,
        env={**os.environ, **_ENVIRONMENT, **env},
        check=False,
        capture_output=True,
        encoding="utf-8",
    )
    if done.returncode != 0 and any(words in done.stderr for words in _NO_NETWORK):
        missing("what cargo downloads (is there a network?)")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
    return done.stdout


def built(name: str, cwd: Path, *features: str) -> Path:
    """The program that an example of a crate is; no other crate has one of the same name."""
    cargo("build", "-q", "--example", name, "--features", ",".join(features), cwd=cwd)
    return TARGET / "debug" / "examples" / name


def run(program: Path, *args: str | Path, cwd: Path, data: str = "") -> str:
    """What a program printed; it must end well."""
    done = subprocess.run(
        [program, *args],
        cwd=cwd,
        input=data,
        check=False,
        capture_output=True,
        encoding="utf-8",
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def pictured() -> Model:
    """A model whose inputs are pictures, with names and numbers that are hard to write."""
    long = (123456789.12345678,) * 4
    told: dict[str, dict[str, Any]] = {
        "images": {"range": (-1 / 3, 2 / 3)},
        "type": {"mean": 0.1, "std": 57.375},
        "read_y": {"mean": (1e-300, 1 / 3, 12.5), "colour": "bgr"},
        "y_from_bytes": {"mean": long},
        "pictures_of_y": {"mean": long, "std": long},
        "y": {},
        "x" * 60: {"colour": "bgr"},
    }
    inputs = {}
    for name, meaning in told.items():
        channels = 4 if meaning.get("mean") == long else 3
        shape = [-1, 100, 99, channels]
        meant = TensorMeaning("image", layout="HWC", **meaning)
        inputs[name] = TensorSpec(name, DType("float32"), shape, meaning=meant)
    first = TensorMeaning("image", layout="CHW", colour="bgr")
    inputs["first"] = TensorSpec("first", DType("uint8"), [-1, 3, -1, -1], meaning=first)
    inputs["grey"] = TensorSpec("grey", DType("uint8"), [-1, 8, 8], meaning=TensorMeaning("image"))
    output = {"y": TensorSpec("y", DType("float32"), [-1])}
    return Model("pictured", None, {"run": Signature("run", inputs, output)})
