"""What the workers of Spark and Ray do, without either: rows in, rows out."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.score.helpers import answer, table, twice
from tfsclient import Client, InvalidArgument, InvalidInput, Model, NotFound, Signature, TensorSpec
from tfsclient.ray import Predictor
from tfsclient.score._plan import make_plan
from tfsclient.score._workers import client_of, score
from tfsclient.testing import FakeServer


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer(twice()) as running:
        running.answer("twice", answer)
        yield running


def plan(target: str, model: str = "twice", **options: Any) -> Any:
    defaults: dict[str, Any] = {
        "signature": None, "version": None, "label": None, "inputs": None, "keep": "all",
        "outputs": None, "prefix": "pred_", "binary": (), "batch": "auto", "concurrency": "auto",
        "on_error": "stop", "settings": {},
    }  # fmt: skip
    return pickle.loads(pickle.dumps(make_plan(target, model, **{**defaults, **options})))


def batches(count: int, size: int, *nulls: int) -> list[Any]:
    columns = table(count)
    for row in nulls:
        columns["s"][row] = None
    found: list[Any] = pa.table(columns).to_batches(size)
    return found


def test_rows_come_out_in_order(server: FakeServer) -> None:
    def picky(inputs: Any) -> dict[str, Any]:
        if 300 in inputs["n"].tolist():
            raise InvalidArgument("no such n")
        return answer(inputs)

    server.answer("twice", picky)
    job = plan(server.grpc_target, on_error="dead-letter")
    scored = pa.Table.from_batches(score(job, batches(1000, 128, 0, 5, 999), "here")).to_pylist()
    assert [row["id"] for row in scored] == list(range(1000))
    dead = {row["id"]: row["error"] for row in scored if row["error"] is not None}
    assert dead == {
        300: "row 300: INVALID_ARGUMENT: no such n",
        **{n: f"row {n}: column 's', which is input 's', is null" for n in (0, 5, 999)},
    }
    assert all(row["y"] == (None if row["id"] in dead else 2 * row["id"]) for row in scored)
    with pytest.raises(InvalidInput, match="here: row 5: column 's'"):
        list(score(plan(server.grpc_target), batches(100, 10, 5), "here"))


@pytest.mark.parametrize("keep", ["all", ["id"], []])
def test_a_row_of_bytes_instead_of_text(server: FakeServer, keep: Any) -> None:
    def binary(inputs: Any) -> dict[str, Any]:
        texts = [b"\xff" if n in (3, 70) else b"fine" for n in inputs["n"].tolist()]
        return {"y": 2 * inputs["x"], "t": np.array(texts, object)}

    server.answer("twice", binary)
    job = plan(server.grpc_target, on_error="dead-letter", keep=keep)
    scored = pa.Table.from_batches(score(job, batches(100, 40), "here")).to_pylist()
    dead = {n: row["error"] for n, row in enumerate(scored) if row["error"]}
    assert list(dead) == [3, 70]
    assert all(f"row {n}: output 't' holds binary" in dead[n] for n in dead)
    for n, row in enumerate(scored):
        assert row["t"] == (None if n in dead else "fine")
        assert row["y"] == (None if n in dead else 2 * n)
        assert row.get("id", n) == n
    with pytest.raises(InvalidInput, match=r"here: row 3: output 't' holds binary") as caught:
        list(score(plan(server.grpc_target), batches(100, 40), "here"))
    assert "binary=[...]" in (caught.value.hint or "")


def test_small_batches_are_handed_on_together(server: FakeServer) -> None:
    job = plan(server.grpc_target, batch=16, keep=["id"])
    scored = list(score(job, batches(4000, 100), "here"))
    assert sum(batch.num_rows for batch in scored) == 4000
    assert min(batch.num_rows for batch in scored[:-1]) >= 1024
    assert list(score(job, [], "here")) == []


def test_a_process_has_one_client_for_the_same_settings(server: FakeServer) -> None:
    one, same = plan(server.grpc_target), plan(server.grpc_target, outputs=["y"])
    other = plan(server.grpc_target, settings={"timeout": 5})
    assert client_of(one) is client_of(same)
    assert client_of(one) is not client_of(other)


def test_a_signature_that_cannot_be_called_starts_no_job() -> None:
    model = twice()
    spec = model.signature()
    sparse = TensorSpec("t", "string", (-1,), encoding="coo_sparse")
    half = replace(spec, outputs={**spec.outputs, "t": sparse})
    none = replace(spec, outputs={"t": sparse})
    fed = replace(spec, inputs={**spec.inputs, "s": replace(sparse, name="s")})
    for bad in (none, fed, replace(spec, outputs={})):
        with (
            FakeServer(replace(model, signatures={spec.name: bad})) as server,
            pytest.raises(InvalidInput, match="it cannot be called"),
        ):
            plan(server.grpc_target, signature=bad)
    with FakeServer(model) as server:
        server.answer("twice", answer)
        with pytest.raises(InvalidInput, match="it cannot be called: output 't'"):
            plan(server.grpc_target, signature=half, outputs=["y", "t"])
        (scored,) = score(plan(server.grpc_target, signature=half), batches(4, 4), "here")
        assert scored["y"].to_pylist() == [0, 2, 4, 6]


def test_names_that_differ_in_case_alone(server: FakeServer) -> None:
    columns = pa.schema([("Y", pa.int64()), ("Error", pa.int64()), *batches(1, 1)[0].schema])
    folded, exact = (plan(server.grpc_target, folds=folds) for folds in (True, False))
    assert folded.output_names(columns.names) == {"t": "t", "y": "pred_y"}
    assert folded.error_name(columns.names) == "pred_error"
    assert exact.output_names(columns.names) == {"t": "t", "y": "y"}
    assert exact.error_name(columns.names) == "error"
    with pytest.raises(InvalidInput, match="two columns would be called 'Y'"):
        plan(server.grpc_target, folds=True, prefix="").output_names(columns.names)


@pytest.mark.parametrize(
    ("dtype", "shape", "kinds", "text"),
    [
        ("complex64", (-1,), {"x": pa.float32()}, "holds float, but input 'x' wants complex64"),
        ("complex64", (-1,), {"x": pa.list_(pa.float32())}, "wants complex64"),
        ("float32", (2,), {"x": pa.float32()}, "column 'x' has one value in each row"),
        ("float32", (-1, 2, -1), {"x": pa.float32()}, "column 'x' has one value in each row"),
        ("string", (-1, 2), {"x": pa.string()}, "column 'x' has one value in each row"),
        ("float32", (-1, 3), {"x.0": pa.float32(), "x.1": pa.float32()}, "'x.1' have 2 values"),
        ("float32", (-1, 2), {"x.0": pa.float32(), "x.1": pa.float32()}, None),
        ("float32", (-1, -1), {"x": pa.float32()}, None),
        ("float32", (-1, 1), {"x": pa.float32()}, None),
        ("float32", (2,), {"x": pa.list_(pa.float32())}, None),
        ("float32", (-1, 8, 8), {"x": pa.string()}, None),
    ],
)
def test_columns_that_can_never_fit(
    dtype: str, shape: tuple[int, ...], kinds: dict[str, Any], text: str | None
) -> None:
    spec = Signature(
        "s", {"x": TensorSpec("x", dtype, shape)}, {"y": TensorSpec("y", "float32", (-1,))}
    )
    with FakeServer(Model("m", 1, {"s": spec})) as server:
        job = plan(server.grpc_target, "m", signature="s")
        if text is None:
            job.columns(pa.schema(kinds))
        else:
            with pytest.raises(InvalidInput, match=text):
                job.columns(pa.schema(kinds))


def test_a_version_that_goes_away(server: FakeServer) -> None:
    def gone(inputs: Any) -> dict[str, Any]:
        raise NotFound("Servable not found for request: Specific(twice, 1)")

    server.answer("twice", gone)
    with pytest.raises(NotFound) as caught:
        list(score(plan(server.grpc_target), batches(10, 10), "here"))
    assert "version 1, which the job is pinned to" in (caught.value.hint or "")


def test_options_that_do_not_exist(server: FakeServer) -> None:
    for wrong, text in (
        ({"keeps": "id"}, "there is no option 'keeps' .did you mean 'keep'"),
        ({"time_out": 5}, "there is no option 'time_out' .did you mean 'timeout'"),
        ({"batch": 5}, "there is no option 'batch'"),
        ({"version": 1, "label": "stable"}, "version or label, and not both"),
    ):
        with pytest.raises(InvalidInput, match=text) as caught:
            Predictor(server.grpc_target, "twice", **wrong)
        assert "latest" not in str(caught.value)


def test_the_plan_holds_no_token(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFSCLIENT_TOKEN", "of the driver")
    sent = pickle.dumps(plan(server.grpc_target, settings={"headers": {"x": "y"}}))
    assert server.calls[-1].headers["authorization"] == "Bearer of the driver"
    assert b"of the driver" not in sent
    monkeypatch.setenv("TFSCLIENT_TOKEN", "of a worker")
    list(score(pickle.loads(sent), batches(1, 1), "here"))
    assert server.calls[-1].headers["authorization"] == "Bearer of a worker"
    for secret in (
        {"token": "s3cret"}, {"token": lambda: "s3cret"}, {"headers": {"Cookie": "s3cret"}},
        {"auth": ("me", "s3cret")}, {"headers": {"X-API-Key": "s3cret"}},
        {"headers": {"x-goog-api-key": "s3cret"}}, {"headers": {"x-amz-security-token": "s3cret"}},
    ):  # fmt: skip
        with pytest.raises(InvalidInput, match="for many to read") as caught:
            plan(server.grpc_target, settings=secret)
        assert "s3cret" not in str(caught.value)
    for target in ("http://me:s3cret@localhost:1", ["http://s3cret@localhost:1"]):
        with pytest.raises(InvalidInput, match="for many to read") as caught:
            plan(target)  # type: ignore[arg-type]
        assert "s3cret" not in str(caught.value)
    with pytest.raises(InvalidInput, match="a client of its own"), Client("localhost:1") as client:
        plan(client)  # type: ignore[arg-type]


def predicted(predictor: Predictor, batch: Any) -> Any:
    async def run() -> Any:
        return [scored async for scored in predictor(batch)]

    (scored,) = asyncio.run(run())
    return scored


def test_arrays_of_ray() -> None:
    inputs = {"image": TensorSpec("image", "float32", (-1, 2, 3))}
    outputs = {
        "image": TensorSpec("image", "float32", (-1, 2, 3)),
        "words": TensorSpec("words", "string", (-1, 2)),
        "open": TensorSpec("open", "int64", None),
    }
    model = Model("m", 4, {"serving_default": Signature("serving_default", inputs, outputs)})
    images = np.arange(30, dtype=np.float32).reshape(5, 2, 3)
    given = {"image": images, "mask": np.ones((5, 2), np.bool_)}
    with FakeServer(model) as server:
        server.answer(
            "m",
            lambda inputs: {
                "image": 2 * inputs["image"],
                "words": np.array([[b"a", b"b"]] * len(inputs["image"]), object),
                "open": np.full((len(inputs["image"]), 3), 1 << 40),
            },
        )
        scored = predicted(Predictor(server.grpc_target, "m"), given)
        assert scored["mask"] is given["mask"]
        assert scored["image"] is images
        assert np.array_equal(scored["pred_image"], 2 * images)
        assert scored["words"].tolist() == [["a", "b"]] * 5
        assert np.array_equal(scored["open"], np.full((5, 3), 1 << 40))
        assert server.calls[-1].version == 4
        assert len(server.calls[-1].inputs["image"]) == 5
        ragged = np.empty(2, object)
        ragged[:] = [images[0], images[0, :1]]
        with pytest.raises(InvalidInput, match=r"row 1: input .image. has shape"):
            predicted(Predictor(server.grpc_target, "m"), {"image": ragged})
        with pytest.raises(InvalidInput, match="how many dimensions output 'open' has"):
            predicted(Predictor(server.grpc_target, "m", on_error="dead-letter"), given)


def test_nulls_of_pandas_are_bad_rows(server: FakeServer) -> None:
    pd = pytest.importorskip("pandas")
    predictor = Predictor(server.grpc_target, "twice", on_error="dead-letter", keep=["note"])
    notes = pd.Series(["a", None, "c"], dtype="string")
    for nulls in (
        pd.array([1, None, 3], "Int64"),
        pd.array([1, None, 3], pd.ArrowDtype(pa.int64())),
    ):
        batch = pd.DataFrame({"x": nulls, "n": [1, 2, 3], "s": ["a", "b", "c"], "note": notes})
        batch["unused"] = [1, "a", 2.5]
        scored = predicted(predictor, batch).to_pydict()
        assert scored["y"] == [2, None, 6]
        assert scored["note"] == ["a", None, "c"]
        assert "column 'x', which is input 'x', is null" in scored["error"][1]
    for strings in (pd.Series(["a", None]), pd.Series(["a", float("nan")], dtype=object)):
        scored = predicted(
            predictor, pd.DataFrame({"x": [1.0, 2], "n": 1, "s": strings, "note": 1})
        )
        assert "column 's', which is input 's', is null" in scored["error"].to_pylist()[1]


@pytest.mark.parametrize("column", [np.array([1, "a"], object), np.ones(2, np.complex64)])
def test_columns_that_arrow_does_not_have(server: FakeServer, column: Any) -> None:
    batch = {"x": np.ones(2), "n": np.ones(2, int), "s": np.array(["a", "b"]), "odd": column}
    with pytest.raises(InvalidInput, match="column 'odd' cannot be read"):
        predicted(Predictor(server.grpc_target, "twice", on_error="dead-letter"), batch)
    scored = predicted(Predictor(server.grpc_target, "twice"), batch)
    assert scored["odd"] is column
