"""The page's API over real models: what it shows, what it refuses, what it keeps."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import CONFORMANCE, Zoo
from tests.ui.conftest import Api
from tfsclient import AsyncClient, Client, Image, Model, Signature, TensorSpec
from tfsclient._codec.model_ref import ModelRef

SEVEN = CONFORMANCE / "data" / "digit_7.png"


def as_json(value: object) -> dict[str, Any]:
    return {"mode": "json", "text": json.dumps(value)}


def as_file(path: Path, **more: Any) -> dict[str, Any]:
    return file(path.name, path.read_bytes(), **more)


def file(name: str, data: bytes, **more: Any) -> dict[str, Any]:
    packed = base64.b64encode(data).decode()
    return {"mode": "file", "files": [{"name": name, "b64": packed}], **more}


def values(answer: Any, output: str) -> Any:
    (found,) = [one["values"] for one in answer["outputs"] if one["name"] == output]
    return found


def test_it_starts_with_what_the_command_line_named(api: Api, zoo: Zoo) -> None:
    start = api.get("start").json()
    assert [one["target"] for one in start["targets"]] == [zoo.grpc, zoo.rest]
    assert start["models"] == ["simplest", "dense15"]
    assert {"python", "go", "js", "ts", "curl", "openapi"} <= set(start["clients"])


def test_versions_and_their_states(api: Api) -> None:
    versions = api.post("status", {"model": "half_plus_two"}).json()["versions"]
    assert {v["version"]: v["state"] for v in versions} == {1: "AVAILABLE", 2: "AVAILABLE"}
    missing = api.post("status", {"model": "nothing"})
    assert missing.status_code == 502
    assert missing.json()["error"]["code"] == "NOT_FOUND"


MODELS = [
    "simplest", "linear", "mnist_images", "estimator", "mlp", "strings", "dense15",
    "segmentation", "predict_images", "dtypes", "ranks", "defaults", "feature_spec", "bert",
    "awkward", "half_plus_two", "composite",
]  # fmt: skip


@pytest.mark.parametrize("target", [0, 1])
@pytest.mark.parametrize("model", MODELS)
def test_the_server_accepts_what_the_form_starts_with(api: Api, model: str, target: int) -> None:
    described = api.post("model", {"model": model, "target": target}).json()
    assert described["signatures"]
    for signature in described["signatures"]:
        if signature["unusable"] or (target and signature["not_over_rest"]):
            continue
        fields = {one["name"]: first_field(one) for one in signature["inputs"]}
        if any(f is None for f in fields.values()):
            continue
        form = api.form(model, fields, signature=signature["name"], target=target)
        answer = api.post("call", form)
        # What a model makes of zeros is its own; that they fit it is ours.
        assert answer.status_code == 200 or "error" in answer.json(), answer.text
        assert answer.status_code != 422, (signature["name"], answer.text)
        if signature["sample"] and signature["kind"] == "predict":
            whole = {"mode": "json", "text": signature["sample"]}
            assert api.post("check", {**form, "whole": whole}).status_code == 200


def first_field(one: Any) -> dict[str, Any] | None:
    """The field as the page fills it, in the first mode that has a sample."""
    if one["features"] is not None:
        return {"mode": "features", "rows": [{f["name"]: f["sample"] for f in one["features"]}]}
    if one["json"] is not None:
        return {"mode": "json", "text": one["json"]}
    if "fill" in one["modes"]:
        return {"mode": "fill", "with": "zeros", "sizes": one["sizes"]}
    return None


def test_a_call_is_the_librarys(api: Api, zoo: Zoo) -> None:
    answer = api.call("half_plus_two", {"x": {"mode": "cells", "rows": [["1"], ["2.5"]]}})
    with Client(zoo.grpc) as client:
        out = client.predict("half_plus_two", [[1.0], [2.5]])
    assert values(answer, "y") == out["y"].tolist()
    assert answer["answered"] == out.version
    assert answer["sent"] > 0
    assert set(answer["seconds"]) == {"read", "encode", "wire", "decode"}


def test_versions_and_labels_are_called(api: Api) -> None:
    field = {"x": as_json([[1.0]])}
    old = api.call("half_plus_two", field, version=1)
    labelled = api.call("half_plus_two", field, label="canary")
    assert (old["answered"], labelled["answered"]) == (1, 2)
    rows = api.post("compare", {"left": old["id"], "right": labelled["id"]}).json()["outputs"]
    assert [row["name"] for row in rows] == ["y"]
    assert rows[0]["same"] is (values(old, "y") == values(labelled, "y"))


def test_refusals_stand_beside_their_fields(api: Api) -> None:
    model = api.post("model", {"model": "dense15"}).json()["signatures"][0]
    (name,) = [one["name"] for one in model["inputs"]]
    short = api.refusal("dense15", {name: as_json([[1.0, 2.0]])})
    assert "shape (1, 2)" in short["fields"][name]
    broken = api.refusal("dense15", {name: {"mode": "json", "text": "[[1, 2"}})
    assert "is not JSON" in broken["fields"][name]
    assert "--input" not in json.dumps(broken)
    cell = api.refusal("half_plus_two", {"x": {"mode": "cells", "rows": [["1"], ["two"]]}})
    assert cell["fields"]["x"] == "row 2: 'two' is not a number"
    assert api.refusal("half_plus_two", {})["fields"]["x"] == "is missing"
    assert api.refusal("half_plus_two", {"y": as_json([1])})["fields"].keys() == {"x", "y"}


def test_every_field_that_does_not_fit_is_named(api: Api) -> None:
    described = api.post("model", {"model": "defaults"}).json()
    signature = next(s for s in described["signatures"] if len(s["inputs"]) > 1)
    fields = {one["name"]: {"mode": "json", "text": "[[["} for one in signature["inputs"]}
    refused = api.refusal("defaults", fields, signature=signature["name"])
    assert refused["fields"].keys() == fields.keys()


def test_pictures_files_and_tables(api: Api, zoo: Zoo) -> None:
    described = api.post("model", {"model": "mnist_images"}).json()["signatures"]
    signature = next(s for s in described if s["name"] == "serving_default")
    (name,) = [one["name"] for one in signature["inputs"]]
    assert signature["inputs"][0]["modes"][0] == "file"
    from_page = api.call("mnist_images", {name: as_file(SEVEN, base64url=True)})
    with Client(zoo.grpc) as client:
        out = client.predict("mnist_images", Image(SEVEN, base64url=True))
    for one, array in out.items():
        assert np.allclose(values(from_page, one), array, rtol=1e-6)

    saved = io.BytesIO()
    np.save(saved, np.array([[1.0], [2.0]], np.float32))
    by_array = api.call("half_plus_two", {"x": file("x.npy", saved.getvalue())})
    by_table = api.call("half_plus_two", {"x": {"mode": "csv", "text": "x.0\n1\n2\n"}})
    assert values(by_array, "y") == values(by_table, "y")
    assert "cannot read" in api.refusal("half_plus_two", {"x": file("x.npy", b"no")})["fields"]["x"]


def test_features_are_fields_where_a_saved_model_tells_them(api: Api, zoo: Zoo) -> None:
    described = api.post("model", {"model": "estimator"}).json()["signatures"]
    typed = [s for s in described if s["inputs"][0]["features"]]
    assert typed
    for signature in typed:
        if signature["unusable"]:
            continue
        (given,) = signature["inputs"]
        row = {one["name"]: one["sample"] for one in given["features"]}
        fields = {given["name"]: {"mode": "features", "rows": [row]}}
        answer = api.call("estimator", fields, signature=signature["name"])
        assert answer["pairs"] is (signature["kind"] == "classify")


def test_whole_bodies_of_tf_serving(api: Api) -> None:
    for text in (
        '{"instances": [[1.0], [2.0]]}',
        '{"inputs": {"x": [[1], [2]]}}',
        '{"x": [[1], [2]]}',
    ):
        answer = api.call("half_plus_two", {}, whole={"mode": "json", "text": text})
        assert values(answer, "y") == [[3.5], [4.0]]
    wrong = api.refusal("half_plus_two", {}, whole={"mode": "json", "text": '{"z": [1]}'})
    assert wrong["fields"].keys() <= {"", "x"}


def test_answers_are_files(api: Api) -> None:
    answer = api.call("half_plus_two", {"x": as_json([[1.0]])})
    place = f"calls/{answer['id']}/answer"
    assert np.load(io.BytesIO(api.get(f"{place}.npy").content)).tolist() == [[3.5]]
    assert json.loads(api.get(f"{place}.json").content)["outputs"]["y"]["values"] == [[3.5]]
    assert api.get(f"{place}.csv").text == "y\n3.5\n"
    assert api.get(f"{place}.exe").status_code == 422
    assert "attachment" in api.get(f"{place}.npz").headers["content-disposition"]


def test_large_answers_come_in_pages(api: Api) -> None:
    count = 100_000
    answer = api.call("half_plus_two", {"x": {"mode": "fill", "with": "ones", "sizes": [count, 1]}})
    (output,) = answer["outputs"]
    assert output["values"] is None
    assert output["stats"] == {"min": 3.5, "max": 3.5, "mean": 3.5, "not_finite": 0}
    place = f"calls/{answer['id']}/outputs/0"
    assert len(api.get(f"{place}?as=floats").content) == 4 * count
    assert api.get(f"{place}?start=99999").json()["values"] == [3.5]
    assert api.get(f"calls/{answer['id']}/outputs/9").status_code == 422


def test_numbers_that_json_does_not_have(api: Api) -> None:
    answer = api.call("half_plus_two", {"x": as_json([["NaN"], ["Infinity"]])})
    assert values(answer, "y") == [["NaN"], ["Infinity"]]


def test_what_if(api: Api) -> None:
    change = {"input": "x", "index": [1, 0], "from": 0, "to": 10, "steps": 3}
    form = {**api.form("half_plus_two", {"x": as_json([[1.0], [2.0]])}), "change": change}
    swept = api.post("sweep", form).json()
    assert swept["x"] == [0.0, 5.0, 10.0]
    assert swept["lines"][0] == {
        "output": "y",
        "index": [1, 0],
        "y": [3.0, 5.5, 8.0],
        "spread": 5.0,
    }
    wrong = api.post("sweep", {**form, "change": {**change, "index": [7, 0]}})
    assert "no element [7, 0]" in wrong.json()["error"]["details"]


def test_the_last_calls_are_kept_and_saved(api: Api) -> None:
    answer = api.call("half_plus_two", {"x": as_json([[3.0]])})
    newest = api.get("calls").json()["calls"][0]
    assert (newest["id"], newest["model"]) == (answer["id"], "half_plus_two")
    again = api.get(f"calls/{answer['id']}").json()["form"]
    assert values(api.post("call", again).json(), "y") == [[4.5]]
    saved = api.post("warmup", {"ids": [answer["id"]]})
    assert b"half_plus_two" in saved.content
    assert api.get("calls/123456").status_code == 422


def test_python_and_curl_run_as_they_are(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    form = api.form("half_plus_two", {"x": as_json([[1.0], [2.5]])}, version=1)
    program = api.post("code", {**form, "language": "python"}).json()["text"]
    exec(program, {})  # as it stands
    assert "3.25" in capsys.readouterr().out
    command = api.post("code", {**form, "language": "curl"}).json()["text"]
    ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == {"outputs": [[2.5], [3.25]]}
    many = {"x": {"mode": "fill", "with": "ones", "sizes": [50_000, 1]}}  # more than an argument
    large = api.form("half_plus_two", many)
    command = api.post("code", {**large, "language": "curl"}).json()["text"]
    ran = subprocess.run(["bash"], input=command, capture_output=True, text=True, check=True)
    assert len(json.loads(ran.stdout)["outputs"]) == 50_000
    call = api.post("call", form).json()
    saved: dict[str, Any] = {}
    exec(api.get(f"calls/{call['id']}/test.py").text, saved)
    saved["test_call"]()


@pytest.mark.parametrize("model", ["strings", "dtypes", "ranks", "bert", "awkward"])
def test_a_call_of_any_type_can_be_saved_as_a_test(api: Api, model: str) -> None:
    described = api.post("model", {"model": model}).json()
    for signature in described["signatures"]:
        if signature["kind"] != "predict" or signature["unusable"]:
            continue
        inputs = {one["name"]: first_field(one) for one in signature["inputs"]}
        form = api.form(model, inputs, signature=signature["name"])
        call = api.post("call", form)
        if call.status_code != 200:
            continue  # what the model makes of zeros is its own
        saved: dict[str, Any] = {}
        exec(api.get(f"calls/{call.json()['id']}/test.py").text, saved)
        saved["test_call"]()


def test_code_beside_the_generated_client(api: Api) -> None:
    form = api.form("half_plus_two", {"x": as_json([[1.0], [2.5]])}, label="canary")
    go, ts, js = (
        api.post("code", {**form, "language": language}).json()["text"]
        for language in ("go", "ts", "js")
    )
    assert "halfplustwo.New(" in go
    assert "[]float32{1.0, 2.5}, 2, 1" in go
    assert 'from "half-plus-two-client/half_plus_two"' in ts
    assert "new Float32Array([1.0, 2.5])" in js
    assert 'label: "canary"' in js


@pytest.mark.parametrize("language", ["python", "go", "js", "ts", "curl", "openapi"])
def test_clients_are_archives(api: Api, language: str) -> None:
    packed = api.post("zip", {"model": "awkward", "language": language})
    assert packed.status_code == 200, packed.text
    names = zipfile.ZipFile(io.BytesIO(packed.content)).namelist()
    assert any("lock.json" in name for name in names)
    assert api.post("zip", {"model": "awkward", "language": "cobol"}).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        [], {}, {"model": ""}, {"model": 3}, {"model": "a", "target": 9},
        {"model": "half_plus_two"}, {"model": "half_plus_two", "signature": 3},
        {"model": "half_plus_two", "signature": "x", "inputs": []},
        {"model": "half_plus_two", "signature": "x", "inputs": {"x": 3}},
        {"model": "half_plus_two", "signature": "serving_default", "version": -1},
        {"model": "half_plus_two", "signature": "serving_default", "version": 1, "label": "a"},
        {"model": "half_plus_two", "signature": "serving_default", "inputs": {"x": {}}},
        {"model": "half_plus_two", "signature": "serving_default", "whole": {"mode": "csv"}},
    ],
)  # fmt: skip
def test_requests_that_make_no_sense(api: Api, body: Any) -> None:
    for path in ("call", "check", "code", "sweep", "model" if not body else "call"):
        answer = api.post(path, body)
        assert answer.status_code in (422, 502), (path, answer.text)
        assert answer.json()["error"]["details"]


@pytest.mark.parametrize(
    "field",
    [{"mode": "fill", "sizes": [1] * 100}, {"mode": "fill", "sizes": [0, 2**62, 2**62]},
     {"mode": "features", "rows": [5]}],
)  # fmt: skip
def test_what_no_form_holds_is_refused_too(api: Api, field: Any) -> None:
    assert "x" in api.refusal("half_plus_two", {"x": field})["fields"]


def test_a_number_is_not_moved_beyond_its_type(api: Api) -> None:
    form = api.form("half_plus_two", {"x": as_json([[1.0]])})
    change = {"input": "x", "index": [0, 0], "from": 0, "to": 1e300, "steps": 3}
    refused = api.post("sweep", {**form, "change": change})
    assert refused.status_code == 422
    assert "which cannot hold 5e+299" in refused.json()["error"]["details"]


@pytest.mark.parametrize(
    ("left", "right", "difference"),
    [
        (np.array([2**53], np.int64), np.array([2**53 + 1], np.int64), 1),
        (np.array([2**64 - 1], np.uint64), np.array([2**64 - 2], np.uint64), 1),
        (np.array([1], np.complex64), np.array([1j], np.complex64), np.sqrt(2)),
        (np.array([np.inf, 1]), np.array([np.inf, 1.5]), 0.5),
        (np.array([np.nan]), np.array([1.0]), np.nan),
    ],
)
def test_what_differs_is_not_the_same(left: Any, right: Any, difference: float) -> None:
    from tfsclient._cli.page import answers

    (row,) = answers.compare({"y": left}, {"y": right})
    assert not row["same"]
    np.testing.assert_allclose(float(row["difference"]), difference)
    (row,) = answers.compare({"y": left}, {"y": left})
    assert (row["same"], row["difference"]) == (True, 0)


def test_versions_that_javascript_would_round_are_texts(api: Api) -> None:
    from tfsclient._cli.page.answers import number
    from tfsclient._cli.page.calls import read_ref

    version = 2**53 + 1
    assert (number(version), number(7)) == (str(version), 7)
    assert read_ref({"model": "m", "version": str(version)})[1].version == version
    assert api.call("half_plus_two", {"x": as_json([[1.0]])}, version="1")["answered"] == 1


def test_code_calls_versions_as_they_are() -> None:
    from tfsclient._cli.page import code, forms
    from tfsclient._cli.page.servers import Server

    x = {"x": TensorSpec("x", "float32", (-1,))}
    signature = Signature("serving_default", x, {"y": TensorSpec("y", "float32", (-1,))})
    model = Model("m", None, {"serving_default": signature})
    server = Server("localhost:8500", AsyncClient("localhost:8500"))
    for version, js in {0: "0", 2**53 - 1: f"{2**53 - 1}", 2**53 + 1: f"{2**53 + 1}n"}.items():
        filled = forms.fill(ModelRef("m", version), signature, {"x": as_json([1.0])}, None)
        written = {
            name: code.write(name, server, model, signature, filled) for name in code.LANGUAGES
        }
        for name in ("js", "ts"):
            assert f"{{ version: {js} }}" in written[name]
        assert f"tfs.WithVersion({version})" in written["go"]
        assert f"version={version}," in written["python"]
        assert f"/versions/{version}:predict" in written["curl"]


def test_what_unpacks_to_too_much_is_refused(api: Api) -> None:
    packed = io.BytesIO()
    np.savez_compressed(packed, x=np.zeros((20 << 20, 1), np.float32))
    assert len(packed.getvalue()) < 1 << 20
    refused = api.refusal("half_plus_two", {"x": file("x.npz", packed.getvalue())})
    assert refused["details"] == "x.npz holds more than 64 MiB when it is unpacked"


@pytest.mark.parametrize("scale", ["1e999999999", "1e9999", "1/0", "nan", "-"])
def test_a_scale_is_a_number_of_an_ordinary_size(api: Api, scale: str) -> None:
    field = as_file(SEVEN, scale=scale)
    refused = api.refusal("mlp", {"images": field}, signature="call")
    assert "is not a number, such as 1/255" in refused["details"]


def test_of_long_strings_a_page_of_values_has_the_beginning() -> None:
    from tfsclient._cli.page import answers

    array = np.array([b"short", b"\xff" * 9, "é".encode() * 3000], object)
    short, raw, long = answers.page(array, 0)
    assert (short, raw) == ("short", {"b64": "////////////"})
    assert long == "é" * 2048 + "… of 6,000 bytes"
