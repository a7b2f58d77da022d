"""A whole benchmark: which loads to put on which servers, in which order, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

from tfsclient._cli.load.batching import Advice, advise
from tfsclient._cli.load.interface import Engine, Load, Measured, Progress, Watch
from tfsclient._cli.load.interleave import Difference, interleave
from tfsclient._cli.load.limits import Errors, Latency, verdict
from tfsclient._cli.load.metrics import Page, ServerTimes, read_times
from tfsclient._cli.load.search import Found, Trial, search
from tfsclient._cli.load.statistics import Summary, summarize
from tfsclient._transports.target import parse

_FEELER = 1.0  # seconds of one caller, before a search: it begins at the rate that one attains


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server, as one protocol reaches it.

    Attributes:
        target: where.
        transport: "grpc" or "rest".
        page: reads its metrics.
    """

    target: str = field(repr=False)
    transport: str
    page: Page = field(default=lambda: None, repr=False, compare=False)

    def __str__(self) -> str:
        return str(parse(self.target))  # without a password


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A load that was put on a server.

    Attributes:
        endpoint: the server.
        batch: rows of each call; None where calls are as they were given.
        summary: what came of it.
    """

    endpoint: Endpoint
    batch: int | None
    summary: Summary

    @property
    def load(self) -> Load:
        """What was sent."""
        return self.summary.measured.load

    @property
    def server(self) -> tuple[float, float | None] | None:
        """What the server says of its times; see :class:`Measured`."""
        return self.summary.measured.server


@dataclass(frozen=True, slots=True)
class Searched:
    """A search for the highest rate.

    Attributes:
        endpoint: the server.
        batch: as of a :class:`Run`.
        found: what came of it.
    """

    endpoint: Endpoint
    batch: int | None
    found: Found


@dataclass(frozen=True, slots=True)
class Against:
    """Two servers under the same load.

    Attributes:
        first: the one.
        second: the other.
        differences: by how much the second is slower.
    """

    first: Run
    second: Run
    differences: list[Difference]


@dataclass(slots=True)
class Report:
    """What a benchmark came to.

    Attributes:
        model: the model's name.
        signature: the signature's name.
        inputs: its inputs, for people.
        runs: the loads that were sent.
        searches: by batch size and endpoint.
        advice: on batching, where batch sizes were searched.
        against: comparisons of two servers.
        verdicts: of ``--fail-if``: whether each run kept each limit, and why.
        interrupted: whether the user ended it before it was over.
    """

    model: str
    signature: str
    inputs: list[str] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    searches: list[Searched] = field(default_factory=list)
    advice: Advice | None = None
    against: list[Against] = field(default_factory=list)
    verdicts: list[tuple[Run, bool | None, str]] = field(default_factory=list)
    interrupted: bool = False


class Live(Protocol):
    """Shows how far a benchmark is."""

    def begin(self, what: str) -> None:
        """Something new begins."""
        ...

    def watch(self, progress: Progress) -> bool:
        """So far it is; True ends it."""
        ...

    def tried(self, trial: Trial) -> None:
        """A search has tried a rate."""
        ...


class _Asking:
    """An engine that also asks the server what it says of its times."""

    def __init__(self, engine: Engine, endpoint: Endpoint, model: str) -> None:
        self._engine = engine
        self._endpoint = endpoint
        self._model = model

    def run(self, load: Load, watch: Watch) -> Measured:
        before = self._times()
        measured = self._engine.run(load, watch)
        if measured.interrupted:
            return measured  # now: nobody waits for what the server says
        try:
            after = self._times()
        except KeyboardInterrupt:
            measured.interrupted = True
            return measured
        measured.server = after.since(before) if after and before else None
        return measured

    def _times(self) -> ServerTimes | None:
        page = self._endpoint.page()
        if page is None:
            return None
        return read_times(page, self._model, self._endpoint.transport.upper())


# Opens what puts loads on a server, with calls of so many rows.
Open = Callable[[Endpoint, int | None], AbstractContextManager[Engine]]


class Session:
    """Runs a benchmark; what it came to so far is in ``report``, also after an interrupt.

    Args:
        report: to be filled.
        open_: opens an engine.
        live: shows how far it is.
    """

    def __init__(self, report: Report, open_: Open, live: Live) -> None:
        self.report = report
        self._open_engine = open_
        self._live = live

    @contextmanager
    def _open(self, endpoint: Endpoint, batch: int | None) -> Iterator[Engine]:
        with self._open_engine(endpoint, batch) as engine:
            yield _Asking(engine, endpoint, self.report.model)

    def sweep(
        self, endpoints: Sequence[Endpoint], batches: Sequence[int | None], loads: Sequence[Load]
    ) -> None:
        """Put each load on each server, in calls of each size."""
        for endpoint in endpoints:
            for batch in batches:
                with self._open(endpoint, batch) as engine:
                    for load in loads:
                        self._live.begin(named(load, batch, endpoint))
                        summary = summarize(engine.run(load, self._live.watch))
                        self.report.runs.append(Run(endpoint, batch, summary))
                        if summary.measured.interrupted:
                            raise KeyboardInterrupt

    def search(
        self,
        endpoints: Sequence[Endpoint],
        batches: Sequence[int | None],
        load: Load,
        limit: Latency,
    ) -> None:
        """Find the highest rate within a limit, for calls of each size; and what is best."""
        for endpoint in endpoints:
            of_batch: dict[int, Found] = {}
            for batch in batches:
                with self._open(endpoint, batch) as engine:
                    found = self._search(engine, endpoint, batch, load, limit)
                if found.best is not None:
                    self.report.runs.append(Run(endpoint, batch, found.best.summary))
                if found.interrupted:
                    raise KeyboardInterrupt
                if batch is not None:
                    of_batch[batch] = found
            if len(of_batch) > 1 and self.report.advice is None:
                self.report.advice = advise(of_batch)

    def _search(
        self, engine: Engine, endpoint: Endpoint, batch: int | None, load: Load, limit: Latency
    ) -> Found:
        self._live.begin(f"one caller, {named(None, batch, endpoint)}")
        feeler = Load(min(_FEELER, load.seconds), concurrency=1, limit=limit.seconds)
        alone = summarize(engine.run(feeler, self._live.watch))
        if alone.measured.interrupted:
            raise KeyboardInterrupt
        self._live.begin(f"{limit}, {named(None, batch, endpoint)}")
        found = search(
            engine.run, load, limit, max(alone.rate, 1.0), self._live.tried, self._live.watch
        )
        self.report.searches.append(Searched(endpoint, batch, found))
        return found

    def compare(
        self,
        first: Endpoint,
        second: Endpoint,
        batches: Sequence[int | None],
        loads: Sequence[Load],
    ) -> None:
        """Put each load on two servers in turns."""
        for batch in batches:
            with self._open(first, batch) as one, self._open(second, batch) as other:
                for load in loads:
                    self._live.begin(f"{first} and {second}, {named(load, batch)}")
                    both = interleave(one, other, load, self._live.watch)
                    runs = Run(first, batch, both.first), Run(second, batch, both.second)
                    self.report.runs += runs
                    self.report.against.append(Against(*runs, both.differences))
                    if both.interrupted:
                        raise KeyboardInterrupt

    def judge(self, limits: Sequence[Latency | Errors]) -> None:
        """See which runs kept which limits."""
        for run in self.report.runs:
            for limit in limits:
                self.report.verdicts.append((run, *verdict(run.summary, limit)))


def named(load: Load | None, batch: int | None, endpoint: Endpoint | None = None) -> str:
    """A load in words."""
    parts = [
        "" if load is None else str(load),
        "" if batch is None else f"batches of {batch}",
        "" if endpoint is None else endpoint.transport,
    ]
    return ", ".join(part for part in parts if part)


def loads(base: Load, rates: Sequence[float], callers: Sequence[int]) -> list[Load]:
    """The loads to send: a rate each, or a number of callers each."""
    if rates:
        return [replace(base, rate=rate) for rate in rates]
    return [replace(base, concurrency=number) for number in callers]
