"""Files that break off: what comes before that is scored, and then the place is named."""

from __future__ import annotations

import bz2
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.score.helpers import answer, letters, rows, twice
from tfsclient import Client, Example, InvalidInput, Model, Signature, TensorSpec
from tfsclient._codec.tfrecord import frame
from tfsclient.score import score_files
from tfsclient.testing import FakeServer


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    length = Signature(
        "serving_default",
        {"examples": TensorSpec("examples", "string", (-1,))},
        {"length": TensorSpec("length", "int64", (-1,))},
    )
    with FakeServer(twice(), Model("length", 1, {"serving_default": length})) as server:
        server.answer("twice", answer)
        server.answer("length", lambda inputs: {"length": [len(one) for one in inputs["examples"]]})
        yield server.grpc_target


HEAD = "id,x,n,s\n"
LINES = [f"{n},{n / 7},{n},{'ab' * (n % 9)}{n}\n" for n in range(9000)]
OBJECTS = [json.dumps({"id": n, "x": n / 7, "n": n, "s": str(n)}) + "\n" for n in range(9000)]


@pytest.mark.parametrize("lines", [[HEAD, *LINES], OBJECTS])
@pytest.mark.parametrize(
    ("ending", "pack", "unpack"),
    [
        (".gz", gzip.compress, lambda: zlib.decompressobj(31)),
        (".bz2", lambda data: bz2.compress(data, 1), bz2.BZ2Decompressor),
    ],
)
def test_packed_text_that_is_cut_short(
    target: str, tmp_path: Path, lines: list[str], ending: str, pack: Any, unpack: Any
) -> None:
    packed = pack("".join(lines).encode())
    packed = packed[: len(packed) * 2 // 3]
    count = unpack().decompress(packed).count(b"\n")
    head = int(lines[0] == HEAD)
    path = tmp_path / f"in{'.csv' if head else '.jsonl'}{ending}"
    path.write_bytes(packed)
    with pytest.raises(InvalidInput, match=f"cannot read .* after line {count}: "):
        score_files(target, "twice", path, tmp_path / "out")
    assert [row["id"] for row in rows(tmp_path / "out")] == list(range(count - head))


@pytest.mark.parametrize("packed", [False, True])
def test_records_that_are_cut_short(target: str, tmp_path: Path, packed: bool) -> None:
    data = b"".join(frame(Example({"x": n}).to_bytes()) for n in range(500))
    path = tmp_path / ("in.tfrecord.gz" if packed else "in.tfrecord")
    path.write_bytes(gzip.compress(data)[:-300] if packed else data[:-5])
    with pytest.raises(InvalidInput, match=r"after (\d+) records") as caught:
        score_files(target, "length", path, tmp_path / "out")
    count = int(re.findall(r"after (\d+) records", str(caught.value))[0])
    assert len(rows(tmp_path / "out")) == count
    assert count == 499 or (packed and 0 < count < 499)


def test_a_file_that_is_cut_while_the_job_runs(target: str, tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text(HEAD + "".join(LINES))
    size, less = path.stat().st_size, len(HEAD + "".join(LINES[:100]))

    def cut(_: object) -> None:  # after the first call, which asks for the signature
        with path.open("r+b") as file:
            file.truncate(less)

    text = rf"after line 101: it had {size} bytes when the job began, and ends after {less}$"
    with Client(target, on_call=cut) as client, pytest.raises(InvalidInput, match=text):
        score_files(client, "twice", path, tmp_path / "out")
    assert len(rows(tmp_path / "out")) == 100


def test_an_array_that_is_cut_short(target: str, tmp_path: Path) -> None:
    path = tmp_path / "in.npy"
    np.save(path, np.array([b"abc"] * 100))
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(InvalidInput, match=r"in.npy: the array 'array' ends after row 98, too"):
        score_files(target, "length", path, tmp_path / "out")
    assert len(rows(tmp_path / "out")) == 98


def test_a_quote_that_nothing_closes(target: str, tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text(HEAD + "".join(LINES[:5]) + '5,1,1,"abc\n' + "".join(LINES[6:]))
    with pytest.raises(
        InvalidInput, match="the row that begins on line 7 has a quote that nothing closes"
    ):
        score_files(target, "twice", path, tmp_path / "out", on_error="dead-letter")
    assert [row["id"] for row in rows(tmp_path / "out")] == [0, 1, 2, 3, 4]
    assert not (tmp_path / "out/_errors").exists()


def test_a_quote_that_is_closed_by_another(target: str, tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text(HEAD + '0,1,1,"abc\n1,1,1,a\n2,1,1,"b"\n3,1,1,c\n')
    score_files(target, "twice", path, tmp_path / "out", on_error="dead-letter")
    assert [row["id"] for row in rows(tmp_path / "out")] == [3]
    (dead,) = letters(tmp_path / "out")
    assert dead["error"].startswith("row 0 (line 2): is not CSV")
    assert "after a quote that runs on to line 4" in dead["error"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.csv", b"", "none.csv does not begin with a line of names"),
        ("wide.csv", "id,x,n,s".encode("utf-16"), "wide.csv: the first line is not UTF-8"),
        ("none.npy", b"", "none.npy: the array 'array' cannot be read"),
        ("mixed", b"", "several kinds: .*in.csv [(]csv[)] and 1 picture"),
    ],
)
def test_files_that_cannot_be_begun_are_named(
    target: str, tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    files = [tmp_path / name]
    if name == "mixed":
        files = [tmp_path / "in.png", tmp_path / "in.csv"]
    for file in files:
        file.write_bytes(content)
    with pytest.raises(InvalidInput, match=words):
        score_files(target, "twice", files, tmp_path / "out")


def test_cells_with_other_marks_between_them_are_noticed(target: str, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id;x;n;s\n1;2;3;4\n")
    with pytest.raises(InvalidInput, match="no column is called as input") as refused:
        score_files(target, "twice", tmp_path / "in.csv", tmp_path / "out")
    assert refused.value.hint == "CSV has commas between cells"
