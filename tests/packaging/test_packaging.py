"""What users install, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

import tfsclient
from tests.conftest import missing

ROOT = Path(__file__).parents[2]
HEAVY = {"grpc", "httpx", "jinja2", "google.protobuf", "tensorflow", "tenacity", "rich"}


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_two_packages_and_all_templates(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert top == {"tfsclient", "tfsclient_gen"}
    prefix = "tfsclient_gen/templates/"
    packed = {name.removeprefix(prefix) for name in names if name.startswith(prefix)}
    templates = ROOT / "templates"
    on_disk = {str(p.relative_to(templates)) for p in templates.rglob("*") if p.is_file()}
    assert packed == on_disk
    assert {"tfsclient/py.typed", "tfsclient/_codec/protos.binpb", "tfsclient_gen/py.typed"} <= set(
        names
    )
    page = ROOT / "tfsclient" / "_cli" / "page" / "static"
    assert {f"tfsclient/_cli/page/static/{file.name}" for file in page.iterdir()} <= set(names)


def test_importing_the_library_loads_nothing_heavy() -> None:
    loaded = run(f"import sys, tfsclient; print({HEAVY!r} & set(sys.modules))")
    assert loaded.strip() == "set()"


def test_the_library_does_not_know_the_generator() -> None:
    page = ROOT / "tfsclient" / "_cli" / "page"  # which shows generated code, and imports it late
    for path in (ROOT / "tfsclient").rglob("*.py"):
        if path.is_relative_to(page):
            continue
        text = path.read_text("utf-8")
        assert "import tfsclient_gen" not in text, path
        assert "from tfsclient_gen" not in text, path
        assert "jinja2" not in text, path


@pytest.mark.parametrize("order", ["tfsclient, tensorflow", "tensorflow, tfsclient"])
def test_it_lives_beside_tensorflow(order: str) -> None:
    if find_spec("tensorflow") is None:
        missing("tensorflow")
    first, second = order.split(", ")
    code = f"""
import {first}
import {second}
import numpy as np
from tfsclient._codec.messages import message_class
from tfsclient._codec.tensor import Tensor, decode_tensor, encode_tensor
array = np.arange(6, dtype=np.float32).reshape(2, 3)
data = b"".join(encode_tensor(Tensor(tfsclient.DType("float32"), array)))
ours = message_class("tensorflow.TensorProto").FromString(data)
theirs = tensorflow.make_tensor_proto(array)
assert ours.SerializeToString() == theirs.SerializeToString()
assert (tensorflow.make_ndarray(theirs) == decode_tensor(theirs.SerializeToString()).array).all()
"""
    run(code)


def test_what_is_exported_is_there_and_sorted() -> None:
    assert tfsclient.__all__ == sorted(tfsclient.__all__, key=lambda n: (not n.isupper(), n))
    for name in tfsclient.__all__:
        assert getattr(tfsclient, name) is not None
