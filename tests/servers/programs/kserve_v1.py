"""KServe's V1 on loopback: its own routes and handlers, for its ModelServer listens everywhere.

Runs in an environment that has kserve; prints its port.
"""

import socket

import uvicorn
from fastapi import FastAPI
from kserve import Model, ModelRepository
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.model_repository_extension import ModelRepositoryExtension
from kserve.protocol.rest.server import RESTServer


class Half(Model):
    """Half of each number, and 2, as TensorFlow's half_plus_two has it."""

    def load(self):
        self.ready = True
        return True

    def predict(self, payload, headers=None, response_headers=None):
        return {"predictions": [row / 2 + 2 for row in payload["instances"]]}


class Sums(Half):
    """Of rows of objects, as a model of several inputs gets them."""

    def predict(self, payload, headers=None, response_headers=None):
        rows = [(row["a"] + row["b"], row["name"]) for row in payload["instances"]]
        return {"predictions": [{"sum": total, "name": name} for total, name in rows]}


def main():
    repository = ModelRepository()
    for model in (Half("half"), Sums("sums")):
        model.load()
        repository.update(model)
    sleeping = Half("sleeping")
    sleeping.ready = False
    repository.update(sleeping)
    plane = DataPlane(model_registry=repository)
    server = RESTServer("", plane, ModelRepositoryExtension(repository), http_port=0)
    app = FastAPI()
    server._register_endpoints(app)
    server._add_exception_handlers(app)
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listening])


main()
