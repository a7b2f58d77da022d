"""The files of a JavaScript or TypeScript package: a module a model, over one runtime."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from tfsclient.schema import DEFAULT_SIGNATURE
from tfsclient.schema._shown import prose
from tfsclient_gen.languages.js import layout, samples
from tfsclient_gen.languages.js.meaning import RUNTIME, meaning_view
from tfsclient_gen.languages.js.methods import Method, imports, methods, quoted, together
from tfsclient_gen.languages.js.names import (
    names_of,
    package_name,
    refuse_twins,
    tell_other_module,
)
from tfsclient_gen.quoting import code, js_doc
from tfsclient_gen.render import template_names
from tfsclient_gen.target import Run

# What only gRPC needs of the runtime, what Examples in tensors need, too, and pictures.
_GRPC: Final = frozenset(
    ["grpc"]
    + [
        f"serving/{name}"
        for name in ("bound", "grpc-faults", "grpc-messages", "protobuf-reader", "tensor-proto")
    ]
)
_EXAMPLES: Final = frozenset(["serving/protobuf-writer"])
_PICTURES: Final = frozenset(["serving/pixels"])


def javascript(run: Run) -> dict[str, str]:
    """A model's module and its declarations for TypeScript; a comment says what is left out."""
    return _module(run, "js", ["js", "d.ts"])


def typescript(run: Run) -> dict[str, str]:
    """The same module with its types still in it."""
    return _module(run, "ts", ["ts"])


def javascript_package(runs: Sequence[Run]) -> dict[str, str]:
    """What is around the models' modules: an index, and the runtime."""
    return _package(runs, "js", ["README.md", "index.d.ts", "index.js", "package.json"])


def typescript_package(runs: Sequence[Run]) -> dict[str, str]:
    """The modules that JavaScript packages are made of, with their types still in them."""
    return _package(runs, "ts", ["README.md", "index.ts", "package.json", "tsconfig.json"])


def _module(run: Run, language: str, endings: Iterable[str]) -> dict[str, str]:
    tell_other_module(run)
    names, found = names_of(run), _methods(run)
    types = imports(found, rest_only=run.rest_only)
    shown = _shown(run, found, package="")
    view = {
        "model": run.model.name,
        "about": [js_doc(line) for line in textwrap.wrap(prose(run.model.description), 76)],
        "model_quoted": js_doc(quoted(run.model.name)),
        "client": names.client,
        "typescript": language == "ts",
        "fence": code(language),
        "rest_only": run.rest_only,
        "serializes": any(m.serializes for m in found),
        "draws": any(m.draws for m in found),
        "methods": found,
        "together": together(found, rest_only=run.rest_only),
        "left_out": [
            f"Left out: {gone.signature!r}: {'; '.join([gone.reason, *gone.others])}"
            for gone in run.left_out
        ],
        "listed": layout.fit(
            2,
            "signatures: { ",
            [layout.member(4, str(m.name.ident), str(m.constant)) for m in found],
            " },",
        ),
        "stand_in": layout.alias(f"{names.client.removesuffix('Client')}Calls", names.client),
        "imports": layout.fit(0, "import type { ", types, ' } from "./serving/types.js";'),
        "example": shown.sample,
    }
    made = {
        f"{names.module}.{ending}": run.templates.render(f"{language}/model.{ending}.j2", **view)
        for ending in endings
    }
    told = meaning_view(run.model, found)
    for ending in endings if told is not None else ():
        template = f"{language}/meaning.{ending}.j2"
        made[f"{names.module}.meaning.{ending}"] = run.templates.render(template, **told or {})
    return made


def _package(runs: Sequence[Run], language: str, names: Iterable[str]) -> dict[str, str]:
    refuse_twins(runs)
    run, package = runs[0], package_name(runs)
    shown = [_shown(run, _methods(run), package) for run in runs]
    shown.sort(key=lambda one: one.module)
    found = [method for one in shown for method in one.methods]
    # One that REST can carry, if there is one.
    first = min(shown, key=lambda one: one.grpc_only)
    both = [first, *(one for one in shown if one is not first)][:2]
    view = {
        "typescript": language == "ts",
        "fence": code(language),
        "rest_only": run.rest_only,
        "package": package,
        "grpc": f"{package}/grpc",
        "private": run.options.npm_name is None,
        "clients": shown,
        "first": first,
        "both": both,
        "connected": [
            line
            for variable, one in zip(("client", "other"), both, strict=False)
            for line in _new(variable, one.client, "connection")
        ],
        "exports": _exports(shown, rest_only=run.rest_only),
        "grpc_only": any(m.grpc_only for m in found),
        "has_defaults": any(s.defaults for one in runs for s in one.model.signatures.values()),
        "takes_examples": any(m.kind != "predict" or m.features is not None for m in found),
        "guesses_features": any(m.kind != "predict" and m.features is None for m in found),
        "draws": any(m.draws for m in found),
        "gives_text": any("StringOptions" in m.options for m in found),
        "runs_together": any(together(one.methods, rest_only=run.rest_only) for one in shown),
        "gives_several": any("OutputOptions" in m.options for m in found),
        "classifies": any(m.kind == "classify" for m in found),
        "regresses": any(m.kind == "regress" for m in found),
    }
    made = {name: run.templates.render(f"{language}/{name}.j2", **view) for name in names}
    # The runtime: modules that are the same for every model.
    prefix = f"{language}/"
    shipped = [n for n in template_names() if n.startswith(prefix) and not n.endswith(".j2")]
    runtime = {name.removeprefix(prefix): name for name in shipped}
    if run.rest_only:
        unused = _GRPC
        if not any(m.serializes for m in found):
            unused |= _EXAMPLES
        if not any(m.draws for m in found):
            unused |= _PICTURES
        runtime = {p: n for p, n in runtime.items() if p.partition(".")[0] not in unused}
    if not any(one.told for one in shown):
        runtime = {p: n for p, n in runtime.items() if p.partition(".")[0] != RUNTIME}
    return made | {path: run.templates.read(name) for path, name in runtime.items()}


@dataclass(frozen=True, slots=True)
class _Shown:
    """A client as the package's own files, and examples, show it.

    Attributes:
        model: what the server calls the model.
        module: the module's name.
        path: what is imported from.
        client: the class.
        types: what the index calls the module's types.
        methods: its methods.
        sample: the lines of an example that makes a client and calls it.
        call: the lines that call it.
        grpc_only: whether that call needs gRPC.
        told: whether there is a module of what its tensors stand for.
    """

    model: str
    module: Markup
    path: str
    client: Markup
    types: Markup
    methods: Sequence[Method]
    sample: Sequence[Markup]
    call: Sequence[Markup]
    grpc_only: bool
    told: bool


def _shown(run: Run, found: Sequence[Method], package: str) -> _Shown:
    names = names_of(run)
    # The default signature, if REST can carry that.
    order = sorted(found, key=lambda m: (bool(m.grpc_only), m.name.wire != DEFAULT_SIGNATURE))
    call = [
        line
        for m in order[:1]
        for line in samples.call(m.name.ident, m.sample, picture=m.wants_picture)
    ]
    grpc_only = bool(order and order[0].grpc_only)
    server = 'connect("localhost:8500")' if grpc_only else '"http://localhost:8501"'
    return _Shown(
        model=run.model.name,
        module=names.module,
        path=f"{package}/{names.module}",
        client=names.client,
        types=names.types,
        methods=found,
        sample=[*_new("client", names.client, server), *call],
        call=call,
        grpc_only=grpc_only,
        told=meaning_view(run.model, found) is not None,
    )


def _new(variable: str, client: Markup, server: str) -> list[Markup]:
    return samples.lines(layout.fit(0, f"const {variable} = new {client}(", [server], ");"))


def _methods(run: Run) -> list[Method]:
    return methods(run.model, run.outputs, rest_only=run.rest_only)


def _exports(shown: Iterable[_Shown], *, rest_only: bool) -> list[tuple[str, Markup]]:
    """The package's subpaths, and the module of each."""
    paths = {".": "index", **{f"./{one.module}": str(one.module) for one in shown}}
    paths["./testing"] = "testing"
    paths |= {f"./{one.module}/meaning": f"{one.module}.meaning" for one in shown if one.told}
    if not rest_only:
        paths |= {"./grpc": "grpc", "./grpc.js": "grpc"}
    return [(path, code(module)) for path, module in paths.items()]
