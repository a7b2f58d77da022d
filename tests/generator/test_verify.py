"""A client that verifies its model says in every language what `drift` says of the same change."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from tfsclient_gen import generate

from tests.conftest import tool
from tests.generator.go import clients as go
from tests.generator.js import clients as js
from tfsclient import FailedPrecondition, sources
from tfsclient._codec.messages import message_class
from tfsclient.drift import compare
from tfsclient.dtypes import DType
from tfsclient.generated import verify_signatures
from tfsclient.schema import CLASSIFY, PREDICT, REGRESS, Model, Signature, TensorSpec


def spec(name: str, dtype: str = "float32", shape: Any = (-1,), encoding: Any = "dense") -> Any:
    return TensorSpec(name, DType(dtype), shape, encoding)


def tensors(*specs: TensorSpec) -> dict[str, TensorSpec]:
    return {one.name: one for one in specs}


X, Y = spec("x"), spec("y")
SHAPES = [None, (), (-1,), (2,), (-1, 2), (3, 2)]


PLAIN = Signature("s", tensors(X), tensors(Y))


def with_inputs(*specs: TensorSpec) -> Signature:
    return replace(PLAIN, inputs=tensors(*specs))


def with_outputs(*specs: TensorSpec) -> Signature:
    return replace(PLAIN, outputs=tensors(*specs))


def changes() -> Iterator[tuple[Signature, Signature | None]]:
    """What a client was made from, and what is served; both have the same name."""
    yield PLAIN, None
    yield PLAIN, PLAIN
    for own, having in ((X, with_inputs), (Y, with_outputs)):
        for old, new in product(SHAPES, SHAPES):
            yield having(spec("t", shape=old)), having(spec("t", shape=new))
        for dtype in ("float64", "int32", "string", "resource"):
            yield PLAIN, having(spec(own.name, dtype))
        for encoding in ("coo_sparse", "composite"):
            yield PLAIN, having(spec(own.name, encoding=encoding))
            more = having(own, spec("z", encoding=encoding))
            yield PLAIN, more
            yield PLAIN, replace(more, defaults=frozenset({"z"}))
        yield PLAIN, having(own, spec("z"))
        yield having(own, spec("z")), PLAIN
    two = with_inputs(X, spec("k", shape=()))
    some = (PLAIN, two, replace(two, defaults=frozenset({"k"})))
    yield from product(some, some)
    examples = tensors(spec("inputs", "string"))
    outputs = [
        tensors(spec("scores", shape=(-1, 2))),
        tensors(spec("classes", "string", (-1, 2)), spec("scores", shape=(-1, 2))),
        tensors(spec("classes", "string"), spec("scores"), spec("odd", encoding="coo_sparse")),
        tensors(spec("outputs", shape=(-1,))),
        tensors(spec("outputs", "float64")),
    ]
    kinds = [Signature("s", examples, o, m) for o in outputs for m in (PREDICT, CLASSIFY, REGRESS)]
    yield from product(kinds, kinds)


CHANGES = [
    (replace(old, name=f"c{i}"), new and replace(new, name=f"c{i}"))
    for i, (old, new) in enumerate(changes())
    if old.callable_part() is not None
]
MODEL = Model("m", None, {old.name: old for old, _ in CHANGES})


def metadata(signature: Signature | None) -> Any:
    """What a server tells: a GetModelMetadataResponse, and REST's form of it."""
    signatures = message_class("tensorflow.serving.SignatureDefMap")()
    signatures.signature_def["other"].outputs["y"].dtype = 1
    if signature is not None:
        told = signatures.signature_def[signature.name]
        told.method_name = signature.method
        for name in signature.defaults:
            told.defaults[name].dtype = 1
        for side in ("inputs", "outputs"):
            for name, tensor in getattr(signature, side).items():
                info = getattr(told, side)[name]
                info.dtype = tensor.dtype.number
                if tensor.encoding == "coo_sparse":
                    info.coo_sparse.values_tensor_name = "v:0"
                elif tensor.encoding == "composite":
                    info.composite_tensor.SetInParent()
                else:
                    info.name = f"{side}_{name}:0"
                info.tensor_shape.unknown_rank = tensor.shape is None
                for size in tensor.shape or ():
                    info.tensor_shape.dim.add().size = size
    response = message_class("tensorflow.serving.GetModelMetadataResponse")()
    response.metadata["signature_def"].Pack(signatures)
    shown = json_format.MessageToDict(signatures, preserving_proto_field_name=True)
    answer = {"model_spec": {"name": "m"}, "metadata": {"signature_def": shown}}
    return response.SerializeToString(), json.dumps(answer).encode()


SERVED = [metadata(new) for _, new in CHANGES]


def is_breaking(index: int) -> bool:
    """What `drift` says."""
    old, _ = CHANGES[index]
    served = sources.from_metadata_json(SERVED[index][1])
    found = compare(Model("m", None, {old.name: old}), served)
    return any(one.verdict == "breaking" for one in found)


def check(breaking: list[list[bool]]) -> None:
    """Compare with `drift` what a language found, over each transport."""
    wanted = [is_breaking(index) for index in range(len(CHANGES))]
    assert 20 < sum(wanted) < len(wanted) - 20
    wrong = [
        (*CHANGES[i], came) for i, came in enumerate(breaking) if came != [wanted[i]] * len(came)
    ]
    assert not wrong
    assert len(breaking) == len(wanted)


@pytest.mark.language("python")
def test_python() -> None:
    found = []
    for (old, _), (over_grpc, over_rest) in zip(CHANGES, SERVED, strict=True):
        each = []
        for read, told in (
            (sources.from_metadata_response, over_grpc),
            (sources.from_metadata_json, over_rest),
        ):
            try:
                verify_signatures([old], read(told))
                each.append(False)
            except FailedPrecondition:
                each.append(True)
        found.append(each)
    check(found)


def written(over: tuple[bytes, bytes]) -> list[str]:
    return [base64.b64encode(one).decode() for one in over]


GO = """package m

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"models/tfs"
)

func TestVerdicts(t *testing.T) {
	text, err := os.ReadFile("cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name   string
		Served [2][]byte
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	known := make(map[string]*tfs.Signature)
	for _, s := range signatures {
		known[s.Name] = s
	}
	for _, c := range cases {
		grpc, err := tfs.ReadMetadataResponse(c.Served[0])
		if err != nil {
			t.Fatal(err)
		}
		rest, err := tfs.ReadMetadataAnswer(string(c.Served[1]))
		if err != nil {
			t.Fatal(err)
		}
		s := known[c.Name]
		fmt.Println("found", tfs.Drifted(s, grpc), tfs.Drifted(s, rest))
	}
}
"""


SHOWN = """package tfs

var (
	ReadMetadataResponse = readMetadataResponse
	ReadMetadataAnswer   = readMetadataAnswer
)

func Drifted(s *Signature, live map[string]Signature) bool { return len(differences(s, live)) > 0 }
"""


@pytest.mark.language("go")
def test_go(tmp_path: Path) -> None:
    go.write(MODEL, tmp_path)
    (tmp_path / "tfs" / "shown.go").write_text(SHOWN, "utf-8")
    cases = [
        {"Name": old.name, "Served": written(over)}
        for (old, _), over in zip(CHANGES, SERVED, strict=True)
    ]
    (tmp_path / "m" / "cases.json").write_text(json.dumps(cases), "utf-8")
    (tmp_path / "m" / "verdicts_test.go").write_text(GO, "utf-8")
    command = (tool("go"), "test", "-count=1", "-v", "-run", "TestVerdicts", ".")
    shown = go.run(*command, cwd=tmp_path / "m")
    found = [line.split()[1:] for line in shown.splitlines() if line.startswith("found ")]
    check([[word == "true" for word in each] for each in found])


@pytest.mark.language("js")  # of which TypeScript clients are the source
def test_javascript(tmp_path: Path) -> None:
    for path, text in generate(MODEL, "js").items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        shown = f"{text}\nexport {{ MODEL }};\n" if path == "m.js" else text
        (tmp_path / path).write_text(shown, "utf-8")
    program = """
    const { MODEL } = await import(`${given.folder}/m.js`);
    const { checkServed } = await import(`${given.folder}/serving/verify.js`);
    const grpc = await import(`${given.folder}/serving/grpc-messages.js`);
    const rest = await import(`${given.folder}/serving/rest-answers.js`);
    for (const { name, served } of given.cases) {
      const all = Object.values(MODEL.signatures);
      const signatures = all.filter((one) => one.name === name);
      const found = served.map((text, i) => {
        const bytes = new Uint8Array(Buffer.from(text, "base64"));
        const read = (i === 0 ? grpc : rest).readMetadata(bytes);
        try {
          checkServed({ name: "m", signatures }, read.signatures);
          return false;
        } catch (fault) {
          if (fault.code !== "FAILED_PRECONDITION") throw fault;
          return true;
        }
      });
      show(found);
    }
    """
    cases = [
        {"name": old.name, "served": written(over)}
        for (old, _), over in zip(CHANGES, SERVED, strict=True)
    ]
    check(js.node(program, tmp_path, {"folder": tmp_path.as_uri(), "cases": cases}))
