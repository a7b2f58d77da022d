"""Warm-up files: written without TensorFlow, read by it, replayed by a server."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.conftest import ZOO, missing
from tfsclient import InvalidInput, Unknown, build_predict, sources, warmup_file
from tfsclient.cli import main


@pytest.fixture
def linear(tmp_path: Path) -> Path:
    shutil.copytree(ZOO / "linear", tmp_path / "linear")
    return tmp_path / "linear"


def warmup(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["warmup", *map(str, arguments)])


def test_tensorflow_reads_what_was_written(linear: Path) -> None:
    try:
        import tensorflow as tf
        from tensorflow_serving.apis import prediction_log_pb2
    except ImportError:
        missing("tensorflow-serving-api")
    result = warmup(linear, "--input", "x=[1, 2]", "--count", "2")
    assert result.exit_code == 0, result.output
    path = linear / "1" / warmup_file.FILE
    assert result.output == f"{path}: 2 records\n"
    assert warmup(linear / "1", "-i", f"[{', '.join(['3'] * 5000)}]", "--append").exit_code == 0
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

    assert warmup(linear, "--input", "[1]", "--count", "7").exit_code == 0
    with Server({"linear": linear}, Options(max_num_load_retries=0)) as server:
        status = CliRunner().invoke(main, ["status", server.grpc_target, "linear"])
        assert "1\tAVAILABLE" in status.output
    assert f'model_warmup_records_read{{model_path="{linear / "1"}"}} 7\n' in metrics.page()

    # That it was run shows where it fails.
    failing = tmp_path / "failing"
    shutil.copytree(ZOO / "failing", failing)
    assert warmup(failing, "--signature", "assert", "--input", "[1e6]").exit_code == 0
    with (
        pytest.raises(Unknown, match="the value is too big"),
        Server({"failing": failing}, Options(max_num_load_retries=0)),
    ):
        pass


def test_nothing_is_overwritten_or_left_half(linear: Path) -> None:
    spec = sources.from_saved_model(linear).signature()
    request = build_predict("linear", [1.0], signature=spec)
    path = linear / "1" / warmup_file.FILE
    for requests, told in (([], "no requests"), ([request] * 1001, "at most 1000")):
        with pytest.raises(InvalidInput, match=told):
            warmup_file.write(linear / "1", requests)
        assert not path.exists()
    assert warmup_file.write(linear / "1", [request] * 999) == 999
    with pytest.raises(InvalidInput, match="exists"):
        warmup_file.write(linear / "1", [request])
    assert warmup_file.write(linear / "1", [request], append=True) == 1000
    before = path.read_bytes()
    with pytest.raises(InvalidInput, match="at most 1000"):
        warmup_file.write(linear / "1", [request], append=True)
    for broken in (before[:-1], before[:5], before.replace(b"linear", b"Linear", 1), b"\xff" * 40):
        path.write_bytes(broken)
        with pytest.raises(InvalidInput, match="is broken at byte"):
            warmup_file.write(linear / "1", [request], append=True)
        assert path.read_bytes() == broken
    assert [child.name for child in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--input", "y=1"], "did you mean 'x'"),
        (["--input", "[1]", "--signature", "no"], "no signature 'no'"),
        (["--input", "[1]", "--count", "1001"], "1<=x<=1000"),
    ],
)
def test_what_would_not_load_is_refused(linear: Path, arguments: list[str], told: str) -> None:
    result = warmup(linear, *arguments)
    assert result.exit_code == 2
    assert told in result.output
    assert not (linear / "1" / warmup_file.FILE).exists()


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    assert "is no SavedModel" in warmup(tmp_path, "--input", "[1]").output
    assert warmup(tmp_path / "no", "--input", "[1]").exit_code == 2
