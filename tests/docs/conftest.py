"""A machine on which nothing but Python is installed, and a registry that has our wheel."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, missing
from tests.docs.pages import Reader
from tfsclient.testing._serve import free_ports


@pytest.fixture(scope="session")
def newcomer(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Who reads README, and after it what builds on it."""
    yield from _reader(wheel, tmp_path_factory.mktemp("newcomer"))


@pytest.fixture
def somebody(wheel: Path, tmp_path: Path) -> Iterator[Reader]:
    """Who reads one page alone."""
    yield from _reader(wheel, tmp_path)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``make docs`` builds."""
    try:
        import material  # noqa: F401
        import mkdocstrings  # noqa: F401
    except ImportError as error:
        missing(str(error.name))
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "build.py", "--site-dir", folder],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def _reader(wheel: Path, place: Path) -> Iterator[Reader]:
    """A reader in an empty folder, with an empty HOME and an environment without tfsclient.

    What tfsclient depends on comes from the environment of the tests: pip finds it installed.
    """
    try:
        import PIL  # noqa: F401
        import sklearn  # noqa: F401
        import tensorflow as tf  # noqa: F401
    except ImportError as error:
        missing(str(error.name))
    for name in ("home", "empty", "packages"):
        (place / name).mkdir()
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if "tfsclient" not in package.name:
            (place / "packages" / package.name).symlink_to(package)
    subprocess.run([sys.executable, "-m", "venv", place / "venv"], check=True)
    (site,) = (place / "venv").glob("lib/*/site-packages")
    (site / "packages.pth").write_text(str(place / "packages"))
    maven = place / "venv" / "bin" / "mvn"  # if there is one, it does not download for the demo
    maven.write_text("#!/bin/sh\necho no network; exit 1\n", "utf-8")
    maven.chmod(0o755)
    env = {
        "HOME": str(place / "home"),
        "PATH": os.pathsep.join([str(place / "venv" / "bin"), "/usr/bin", "/bin"]),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheel.parent),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    named = ("8500", "8501", "8080")
    ports = map(str, free_ports(len(named)))
    reader = Reader(place / "empty", env, dict(zip(named, ports, strict=True)))
    yield reader
    reader.close()
