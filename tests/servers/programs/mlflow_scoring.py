"""MLflow's scoring server on loopback.

Runs in an environment that has mlflow-skinny; prints its port.
"""

import socket
import sys
import tempfile

import mlflow.pyfunc
import numpy as np
import uvicorn
from mlflow.pyfunc.scoring_server import init


class Half(mlflow.pyfunc.PythonModel):
    """Half of each number, and 2."""

    def predict(self, context, model_input, params=None):
        return np.asarray(model_input["x"], np.float32) / 2 + 2


class Sums(mlflow.pyfunc.PythonModel):
    """Several inputs and outputs."""

    def predict(self, context, model_input, params=None):
        total = np.asarray(model_input["a"]) + np.asarray(model_input["b"])
        return {"sum": total, "name": np.asarray(model_input["name"])}


def main():
    with tempfile.TemporaryDirectory() as folder:
        model = {"half": Half, "sums": Sums}[sys.argv[1]]()
        mlflow.pyfunc.save_model(f"{folder}/model", python_model=model, pip_requirements=[])
        app = init(mlflow.pyfunc.load_model(f"{folder}/model"))
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listening])


main()
