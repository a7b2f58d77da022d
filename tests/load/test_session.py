"""Whole benchmarks of simulated servers, and what is written of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from tests.load.simulated import World
from tfsclient._cli.load import page, record, text
from tfsclient._cli.load.interface import Engine, Load, Measured, Progress, Watch
from tfsclient._cli.load.limits import Errors, Latency
from tfsclient._cli.load.metrics import (
    ServerTimes,
    grpc_beside,
    read_times,
    rest_beside,
    url_of,
)
from tfsclient._cli.load.search import Trial
from tfsclient._cli.load.session import Endpoint, Report, Session, loads

GRPC = Endpoint("localhost:8500", "grpc")
REST = Endpoint("http://user:secret@localhost:8501", "rest")
BASE = Load(5, warmup=1)

Make = Callable[[Endpoint, int | None], World]


class Quiet:
    """Hears how far it is, and what was tried."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.trials: list[Trial] = []

    def begin(self, what: str) -> None:
        self.begun.append(what)

    def watch(self, progress: Progress) -> bool:
        return False

    def tried(self, trial: Trial) -> None:
        self.trials.append(trial)


class Fresh:
    """An engine with a server of its own for each load."""

    def __init__(self, make: Callable[[], World]) -> None:
        self._make = make

    def run(self, load: Load, watch: Watch) -> Measured:
        return self._make().run(load, watch)


def session(make: Make, name: str = "digits") -> Session:
    @contextmanager
    def open_(endpoint: Endpoint, batch: int | None) -> Iterator[Engine]:
        yield Fresh(lambda: make(endpoint, batch))

    return Session(Report(name, "serving_default", ["  x  float32 [1]"]), open_, Quiet())


def written(report: Report) -> tuple[str, dict[str, object], str]:
    """Its text, its JSON and its page, each of which must be well formed."""
    said = "\n".join(text.lines(report))
    assert max(map(len, said.splitlines())) <= 80
    read = json.loads(record.to_json(report, {}), parse_constant=pytest.fail)
    assert read["format"] == 1
    html = page.to_html(report)
    Outside().feed(html)
    return said, read, html


class Outside(HTMLParser):
    """Fails where a page would ask for anything."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "img", "iframe", "object", "embed", "video", "audio", "base")
        for name, value in attrs:
            if name in ("src", "href", "srcset", "action", "data", "xlink:href"):
                assert value == "data:,", (tag, name, value)

    def handle_data(self, data: str) -> None:
        assert not re.search(r"@import|url\(", data)


def test_a_sweep_over_loads_batches_and_transports() -> None:
    run = session(lambda endpoint, batch: World(lambda n: 0.002 * (batch or 1), None))
    run.sweep([GRPC, REST], [1, 4], loads(BASE, [50, 100], []))
    run.judge([Latency(99, 0.005), Errors(0.0)])
    said, read, html = written(run.report)
    assert [run.load.rate for run in run.report.runs] == [50, 100] * 4
    assert [kept for _, kept, _ in run.report.verdicts[::2]] == [True, True, False, False] * 2
    assert "over the limit: 100/s, batches of 4, rest: p99 8 ms of 5 ms" in said
    for shown in (said, json.dumps(read), html):
        assert "secret" not in shown
    assert html.count("<svg") == 4 + 1 + 8  # by endpoint and batch, percentiles, over the time


def test_a_closed_loop_and_an_open_one_say_what_they_hide() -> None:
    run = session(lambda *_: World(lambda n: 0.01, None, stall=(3.0, 5.0)))
    run.sweep([GRPC], [None], loads(BASE, [], [1]))
    assert "a closed loop hides stalls" in " ".join(written(run.report)[0].split())
    late = session(lambda *_: World(lambda n: 0.001, None, sending=0.02))
    late.sweep([GRPC], [None], loads(BASE, [100.0], []))
    said, _, html = written(late.report)
    for shown in (" ".join(said.split()), html):
        assert "no verdict on the server, for the sender was the bottleneck" in shown
    late.judge([Latency(99, 0.05)])
    assert "no verdict: 100/s, grpc: p99" in written(late.report)[0]


def test_batches_are_searched_and_what_is_best_becomes_a_file(tmp_path: Path) -> None:
    # A call takes 5 ms and 0.1 ms a row: one row is little work, and many rows hardly more.
    run = session(lambda endpoint, batch: World(lambda n: 0.005 + 0.0001 * (batch or 1)))
    run.search([GRPC], [1, 32], Load(5, warmup=0.5), Latency(99, 0.05))
    said, read, html = written(run.report)
    advice = run.report.advice
    assert advice is not None
    assert advice.batch == 32
    assert advice.rows > 2000
    assert advice.file is not None
    assert advice.file in read["batching"]["file"]  # type: ignore[index]
    for line in advice.file.splitlines():
        assert line in said
    assert "max_batch_size { value: 32 }" in html
    from tfsclient.server.flag_files import read_flag_file

    path = tmp_path / "batching"
    path.write_text(advice.file)
    parameters = read_flag_file("BatchingParameters", path)
    assert parameters.max_batch_size.value == 32
    best = run.report.searches[1].found.best
    assert best is not None
    fills, spare = 32 / advice.rows, 0.05 - best.summary.latency(99)
    assert parameters.batch_timeout_micros.value == round(min(fills, spare) * 1e6)


def test_batching_that_does_not_pay_is_said_to() -> None:
    run = session(lambda endpoint, batch: World(lambda n: 0.005 * (batch or 1)))
    run.search([GRPC], [1, 4], Load(5, warmup=0.5), Latency(99, 0.05))
    advice = run.report.advice
    assert advice is not None
    assert (advice.batch, advice.file) == (1, None)
    assert "only add waiting" in written(run.report)[0]


def test_a_search_that_finds_nothing_is_written_too() -> None:
    run = session(lambda *_: World(lambda n: 0.2, None))
    run.search([GRPC], [None], Load(5, warmup=0.5), Latency(99, 0.05))
    said, read, html = written(run.report)
    assert "no rate holds" in said
    assert "no rate holds" in html
    assert read["runs"] == []


@pytest.mark.parametrize("slower", [0.002, 0.0])
def test_two_servers_in_turns(slower: float) -> None:
    random = np.random.default_rng(0)

    def make(endpoint: Endpoint, batch: int | None) -> World:
        extra = slower if endpoint is REST else 0.0
        return World(lambda n: 0.01 + extra + random.exponential(0.001), None)

    run = session(make)
    run.compare(GRPC, REST, [None], loads(Load(20, warmup=1), [100], []))
    (against,) = run.report.against
    median = against.differences[0]
    assert median.percent == 50
    assert median.low <= slower <= median.high
    assert median.clear is bool(slower)
    said, read, _ = written(run.report)
    (line,) = re.findall(r"^  p50 .*", said, re.MULTILINE)
    assert line.endswith("  slower" if slower else "no clear difference")
    assert [run.summary.measured.seconds for run in run.report.runs] == [pytest.approx(20)] * 2
    assert read["against"][0]["differences"][0]["clear"] is bool(slower)  # type: ignore[index]


def test_what_never_answers_is_written_without_numbers() -> None:
    run = session(lambda *_: World(lambda n: 0.01, None, fails=lambda n: "UNAVAILABLE"))
    run.sweep([GRPC], [None], loads(BASE, [20], []))
    said, read, _ = written(run.report)
    assert "UNAVAILABLE" in said
    assert "100%" in said
    assert read["runs"][0]["latency_seconds"]["p99"] == "NaN"  # type: ignore[index]


def test_names_are_text_and_not_markup() -> None:
    run = session(lambda *_: World(lambda n: 0.01, None), name="<script>alert(1)</script>\x1b[2J")
    run.sweep([GRPC], [None], loads(BASE, [20], []))
    html = written(run.report)[2]
    assert "&lt;script&gt;" in html
    assert "\x1b" not in html + "\n".join(text.head(run.report))


def test_an_interrupt_keeps_what_there_was() -> None:
    class Impatient(Quiet):
        def watch(self, progress: Progress) -> bool:
            if len(self.begun) == 2 and progress.elapsed > 1:
                raise KeyboardInterrupt
            return False

    run = session(lambda *_: World(lambda n: 0.01, None))
    run._live = Impatient()
    with pytest.raises(KeyboardInterrupt):
        run.sweep([GRPC], [None], loads(BASE, [20, 40, 60], []))
    assert [run.summary.measured.interrupted for run in run.report.runs] == [False, True]


@pytest.mark.parametrize("turn", [1, 2, 4])
def test_an_interrupt_ends_both_of_two_servers(turn: int) -> None:
    class Interrupted(Quiet):
        turns = 0
        before = 0.0

        def watch(self, progress: Progress) -> bool:
            self.turns += progress.elapsed < self.before or not self.turns
            self.before = progress.elapsed
            if self.turns == turn and progress.elapsed > 0.2:
                raise KeyboardInterrupt
            return False

    run = session(lambda *_: World(lambda n: 0.01, None))
    run._live = live = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        run.compare(GRPC, REST, [None], loads(Load(10), [20, 40], []))
    assert live.turns == turn
    seconds = [run.summary.measured.seconds for run in run.report.runs]
    assert seconds == pytest.approx({1: [0.3, 0], 2: [1, 0.3], 4: [1.3, 2]}[turn], abs=0.11)
    assert bool(run.report.against[0].differences) is (turn > 1)
    run.report.interrupted = True
    said, _, _ = written(run.report)
    assert "interrupted: this is what there was" in said
    assert ("95 of 100 times" in said) is (turn > 1)


PAGE = """\
# TYPE :tensorflow:serving:request_latency histogram
:tensorflow:serving:request_latency_bucket{model_name="m",API="Predict",entrypoint="GRPC",le="10"} 0
:tensorflow:serving:request_latency_sum{model_name="m",API="Predict",entrypoint="GRPC"} 3000
:tensorflow:serving:request_latency_count{model_name="m",API="Predict",entrypoint="GRPC"} 3
:tensorflow:serving:request_latency_sum{model_name="m",API="predict",entrypoint="REST"} 9000
:tensorflow:serving:request_latency_count{model_name="m",API="predict",entrypoint="REST"} 1
:tensorflow:serving:request_latency_sum{model_name="a\\"b",API="Predict",entrypoint="GRPC"} 7
:tensorflow:serving:request_latency_count{model_name="a\\"b",API="Predict",entrypoint="GRPC"} 7
:tensorflow:serving:runtime_latency_sum{model_name="m",API="Predict",runtime="TF1"} 4000
:tensorflow:serving:runtime_latency_count{model_name="m",API="Predict",runtime="TF1"} 4
"""


def test_the_servers_own_times() -> None:
    times = read_times(PAGE, "m", "GRPC")
    assert times == ServerTimes(3, 3000 / 1e6, 4, 4000 / 1e6)
    assert read_times(PAGE, "m", "REST").request_seconds == pytest.approx(0.009)
    assert read_times(PAGE, 'a"b', "GRPC").requests == 7
    before = ServerTimes(1, 0.001, 2, 0.001)
    assert times.since(before) == pytest.approx((0.001, 0.0015))
    assert times.since(times) is None
    assert read_times("", "m", "GRPC") == ServerTimes()


def test_the_servers_times_are_beside_ours() -> None:
    pages = iter([PAGE, PAGE.replace("} 3000", "} 9000").replace('GRPC"} 3', 'GRPC"} 6')])
    endpoint = Endpoint("localhost:8500", "grpc", lambda: next(pages))
    run = session(lambda *_: World(lambda n: 0.01, None), name="m")
    run.sweep([endpoint], [None], loads(BASE, [20], []))
    said, read, _ = written(run.report)
    assert "server" in said
    assert read["runs"][0]["mean_seconds"]["server"] == pytest.approx(0.002)  # type: ignore[index]


def test_where_a_servers_other_port_is() -> None:
    assert rest_beside("localhost:8500") == "http://localhost:8501"
    assert rest_beside("grpcs://[::1]:8500") == "https://[::1]:8501"
    assert grpc_beside("http://localhost:8501/") == "localhost:8500"
    assert grpc_beside("https://[::1]:8501") == "grpcs://[::1]:8500"
    for none in ("unix:/a", "dns:///a:8500", "xds:///a"):
        assert rest_beside(none) is None
        assert url_of(none) is None
    assert grpc_beside("http://localhost:8501/prefix") is None
    page_ = "http://localhost:8501/monitoring/prometheus/metrics"
    assert url_of("localhost:8500") == url_of("http://u:p@localhost:8501") == page_
