"""The files of a JavaScript or TypeScript client: a package of ES modules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tfsclient.schema import DEFAULT_SIGNATURE
from tfsclient.schema._samples import PNG_BASE64
from tfsclient_gen.languages.js import layout
from tfsclient_gen.languages.js.methods import LONGEST, imports, methods
from tfsclient_gen.names import identifier, pascal, words
from tfsclient_gen.render import template_names
from tfsclient_gen.target import Run


def javascript(run: Run) -> dict[str, str]:
    """JavaScript with declarations for TypeScript; a comment says what is left out."""
    return _files(run, "js", ["README.md", "index.d.ts", "index.js", "package.json"])


def typescript(run: Run) -> dict[str, str]:
    """The modules that JavaScript clients are made of, with their types still in them."""
    return _files(run, "ts", ["README.md", "index.ts", "package.json"])


def _files(run: Run, language: str, names: Iterable[str]) -> dict[str, str]:
    view = _view(run, typescript=language == "ts")
    made = {name: run.templates.render(f"{language}/{name}.j2", **view) for name in names}
    # The runtime: modules that are the same for every model.
    prefix = f"{language}/"
    runtime = [n for n in template_names() if n.startswith(prefix) and not n.endswith(".j2")]
    return made | {name.removeprefix(prefix): run.templates.read(name) for name in runtime}


def _view(run: Run, *, typescript: bool) -> dict[str, Any]:
    model, found = run.model, methods(run.model)
    client = identifier(pascal(model.name, "model")[:LONGEST] + "Client")
    new = f"const client = new {client}("
    # The default one, if REST can carry that.
    order = sorted(found, key=lambda m: (bool(m.grpc_only), m.name.wire != DEFAULT_SIGNATURE))
    example = order[0] if order else None
    return {
        "model": model.name,
        "client": client,
        "typescript": typescript,
        "methods": found,
        "left_out": [
            f"Left out: {gone.signature!r}: {'; '.join([gone.reason, *gone.others])}"
            for gone in run.left_out
        ],
        "listed": layout.fit(2, "signatures: [", [str(m.constant) for m in found], "],"),
        "imports": layout.fit(0, "import type { ", imports(found), ' } from "./serving/types.js";'),
        "package": "-".join([*(w.lower() for w in words(model.name)), "client"])[-200:],
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
