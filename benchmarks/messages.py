"""A case's signature, and its request and answer as bytes."""

from __future__ import annotations

from benchmarks.cases import MODEL, Arrays, Case
from tfsclient import DType, Model, ModelRef, PredictRequest, Signature, TensorSpec
from tfsclient._codec.predict import PredictResponse, encode_predict_response
from tfsclient._codec.protobuf import chunk, join
from tfsclient._codec.tensor import Tensor, encode_tensor

_REF = ModelRef(MODEL, signature="serving_default")


def schema(case: Case) -> Model:
    """The model of a case, any batch size."""
    signature = Signature("serving_default", _specs(case.inputs()), _specs(case.outputs()))
    return Model(MODEL, 1, {signature.name: signature})


def _specs(arrays: Arrays) -> dict[str, TensorSpec]:
    specs = {}
    for name, (dtype, array) in _tensors(arrays).items():
        shape = (-1, *array.shape[1:]) if array.ndim else ()
        specs[name] = TensorSpec(name, dtype, shape)
    return specs


def _tensors(arrays: Arrays) -> dict[str, Tensor]:
    tensors = {}
    for name, array in arrays.items():
        dtype = DType.of_numpy(array.dtype)
        assert dtype is not None
        tensors[name] = Tensor(dtype, array)
    return tensors


def request(case: Case) -> bytes:
    """The serialized PredictRequest."""
    return PredictRequest(_REF, _tensors(case.inputs())).to_bytes()


def answer(case: Case) -> tuple[str, bytes]:
    """The protocol, and what the server says: as TF Serving would, whatever is asked."""
    tensors = _tensors(case.outputs())
    if case.rest:
        import orjson  # late, for a process whose first answer is timed needs no answers of ours

        (tensor,) = tensors.values()
        numbers = orjson.dumps(tensor.array, option=orjson.OPT_SERIALIZE_NUMPY)
        return "rest", b'{\n    "outputs": ' + numbers + b"\n}"
    response = encode_predict_response(
        PredictResponse(ModelRef(MODEL, 1, None, _REF.signature), {} if case.content else tensors)
    )
    if case.content:
        response += [
            chunk(1, chunk(1, name.encode()) + chunk(2, join(encode_tensor(tensor))))
            for name, tensor in tensors.items()
        ]
    return "grpc", join(response)
