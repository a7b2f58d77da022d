"""What eas-prediction makes and reads: messages and signatures, as JSON on standard output.

Runs in an environment that has eas-prediction 0.36, which needs protobuf 3.20.3 or older.
"""

import datetime as dt
import json

from eas_prediction import predict_client, tf_request_pb2
from eas_prediction.predict_client import PredictClient
from eas_prediction.tf_request import TFRequest, TFResponse

INPUTS = {
    "float": (TFRequest.DT_FLOAT, [2, 2], [1.5, -2.25, 0.0, 3.0]),
    "double": (TFRequest.DT_DOUBLE, [3], [0.1, -1e300, 5.0]),
    "int8": (TFRequest.DT_INT8, [3], [-128, 0, 127]),
    "uint8": (TFRequest.DT_UINT8, [2, 1], [0, 255]),
    "int16": (TFRequest.DT_INT16, [2], [-300, 300]),
    "uint16": (TFRequest.DT_UINT16, [2], [0, 65535]),
    "int32": (TFRequest.DT_INT32, [2, 3], [1, -1, 2**31 - 1, -(2**31), 0, 7]),
    "int64": (TFRequest.DT_INT64, [2], [2**63 - 1, -(2**63)]),
    "bool": (TFRequest.DT_BOOL, [3], [True, False, True]),
    "string": (TFRequest.DT_STRING, [1, 2], [b"text", b"\xff\x00"]),
    "scalar": (TFRequest.DT_FLOAT, [], [2.5]),
    "empty": (TFRequest.DT_FLOAT, [0, 4], []),
}
UTC = dt.timezone.utc
TIMES = [
    dt.datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC),
    dt.datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC),
]


def shown(values):
    return [value.hex() if isinstance(value, bytes) else value for value in values]


def main():
    told = {"requests": {}, "responses": {}, "signatures": []}
    for name, (dtype, shape, values) in INPUTS.items():
        request = TFRequest("serving_default")
        request.add_feed(name, shape, dtype, values)
        request.add_fetch("scores")
        told["requests"][name] = {
            "dtype": dtype,
            "shape": shape,
            "values": shown(values),
            "bytes": request.to_string().hex(),
        }
        response = tf_request_pb2.PredictResponse()
        response.outputs[name].CopyFrom(request.request_data.inputs[name])
        data = response.SerializeToString()
        read = TFResponse(data)
        assert read.get_tensor_shape(name) == shape
        if read.get_values(name) is not None:  # it does not read unsigned integers
            assert list(read.get_values(name)) == list(values)
        told["responses"][name] = data.hex()
    for moment in TIMES:

        class Fixed(dt.datetime):
            @classmethod
            def now(cls, tz=None, moment=moment):
                return moment

        predict_client.datetime.datetime = Fixed
        client = PredictClient("http://localhost", "digits")
        client.set_token("c2VjcmV0LXRva2Vu")
        epoch = moment.timestamp()
        for body in (b"", bytes.fromhex(told["requests"]["float"]["bytes"])):
            headers = client.generate_singaure(body)
            told["signatures"].append({"time": epoch, "body": body.hex(), "headers": headers})
    print(json.dumps(told, indent=1))


main()
