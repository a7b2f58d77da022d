"""Fixtures of the tests of Java: a plugin of pytest, once for all of them."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.conftest import tool
from tests.generator import meant
from tests.generator.go.clients import (
    all_of_it,
    from_server,
    hostile_model,
    without_features,
    zoo_model,
)
from tests.generator.java.clients import BRIEF, PROGRAMS, compiled, run, write
from tests.generator.python_models import told
from tfsclient import schema
from tfsclient.meaning import TensorMeaning
from tfsclient.schema import FeatureSpec, Model


@dataclass(frozen=True)
class Clients:
    """Clients that are compiled, and the programs that the tests run on them."""

    folder: Path
    paths: str

    def program(self, name: str, *args: str | Path) -> str:
        """What a program printed."""
        return run(tool("java"), *BRIEF, "-cp", self.paths, name, *args, cwd=self.folder)

    def run(self, source: Path, name: str) -> str:
        """Compile one more program, and run it."""
        classes = self.folder / "more"
        fast = [f"-J{option}" for option in BRIEF]
        run(tool("javac"), *fast, "-cp", self.paths, "-d", classes, source, cwd=self.folder)
        paths = f"{classes}{os.pathsep}{self.paths}"
        return run(tool("java"), *BRIEF, "-cp", paths, name, cwd=self.folder)


MODELS = (
    "half_plus_two",
    "awkward",
    "ranks",
    "defaults",
    "estimator",
    "feature_spec",
)  # of the zoo


def labelled() -> list[Model]:
    """Models with labels of which there are many, or that are long, short or like formats."""
    lists = {
        "many": [f"class {i}" for i in range(9000)],
        "few": ["short", "a b", "x-y", '"'] * 20,
        "format": ["50% off", *"ab" * 40],
        "formats": [
            "{0}",
            "a",
            "more than a few letters",
            "%s of them, and even more letters",
            "or not at all",
        ],
        "wordy": ["x " * 120, "100% " * 60, "y" * 150, "a"],
    }
    model = told()
    signature = model.signatures["other"]
    scores = signature.outputs["top"]
    models = []
    for name, labels in lists.items():
        means = replace(scores.meaning or TensorMeaning(), labels=tuple(labels))
        top = replace(scores, shape=(-1, len(labels)), meaning=means)
        only = replace(signature, outputs={"top": top})
        models.append(replace(model, name=f"told_{name}", signatures={"other": only}))
    return models


def odd_models() -> list[Model]:
    """Models hostile and rare."""
    models = [hostile_model("hostile"), all_of_it(), told(), *labelled()]
    nothing: dict[str, FeatureSpec] = {}
    for features in (None, nothing):
        for kind in (schema.PREDICT, schema.CLASSIFY, schema.REGRESS):
            name = f"nothing{features is None}{kind.rpartition('/')[2]}".lower()
            models.append(without_features(name, kind, features))
    models.append(replace(from_server(zoo_model("estimator")), name="untyped"))
    models.append(replace(zoo_model("ranks"), name="fmt", signatures={}))
    return models


@pytest.fixture(scope="session")
def java_clients(tmp_path_factory: pytest.TempPathFactory) -> Clients:
    """Clients of many models in one project, compiled under the strictest checks."""
    folder = tmp_path_factory.mktemp("java")
    told_of = meant.read(tmp_path_factory.mktemp("meaning"))
    pictured = replace(meant.ranks(told_of), name="meant")
    write([*map(zoo_model, MODELS), *odd_models(), pictured], folder)
    programs = [
        PROGRAMS / f"{name}.java"
        for name in (
            "Busy",
            "Forwarder",
            "Live",
            "Lost",
            "Meant",
            "Recorded",
            "Rules",
            "Seen",
            "Socket",
            "Targets",
            "Tls",
            "Toxic",
        )
    ]
    return Clients(folder, compiled(folder, *programs))
