"""The bound on calls under way: lowered once a burst, raised by successes, without deadlock."""

from __future__ import annotations

import random
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsclient._transports.bound import Bound


class World:
    """A server with so many threads, a clock, and calls that end in any order."""

    def __init__(self, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.threads = threads
        self.now = 0.0
        self.timers: list[tuple[float, Callable[[], object]]] = []
        self.running: list[tuple[int, int]] = []  # call and burst
        self.most = 0
        self.refusals = 0
        self.done: list[int] = []
        clock = SimpleNamespace(monotonic=lambda: self.now)  # which other threads do not see
        monkeypatch.setattr("tfsclient._transports.bound.time", clock)
        self.bound = Bound(lambda seconds, call: self.timers.append((self.now + seconds, call)))

    def call(self, number: int, *, first: bool = False) -> None:
        if not first and self.bound.enter():
            self.send(number)
        else:
            self.bound.wait(number, lambda: self.send(number), first=first)

    def send(self, number: int) -> None:
        burst = self.bound.burst
        if len(self.running) >= self.threads:
            self.refusals += 1
            self.bound.leave(burst, refused=True)
            self.call(number, first=True)
            return
        self.running.append((number, burst))
        self.most = max(self.most, len(self.running))

    def finish_one(self, pick: random.Random) -> None:
        if self.running:
            number, burst = self.running.pop(pick.randrange(len(self.running)))
            self.done.append(number)
            if number >= 0:  # another client's never entered here
                self.bound.leave(burst, refused=False)
        elif self.timers:
            self.timers.sort(key=lambda timer: timer[0])
            self.now, call = self.timers.pop(0)
            call()


@given(
    threads=st.integers(1, 8),
    calls=st.integers(1, 300),
    others=st.integers(0, 2),
    seed=st.integers(0, 9),
)
def test_every_call_ends(threads: int, calls: int, others: int, seed: int) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        world = World(threads, monkeypatch)
        world.running += [(-1 - n, -1) for n in range(min(others, threads))]  # other clients'
        for number in range(calls):
            world.call(number)
        pick = random.Random(seed)
        for _ in range(100 * calls + 100):
            world.finish_one(pick)
        assert sorted(n for n in world.done if n >= 0) == list(range(calls))
        assert not world.running


def test_a_server_that_refuses_nothing_sees_no_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(1000, monkeypatch)
    for number in range(1000):
        world.call(number)
    assert world.most == 1000
    assert world.refusals == 0


def test_refusals_are_few_once_the_bound_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(8, monkeypatch)
    for number in range(2000):
        world.call(number)
        if number % 2:
            world.finish_one(random.Random(number))
    pick = random.Random(0)
    for _ in range(4000):
        world.finish_one(pick)
    assert len(world.done) == 2000
    assert world.refusals < 600
