"""Inputs that are one tensor of the graph: no client sends both, and each says why not."""

from __future__ import annotations

import json

import pytest
from tfsclient_gen import Options, generate
from tfsclient_gen.generate import NothingToCall, languages, left_out, refuse_empty

from tfsclient import sources
from tfsclient.schema import Model, Signature, TensorSpec

X, Y = TensorSpec("x", "float32", (-1,)), TensorSpec("y", "float32", (-1,))
TWIN = TensorSpec("the_twin", "float32", (-1,))
FINE = Signature("fine", {"x": X}, {"y": Y})
TWINS = Signature("twins", {"the_twin": TWIN, "x": X}, {"y": Y}, same_tensors=(("x", "the_twin"),))
REASON = "inputs 'the_twin' and 'x' are the same tensor of the graph"


@pytest.mark.parametrize("language", sorted(languages()))
def test_a_signature_that_nobody_can_call_is_left_out(language: str) -> None:
    model = Model("m", None, {"fine": FINE, "twins": TWINS})
    (gone,) = left_out(model, language)
    assert gone.signature == "twins"
    assert gone.reason.startswith(REASON)
    # All that a client has of them is the reason, and the lock file's record.
    calling = generate(model, language)
    assert calling.keys() == generate(Model("m", None, {"fine": FINE}), language).keys()
    only = Model("m", None, {"twins": TWINS})
    with pytest.raises(NothingToCall, match=REASON):
        refuse_empty(only, language, Options())


def test_a_servers_metadata_says_so_too() -> None:
    tensor = {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1"}]}}
    inputs = {name: {**tensor, "name": "x:0"} for name in ("b", "a")}
    outputs = {"y": {**tensor, "name": "y:0"}}
    definition = {"inputs": inputs, "outputs": outputs, "method_name": ""}
    answer = {
        "model_spec": {"name": "m"},
        "metadata": {"signature_def": {"signature_def": {"s": definition}}},
    }
    model = sources.from_metadata_json(json.dumps(answer).encode())
    assert model.signatures["s"].same_tensors == (("a", "b"),)
    assert model.signatures["s"].why_unusable is not None
