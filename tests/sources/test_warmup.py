"""Warm-up files: written without TensorFlow, read by it, replayed by a server."""

from __future__ import annotations

import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from tests.conftest import ZOO, missing
from tfsclient import (
    Client,
    ExamplesRequest,
    InvalidInput,
    Unknown,
    build_classify,
    build_multi_inference,
    build_predict,
    build_regress,
    sources,
    warmup,
)
from tfsclient._cli.main import main
from tfsclient._codec.inference import Task
from tfsclient._codec.messages import message_class
from tfsclient._codec.tfrecord import records


@pytest.fixture
def linear(tmp_path: Path) -> Path:
    shutil.copytree(ZOO / "linear", tmp_path / "linear")
    return tmp_path / "linear"


@pytest.fixture
def half_plus_two(tmp_path: Path) -> Path:
    """A model with signatures for Examples."""
    shutil.copytree(ZOO / "half_plus_two", tmp_path / "half_plus_two")
    return tmp_path / "half_plus_two"


def run_warmup(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["warmup", *map(str, arguments)])


def test_tensorflow_reads_what_was_written(linear: Path) -> None:
    try:
        import tensorflow as tf
        from tensorflow_serving.apis import prediction_log_pb2
    except ImportError:
        missing("tensorflow-serving-api")
    result = run_warmup(linear, "--input", "x=[1, 2]", "--count", "2")
    assert result.exit_code == 0, result.output
    path = linear / "1" / warmup.FILE
    assert result.output == f"{path}: 2 records\n"
    assert run_warmup(linear / "1", "-i", f"[{', '.join(['3'] * 5000)}]", "--append").exit_code == 0
    records = [record.numpy() for record in tf.data.TFRecordDataset(str(path))]
    requests = [prediction_log_pb2.PredictionLog.FromString(r).predict_log.request for r in records]
    assert [request.inputs["x"].tensor_shape.dim[0].size for request in requests] == [2, 2, 5000]
    assert tf.make_ndarray(requests[0].inputs["x"]).tolist() == [1.0, 2.0]
    assert requests[0].model_spec.signature_name == "serving_default"
    assert not requests[0].model_spec.HasField("version")


def test_a_server_replays_it(linear: Path, tmp_path: Path) -> None:
    try:
        import tensorflow as tf  # noqa: F401
    except ImportError:
        missing("tensorflow")
    from tfsclient.server import metrics
    from tfsclient.server.app import Options, Server

    assert run_warmup(linear, "--input", "[1]", "--count", "7").exit_code == 0
    with Server({"linear": linear}, Options(max_num_load_retries=0)) as server:
        status = CliRunner().invoke(main, ["status", server.grpc_target, "linear"])
        assert "1        AVAILABLE" in status.output
    assert f'model_warmup_records_read{{model_path="{linear / "1"}"}} 7\n' in metrics.page()

    # That it was run shows where it fails.
    failing = tmp_path / "failing"
    shutil.copytree(ZOO / "failing", failing)
    assert run_warmup(failing, "--signature", "assert", "--input", "[1e6]").exit_code == 0
    with (
        pytest.raises(Unknown, match="the value is too big"),
        Server({"failing": failing}, Options(max_num_load_retries=0)),
    ):
        pass


REGRESS, CLASSIFY = "regress_x_to_y", "classify_x_to_y"


def test_every_kind_of_call_is_read_and_replayed(half_plus_two: Path) -> None:
    try:
        import tensorflow as tf
        from tensorflow_serving.apis import prediction_log_pb2
    except ImportError:
        missing("tensorflow-serving-api")
    from tfsclient.server import metrics
    from tfsclient.server.app import Options, Server

    model = sources.from_saved_model(half_plus_two)
    spec = model.signature(REGRESS)
    tasks: dict[str, Task] = {REGRESS: "regress", CLASSIFY: "classify"}
    predict = build_predict("m", [[1.0]], signature=model.signature())
    requests = [
        build_classify("m", [{"x": 1.0}], signature=CLASSIFY),
        build_regress("m", [{"x": 2}, {}], {"x": 3}, signature=spec),
        build_multi_inference("m", tasks, [{"x": 4.0}]),
    ]
    folder = half_plus_two / "2"
    assert warmup.write(folder, [predict, *requests]) == 4
    raw = [one.numpy() for one in tf.data.TFRecordDataset(str(folder / warmup.FILE))]
    logs = [prediction_log_pb2.PredictionLog.FromString(one) for one in raw]
    kinds = ["predict_log", "classify_log", "regress_log", "multi_inference_log"]
    assert [log.WhichOneof("log_type") for log in logs] == kinds
    read = [getattr(log, kind).request for log, kind in zip(logs, kinds, strict=True)]
    bodies = [predict.to_bytes(), *(request.to_bytes() for request in requests)]
    assert [message.SerializeToString() for message in read] == bodies
    context = read[2].input.example_list_with_context.context
    assert context.features.feature["x"].float_list.value == [3.0]
    with Server({"half_plus_two": half_plus_two}, Options(max_num_load_retries=0)) as server:
        with Client(server.grpc_target) as client:
            (status,) = client.status("half_plus_two")
        assert (status.version, status.state) == (2, "AVAILABLE")
    assert f'model_warmup_records_read{{model_path="{folder}"}} 4\n' in metrics.page()


@pytest.mark.parametrize(
    "request_",
    [  # without the features nothing is checked, and x is missing
        build_classify("m", [{"y": 1.0}], signature=CLASSIFY),
        build_regress("m", [{"y": 1.0}], signature=REGRESS),
        build_multi_inference("m", {REGRESS: "regress"}, [{}]),
    ],
    ids=lambda request: request.method,
)
def test_a_request_that_fails_keeps_the_version_away(
    half_plus_two: Path, request_: ExamplesRequest
) -> None:
    try:
        import tensorflow as tf  # noqa: F401
    except ImportError:
        missing("tensorflow")
    from tfsclient.server.app import Options, Server

    warmup.write(half_plus_two / "2", [request_])
    with (
        pytest.raises(Unknown, match="due to error: INVALID_ARGUMENT"),
        Server({"half_plus_two": half_plus_two}, Options(max_num_load_retries=0)),
    ):
        pass


@pytest.mark.parametrize(
    ("method", "inputs"),
    [
        ("predict", ['[{"x": 2}, {"x": 3}]']),
        ("classify", ['[{"x": 2}, {"x": 3}]']),
        ("regress", ['inputs=[{"x": 2}, {"x": 3}]']),
        ("regress", ['{"inputs": [{"x": 2}, {"x": 3}]}']),
    ],
)
def test_the_command_writes_the_call_that_is_asked_for(
    half_plus_two: Path, method: str, inputs: list[str]
) -> None:
    name = CLASSIFY if method == "classify" else REGRESS
    given = [word for text in inputs for word in ("--input", text)]
    result = run_warmup(half_plus_two, "--signature", name, "--method", method, *given)
    assert result.exit_code == 0, result.output
    record = (half_plus_two / "2" / warmup.FILE).read_bytes()[12:-4]
    log = message_class("tensorflow.serving.PredictionLog").FromString(record)
    assert log.WhichOneof("log_type") == f"{method}_log"
    request = getattr(log, f"{method}_log").request
    assert request.model_spec.signature_name == name
    if method == "predict":
        assert len(request.inputs["inputs"].string_val) == 2
    else:
        examples = [dict(one.features.feature) for one in request.input.example_list.examples]
        assert [one["x"].float_list.value[:] for one in examples] == [[2.0], [3.0]]


def test_the_command_refuses_examples_that_do_not_fit(half_plus_two: Path) -> None:
    for signature, method in (
        (REGRESS, "classify"), (CLASSIFY, "regress"), ("serving_default", "regress")
    ):  # fmt: skip
        given = "[[1.0]]" if signature == "serving_default" else '[{"x": 1}]'
        result = run_warmup(
            half_plus_two, "--signature", signature, "--method", method, "-i", given
        )
        assert result.exit_code == 2
        assert f"a signature to {method} with takes strings" in result.output
    result = run_warmup(half_plus_two, "--signature", REGRESS, "--method", "regress", "-i", "[]")
    assert "there are no examples" in result.output
    result = run_warmup(
        half_plus_two, "--signature", REGRESS, "--method", "regress", "-i", '["zzz"]'
    )
    assert "example 0: the bytes are not a serialized tf.Example" in result.output
    result = run_warmup(
        half_plus_two, "--signature", REGRESS, "--method", "regress", "-i", '[{"y": 1}]'
    )
    assert "there is no feature 'y'" in result.output
    assert not (half_plus_two / "2" / warmup.FILE).exists()


def test_nothing_is_overwritten_or_left_half(linear: Path) -> None:
    spec = sources.from_saved_model(linear).signature()
    request = build_predict("linear", [1.0], signature=spec)
    path = linear / "1" / warmup.FILE
    for requests, told in (([], "no requests"), ([request] * 1001, "at most 1000")):
        with pytest.raises(InvalidInput, match=told):
            warmup.write(linear / "1", requests)
        assert not path.exists()
    assert warmup.write(linear / "1", [request] * 999) == 999
    with pytest.raises(InvalidInput, match=r"(?s)exists.*--append"):
        warmup.write(linear / "1", [request])
    assert warmup.write(linear / "1", [request], append=True) == 1000
    before = path.read_bytes()
    with pytest.raises(InvalidInput, match="at most 1000"):
        warmup.write(linear / "1", [request], append=True)
    for broken in (before[:-1], before[:5], before.replace(b"linear", b"Linear", 1), b"\xff" * 40):
        path.write_bytes(broken)
        with pytest.raises(InvalidInput, match="is broken at byte"):
            warmup.write(linear / "1", [request], append=True)
        assert path.read_bytes() == broken
    assert [child.name for child in path.parent.iterdir()] == [path.name]


def test_a_request_that_is_written_again_and_again_takes_its_memory_once(tmp_path: Path) -> None:
    spec = sources.from_saved_model(ZOO / "linear").signature()
    request = build_predict("linear", np.zeros(5000, np.float32), signature=spec)
    other = build_predict("linear", np.ones(5000, np.float32), signature=spec)
    size = len(request.to_bytes())
    warmup.write(tmp_path, [request])
    tracemalloc.start()
    try:
        assert warmup.write(tmp_path, [other, *[request] * 900, other], append=True) == 903
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20 * size
    path = tmp_path / warmup.FILE
    with path.open("rb") as file:
        logs = list(records(file, path.stat().st_size))
    assert [log.endswith(other.to_bytes()) for log in logs] == [False, True, *[False] * 900, True]
    assert len(set(logs)) == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--input", "y=1"], "did you mean 'x'"),
        (["--input", "[1]", "--signature", "no"], "no signature 'no'"),
        (["--input", "[1]", "--count", "1001"], "1<=x<=1000"),
    ],
)
def test_what_would_not_load_is_refused(linear: Path, arguments: list[str], told: str) -> None:
    result = run_warmup(linear, *arguments)
    assert result.exit_code == 2
    assert told in result.output
    assert not (linear / "1" / warmup.FILE).exists()


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    assert "is not a SavedModel" in run_warmup(tmp_path, "--input", "[1]").output
    assert run_warmup(tmp_path / "no", "--input", "[1]").exit_code == 2
