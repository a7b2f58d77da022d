"""The search for the highest rate within a limit, on a simulated clock."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from tests.load.simulated import World
from tfsclient._cli.load.interface import Load, Measured, Progress, Watch
from tfsclient._cli.load.limits import Errors, Latency, read_fail_if, read_slo, verdict
from tfsclient._cli.load.search import PRECISION, Found, judge, search
from tfsclient._cli.load.statistics import summarize
from tfsclient.errors import InvalidInput

SLO = Latency(99, 0.1)


def find(make: Callable[[], World], limit: Latency = SLO, seconds: float = 10) -> Found:
    def run(load: Load, watch: Watch) -> Measured:
        return make().run(load, watch)

    return search(run, Load(seconds, 1.0, warmup=1.0), limit, first=10.0)


def holds(make: Callable[[], World], rate: float, seed: int, seconds: float = 10) -> bool:
    summary = summarize(make().run(Load(seconds, rate, warmup=1.0, seed=seed)))
    return bool(judge(summary, SLO)[0])


def in_time(rate: float, service: float, limit: float) -> float:
    """The share of calls of M/D/1 that take no longer: Erlang's formula."""
    wait = limit - service
    terms = [
        (rate * (k * service - wait)) ** k
        / math.factorial(k)
        * math.exp(rate * (wait - k * service))
        for k in range(int(wait / service + 1e-9) + 1)
    ]
    return (1 - rate * service) * sum(terms)


def test_the_search_finds_what_theory_says() -> None:
    found = find(lambda: World(lambda n: 0.01), seconds=60)
    assert found.best is not None
    rates = np.arange(50, 100, 0.5)
    highest = max(rate for rate in rates if in_time(rate, 0.01, 0.1) >= 0.99)
    assert found.best.rate == pytest.approx(highest, rel=0.08)


@pytest.mark.parametrize(("workers", "capacity"), [(1, 100), (4, 400)])
def test_the_highest_rate_holds_again_and_took_few_calls(workers: int, capacity: int) -> None:
    def make() -> World:
        return World(lambda n: 0.01, workers)

    found = find(make)
    assert found.best is not None
    assert found.best.confirming
    rate = found.best.rate
    assert 0.6 * capacity < rate < capacity
    assert sum(holds(make, rate, seed) for seed in (101, 102, 103)) >= 2
    # A sweep goes up to what the server can do in steps as fine, each for the whole time.
    steps = math.ceil(math.log(capacity / 10) / math.log(PRECISION))
    sweep = sum(11 * 10 * PRECISION**n for n in range(steps + 1))
    assert found.calls < sweep / 4
    assert not found.sender_bound


def test_a_limit_that_nothing_keeps_is_said_so() -> None:
    found = find(lambda: World(lambda n: 0.2, None))
    assert found.best is None
    assert all(trial.kept is False for trial in found.trials)
    some_fail = find(lambda: World(lambda n: 0.01, None, fails=lambda n: "INTERNAL" * (n % 9 == 0)))
    assert some_fail.best is None  # a call that fails is not in time
    assert "calls over 100 ms" in some_fail.trials[0].why


def test_where_the_sender_is_late_the_server_is_not_blamed() -> None:
    found = find(lambda: World(lambda n: 0.001, None, sending=0.005))  # no more than 200 a second
    assert found.sender_bound
    assert found.best is not None
    assert found.best.rate < 200
    assert {trial.kept for trial in found.trials} == {True, None}
    late = summarize(World(lambda n: 0.001, None, sending=0.02).run(Load(5, 100.0)))
    kept, why = verdict(late, Latency(99, 0.05))
    assert kept is None
    assert "the sender was the bottleneck" in why
    slow = summarize(World(lambda n: 0.1, None, sending=0.02).run(Load(5, 100.0)))
    assert verdict(slow, Latency(99, 0.05))[0] is False  # it missed it by itself, too
    assert verdict(late, Latency(99, 60.0))[0] is True  # what is kept in spite of it is kept


def test_an_interrupt_keeps_what_was_tried() -> None:
    runs = 0

    def run(load: Load, watch: Watch) -> Measured:
        nonlocal runs
        runs += 1

        def impatient(progress: Progress) -> bool:
            if runs == 3 and progress.elapsed > 1:
                raise KeyboardInterrupt
            return watch(progress)

        return World(lambda n: 0.01).run(load, impatient)

    found = search(run, Load(10, 1.0, warmup=1.0), SLO, first=10.0)
    assert (found.interrupted, found.best) == (True, None)
    assert [trial.why == "interrupted" for trial in found.trials] == [False, False, True]


def test_a_queue_that_grows_slowly_does_not_pass_for_a_rate() -> None:
    # After 10 s at 2 % too much the last call waits 0.2 s only, which this limit allows.
    world = World(lambda n: 0.01)
    summary = summarize(world.run(Load(10, 102.0, arrivals="even")))
    assert summary.latency(99) < 0.5
    assert judge(summary, Latency(99, 0.5))[0] is False


def test_limits_as_they_are_typed() -> None:
    assert read_slo("p99=50ms") == Latency(99, 0.05)
    assert str(read_slo("p99.9=1.5s")) == "p99.9=1500ms"
    assert read_fail_if("p99>50ms,errors>0.1%") == [Latency(99, 0.05), Errors(0.001)]
    assert read_fail_if(" p50 > 800us ") == [Latency(50, 800 * 1e-6)]
    for wrong in ("p99", "p99>50ms", "p99=50", "p100=1s", "p0=1s", "p99=0ms", "errors=1%", ""):
        with pytest.raises(InvalidInput):
            read_slo(wrong)
    for wrong in ("p99=50ms", "errors>1", "p99>50ms;p50>1ms", "", "p99>50ms,"):
        with pytest.raises(InvalidInput, match="--fail-if"):
            read_fail_if(wrong)


def test_limits_are_judged() -> None:
    world = World(lambda n: 0.01, None, fails=lambda n: "INTERNAL" * (n % 100 == 0))
    summary = summarize(world.run(Load(10, 100.0, arrivals="even")))
    assert verdict(summary, Errors(0.02))[0] is True
    assert verdict(summary, Errors(0.005))[0] is False
    assert verdict(summary, Latency(99, 0.02))[0] is True
    assert verdict(summary, Latency(99, 0.005)) == (False, "p99 10 ms of 5 ms")
