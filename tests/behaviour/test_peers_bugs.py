"""What other clients of TF Serving got wrong, each a case.

Cases that are tested for their own sake elsewhere:

    str beyond ASCII, a lone string      test_predict::test_a_scalar_string_keeps_every_byte
    0-d arrays, unknown rank             test_predict::test_every_rank
    strided and big-endian arrays        test_predict::test_any_memory_layout
    object arrays, str and bytes mixed   inputs/test_prepare::test_strings_keep_every_byte
    splat, tensor_content, half_val      codec/test_official_messages
    NaN and infinity, both ways          test_predict::test_nan_and_infinity_travel
    label against version                test_predict::test_a_label_picks_its_version
    https:// is TLS                      test_tls
    a signature with no inputs           test_predict::test_grpc_carries_the_rest
    __saved_model_init_op                test_predict::test_discovery
    aliases in generated Go and JS       generator/test_{go,js}::test_names_reach_the_wire_unchanged
    aliases in generated curl            generator/test_curl::test_hostile_names_are_data
    a quote in the name of curl's model  generator/test_curl, hostile_models_are_named_in_the_url
"""

from __future__ import annotations

import inspect
import json
import subprocess
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tfsclient_gen import generate

from tests.conftest import tool
from tests.generator.python_models import load
from tfsclient import (
    Client,
    DType,
    Example,
    InvalidInput,
    Model,
    Signature,
    TensorSpec,
    Unavailable,
    Unimplemented,
    build_predict,
)
from tfsclient._calls.urls import model_path
from tfsclient._codec.messages import message_class
from tfsclient._codec.predict import decode_predict_response
from tfsclient._codec.protobuf import VARINT, chunk, tag, varint
from tfsclient.dtypes import HALF_VAL
from tfsclient.testing import FakeServer

LANGUAGES = ["python", "go", "java", "rust", "js", "ts", "curl", "openapi"]
ALIASES = ["", "0", "1st", "a-b", "a_b", "class", "image:0", "in", "output/boxes:0", "é", "中文"]


def tensors(dtype: str, shape: tuple[int, ...] | None, *names: str) -> dict[str, TensorSpec]:
    return {name: TensorSpec(name, DType(dtype), shape) for name in names}


def model(name: str, inputs: dict[str, TensorSpec], *signatures: str) -> Model:
    out = tensors("float32", (-1,), "y")
    return Model(name, 1, {s: Signature(s, inputs, out) for s in signatures or ["serving_default"]})


X = tensors("float32", (-1,), "x")


# Values, on every stack.


@pytest.mark.parametrize(
    "strings",
    [[b"\x00", b"a\x00\x00", b""], ["blåbær", "中文", "😀"], [b"\xff\xfe", b"\x80abc"]],
    ids=["trailing NUL", "not ASCII", "not UTF-8"],
)
def test_strings_come_back_to_the_byte(client: Client, strings: list[Any]) -> None:
    out = client.predict("dtypes", strings, signature="id_string").only()
    assert out.tolist() == [s.encode() if isinstance(s, str) else s for s in strings]


@pytest.mark.parametrize("values", [[2**63], [0, 2**64 - 1], np.array([2**63], np.uint64)])
def test_uint64_beyond_int64(client: Client, values: Any) -> None:
    out = client.predict("dtypes", values, signature="id_uint64").only()
    assert (out.dtype.name, out.tolist()) == ("uint64", list(values))


def test_no_rows_are_no_rows(client: Client, target: str) -> None:
    out = client.predict("dtypes", np.zeros(0, np.int16), signature="id_int16").only()
    assert (out.dtype.name, out.shape) == ("int16", (0,))
    none = np.zeros((0, 1), np.float32)
    if target.startswith("http"):  # its JSON is [], of one dimension
        with pytest.raises(Unimplemented, match="use gRPC"):
            client.predict("half_plus_two", none, version=1)
    else:
        assert client.predict("half_plus_two", none, version=1).only().shape == (0, 1)


@pytest.mark.parametrize("name", ["complex64", "complex128"])
def test_complex_numbers(zoo: Any, name: str) -> None:
    with Client(zoo.grpc) as client:
        for values in ([1 + 2j, complex(np.inf, -0.0)], [1 + 2j], 1 + 2j):
            array = np.array(values, name)
            out = client.predict("dtypes", array, signature=f"id_{name}", validate=False).only()
            assert (out.dtype, out.shape) == (array.dtype, array.shape)
            assert out.tobytes() == array.tobytes()


@pytest.mark.parametrize(("name", "bits"), [("float16", 0x3E00), ("bfloat16", 0x3FC0)])
def test_half_val_holds_bits(name: str, bits: int) -> None:
    dtype = DType(name)
    shape = chunk(2, chunk(2, tag(1, VARINT) + varint(3)))  # one value stands for all three
    proto = tag(1, VARINT) + varint(dtype.number) + shape + chunk(HALF_VAL, varint(bits))
    _, outputs = decode_predict_response(chunk(1, chunk(1, b"y") + chunk(2, proto)))
    assert outputs["y"].dtype == dtype.numpy
    assert outputs["y"].astype(float).tolist() == [1.5] * 3


def test_official_messages_are_values(client: Client) -> None:
    import tensorflow as tf  # the server could not run without

    proto = tf.make_tensor_proto([[1.0], [2.0]], tf.float32)
    assert client.predict("half_plus_two", {"x": proto}, version=1).only().tolist() == [[2.5], [3]]
    example = tf.train.Example.FromString(Example({"x": 2.0}).to_bytes())
    answer = client.regress("half_plus_two", [example], signature="regress_x_to_y", version=1)
    assert answer.tolist() == [3.0]


# Which version, which signature, how often.


@pytest.mark.parametrize("version", [None, 0, 3])
def test_a_version_is_written_if_it_was_given(version: int | None) -> None:
    request = build_predict("m", [1.0], signature=model("m", X).signature(), version=version)
    message = message_class("tensorflow.serving.PredictRequest").FromString(request.to_bytes())
    assert message.model_spec.HasField("version") == (version is not None)
    assert message.model_spec.version.value == (version or 0)
    path = "" if version is None else f"/versions/{version}"
    assert model_path(request.ref) == f"/v1/models/m{path}"
    assert request.to_curl().endswith(f"/v1/models/m{path}:predict")


def test_without_a_default_signature_all_are_told() -> None:
    two = model("m", X, "first", "second")
    with pytest.raises(InvalidInput, match="say which to use: 'first', 'second'"):
        two.signature()


@pytest.mark.parametrize("rest", [False, True], ids=["grpc", "rest"])
def test_one_retry_is_one_retry(make_client: Callable[..., Any], rest: bool) -> None:
    with FakeServer(model("m", X)) as fake:
        target = fake.rest_target if rest else fake.grpc_target
        with make_client(target, retries=1, schemas={"m": model("m", X)}) as client:
            fake.fail("UNAVAILABLE", times=1)
            assert client.predict("m", [1.0]).only().shape == (1,)
            fake.reset()
            fake.fail("UNAVAILABLE", times=None)
            with pytest.raises(Unavailable):
                client.predict("m", [1.0])
            assert [call.method for call in fake.calls] == ["Predict"] * 2


# Names, and what is generated of them.


def test_any_alias_is_an_input(make_client: Callable[..., Any], tmp_path: Path) -> None:
    """By the client, and by generated Python, whose arguments stand in the aliases' order."""
    odd = model("odd", tensors("float32", (-1,), *ALIASES))
    given = {alias: [float(number)] for number, alias in enumerate(ALIASES)}
    (tmp_path / "odd.py").write_text(generate(odd, "python")["odd.py"], "utf-8")
    module = load(tmp_path / "odd.py")
    with FakeServer(odd) as fake:
        for target in (fake.grpc_target, fake.rest_target):
            with make_client(target) as client:
                client.predict("odd", given)
            with module.Odd(target) as typed:
                arguments = list(inspect.signature(typed.serving_default).parameters)
                typed.serving_default(**dict(zip(arguments, given.values(), strict=False)))
        assert len(fake.calls) > 4
        for call in fake.calls:
            if call.method == "Predict":
                assert {name: value.tolist() for name, value in call.inputs.items()} == given


def test_a_quote_in_a_models_name_ends_no_word() -> None:
    name = "it's $HOME"
    with FakeServer(model(name, X)) as fake, Client(fake.rest_target) as client:
        command = client.build_predict(name, [1.0]).to_curl(fake.rest_target)
        assert tool("curl")
        done = subprocess.run([tool("sh"), "-c", command], capture_output=True, check=True)
        assert json.loads(done.stdout) == {"outputs": [0.0]}
        assert fake.calls[-1].model == name


def test_a_sample_of_truth_values_is_python(tmp_path: Path) -> None:
    flags = model("flags", tensors("bool", (-1,), "flag"))
    text = generate(flags, "python")["flags.py"]
    (tmp_path / "flags.py").write_text(text, "utf-8")
    module = load(tmp_path / "flags.py")
    example = (module.Flags.__doc__ or "").partition("Example:\n")[2].partition("\n\n")[0]
    with FakeServer(flags) as fake:
        scope = dict(vars(module))
        exec(textwrap.dedent(example).replace("localhost:8500", fake.grpc_target), scope)
        assert fake.calls[-1].inputs["flag"].dtype == np.bool_
        scope["client"].close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_large_sample_is_not_spelt_out(language: str) -> None:
    sizes = []
    for side in (2, 224):
        files = generate(model("m", tensors("float32", (1, side, side, 3), "x")), language)
        sizes.append(sum(map(len, files.values())))
    assert sizes[1] - sizes[0] < 2000
