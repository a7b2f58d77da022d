"""What is counted and timed, and the page that Prometheus reads.

As TensorFlow's own metrics, these belong to the process, not to one server in it.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager

from tfsclient.errors import Code, TFSError
from tfsclient.server.interface import Call


class _Metric:
    kind: str

    def __init__(self, name: str, *labels: str) -> None:
        self._name = name.replace("/", ":")
        self._labels = labels
        self._lock = threading.Lock()
        _ALL.append(self)

    def lines(self) -> list[str]:
        with self._lock:
            samples = self._samples()
        return [f"# TYPE {self._name} {self.kind}", *samples]

    def _samples(self) -> list[str]:
        raise NotImplementedError

    def _pairs(self, values: tuple[str, ...]) -> list[str]:
        return [f'{n}="{_escaped(v)}"' for n, v in zip(self._labels, values, strict=True)]


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


_ALL: list[_Metric] = []


class Counter(_Metric):
    """A count for each combination of labels."""

    kind = "counter"

    def __init__(self, name: str, *labels: str) -> None:
        super().__init__(name, *labels)
        self._counts: dict[tuple[str, ...], int] = {}

    def add(self, *values: str, by: int = 1) -> None:
        """Count ``by`` more for these labels."""
        with self._lock:
            self._counts[values] = self._counts.get(values, 0) + by

    def _samples(self) -> list[str]:
        return [f"{self._name}{{{','.join(self._pairs(v))}}} {n}" for v, n in self._counts.items()]


class Histogram(_Metric):
    """A distribution for each combination of labels.

    Args:
        name: the metric's name.
        labels: the names of its labels.
        scale: the first bucket's upper limit.
        growth: each further limit, divided by the one before.
        count: how many limits there are.
    """

    kind = "histogram"

    def __init__(self, name: str, *labels: str, scale: float, growth: float, count: int) -> None:
        super().__init__(name, *labels)
        self._limits = [scale * growth**power for power in range(count)]
        self._cells: dict[tuple[str, ...], tuple[list[int], list[float]]] = {}

    def observe(self, value: float, *values: str) -> None:
        """Add a value to the distribution of these labels."""
        with self._lock:
            counts, total = self._cells.setdefault(values, ([0] * (len(self._limits) + 1), [0.0]))
            counts[bisect_left(self._limits, value)] += 1
            total[0] += value

    @contextmanager
    def time(self, *values: str) -> Iterator[None]:
        """Observe how many microseconds the context takes, unless it fails."""
        start = time.perf_counter()
        yield
        self.observe((time.perf_counter() - start) * 1e6, *values)

    def _samples(self) -> list[str]:
        limits = [*(f"{limit:.6g}" for limit in self._limits), "+Inf"]
        lines = []
        for values, (counts, total) in self._cells.items():
            pairs = self._pairs(values)
            below = 0
            for limit, count in zip(limits, counts, strict=True):
                below += count
                labels = ",".join([*pairs, f'le="{limit}"'])
                lines.append(f"{self._name}_bucket{{{labels}}} {below}")
            labels = ",".join(pairs)
            lines.append(f"{self._name}_sum{{{labels}}} {total[0]:.6g}")
            lines.append(f"{self._name}_count{{{labels}}} {below}")
        return lines


def _latency(name: str, *labels: str) -> Histogram:
    return Histogram(name, *labels, scale=10, growth=1.8, count=33)


_SERVING = "/tensorflow/serving"
_requests = Counter(f"{_SERVING}/request_count", "model_name", "status")
_request_latency = _latency(f"{_SERVING}/request_latency", "model_name", "API", "entrypoint")
runtime_latency = _latency(f"{_SERVING}/runtime_latency", "model_name", "API", "runtime")
_example_counts = Histogram(
    f"{_SERVING}/request_example_counts", "model", scale=1, growth=2, count=15
)
_examples = Counter(f"{_SERVING}/request_example_count_total", "model")
_warmup_latency = _latency(f"{_SERVING}/model_warmup_latency", "model_path", "status")
_warmup_records = Counter(f"{_SERVING}/model_warmup_records_read", "model_path")


@contextmanager
def count_call(call: Call) -> Iterator[None]:
    """Count a call with its status, and time it if it succeeds."""
    name = call.ref.name if call.ref else ""
    status = Code.INTERNAL
    start = time.perf_counter()
    try:
        yield
    except TFSError as error:
        status = error.code or Code.UNKNOWN
        raise
    else:
        status = Code.OK
        micros = (time.perf_counter() - start) * 1e6
        _request_latency.observe(micros, name, call.api, call.entrypoint)
    finally:
        _requests.add(name, status.value)


def count_examples(model: str, count: int) -> None:
    """Count the examples of a classify, regress or multi-inference request."""
    _example_counts.observe(count, model)
    _examples.add(model, by=count)


def count_warmup(path: str, records: int, seconds: float, status: Code) -> None:
    """Count a warm-up."""
    _warmup_latency.observe(seconds * 1e6, path, status.value)
    if records:
        _warmup_records.add(path, by=records)


def page() -> str:
    """All metrics in Prometheus' text format."""
    return "".join(f"{line}\n" for metric in _ALL for line in metric.lines())
