"""The files of Java clients: a package for each model, and the package that they share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from markupsafe import Markup

from tfsclient.errors import InvalidInput
from tfsclient.schema import DEFAULT_SIGNATURE
from tfsclient.schema._shown import prose
from tfsclient_gen.languages.java import layout, meaning, methods
from tfsclient_gen.languages.java.names import KEYWORDS
from tfsclient_gen.languages.java.types import KINDS
from tfsclient_gen.names import identifier, is_windows_device, pascal, words
from tfsclient_gen.quoting import code
from tfsclient_gen.render import template_names
from tfsclient_gen.target import Options, Run

_LONGEST: Final = 40
_PACKAGE: Final = "models"  # unless the user gives another
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*", re.ASCII)
_RUNTIME: Final = "java/tfs/"
_SOURCES: Final = "src/main/java"


def files(run: Run) -> dict[str, str]:
    """The package of the model, in a folder of its own.

    Raises:
        InvalidInput: ``java_package`` is not the name of a package.
    """
    package, plain = package_name(run.name), _plain_name(run.name)
    why = _why_not_package(plain)
    run.tell_name("package", package, f"{plain} is {why}" if why else "")
    view = _view(run)
    render, name = run.templates.render, view["name"]
    made = {
        "package-info": render("java/package-info.java.j2", **view),
        f"{name}Api": render("java/api.java.j2", **view),
        f"{name}Client": render("java/client.java.j2", **view),
        f"{name}Fake": render("java/fake.java.j2", **view),
    }
    for method in view["methods"]:
        about = {**view, "m": method}
        predicts = method.kind == "predict"
        template = "input" if predicts else "examples"
        made[f"{method.type}Input"] = render(f"java/{template}.java.j2", **about)
        if predicts:
            made[f"{method.type}Result"] = render("java/result.java.j2", **about)
        if method.features is not None:
            made[f"{method.type}Example"] = render("java/example.java.j2", **about)
    folder = _folder(f"{view['base']}.{package}")
    return {f"{folder}/{cls}.java": text for cls, text in made.items()}


def shared(runs: Sequence[Run]) -> dict[str, str]:
    """The package tfs, the project's file, and a README that says which signatures are left out."""
    options, templates, rest_only = runs[0].options, runs[0].templates, runs[0].rest_only
    base = _package(options)
    models = [_view(run) for run in runs]
    view = {
        "package": base,
        "artifact": code(base.rpartition(".")[2]),
        "models": models,
        "shown": [model for model in models if model["example"]][:1],
        "rest_only": rest_only,
        "target": _target(rest_only),
    }
    folder = _folder(f"{base}.tfs")
    runtime = [n for n in template_names() if n.startswith(_RUNTIME)]
    kept = [n for n in runtime if not (rest_only and n.startswith(f"{_RUNTIME}Grpc"))]
    unused = {"Bound"} if rest_only else set()
    if not any(m.tops for model in models for m in model["methods"]):
        unused.add(meaning.RUNTIME)
    made = {
        f"{folder}/{name.removeprefix(_RUNTIME).removesuffix('.j2')}": templates.render(
            name, **view
        )
        for name in kept
        if name.removeprefix(_RUNTIME).removesuffix(".java.j2") not in unused
    }
    for kind in KINDS:
        text = templates.render("java/_tensor.java.j2", t=kind, **view)
        made[f"{folder}/{kind.name}.java"] = text
    made["pom.xml"] = templates.render("java/pom.xml.j2", **view)
    made["README.md"] = templates.render("java/README.md.j2", **view)
    return made


def _folder(package: str) -> str:
    return f"{_SOURCES}/{package.replace('.', '/')}"


def _view(run: Run) -> dict[str, Any]:
    base = _package(run.options)
    model, name = run.model, client_name(run.name)
    calls = methods.methods(model, f"{name}Fake", run.outputs, rest_only=run.rest_only)
    example = sorted(calls, key=lambda m: m.name.wire != DEFAULT_SIGNATURE)[:1]
    return {
        "model": model.name,
        "base": base,
        "package": code(f"{base}.{package_name(run.name)}"),
        "name": name,
        "package_doc": layout.doc(
            f'Calls the TensorFlow Serving model "{model.name}". {prose(model.description)}'
        ),
        "api_doc": layout.doc(f"What a {name}Client does, for code that is given one."),
        "client_doc": layout.doc(
            f'Calls the model "{model.name}". It may be used by several threads at once.'
        ),
        "fake_doc": layout.doc(
            f'Fakes the model "{model.name}", for tests without a server. The client that it gives'
            " is a real one: it checks inputs, and knows every option."
        ),
        "open_with": layout.declare(
            f"public static {name}Client",
            "open",
            ["String target", "Consumer<ConnectionOptions> options"],
            " {",
            2,
        ),
        "on_with": layout.declare(
            f"public static {name}Client",
            "on",
            ["Connection connection", "Consumer<CallOptions> options"],
            " {",
            2,
        ),
        "methods": calls,
        "kinds": {m.kind for m in calls},
        "signatures": layout.assigned_call(
            "private static final List<Signature> SIGNATURES",
            "List.of",
            [f"{m.type}Input.SIGNATURE" for m in calls],
        ),
        "multi_inference": not run.rest_only and sum(m.kind != "predict" for m in calls) > 1,
        "example": example,
        "left_out": run.left_out,
        "rest_only": run.rest_only,
        "target": _target(run.rest_only),
        "imports": _imports(base),
    }


def _imports(base: Markup) -> Any:
    """What makes a block of imports, of names that are in the package tfs unless they say."""

    def block(*names: str) -> Markup:
        full = {n if "." in n else f"{base}.tfs.{n}" for n in map(str, names) if n}
        return code("\n".join(f"import {name};" for name in sorted(full)))

    return block


def _target(rest_only: bool) -> str:
    return "http://localhost:8501" if rest_only else "localhost:8500"


def _package(options: Options) -> Markup:
    """The package that the packages are in.

    Raises:
        InvalidInput: it cannot be one.
    """
    package = options.java_package or _PACKAGE
    parts = package.split(".")
    if not _NAME.fullmatch(package) or parts[0] in ("java", "javax") or KEYWORDS & {*parts}:
        raise InvalidInput(
            f"{package!r} is not a Java package of your own, such as com.example.models"
        )
    for part in filter(is_windows_device, parts):
        raise InvalidInput(
            f"{package!r} is not a Java package: Windows takes {part} for a device, so there can be"
            " no folder of this name"
        )
    return code(package)


def client_name(name: str) -> Markup:
    """What the names of a client's classes begin with."""
    return identifier(pascal(name, "model")[:_LONGEST])


def package_name(name: str) -> Markup:
    """The package of a client of this name: lower-case letters and digits, as is the custom."""
    name = _plain_name(name)
    if not name or name[0].isdigit():
        return identifier(f"model{name}")
    return identifier(f"{name}model" if _why_not_package(name) else name)


def _plain_name(name: str) -> str:
    return "".join(words(name)).lower()[:_LONGEST]


def _why_not_package(name: str) -> str | None:
    """Why there can be no package of this name."""
    if name in KEYWORDS:
        return "a word of Java's own"
    if name == "tfs":
        return "the package that clients share"
    return "a device on Windows" if is_windows_device(name) else None
