"""meaning.toml: what is read of it, and that all else is refused with the file and the line."""

from __future__ import annotations

import os
import pickle
import re
from pathlib import Path

import pytest

from tfsclient import InvalidInput, Model, Signature, TensorSpec, meaning, schema
from tfsclient.meaning import Picture, Sample, TensorMeaning
from tfsclient.meaning._lines import find_lines

FULL = """\
format = 1
description = "Reads scanned digits."

[signatures.serving_default.inputs.images]
kind = "image"
range = [0, 1.0]
colour = "gray"
layout = "HW"
description = "8 x 8 scans, ink is bright"

[signatures.serving_default.outputs.scores]
kind = "scores"
labels = "labels.txt"

[[signatures.serving_default.examples]]
name = "a seven"
inputs = {images = "seven.png"}
"""
LABELS = [f"digit {n}" for n in range(10)]


def model() -> Model:
    specs = {
        "images": TensorSpec("images", "float32", [-1, 8, 8]),
        "rgb": TensorSpec("rgb", "float32", [-1, 32, 32, 3]),
        "bytes": TensorSpec("bytes", "uint8", [-1, -1, -1, -1]),
        "png": TensorSpec("png", "string", [-1]),
        "flat": TensorSpec("flat", "float32", [-1, 784]),
        "n": TensorSpec("n", "int64", [-1]),
    }
    outputs = {
        "scores": TensorSpec("scores", "float32", [-1, 10]),
        "one": TensorSpec("one", "int64", [-1]),
    }
    default = Signature("serving_default", {"images": specs["images"]}, outputs)
    many = Signature("many", specs, outputs, defaults=frozenset(specs.keys() - {"n"}))
    return Model("digits", 1, {"serving_default": default, "many": many})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "labels.txt").write_text("\r\n".join(LABELS) + "\r\n", "utf-8")
    (tmp_path / "seven.png").write_bytes(b"png")
    (tmp_path / "meaning.toml").write_text(FULL, "utf-8")
    return tmp_path


def test_all_that_it_says_goes_to_the_signature(folder: Path) -> None:
    read = meaning.read(folder / "meaning.toml")
    told = meaning.attach(read, model())
    assert told.description == "Reads scanned digits."
    default = told.signature()
    assert default.inputs["images"].meaning == TensorMeaning(
        "image", (0, 1), colour="gray", layout="HW", description="8 x 8 scans, ink is bright"
    )
    assert default.labels == {"scores": tuple(LABELS)}
    assert default.samples == (Sample("a seven", {"images": Picture("seven.png")}),)
    assert default.samples[0].inputs["images"].path == folder / "seven.png"
    assert told.signature("many").labels is None
    # A schema has all of it; and what is given replaces what was there.
    assert schema.from_json(schema.to_json(told)) == told
    assert meaning.attach(meaning.Meaning(), told) == model()
    assert schema.to_json(model()) == schema.to_json(meaning.attach(meaning.Meaning(), told))
    assert pickle.loads(pickle.dumps(read)) == read
    assert hash(told.signature())  # it can be a key
    assert len(repr(default.inputs["images"].meaning)) < 400


@pytest.mark.parametrize(
    ("old", "new", "refusal"),
    [
        ("format = 1", "", "meaning.toml: format is missing"),
        ("format = 1", "format = 2", ":1: format is 2"),
        ("format = 1", "format = ", ":1: Invalid value"),
        ("description = \"R", "about = \"R", ":2: 'about' is not a key"),
        ("colour", "color", ":7: 'color' is not a key (did you mean 'colour'?)"),
        ('"image"', '"picture"', ":5: kind must be image, labels,"),
        (
            '"image"',
            '"imagee"',
            "number, not 'imagee' (did you mean 'image'?)",
        ),
        ('"image"', "1", ":5: kind must be"),
        ('"image"', '"number"', ":6: range is for pictures"),
        ("[0, 1.0]", "[0, nan]", ":6: range must be two different numbers"),
        ("[0, 1.0]", "[0, 1, 2]", ":6: range must be"),
        ("[0, 1.0]", "1", ":6: range must be"),
        ("[0, 1.0]", '["0", "1"]', ":6: range must be"),
        ("range = [0, 1.0]", "mean = [1, 2]", ":6: mean must be a finite number, or one for each"),
        (
            "range = [0, 1.0]", "mean = [1, 2, 3]",
            ":6: mean of input 'images', float32 [-1, 8, 8]: there are 3 numbers for 1 channels",
        ),
        (
            "range = [0, 1.0]", "mean = 0.5\nstd = 0.25",
            ":7: std 0.25 is for pixel values 0 to 1",
        ),
        ("range = [0, 1.0]", "mean = 0\nstd = -2", ":7: std divides, so it must be above 0"),
        ("layout = \"HW\"", "mean = 1", ":6: range and mean or std exclude each other"),
        (
            '"gray"', '"rgb"',
            ":7: colour of input 'images', float32 [-1, 8, 8]: rgb is of 3 channels, not 1",
        ),
        (
            '"HW"', '"CHW"',
            "[-1, 8, 8]: CHW leaves no dimension for the batch",
        ),
        ("inputs.images", "inputs.image", ":4: there is no input 'image' (did you mean 'images'?)"),
        (
            "serving_default.outputs", "serving.outputs",
            ":11: there is no signature 'serving' (did you mean 'serving_default'?)",
        ),
        (
            '"labels.txt"', '["a", "b"]',
            ":13: labels of output 'scores', float32 [-1, 10]: there are 2 for 10 classes",
        ),
        (
            '"scores"\nlabels = "labels.txt"', '"image"',
            ":12: kind of output 'scores', float32 [-1, 10]: image says how pictures become",
        ),
        ('"labels.txt"', '["a", " "]', ":13: labels[1] is empty"),
        ('"labels.txt"', "[1]", ":13: labels[0] must be text, not 1"),
        ('"labels.txt"', '"nine.txt"', ":13: 'nine.txt' does not exist"),
        ('"labels.txt"', '"."', ":13: '.' is not a file"),
        (
            '"labels.txt"', '"../labels.txt"',
            ":13: '../labels.txt' is not the name of a file in this folder",
        ),
        ('"labels.txt"', '"/etc/passwd"', ":13: '/etc/passwd' is not the name"),
        ('"labels.txt"', "'..\\..\\x'", "is not the name of a file"),
        (
            '"labels.txt"', '"link.txt"',
            ":13: 'link.txt' leads out of this folder by a symbolic link",
        ),
        ('"labels.txt"', '"circle.txt"', ":13: 'circle.txt' does not exist"),
        ('"labels.txt"', '"gap.txt"', ":13: gap.txt:2 is empty"),
        ('"labels.txt"', '"latin.txt"', ":13: latin.txt:2: is not UTF-8 text"),
        ('"labels.txt"', '"huge.txt"', ":13: huge.txt: is larger than 1 MiB"),
        ('"a seven"', "7", ":16: name must be text, not 7"),
        ("{images = ", "{image = ", ":17: there is no input 'image'"),
        ('"seven.png"', "[[[1]]]", "of the example 'a seven' has shape [1, 1, 1], but"),
        ('"seven.png"', "[[1, 2], [1]]", "has lists of different lengths"),
        ('"seven.png"', '[["seven.png", 1]]', "is text, but the signature wants"),
        ('"seven.png"', "{a = 1}", "is a table"),
        ("{images = \"seven.png\"}", "{}", ":17: the example 'a seven' lacks input 'images'"),
        ("seven.png", "eight.png", ":17: 'eight.png' does not exist"),
        (
            "[[signatures.serving_default.examples]]", "[signatures.serving_default.examples]",
            ":15: examples must be tables",
        ),
        (
            "{images = \"seven.png\"}", "{images = 1979-05-27}",
            ":17: inputs['images'] holds datetime.date",
        ),
        ("[signatures.serving_default.inputs.images]", "[x]", ":4: 'x' is not a key"),
        (
            FULL[FULL.index("["):], "[signatures]\nserving_default = 1",
            ":5: 'serving_default' must be a table, not 1",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_line(
    folder: Path, old: str, new: str, refusal: str
) -> None:
    (folder / "gap.txt").write_text("a\n\nb\n", "utf-8")
    (folder / "latin.txt").write_bytes(b"a\n\xe9\n")
    (folder / "huge.txt").write_bytes(b"a\n" * 600_000)
    (folder.parent / "outside.txt").write_text("secret\n", "utf-8")
    (folder / "link.txt").unlink(missing_ok=True)
    os.symlink(folder.parent / "outside.txt", folder / "link.txt")
    (folder / "circle.txt").symlink_to("circle.txt")
    assert old in FULL
    (folder / "meaning.toml").write_text(FULL.replace(old, new, 1), "utf-8")
    with pytest.raises(InvalidInput) as refused:
        meaning.attach(meaning.read(folder / "meaning.toml"), model())
    assert refusal in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "told", "refusal"),
    [
        (
            "rgb", 'kind = "image"\nlayout = "HW"',
            "layout of input 'rgb', float32 [-1, 32, 32, 3]: HW is of 2 dimensions",
        ),
        ("rgb", 'kind = "image"\nlayout = "CHW"', "by CHW it would have 32"),
        ("rgb", 'kind = "image"\nstd = [1, 2, 3, 4]', "there are 4 numbers for 3 channels"),
        ("bytes", 'kind = "image"\nrange = [0, 1]', "not whole, which integers cannot hold"),
        ("bytes", 'kind = "image"\nmean = [1, 2, 3]', "say by colour which channels these are"),
        ("png", 'kind = "image"\nrange = [0, 1]', "an encoded picture has its own"),
        ("flat", 'kind = "image"\nlayout = "HW"', "HW leaves no dimension for the batch"),
        ("n", 'kind = "text"', "text is of strings"),
        ("rgb", 'kind = "scores"', "scores says what an output stands for"),
        ("n", 'kind = "labels"', "labels says what an output stands for"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_tensor_is_refused(
    tmp_path: Path, name: str, told: str, refusal: str
) -> None:
    path = tmp_path / "meaning.toml"
    path.write_text(f"format = 1\n[signatures.many.inputs.{name}]\n{told}\n", "utf-8")
    with pytest.raises(InvalidInput, match=r"meaning.toml:[34]: ") as refused:
        meaning.attach(meaning.read(path), model())
    assert refusal in str(refused.value)


def test_what_fits_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "meaning.toml"
    text = 'format = 1\n[signatures.many.inputs]\nrgb = {kind = "image", mean = [1, 2, 3]}\n'
    text += 'bytes = {kind = "image", range = [0, 255], colour = "bgr"}\npng = {kind = "image"}\n'
    text += 'flat.kind = "number"\nn.kind = "number"\n'
    path.write_text("\ufeff" + text, "utf-8")
    inputs = meaning.attach(meaning.read(path), model()).signature("many").inputs
    assert {n: s.meaning and s.meaning.kind for n, s in inputs.items()} == {
        "bytes": "image", "flat": "number", "images": None, "n": "number", "png": "image",
        "rgb": "image",
    }  # fmt: skip


def test_a_file_that_is_no_toml_or_endless_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "meaning.toml"
    for content, refusal in (
        (b"a = " + b"[" * 20_000, "nested too deeply|:1: "),
        (b"\xff", ":1: is not UTF-8"),
        (b"#" * (1 << 20) + b"#", "is larger than 1 MiB"),
        (b'format = 1\nx = "', ":2: "),
        (b"format = " + b"1" * 5000, "it holds an integer with thousands of digits"),
    ):
        path.write_bytes(content)
        with pytest.raises(InvalidInput, match=refusal):
            meaning.read(path)
    with pytest.raises(InvalidInput, match="cannot be read: No such file"):
        meaning.read(tmp_path / "none.toml")
    with pytest.raises(InvalidInput, match=f"^{re.escape(str(tmp_path))}: is not a file"):
        meaning.read(tmp_path)


def test_lines_are_found_whatever_the_text_looks_like() -> None:
    text = '''
# [no.table]
"a.b" = """
[no]
x = 1 \\"""
"""  # y = 2
c = [  # [[d]]
  1, "]",
]
[ "t t" . 'u' ]
k.l = 1
[[d]]
[d.e]
m = {n = [{o = 1}]}
[[d]]
e = 2024-01-01T00:00:00Z
'''
    lines = find_lines(text)
    assert {keys: line for keys, line in lines.items() if keys not in [("d",), ("t t",)]} == {
        ("a.b",): 3, ("c",): 7, ("t t", "u"): 10, ("t t", "u", "k"): 11, ("t t", "u", "k", "l"): 11,
        ("d", 0): 12, ("d", 0, "e"): 13, ("d", 0, "e", "m"): 14, ("d", 1): 15, ("d", 1, "e"): 16,
    }  # fmt: skip


def test_by_hand_it_is_checked_as_well() -> None:
    for make, refusal in (
        (lambda: TensorMeaning("image", mean=(1, 2)), "mean must be"),
        (lambda: TensorSpec("x", "int8", None, meaning="image"), "a TensorMeaning"),  # type: ignore[arg-type]
        (lambda: Sample("x", {"a": {1, 2}}), "holds {1, 2}"),
        (lambda: meaning.SignatureMeaning(samples=(Sample("x", {}),) * 2), "two that are called"),
    ):
        with pytest.raises(InvalidInput, match=refusal):
            make()
