"""pythie-serving on loopback, with a table that adds: its own server listens everywhere.

Runs in an environment that has pythie-serving; prints its port.
"""

import json
import os
import tempfile
from concurrent import futures
from pathlib import Path

import grpc
from pythie_serving.table_wrapper import TablePredictionServiceServicer
from pythie_serving.tensorflow_proto.tensorflow_serving.apis import prediction_service_pb2_grpc
from pythie_serving.tensorflow_proto.tensorflow_serving.config import model_server_config_pb2

os.environ["VERBOSITY_LEVEL"] = "0"
kinds = {"a": "int", "b": "int", "sum": "int"}

with tempfile.TemporaryDirectory() as folder:
    rows = [f"{a},{b},{a + b}" for a in range(5) for b in range(5)]
    Path(folder, "sums.csv").write_text("\n".join(["a,b,sum", *rows]))
    told = {"feature_names": ["a", "b"], "target_name": "sum", "data_type": kinds}
    Path(folder, "metadata.json").write_text(json.dumps(told))
    config = model_server_config_pb2.ModelServerConfig()
    config.model_config_list.config.add(name="sums", base_path=folder, model_platform="table")
    servicer = TablePredictionServiceServicer(model_server_config=config)

server = grpc.server(futures.ThreadPoolExecutor(1), maximum_concurrent_rpcs=2)
prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(servicer, server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
server.wait_for_termination()
