"""Rows a second on Spark and Ray: .cache/engines/bin/python -m benchmarks.engines [ROWS].

tfsclient.spark.predict beside predict_batch_udf with gRPC by hand, and tfsclient.ray.Predictor
beside map_batches with a synchronous class that calls by hand, each with the best of some batches.
`make test-engines` makes the installation; Spark needs Java 17.  The server is a FakeServer in a
process of its own, whose model takes 5 ms for a batch and 20 us for a row, four batches at a time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import machine
from benchmarks.score import schema, write_rows
from tfsclient import Client
from tfsclient.testing import FakeServer

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "engines.txt"
A_BATCH, A_ROW, AT_ONCE = 0.005, 20e-6, 4
BATCHES = (1024, 10_000)
WORKERS = {"spark": 2, "ray": 1}
TURNS = 2

Arrays = Mapping[str, Any]


def serve() -> None:
    """Be the server."""
    free = threading.Semaphore(AT_ONCE)
    times: list[float] = []

    def answer(inputs: Arrays) -> Arrays:
        if inputs["n"][0] < 0:  # asks how long all calls took together, and begins anew
            span = np.array([times[-1] - min(times) if times else 0], np.float32)
            times.clear()
            return {"y": span, "t": inputs["s"]}
        times.append(time.monotonic())
        try:
            return work(inputs)
        finally:
            times.append(time.monotonic())

    def work(inputs: Arrays) -> Arrays:
        with free:
            time.sleep(A_BATCH + A_ROW * len(inputs["x"]))
        return {"y": 2 * inputs["x"], "t": inputs["s"]}

    with FakeServer(schema()) as server:
        server.answer("twice", answer)
        print(server.grpc_target, flush=True)
        sys.stdin.read()


class ByHand:
    """A channel and protobuf's messages, as one writes them for one model."""

    def __init__(self, target: str) -> None:
        import grpc

        from tfsclient._codec.messages import message_class

        self.request = message_class("tensorflow.serving.PredictRequest")
        options = [(f"grpc.max_{way}_message_length", -1) for way in ("send", "receive")]
        self.call = grpc.insecure_channel(target, options).unary_unary(
            "/tensorflow.serving.PredictionService/Predict",
            request_serializer=self.request.SerializeToString,
            response_deserializer=message_class("tensorflow.serving.PredictResponse").FromString,
        )

    def __call__(self, x: Any, n: Any, s: Any) -> dict[str, Any]:
        """Call the model."""
        request = self.request()
        request.model_spec.name = "twice"
        for name, number, array in (("x", 1, x.astype(np.float32)), ("n", 9, n)):
            tensor = request.inputs[name]
            tensor.dtype = number
            tensor.tensor_shape.dim.add().size = len(array)
            tensor.tensor_content = array.tobytes()
        tensor = request.inputs["s"]
        tensor.dtype = 7
        tensor.tensor_shape.dim.add().size = len(s)
        tensor.string_val.extend([text.encode() for text in s])
        outputs = self.call(request, timeout=60).outputs
        y = outputs["y"]
        content = np.frombuffer(y.tensor_content, np.float32)
        return {
            "y": content if y.tensor_content else np.array(y.float_val, np.float32),
            "t": np.array([text.decode() for text in outputs["t"].string_val], object),
        }


# Each gives, by name, what scores all rows.


def on_spark(target: str, path: str) -> dict[str, Callable[[], None]]:
    """Ways to do it on Spark."""
    from pyspark.ml.functions import predict_batch_udf
    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType

    import tfsclient.spark

    session = (
        SparkSession.builder.master(f"local[{WORKERS['spark']}]")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    df = session.read.parquet(path).repartition(4).cache()
    df.count()

    def save(scored: Any) -> None:
        scored.write.format("noop").mode("overwrite").save()

    def by_hand(batch: int) -> None:
        def make() -> Any:
            call = ByHand(target)

            def predict(x: Any, n: Any, s: Any) -> Any:  # of which Spark counts the arguments
                return call(x, n, s)

            return predict

        kind = StructType().add("y", "float").add("t", "string")
        udf = predict_batch_udf(make, return_type=kind, batch_size=batch)
        save(df.withColumn("out", udf("x", "n", "s")))

    ways: dict[str, Callable[[], None]] = {
        "predict_batch_udf, " + str(batch): (lambda batch=batch: by_hand(batch))
        for batch in BATCHES
    }
    return {"tfsclient.spark": lambda: save(tfsclient.spark.predict(df, target, "twice")), **ways}


class Sync:
    """A class of Ray's that calls by hand."""

    def __init__(self, target: str) -> None:
        self.predict = ByHand(target)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Score a batch."""
        return {**batch, **self.predict(batch["x"], batch["n"], batch["s"])}


def on_ray(target: str, path: str) -> dict[str, Callable[[], None]]:
    """Ways to do it on Ray."""
    import ray

    from tfsclient.ray import Predictor, prepare

    ray.init(
        address="local", num_cpus=2, include_dashboard=False, log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": os.environ["PYTHONPATH"]}},
    )  # fmt: skip
    ray.data.DataContext.get_current().enable_progress_bars = False
    ds = ray.data.read_parquet(path).repartition(4).materialize()

    def run(worker: Any, arguments: dict[str, Any], batch: int) -> None:
        compute = ray.data.ActorPoolStrategy(size=WORKERS["ray"])
        scored = ds.map_batches(
            worker, fn_constructor_kwargs=arguments, batch_size=batch, compute=compute
        )
        assert sum(len(rows["y"]) for rows in scored.iter_batches()) == ds.count()

    ways: dict[str, Callable[[], None]] = {}
    ours = prepare(ds, target, "twice")
    for batch in BATCHES:
        ways[f"tfsclient.ray, {batch}"] = lambda batch=batch: run(Predictor, ours, batch)
        ways[f"a synchronous class, {batch}"] = lambda batch=batch: run(
            Sync, {"target": target}, batch
        )
    return ways


def seconds_of_calls(target: str) -> float:
    """From the first call to the last answer since this was asked: without the start of workers."""
    with Client(target) as client:
        return float(client.predict("twice", {"x": [0.0], "n": [-1], "s": [""]})["y"][0])


def run(engine: str, target: str, path: str) -> None:
    """Be the process of one engine: all ways by turns; the best of each."""
    ways = {"spark": on_spark, "ray": on_ray}[engine](target, path)
    best: dict[str, float] = {}
    for turn in range((engine == "spark") + TURNS):
        for name, way in ways.items():
            seconds_of_calls(target)
            way()
            seconds = seconds_of_calls(target)
            if turn or engine == "ray":
                best[name] = min(seconds, best.get(name, seconds))
            print(f"{name}: {seconds:.2f} s", file=sys.stderr)
    print(json.dumps(best))


def main(rows: int) -> None:
    """Measure both engines, one after the other, and write the table."""
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'codegen'}",
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONWARNINGS": "ignore",
    }
    me = [sys.executable, "-m", "benchmarks.engines"]
    server = subprocess.Popen(
        [*me, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=ROOT
    )
    assert server.stdout is not None
    target = server.stdout.readline().decode().strip()
    about = machine()
    lines = [
        f"{rows:,} rows; two workers of Spark, one of Ray; {datetime.now(timezone.utc):%Y-%m-%d}",
        f"{about['cores']} cores of {about['cpu']}, {about['system']}, Python {about['python']}",
        f"model: {1000 * A_BATCH:g} ms a batch, {1e6 * A_ROW:g} us a row, {AT_ONCE} at a time",
        f"seconds from the first call to the last answer, the best of {TURNS} runs;",
        "beside each name the rows of a call, where they are set",
        "",
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "in.parquet")
        write_rows(path, rows)
        for engine in ("spark", "ray"):
            done = subprocess.run(
                [*me, engine, target, path], env=environment, cwd=ROOT, check=True,
                stdout=subprocess.PIPE,
            )  # fmt: skip
            best: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
            for name, seconds in best.items():
                lines.append(f"{name:26} {seconds:6.2f} s {rows / seconds:9,.0f} rows/s")
            ours = min(best[name] for name in best if name.startswith("tfsclient"))
            theirs = min(best[name] for name in best if not name.startswith("tfsclient"))
            lines += [f"the best of the others takes {theirs / ours:.2f} times as long", ""]
    server.terminate()
    server.wait()
    print("\n".join(lines))
    RESULT.write_text("\n".join(lines).rstrip() + "\n", "utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve()
    elif len(sys.argv) > 2:
        run(*sys.argv[1:])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
