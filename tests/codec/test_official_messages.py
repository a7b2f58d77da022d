"""The official packages are the oracle of whole messages: what we send, take and read."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codec.test_tensorflow import UNKNOWN_TO_ITS_PYTHON, alike
from tests.conftest import missing
from tfsclient import DType, PredictRequest, Signature, TensorSpec, build_predict
from tfsclient._codec.model_ref import ModelRef
from tfsclient._codec.predict import decode_predict_response
from tfsclient._codec.protobuf import FIXED32, FIXED64, VARINT, chunk, fields, join, tag
from tfsclient._codec.tensor import Tensor, encode_tensor, encode_tensor_typed
from tfsclient.dtypes import DCOMPLEX_VAL, DOUBLE_VAL, FLOAT_VAL, SCOMPLEX_VAL, STRING

thorough = settings(deadline=None, max_examples=500)
names = st.text(max_size=20)
KINDS = {FLOAT_VAL: FIXED32, SCOMPLEX_VAL: FIXED32, DOUBLE_VAL: FIXED64, DCOMPLEX_VAL: FIXED64}


@pytest.fixture(scope="module")
def apis(tf: Any) -> Any:
    """The module of the official PredictRequest and PredictResponse."""
    try:
        return import_module("tensorflow_serving.apis.predict_pb2")
    except ImportError:
        missing("tensorflow-serving-api")


@pytest.fixture(scope="module")
def known_tensor(any_tensor: st.SearchStrategy[Tensor]) -> st.SearchStrategy[Tensor]:
    """Tensors in every layout, of every dtype that TensorFlow's Python knows."""
    return any_tensor.filter(lambda tensor: tensor.dtype not in UNKNOWN_TO_ITS_PYTHON)


def signature_of(tensors: dict[str, Tensor]) -> Signature:
    specs = {name: TensorSpec(name, t.dtype, None) for name, t in tensors.items()}
    return Signature("s", specs, {"y": TensorSpec("y", DType("float32"), None)})


def official(tf: Any, tensor: Tensor) -> Any:
    """What ``tf.make_tensor_proto`` makes of the same values; it wants its own byte order."""
    native = np.array(tensor.array, tensor.dtype.numpy)
    return tf.make_tensor_proto(native, dtype=tf.dtypes.as_dtype(tensor.dtype.number))


def same(one: Any, other: Any) -> bool:
    """Alike, and equal in every bit but those of NaNs, which TensorFlow changes on its way."""
    if one.dtype == object or one.dtype.fields or (one != one).any():
        return alike(one, other)
    return alike(one, other) and one.tobytes() == other.tobytes()


@thorough
@given(data=st.data())
def test_a_request_says_what_theirs_would(
    tf: Any, apis: Any, known_tensor: st.SearchStrategy[Tensor], data: st.DataObject
) -> None:
    tensors = data.draw(st.dictionaries(names, known_tensor, min_size=1, max_size=3))
    version, label = data.draw(st.sampled_from([(None, None), (0, None), (7, None), (None, "é")]))
    theirs = apis.PredictRequest()
    theirs.model_spec.name, theirs.model_spec.signature_name = "m", "s"
    if version is not None:
        theirs.model_spec.version.value = version
    if label is not None:
        theirs.model_spec.version_label = label
    theirs.output_filter.append("y")
    for name, tensor in tensors.items():
        theirs.inputs[name].CopyFrom(official(tf, tensor))

    ours = build_predict(
        "m",
        {name: tensor.array for name, tensor in tensors.items()},
        signature=signature_of(tensors),
        version=version,
        label=label,
        outputs=["y"],
    )
    for message in (ours.to_message(), apis.PredictRequest.FromString(ours.to_bytes())):
        assert message.model_spec == theirs.model_spec
        assert message.output_filter == theirs.output_filter
        assert message.inputs.keys() == theirs.inputs.keys()
        for name, proto in message.inputs.items():
            assert proto.dtype == theirs.inputs[name].dtype
            assert proto.tensor_shape == theirs.inputs[name].tensor_shape
            wanted = tf.make_ndarray(theirs.inputs[name])
            assert same(tf.make_ndarray(proto), wanted)


@thorough
@given(data=st.data())
def test_theirs_are_taken_as_inputs_and_as_requests(
    tf: Any, apis: Any, known_tensor: st.SearchStrategy[Tensor], data: st.DataObject
) -> None:
    tensors = data.draw(st.dictionaries(names, known_tensor, min_size=1, max_size=3))
    protos = {name: official(tf, tensor) for name, tensor in tensors.items()}
    theirs = apis.PredictRequest(inputs=protos)
    theirs.model_spec.name, theirs.model_spec.signature_name = "m", "s"
    signature = signature_of(tensors)
    for ours in (
        build_predict("m", protos, signature=signature),
        build_predict("m", protos, signature=signature, validate=False),
        PredictRequest.from_message(theirs),
    ):
        message = ours.to_message()
        assert message.model_spec == theirs.model_spec
        assert message.inputs.keys() == protos.keys()
        for name, proto in message.inputs.items():
            assert proto.dtype == protos[name].dtype
            assert same(tf.make_ndarray(proto), tf.make_ndarray(protos[name]))


@thorough
@given(data=st.data())
def test_an_answer_in_any_form_reads_as_theirs_does(
    tf: Any, apis: Any, known_tensor: st.SearchStrategy[Tensor], data: st.DataObject
) -> None:
    tensors = data.draw(st.dictionaries(names, known_tensor, min_size=1, max_size=3))
    answer = b""
    for name, tensor in tensors.items():
        form = data.draw(st.sampled_from([in_memory, in_fields(tf)]))
        answer += chunk(1, chunk(1, name.encode()) + chunk(2, data.draw(form(tensor))))
    spec = {"name": "m", "signature_name": "s", "version": {"value": 0}}
    answer += apis.PredictResponse(model_spec=spec).SerializeToString()
    theirs = apis.PredictResponse.FromString(answer).outputs
    for copy in (False, True, False):  # what was learnt from the first answer serves the last
        model, ours = decode_predict_response(answer, copy=copy)
        assert model == ModelRef("m", 0, None, "s")
        assert ours.keys() == theirs.keys() == tensors.keys()
        for name, array in ours.items():
            assert array.dtype == tensors[name].dtype.numpy
            assert alike(array, tf.make_ndarray(theirs[name]))


def in_memory(tensor: Tensor) -> st.SearchStrategy[bytes]:
    """With tensor_content, as the server writes it by --enable_serialization_as_tensor_content."""
    return st.just(join(encode_tensor(tensor)))


def in_fields(tf: Any) -> Callable[[Tensor], st.SearchStrategy[bytes]]:
    """A maker of messages with typed fields, that protobuf may write in many ways."""
    proto_class = type(tf.make_tensor_proto(0))

    @st.composite
    def make(draw: st.DrawFn, tensor: Tensor) -> bytes:
        proto = proto_class.FromString(join(encode_tensor_typed(tensor)))
        rest = proto_class(dtype=proto.dtype, tensor_shape=proto.tensor_shape)
        field = proto_class.DESCRIPTOR.fields_by_number[tensor.dtype.field]
        values = getattr(proto, field.name)
        if isinstance(values, bytes):  # of float8
            return bytes(proto.SerializeToString())
        if len(values) > 2 and draw(st.booleans()):
            del values[2:]  # one element of complex numbers, two of others; the last one repeats
        cuts = draw(st.sets(st.integers(0, len(values))))
        pieces = []
        for start, end in pairwise(sorted({0, len(values), *cuts})):
            piece = proto_class(**{field.name: values[start:end]}).SerializeToString()
            lone = end - start == 1 and field.type != field.TYPE_BYTES and draw(st.booleans())
            pieces.append(unpacked(piece) if lone else piece)
        pieces.insert(draw(st.integers(0, len(pieces))), rest.SerializeToString())
        return b"".join(pieces)

    return make


def unpacked(piece: bytes) -> bytes:
    """The same field, of one number, as a writer that does not pack has it."""
    ((number, _, first, end),) = fields(piece)
    kind = KINDS.get(number, VARINT)
    return tag(number, kind) + piece[first:end]


feature = (
    st.tuples(st.just("int64_list"), st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4))
    | st.tuples(st.just("float_list"), st.lists(st.floats(width=32), max_size=4))
    | st.tuples(st.just("bytes_list"), st.lists(st.binary(max_size=9), max_size=4))
)


@thorough
@given(features=st.dictionaries(st.text(max_size=9), feature, max_size=4))
def test_their_examples_are_taken(tf: Any, features: dict[str, tuple[str, list[Any]]]) -> None:
    message = tf.train.Example()
    for name, (kind, values) in features.items():
        getattr(message.features.feature[name], kind).value.extend(values)
    wanted = message.SerializeToString(deterministic=True)
    signature = signature_of({"x": Tensor(STRING, np.empty(0, object))})
    for rows in (message, [message, message]):
        tensor = build_predict("m", {"x": rows}, signature=signature).tensors["x"]
        assert tensor.array.shape == (len(rows) if isinstance(rows, list) else 1,)
        for example in tensor.array:
            again = tf.train.Example.FromString(example)
            assert again.SerializeToString(deterministic=True) == wanted
