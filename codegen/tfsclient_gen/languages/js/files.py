"""The files of a JavaScript or TypeScript client: a package of ES modules."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from tfsclient.errors import InvalidInput
from tfsclient.schema import DEFAULT_SIGNATURE
from tfsclient.schema._samples import PNG_BASE64
from tfsclient_gen.languages.js import layout
from tfsclient_gen.languages.js.methods import LONGEST, imports, methods
from tfsclient_gen.names import identifier, pascal, words
from tfsclient_gen.render import template_names
from tfsclient_gen.target import Run

_NPM_NAME: Final = re.compile(r"(@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]*")
_LONGEST_NPM_NAME: Final = 214
# What only gRPC needs of the runtime, and what Examples in tensors need, too.
_GRPC: Final = frozenset(
    ["grpc"]
    + [
        f"serving/{name}"
        for name in (
            "bound",
            "grpc-answers",
            "grpc-requests",
            "memory",
            "protobuf-reader",
            "small-floats",
            "tensor-proto",
        )
    ]
)
_EXAMPLES: Final = frozenset(["serving/example-proto", "serving/protobuf-writer"])


def javascript(run: Run) -> dict[str, str]:
    """JavaScript with declarations for TypeScript; a comment says what is left out."""
    return _files(run, "js", ["README.md", "index.d.ts", "index.js", "package.json"])


def typescript(run: Run) -> dict[str, str]:
    """The modules that JavaScript clients are made of, with their types still in them."""
    return _files(run, "ts", ["README.md", "index.ts", "package.json", "tsconfig.json"])


def _files(run: Run, language: str, names: Iterable[str]) -> dict[str, str]:
    view = _view(run, typescript=language == "ts")
    made = {name: run.templates.render(f"{language}/{name}.j2", **view) for name in names}
    # The runtime: modules that are the same for every model.
    prefix = f"{language}/"
    shipped = [n for n in template_names() if n.startswith(prefix) and not n.endswith(".j2")]
    runtime = {name.removeprefix(prefix): name for name in shipped}
    unused = _GRPC | (frozenset() if view["serializes"] else _EXAMPLES)
    if run.rest_only:
        runtime = {p: n for p, n in runtime.items() if p.partition(".")[0] not in unused}
    return made | {path: run.templates.read(name) for path, name in runtime.items()}


def _package_name(run: Run) -> str:
    """What npm calls the package.

    Raises:
        InvalidInput: npm would not take the user's own choice.
    """
    chosen = run.options.npm_name
    if chosen is None:
        return "-".join([*(w.lower() for w in words(run.name)), "client"])[-200:]
    if not _NPM_NAME.fullmatch(chosen) or len(chosen) > _LONGEST_NPM_NAME:
        raise InvalidInput(f"{chosen!r} is not a name for an npm package")
    return chosen


def _view(run: Run, *, typescript: bool) -> dict[str, Any]:
    model, found = run.model, methods(run.model, run.outputs, rest_only=run.rest_only)
    types = imports(found, rest_only=run.rest_only)
    client = identifier(pascal(run.name, "model")[:LONGEST] + "Client")
    new = f"const client = new {client}("
    # The default one, if REST can carry that.
    order = sorted(found, key=lambda m: (bool(m.grpc_only), m.name.wire != DEFAULT_SIGNATURE))
    example = order[0] if order else None
    return {
        "model": model.name,
        "client": client,
        "typescript": typescript,
        "rest_only": run.rest_only,
        "serializes": any(m.serializes for m in found),
        "methods": found,
        "left_out": [
            f"Left out: {gone.signature!r}: {'; '.join([gone.reason, *gone.others])}"
            for gone in run.left_out
        ],
        "listed": layout.fit(2, "signatures: [", [str(m.constant) for m in found], "],"),
        "imports": layout.fit(0, "import type { ", types, ' } from "./serving/types.js";'),
        "package": _package_name(run),
        "example": example,
        "grpc_only": any(m.grpc_only for m in found),
        "has_defaults": any(s.defaults for s in model.signatures.values()),
        "takes_examples": any(m.kind != "predict" or m.features is not None for m in found),
        "guesses_features": any(m.kind != "predict" and m.features is None for m in found),
        "classifies": any(m.kind == "classify" for m in found),
        "regresses": any(m.kind == "regress" for m in found),
        "png": PNG_BASE64,
        "opened": layout.fit(0, new, ['"http://localhost:8501"'], ");"),
        "connected": layout.fit(0, new, ["connection"], ");"),
    }
