"""What a Go client's files are called and say, which needs no Go to see."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from tfsclient_gen import LeftOut, Options, generate
from tfsclient_gen.languages.go import files as go
from tfsclient_gen.languages.go.methods import methods
from tfsclient_gen.names import identifier
from tfsclient_gen.target import Run

from tests.generator.go.clients import KNOWN_METHODS, ROOT, hostile_model, known_methods, zoo_model
from tests.generator.hostile import HOSTILE
from tfsclient.dtypes import DType
from tfsclient.errors import InvalidInput
from tfsclient.schema import FeatureSpec, Model, Signature, TensorSpec

pytestmark = pytest.mark.language("go")


def test_options_say_where_the_package_lives() -> None:
    model = zoo_model("half_plus_two")
    files = generate(model, "go", Options(go_module="example.com/ml/half"))
    assert "\nmodule example.com/ml/half\n" in files["go.mod"]
    assert '\thalfplustwo "example.com/ml/half"\n' in files["example_test.go"]
    files = generate(model, "go", Options(go_mod=False))
    assert not {"go.mod", "go.sum", "example_test.go"} & files.keys()
    with pytest.raises(InvalidInput, match="not a Go module path"):
        generate(model, "go", Options(go_module="a\nreplace b => c"))


def test_a_package_has_a_name_of_its_own() -> None:
    names = {w: str(go.package_name(Model(w, None, {}))) for w in [*HOSTILE, "text", "half_plus"]}
    assert all(re.fullmatch(r"[a-z][a-z0-9]{0,70}", name) for name in names.values())
    assert names["half_plus"] == "halfplus"
    assert names["text"] == "textmodel"
    assert names["class"] == "class"
    assert names["1st"] == "model1st"
    assert names["中文"] == "model"


def test_the_runtime_claims_no_name_of_a_signature() -> None:
    """Types of signatures end in Input and Output, methods share a scope with Close alone."""
    paths = list((ROOT / "templates" / "go" / "runtime").glob("*.go.j2"))
    assert paths
    for path in paths:
        text = path.read_text("utf-8")
        assert not re.search(
            r"^(type|func|var|const|\t)\s*[A-Z]\w*(Input|Output)\b", text, re.MULTILINE
        )
        assert not re.search(r"^func \(\w+ \*?Client\)", text, re.MULTILINE)
        assert not re.search(r"^(func|var|const|\t)\s*[a-z]\w*Signature\b[^:]", text, re.MULTILINE)
    model = Model("m", None, {n: hostile_model("m").signatures["class"] for n in ("close", "id")})
    found = methods(model, go.package_name(model), rest_only=False)
    assert [str(m.name.ident) for m in found] == ["Close2", "ID"]


def test_methods_that_others_look_for_are_not_claimed() -> None:
    found = methods(known_methods(), identifier("methods"), rest_only=False)
    assert all(str(m.name.ident)[-1].isdigit() for m in found)
    assert len({m.name.ident for m in found}) == len(KNOWN_METHODS)


def test_nothing_that_cannot_be_seen_is_written() -> None:
    names = [n for n in HOSTILE if not n.isprintable()] + ["\u200d", "\u2067", "\x9b", "\U000e0041"]
    text = {"inputs": TensorSpec("inputs", DType("string"), (-1,))}
    for name in names:
        spec = {name: TensorSpec(name, DType("string"), (-1,))}
        feature = {name: FeatureSpec(name, DType("string"), default=(name.encode(),))}
        model = Model(
            f"m{name}",
            None,
            {
                name: Signature(name, spec, spec),
                f"e{name}": Signature(
                    f"e{name}", text, spec, example_input="inputs", features=feature
                ),
            },
        )
        for run in (Run(model), Run(model, left_out=[LeftOut(name, f"input {name!r}: {name}")])):
            for path, written in go.files(run).items():
                seen = written.replace("\n", "").replace("\t", "")
                assert seen.isprintable(), (name, path)


def test_what_is_left_out_is_told() -> None:
    gone = [LeftOut("*/\nfunc init()", "input 'x' is a resource")]
    readme = go.files(Run(zoo_model("half_plus_two"), left_out=gone))["README.md"]
    assert "- `*/\\nfunc init()`: input 'x' is a resource\n" in readme


def test_the_version_plays_no_part() -> None:
    model = zoo_model("half_plus_two")
    assert generate(model, "go") == generate(replace(model, version=7), "go")
