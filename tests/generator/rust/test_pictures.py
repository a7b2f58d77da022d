"""Generated Rust makes of pictures what the library makes of them."""

from __future__ import annotations

import io
import json
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from tfsclient_gen import generate

from tests.conftest import Zoo, missing
from tests.generator import meant
from tests.generator.go.clients import zoo_model
from tests.generator.pictures import cases
from tests.generator.rust.clients import PROGRAMS, built, pictured, run, write

try:
    from PIL import Image as Pillow
except ImportError:
    missing("Pillow")

pytestmark = pytest.mark.language("rust")


@pytest.fixture(scope="module")
def crate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A crate of a model that is told to take pictures, and programs that use it."""
    model = meant.ranks(meant.read(tmp_path_factory.mktemp("meaning")))
    names = ("meant", "seen")
    programs = {f"examples/{n}.rs": (PROGRAMS / f"{n}.rs").read_text("utf-8") for n in names}
    return write(model, "pictures", more=programs)


@pytest.mark.slow
def test_pixels_are_those_of_the_library(crate: Path, tmp_path: Path) -> None:
    pictures = cases()
    paths = {file: tmp_path / f"{i}" for i, file in enumerate({p.file for p in pictures})}
    for file, path in paths.items():
        path.write_bytes(file)
    lines = [f"{p.fit}\t{' '.join(map(str, p.shape))}\t{paths[p.file]}\n" for p in pictures]
    (tmp_path / "cases").write_text("".join(lines), "utf-8")
    shown = run(built("seen", crate), tmp_path / "cases", cwd=tmp_path)
    for picture, line in zip(pictures, shown.splitlines(), strict=True):
        shape, data = map(json.loads, line.split("\t"))
        picture.check(np.array(data, np.uint8).reshape(shape))


@pytest.mark.slow
def test_pictures_and_labels_are_those_of_the_library(
    crate: Path, tmp_path: Path, zoo: Zoo
) -> None:
    files = meant.pictures(tmp_path)
    told_of = meant.read(tmp_path)
    for target in (zoo.grpc, zoo.rest):
        wanted = meant.answers(target, told_of, files)
        shown = run(built("meant", crate), target, files["GREY"], files["RGB"], cwd=tmp_path)
        grey, bgr, *top = map(json.loads, shown.splitlines())
        assert grey == pytest.approx(wanted["Grey"], rel=1e-7)
        assert bgr == pytest.approx(wanted["BGR"], rel=1e-7)
        assert top == wanted["Top"]


@pytest.mark.slow
def test_files_that_are_no_pictures_are_refused(crate: Path, tmp_path: Path) -> None:
    broken = dict(_broken())
    for name, (file, _) in broken.items():
        (tmp_path / name).write_bytes(file)
    lines = [f"stretch\t8 8 3\t{name}\n" for name in broken]
    (tmp_path / "cases").write_text("".join(lines), "utf-8")
    shown = run(built("seen", crate), "cases", cwd=tmp_path).splitlines()
    for (name, (_, why)), line in zip(broken.items(), shown, strict=True):
        assert line.startswith(f"INVALID_ARGUMENT: image 0, {name}: {why}"), line


def _broken() -> Iterator[tuple[str, tuple[bytes, str]]]:
    """Files by their names, and why they are refused."""
    picture = Pillow.fromarray(np.zeros((30, 20, 3), np.uint8))
    yield "empty", (b"", "it is not a PNG, JPEG or GIF file")
    yield "webp", (_encoded(picture, "WEBP"), "it is not a PNG, JPEG or GIF file")
    for form in ("PNG", "JPEG", "GIF"):
        file = _encoded(picture, form)
        why = "it ends too early" if form == "JPEG" else "it cannot be decoded: "
        yield f"half.{form}", (file[: len(file) // 2], why)
        yield f"start.{form}", (file[:12], why)
    yield "cut.JPEG", (_encoded(picture, "JPEG")[:-2], "it ends too early")
    yield "wrong.JPEG", (_encoded(picture, "JPEG")[:2] + b"\xff\xd9", "it cannot be decoded: ")
    for form in ("PNG", "GIF"):
        frames = [picture, Pillow.new("RGB", (20, 30), "red")]
        animated = _encoded(frames[0], form, save_all=True, append_images=frames[1:])
        yield f"animated.{form}", (animated, "it has several frames")
    # Larger than they are: only their headers are read.
    large, side = "it is 65000 pixels high and 65000 wide; at most", (65000).to_bytes(2, "big")
    header = b"IHDR" + struct.pack(">II5B", 65000, 65000, 8, 2, 0, 0, 0)
    header += struct.pack(">I", zlib.crc32(header))
    for form, before, put in (
        ("JPEG", b"\xff\xc0\x00\x11\x08", side * 2),
        ("GIF", b"GIF87a", side[::-1] * 2),
        ("PNG", b"\x00\x00\x00\x0d", header),
    ):
        file = _encoded(picture, form)
        start = file.index(before) + len(before)
        yield f"large.{form}", (file[:start] + put + file[start + len(put) :], large)


@pytest.mark.slow
def test_no_file_is_too_much(crate: Path, tmp_path: Path) -> None:
    random = Random(7)
    picture = Pillow.fromarray(np.random.default_rng(7).integers(0, 256, (9, 9, 3), np.uint8))
    lines = []
    for form in ("PNG", "JPEG", "GIF"):
        for number in range(300):
            changed = bytearray(_encoded(picture, form))
            for _ in range(random.randint(1, 4)):
                changed[random.randrange(len(changed))] = random.randrange(256)
            end = random.randint(1, 2 * len(changed))
            (tmp_path / f"{number}.{form}").write_bytes(changed[:end])
            lines.append(f"crop\t5 8 4\t{number}.{form}\n")
    Pillow.new("L", (1, 2_000_000), 7).save(tmp_path / "narrow.png")
    lines.append("stretch\t40 40\tnarrow.png\n")
    (tmp_path / "cases").write_text("".join(lines), "utf-8")
    shown = run(built("seen", crate), "cases", cwd=tmp_path).splitlines()
    assert len(shown) == len(lines)
    kinds = {re.sub(r"(image 0, )\S+|\[[\d, ]+\]", "", line)[:40] for line in shown}
    assert len(kinds) > 3
    assert json.loads(shown[-1].split("\t")[1]) == [7] * 1600


def _encoded(picture: Any, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def test_a_meaning_is_code_where_there_is_one(tmp_path: Path) -> None:
    files = generate(meant.ranks(meant.read(tmp_path)), "rust")
    assert "tfs::Pictures::new([-1, -1]).range(-1.0, 1.0)\n" in files["src/ranks.rs"]
    assert 'default = ["grpc", "images", "rest"]' in files["Cargo.toml"]
    plain = generate(zoo_model("ranks"), "rust")
    assert "tfs::Pictures" not in plain["src/ranks.rs"]
    assert 'default = ["grpc", "rest"]' in plain["Cargo.toml"]


def test_functions_that_read_have_names_of_their_own() -> None:
    text = generate(pictured(), "rust")["src/pictured.rs"]
    functions = text.partition("impl RunInput")[2]
    found = re.findall(r"^    (?:pub )?fn (\w+)[(<]", functions, re.MULTILINE)
    own = found[: found.index("from_tensors")]
    assert len(set(own)) == len(own) == 3 * len(pictured().signatures["run"].inputs) + 1
    assert {"read_images", "images_from_bytes", "read_type"} < set(own)
