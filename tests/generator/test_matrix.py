"""The matrix: every signature of each model is called in each language over each transport."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tfsclient_gen import generate, left_out

from tests.conftest import Zoo
from tests.generator.matrix import drivers
from tests.generator.matrix.drivers import TRANSPORTS, Models
from tests.generator.matrix.values import Case, Outcome, by_library, cases, difference
from tests.generator.test_curl import LOADABLE, zoo_model
from tfsclient import Client
from tfsclient.schema import Model, from_json, to_json

pytest_plugins = ["tests.generator.js.fixtures"]

SIX = ("half_plus_two", "estimator", "bert", "feature_spec_tf2", "awkward", "dtypes")
SETS = [
    pytest.param(SIX, False, id="six models"),
    pytest.param(SIX, True, id="six models, every language", marks=pytest.mark.slow),
    pytest.param(LOADABLE, True, id="all models", marks=pytest.mark.slow),
]

DEFAULTS = "an input is left to its default, which this client has no way to say"


@dataclass
class Table:
    """What is printed: a row a model, a column a language with a transport."""

    cells: dict[str, dict[str, str]] = field(default_factory=dict)  # by column and by model
    notes: dict[str, str] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)

    def fill(self, column: str, model: str, equal: Sequence[bool], gone: Sequence[str]) -> None:
        """Set a cell: whether each call's outcome was equal, and why other calls were not made."""
        text = f"{sum(equal)}/{len(equal)}"
        for reason, count in Counter(gone).items():
            mark = self.notes.setdefault(reason, chr(ord("a") + len(self.notes)))
            text += f" {count}{mark}"
        self.cells.setdefault(column, {})[model] = text

    def __str__(self) -> str:
        models = next(iter(self.cells.values()))
        columns = [["", *models], *([c, *cells.values()] for c, cells in self.cells.items())]
        widths = [max(map(len, column)) for column in columns]
        rows = zip(*columns, strict=True)
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        lines.append("equal outcomes/calls made, and calls not made:")
        lines += [f"  {mark}: {reason}" for reason, mark in self.notes.items()]
        lines.append("outcomes that are errors:")
        return "\n".join([*lines, *(f"  {line}" for line in sorted(self.failed))])


@pytest.mark.parametrize(("names", "in_every_language"), SETS)
def test_every_client_gives_what_the_library_gives(
    names: Sequence[str],
    in_every_language: bool,
    zoo: Zoo,
    npm: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    models = {name: zoo_model(name) for name in names}
    clients = drivers.clients(models, tmp_path, npm, every=in_every_language)
    every = [case for model in models.values() for case in cases(model)]
    table, different = Table(), []
    for transport, target in (("gRPC", zoo.grpc), ("REST", zoo.rest)):
        with Client(target) as client:
            wanted = {str(case): by_library(client, case) for case in every}
        table.failed |= {f"{transport}: {c}: {o.code}" for c, o in wanted.items() if o.code}
        for language, driver in clients.items():
            if transport not in TRANSPORTS[language]:
                continue
            made, gone = _callable(models, every, language)
            equal: dict[str, list[bool]] = {name: [] for name in names}
            for case, came in zip(made, driver(target, made), strict=True):
                expected = _as_told(language, wanted[str(case)])
                told = difference(came, expected, rest=transport == "REST")
                equal[case.model].append(not told)
                if told:
                    different.append(f"{language} over {transport}: {case}: {told}")
            for name in names:
                table.fill(f"{language} {transport}", name, equal[name], gone[name])
    with capsys.disabled():
        print(f"\n{table}")
    assert not different, "\n".join(different)


def _callable(
    models: Models, every: Sequence[Case], language: str
) -> tuple[list[Case], Mapping[str, list[str]]]:
    """The calls that a language's clients can make, and, by model, why not the others."""
    gone = {
        name: {one.signature: _general(one.reason) for one in left_out(model, language)}
        for name, model in models.items()
    }
    reasons = {name: list(why.values()) for name, why in gone.items()}
    made = []
    for case in every:
        if case.signature.name in gone[case.model]:
            continue
        given = case.inputs.keys() | ({case.signature.example_input} if case.examples else set())
        if language in ("curl", "openapi") and not given >= case.signature.inputs.keys():
            reasons[case.model].append(DEFAULTS)
        else:
            made.append(case)
    return made, reasons


def _general(reason: str) -> str:
    return re.sub(
        r"^(input|output) .* is (\S+), which", r"an input or output is of a type that", reason
    )


def _as_told(language: str, wanted: Outcome) -> Outcome:
    """An outcome as far as a client tells it: curl and plain HTTP have a status, not a code."""
    if wanted.code and language in ("curl", "openapi"):
        return replace(wanted, code=f"HTTP {wanted.http}")
    return wanted


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(SIX, id="six models"),
        pytest.param(LOADABLE, id="all models", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("language", TRANSPORTS)
def test_folder_and_server_and_schema_give_the_same_files(
    names: Sequence[str], language: str, zoo: Zoo
) -> None:
    with Client(zoo.grpc) as grpc, Client(zoo.rest) as rest:
        for name in names:
            model = zoo_model(name)
            assert generate(from_json(to_json(model)), language) == generate(model, language)
            # The server tells nothing of its graph, and so of the features of Examples.
            told = generate(_without_graph(model), language)
            for client in (grpc, rest):
                assert generate(client.metadata(name), language) == told


def _without_graph(model: Model) -> Model:
    signatures = {
        name: replace(s, example_input=None, features=None) for name, s in model.signatures.items()
    }
    return replace(model, signatures=signatures)
