"""Measuring, on a simulated clock: what queueing theory says must come out, exactly."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from tests.load.simulated import World
from tfsclient._cli.load.interface import Arrivals, Load, Progress
from tfsclient._cli.load.limits import Errors, verdict
from tfsclient._cli.load.measure import merged
from tfsclient._cli.load.schedule import arrival_times
from tfsclient._cli.load.statistics import Summary, bounds, interval, percentile, summarize
from tfsclient._cli.load.units import share


def even(rate: float, seconds: float, warmup: float = 0.0) -> Load:
    return Load(seconds, rate, arrivals="even", warmup=warmup)


def closed(concurrency: int, seconds: float) -> Load:
    return Load(seconds, concurrency=concurrency)


def numbers(world: World, load: Load) -> Summary:
    return summarize(world.run(load))


def test_arrivals_are_the_same_each_time_and_split_without_loss() -> None:
    kinds: tuple[Arrivals, ...] = ("even", "poisson")
    for arrivals in kinds:
        load = Load(100, 50, arrivals=arrivals, warmup=10)
        times = arrival_times(load)
        assert np.array_equal(times, arrival_times(load))
        shares = [arrival_times(Load(100, 50, None, arrivals, 10, share=(n, 3))) for n in range(3)]
        assert np.array_equal(np.sort(np.concatenate(shares)), times)
        assert times[-1] < 110
    gaps = np.diff(arrival_times(Load(4000, 50)))
    assert gaps.mean() == pytest.approx(1 / 50, rel=0.01)
    assert gaps.std() == pytest.approx(1 / 50, rel=0.01)  # as exponential ones have
    for times in (arrival_times(even(50, 100, 10)), arrival_times(Load(100, 50, warmup=10))):
        assert len(times) == 5500  # as many as the rate says
        assert np.count_nonzero(times >= 10) == 5000
    assert not np.array_equal(arrival_times(Load(9, 50)), arrival_times(Load(9, 50, seed=1)))


def test_percentiles_are_values_that_were_measured() -> None:
    values = np.arange(100, 0, -1.0)
    for percent, value in {1: 1, 50: 50, 99: 99, 99.9: 100, 90.5: 91}.items():
        assert percentile(values, percent) == value
    assert math.isnan(percentile(values[:0], 50))


def test_one_worker_that_is_fast_enough() -> None:
    result = numbers(World(lambda n: 0.01), even(50, 20, warmup=1))
    assert result.calls == 1000
    assert result.rate == pytest.approx(50)
    for percent in (1, 50, 99, 100):
        assert result.latency(percent) == pytest.approx(0.01)
    assert result.lag(100) == pytest.approx(0)
    assert result.bottleneck() is None


@pytest.mark.parametrize(("workers", "capacity"), [(1, 100.0), (4, 400.0)])
def test_too_much_for_its_workers(workers: int, capacity: float) -> None:
    asked = 1.5 * capacity
    result = numbers(World(lambda n: 0.01, workers), even(asked, 10))
    assert result.calls == asked * 10
    assert result.rate == pytest.approx(capacity, rel=0.002)
    # The call n begins when n // workers rounds are over; it was due at n / asked.
    n = np.arange(asked * 10)
    expected = 0.01 * (n // workers + 1) - n / asked
    for percent in (50, 90, 99):
        assert result.latency(percent) == pytest.approx(
            percentile(expected, percent), abs=0.01 * (workers > 1) + 1e-9
        )
    closed_loop = numbers(World(lambda n: 0.01, workers), closed(workers, 10))
    assert closed_loop.rate == pytest.approx(capacity)
    assert closed_loop.latency(100) == pytest.approx(0.01)
    crowded = numbers(World(lambda n: 0.01, workers), closed(workers * 3, 10))
    assert crowded.rate == pytest.approx(capacity)  # Little's law: three times the wait
    assert crowded.latency(50) == pytest.approx(0.03)


def test_poisson_arrivals_queue_as_lindley_and_pollaczek_khinchine_say() -> None:
    load = Load(300, 80)
    result = numbers(World(lambda n: 0.01), load)
    waits = [0.0]
    for gap in np.diff(arrival_times(load)):
        waits.append(max(0.0, waits[-1] + 0.01 - gap))  # Lindley's recursion
    for percent in (1, 50, 90, 99, 99.9, 100):
        assert result.latency(percent) == pytest.approx(percentile(np.array(waits), percent) + 0.01)
    mean = 0.01 + 0.8 * 0.01 / (2 * (1 - 0.8))  # of M/D/1
    assert result.latencies.mean() == pytest.approx(mean, rel=0.1)


def test_exponential_service_has_exponential_latencies() -> None:
    service = np.random.default_rng(1).exponential(0.01, 25_000)
    result = numbers(World(lambda n: float(service[n])), Load(400, 50))
    for percent in (50, 90, 99):  # of M/M/1
        expected = math.log(100 / (100 - percent)) / (100 - 50)
        assert result.latency(percent) == pytest.approx(expected, rel=0.12)


def test_two_percent_of_calls_take_a_second() -> None:
    result = numbers(World(lambda n: 1.0 if n % 50 == 0 else 0.01, None), even(100, 20))
    for percent in (50, 98):
        assert result.latency(percent) == pytest.approx(0.01)
    assert result.latency(98.1) == result.latency(99) == pytest.approx(1.0)
    assert [p for p, _ in result.curve()] == [0, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95]


def test_a_stall_stands_in_the_open_loop_and_the_closed_one_says_that_it_hides_it() -> None:
    stall = (5.0, 7.0)
    result = numbers(World(lambda n: 0.01, None, stall=stall), even(100, 20))
    # Calls due from 4.99 on end with the stall, and those in it take what is left of it.
    late = [2.01 - n / 100 for n in range(200)]
    assert result.latency(99) == pytest.approx(sorted(late)[-20], abs=0.011)
    assert result.latency(100) == pytest.approx(2.01, abs=0.011)
    assert result.hidden() is None
    when, rate, middle, most = max(result.timeline(), key=lambda line: line[3])
    assert (when, most) == pytest.approx((5.0, 2.01), abs=0.35)
    assert rate == pytest.approx(100, abs=4)  # a call more or less is on an edge
    assert middle <= most
    blind = numbers(World(lambda n: 0.01, None, stall=stall), closed(1, 20))
    assert blind.latency(99) == pytest.approx(0.01)
    assert blind.latency(100) == pytest.approx(2.01, abs=0.01)
    assert blind.hidden() == pytest.approx(1.8, abs=0.05)
    assert numbers(World(lambda n: 0.01, None), closed(1, 20)).hidden() is None


def test_a_late_sender_is_the_bottleneck() -> None:
    late = numbers(World(lambda n: 0.001, None, sending=0.02), even(100, 10))
    assert late.lag(99) == pytest.approx(0.02 * 990 - 990 / 100 + 0.01, rel=0.01)
    assert late.latency(99) == pytest.approx(late.lag(99) + 0.001)
    assert "it sent late itself" in (late.bottleneck() or "")
    assert late.missed(0.5) == (952, 0)  # of which none is the server's
    hot = numbers(World(lambda n: 0.001, None, cpu=0.97), even(100, 1))
    assert "97% of a CPU" in (hot.bottleneck() or "")


def test_one_late_call_of_few_is_no_bottleneck() -> None:
    world = World(lambda n: 0.01, None)
    measured = world.run(even(10, 1))
    measured.intended[3] -= 0.25
    few = summarize(measured)
    assert few.calls == 10
    assert few.latency(99) == pytest.approx(0.26)
    assert few.bottleneck() is None
    one = world.run(even(10, 0.1))
    one.started[0] += 0.25
    one.ended[0] += 0.25
    assert summarize(one).latency(99) == pytest.approx(0.26)
    assert summarize(one).bottleneck() is None
    measured.intended[4] -= 0.25  # two of ten are more than chance
    assert "p90 is 260 ms, and without its lag 10 ms" in (summarize(measured).bottleneck() or "")


def test_shares_are_in_percent() -> None:
    wanted = {0: "0%", 1e-5: "0.001%", 0.0996: "10%", 0.25: "25%", 0.9997: "99.97%", 1: "100%"}
    assert {value: share(value) for value in wanted} == wanted
    assert share(0.999999) == "99.99%"  # not all
    half = World(lambda n: 0.01, None, fails=lambda n: "INTERNAL" if n % 2 else "")
    kept, why = verdict(numbers(half, even(100, 1)), Errors(0.001))
    assert (kept, why) == (False, "50% of the calls failed, and 0.1% may")


def test_failed_calls_are_counted_by_code_and_miss_every_limit() -> None:
    def fails(number: int) -> str:
        return ("UNAVAILABLE", "INTERNAL", "")[min(number % 10, 2)]

    result = numbers(World(lambda n: 0.01, None, fails=fails), even(100, 10))
    assert result.errors == {"UNAVAILABLE": 100, "INTERNAL": 100}
    assert (result.failed, result.errors_share) == (200, 0.2)
    assert len(result.latencies) == 800
    assert result.missed(0.02) == (200, 200)
    assert result.missed(0.005) == (1000, 1000)
    assert result.rate == pytest.approx(80, rel=0.01)


def test_a_watch_is_told_how_far_it_is_and_may_end_it() -> None:
    seen: list[Progress] = []

    def watch(progress: Progress) -> bool:
        seen.append(progress)
        return progress.elapsed >= 2

    load = Load(10, 100, arrivals="even", warmup=1, limit=0.05)
    measured = World(lambda n: 0.1, None).run(load, watch)
    assert measured.seconds == pytest.approx(2, abs=0.11)
    assert len(measured.intended) == pytest.approx(300, abs=11)
    assert all(b.elapsed > a.elapsed for a, b in pairwise(seen))
    last = [progress for progress in seen if progress.elapsed <= 2][-1]
    # Those under way longer than the limit are late already, and none is done in time.
    assert last.judged == last.missed == pytest.approx((last.elapsed - 0.05) * 100, abs=1)


def test_an_interrupt_leaves_what_there_is() -> None:
    def watch(progress: Progress) -> bool:
        if progress.elapsed > 3:
            raise KeyboardInterrupt
        return False

    measured = World(lambda n: 0.5, None).run(even(10, 60), watch)
    assert measured.interrupted
    assert measured.unanswered == 5
    result = summarize(measured)
    assert result.calls == pytest.approx(25, abs=2)
    assert result.latency(99) == pytest.approx(0.5)


def test_several_senders_are_as_one() -> None:
    whole = Load(10, 90, warmup=1)
    shares = [Load(10, 90, warmup=1, share=(n, 3)) for n in range(3)]
    one = summarize(World(lambda n: 0.01, None).run(whole))
    parts = [World(lambda n: 0.01, None, cpu=n / 10).run(load) for n, load in enumerate(shares)]
    several = summarize(merged(parts, whole))
    assert (several.calls, several.rate) == (one.calls, one.rate)
    assert np.allclose(np.sort(several.latencies), np.sort(one.latencies))
    assert several.cpu == pytest.approx(0.2)
    callers = [Load(1, concurrency=4, share=(n, 3)) for n in range(3)]
    assert [len(World(lambda n: 2.0, None).run(load).intended) for load in callers] == [2, 1, 1]


def test_how_sure_shares_and_means_are() -> None:
    assert bounds(0, 0) == (0.0, 1.0)
    low, high = bounds(0, 600)
    assert (low, high < 0.01) == (0.0, True)
    assert bounds(0, 250)[1] > 0.01  # too few for p99
    low, high = bounds(50, 1000)
    assert low < 0.05 < high
    mean, low, high = interval([1.0, 2.0, 3.0])
    spread = 4.303 / math.sqrt(3)
    assert (mean, low, high) == pytest.approx((2.0, 2 - spread, 2 + spread))
    assert interval([1.0]) == (1.0, -math.inf, math.inf)
