"""The files of Rust clients: a module for each model in one crate, and the one that they share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from markupsafe import Markup

from tfsclient.errors import InvalidInput
from tfsclient.schema import DEFAULT_SIGNATURE
from tfsclient.schema._shown import prose
from tfsclient_gen.languages.rust import layout, lines, methods, usage
from tfsclient_gen.languages.rust.names import (
    OPERATORS,
    crate_is_possible,
    module_name,
    plain_name,
    signatures,
    why_not_module,
)
from tfsclient_gen.names import is_windows_device
from tfsclient_gen.quoting import code, rust_string
from tfsclient_gen.render import template_names
from tfsclient_gen.target import Options, Run

_CRATE: Final = "models"  # unless the user gives another
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*", re.ASCII)
# Cargo refuses a crate that depends on one of its own name.
_REQUIRED: Final = frozenset(
    """
    bytemuck bytes flate2 h2 half http http-body hyper-util image ndarray reqwest rustls
    rustls-native-certs tokio tonic
    """.split()
)
_RUNTIME: Final = "rust/tfs/"
_ONLY_GRPC: Final = f"{_RUNTIME}grpc"


def files(run: Run) -> dict[str, str]:
    """The module of the model.

    Raises:
        InvalidInput: ``rust_crate`` is not the name of a crate.
    """
    module, plain = module_name(run.name), plain_name(run.name)
    why = why_not_module(plain)
    run.tell_name("module", module, f"{plain} is {why}" if why else "")
    return {f"src/{module}.rs": run.templates.render("rust/model.rs.j2", **_view(run))}


def shared(runs: Sequence[Run]) -> dict[str, str]:
    """The module tfs, the crate's files, and a README that says which signatures are left out."""
    options, templates, rest_only = runs[0].options, runs[0].templates, runs[0].rest_only
    models = [_view(run) for run in runs]
    package = _crate(options)
    view = {
        "models": models,
        "modules": [code(name) for name in sorted(["tfs", *(m["module"] for m in models)])],
        "shown": [model for model in models if model["example"]][:1],
        "package": package,
        "crate": code(package.replace("-", "_")),
        "rest_only": rest_only,
        "pictures": any(m.reads for model in models for m in model["methods"]),
        "target": _target(rest_only),
    }
    runtime = [n for n in template_names() if n.startswith(_RUNTIME)]
    made = {
        f"src/{name.removeprefix('rust/').removesuffix('.j2')}": templates.render(name, **view)
        for name in runtime
        if not (rest_only and name.startswith(_ONLY_GRPC))
    }
    made["src/lib.rs"] = templates.render("rust/lib.rs.j2", **view)
    made["Cargo.toml"] = templates.render("rust/Cargo.toml.j2", **view)
    made["README.md"] = templates.render("rust/README.md.j2", **view)
    return made


def _view(run: Run) -> dict[str, Any]:
    model, package = run.model, _crate(run.options)
    calls = methods.methods(model, run.outputs, rest_only=run.rest_only)
    example = sorted(calls, key=lambda m: m.name.wire != DEFAULT_SIGNATURE)[:1]
    name = [layout.span(model.name), "."]
    crate = code(package.replace("-", "_"))
    path = f"{crate}::{module_name(run.name)}"
    about = [layout.prose(prose(model.description))] if model.description else []
    return {
        "model": model.name,
        "crate": crate,
        "module": module_name(run.name),
        "module_doc": layout.doc("Calls the TensorFlow Serving model", *name, *about, lead="//! "),
        "client_doc": layout.doc(
            "Calls the model",
            *name,
            "Clones share its connection, and any number of tasks may use one.",
        ),
        "fake_doc": layout.doc(
            "Fakes the model",
            layout.span(model.name),
            ", for tests without a server. The client that it gives is a real one:",
            "it checks inputs, and has every option.",
        ),
        "has_operators": any(m.name.ident in OPERATORS for m in calls),
        "model_constant": layout.constant("const MODEL: &'static str", rust_string(model.name), 4),
        "methods": calls,
        "signatures": lines.signatures(list(signatures(model.signatures).values())),
        "multi_inference": not run.rest_only and sum(m.kind != "predict" for m in calls) > 1,
        "example": example,
        "usage": [usage.of_call(m, path, _target(run.rest_only)) for m in example],
        "fake_usage": [usage.of_fake(m, path) for m in example],
        "left_out": run.left_out,
        "rest_only": run.rest_only,
        "target": _target(run.rest_only),
    }


def _target(rest_only: bool) -> Markup:
    return code("http://localhost:8501" if rest_only else "localhost:8500")


def _crate(options: Options) -> Markup:
    """The crate's name.

    Raises:
        InvalidInput: it cannot be one.
    """
    name = options.rust_crate or _CRATE
    if not _NAME.fullmatch(name) or name in _REQUIRED or not crate_is_possible(name):
        raise InvalidInput(
            f"{name!r} is not the name of a Rust crate of your own",
            hint="use lower-case letters, digits, - and _",
        )
    if is_windows_device(name):
        raise InvalidInput(
            f"{name!r} is not the name of a Rust crate: Windows takes it for a device"
        )
    return code(name)
