"""MLflow's scoring server on loopback.

Runs in an environment that has mlflow-skinny; prints its port.
"""

import socket
import sys
import tempfile

import mlflow.pyfunc
import numpy as np
import uvicorn
from mlflow.models import ModelSignature
from mlflow.pyfunc.scoring_server import init
from mlflow.types import Schema, TensorSpec


class Half(mlflow.pyfunc.PythonModel):
    """Half of each number, and 2."""

    def predict(self, context, model_input, params=None):
        return np.asarray(model_input["x"], np.float32) / 2 + 2


class Sums(mlflow.pyfunc.PythonModel):
    """Several inputs and outputs."""

    def predict(self, context, model_input, params=None):
        total = np.asarray(model_input["a"]) + np.asarray(model_input["b"])
        return {"sum": total, "name": np.asarray(model_input["name"])}


class Unnamed(mlflow.pyfunc.PythonModel):
    """A tensor without a name, as models of Keras mostly are logged."""

    def predict(self, context, model_input, params=None):
        return model_input / 2 + 2


MODELS = {"half": Half, "sums": Sums, "unnamed": Unnamed}
TENSOR = Schema([TensorSpec(np.dtype(np.float32), (-1,))])


def main():
    with tempfile.TemporaryDirectory() as folder:
        kind = sys.argv[1]
        signature = ModelSignature(TENSOR, TENSOR) if kind == "unnamed" else None
        mlflow.pyfunc.save_model(
            f"{folder}/model",
            python_model=MODELS[kind](),
            signature=signature,
            pip_requirements=[],
        )
        app = init(mlflow.pyfunc.load_model(f"{folder}/model"))
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listening])


main()
