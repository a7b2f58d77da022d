"""The files of Go clients: a package for each model, and the package that they share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from markupsafe import Markup

from tfsclient.errors import InvalidInput
from tfsclient.schema import DEFAULT_SIGNATURE
from tfsclient.schema._shown import prose
from tfsclient_gen.languages.go import methods
from tfsclient_gen.languages.go.meaning import RUNTIME, meant
from tfsclient_gen.names import identifier, is_windows_device, words
from tfsclient_gen.quoting import code, go_comment, go_string
from tfsclient_gen.render import template_names
from tfsclient_gen.target import Options, Run

_LONGEST_PACKAGE: Final = 64
_MODULE: Final = "models"  # the import path, unless the user gives another
# As the go command has it: no element begins or ends with a dot, or ends like a short name of
# Windows; of versions, the first two are not written.
_ELEMENT: Final = r"(?![\w.~-]*~\d+(?:/|$))[\w~-](?:[\w.~-]*[\w~-])?"
_MODULE_PATH: Final = re.compile(
    rf"(?!-|gopkg\.in/(?!.*\.v\d+$))(?!.*/v[01]$){_ELEMENT}(?:/{_ELEMENT})*", re.ASCII
)
_REQUIRED: Final = ("google.golang.org/grpc", "google.golang.org/protobuf")
_RUNTIME: Final = "go/tfs/"
_ONLY_GRPC: Final = f"{_RUNTIME}grpc"

# A package with such a name would hide, or be hidden by, what a program probably uses beside it:
# the language's words, the standard library's top-level folders, and the variables of our examples
# and fakes.
_PACKAGES: Final = frozenset(
    """
    break case chan const continue default defer else fallthrough for func go goto if import
    interface map package range return select struct switch type var
    any append bool byte cap clear close comparable complex complex64 complex128 copy delete error
    false float32 float64 imag init int int8 int16 int32 int64 iota len main make max min new nil
    panic print println real recover rune string true uint uint8 uint16 uint32 uint64 uintptr
    all archive bufio builtin bytes cmd cmp compress container context crypto database debug
    documentation embed encoding errors expvar flag fmt hash html image index internal io iter local
    log maps math mime net os path plugin reflect regexp runtime slices sort std strconv strings
    structs sync syscall testing text time tool unicode unique unsafe vendor weak work
    testdata tfs
    call classes client conn ctx err example examples fake features file images in opts out values
    """.split()
)


def files(run: Run) -> dict[str, str]:
    """The package of the model, in a folder of its own.

    Raises:
        InvalidInput: ``go_module`` is not a module path.
    """
    package, plain = package_name(run.name), _plain_name(run.name)
    why = _why_not_package(plain)
    run.tell_name("package", package, f"{plain} is {why}" if why else "")
    view = _view(run)
    names = {"client.go": "client.go", f"{package}test/{package}test.go": "fake.go"}
    if view["example"]:
        names["example_test.go"] = "example_test.go"
    if view["meant"]:
        names["meaning.go"] = "meaning.go"
    return {
        f"{package}/{path}": run.templates.render(f"go/{name}.j2", **view)
        for path, name in names.items()
    }


def shared(runs: Sequence[Run]) -> dict[str, str]:
    """The package tfs, the module's files, and a README that says which signatures are left out."""
    options, templates, rest_only = runs[0].options, runs[0].templates, runs[0].rest_only
    models = [_view(run) for run in runs]
    view = {
        "models": models,
        "shown": [model for model in models if model["example"]][:1],
        "module": code(_module(options)),
        "go_mod": options.go_mod,
        "rest_only": rest_only,
        "target": _target(runs[0]),
    }
    runtime = [n for n in template_names() if n.startswith(_RUNTIME)]
    names = [n for n in runtime if not (rest_only and n.startswith(_ONLY_GRPC))]
    if not any(model["meant"] for model in models):
        names.remove(RUNTIME)
    names += ["go/README.md.j2"] + (["go/go.mod.j2"] if options.go_mod else [])
    made = {_path(name): templates.render(name, **view) for name in names}
    if options.go_mod and not rest_only:  # REST requires no other module
        made["go.sum"] = templates.read("go/go.sum")
    return made


def _path(template: str) -> str:
    return template.removeprefix("go/").removesuffix(".j2")


def _view(run: Run) -> dict[str, Any]:
    model, package, module = run.model, package_name(run.name), _module(run.options)
    calls = methods.methods(model, run.outputs, rest_only=run.rest_only)
    example = sorted(calls, key=lambda m: m.name.wire != DEFAULT_SIGNATURE)[:1]
    paths = {f"{module}/{package}"}
    if any(m.example_uses_tfs for m in example):
        paths.add(f"{module}/tfs")
    return {
        "model": model.name,
        "package": package,
        "package_doc": go_comment(
            f'Package {package} calls the TensorFlow Serving model "{model.name}".'
            f" {prose(model.description)}"
        ),
        "api_doc": go_comment(
            "API is what a Client does, for code that is given one. Package "
            f"{package}test has clients for tests."
        ),
        "fake_doc": go_comment(
            f'Package {package}test fakes the model "{model.name}", for tests without a server.'
        ),
        "client_doc": go_comment(
            f'Client calls the model "{model.name}". It may be used by several goroutines at once.'
        ),
        "target": _target(run),
        "tfs": go_string(f"{module}/tfs"),
        "fake_imports": [go_string(f"{module}/{name}") for name in sorted((package, "tfs"))],
        "imported": [go_string(path) for path in sorted(paths)],
        "methods": calls,
        "multi_inference": not run.rest_only and sum(m.kind != "predict" for m in calls) > 1,
        "meant": meant(list(model.signatures.values()), calls),
        "example": example,
        "left_out": run.left_out,
    }


def _target(run: Run) -> str:
    return "http://localhost:8501" if run.rest_only else "localhost:8500"


def _module(options: Options) -> str:
    """The import path of the folder.

    Raises:
        InvalidInput: it cannot be one.
    """
    module = options.go_module or _MODULE
    if not _MODULE_PATH.fullmatch(module) or module in _REQUIRED:
        raise InvalidInput(
            f"{module!r} is not a Go module path of your own, such as example.com/ml/clients"
        )
    for part in filter(is_windows_device, module.split("/")):
        raise InvalidInput(
            f"{module!r} is not a Go module path: Windows takes {part} for a device, so the go "
            "command refuses it"
        )
    return module


def package_name(name: str) -> Markup:
    """The package of a client of this name: lower-case letters and digits, as is the custom."""
    name = _plain_name(name)
    if not name or name[0].isdigit():
        return identifier(f"model{name}")
    return identifier(f"{name}model" if _why_not_package(name) else name)


def _plain_name(name: str) -> str:
    return "".join(words(name)).lower()[:_LONGEST_PACKAGE]


def _why_not_package(name: str) -> str | None:
    """What a package of this name would hide, or why there can be none."""
    if name in _PACKAGES:
        return "a name that Go or the programs beside it use"
    return "a device on Windows" if is_windows_device(name) else None
