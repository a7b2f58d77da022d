"""What a user relies on, the same over gRPC and REST, against real models."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import CONFORMANCE, Zoo
from tfsclient import (
    Client,
    Code,
    InvalidArgument,
    InvalidInput,
    NotFound,
    TFSError,
    Unimplemented,
)


def digit_png(digit: int) -> bytes:
    return Path(CONFORMANCE, "data", f"digit_{digit}.png").read_bytes()


def test_arrays_in_arrays_out(client: Client) -> None:
    out = client.predict("half_plus_two", {"x": [[1.0], [2.0], [5.0]]}, version=1)
    assert out["y"].dtype == np.float32
    np.testing.assert_array_equal(out["y"], [[2.5], [3.0], [4.5]])
    assert (out.model, out.signature) == ("half_plus_two", "serving_default")
    assert out.only() is out["y"]


def test_the_version_that_answered_is_told_where_the_transport_tells_it(client: Client) -> None:
    out = client.predict("half_plus_two", [[1.0]])
    assert out.version in (2, None)
    assert out.only() == [[3.5]]


def test_a_label_picks_its_version(client: Client) -> None:
    assert client.predict("half_plus_two", [[1.0]], label="stable").only() == [[2.5]]
    assert client.predict("half_plus_two", [[1.0]], label="canary").only() == [[3.5]]
    with pytest.raises(InvalidInput, match="not both"):
        client.predict("half_plus_two", [[1.0]], label="stable", version=1)


def test_a_misfit_is_refused_before_a_predict_call(target: str) -> None:
    sent: list[str] = []
    client = Client(target, on_call=lambda info: sent.append(info.path))
    with pytest.raises(InvalidInput) as caught:
        client.predict("half_plus_two", {"x": [1.0, 2.0, 5.0]}, version=1)
    for words in ("half_plus_two", "serving_default", "'x'", "[-1, 1]", "(3,)", "(3, 1)"):
        assert words in str(caught.value)
    assert "validate=False" in str(caught.value)
    with pytest.raises(InvalidInput, match="no input 'z' \\(did you mean 'x'\\?\\)"):
        client.predict("half_plus_two", {"z": [[1.0]]}, version=1)
    assert sent
    assert not [path for path in sent if path.lower().endswith("predict")]


def test_a_signature_may_lie_so_the_check_can_be_turned_off(client: Client) -> None:
    out = client.predict("half_plus_two", {"x": [1.0, 2.0, 5.0]}, version=1, validate=False)
    np.testing.assert_array_equal(out["y"], [2.5, 3.0, 4.5])


def test_floats_that_are_not_checked_keep_their_digits_in_json(zoo: Zoo) -> None:
    with Client(zoo.rest) as client:
        for value in (0.12345678901234, 16777217.0):
            out = client.predict("dtypes", {"x": [value]}, signature="id_float64", validate=False)
            assert out["y"].tolist() == [value]


def test_only_the_outputs_asked_for_come_back(client: Client) -> None:
    out = client.predict(
        "ranks", np.ones((1, 2)), signature="many_outputs", outputs=["out_3", "out_7"]
    )
    assert set(out) == {"out_3", "out_7"}
    with pytest.raises(InvalidInput, match="no output 'nope'"):
        client.predict("ranks", np.ones((1, 2)), signature="many_outputs", outputs=["nope"])


def test_bytes_strings_and_pictures(client: Client) -> None:
    out = client.predict("raw_png", [digit_png(7), digit_png(3)])
    assert out["label"].tolist() == [b"seven", b"three"]
    assert out["thumb_bytes"][0].startswith(b"\x89PNG")
    text = base64.urlsafe_b64encode(digit_png(4))
    assert client.predict("mnist_images", [text])["predict"].tolist() == [4]


@pytest.mark.parametrize("value", ["é", "", b"\x00a\x00", "emoji 😀", '"quoted"'])
def test_a_scalar_string_keeps_every_byte(client: Client, value: str | bytes) -> None:
    client.predict("strings", "", signature="test_assign")
    out = client.predict("strings", value, signature="test_concat").only()
    assert out.shape == ()
    assert out[()] == (value.encode() if isinstance(value, str) else value)


@pytest.mark.parametrize(
    "dtype",
    "float32 float64 int8 int16 int32 int64 uint8 uint32 uint64 bool string".split(),
)
def test_every_dtype_that_both_transports_carry(client: Client, dtype: str) -> None:
    values: dict[str, Any] = {"bool": [True, False], "string": [b"a", "é".encode()]}
    array = (
        np.array(values[dtype], object if dtype == "string" else bool)
        if dtype in values
        else (
            np.array([0, 1, 100], dtype)
            if dtype.startswith("float")
            else np.array([np.iinfo(dtype).min, 0, np.iinfo(dtype).max], dtype)
        )
    )
    out = client.predict("dtypes", array, signature=f"id_{dtype}").only()
    np.testing.assert_array_equal(out, array)
    assert out.dtype == array.dtype


def test_nan_and_infinity_travel(client: Client) -> None:
    values = np.array([np.nan, np.inf, -np.inf, -0.0, 1e-37], np.float32)
    out = client.predict("dtypes", values, signature="id_float32").only()
    np.testing.assert_array_equal(out, values)
    assert np.signbit(out[3])


@pytest.mark.parametrize("rank", range(6))
def test_every_rank(client: Client, rank: int) -> None:
    array = np.arange(2.0**rank, dtype=np.float32).reshape((2,) * rank)
    name = "scalar" if rank == 0 else f"rank{rank}"
    out = client.predict("ranks", array, signature=name).only()
    np.testing.assert_array_equal(out, array + 1)
    np.testing.assert_array_equal(
        client.predict("ranks", array.T, signature="unknown_one").only(), array.T + 2
    )


@pytest.mark.parametrize("array", [np.arange(6.0)[::-1], np.arange(6, dtype=">f8"), np.arange(0.0)])
def test_any_memory_layout(client: Client, array: np.ndarray[Any, Any]) -> None:
    out = client.predict("dtypes", array, signature="id_float64").only()
    np.testing.assert_array_equal(out, array)


def test_names_that_need_escaping(client: Client) -> None:
    for model in ("odd name", "Linear", "中文", "a/b", "a:b", "pct%41", "metadata", "x?y"):
        np.testing.assert_array_equal(client.predict(model, [2.0]).only(), [4.5])
    for name in ("class", "a b", "new\nline", "{{ 7*7 }}", 'double"', "back\\slash", "中文", "b64"):
        out = client.predict("awkward", {name: [1.0]}, signature=name)
        assert out[name].tolist() == [2.0]


def test_discovery(client: Client) -> None:
    model = client.metadata("half_plus_two", version=1)
    assert (model.name, model.version) == ("half_plus_two", 1)
    signature = client.signature("half_plus_two", "serving_default")
    assert signature.inputs["x"].shape == (-1, 1)
    assert signature.inputs["x"].dtype == "float32"
    assert client.signature("mlp").name == "call"  # the only one that can be called
    with pytest.raises(InvalidInput, match="'id_bool'"):
        client.signature("dtypes")


def test_status_and_readiness(client: Client) -> None:
    assert [(s.version, s.state) for s in client.status("half_plus_two")] == [
        (2, "AVAILABLE"),
        (1, "AVAILABLE"),
    ]
    assert client.wait_until_ready("half_plus_two", version=1).error_code is Code.OK


def test_a_request_can_be_built_looked_at_and_sent(client: Client) -> None:
    request = client.build_predict("half_plus_two", [[1.0]], version=1)
    assert request.to_json() == b'{"signature_name":"serving_default","inputs":{"x":[[1.0]]}}'
    assert "/v1/models/half_plus_two/versions/1:predict" in request.to_curl()
    assert client.send(request).only() == [[2.5]]


@pytest.mark.parametrize(
    ("model", "options", "error"),
    [
        ("nope", {}, NotFound),
        ("half_plus_two", {"version": 99}, NotFound),
        ("half_plus_two", {"label": "nope"}, InvalidArgument),
        ("failing", {"signature": "nope"}, InvalidInput),
    ],
)
def test_errors_are_typed(
    client: Client, model: str, options: dict[str, Any], error: type[TFSError]
) -> None:
    with pytest.raises(error) as caught:
        client.predict(model, {"x": [[1.0]]}, **options)
    assert caught.value.model == model
    assert str(caught.value)


def test_an_error_in_the_graph_is_an_invalid_argument(client: Client) -> None:
    with pytest.raises(InvalidArgument) as caught:
        client.predict("failing", [0])
    assert caught.value.signature == "serving_default"
    assert "zero" in caught.value.details


def test_what_rest_cannot_carry_is_said_before_sending(zoo: Any) -> None:
    with Client(zoo.rest) as client:
        with pytest.raises(Unimplemented, match="use gRPC"):
            client.predict("dtypes", np.zeros(1, np.float16), signature="id_float16")
        with pytest.raises(Unimplemented, match="no inputs"):
            client.predict("ranks", {}, signature="no_inputs")
        with pytest.raises(Unimplemented, match="defaults"):
            client.predict("defaults", {"x": [1.0]})


def test_grpc_carries_the_rest(zoo: Any) -> None:
    with Client(zoo.grpc) as client:
        half = np.array([1.5, np.inf], np.float16)
        out = client.predict("dtypes", half, signature="id_float16").only()
        np.testing.assert_array_equal(out, half)
        assert client.predict("ranks", {}, signature="no_inputs").only().tolist() == [1.0, 2.0]
        assert client.predict("defaults", {"x": [1.0]})["y"].tolist() == [2.0]


def test_results_are_views_unless_copies_are_asked_for(zoo: Any) -> None:
    with Client(zoo.grpc) as client:
        array = np.zeros((64, 64), np.float32)
        assert not client.predict("ranks", array, signature="rank2").only().flags.writeable
        assert client.predict("ranks", array, signature="rank2", copy=True).only().flags.writeable
