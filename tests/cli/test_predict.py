"""``tfsclient predict``, ``classify`` and ``regress``: what is sent, shown and written."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from tests.conftest import CONFORMANCE, ZOO, Zoo
from tfsclient import DType, InvalidInput, Prediction, Signature, TensorSpec
from tfsclient._cli import answers, outfile
from tfsclient._cli.inputs import Given
from tfsclient._cli.main import main
from tfsclient._inputs.prepare import prepare
from tfsclient.results._json import json_values
from tfsclient.testing import FakeServer

SEVEN = CONFORMANCE / "data" / "digit_7.png"


def run(*arguments: object, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)), input=stdin)


def good(*arguments: object, stdin: str | bytes | None = None) -> Result:
    result = run(*arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(params=["grpc", "rest"])
def target(request: pytest.FixtureRequest, zoo: Zoo) -> str:
    return zoo.grpc if request.param == "grpc" else zoo.rest


@pytest.fixture(scope="module")
def running() -> Iterator[FakeServer]:
    with FakeServer(ZOO / "linear") as server:
        yield server


@pytest.fixture
def fake(running: FakeServer) -> FakeServer:
    running.reset()
    return running


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# Inputs.


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "x\n1\n2\n"),
        ("a.jsonl", '{"x": 1}\n{"x": 2}\n'),
        ("b.jsonl", "1\n2\n"),
        ("a.json", '{"instances": [1, 2]}'),
        ("b.json", '{"signature_name": "serving_default", "inputs": {"x": [1, 2]}}'),
    ],
)
def test_files_and_pipes_are_sent(target: str, here: Path, name: str, content: str) -> None:
    (here / name).write_text(content)
    want = good("predict", target, "linear", "-i", "[1, 2]", "--json").stdout
    assert good("predict", target, "linear", "-i", f"@{name}", "--json").stdout == want
    assert good("predict", target, "linear", "-i", "-", "--json", stdin=content).stdout == want
    kind = f"-.{name.partition('.')[2]}"
    assert good("predict", target, "linear", "-i", kind, "--json", stdin=content).stdout == want


def test_a_body_says_which_signature_is_called(target: str) -> None:
    body = '{"signature_name": "custom_method", "instances": [[1, 2]]}'
    assert (
        '"signature":"custom_method"'
        in good("predict", target, "ranks", "-i", body, "--json").stdout
    )
    refused = run("predict", target, "ranks", "-i", body, "--signature", "fixed")
    assert refused.exit_code == 2
    assert "names the signature 'custom_method', but 'fixed' is called" in refused.stderr
    short = "--seconds", "0.1", "--warmup", "0"
    bench = good("bench", target, "ranks", "-i", "-", *short, stdin=body)
    assert bench.stdout.startswith("ranks, custom_method\n  x  float32 [1, 2]\n")


def test_pictures_are_scaled_where_that_is_said(fake: FakeServer, target: str) -> None:
    call = ["predict", target, "mlp", "-i", f"images=@{SEVEN}", "--json"]
    noted = good(*call)
    assert "note: a picture for 'images' becomes values 0 to 255" in noted.stderr
    assert "--scale 1/255" in noted.stderr
    scaled = good(*call, "--scale", "1/255")
    assert scaled.stderr == ""
    assert scaled.stdout != noted.stdout
    assert good(*call, "--scale", str(1 / 255)).stdout == scaled.stdout
    for wrong in ("0", "x", "1/0", "nan"):
        assert run(*call, "--scale", wrong).exit_code == 2
    none = run("predict", fake.grpc_target, "linear", "-i", "[1]", "--scale", "2")
    assert (none.exit_code, none.stderr) == (
        2, "error: --scale is for pictures, and no input is one\n",
    )  # fmt: skip


def test_the_name_of_a_file_in_place_of_its_bytes_is_noted(target: str, here: Path) -> None:
    (here / "a.txt").write_text("what was meant")
    call = ["predict", target, "strings", "--signature", "test_concat", "-i"]
    assert (
        "note: 'a.txt' is taken as text; the file itself is @a.txt" in good(*call, "a.txt").stderr
    )
    assert good(*call, "a=@a.txt").stderr == good(*call, "a=b.txt").stderr == ""


# Answers.


def test_outputs_are_named_with_commas(target: str) -> None:
    call = ["predict", target, "ranks", "--signature", "many_outputs", "-i", "[[1, 2]]", "--json"]
    for names in (["--outputs", "out_1,out_0"], ["--outputs", "out_0", "--outputs", "out_1"]):
        assert json.loads(good(*call, *names).stdout)["outputs"].keys() == {"out_0", "out_1"}


def test_an_answer_is_written_and_read_again(target: str, here: Path) -> None:
    call = ["predict", target, "ranks", "--signature", "custom_method", "-i"]
    asked = "[[1.5, 2], [0.1, NaN]]"
    want = good(*call, asked, "--json").stdout
    for suffix in (".npy", ".npz", ".json", ".jsonl", ".csv"):
        done = good(*call, asked, "--out", f"y{suffix}")
        assert (done.stdout, done.stderr) == ("", f"wrote y{suffix}\n")
    assert (here / "y.json").read_text() == want
    assert list(np.load(here / "y.npz")) == ["y"]
    assert (here / "y.jsonl").read_text() == '{"y":[1.5,2.0]}\n{"y":[0.1,"NaN"]}\n'
    assert (here / "y.csv").read_text() == "y.0,y.1\n1.5,2.0\n0.1,nan\n"
    (here / "x.csv").write_text((here / "y.csv").read_text().replace("y.", "x."))
    for again in ("@y.npy", "x=@y.npz", "@x.csv"):
        assert good(*call, again, "--json").stdout == want
    assert sorted(os.listdir(here)) == ["x.csv", "y.csv", "y.json", "y.jsonl", "y.npy", "y.npz"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("y.txt", "--out y.txt must end in .npy, .npz, .json, .jsonl or .csv"),
        ("y", "must end in"),
        ("no/y.csv", "cannot write no/y.csv: no is not a directory"),
        ("d.csv", "cannot write d.csv: d.csv is a directory"),
        ("y.npy", "a .npy file holds one output, but there are 10"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_before_the_call(
    fake: FakeServer, zoo: Zoo, here: Path, name: str, words: str
) -> None:
    (here / "d.csv").mkdir()
    if name == "y.npy":
        arguments = [zoo.grpc, "ranks", "--signature", "many_outputs", "-i", "[[1, 2]]"]
    else:
        arguments = [fake.grpc_target, "linear", "-i", "[1]"]
    result = run("predict", *arguments, "--out", name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr
    assert not fake.calls
    assert os.listdir(here) == ["d.csv"]


def spec_of(**outputs: Any) -> Signature:
    specs = {
        n: TensorSpec(n, DType.of_numpy(a.dtype) or "float32", None) for n, a in outputs.items()
    }
    return Signature("s", {"x": TensorSpec("x", "float32", None)}, specs)


def written(path: Path, **outputs: Any) -> None:
    answer = Prediction(outputs, model="m", signature="s", version=1)
    outfile.write(path, answer, spec_of(**outputs))


def objects(*items: bytes) -> Any:
    array = np.empty(len(items), object)
    array[:] = items
    return array


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path, link = tmp_path / "a.csv", tmp_path / "link.csv"
    path.write_text("before")
    path.chmod(0o640)
    link.symlink_to(path)
    for broken, words in (
        ({"a": objects(b"\xff")}, "not UTF-8"),
        ({"a": np.zeros(2), "b": np.zeros(3)}, "no rows in common: a [2], b [3]"),
        ({"a": np.zeros(())}, "no rows in common"),
    ):
        with pytest.raises(InvalidInput) as caught:
            written(link, **broken)
        assert words in str(caught.value)
        assert path.read_text() == "before"
    written(link, a=np.array([1, 2]))
    assert path.read_text() == "a\n1\n2\n"
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(os.listdir(tmp_path)) == ["a.csv", "link.csv"]


def test_npz_holds_every_name_and_strings(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    outputs = {
        "file": objects("é".encode(), b"b"),
        "a/b": objects(b"\xff"),
        "n": np.array(2**53 + 1),
    }
    written(path, **outputs)
    with np.load(path, allow_pickle=False) as found:
        assert {name: found[name].tolist() for name in found} == {
            "file": ["é", "b"], "a/b": [b"\xff"], "n": 2**53 + 1,
        }  # fmt: skip
    with pytest.raises(InvalidInput, match="strings that end in a NUL"):
        written(path, s=objects(b"a\0"))


# Strict JSON and CSV of every dtype, read again by the reader of inputs.

_DTYPES = ["bool", "int8", "int64", "uint64", "float16", "float32", "float64", "bfloat16", "int4"]
_SHAPES = st.tuples(st.integers(1, 3)) | st.tuples(st.integers(1, 3), st.integers(1, 3))


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".npz"])
@given(st.data(), st.sampled_from(_DTYPES))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, data: st.DataObject, name: str
) -> None:
    dtype = DType(name)
    plain = {"bfloat16": np.float16, "int4": np.bool_}.get(name, dtype.numpy)
    array = data.draw(st_numpy.arrays(plain, _SHAPES)).astype(dtype.numpy)
    path = tmp_path_factory.mktemp("out") / f"a{suffix}"
    written(path, x=array)
    spec = Signature("s", {"x": TensorSpec("x", dtype, (-1,) * array.ndim)}, {})
    if array.ndim == 2 and suffix == ".csv":
        spec = Signature("s", {"x": TensorSpec("x", dtype, (-1, array.shape[1]))}, {})
    found = prepare(Given([f"@{path}"]).inputs(spec), spec, model="m")["x"].array
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found.astype(np.float64), array.astype(np.float64))
    if dtype.kind == "int":
        assert found.tolist() == array.tolist()


@given(st_numpy.arrays(st.sampled_from([np.float32, np.float64]), _SHAPES))
def test_json_is_strict(array: Any) -> None:
    answer = Prediction({"y": array}, model="m", signature="s", version=None)

    def refuse(word: str) -> None:
        raise AssertionError(word)

    text = answers.to_json(answer, spec_of(y=array))
    (found,) = json.loads(text, parse_constant=refuse)["outputs"].values()
    assert found["shape"] == list(array.shape)
    values = np.array(found["values"], object).ravel().tolist()
    for value, number in zip(values, array.ravel().tolist(), strict=True):
        assert repr(array.dtype.type(float(value))) == repr(array.dtype.type(number))


def test_strings_are_shown_as_text() -> None:
    words = {
        b"cat": '"cat"',
        "日本 é".encode(): '"日本 é"',
        b"\xff\0": r"b'\xff\x00'",
        b'"\\\n\x1b': r'"\"\\\n\x1b"',
        ("é" * 200).encode(): 'é"... (400 bytes)',
    }
    for item, shown in words.items():
        array = objects(item)
        answer = Prediction({"s": array}, model="m", signature="s", version=1)
        assert shown in answers.for_people(answer, spec_of(s=array))
    assert json.loads(json_values(objects(*words))) == [
        "cat", "日本 é", {"b64": "/wA="}, '"\\\n\x1b', "é" * 200,
    ]  # fmt: skip


def test_complex_numbers_are_pairs(here: Path) -> None:
    array = np.array([[1 + 2j, complex("nan")], [complex(0, np.inf), -1j]], np.complex64)
    for shape in ((4,), (2, 2), (2, 2, 1)):
        spec = Signature("s", {"x": TensorSpec("x", DType("complex64"), (-1, *shape[1:]))}, {})
        for suffix in (".jsonl", ".csv", ".npz"):
            written(here / f"a{suffix}", x=array.reshape(shape))
            found = prepare(Given([f"@a{suffix}"]).inputs(spec), spec, model="m")["x"].array
            np.testing.assert_array_equal(found, array.reshape(shape))
        text = json_values(array.reshape(shape)).decode()
        found = prepare(Given([f"x={text}"]).inputs(spec), spec, model="m")["x"].array
        np.testing.assert_array_equal(found, array.reshape(shape))


def test_a_body_that_is_not_quite_one_is_named(fake: FakeServer) -> None:
    for body, words in (
        ('{"instances": [1], "foo": 1}', "'foo' has no place beside 'instances'"),
        ('{"instances": [1], "inputs": [1]}', "holds both 'instances' and 'inputs'"),
    ):
        refused = run("predict", fake.grpc_target, "linear", "-i", body)
        assert refused.exit_code == 2
        assert words in refused.stderr
    examples = '{"examples": [{"x": 2.0}], "foo": 1}'
    refused = run("regress", fake.grpc_target, "linear", "-i", examples)
    assert "'foo' has no place beside 'examples'" in refused.stderr


def test_errors_speak_of_what_is_typed(fake: FakeServer) -> None:
    predict = ["predict", fake.grpc_target, "linear", "-i"]
    for arguments, words in (
        (["x=[[1, 2]]"], "(2,) would fit\n"),
        (['"1"'], "but the signature wants float32\n"),
        (['"a.png"'], "; a file is written @a.png\n"),
        (["1", "--signature", "serving_defalt"], "(did you mean 'serving_default'?)"),
        (["1", "--outputs", "yy"], "(did you mean 'y'?)"),
        (["1", "--scale", "0"], "'0' must be finite and not 0"),
        (["1", "--scale", "1/0"], "'1/0' must be finite and not 0"),
        (["1", "--scale", "nan"], "'nan' must be finite and not 0"),
    ):
        refused = run(*predict, *arguments)
        assert refused.exit_code == 2
        assert words in refused.stderr
        assert "numpy." not in refused.stderr
    with FakeServer(ZOO / "dtypes") as server:
        for name, words in (("id_bool", "true or false"), ("id_complex64", "[real, imaginary]")):
            typed = ["predict", server.grpc_target, "dtypes", "--signature", name, "-i", "[1, 0]"]
            refused = run(*typed)
            assert f"; in JSON, {words}" in refused.stderr
            assert "numpy." not in refused.stderr
    long = run("inspect", "x" * 300)
    assert (long.exit_code, long.stderr) == (2, f"error: {'x' * 300}: File name too long\n")
    typo = run("inspect", "./typo")
    assert (typo.exit_code, typo.stderr[:28]) == (2, "error: ./typo does not exist")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has it")
def test_output_that_cannot_be_written_is_an_error_in_a_line(fake: FakeServer) -> None:
    command = [sys.executable, "-m", "tfsclient", "status", fake.grpc_target, "linear"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "error: cannot write the output: No space left on device\n"


# Examples.


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "x,x2\n2.0,1.0\n4.0,\n"),
        ("a.jsonl", '{"x": 2.0, "x2": 1.0}\n{"x": [4.0]}\n'),
        ("a.json", '[{"x": 2.0}, {"x": 4.0}]'),
        ("b.json", '{"examples": [{}, {"x": 4.0}], "context": {"x": 2.0}}'),
    ],
)
def test_rows_are_classified_and_regressed(
    target: str, here: Path, name: str, content: str
) -> None:
    (here / name).write_text(content)
    regress = ["regress", target, "half_plus_two", "--signature", "regress_x_to_y", "-i"]
    if name != "b.json":
        assert good(*regress, f"@{name}").stdout == "example  value\n0        4.0\n1        5.0\n"
    for text, stdin in ((f"@{name}", None), ("-", content)):
        found = json.loads(good(*regress, text, "--json", stdin=stdin).stdout)
        assert found["results"][1:] == [5.0]
        classify = ["classify", target, "half_plus_two", "--signature", "classify_two", "-i", text]
        found = json.loads(good(*classify, "--json", stdin=stdin).stdout)
        assert found["results"][1][0] == {"label": "first", "score": 5.0}
    shown = good(*classify, stdin=content).stdout.splitlines()
    assert shown[0].split() == ["example", "label", "score"]
    assert shown[3].split() == ["1", "first", "5.0"]


def test_what_are_no_rows_of_features_is_said(target: str, here: Path) -> None:
    (here / "a.npy").write_bytes(b"")
    for text, words in (
        ("3", "does not hold rows of features, such as"),
        ("[]", "does not hold rows of features"),
        ('{"instances": [1]}', "is a body for predict"),
        ('{"examples": []}', "examples must be a list of at least one"),
        ('{"examples": [{}], "context": 3}', "context is not an object but 3"),
        ("x", "must be JSON, and 'x' is not"),
        ("@a.npy", "a.npy does not hold rows of features; .jsonl, .csv and .json files do"),
        ("@none.csv", "cannot read none.csv: No such file"),
        ('[{"x": [1, 2.5]}]', "mixes int"),
    ):
        result = run(
            "regress", target, "half_plus_two", "--signature", "regress_x_to_y", "-i", text
        )
        assert result.exit_code == 2, text
        assert words in result.stderr
    integers = ["regress", target, "half_plus_two", "--signature", "regress_x_to_y", "-i"]
    assert "3 is an integer and 3.0 is a float" in run(*integers, '[{"x": 3}]').stderr
    assert run("classify", target, "half_plus_two").exit_code == 2


@given(st.lists(st.text("\r\n\"', [ab\0é"), min_size=1, max_size=4))
@example(["a\rb"])
def test_strings_survive_csv(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = tmp_path_factory.mktemp("out") / "a.csv"
    written(path, x=objects(*(text.encode() for text in texts)))
    raw = path.read_bytes().decode()
    assert list(csv.reader(io.StringIO(raw, newline=""))) == [["x"], *([text] for text in texts)]
    spec = Signature("s", {"x": TensorSpec("x", DType("string"), (-1,))}, {})
    assert Given([f"@{path}"]).inputs(spec) == {"x": texts}


def test_the_signature_for_examples_is_picked_before_they_are_sent(target: str) -> None:
    row = ["-i", '[{"x": 2.0}]']
    for command, others in (("classify", "'classify_two'"), ("regress", "'regress_x_to_y'")):
        for more in ([], ["--signature", "serving_default"]):
            refused = run(command, target, "half_plus_two", *row, *more)
            assert refused.exit_code == 2
            wrong = f"signature 'serving_default' is a predict signature; {command} signatures: "
            assert wrong in refused.stderr
            assert others in refused.stderr
        refused = run(command, target, "linear", *row)
        assert f"the model has no {command} signature" in refused.stderr
    near = run("classify", target, "half_plus_two", "--signature", "classify_tow", *row)
    assert "(did you mean 'classify_two'?)" in near.stderr
