"""Clients in Rust, and a program that calls them."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfsclient_gen.languages.rust.methods import Method, methods
from tfsclient_gen.languages.rust.names import module_name

from tests.generator.matrix.values import Array, Case, Outcome, from_json, to_json
from tests.generator.rust import clients as rust
from tfsclient.dtypes import DType
from tfsclient.schema import Model

PROGRAM = Path(__file__).parent / "run.rs"


class Clients:
    """The clients of models, which are modules of one crate, with a program that has them all."""

    def __init__(self, models: Mapping[str, Model], name: str) -> None:
        """Build them, in a crate of this name."""
        self._methods = {
            n: {m.name.wire: m for m in methods(_usable(model), rest_only=False)}
            for n, model in models.items()
        }
        renamed = [dataclasses.replace(model, name=n) for n, model in models.items()]
        program = f"{PROGRAM.read_text('utf-8')}\nmod calls {{\n{self._calls()}}}\n"
        example = f"run_{name}"
        self._folder = rust.write(renamed, name, more={f"examples/{example}.rs": program})
        self._program = rust.built(example, self._folder)

    def run(self, target: str, cases: Sequence[Case]) -> list[Outcome]:
        """What came of each call of a server."""
        data = "".join(self._line(case) for case in cases)
        lines = rust.run(self._program, target, cwd=self._folder, data=data).split("\n")[:-1]
        return [self._outcome(line, case) for line, case in zip(lines, cases, strict=True)]

    def _calls(self) -> str:
        """The Rust module that makes a call by the names of model and method."""
        arms = "".join(
            f'"{name} {m.name.ident}" => {{\n'
            f"    let client = models::{module_name(name)}::Client::on(connection);\n"
            f"{_arm(name, m)}}}\n"
            for name, each in self._methods.items()
            for m in each.values()
        )
        return (
            "use super::*;\n"
            "pub async fn make(\n"
            "    call: &str,\n"
            "    connection: &tfs::Connection,\n"
            "    told: &mut Told<'_>,\n"
            ") -> Result<Outputs, Error> {\n"
            f"match call {{\n{arms}"
            'other => panic!("{other}"),\n}\n}\n'
        )

    def _line(self, case: Case) -> str:
        """A call, as the program takes it."""
        method, signature = self._methods[case.model][case.signature.name], case.signature
        words = [f"{case.model} {method.name.ident}"]
        for tensor in method.inputs if case.examples is None else ():
            value = case.inputs.get(tensor.name.wire)
            spec = signature.inputs[tensor.name.wire]
            words.append("-" if value is None else _told(value, spec.dtype))
        if case.examples is not None:
            words.append(str(len(case.examples)))
            for example in case.examples:
                words += [_feature(example.get(f.name.wire)) for f in method.features or ()]
        return "\t".join(words) + "\n"

    def _outcome(self, line: str, case: Case) -> Outcome:
        code, *told = line.split("\t")
        if code:
            return Outcome({}, code)
        dtypes: dict[str, Any] = {"label": "string", "score": "float32", "value": "float32"}
        names = {name: name for name in dtypes}
        if case.signature.kind == "predict":
            method, outputs = self._methods[case.model][case.signature.name], case.signature.outputs
            names = {str(t.name.ident): t.name.wire for t in method.outputs}
            dtypes = {ident: outputs[wire].dtype for ident, wire in names.items()}
        pairs = (field.split("=") for field in told)
        return Outcome({names[n]: _from_text(text, DType(dtypes[n])) for n, text in pairs})


def _usable(model: Model) -> Model:
    return dataclasses.replace(model, signatures=model.usable())


def _arm(model: str, m: Method) -> str:
    """The statements that call a method."""
    module = f"models::{module_name(model)}"
    if m.examples is None:
        fields = "".join(f"    {t.name.ident}: told.next(),\n" for t in m.inputs)
    else:
        features = "".join(f"    {f.name.ident}: told.next(),\n" for f in m.features or ())
        example = f"told.examples(|told| {module}::{m.examples} {{\n{features}}})"
        if m.features is None:
            example = "unreachable!()"
        name = m.inputs[0].name.ident if m.kind == "predict" else "examples"
        fields = (
            f"    {name}: {f'Tensor::examples({example})?' if m.kind == 'predict' else example},\n"
        )
        fields += "" if m.kind == "predict" else "    context: None,\n"
    call = f"client.{m.name.ident}({module}::{m.type}Input {{\n{fields}}}).await?"
    if m.kind != "predict":
        return f"    Ok({'classes' if m.kind == 'classify' else 'values'}({call}))\n"
    shown = "".join(
        f"    ({json.dumps(t.name.ident)}, output.{t.name.ident}.shown()),\n" for t in m.outputs
    )
    return f"    let output = {call};\n    Ok(vec![\n{shown}])\n"


def _told(array: Array, dtype: DType) -> str:
    """A tensor as the program takes it."""
    told = to_json(array, dtype)
    shape = ",".join(map(str, told["shape"]))
    if "strings" in told:
        return f"{shape}:{','.join(base64.b64decode(one).hex() for one in told['strings'])}"
    return f"{shape}:{base64.b64decode(told['data']).hex()}"


def _from_text(text: str, dtype: DType) -> Array:
    """The tensor that the program told."""
    sizes, _, rest = text.partition(":")
    shape = [int(size) for size in sizes.split(",") if size]
    told: dict[str, Any] = {"shape": shape}
    if dtype == "string":
        strings = rest.split(",") if 0 not in shape else []
        told["strings"] = [base64.b64encode(bytes.fromhex(one)) for one in strings]
    else:
        told["data"] = base64.b64encode(bytes.fromhex(rest))
    return from_json(told, dtype)


def _feature(value: Any) -> str:
    """A feature as the program takes it."""
    if value is None:
        return "-"
    if isinstance(value, list):
        return f"{len(value)}:{','.join(map(_feature, value))}"
    return value.encode().hex() if isinstance(value, str) else str(value)
