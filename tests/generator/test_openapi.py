"""Generated OpenAPI documents: valid, true of the server, and good enough to make clients from."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from tfsclient_gen import LeftOut, Options, generate
from tfsclient_gen.languages.openapi import files as openapi
from tfsclient_gen.render import HEADER
from tfsclient_gen.target import LOCK_FILE, Run

from tests.conftest import CONFORMANCE, Zoo, missing, tool
from tests.generator.hostile import HOSTILE
from tests.generator.java.clients import REPOSITORY
from tests.generator.python_models import told
from tests.generator.test_curl import LOADABLE, REFUSED, zoo_model
from tfsclient.dtypes import DType
from tfsclient.errors import InvalidInput
from tfsclient.schema import Model, Signature, TensorSpec

pytestmark = pytest.mark.language("openapi")

Json = dict[str, Any]


def text_of(model: Model) -> str:
    """The text of the only document."""
    (text,) = (t for p, t in generate(model, "openapi").items() if p != LOCK_FILE)
    return text


def document(model: Model) -> Json:
    loaded: Json = json.loads(text_of(model))
    return loaded


def problems(document: Json, schema: Json, value: Any) -> list[str]:
    """What is wrong with a value by one of the document's schemas."""
    try:
        from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
    except ImportError:
        missing("jsonschema")
    # The references point into the components, so these come along.
    validator = Draft202012Validator({**schema, "components": document["components"]})
    return [error.message for error in validator.iter_errors(value)]


def body_schema(document: Json, holder: Json) -> Json:
    """The schema of the request body or the response that a reference names."""
    _, _, kind, name = holder["$ref"].split("/")
    schema: Json = document["components"][kind][name]["content"]["application/json"]["schema"]
    return schema


def hostile_model() -> Model:
    """A model with a signature of each hostile name, and one with all of them as tensors."""
    specs = {name: TensorSpec(name, DType("float32"), (-1,)) for name in [*HOSTILE, "$ref"]}
    signatures = {n: Signature(n, {n: spec}, {n: spec}) for n, spec in specs.items()}
    return Model("hostile", None, {**signatures, "all": Signature("all", specs, specs)})


@pytest.mark.parametrize("name", [*LOADABLE, "hostile", "told"])
def test_every_document_is_valid(name: str) -> None:
    try:
        from openapi_spec_validator import validate
    except ImportError:
        missing("openapi-spec-validator")
    own = {"hostile": hostile_model, "told": told}
    text = text_of(own[name]() if name in own else zoo_model(name))
    assert text.isascii()
    assert HEADER in text[:200]
    validate(json.loads(text))


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_hostile_models_are_named_in_the_paths(name: str) -> None:
    for path in document(replace(zoo_model("half_plus_two"), name=name))["paths"]:
        _, v1, models, model, *_ = re.split("[/:]", path)
        assert (v1, models, unquote(model)) == ("v1", "models", name)


# --- the document and a real server ---------------------------------------------------------------


def recorded() -> Iterator[Json]:
    """REST calls of a real server that are about a model's routes and were answered in JSON."""
    for line in (CONFORMANCE / "transcripts" / "rest.jsonl").read_text("utf-8").splitlines():
        call = json.loads(line)
        if (
            call.get("response_body")
            and call["response_headers"].get("content-type") == "application/json"
        ):
            yield call


def operation(documents: dict[str, Json], call: Json) -> tuple[Json, Json] | None:
    """The document and the operation that a recorded call is for."""
    name = re.split("[/:]", call["path"].removeprefix("/v1/models/"))[0]
    for path, item in documents.get(name, {"paths": {}})["paths"].items():
        pattern = re.escape(path).replace(r"\{version\}", r"\d+").replace(r"\{label\}", "[^/:]+")
        method = call["method"].lower()
        if method in item and re.fullmatch(pattern, call["path"]):
            return documents[name], item[method]
    return None


def strict(text: str) -> Any:
    """JSON without the server's NaN and Infinity; of equal keys the first counts, as there."""

    def refuse(word: str) -> None:
        raise ValueError(word)

    def first(pairs: list[tuple[str, Any]]) -> Json:
        return dict(reversed(pairs))

    return json.loads(text, parse_constant=refuse, object_pairs_hook=first)


def in_full(body: Any, model: Model) -> Any:
    """A body without the short forms, which the server takes and the schemas leave out."""
    if not isinstance(body, dict):
        return body
    asked = body.get("signature_name") or "serving_default"
    signature = model.signatures.get(asked) if isinstance(asked, str) else None
    lone = list(signature.inputs) if signature and len(signature.inputs) == 1 else []

    def named(value: Any) -> Any:
        is_named = not lone or (isinstance(value, dict) and lone[0] in value)
        return value if is_named else {lone[0]: value}

    def listed(example: Any) -> Any:
        if not isinstance(example, dict):
            return example
        return {n: v if isinstance(v, list) else [v] for n, v in example.items()}

    full = dict(body)
    if "inputs" in full:
        full["inputs"] = named(full["inputs"])
    if isinstance(full.get("instances"), list):
        full["instances"] = [named(one) for one in full["instances"]]
    if isinstance(full.get("examples"), list):
        full["examples"] = [listed(one) for one in full["examples"]]
    if "context" in full:
        full["context"] = listed(full["context"])
    return full


def test_it_tells_what_a_real_server_answered() -> None:
    documents = {name: document(zoo_model(name)) for name in LOADABLE}
    fitting = 0
    for call in recorded():
        found = operation(documents, call)
        if found is None:
            continue
        made, about = found
        assert str(call["status"]) in about["responses"], call["id"]
        try:
            answer = strict(call["response_body"])
            body = strict(call["body"]) if call["method"] == "POST" else None
            name = re.split("[/:]", call["path"].removeprefix("/v1/models/"))[0]
            body = in_full(body, zoo_model(name))
        except (KeyError, ValueError):
            continue  # JSON as only this server speaks it
        if call["status"] == 200 and body is not None:
            if problems(made, body_schema(made, about["requestBody"]), body):
                continue  # the server takes more than the signature tells
            fitting += 1
        schema = body_schema(made, about["responses"][str(call["status"])])
        assert not problems(made, schema, answer), call["id"]
    assert fitting > 380


@pytest.mark.parametrize("name", LOADABLE)
def test_a_real_server_accepts_the_samples(name: str, zoo: Zoo) -> None:
    made = document(zoo_model(name))
    for kind, body in made["components"].get("requestBodies", {}).items():
        content = body["content"]["application/json"]
        for sample in content["examples"].values():
            value = sample["value"]
            assert not problems(made, content["schema"], value)
            url = f"{zoo.rest}/v1/models/{name}:{kind.lower()}"
            answer = httpx.post(url, json=value, timeout=60)
            if (name, value["signature_name"]) in REFUSED:
                assert answer.status_code == 400
                continue
            assert answer.status_code == 200, (value, answer.text)
            response = {"$ref": f"#/components/responses/{kind}"}
            if "Infinity" not in answer.text:
                assert not problems(made, body_schema(made, response), answer.json())


# --- schemas --------------------------------------------------------------------------------------


def predict_schema(model: Model) -> tuple[Json, Json]:
    made = document(model)
    return made, body_schema(made, {"$ref": "#/components/requestBodies/Predict"})


@pytest.mark.parametrize(
    ("dtype", "fits", "misfits"),
    [
        ("int8", [-128, 127], [-129, 128, 1.5, "1", True, None]),
        ("uint8", [0, 255], [-1, 256]),
        ("uint64", [0, (1 << 64) - 1], [-1, 1 << 64]),
        ("int64", [-(1 << 63), (1 << 63) - 1], [1 << 63]),
        ("float32", [1, 1.5, 3.4028235e38], [3.5e38, "1", True]),
        ("float64", [1e300], ["1"]),
        ("bool", [True, False], [0, 1, "true"]),
        ("string", ["", "é", {"b64": ""}, {"b64": "AAA="}], [1, {"b64": "AAA"}, {"b64": "-_8="}]),
    ],
)
def test_elements(dtype: str, fits: list[Any], misfits: list[Any]) -> None:
    specs = {"x": TensorSpec("x", DType(dtype), (-1,))}
    made, schema = predict_schema(Model("m", None, {"s": Signature("s", specs, specs)}))
    for values, fit in ((fits, True), (misfits, False)):
        for value in values:
            for form in ({"inputs": {"x": [value]}}, {"instances": [{"x": value}]}):  # fmt: skip
                assert fit is not bool(problems(made, schema, {"signature_name": "s", **form}))


def test_shapes_names_and_forms() -> None:
    specs = {
        "a": TensorSpec("a", DType("float32"), (-1, 2)),
        "b": TensorSpec("b", DType("float32"), None),
    }
    scalar = {"k": TensorSpec("k", DType("int32"), ())}
    fixed = {"f": TensorSpec("f", DType("int32"), (2, -1))}
    signatures = {
        "serving_default": Signature("serving_default", specs, specs),
        "scalar": Signature("scalar", scalar, scalar),
        "fixed": Signature("fixed", fixed, fixed),
    }
    made, schema = predict_schema(Model("m", None, signatures))
    for body, fits in [
        ({"inputs": {"a": [[1, 2]], "b": [[[3]]]}}, True),
        ({"inputs": {"a": [[1, 2]], "b": 3}}, True),
        ({"instances": [{"a": [1, 2], "b": 3}]}, True),
        ({"signature_name": "serving_default", "inputs": {"a": [[1, 2]], "b": []}}, True),
        ({"signature_name": "other", "inputs": {"a": [[1, 2]], "b": []}}, False),
        ({"inputs": {"a": [[1, 2]]}}, False),
        ({"inputs": {"a": [[1, 2, 3]], "b": []}}, False),
        ({"inputs": {"a": [1, 2], "b": []}}, False),
        ({"inputs": {"a": [], "b": []}}, False),  # the server could not tell the second dimension
        ({"inputs": {"a": [[1, 2]], "b": [], "c": []}}, False),
        ({"instances": []}, False),
        ({"instances": [{"a": [1, 2], "b": 3}], "inputs": {}}, False),
        ({"signature_name": "scalar", "inputs": {"k": 1}}, True),
        ({"signature_name": "scalar", "inputs": 1}, False),  # a choice that few languages have
        ({"signature_name": "scalar", "instances": [1]}, False),  # rows have a dimension
        ({"inputs": 1}, False),
        ({"signature_name": "fixed", "instances": [{"f": [1]}, {"f": [2]}]}, True),
        ({"signature_name": "fixed", "instances": [{"f": [1]}]}, False),
        ({"signature_name": "fixed", "inputs": {"f": [[], []]}}, True),
    ]:
        assert fits is not bool(problems(made, schema, body)), body


def test_examples_have_their_features_or_a_context_with_them() -> None:
    made = document(zoo_model("feature_spec"))
    schema = body_schema(made, {"$ref": "#/components/requestBodies/Classify"})
    cases: list[tuple[Json, bool]] = [
        ({"examples": [{"f_required": [1.0]}]}, True),
        ({"examples": [{"f_required": [1.0], "i_fixed": [1, 2, 3], "s_var": ["a"]}]}, True),
        ({"examples": [{}], "context": {"f_required": [1.0]}}, True),
        ({"examples": [{}]}, False),
        ({"examples": []}, False),
        ({"examples": [{"f_required": [1.0], "typo": [1]}]}, False),
        ({"examples": [{"f_required": [1.0, 2.0]}]}, False),
        ({"examples": [{"f_required": [1.0], "i_fixed": [1, 2]}]}, False),
        ({"examples": [{"f_required": [1.0], "i_ragged": [1.5]}]}, False),
    ]
    for rest, fits in cases:
        assert fits is not bool(problems(made, schema, {"signature_name": "classify", **rest})), (
            rest
        )
    signature = zoo_model("estimator").signatures["serving_default"]
    unknown = replace(signature, example_input=None, features=None)
    made = document(Model("m", None, {unknown.name: unknown}))
    schema = body_schema(made, {"$ref": "#/components/requestBodies/Classify"})
    example = {"f": [1.5], "i": [1, 2], "s": [{"b64": ""}, "x"], "t": [True]}
    assert not problems(made, schema, {"examples": [example], "context": example})
    assert problems(made, schema, {"examples": [{"f": [[1.5]]}]})


def test_what_rest_cannot_carry_is_told() -> None:
    about = document(zoo_model("dtypes"))["info"]["description"]
    assert "`id_float16`: input 'x' is float16" in about.replace("\\", "")
    assert "id_float16" not in json.dumps(document(zoo_model("dtypes"))["components"])
    gone = [LeftOut("`a`\n<b>", "no *reason*")]
    files = openapi.files(Run(zoo_model("half_plus_two"), left_out=gone))
    about = json.loads(files["half_plus_two.openapi.json"])["info"]["description"]
    assert r"- `` `a`\n<b> ``: no \*reason\*" in about


@pytest.mark.parametrize("own", ["{", "{}"])
def test_broken_components_of_the_users_are_told(own: str, tmp_path: Path) -> None:
    (tmp_path / "openapi").mkdir()
    (tmp_path / "openapi" / "components.json").write_text(own, "utf-8")
    with pytest.raises(InvalidInput, match=r"openapi/components\.json"):
        generate(zoo_model("linear"), "openapi", Options(templates=tmp_path))


# --- tools that read it -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["half_plus_two", "raw_png", "dtypes"])
def test_schemathesis_finds_the_server_as_told(name: str, zoo: Zoo, tmp_path: Path) -> None:
    path = tmp_path / "openapi.json"
    path.write_text(text_of(zoo_model(name)), "utf-8")
    checks = "not_a_server_error,status_code_conformance,content_type_conformance"
    done = subprocess.run(
        [tool("schemathesis"), "run", path, "--url", zoo.rest, "--max-examples", "5",
         "--checks", f"{checks},response_schema_conformance", "--mode", "positive",
         "--phases", "examples,fuzzing", "--generation-deterministic", "--no-shrink",
         "--warnings", "off", "--exclude-operation-id-regex", "OfLabel$"],
        cwd=tmp_path, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


USE = """
import sys
from client import Client
from client.api.default import classify, metadata, predict, predict_of_version, regress, status
from client.models import (
    ClassifyTwoExample, CallError, ClassifyTwoExamplesRequest,
    RegressXToYContextRequest, RegressXToYFeatures,
    ServingDefaultColumnRequest, ServingDefaultInputs, ServingDefaultInstance,
    ServingDefaultRowRequest,
)

client = Client(base_url=sys.argv[1], raise_on_unexpected_status=True)
columns = ServingDefaultColumnRequest(inputs=ServingDefaultInputs(x=[[1.0], [2.0]]))
assert predict.sync(client=client, body=columns).outputs == [[3.5], [4.0]]
instances = [ServingDefaultInstance(x=[x]) for x in (1.0, 2.0)]
rows = ServingDefaultRowRequest(instances=instances)
assert predict_of_version.sync(1, client=client, body=rows).predictions == [[2.5], [3.0]]
assert isinstance(predict_of_version.sync(9, client=client, body=rows), CallError)
examples = ClassifyTwoExamplesRequest(
    signature_name="classify_two", examples=[ClassifyTwoExample(x=[1.0])]
)
assert len(classify.sync(client=client, body=examples).results[0]) == 2
shared = RegressXToYContextRequest(
    signature_name="regress_x_to_y", context=RegressXToYFeatures(x=[1.0]),
    examples=[RegressXToYFeatures()],
)
assert regress.sync(client=client, body=shared).results == [3.5]
assert {v.state for v in status.sync(client=client).model_version_status} == {"AVAILABLE"}
signatures = metadata.sync(client=client).metadata.signature_def.signature_def
assert signatures["serving_default"].inputs["x"].dtype == "DT_FLOAT"
"""


def test_a_client_made_from_it_calls_the_server(zoo: Zoo, tmp_path: Path) -> None:
    path = tmp_path / "openapi.json"
    path.write_text(text_of(zoo_model("half_plus_two")), "utf-8")
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # where ruff is, too
    made = subprocess.run(
        [tool("openapi-python-client"), "generate", "--path", path, "--meta", "none",
         "--output-path", tmp_path / "client", "--fail-on-warning"],
        cwd=tmp_path, env={**os.environ, "PATH": beside},
        capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    (tmp_path / "use.py").write_text(USE, "utf-8")
    subprocess.run([sys.executable, tmp_path / "use.py", zoo.rest], check=True, cwd=tmp_path)


# --- openapi-generator, which makes Java and Rust ---------------------------------------------

GENERATOR = "org.openapitools:openapi-generator-cli:7.25.0"
UNESCAPED = "openapi-generator writes quotes, backslashes and emoji of input names as they are"


@pytest.fixture(scope="module")
def generator() -> Path:
    """Its jar, which Maven downloads once."""
    group, name, version = GENERATOR.split(":")
    jar = REPOSITORY.joinpath(*group.split("."), name, version, f"{name}-{version}.jar")
    if not jar.is_file():
        subprocess.run(
            [tool("mvn"), "-q", "-B", f"-Dmaven.repo.local={REPOSITORY}", "dependency:get",
             f"-Dartifact={GENERATOR}", "-Dtransitive=false"],
            check=False,
        )  # fmt: skip
    if not jar.is_file():
        missing(f"what Maven downloads: {GENERATOR}")
    return jar


@pytest.mark.slow
@pytest.mark.parametrize("language", ["java", "rust"])
@pytest.mark.parametrize("name", ["half_plus_two", "strings", "ranks", *LOADABLE])
def test_what_openapi_generator_makes_compiles(
    generator: Path, name: str, language: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if name == "awkward":  # still run, so that a release that mends it is noticed
        request.applymarker(pytest.mark.xfail(reason=UNESCAPED, strict=True))
    path = tmp_path / "openapi.json"
    path.write_text(text_of(zoo_model(name)), "utf-8")
    out = tmp_path / "client"
    properties = {"java": "library=native", "rust": "packageName=client"}[language]
    subprocess.run(
        [tool("java"), "-jar", generator, "generate", "-q", "-g", language, "-i", path, "-o", out,
         "--additional-properties", properties],
        check=True,
    )  # fmt: skip
    build = {"java": ["mvn", "-q", "-B", "compile"], "rust": ["cargo", "check", "-q"]}[language]
    target = {"CARGO_TARGET_DIR": str(tmp_path.parent / "target")}
    subprocess.run([tool(build[0]), *build[1:]], check=True, cwd=out, env=os.environ | target)


def test_nothing_is_a_choice_of_lists_or_has_a_name_that_languages_have() -> None:
    taken = {"String", "Error", "Object", "Feature", "Text", "Bytes", "Result", "Option", "List"}
    for name in LOADABLE:
        schemas = document(zoo_model(name))["components"]["schemas"]
        assert not taken & schemas.keys()
        for schema in walk(schemas):
            assert all("$ref" in c or c["type"] != "array" for c in schema.get("anyOf", []))
            assert schema.get("maxItems", 0) <= 16


def walk(value: Any) -> Iterator[Json]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    for inner in value if isinstance(value, list) else ():
        yield from walk(inner)
