"""tfsclient.ray on a real Ray: what workers answer, and what the driver refuses."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.engines.conftest import TOKEN
from tests.score.helpers import answer, twice
from tfsclient import Client, Example, InvalidArgument, InvalidInput, NotFound, TFSError
from tfsclient.errors import Code, from_code
from tfsclient.ray import Predictor, prepare
from tfsclient.testing import FakeServer, RunningServer

pytestmark = pytest.mark.slow


def dataset(ray: Any, count: int, *bad: int) -> Any:
    """Rows for the model twice, some of them with a null."""
    return ray.data.from_items(
        [
            {"id": n, "x": float(n), "n": n, "s": None if n in bad else f"row {n}"}
            for n in range(count)
        ]
    )


def scored(ray: Any, ds: Any, arguments: dict[str, Any], **options: Any) -> Any:
    """What a worker or two make of it."""
    compute = ray.data.ActorPoolStrategy(size=options.pop("workers", 1))
    options = {"batch_size": 256, "compute": compute, **options}
    return ds.map_batches(Predictor, fn_constructor_kwargs=arguments, **options)


def check(rows: list[Any], count: int) -> None:
    assert sorted(row["id"] for row in rows) == list(range(count))
    assert all(row["y"] == 2 * row["id"] and row["t"] == f"row {row['id']}" for row in rows)


def test_scalars_and_strings(ray: Any, server: FakeServer) -> None:
    ds = dataset(ray, 5000)
    arguments = prepare(ds, server.grpc_target, "twice", keep=["id"])
    rows = scored(ray, ds, arguments, workers=2).take_all()
    assert list(rows[0]) == ["id", "t", "y"]
    check(rows, 5000)
    predicts = [call for call in server.calls if call.method == "Predict"]
    assert {call.version for call in predicts} == {1}
    assert {call.headers["authorization"] for call in predicts} == {f"Bearer {TOKEN}"}
    assert len([call for call in server.calls if call.method == "GetModelMetadata"]) == 1
    assert max(len(call.inputs["x"]) for call in predicts) == 256  # a batch is a call


@pytest.mark.parametrize("form", ["numpy", "pyarrow", "pandas"])
def test_shapes_and_types(ray: Any, server: FakeServer, form: str) -> None:
    images = np.arange(1, 12 * 30 + 1, dtype=np.float32).reshape(30, 2, 2, 3) / 12
    ds = ray.data.from_numpy(images)
    arguments = prepare(ds, server.grpc_target, "shapes", inputs={"image": "data"}, binary=["raw"])
    rows = scored(ray, ds, arguments, batch_format=form, batch_size=7).take_all()
    with Client(server.grpc_target) as client:
        want = client.predict("shapes", images)
    assert np.array_equal([row["data"] for row in rows], images)
    assert np.array_equal([row["cube"] for row in rows], want["cube"])
    assert [list(row["words"]) for row in rows] == want.text("words").tolist()
    assert [row["raw"] for row in rows] == want["raw"].tolist()
    for name in ("uint8", "uint16", "uint32", "uint64", "bfloat16", "float16", "bool"):
        assert [row[f"as_{name}"] for row in rows] == want[f"as_{name}"].tolist()
    if form == "numpy":
        assert rows[0]["cube"].shape == (2, 2, 3)


def test_pictures_and_examples(ray: Any, real: RunningServer, tmp_path: Path) -> None:
    from PIL import Image as Pictures

    data = []
    for number in range(12):
        path = tmp_path / f"{number:02}.png"
        Pictures.fromarray(np.full((28, 28), 20 * number, np.uint8)).save(path)
        data.append(path.read_bytes())
    (tmp_path / "11.png").write_bytes(b"not a picture")
    ds = ray.data.read_binary_files(str(tmp_path), include_paths=True)
    with Client(real.grpc_target) as client:
        want = client.predict("raw_png", {"image_bytes": data[:11]})
    for column in ("bytes", "@path"):
        arguments = prepare(
            ds, real.grpc_target, "raw_png", inputs={"image_bytes": column}, keep=["path"],
            on_error="dead-letter",
        )  # fmt: skip
        rows = sorted(scored(ray, ds, arguments).take_all(), key=lambda row: row["path"])
        assert [bool(row["error"]) for row in rows] == 11 * [False] + [True]
        assert [row["label"] for row in rows[:11]] == want.text("label").tolist()
        assert [row["thumb_bytes"] for row in rows[:11]] == want["thumb_bytes"].tolist()

    ds = ray.data.from_items([{"id": n, "f_required": [float(n)]} for n in range(20)])
    arguments = prepare(
        ds, real.grpc_target, "feature_spec_tf2", inputs={"examples": "*"}, keep=["id"],
        outputs=["f_required", "i_fixed"],
    )  # fmt: skip
    rows = sorted(scored(ray, ds, arguments).take_all(), key=lambda row: row["id"])
    with Client(real.grpc_target) as client:
        examples = [Example({"f_required": [float(n)], "id": n}) for n in range(20)]
        want = client.predict("feature_spec_tf2", {"examples": examples})
    assert np.array_equal([row["f_required"] for row in rows], want["f_required"])
    assert np.array_equal([row["i_fixed"] for row in rows], want["i_fixed"])


def test_a_row_at_a_time(ray: Any, real: RunningServer) -> None:
    ds = ray.data.from_items([{"id": n, "m": [float(n)] * 6} for n in range(20)])
    arguments = prepare(ds, real.grpc_target, "ranks", signature="fixed", inputs={"x": "m"})
    for row in scored(ray, ds, arguments).take_all():
        assert np.array_equal(row["y"], np.full((2, 3), 2.0 * row["id"]))


def picky(inputs: Any) -> dict[str, Any]:
    if 2500 in inputs["n"].tolist():
        raise InvalidArgument("no such n")
    return answer(inputs)


def test_dead_letters(ray: Any, server: FakeServer) -> None:
    server.answer("twice", picky)
    ds = dataset(ray, 3000, 7, 1007)
    arguments = {"target": server.grpc_target, "model": "twice", "on_error": "dead-letter"}
    rows = scored(ray, ds, arguments).take_all()
    dead = {row["id"]: row for row in rows if row["error"] is not None}
    assert sorted(dead) == [7, 1007, 2500]
    assert "column 's', which is input 's', is null" in dead[7]["error"]
    assert dead[2500]["error"].endswith("INVALID_ARGUMENT: no such n")
    assert dead[2500]["y"] is None
    assert len(rows) == 3000
    assert all(row["y"] == 2 * row["id"] for row in rows if row["id"] not in dead)


def test_the_first_bad_row_fails_the_job(ray: Any, server: FakeServer) -> None:
    arguments = {"target": server.grpc_target, "model": "twice"}
    with pytest.raises(Exception, match=r"row \d+: column 's', .* is null"):
        scored(ray, dataset(ray, 100, 7), arguments).take_all()


def test_a_worker_that_is_killed(ray: Any, server: FakeServer, workers: Path) -> None:
    (workers / "killed").unlink(missing_ok=True)
    ds = dataset(ray, 4000)
    token = "tests.engines.models:killing_token"
    arguments = prepare(ds, server.grpc_target, "twice", token=token)
    check(scored(ray, ds, arguments).take_all(), 4000)
    assert (workers / "killed").exists()


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED"])
def test_a_server_that_refuses_for_a_while(ray: Any, server: FakeServer, code: str) -> None:
    times: list[float] = []

    def busy(inputs: Any) -> dict[str, Any]:
        times.append(time.monotonic())
        if len(times) > 3 and times[-1] - times[3] < 3:
            raise from_code(Code(code), "all batch threads are busy")
        return answer(inputs)

    server.answer("twice", busy)
    ds = dataset(ray, 3000)
    check(scored(ray, ds, prepare(ds, server.grpc_target, "twice")).take_all(), 3000)


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"inputs": {"x": "xx"}}, InvalidInput, "there is no column 'xx' for input 'x'"),
        ({"inputs": {"x": "s"}}, InvalidInput, "column 's' holds string, but input 'x' wants"),
        ({"keep": "idd"}, InvalidInput, "there is no column 'idd' to keep"),
        ({"outputs": "z"}, InvalidInput, "there is no output 'z'"),
        ({"signature": "z"}, InvalidInput, "the model has no signature 'z'"),
        ({"model": "once"}, NotFound, "once"),
        ({"token": "abc.def"}, InvalidInput, "a token itself would stand in the plan"),
    ],
)
def test_told_on_the_driver(
    ray: Any, server: FakeServer, options: dict[str, Any], kind: type[TFSError], text: str
) -> None:
    options = {"model": "twice", **options}
    with pytest.raises(kind, match=text):
        prepare(dataset(ray, 1), server.grpc_target, **options)
    assert not [call for call in server.calls if call.method == "Predict"]


def test_versions_are_pinned(ray: Any) -> None:
    one = twice()
    two = type(one)("twice", 2, one.signatures)
    with FakeServer(one, two, labels={"twice": {"stable": 1}}) as server:
        server.answer("twice", answer)
        ds = dataset(ray, 10)
        for choice, version in (({}, 2), ({"label": "stable"}, 1)):
            arguments = prepare(ds, server.grpc_target, "twice", **choice)
            check(scored(ray, ds, arguments).take_all(), 10)
            assert (server.calls[-1].version, server.calls[-1].label) == (version, None)
