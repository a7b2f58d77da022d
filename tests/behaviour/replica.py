"""A replica that can be killed: python replica.py GRPC_PORT REST_PORT VERSION.

It answers every Predict with y = x + 1, and prints "ready" once its ports are open.
"""

from __future__ import annotations

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import numpy as np

from tfsclient._codec.model_ref import ModelRef
from tfsclient._codec.predict import (
    PredictResponse,
    decode_predict_request,
    encode_predict_response,
)
from tfsclient._codec.protobuf import join
from tfsclient._codec.tensor import Tensor, decode_tensor

GRPC_PORT, REST_PORT, VERSION = map(int, sys.argv[1:])


def predict(data: bytes, _context: Any) -> bytes:
    request = decode_predict_request(data)
    dtype, array = decode_tensor(request.inputs["x"])
    outputs = {"y": Tensor(dtype, array + np.float32(1))}
    ref = ModelRef("m", VERSION, None, "s")
    return join(encode_predict_response(PredictResponse(ref, outputs)))


class Rest(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = json.dumps({"outputs": (np.array(body["inputs"]["x"]) + 1).tolist()}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass


handler = grpc.unary_unary_rpc_method_handler(predict)
server = grpc.server(
    ThreadPoolExecutor(8),
    options=[("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)],
)
server.add_generic_rpc_handlers(
    [
        grpc.method_handlers_generic_handler(
            "tensorflow.serving.PredictionService", {"Predict": handler}
        )
    ]
)
server.add_insecure_port(f"127.0.0.1:{GRPC_PORT}")
server.start()
http = ThreadingHTTPServer(("127.0.0.1", REST_PORT), Rest)
threading.Thread(target=http.serve_forever, daemon=True).start()
print("ready", flush=True)
server.wait_for_termination()
