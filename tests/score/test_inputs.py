"""Files of every kind through real models, equal to what predict says of the same rows."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.conftest import Zoo
from tests.score.helpers import letters, rows, write
from tfsclient import Client, Example, InvalidInput, Unavailable
from tfsclient._codec.tfrecord import frame
from tfsclient.score import score_files

Table = dict[str, Any]
XS = [float(number) for number in range(100)]
HALVES = [[number / 2 + 3] for number in XS]  # of the latest version


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_parquet(zoo: Zoo, tmp_path: Path, protocol: str) -> None:
    path = write(tmp_path / "in.parquet", {"id": list(range(100)), "x": XS})
    summary = score_files(getattr(zoo, protocol), "half_plus_two", path, tmp_path / "out")
    assert (summary.rows, summary.errors, summary.complete) == (100, 0, True)
    assert rows(tmp_path / "out") == [
        {"id": number, "x": x, "y": y} for number, (x, y) in enumerate(zip(XS, HALVES, strict=True))
    ]


def csv(tmp_path: Path) -> Path:
    lines = ["id,x,zip", *(f"{number},{x},0{number}" for number, x in enumerate(XS))]
    path = tmp_path / "in.csv.gz"
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return path


def json_lines(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"x": x}) + "\n" for x in XS))
    return path


def npy(tmp_path: Path) -> Path:
    np.save(tmp_path / "in.npy", np.array(XS))
    return tmp_path / "in.npy"


def npz(tmp_path: Path) -> Path:
    np.savez(tmp_path / "in.npz", x=np.array(XS, np.float16))
    return tmp_path / "in.npz"


def folder(tmp_path: Path) -> Path:
    write(tmp_path / "in/year=2025/a.parquet", {"x": XS[:30]})
    write(tmp_path / "in/year=2026/a.parquet", {"x": XS[30:]})
    (tmp_path / "in/_SUCCESS").touch()
    return tmp_path / "in"


@pytest.mark.parametrize("make", [csv, json_lines, npy, npz, folder])
def test_kinds(zoo: Zoo, tmp_path: Path, make: Any) -> None:
    score_files(zoo.grpc, "half_plus_two", make(tmp_path), tmp_path / "out")
    found = rows(tmp_path / "out")
    assert [row["y"] for row in found] == HALVES
    if make is csv:
        assert found[7] == {"id": 7, "x": 7.0, "zip": "07", "y": [6.5]}  # 07 is not a number
    if make is folder:
        assert [row["year"] for row in found] == [2025] * 30 + [2026] * 70


def test_pictures(zoo: Zoo, tmp_path: Path) -> None:
    from PIL import Image as Pictures

    (tmp_path / "scans").mkdir()
    for number in range(20):
        pixels = np.full((28, 28), 12 * number, np.uint8)
        Pictures.fromarray(pixels).save(tmp_path / f"scans/{number:02}.png")
    (tmp_path / "scans/11.png").write_bytes(b"not a picture")
    options: Table = {"on_error": "dead-letter"}
    score_files(zoo.grpc, "raw_png", tmp_path / "scans", tmp_path / "out", **options)
    found = rows(tmp_path / "out")
    assert len(found) == 19
    with Client(zoo.grpc) as client:
        data = (tmp_path / "scans/07.png").read_bytes()
        want = client.predict("raw_png", {"image_bytes": [data]})
    assert found[7]["path"] == str(tmp_path / "scans/07.png")
    assert found[7]["label"] == want.text("label")[0]
    (dead,) = letters(tmp_path / "out")
    assert dead["path"].endswith("11.png")


def test_examples_in_records(zoo: Zoo, tmp_path: Path) -> None:
    path = tmp_path / "data.tfrecord-00000-of-00001"
    path.write_bytes(b"".join(frame(Example({"x": x}).to_bytes()) for x in XS))
    options: Table = {"signature": "regress_x_to_y", "keep": []}
    score_files(zoo.grpc, "half_plus_two", path, tmp_path / "out", **options)
    assert [row["outputs"] for row in rows(tmp_path / "out")] == HALVES
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InvalidInput, match=r"record at byte \d+ is truncated"):
        score_files(zoo.grpc, "half_plus_two", path, tmp_path / "cut", **options)


def test_examples_of_columns(zoo: Zoo, tmp_path: Path) -> None:
    path = write(tmp_path / "in.parquet", {"x": pa.array(XS, pa.float32())})
    score_files(
        zoo.grpc, "half_plus_two", path, tmp_path / "out", signature="regress_x_to_y", keep="x"
    )
    assert [row["outputs"] for row in rows(tmp_path / "out")] == HALVES


def test_a_row_at_a_time(zoo: Zoo, tmp_path: Path) -> None:
    path = write(tmp_path / "in.parquet", {"m": [[float(i)] * 6 for i in range(20)]})
    options: Table = {"signature": "fixed", "map": {"x": "m"}, "keep": []}
    score_files(zoo.grpc, "ranks", path, tmp_path / "out", **options)
    assert [row["y"] for row in rows(tmp_path / "out")] == [[[2 * i] * 3] * 2 for i in range(20)]


def test_flat_lists_become_tensors(zoo: Zoo, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).random((30, 784), np.float32)
    path = write(tmp_path / "in.parquet", {"pixels": list(pixels)})
    options: Table = {"map": {"images": "pixels"}, "keep": [], "signature": "predict_images"}
    score_files(zoo.grpc, "predict_images", path, tmp_path / "out", **options)
    with Client(zoo.grpc) as client:
        want = client.predict("predict_images", pixels, signature="predict_images")["scores"]
    got = np.array([row["scores"] for row in rows(tmp_path / "out")])
    assert np.allclose(got, want, atol=1e-5)


@pytest.mark.parametrize(
    ("columns", "options", "text"),
    [
        ({"z": XS}, {}, "no column is called as input 'x'"),
        ({"x": ["1"]}, {}, "column 'x' holds string, but input 'x' wants float32"),
        ({"x": XS}, {"map": {"x": "xx"}}, "there is no column 'xx' for input 'x'"),
        ({"x": XS}, {"map": {"y": "x"}}, "there is no input 'y'"),
        ({"x": XS}, {"keep": ["id"]}, "there is no column 'id' to keep"),
        ({"x": XS}, {"outputs": ["z"]}, "there is no output 'z'"),
        ({"x": XS}, {"outputs": []}, "outputs names none"),
        ({"x": XS}, {"map": {"x": "*"}}, r"makes Examples, but input 'x' wants float32"),
        ({"x": XS}, {"map": {"x": 5}}, "map must be columns by input"),
        ({"x": XS}, {"keep": 5}, "keep must be names, not 5"),
        ({"x": XS}, {"prefix": None}, "prefix must be text, not None"),
        ({"x": XS, "y": XS, "p": XS}, {"prefix": "", "keep": "all"}, "two columns would be called"),
    ],
)
def test_what_does_not_fit_is_refused_first(
    zoo: Zoo, tmp_path: Path, columns: Table, options: Table, text: str
) -> None:
    path = write(tmp_path / "in.parquet", columns)
    with pytest.raises(InvalidInput, match=text):
        score_files(zoo.grpc, "half_plus_two", path, tmp_path / "out", **options)
    assert not list((tmp_path / "out").glob("part*"))


def test_one_version_to_the_end(zoo: Zoo, tmp_path: Path) -> None:
    path = write(tmp_path / "in.parquet", {"x": XS})
    summary = score_files(zoo.grpc, "half_plus_two", path, tmp_path / "out", label="stable")
    with Client(zoo.grpc) as client:
        assert summary.version == client.metadata("half_plus_two", label="stable").version
    assert summary.versions == (summary.version,)


def test_files_whose_types_differ(zoo: Zoo, tmp_path: Path) -> None:
    first = {"x": pa.array(XS[:2], pa.float32()), "id": pa.array([0, 1], pa.int32())}
    write(tmp_path / "in/a.parquet", first)
    write(tmp_path / "in/b.parquet", {"id": [2, 3, 4], "x": [0.5, None, float("nan")]})
    score_files(
        zoo.grpc, "half_plus_two", tmp_path / "in", tmp_path / "out", on_error="dead-letter"
    )
    assert [row["id"] for row in rows(tmp_path / "out")] == [0, 1, 2, 4]
    write(tmp_path / "in/b.parquet", {"id": [2], "x": [1e39]})  # would become infinite
    with pytest.raises(InvalidInput, match=r"b.parquet: column 'x' holds double, but float in"):
        score_files(zoo.grpc, "half_plus_two", tmp_path / "in", tmp_path / "other")


def test_integers_after_a_file_of_floats(zoo: Zoo, tmp_path: Path) -> None:
    write(tmp_path / "in/a.parquet", {"x": [0.5]})
    write(tmp_path / "in/b.parquet", {"x": [1, None, 2**24 + 1, 2**24]})
    out = tmp_path / "out"
    score_files(zoo.grpc, "half_plus_two", tmp_path / "in", out, on_error="dead-letter")
    assert [row["x"] for row in rows(out)] == [0.5, 1.0, 2.0**24]
    assert "row 2: column 'x' holds 16777217, which float32" in letters(out)[1]["error"]


def test_dictionaries_and_maps_in_csv(zoo: Zoo, tmp_path: Path) -> None:
    pairs = pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64()))
    kinds = pa.array(["b"]).dictionary_encode()
    path = write(tmp_path / "in.parquet", {"x": [0.0], "kind": kinds, "pairs": pairs})
    score_files(zoo.grpc, "half_plus_two", path, tmp_path / "out", format="csv")
    text = (tmp_path / "out/part-00000.csv").read_text()
    assert text == 'x,kind,pairs,y\n0.0,b,"[[""a"",1]]",[3.0]\n'


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("gs://anonymous@bucket/x.parquet", "gs://anonymous@bucket/x.parquet"),
        pytest.param("gs://anonymous@bucket/*.csv", "gs://", marks=pytest.mark.slow),
        pytest.param("s3://key:secret@bucket/x", "s3://bucket/x", marks=pytest.mark.slow),
    ],
)
def test_a_store_that_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, shown: str
) -> None:
    monkeypatch.setattr("tfsclient.score._files._PATIENCE", 1)
    options = "?endpoint_override=localhost:1&scheme=http"
    with pytest.raises(InvalidInput, match=f"cannot read {shown}") as refused:
        score_files("localhost:1", "m", path + options, tmp_path / "out")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("path", ["", None, 5])
def test_no_path_is_not_this_folder(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "in.parquet", {"x": XS})
    for inputs, out in ((path, "out"), ("in.parquet", path)):
        with pytest.raises(InvalidInput, match="must be the name of a file or folder, not"):
            score_files(zoo.grpc, "half_plus_two", inputs, out)
    assert [found.name for found in tmp_path.iterdir()] == ["in.parquet"]


@pytest.mark.parametrize("given", ["scans", "scans/*/*.png"])
def test_a_link_to_nothing_is_not_passed_over(tmp_path: Path, given: str) -> None:
    folder = tmp_path / "scans" / "day"
    folder.mkdir(parents=True)
    (folder / "one.png").write_bytes(b"")
    (folder / "two.png").symlink_to("nowhere")
    with pytest.raises(InvalidInput, match=r"two\.png is a link to nowhere, which does not exist"):
        score_files("localhost:1", "m", str(tmp_path / given), "-")
    (folder / "two.png").rename(folder / "_two.png")
    if given == "scans":  # where such names are passed over
        with pytest.raises(Unavailable):
            score_files("localhost:1", "m", str(tmp_path / given), "-")
