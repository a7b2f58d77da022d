"""What people see at a prompt, in a log and in a notebook; nothing of it is markup or huge."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import numpy as np
import pytest

from tests.conftest import ZOO, Zoo
from tfsclient import AsyncClient, Client, Model, Prediction, Signature, TensorSpec, build_predict
from tfsclient.errors import Code
from tfsclient.results import Statuses, VersionStatus
from tfsclient.schema import FeatureSpec
from tfsclient.sources import from_saved_model

HOSTILE = "<img src=x onerror=alert(1)>\x1b[2J\u202e$x$&amp;"


def tensor(name: str, shape: tuple[int, ...] | None = (-1,), dtype: str = "float32") -> TensorSpec:
    return TensorSpec(name, dtype, shape)


def model_of(*names: str) -> Model:
    inputs = {name: tensor(name) for name in names}
    own = Signature("serving_default", inputs, {"y": tensor("y")})
    exporters = Signature("__saved_model_init_op", {}, {"op": tensor("op", None, "invalid")})
    return Model("m", 3, {own.name: own, exporters.name: exporters})


def answer(**outputs: Any) -> Prediction:
    arrays = {name: np.asarray(value) for name, value in outputs.items()}
    return Prediction(arrays, model="m", signature="serving_default", version=3)


def strings(*values: bytes) -> np.ndarray[Any, Any]:
    return np.array(values, object)


def columns(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def test_a_model_is_a_table() -> None:
    features = {
        "age": FeatureSpec("age", "int64", required=True),
        "city": FeatureSpec("city", "string", default=["Oslo"]),
        "tags": FeatureSpec("tags", "string", "ragged"),
    }
    inputs = {"examples": tensor("examples", dtype="string"), "k": tensor("k", None)}
    spec = Signature(
        "serve", inputs, {"y": tensor("y")}, "", frozenset({"k"}), "examples", features
    )
    assert str(spec) == (
        "serve\n"
        "  in       examples  string   [-1]\n"
        "  feature  age       int64    []      required\n"
        '  feature  city      string   []      default "Oslo"\n'
        "  feature  tags      string   ragged\n"
        "  in       k         float32  any     has a default\n"
        "  out      y         float32  [-1]"
    )
    assert repr(spec) == (
        "<Signature 'serve': examples string [-1], k float32 of any shape -> y float32 [-1]>"
    )
    model = model_of("x")
    assert str(model) == (
        "m version 3\n\nserving_default (predict)\n  in   x  float32  [-1]\n  out  y  float32  [-1]"
    )
    assert repr(model) == "<Model 'm' version 3: serving_default>"
    assert str(Model("m", None, {})).startswith("m\n\nno signatures; export it with one: ")


@pytest.mark.parametrize("folder", sorted(p.name for p in ZOO.iterdir() if p.name != "broken"))
def test_tables_fit_and_keep_every_name(folder: str) -> None:
    model = from_saved_model(ZOO / folder)
    shown = str(model)
    assert max(map(columns, shown.split("\n"))) <= 80
    assert not re.search(r" $", shown, re.MULTILINE)
    assert "__saved_model_init_op" not in shown
    for name, signature in model.signatures.items():
        if name != "__saved_model_init_op":
            for wire in [name, *signature.inputs, *signature.outputs]:
                assert wire in shown or not wire.isprintable()


def test_names_are_wrapped_rather_than_cut() -> None:
    names = ["n" * 300, "中文" * 60, "with blanks " * 20]
    shown = str(model_of(*names))
    assert max(map(columns, shown.split("\n"))) <= 80
    rows = [line[7:].removesuffix("float32  [-1]").strip() for line in shown.split("\n")[3:]]
    joined = "".join(rows).replace(" ", "")
    assert all(name.replace(" ", "") in joined for name in names)


def test_a_status_is_a_list_and_a_table(zoo: Zoo) -> None:
    for target in (zoo.grpc, zoo.rest):
        with Client(target) as client:
            found = client.status("half_plus_two")
            assert isinstance(found, list)
            assert re.fullmatch(r"version  state\n2        AVAILABLE(\n1 .*)?", str(found))
            assert repr(found).startswith("[VersionStatus(version=2, ")
    failed = VersionStatus(7, "END", Code.NOT_FOUND, "\x1b[2Jno such file " * 9)
    shown = str(Statuses([failed]))
    assert "7        END    NOT_FOUND  \\x1b[2J" in shown
    assert max(map(len, shown.split("\n"))) <= 80
    assert str(Statuses()) == "no versions"


def test_a_prediction_reads_as_text() -> None:
    out = answer(label=strings(b"cat", "ø".encode(), b"\xff"), y=[[1.5, 2.0]], n=3)
    assert str(out) == (
        "m version 3, serving_default\n\n"
        'label  string [3]\n["cat", "ø", b\'\\xff\']\n\n'
        "y  float64 [1, 2]\n[[1.5, 2. ]]\n\n"
        "n  int64 []\n3"
    )
    assert repr(out) == (
        "<Prediction of 'm' version 3: label=[\"cat\", \"ø\", b'\\xff'], y=[[1.5, 2. ]], n=3>"
    )
    assert '"a\\x1b[2J\\n\\"\\\\b"' in str(answer(x=strings(b'a\x1b[2J\n"\\b')))


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(10**8, np.uint8),
        np.zeros((2,) * 26, np.uint8),
        np.zeros((1000, 1000, 3)),
        np.full(10**6, b"text" * 100, object),
        strings(b"\xc3\xa9" * 10**7),
        strings(*[b"\xff" * 10**5] * 5),
        np.zeros((0, 4)),
    ],
)
def test_what_is_huge_is_shown_in_part(array: Any) -> None:
    out = answer(y=array)
    shown = str(out)
    assert len(shown) < 20_000
    assert max(map(columns, shown.split("\n"))) <= 80
    assert len(repr(out)) < 200
    assert len(out._repr_html_()) < 20_000


def test_many_names_are_not_all_in_one_line() -> None:
    model = model_of(*(f"input_{n}" for n in range(1000)))
    assert len(repr(model.signatures["serving_default"])) < 500
    assert len(repr(answer(**{"o" * 1000 + str(n): 1 for n in range(1000)}))) < 1000
    assert "and 801 more rows" in model._repr_html_()


def test_html_holds_text_only() -> None:
    model = model_of(HOSTILE)
    statuses = Statuses([VersionStatus(7, "END", Code.NOT_FOUND, HOSTILE)])
    out = answer(**{HOSTILE: strings(HOSTILE.encode())})
    for shown in (model, model.signatures["serving_default"], statuses, out):
        html = shown._repr_html_()
        assert "&lt;img src=x onerror=alert(1)&gt;\\x1b[2J\\u202e$x$&amp;amp;" in html
        assert set(re.findall(r"</?(\w+)", html)) <= {"div", "p", "table", "tr", "th", "td", "pre"}
        assert html.startswith('<div class="tex2jax_ignore')


@pytest.mark.parametrize("make", [Client, AsyncClient])
def test_a_bound_model_says_what_it_is_and_asks_nobody(make: Any) -> None:
    model = make("localhost:1").model("m", version=3)
    kind = "BoundModel" if make is Client else "AsyncBoundModel"
    assert repr(model) == f"<{kind} 'm' version 3 at localhost:1>"
    assert str(model).startswith("'m' version 3 at localhost:1\n")
    known = make("localhost:1", schemas={"m": model_of("x")}).model("m", label="stable")
    assert str(known) == f"'m' label 'stable' at localhost:1\n\n{model_of('x')}"
    assert "not known yet" in model._repr_html_()
    assert known._repr_html_().endswith(model_of("x")._repr_html_())


def test_a_request_is_one_line() -> None:
    spec = model_of("x").signatures["serving_default"]
    request = build_predict("m", np.zeros(1000), signature=spec, version=3)
    assert repr(request) == (
        "<PredictRequest of 'm' version 3, signature 'serving_default': x float32 [1000]>"
    )
    assert request == request  # and does not compare arrays
    assert hash(spec) == hash(model_of("x").signatures["serving_default"])
