"""tfsclient.spark on a real Spark: what workers answer, and what the driver refuses."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tfsclient.spark
from tests.engines.conftest import TOKEN
from tests.engines.models import shapes
from tests.score.helpers import answer, twice
from tfsclient import (
    Client,
    Example,
    InvalidArgument,
    InvalidInput,
    Model,
    NotFound,
    Signature,
    TensorSpec,
    TFSError,
)
from tfsclient.errors import Code, from_code
from tfsclient.testing import FakeServer, RunningServer

pytestmark = pytest.mark.slow

COLUMNS = "id long, x float, n long, s string"


def table(spark: Any, count: int, parts: int = 2) -> Any:
    """Rows for the model twice."""
    rows = [(n, float(n), n, f"row {n}") for n in range(count)]
    return spark.createDataFrame(rows, COLUMNS).repartition(parts)


def check(rows: list[Any], count: int) -> None:
    assert sorted(row.id for row in rows) == list(range(count))
    assert all(row.y == 2 * row.id and row.t == f"row {row.id}" for row in rows)


def test_scalars_and_strings(spark: Any, server: FakeServer) -> None:
    df = table(spark, 5000)
    scored = tfsclient.spark.predict(df, server.grpc_target, "twice", keep=["id"])
    assert scored.dtypes == [("id", "bigint"), ("t", "string"), ("y", "float")]
    about = {"model": "twice", "signature": "serving_default", "version": 1}
    assert scored.schema["y"].metadata == {"tfsclient": about}
    check(scored.collect(), 5000)
    predicts = [call for call in server.calls if call.method == "Predict"]
    assert {call.version for call in predicts} == {1}
    assert {call.headers["authorization"] for call in predicts} == {f"Bearer {TOKEN}"}
    assert len([call for call in server.calls if call.method == "GetModelMetadata"]) == 1


def test_shapes_and_types(spark: Any, server: FakeServer) -> None:
    images = np.arange(1, 12 * 30 + 1, dtype=np.float32).reshape(30, 2, 2, 3) / 12
    flat = spark.createDataFrame(
        [(n, image.ravel().tolist()) for n, image in enumerate(images)], "id int, flat array<float>"
    )
    scored = tfsclient.spark.predict(
        flat, server.grpc_target, "shapes", inputs={"image": "flat"}, keep="id", binary=["raw"]
    )
    rows = sorted(scored.collect(), key=lambda row: row.id)
    with Client(server.grpc_target) as client:
        want = client.predict("shapes", images)
    assert np.array_equal([row.cube for row in rows], want["cube"])
    assert [row.words for row in rows] == want.text("words").tolist()
    assert [bytes(row.raw) for row in rows] == want["raw"].tolist()
    for name in ("uint8", "uint16", "uint32", "uint64", "bfloat16", "float16", "bool"):
        assert [row[f"as_{name}"] for row in rows] == want[f"as_{name}"].tolist()
    assert [complex(*row.as_complex64) for row in rows] == want["as_complex64"].tolist()
    assert dict(scored.dtypes)["cube"] == "array<array<array<float>>>"


def test_strings_that_are_not_text_are_told(spark: Any, server: FakeServer) -> None:
    df = spark.createDataFrame([([1.0] * 12,)], "image array<float>")
    scored = tfsclient.spark.predict(df, server.grpc_target, "shapes", outputs="raw")
    with pytest.raises(Exception, match=r"output 'raw' holds binary, not string(.|\n)*binary=\["):
        scored.collect()


def test_pictures_and_examples(spark: Any, real: RunningServer, tmp_path: Path) -> None:
    from PIL import Image as Pictures

    data = []
    for number in range(12):
        path = tmp_path / f"{number:02}.png"
        Pictures.fromarray(np.full((28, 28), 20 * number, np.uint8)).save(path)
        data.append(path.read_bytes())
    (tmp_path / "11.png").write_bytes(b"not a picture")
    files = spark.read.format("binaryFile").load(str(tmp_path)).select("path", "content")
    for column in ("content", "@path"):
        scored = tfsclient.spark.predict(
            files, real.grpc_target, "raw_png", inputs={"image_bytes": column}, keep=["path"],
            on_error="dead-letter",
        )  # fmt: skip
        rows = sorted(scored.collect(), key=lambda row: row.path)
        assert [bool(row.error) for row in rows] == 11 * [False] + [True]
        with Client(real.grpc_target) as client:
            want = client.predict("raw_png", {"image_bytes": data[:11]})
        assert [row.label for row in rows[:11]] == want.text("label").tolist()
        assert [bytes(row.thumb_bytes) for row in rows[:11]] == want["thumb_bytes"].tolist()

    features = spark.createDataFrame(
        [(n, [float(n)], "a" if n % 2 else None) for n in range(20)],
        "id int, f_required array<float>, s_fixed string",
    )
    scored = tfsclient.spark.predict(
        features, real.grpc_target, "feature_spec_tf2", inputs={"examples": "*"}, keep=["id"],
        outputs=["f_required", "s_fixed", "i_fixed"], prefix="out_",
    )  # fmt: skip
    rows = sorted(scored.collect(), key=lambda row: row.id)
    examples = [
        Example({"f_required": [float(n)], **({"s_fixed": "a"} if n % 2 else {})})
        for n in range(20)
    ]
    with Client(real.grpc_target) as client:
        want = client.predict("feature_spec_tf2", {"examples": examples})
    assert [row.s_fixed for row in rows] == want.text("s_fixed").tolist()
    assert np.array_equal([row.f_required for row in rows], want["f_required"])
    assert np.array_equal([row.i_fixed for row in rows], want["i_fixed"])


def test_a_row_at_a_time(spark: Any, real: RunningServer) -> None:
    df = spark.createDataFrame([(n, [float(n)] * 6) for n in range(20)], "id int, m array<float>")
    scored = tfsclient.spark.predict(
        df, real.grpc_target, "ranks", signature="fixed", inputs={"x": "m"}, keep=["id"]
    )
    assert all(row.y == [[2.0 * row.id] * 3] * 2 for row in scored.collect())


def bad_rows(df: Any) -> Any:
    from pyspark.sql import functions

    null = functions.col("id") % 1000 == 7
    return df.withColumn("s", functions.when(~null, functions.col("s")))


def picky(inputs: Any) -> dict[str, Any]:
    if 2500 in inputs["n"].tolist():
        raise InvalidArgument("no such n")
    return answer(inputs)


def test_dead_letters(spark: Any, server: FakeServer) -> None:
    server.answer("twice", picky)
    df = bad_rows(table(spark, 3000, parts=1))
    scored = tfsclient.spark.predict(df, server.grpc_target, "twice", on_error="dead-letter")
    rows = scored.collect()
    assert [row.id for row in rows] == [row.id for row in df.collect()]  # each in its place
    dead = {row.id: row for row in rows if row.error is not None}
    assert sorted(dead) == [7, 1007, 2007, 2500]
    assert "column 's', which is input 's', is null" in dead[7].error
    assert dead[2500].error.endswith("INVALID_ARGUMENT: no such n")
    assert dead[2500].y is None
    assert all(row.y == 2 * row.id for row in rows if row.id not in dead)


def test_the_first_bad_row_fails_the_job(spark: Any, server: FakeServer) -> None:
    df = bad_rows(table(spark, 1000))
    scored = tfsclient.spark.predict(df, server.grpc_target, "twice")
    with pytest.raises(Exception, match=r"partition \d: row \d+: column 's', .* is null"):
        scored.collect()


def test_a_worker_that_is_killed(spark: Any, server: FakeServer, workers: Path) -> None:
    (workers / "killed").unlink(missing_ok=True)
    scored = tfsclient.spark.predict(
        table(spark, 4000), server.grpc_target, "twice", token="tests.engines.models:killing_token"
    )
    check(scored.collect(), 4000)
    assert (workers / "killed").exists()


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED"])
def test_a_server_that_refuses_for_a_while(spark: Any, server: FakeServer, code: str) -> None:
    times: list[float] = []

    def busy(inputs: Any) -> dict[str, Any]:
        times.append(time.monotonic())
        if len(times) > 5 and times[-1] - times[5] < 3:
            raise from_code(Code(code), "all batch threads are busy")
        return answer(inputs)

    server.answer("twice", busy)
    scored = tfsclient.spark.predict(
        table(spark, 5000), server.grpc_target, "twice", on_error="dead-letter"
    )
    rows = scored.collect()
    assert {row.error for row in rows} == {None}
    check(rows, 5000)


def test_versions_are_pinned(spark: Any) -> None:
    one = twice()
    two = type(one)("twice", 2, one.signatures)
    with FakeServer(one, two, labels={"twice": {"stable": 1}}) as server:
        server.answer("twice", answer)
        df = table(spark, 10)
        for choice, version in (({}, 2), ({"label": "stable"}, 1), ({"version": 1}, 1)):
            scored = tfsclient.spark.predict(df, server.grpc_target, "twice", **choice)
            check(scored.collect(), 10)
            assert server.calls[-1].version == version
            assert server.calls[-1].label is None


def test_what_is_known_is_not_asked_for(spark: Any, server: FakeServer) -> None:
    scored = tfsclient.spark.predict(
        table(spark, 10), server.grpc_target, "twice", schemas={"twice": twice()}
    )
    check(scored.collect(), 10)
    assert {call.method for call in server.calls} == {"Predict"}


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"inputs": {"x": "xx"}}, InvalidInput, "there is no column 'xx' for input 'x'"),
        ({"inputs": {"xx": "x"}}, InvalidInput, "there is no input 'xx'"),
        ({"inputs": {"x": "s"}}, InvalidInput, "column 's' holds string, but input 'x' wants"),
        ({"inputs": {"s": "void"}}, InvalidInput, "column 'void', which is input 's', is void"),
        ({"inputs": {"x": "vector"}}, InvalidInput, r"struct<.*\n.*vector_to_array"),
        ({"keep": "idd"}, InvalidInput, "there is no column 'idd' to keep"),
        ({"outputs": "z"}, InvalidInput, "there is no output 'z'"),
        ({"signature": "z"}, InvalidInput, "the model has no signature 'z'"),
        ({"model": "once"}, NotFound, "once"),
        ({"version": 7}, NotFound, "7"),
        ({"token": "abc.def"}, InvalidInput, "a token itself would stand in the plan"),
        ({"token": "no.such:function"}, InvalidInput, "cannot be imported"),
        ({"headers": {"Authorization": "Bearer abc"}}, InvalidInput, "'authorization' would stand"),
        ({"on_call": lambda call: None}, InvalidInput, "cannot be sent to workers"),
        ({"on_error": "skip"}, InvalidInput, "'stop' or 'dead-letter'"),
        ({"binary": ["y"]}, InvalidInput, "binary names 'y'"),
    ],
)
def test_told_on_the_driver(
    spark: Any, server: FakeServer, options: dict[str, Any], kind: type[TFSError], text: str
) -> None:
    from pyspark.ml.functions import array_to_vector
    from pyspark.sql import functions

    df = table(spark, 1).withColumn("void", functions.lit(None))
    df = df.withColumn("vector", array_to_vector(functions.array("x")))
    options = {"model": "twice", **options}
    with pytest.raises(kind, match=text) as caught:
        tfsclient.spark.predict(df, server.grpc_target, **options)
    assert "abc" not in str(caught.value)
    assert not [call for call in server.calls if call.method == "Predict"]


def test_columns_that_are_not_wanted_may_be_anything(spark: Any, server: FakeServer) -> None:
    from pyspark.sql import functions

    df = table(spark, 10)
    odd = df.withColumn("span", functions.expr("make_interval(1)"))
    odd = odd.join(
        df.select("id", functions.col("id").alias("S2"), functions.lit(1).alias("s2")), "id"
    )
    scored = tfsclient.spark.predict(odd, server.grpc_target, "twice", keep=["id"])
    check(scored.collect(), 10)
    for keep, text in (("span", "column 'span' is of type interval"), ("s2", "in whatever case")):
        with pytest.raises(InvalidInput, match=text):
            tfsclient.spark.predict(odd, server.grpc_target, "twice", keep=["id", keep])
    upper = df.withColumn("Y", functions.col("id"))
    scored = tfsclient.spark.predict(upper, server.grpc_target, "twice")
    assert sorted(scored.columns) == ["Y", "id", "n", "pred_y", "s", "t", "x"]
    assert len(scored.select("y", "pred_y").collect()) == 10


def test_a_rank_that_is_not_known(spark: Any) -> None:
    from dataclasses import replace

    from tfsclient import TensorSpec

    model = twice()
    spec = model.signature()
    open_ = replace(spec, outputs={**spec.outputs, "y": TensorSpec("y", "float32", None)})
    with FakeServer(replace(model, signatures={spec.name: open_})) as server:
        server.answer("twice", answer)
        df = table(spark, 10)
        with pytest.raises(InvalidInput, match=r"how many dimensions output 'y' has"):
            tfsclient.spark.predict(df, server.grpc_target, "twice")
        scored = tfsclient.spark.predict(df, server.grpc_target, "twice", schemas={"twice": model})
        check(scored.collect(), 10)


def test_tokens_of_functions(spark: Any, server: FakeServer) -> None:
    scored = tfsclient.spark.predict(
        table(spark, 10), server.grpc_target, "twice", token="tests.engines.models:token"
    )
    check(scored.collect(), 10)
    assert server.calls[-1].headers["authorization"] == "Bearer made by a worker"


def test_a_part_of_the_rows_and_none(spark: Any, server: FakeServer) -> None:
    df = table(spark, 3000, parts=3)
    scored = tfsclient.spark.predict(df, server.grpc_target, "twice")
    assert len(scored.limit(5).collect()) == 5
    none = tfsclient.spark.predict(df.filter("id < 0"), server.grpc_target, "twice")
    assert none.collect() == []
    names = [("a.b", "x"), ("c`d", "n")]
    odd = df.selectExpr("x as `a.b`", "n as `c``d`", "s", "id")
    scored = tfsclient.spark.predict(
        odd,
        server.grpc_target,
        "twice",
        inputs={to: name for name, to in names},
        keep=["id", "a.b"],
    )
    check(scored.collect(), 3000)


def test_column_functions(spark: Any, server: FakeServer) -> None:
    from pyspark.sql import functions

    df = table(spark, 3000)
    both = tfsclient.spark.predict_udf(server.grpc_target, "twice")
    rows = df.select("id", both(x="x", n=functions.col("n"), s="s").alias("out")).collect()
    assert all(row.out.y == 2 * row.id and row.out.t == f"row {row.id}" for row in rows)

    y = tfsclient.spark.predict_udf(server.grpc_target, "twice", outputs="y")
    sent = len(server.calls)
    found = df.withColumn("y", y(x="x", n="n", s="s")).filter("y > 5990").collect()
    assert sorted(row.y for row in found) == [5992, 5994, 5996, 5998]
    rows_sent = sum(len(c.inputs["x"]) for c in server.calls[sent:] if c.method == "Predict")
    assert rows_sent == 3000  # each once, though the filter uses the column, too

    spark.udf.register("twice", y)
    df.createOrReplaceTempView("rows")
    found = spark.sql("select id, twice(struct(x, n, s)) as y from rows where id < 5").collect()
    assert sorted((row.id, row.y) for row in found) == [(n, 2.0 * n) for n in range(5)]

    for given in ({"x": "x", "n": "n"}, {"x": "x", "n": "n", "s": "s", "z": "x"}):
        with pytest.raises(InvalidInput, match=r"input 's'|no input 'z'"):
            y(**given)
    with pytest.raises(InvalidInput, match="no input 'nn'") as caught:
        y(x="x", nn="n", s="s")
    assert "inputs={" not in str(caught.value)
    with pytest.raises(InvalidInput, match=r"by the names of inputs: f\(.*s=\.\.\."):
        y("x", "n", "s")
    with pytest.raises(Exception, match="give one struct whose fields have these names"):
        df.select(y("x")).collect()


def test_a_column_function_with_one_input_and_dead_letters(spark: Any, server: FakeServer) -> None:
    cube = tfsclient.spark.predict_udf(
        server.grpc_target, "shapes", outputs="cube", on_error="dead-letter"
    )
    rows = [(n, [float(n)] * 12 if n % 10 else None) for n in range(1, 101)]
    df = spark.createDataFrame(rows, "id int, flat array<float>").repartition(2)
    for row in df.select("id", cube("flat").alias("out")).collect():
        if row.id % 10:
            assert np.array_equal(row.out.cube, np.full((2, 2, 3), 2 * row.id))
            assert row.out.error is None
        else:
            assert row.out.cube is None
            assert "column 'image', which is input 'image', is null" in row.out.error
    assert set(shapes().signature().inputs) == {"image"}


def test_fields_of_a_column_function_can_be_told_apart(spark: Any) -> None:
    """To Spark, names that differ in case alone are one."""
    inputs = {"x": TensorSpec("x", "float32", (-1,))}
    outputs = {name: TensorSpec(name, "float32", (-1,)) for name in ("Error", "y", "Y")}
    model = Model("loud", 1, {"serving_default": Signature("serving_default", inputs, outputs)})
    with FakeServer(model) as server:
        server.answer("loud", lambda inputs: dict.fromkeys(outputs, inputs["x"] * 2))
        two = ["Error", "y"]
        loud = tfsclient.spark.predict_udf(
            server.grpc_target, "loud", outputs=two, on_error="dead-letter"
        )
        found = spark.range(3).select(loud("id").alias("out")).select("out.error", "out.pred_error")
        assert [tuple(row) for row in found.collect()] == [(2.0 * n, None) for n in range(3)]
        with pytest.raises(InvalidInput, match="two columns would be called"):
            tfsclient.spark.predict_udf(server.grpc_target, "loud")
