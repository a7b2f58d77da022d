"""What keeps TF Serving from running a SavedModel is told before anybody calls it."""

from __future__ import annotations

import logging
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tfsclient_gen.cli import main as generator

from tests.conftest import ZOO, missing
from tfsclient import Client, InvalidArgument, InvalidInput, TFSError, sources
from tfsclient._cli.main import main
from tfsclient._codec.messages import message_class

# Another process, for TensorFlow keeps what Keras makes until the end of this one.
_KERAS = """
import keras, numpy as np, tensorflow as tf

class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(2)
    def call(self, x):
        return self.dense(x)

layers = [keras.Input((4,)), keras.layers.Dense(3), keras.layers.BatchNormalization()]
sequential, subclassed = keras.Sequential(layers), Subclassed()
subclassed(np.zeros((1, 4), np.float32))
spec = [tf.TensorSpec((None, 4), tf.float32)]
for name, model in ("sequential", sequential), ("subclassed", subclassed):
    tf.saved_model.save(model, f"{name}/1")
    call = tf.function(lambda x: model(x), input_signature=spec)
    tf.saved_model.save(model, f"{name}_call/1", signatures={"call": call})
    model.export(f"{name}_exported/1")
"""
_UNNAMED = {
    "dense15": "dense_input",
    "mlp_default": "keras_tensor",
    "signatures_tf2": "output_0, output_1",
}
_BROKEN = {
    "sequential": "serving_default",
    "subclassed": "serving_default",
    "sequential_call": "call",
    "subclassed_call": "call",
}


@pytest.fixture(scope="module")
def keras_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if find_spec("keras") is None:
        missing("keras")
    folder = tmp_path_factory.mktemp("keras")
    command = [sys.executable, "-c", _KERAS]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


def test_keras_3_models_without_their_variables(keras_models: Path) -> None:
    for name, signature in _BROKEN.items():
        flaw = sources.find_flaws(keras_models / name)[0]
        assert flaw.signature == signature
        assert "model.export(DIR)" in flaw.cure
        assert "`tfsclient export`" in flaw.cure
        told = CliRunner().invoke(main, ["inspect", str(keras_models / name)])
        assert told.exit_code == 0
        assert f"warning: signature '{signature}' reads " in told.stderr
        examined = CliRunner().invoke(main, ["doctor", str(keras_models / name)])
        assert examined.exit_code == 1
        assert f"problem  signature '{signature}' reads " in examined.stdout
        assert "remedy   `tfsclient export` writes" in examined.stdout
    for name in ("sequential_exported", "subclassed_exported"):
        flaws = sources.find_flaws(keras_models / name)
        assert [flaw.text for flaw in flaws if "names" not in flaw.text] == []
        examined = CliRunner().invoke(main, ["doctor", str(keras_models / name)])
        assert (examined.exit_code, "problem" in examined.stdout) == (0, False)


def test_serve_warns_of_them_and_the_error_of_a_call_says_what_to_do(
    keras_models: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from tfsclient.server.app import Server

    folders = {name: keras_models / name for name in ("sequential", "sequential_exported")}
    with caplog.at_level(logging.WARNING, "tfsclient.server"), Server(folders) as server:
        (warning,) = (r.getMessage() for r in caplog.records if "model.export" in r.getMessage())
        assert "'serving_default' reads 6 variables" in warning
        for target in (server.grpc_target, server.rest_target):
            with Client(target) as client:
                out = client.predict("sequential_exported", [[1.0, 2, 3, 4]])
                assert out.only().shape == (1, 3)
                with pytest.raises(InvalidArgument, match="Could not find variable") as caught:
                    client.predict("sequential", [[1.0, 2, 3, 4]])
                assert "model.export(DIR)" in str(caught.value.hint)


@pytest.mark.parametrize("folder", sorted(ZOO.iterdir()), ids=lambda folder: folder.name)
def test_models_that_work_have_none(folder: Path) -> None:
    if folder.name == "broken":
        with pytest.raises(InvalidInput):
            sources.find_flaws(folder)
    elif folder.name == "wrong_tag":
        (flaw,) = sources.find_flaws(folder)
        assert (flaw.signature, "--saved_model_tags=train" in flaw.cure) == (None, True)
    elif folder.name in _UNNAMED:
        (flaw,) = sources.find_flaws(folder)
        assert f"names that TensorFlow made up ({_UNNAMED[folder.name]})" in flaw.text
        assert f"NAME={_UNNAMED[folder.name].partition(',')[0]}" in flaw.cure
    else:
        assert sources.find_flaws(folder) == []


def test_no_signatures_no_serve_tag_and_odd_names_are_told_at_load_and_by_the_generator(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    try:
        import tensorflow as tf  # noqa: F401
    except ImportError:
        missing("tensorflow")
    from tfsclient.server.app import Options, Server

    (tmp_path / "nothing" / "1").mkdir(parents=True)
    saved: Any = message_class("tensorflow.SavedModel")()
    saved.meta_graphs.add().meta_info_def.tags.append("serve")
    (tmp_path / "nothing" / "1" / "saved_model.pb").write_bytes(saved.SerializeToString())
    folders = {name: ZOO / name for name in ("mlp_default", "wrong_tag")}
    folders["nothing"] = tmp_path / "nothing"
    options = Options(max_num_load_retries=0)
    with caplog.at_level(logging.WARNING, "tfsclient.server"), pytest.raises(TFSError) as caught:
        Server(folders, options).start()
    told = "\n".join([*(record.getMessage() for record in caplog.records), str(caught.value)])
    words = {
        "nothing": "it has no signatures, so nothing of it can be called: export it with one",
        "mlp_default": "names that TensorFlow made up (keras_tensor)",
        "wrong_tag": "--saved_model_tags=",
    }
    for name, word in words.items():
        assert word in told
        generated = CliRunner().invoke(
            generator, ["schema", "--saved-model", str(folders[name]), "--model", name]
        )
        assert f"warning: {'its graph' if name == 'wrong_tag' else ''}" in generated.stderr
        assert word in generated.stderr
