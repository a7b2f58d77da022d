"""Examples of calls, for the README and for rustdoc."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from tfsclient_gen.languages.rust.layout import WIDTH, imports
from tfsclient_gen.languages.rust.methods import Method
from tfsclient_gen.quoting import code, rust_string

# In the order of rustfmt: what is not a type comes first.
_SHARED: Final = ("bf16", "f16", "Class", "Complex32", "Complex64", "Example", "Tensor")


@dataclass(frozen=True, slots=True)
class Usage:
    """An example of a call.

    Attributes:
        uses: the lines that name what it uses.
        body: its other lines.
    """

    uses: list[Markup]
    body: list[Markup]


def of_call(m: Method, module: str, target: str) -> Usage:
    """A call of a server; ``module`` is the path of the client's."""
    body = [code(f"let client = Client::open({rust_string(target)})?;")]
    if m.picture:
        body.append(code('let image = std::fs::read("image.png")?;'))
    body += [*_example(m), *_input(m), *_called(m)]
    if m.kind == "predict":
        shown = "{:?}"
        for t in m.outputs:
            label = t.name.ident.removeprefix("r#")
            body.append(code(f'println!("{label}: {shown}", output.{t.name.ident});'))
    else:
        body.append(code('println!("{:?}", output[0]);'))
    return _usage(module, ["Client", *_types(m)], body)


def of_fake(m: Method, module: str) -> Usage:
    """A fake that answers, and a call of it."""
    body = [*_answer(m), code("let client = fake.client();")]
    body += [*_example(m), *_input(m, fake=True), *_called(m)]
    what, many = "output.version, Some(7)", "output.len(), 1"
    body.append(code(f"assert_eq!({what if m.kind == 'predict' else many});"))
    outputs = [f"{m.type}Output"] if m.kind == "predict" else []
    return _usage(module, ["Fake", *_types(m), *outputs], body)


def _types(m: Method) -> list[str]:
    typed = [f"{m.type}Example"] if m.features is not None else []
    return [f"{m.type}Input", *typed]


def _usage(module: str, names: list[str], body: list[Markup]) -> Usage:
    text = "\n".join(body)
    shared = [name for name in _SHARED if re.search(rf"(?<![\w:]){name}::", text)]
    uses = imports(f"use {module}", sorted(names))
    uses += imports(f"use {module.partition('::')[0]}::tfs", shared) if shared else []
    return Usage(uses, body)


def _example(m: Method) -> Iterator[Markup]:
    if m.examples is None:
        return
    if m.features is None:
        yield code("// The model's own features go here.")
        yield code('let example = Example::new().ints("age", [42]);')
        return
    shown = [feature for feature in m.features if feature.shown]
    yield code(f"let example = {m.examples} {{")
    for feature in shown:
        yield code(f"    // {feature.spec}")
        yield code(f"    {feature.name.ident}: {feature.sample},")
    if len(shown) < len(m.features):
        yield code("    ..Default::default()")
    yield code("};")


def _input(m: Method, *, fake: bool = False) -> Iterator[Markup]:
    yield code(f"let input = {m.type}Input {{")
    if m.kind != "predict":
        yield code("    examples: vec![example],")
        yield code("    ..Default::default()")
    for t in m.inputs if m.kind == "predict" else ():
        sample = t.plain if fake else t.sample
        if m.examples is not None:
            sample = code("Tensor::examples([example])?")
        yield code(f"    // {t.spec}")
        yield code(f"    {t.name.ident}: {f'Some({sample})' if t.optional else sample},")
    yield code("};")


def _called(m: Method) -> list[Markup]:
    return [code(f"let output = client.{m.name.ident}(input).await?;")]


def _answer(m: Method) -> Iterator[Markup]:
    input_ = "input" if m.kind != "predict" else "_input"
    called = f".{m.name.ident}(|{input_}: {m.type}Input| async move {{"
    if len(head := f"let fake = Fake::new(){called}") <= WIDTH - len("/// "):
        deep = ""
        yield code(head)
    else:
        deep = "    "
        yield code("let fake = Fake::new()")
        yield code(deep + called)
    if m.kind != "predict":
        one = 'vec![Class::new("cat", 0.5)]' if m.kind == "classify" else "0.5"
        yield code(f"{deep}    Ok(vec![{one}; input.examples.len()])")
        yield code(f"{deep}}});")
        return
    yield code(f"{deep}    Ok({m.type}Output {{")
    for t in m.outputs:
        yield code(f"{deep}        {t.name.ident}: {t.plain},")
    yield code(f"{deep}        version: Some(7),")
    yield code(f"{deep}    }})")
    yield code(f"{deep}}});")
