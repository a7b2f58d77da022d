"""Where schemas come from: every source tells the same model, and what is no source is refused."""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format, text_format
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import CONFORMANCE, ZOO, Zoo
from tfsclient import Client, DecodeError, InvalidInput, Model, sources
from tfsclient._codec.messages import message_class
from tfsclient.schema import from_json, to_json
from tfsclient.server.rest import messages

NOT_LOADABLE = {"broken", "wrong_tag"}
MODELS = sorted(folder.name for folder in ZOO.iterdir() if folder.name not in NOT_LOADABLE)


def without_examples(model: Model) -> Model:
    """The model as a server tells it: only a graph knows what Examples are parsed into."""
    signatures = {
        name: replace(signature, example_input=None, features=None)
        for name, signature in model.signatures.items()
    }
    return replace(model, signatures=signatures)


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_a_server_tells_what_the_folder_tells(zoo: Zoo, transport: str) -> None:
    with Client(getattr(zoo, transport)) as client:
        for name in MODELS:
            told = client.metadata(name)
            assert told == without_examples(sources.from_saved_model(ZOO / name)), name
            assert client.metadata(name, version=told.version) == told


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_a_label_is_a_version(zoo: Zoo, transport: str) -> None:
    with Client(getattr(zoo, transport)) as client:
        for label, version in (("stable", 1), ("canary", 2)):
            told = client.metadata("half_plus_two", label=label)
            folder = sources.from_saved_model(ZOO / "half_plus_two" / str(version))
            assert told == without_examples(folder)
            assert told.version == version


def recorded() -> Iterator[tuple[str, bytes]]:
    """What a real server answered when it was asked for metadata."""
    for kind in ("rest", "grpc"):
        for text in (CONFORMANCE / "transcripts" / f"{kind}.jsonl").read_text().splitlines():
            line = json.loads(text)
            if kind == "rest" and line.get("response_body", "").startswith('{\n"model_spec"'):
                yield line["id"], line["response_body"].encode()
            elif line.get("method", "").endswith("GetModelMetadata") and line["code"] == "OK":
                yield line["id"], base64.b64decode(line["response_b64"])


def test_saved_metadata_of_a_real_server(tmp_path: Path) -> None:
    seen = set()
    for _, answer in recorded():
        (tmp_path / "saved").write_bytes(answer)
        told = sources.from_file(tmp_path / "saved")
        if told.name in MODELS:
            seen.add(told.name)
            folder = sources.from_saved_model(ZOO / told.name / str(told.version))
            assert told == without_examples(folder)
    assert len(seen) > 5


names = st.text(max_size=3)


@st.composite
def tensor_infos(draw: st.DrawFn) -> Any:
    info = message_class("tensorflow.TensorInfo")(
        dtype=draw(st.sampled_from([0, 1, 7, 20, 109, 140]))
    )
    encoding = draw(st.sampled_from(["name", "coo_sparse", "composite_tensor"]))
    if encoding == "name":
        info.name = "x:0"
    else:
        getattr(info, encoding).SetInParent()
    if draw(st.booleans()):
        info.tensor_shape.unknown_rank = draw(st.booleans())
        for size in draw(st.lists(st.integers(-1, 2**63 - 1), max_size=2)):
            info.tensor_shape.dim.add(size=size)
    return info


@given(
    st.none() | st.integers(0, 2**63 - 1),
    st.dictionaries(names, st.tuples(names, *[st.dictionaries(names, tensor_infos())] * 2)),
)
def test_json_tells_what_the_message_tells(
    version: int | None, signatures: dict[str, tuple[str, dict[str, Any], dict[str, Any]]]
) -> None:
    response = message_class("tensorflow.serving.GetModelMetadataResponse")()
    response.model_spec.name = "m"
    if version is not None:
        response.model_spec.version.value = version
    definitions = message_class("tensorflow.serving.SignatureDefMap")()
    for name, (method, inputs, outputs) in signatures.items():
        definition = definitions.signature_def[name]
        definition.method_name = method
        for infos, given_infos in ((definition.inputs, inputs), (definition.outputs, outputs)):
            for key, info in given_infos.items():
                infos[key].CopyFrom(info)
        for key in [*inputs][:1]:
            definition.defaults[key].SetInParent()
    response.metadata["signature_def"].Pack(definitions)
    text = (
        f'{{"model_spec": {messages.to_json(response.model_spec)}, '
        f'"metadata": {{"signature_def": {messages.to_json(definitions)}}}}}'
    )
    told = sources.from_metadata_response(response.SerializeToString())
    assert sources.from_metadata_json(text.encode()) == told


ANY_JSON = st.sampled_from(
    [None, True, -2, 1.5, 2**63, "", "DT_X", "9" * 19, "9" * 30, [], [5], {}, {"": 0}]
)


@given(st.data())
def test_metadata_json_that_lies_is_refused_or_read(data: st.DataObject) -> None:
    info = {"dtype": "DT_INT64", "tensor_shape": {"dim": [{"size": "2"}], "unknown_rank": False}}
    definition = {"inputs": {"x": info}, "outputs": {"y": info}, "method_name": "", "defaults": {}}
    answer: Any = {
        "model_spec": {"name": "m", "version": "1"},
        "metadata": {"signature_def": {"signature_def": {"s": definition}}},
    }
    assert sources.from_metadata_json(json.dumps(answer).encode()).signatures.keys() == {"s"}
    place = answer = json.loads(json.dumps(answer))
    key = data.draw(st.sampled_from(sorted(place)))
    while isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans()):
        place = place[key]
        keys = sorted(place) if isinstance(place, dict) else range(len(place))
        key = data.draw(st.sampled_from(keys))
    place[key] = data.draw(ANY_JSON)
    try:
        told = sources.from_metadata_json(json.dumps(answer).encode())
    except DecodeError:
        return
    assert from_json(to_json(told)) == told  # which checks it, too
    # What both read is the same.
    response = message_class("tensorflow.serving.GetModelMetadataResponse")()
    definitions = message_class("tensorflow.serving.SignatureDefMap")()
    given = answer["metadata"]["signature_def"]
    try:
        json_format.ParseDict(given, definitions, ignore_unknown_fields=True)
    except json_format.ParseError:
        return
    response.metadata["signature_def"].Pack(definitions)
    by_protobuf = sources.from_metadata_response(response.SerializeToString())
    assert by_protobuf.signatures == told.signatures


@pytest.mark.parametrize(
    ("field", "value", "shape"),
    [
        ("tensor_shape", None, ()),
        ("tensor_shape", {"dim": None}, ()),
        ("tensor_shape", {"dim": [{"size": None}]}, (0,)),
        ("tensor_shape", {"dim": [{"size": "3"}], "unknown_rank": None}, (3,)),
        ("coo_sparse", None, ()),
        ("tensor_shape", {"dim": {}}, None),
        ("tensor_shape", {"dim": ""}, None),
        ("tensor_shape", {"unknown_rank": "false"}, None),
        ("tensor_shape", {"dim": [{"size": 1.5}]}, None),
        ("tensor_shape", [], None),
    ],
)
def test_null_is_nothing_and_no_other_type_will_do(field: str, value: Any, shape: Any) -> None:
    definition = {"inputs": {"x": {"dtype": "DT_FLOAT", field: value}}, "outputs": None}
    answer = {
        "model_spec": {"name": "m"},
        "metadata": {"signature_def": {"signature_def": {"s": definition}}},
    }
    text = json.dumps(answer).encode()
    if shape is None:
        with pytest.raises(DecodeError, match="not a metadata answer"):
            sources.from_metadata_json(text)
        return
    spec = sources.from_metadata_json(text).signatures["s"].inputs["x"]
    assert (spec.dtype, spec.shape, spec.encoding) == ("float32", shape, "dense")


def test_a_version_below_0_is_refused() -> None:
    response = message_class("tensorflow.serving.GetModelMetadataResponse")()
    response.model_spec.version.value = -1
    response.metadata["signature_def"].Pack(message_class("tensorflow.serving.SignatureDefMap")())
    with pytest.raises(DecodeError, match="version -1"):
        sources.from_metadata_response(response.SerializeToString())


def test_a_type_that_only_a_newer_server_knows_spoils_its_own_signature_only() -> None:
    text = dict(recorded())["rest/metadata/dtypes"]
    known = sources.from_metadata_json(text).usable()
    told = sources.from_metadata_json(text.replace(b'"DT_FLOAT"', b'"DT_FLOAT3"'))
    lost = known.keys() - told.usable().keys()
    assert "id_float32" in lost
    assert "id_float64" not in lost


@pytest.mark.parametrize("name", MODELS)
def test_text_and_schema_tell_what_the_binary_tells(name: str, tmp_path: Path) -> None:
    expected = sources.from_saved_model(ZOO / name)
    saved = message_class("tensorflow.SavedModel")()
    folder = ZOO / name / str(expected.version)
    saved.ParseFromString((folder / "saved_model.pb").read_bytes())
    copy = tmp_path / name / str(expected.version)
    copy.mkdir(parents=True)
    (copy / "saved_model.pbtxt").write_text(text_format.MessageToString(saved), "utf-8")
    (tmp_path / "schema.json").write_bytes(to_json(expected))
    assert sources.from_saved_model(tmp_path / name) == expected
    assert sources.from_file(tmp_path / "schema.json") == expected


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("nowhere", "not a SavedModel: neither it nor a version folder"),
        ("broken", "Can't parse"),
    ],
)
def test_what_is_no_saved_model(path: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        sources.from_saved_model(ZOO / path)


@pytest.mark.parametrize(
    "text",
    [
        "meta_graphs {",
        'saved_model_schema_version: "x"',
        "meta_graphs { object_graph_def { " * 5000,
        "a { " * 100_000,
        'meta_graphs { meta_info_def { tags: "\\377" } }',
    ],
)
def test_hostile_text(text: str, tmp_path: Path) -> None:
    (tmp_path / "saved_model.pbtxt").write_text(text)
    with pytest.raises(InvalidInput, match="Can't parse"):
        sources.from_saved_model(tmp_path)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"{", "not a schema"),
        (b"[]", "must be a JSON object"),
        (b'{"error": "Servable not found"}', "schema.format"),
        (b'{"model_spec": {}}', "not a metadata answer"),
        (b"<html>", "neither a schema or lock file in JSON nor a server.s metadata: not a "),
    ],
)
def test_what_is_no_saved_schema(data: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "saved").write_bytes(data)
    with pytest.raises(InvalidInput, match=words):
        sources.from_file(tmp_path / "saved")


@given(st.integers(1, 300))
def test_metadata_of_any_length_is_no_json(length: int) -> None:
    """The first bytes of a message hold its length, which may look like whitespace and a brace."""
    message = message_class("tensorflow.serving.GetModelMetadataResponse")()
    message.model_spec.name = "m" * length
    signatures = message_class("tensorflow.serving.SignatureDefMap")()
    packed = message.metadata["signature_def"]
    packed.type_url = "type.googleapis.com/tensorflow.serving.SignatureDefMap"
    packed.value = signatures.SerializeToString()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "saved"
        path.write_bytes(message.SerializeToString())
        assert sources.from_file(path) == Model("m" * length, None, {})


def test_the_graph_is_picked_by_its_tags(tmp_path: Path) -> None:
    from tfsclient._codec.messages import message_class

    assert sources.from_saved_model(ZOO / "wrong_tag").tags == ("train",)
    graphs = {"serve": "a", "serve,tpu": "b", "eval": "c"}

    def saved(*tags: str) -> Path:
        message = message_class("tensorflow.SavedModel")()
        for one in tags:
            graph = message.meta_graphs.add()
            graph.meta_info_def.tags.extend(filter(None, one.split(",")))
            signature = graph.signature_def[graphs.get(one, "d")]
            signature.outputs["y"].name = "y:0"
        folder = tmp_path / ("+".join(tags) or "none")
        folder.mkdir(exist_ok=True)
        (folder / "saved_model.pb").write_bytes(message.SerializeToString())
        return folder

    every = saved(*graphs)
    for tags, signature in ((None, "a"), *graphs.items(), ("tpu, serve", "b"), (["eval"], "c")):
        assert list(sources.from_saved_model(every, tags=tags).signatures) == [signature]
    assert sources.from_saved_model(saved("eval")).tags == ("eval",)
    assert sources.from_saved_model(saved("")).tags == ()
    with pytest.raises(InvalidInput, match=r"are tagged: eval; serve,tpu\n.*--tags eval, or tags="):
        sources.from_saved_model(saved("serve,tpu", "eval"))
    with pytest.raises(InvalidInput, match=r"no graph with exactly the tags tpu; .*: eval"):
        sources.from_saved_model(every, tags="tpu")
    with pytest.raises(InvalidInput, match="it holds no graph"):
        sources.from_saved_model(saved())
