"""A Predict call for ``linear``, which gives 3x - 1.5, by hand."""

from __future__ import annotations

from typing import Any

import grpc

from tfsclient._codec.messages import message_class
from tfsclient.server.app import Options

from .conftest import MODELS

LINEAR = {"linear": MODELS / "linear"}
PREDICT = "/tensorflow.serving.PredictionService/Predict"
QUICK = Options(max_num_load_retries=0, file_system_poll_wait_seconds=0)


def predict_request(model: str = "linear", value: float = 1.0) -> bytes:
    request = message_class("tensorflow.serving.PredictRequest")()
    request.model_spec.name = model
    request.inputs["x"].dtype = 1
    request.inputs["x"].float_val.append(value)
    request.inputs["x"].tensor_shape.dim.add(size=1)
    data: bytes = request.SerializeToString()
    return data


def under_way(server: Any) -> int:
    """How many calls a server is answering, over both interfaces; or its ports are."""
    ports = getattr(server, "_ports", server)
    phases = [connection.phase.value for connection in list(ports._rest._connections)]
    return int(ports._grpc._calls._under_way) + phases.count("answering")


def call(channel: grpc.Channel) -> float:
    with channel:
        data = channel.unary_unary(PREDICT)(predict_request(), timeout=60)
    response = message_class("tensorflow.serving.PredictResponse").FromString(data)
    return float(response.outputs["y"].float_val[0])
