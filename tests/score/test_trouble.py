"""Servers that are busy, down or picky: jobs slow down, go on, and set aside only what is bad."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.score.helpers import answer, check, letters, rows, table, twice, write
from tfsclient import Client, InvalidArgument, NotFound, Unavailable
from tfsclient.errors import Code, from_code
from tfsclient.score import TooManyErrors, score_files
from tfsclient.testing import FakeServer


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer(twice()) as running:
        running.answer("twice", answer)
        yield running


class Picky:
    """Refuses calls with certain rows, and counts those that it saw."""

    def __init__(self, *bad: int) -> None:
        self.bad = set(bad)
        self.rows = self.largest = 0

    def __call__(self, inputs: Any) -> dict[str, Any]:
        ids = inputs["n"].tolist()
        self.rows += len(ids)
        self.largest = max(self.largest, len(ids))
        if self.bad & set(ids):
            raise InvalidArgument("no such n\nin this model")
        return answer(inputs)


def test_bad_rows(server: FakeServer, tmp_path: Path) -> None:
    columns, picky = table(5000), Picky(17, 3000, 3001, 4999)
    columns["s"][100] = None
    server.answer("twice", picky)
    path = write(tmp_path / "in.parquet", columns)
    summary = score_files(
        server.grpc_target, "twice", path, tmp_path / "out", on_error="dead-letter"
    )
    bad = [17, 100, 3000, 3001, 4999]
    assert (summary.rows, summary.errors, summary.rows_sent) == (4995, 5, picky.rows)
    assert [r["id"] for r in rows(tmp_path / "out")] == [n for n in range(5000) if n not in bad]
    dead = letters(tmp_path / "out")
    assert [letter["id"] for letter in dead] == bad
    assert dead[0] == {
        "id": 17, "x": 17.0, "n": 17, "s": "row 17",
        "error": "row 17: INVALID_ARGUMENT: no such n in this model",
    }  # fmt: skip
    assert picky.rows - 4999 <= 4 * 2 * picky.largest


def test_the_first_bad_row_stops_the_job(server: FakeServer, tmp_path: Path) -> None:
    server.answer("twice", Picky(70, 71))
    path = write(tmp_path / "in.parquet", table(200))
    with pytest.raises(InvalidArgument, match=r"in\.parquet: row 70: no such n"):
        score_files(server.grpc_target, "twice", path, tmp_path / "out")
    check(rows(tmp_path / "out"), 70)
    server.answer("twice", answer)
    score_files(server.grpc_target, "twice", path, tmp_path / "out", resume=True)
    check(rows(tmp_path / "out"), 200)


def test_too_many_errors(server: FakeServer, tmp_path: Path) -> None:
    server.answer("twice", Picky(*range(0, 100, 10)))
    path = write(tmp_path / "in.parquet", table(200))
    options: dict[str, Any] = {"on_error": "dead-letter"}
    with pytest.raises(TooManyErrors, match=r"4 of \d+ rows failed"):
        score_files(server.grpc_target, "twice", path, tmp_path / "out", max_errors=3, **options)
    summary = score_files(
        server.grpc_target, "twice", path, tmp_path / "out", resume=True, max_errors="5%", **options
    )
    assert summary.errors == 10
    assert len(rows(tmp_path / "out")) == 190


def test_a_batch_that_is_too_large_is_no_bad_row(server: FakeServer, tmp_path: Path) -> None:
    def small(inputs: Any) -> dict[str, Any]:
        if len(inputs["x"]) > 10:
            raise InvalidArgument("larger than the maximum batch size")
        return answer(inputs)

    server.answer("twice", small)
    path = write(tmp_path / "in.parquet", table(500))
    summary = score_files(server.grpc_target, "twice", path, tmp_path / "out")
    check(rows(tmp_path / "out"), 500)
    assert summary.rows_sent < 1000  # it was learnt


@pytest.mark.parametrize(
    "code",
    [
        "UNAVAILABLE",
        *(
            pytest.param(c, marks=pytest.mark.slow)
            for c in ("RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED")
        ),
    ],
)
def test_busy(server: FakeServer, tmp_path: Path, code: str) -> None:
    times: list[float] = []

    def busy(inputs: Any) -> dict[str, Any]:
        times.append(time.monotonic())
        if 0.2 < times[-1] - times[0] < 1.7:
            raise from_code(Code(code), "all batch threads are busy")
        time.sleep(0.005)
        return answer(inputs)

    server.answer("twice", busy)
    path = write(tmp_path / "in.parquet", table(20_000))
    summary = score_files(server.grpc_target, "twice", path, tmp_path / "out", rate=15_000)
    check(rows(tmp_path / "out"), 20_000)
    assert summary.errors == 0
    assert sum(0.7 < at - times[0] < 1.7 for at in times) < 10  # else some hundred


def test_a_server_that_is_gone_for_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tfsclient.score._job._PATIENCE", 0.5)
    with FakeServer(twice()) as server:
        half = threading.Event()

        def go_on(inputs: Any) -> dict[str, Any]:
            if max(inputs["n"]) >= 1000:
                half.set()
            return answer(inputs)

        def stop() -> None:
            half.wait(60)
            server.stop()

        server.answer("twice", go_on)
        path = write(tmp_path / "in.parquet", table(2000))
        threading.Thread(target=stop).start()
        with pytest.raises(Unavailable):
            score_files(server.grpc_target, "twice", path, tmp_path / "out", rate=1500)
    found = rows(tmp_path / "out")
    assert found
    check(found, len(found))


def test_a_version_that_goes_away(server: FakeServer, tmp_path: Path) -> None:
    path = write(tmp_path / "in.parquet", table(100))

    def gone(inputs: Any) -> dict[str, Any]:
        raise NotFound("Servable not found for request: Specific(twice, 1)")

    server.answer("twice", gone)
    with pytest.raises(NotFound) as caught:
        score_files(server.grpc_target, "twice", path, tmp_path / "out")
    assert "version 1, which the job is pinned to" in (caught.value.hint or "")


def test_pinned_and_latest(tmp_path: Path) -> None:
    one = twice()
    two = type(one)("twice", 2, one.signatures)
    path = write(tmp_path / "in.parquet", table(10))
    with (
        FakeServer(one, two, labels={"twice": {"stable": 1}}) as server,
        Client(server.grpc_target) as client,
    ):
        asked = []
        choices: list[dict[str, Any]] = [{}, {"label": "stable"}, {"latest": True}]
        for number, choice in enumerate(choices):
            summary = score_files(client, "twice", path, tmp_path / str(number), **choice)
            asked.append((server.calls[-1].version, summary.version))
    assert asked == [(2, 2), (1, 1), (None, None)]
