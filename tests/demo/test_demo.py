"""``tfsclient demo``: the story with what is installed, and what ``--keep`` leaves and spares."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.conftest import ROOT, missing
from tfsclient import InvalidInput
from tfsclient._cli.demo import keeping
from tfsclient._cli.main import main

LEFT = ["models/digits/1/saved_model.pb", "scan.png", *(f"scans/{n}.png" for n in range(10))]


def demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The demo on a machine that has Python, and a Go that cannot download modules."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    (programs / "go").write_text(f"#!{sys.executable}\nimport sys\nsys.exit('no network')\n")
    (programs / "go").chmod(0o755)
    path = f"{ROOT}{os.pathsep}{ROOT / 'codegen'}"
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        [sys.executable, "-m", "tfsclient", "demo", *arguments],
        env={**environment, "PYTHONPATH": path, "PATH": str(programs)},
        cwd=folder, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        import PIL  # noqa: F401
        import rich  # noqa: F401
        import sklearn  # noqa: F401
        import tensorflow as tf  # noqa: F401
    except ImportError as error:
        missing(str(error.name))
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def story(place: Path) -> str:
    done = demo(place, "--keep", "kept")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr  # TensorFlow's first words are not what a newcomer came for
    return done.stdout


def test_it_tells_the_story_with_what_is_there(story: str) -> None:
    assert "All agree." in story
    assert "python answers 7" in story
    assert "go     left out: go mod download failed:\nno network" in story
    for program in ("node", "javac", "curl"):
        assert f"left out: {program} is not installed" in story


def test_it_keeps_a_model_and_pictures_and_says_how_to_go_on(place: Path, story: str) -> None:
    assert sorted(files(place / "kept")) == sorted(LEFT)
    assert f"--model_base_path={place}/kept/models/digits" in story
    assert f"--input images=@{place}/kept/scan.png" in story


@pytest.mark.usefixtures("story")
def test_a_second_run_refuses_what_is_not_its_own_and_trains_the_same_model(place: Path) -> None:
    last = place / "kept" / "scans" / "9.png"  # all others are the same again
    last.write_text("mine")
    done = demo(place, "--keep", "kept")
    assert done.returncode == 2
    assert "error: --keep would overwrite kept/scans/9.png, which" in done.stderr
    assert last.read_text() == "mine"


def test_what_is_the_same_stays_and_what_is_missing_comes(tmp_path: Path) -> None:
    made = filled(tmp_path / "made")
    keeping.keep(made, tmp_path / "kept")
    (tmp_path / "kept" / "scan.png").unlink()
    (tmp_path / "kept" / "notes.txt").write_text("mine")
    keeping.keep(made, tmp_path / "kept")
    assert files(tmp_path / "kept") == {**files(made), "notes.txt": b"mine"}


def filled(folder: Path) -> Path:
    for name in LEFT:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


@pytest.mark.parametrize("taken", ["scan.png", "scans", "models/digits"])
def test_a_file_of_the_users_is_never_overwritten(tmp_path: Path, taken: str) -> None:
    made, mine = filled(tmp_path / "made"), tmp_path / "mine"
    (mine / taken).parent.mkdir(parents=True)
    (mine / taken).write_text("mine")
    with pytest.raises(InvalidInput, match=f"--keep would overwrite {mine / taken}"):
        keeping.keep(made, mine)
    assert files(mine) == {taken: b"mine"}


def test_a_link_is_not_followed_to_write_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "scan.png").write_text("ours")
    (tmp_path / "scan.png").symlink_to("elsewhere")
    with pytest.raises(InvalidInput, match="would overwrite"):
        keeping.keep(tmp_path / "made", tmp_path)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("folder", "told"),
    [
        ("", "the name of the folder is empty"),
        ("/dev/null", "cannot write into /dev/null: not a directory"),
        ("/dev/null/x", "cannot write into /dev/null/x: Not a directory"),
        ("/proc/x", "cannot write into /proc/x: "),
        ("/proc", "cannot write into /proc: "),
    ],
)
def test_a_folder_that_cannot_be_is_refused_before_anything_is_loaded(
    folder: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)  # to import it would be another error
    result = CliRunner().invoke(main, ["demo", "--keep", folder])
    assert result.exit_code == 2
    assert told in result.output
