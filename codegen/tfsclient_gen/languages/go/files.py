"""The files of a Go client: a package for the model, and the runtime beside it."""

from __future__ import annotations

import re
from typing import Final

from markupsafe import Markup

from tfsclient.errors import InvalidInput
from tfsclient.schema import DEFAULT_SIGNATURE, Model
from tfsclient_gen.languages.go import methods, runtime
from tfsclient_gen.names import identifier, is_windows_device, words
from tfsclient_gen.quoting import code, go_comment, go_string
from tfsclient_gen.target import Options, Run

_LONGEST_PACKAGE: Final = 64

# A package with such a name would hide, or be hidden by, what a program probably uses beside it:
# the language's words, the standard library's top-level folders, and the variables of our examples.
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
    classes client ctx err example examples file images in out values
    """.split()
)


def files(run: Run) -> dict[str, str]:
    """The package of the model; its README says which signatures are left out.

    Raises:
        InvalidInput: ``go_module`` is not a module path.
    """
    model, options, templates = run.model, run.options, run.templates
    package = package_name(model)
    plain = _plain_name(model)
    if (why := _why_not_package(plain)) is not None:
        run.tell(f"the package is {package}: {plain} is {why}")
    module = options.go_module or str(package)
    if not re.fullmatch(r"[\w.~-]+(/[\w.~-]+)*", module, re.ASCII) or module.startswith("-"):
        raise InvalidInput(f"{module!r} is not a Go module path")
    for part in filter(is_windows_device, module.split("/")):
        raise InvalidInput(
            f"{module!r} is not a Go module path: Windows takes {part} for a device, so the go "
            "command refuses it"
        )
    rest_only = options.transport == "rest"
    calls = methods.methods(model, package, run.outputs, rest_only=rest_only)
    shared = runtime.view(model, run.outputs, rest_only=rest_only)
    view = {
        "model": model.name,
        "package": package,
        "package_doc": go_comment(
            f'Package {package} calls the TensorFlow Serving model "{model.name}".'
        ),
        "client_doc": go_comment(
            f'Client calls the model "{model.name}". It may be used by several goroutines at once.'
        ),
        "target": "http://localhost:8501" if rest_only else "localhost:8500",
        "module": code(module),
        "imported": _import(module, package, options),
        "go_mod": options.go_mod,
        "rest_only": rest_only,
        "methods": calls,
        "example": sorted(calls, key=lambda m: m.name.wire != DEFAULT_SIGNATURE)[:1],
        "left_out": run.left_out,
        "tensors": any(m.kind == "predict" for m in calls),
        "examples": any(m.examples for m in calls),
        "typed_examples": any(m.features is not None for m in calls),
        "marshals": any(m.examples and m.kind == "predict" for m in calls),
        "reads_images": shared["encoded"],
        "decodes_images": shared["decodes"],
    }
    names = ["README.md", "client.go", "doc.go", "schema.go"]
    names += ["example_test.go"] if calls and options.go_mod else []
    names += ["go.mod"] if options.go_mod else []
    made = {name: templates.render(f"go/{name}.j2", **view) for name in names}
    if options.go_mod and not rest_only:  # REST requires no other module
        made["go.sum"] = templates.read("go/go.sum")
    return made | runtime.files(shared, package, templates)


def package_name(model: Model) -> Markup:
    """The name of the model's package: lower-case letters and digits, as is the custom."""
    name = _plain_name(model)
    if not name or name[0].isdigit():
        return identifier(f"model{name}")
    return identifier(f"{name}model" if _why_not_package(name) else name)


def _plain_name(model: Model) -> str:
    return "".join(words(model.name)).lower()[:_LONGEST_PACKAGE]


def _why_not_package(name: str) -> str | None:
    """What a package of this name would hide, or why there can be none."""
    if name in _PACKAGES:
        return "a name that Go or the programs beside it use"
    return "a device on Windows" if is_windows_device(name) else None


def _import(module: str, package: Markup, options: Options) -> Markup:
    path = module if options.go_mod else f"your.module/{package}"
    alias = "" if path.rpartition("/")[2] == package else f"{package} "
    return code(f"{alias}{go_string(path)}")
