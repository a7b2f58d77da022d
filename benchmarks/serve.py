"""Calls a second of half_plus_two: python benchmarks/serve.py [SECONDS].

Over gRPC and REST, by one and by 16 clients, beside calling the TensorFlow function in-process.
The server and the clients are processes of their own on this machine, and share its processors.
"""

from __future__ import annotations

import http.client
import multiprocessing
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import grpc

from tfsclient._codec.messages import message_class
from tfsclient.testing import serve

MODEL = Path(__file__).parents[1] / "tests/conformance/models/half_plus_two"
PREDICT = "/tensorflow.serving.PredictionService/Predict"
CLIENTS = (1, 16)
WARM_UP = 1.0  # seconds

Call = Callable[[], object]


def grpc_call(target: str) -> Call:
    """A call with its own connection, on bytes that are made once: the server is measured."""
    request = message_class("tensorflow.serving.PredictRequest")()
    request.model_spec.name = "half_plus_two"
    request.inputs["x"].dtype = 1
    request.inputs["x"].float_val.append(1.0)
    for _ in range(2):
        request.inputs["x"].tensor_shape.dim.add(size=1)
    data = request.SerializeToString()
    channel = grpc.insecure_channel(target, [("grpc.use_local_subchannel_pool", 1)])
    method = channel.unary_unary(PREDICT)
    return lambda: method(data)


def rest_call(target: str) -> Call:
    """The same over REST, by the standard library's client: the lightest that is at hand."""
    connection = http.client.HTTPConnection(target.removeprefix("http://"))
    connection.connect()

    def call() -> bytes:
        path = "/v1/models/half_plus_two:predict"
        connection.request("POST", path, b'{"instances": [[1.0]]}')
        response = connection.getresponse()
        assert response.status == 200
        return response.read()

    return call


CALLS = {"gRPC": grpc_call, "REST": rest_call}


def measure(call: Call, seconds: float) -> list[float]:
    """How long each call took, after a warm-up."""
    until = time.perf_counter() + WARM_UP
    while time.perf_counter() < until:
        call()
    times: list[float] = []
    start = time.perf_counter()
    while start < until + seconds:
        call()
        end = time.perf_counter()
        times.append(end - start)
        start = end
    return times


def drive(kind: str, target: str, clients: int, seconds: float, out: multiprocessing.Queue) -> None:  # type: ignore[type-arg]
    """Be this many clients."""
    times: list[float] = []

    def run() -> None:
        times.extend(measure(CALLS[kind](target), seconds))

    threads = [threading.Thread(target=run) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    out.put(times)


def served(kind: str, target: str, clients: int, seconds: float) -> list[float]:
    """How long calls take that many clients make, who live in two processes at most."""
    processes = min(clients, 2)
    context = multiprocessing.get_context("spawn")
    out = context.Queue()
    drivers = [
        context.Process(target=drive, args=(kind, target, clients // processes, seconds, out))
        for _ in range(processes)
    ]
    for driver in drivers:
        driver.start()
    times = [each for _ in drivers for each in out.get()]
    for driver in drivers:
        driver.join()
    return times


def in_process(seconds: float) -> list[float]:
    """How long the model's own function takes."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(MODEL / "2"))
    function = loaded.signatures["serving_default"]
    x = tf.constant([[1.0]])

    def call() -> object:
        return function(x=x)["y"].numpy()

    return measure(call, seconds)


def row(name: str, clients: int, times: list[float], seconds: float) -> str:
    """A line of the table: calls a second, median and 99th percentile of a call's time."""
    cuts = statistics.quantiles(times, n=100)
    rate = len(times) / seconds
    return f"{name:<24}{clients:>8}{rate:>12,.0f}{cuts[49] * 1e3:>12.2f}{cuts[98] * 1e3:>12.2f}"


def main() -> None:
    """Print the table, line by line."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    print(f"{'half_plus_two':<24}{'clients':>8}{'calls/s':>12}{'p50 ms':>12}{'p99 ms':>12}")
    with serve({"half_plus_two": MODEL}, process=True) as server:
        for kind, target in (("gRPC", server.grpc_target), ("REST", server.rest_target)):
            for clients in CLIENTS:
                times = served(kind, target, clients, seconds)
                print(row(kind, clients, times, seconds), flush=True)
    print(row("TensorFlow, in-process", 1, in_process(seconds), seconds))


if __name__ == "__main__":
    main()
