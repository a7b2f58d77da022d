"""Spark and Ray on this machine, with workers that find this checkout; see `make test-engines`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, ZOO, missing, tool
from tests.engines.models import shapes, shapes_answer
from tests.score.helpers import answer, twice
from tfsclient.testing import FakeServer, RunningServer, serve

TOKEN = "of the workers"


def _engine(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        return missing(name)


@pytest.fixture(scope="session")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What workers have in their environment; the folder is for what they tell of themselves."""
    folder = tmp_path_factory.mktemp("workers")
    paths = [str(ROOT), str(ROOT / "codegen"), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["WORKERS_FOLDER"] = str(folder)
    os.environ["DRIVER"] = str(os.getpid())
    return folder


@pytest.fixture(scope="session")
def spark(workers: Path) -> Iterator[Any]:
    """A session on two cores; a task is tried three times."""
    tool("java")
    sql = _engine("pyspark.sql")
    session = (
        sql.SparkSession.builder.master("local[2,3]")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.executorEnv.TFSCLIENT_TOKEN", TOKEN)
        .config("spark.sql.shuffle.partitions", "2")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def ray(workers: Path) -> Iterator[Any]:
    """Ray with two CPUs."""
    found = _engine("ray")
    names = ("PYTHONPATH", "WORKERS_FOLDER", "DRIVER")
    variables = {**{name: os.environ[name] for name in names}, "TFSCLIENT_TOKEN": TOKEN}
    found.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": variables},
    )
    _engine("ray.data").DataContext.get_current().enable_progress_bars = False
    yield found
    found.shutdown()


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """y is 2 x, t is s; and what has shapes and types of many kinds."""
    with FakeServer(twice(), shapes()) as running:
        running.answer("twice", answer)
        running.answer("shapes", shapes_answer)
        yield running


@pytest.fixture(scope="session")
def real() -> Iterator[RunningServer]:
    """Models of the zoo on TensorFlow, in a process of its own."""
    names = ("raw_png", "mnist_images", "feature_spec_tf2", "half_plus_two", "ranks")
    try:
        import_module("tensorflow")
    except ImportError:
        missing("tensorflow")
    with serve({name: ZOO / name for name in names}, process=True) as running:
        yield running
