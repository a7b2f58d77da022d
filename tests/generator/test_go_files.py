"""What a Go client's files are called and say, which needs no Go to see."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from tfsclient_gen import LeftOut, Options, generate
from tfsclient_gen.languages.go import files as go
from tfsclient_gen.languages.go.methods import methods
from tfsclient_gen.target import Run

from tests.generator.go.clients import KNOWN_METHODS, hostile_model, known_methods, zoo_model
from tests.generator.hostile import HOSTILE
from tfsclient.dtypes import DType
from tfsclient.errors import InvalidInput
from tfsclient.schema import FeatureSpec, Model, Signature, TensorSpec

pytestmark = pytest.mark.language("go")


def test_options_say_where_the_package_lives() -> None:
    model = zoo_model("half_plus_two")
    files = generate(model, "go", Options(go_module="example.com/ml/half"))
    assert "\nmodule example.com/ml/half\n" in files["go.mod"]
    assert '\t"example.com/ml/half/halfplustwo"\n' in files["halfplustwo/example_test.go"]
    inside = generate(model, "go", Options(go_module="example.com/ml/half", go_mod=False))
    assert inside.keys() == files.keys() - {"go.mod", "go.sum"}
    with pytest.raises(InvalidInput, match="not a Go module path"):
        generate(model, "go", Options(go_module="a\nreplace b => c"))
    for path in ("x/../y", "x/y..", "x~1/y", "x/v1", "gopkg.in/x", "google.golang.org/grpc"):
        with pytest.raises(InvalidInput, match="is not a Go module path"):
            generate(model, "go", Options(go_module=path))
    for path in ("x/v2", "gopkg.in/x.v1", "a-b.example/c_d.e"):
        assert f"module {path}\n" in generate(model, "go", Options(go_module=path))["go.mod"]


def test_a_package_has_a_name_of_its_own() -> None:
    names = {w: str(go.package_name(w)) for w in [*HOSTILE, "text", "half_plus"]}
    assert all(re.fullmatch(r"[a-z][a-z0-9]{0,70}", name) for name in names.values())
    assert names["half_plus"] == "halfplus"
    assert names["text"] == "textmodel"
    assert names["class"] == "class"
    assert names["1st"] == "model1st"
    assert names["中文"] == "model"


def test_no_package_is_hidden_by_a_variable_of_its_fake() -> None:
    page = generate(zoo_model("estimator"), "go")["estimator/estimatortest/estimatortest.go"]
    declared = set(re.findall(r"\b([a-z]\w*) (?:Fake|\*?(?:tfs|context)\.\w+|\.\.\.)", page))
    declared |= set(re.findall(r"\bvar (\w+)", page))
    for names in re.findall(r"([\w, ]+) :=", page):
        declared |= {name.strip().removeprefix("for ") for name in names.split(",")}
    assert declared >= {"fake", "call", "opts", "in", "out", "features"}
    for name in declared - {"_"}:
        assert str(go.package_name(name)) != name


def test_no_signature_is_called_like_what_a_client_has_of_its_own() -> None:
    model = Model("m", None, {n: hostile_model("m").signatures["class"] for n in ("close", "id")})
    assert [str(m.name.ident) for m in methods(model, rest_only=False)] == ["Close2", "ID"]
    spec = {n: TensorSpec(n, DType("float32"), (-1,)) for n in ("version", "y")}
    (method,) = methods(Model("m", None, {"s": Signature("s", spec, spec)}), rest_only=False)
    assert [str(t.name.ident) for t in method.outputs] == ["Version2", "Y"]
    assert [str(t.name.ident) for t in method.inputs] == ["Version", "Y"]


def test_methods_that_others_look_for_are_not_claimed() -> None:
    found = methods(known_methods(), rest_only=False)
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
            for path, written in (go.files(run) | go.shared([run])).items():
                seen = written.replace("\n", "").replace("\t", "")
                assert seen.isprintable(), (name, path)


def test_what_is_left_out_is_told() -> None:
    gone = [LeftOut("*/\nfunc init()", "input 'x' is a resource")]
    readme = go.shared([Run(zoo_model("half_plus_two"), left_out=gone)])["README.md"]
    assert "- `*/\\nfunc init()`: input 'x' is a resource\n" in readme


def test_the_version_plays_no_part() -> None:
    model = zoo_model("half_plus_two")
    assert generate(model, "go") == generate(replace(model, version=7), "go")


def test_no_file_of_the_runtime_is_long() -> None:
    for path, text in generate(zoo_model("half_plus_two"), "go").items():
        if path.endswith(".go"):
            assert text.count("\n") <= 450, path
