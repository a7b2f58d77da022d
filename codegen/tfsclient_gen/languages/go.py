"""Go: a package per model, over a small runtime that is copied beside it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from tfsclient.dtypes import STRING
from tfsclient.errors import InvalidInput
from tfsclient.schema import DEFAULT_SIGNATURE, Model, Signature, TensorSpec
from tfsclient_gen.generate import LeftOut, Options
from tfsclient_gen.names import Name, claim, identifier, pascal, words
from tfsclient_gen.quoting import code, go_comment, go_string
from tfsclient_gen.render import HEADER, read_static, render
from tfsclient_gen.samples import PNG_BASE64, dims, is_picture

_RUNTIME: Final = (
    "call.go", "dtype.go", "errors.go", "float16.go", "jsonreader.go", "jsontensor.go",
    "jsonwrite.go", "options.go", "rest.go", "tensor.go",
)  # fmt: skip
_GRPC_RUNTIME: Final = ("grpc.go", "protoread.go", "prototensor.go", "protowrite.go")

_LONGEST_PACKAGE: Final = 64
_LARGEST_SAMPLE: Final = 1 << 24  # elements; a sample of more would not fit a laptop
_WIDTH: Final = 100
_TAB: Final = 4

# A package of such a name would hide, or be hidden by, what a program most likely uses beside it:
# the language's words, the standard library's first folders, and the variables of our examples.
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
    base64 client ctx err example in out picture
    """.split()
)
_METHODS: Final = frozenset({"Close"})

# As golint and staticcheck want them.
_INITIALISMS: Final = frozenset(
    """
    ACL API ASCII CPU CSS DB DNS EOF GID GUID HTML HTTP HTTPS ID IP JSON QPS RAM RPC RTP SIP SLA
    SMTP SQL SSH TCP TLS TS TTL UDP UI UID URI URL UUID VM XML XMPP XSRF XSS
    """.split()
)

# The Go types of elements that are not called as TensorFlow calls them.
_TYPES: Final = {
    "float16": "Float16", "bfloat16": "BFloat16",
    "qint8": "int8", "qint16": "int16", "qint32": "int32", "quint8": "uint8", "quint16": "uint16",
    "int2": "int8", "int4": "int8", "uint2": "uint8", "uint4": "uint8",
    "float8_e5m2": "uint8", "float8_e4m3fn": "uint8", "float8_e4m3fnuz": "uint8",
    "float8_e4m3b11fnuz": "uint8", "float8_e5m2fnuz": "uint8",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Tensor:
    """An input or output: its names, its docs, its type and spec as Go has them, a value."""

    name: Name
    doc: Markup
    type: Markup
    dtype: Markup
    shape: Markup
    has_default: bool
    spec: Markup
    sample: Markup
    verb: Markup


@dataclass(frozen=True, slots=True)
class _Method:
    """A signature: its names, its docs, its tensors."""

    name: Name
    doc: Markup
    input_doc: Markup
    output_doc: Markup
    inputs: list[_Tensor]
    outputs: list[_Tensor]
    wants_picture: bool


def files(model: Model, options: Options, left_out: Sequence[LeftOut] = ()) -> dict[str, str]:
    """The package of ``model``; its docs tell which signatures are ``left_out``.

    Raises:
        InvalidInput: the module path is none.
    """
    package = package_name(model)
    module = options.go_module or str(package)
    if not re.fullmatch(r"[\w.~-]+(/[\w.~-]+)*", module, re.ASCII) or module.startswith("-"):
        raise InvalidInput(f"{module!r} is no path of a Go module")
    rest_only = options.transport == "rest"
    methods = _methods(model, package)
    view = {
        "model": model.name,
        "package": package,
        "package_doc": _comment(
            f'Package {package} calls the TensorFlow Serving model "{model.name}".'
        ),
        "client_doc": _comment(
            f'Client calls the model "{model.name}". It may be used by several goroutines at once.'
        ),
        "target": "http://localhost:8501" if rest_only else "localhost:8500",
        "module": code(module),
        "imported": _import(module, package, options),
        "go_mod": options.go_mod,
        "rest_only": rest_only,
        "methods": methods,
        "example": sorted(methods, key=lambda m: m.name.wire != DEFAULT_SIGNATURE)[:1],
        "left_out": left_out,
        "png": PNG_BASE64,
    }
    made = {name: render(f"go/{name}.j2", **view) for name in ("README.md", "client.go", "doc.go")}
    if methods and options.go_mod:
        made["example_test.go"] = render("go/example_test.go.j2", **view)
    made |= {name: _runtime(f"go/static/{name}", package) for name in _RUNTIME}
    if rest_only:
        made["grpc.go"] = _runtime("go/rest/grpc.go", package)
    else:
        made |= {name: _runtime(f"go/static/{name}", package) for name in _GRPC_RUNTIME}
    return made | (_module_files(module, rest_only) if options.go_mod else {})


def package_name(model: Model) -> Markup:
    """The name of the model's package: lower-case letters and digits, as is the custom."""
    name = "".join(words(model.name)).lower()[:_LONGEST_PACKAGE]
    if name in _PACKAGES or not name or name[0].isdigit():
        name = f"{name}model" if name and name[0].isalpha() else f"model{name}"
    return identifier(name)


def _runtime(path: str, package: Markup) -> str:
    text = read_static(path).replace("package client\n", f"package {package}\n", 1)
    return f"// {HEADER}\n\n{text}"


def _module_files(module: str, rest_only: bool) -> dict[str, str]:
    """go.mod, and go.sum where something is required: those of the runtime, under a new name."""
    text = read_static(f"go/{'rest' if rest_only else 'static'}/go.mod")
    made = {"go.mod": f"// {HEADER}\n\n" + text.replace("module client\n", f"module {module}\n", 1)}
    return made if rest_only else made | {"go.sum": read_static("go/static/go.sum")}


def _import(module: str, package: Markup, options: Options) -> Markup:
    path = module if options.go_mod else f"your.module/{package}"
    alias = "" if path.rpartition("/")[2] == package else f"{package} "
    return code(f"{alias}{go_string(path)}")


def _methods(model: Model, package: Markup) -> list[_Method]:
    names = claim(model.signatures, lambda w: _exported(w, "signature"), _METHODS, separator="")
    return [_method(s, names[wire], package) for wire, s in model.signatures.items()]


def _method(signature: Signature, name: Name, package: Markup) -> _Method:
    wire = f'signature "{signature.name}"'
    return _Method(
        name=name,
        doc=_comment(f"{name.ident} runs {wire}."),
        input_doc=_comment(f"{name.ident}Input holds the inputs of {wire}."),
        output_doc=_comment(f"{name.ident}Output holds the outputs of {wire}."),
        inputs=_tensors(signature.inputs.values(), package, signature.defaults),
        outputs=_tensors(signature.outputs.values(), package),
        wants_picture=any(_holds_picture(spec) for spec in signature.inputs.values()),
    )


def _tensors(
    specs: Iterable[TensorSpec], package: Markup, defaults: frozenset[str] = frozenset()
) -> list[_Tensor]:
    specs = list(specs)
    names = claim((s.name for s in specs), lambda w: _exported(w, "tensor"), separator="")
    return [_tensor(s, names[s.name], package, s.name in defaults) for s in specs]


def _tensor(spec: TensorSpec, name: Name, package: Markup, has_default: bool) -> _Tensor:
    type_ = _TYPES.get(spec.dtype, str(spec.dtype))
    shape = "" if spec.shape is None else f", shape: []int{{{', '.join(map(str, spec.shape))}}}"
    left = " Over gRPC, the zero Tensor leaves it to the model's default." if has_default else ""
    bits = ", by its bits" if spec.dtype.startswith("float8") else ""
    return _Tensor(
        name=name,
        doc=_comment(f'{name.ident} is "{spec.name}": {spec}{bits}.{left}', tabs=1),
        type=code(type_),
        dtype=code(_constant(spec.dtype)),
        shape=code(shape),
        has_default=has_default,
        spec=code(str(spec)),
        sample=_sample(spec, type_, package),
        verb=code("%q" if spec.dtype == STRING else "%v"),
    )


def _constant(dtype: str) -> str:
    """The runtime's constant: dtFloat32, dtFloat8E4M3FN."""
    kind, _, variant = dtype.partition("_")
    return f"dt{kind.capitalize()}{variant.upper()}"


def _exported(wire: str, fallback: str) -> str:
    ident = pascal(wire, fallback)
    return re.sub(
        r"[A-Z][a-z]+", lambda m: m[0].upper() if m[0].upper() in _INITIALISMS else m[0], ident
    )


def _holds_picture(spec: TensorSpec) -> bool:
    return is_picture(spec) and math.prod(dims(spec)) == 1


def _sample(spec: TensorSpec, type_: str, package: Markup) -> Markup:
    """An expression of a tensor that fits: zeros, or a picture where one is wanted."""
    sizes = dims(spec)
    count = math.prod(sizes)
    exported = f"{package}.{type_}" if type_[0].isupper() else type_
    if count > _LARGEST_SAMPLE:
        return code(f"{package}.Tensor[{exported}]{{}}")
    data = "[]string{string(picture)}" if _holds_picture(spec) else f"make([]{exported}, {count})"
    if not sizes:
        return code(f"{package}.Tensor[{exported}]{{Data: {data}}}")
    return code(f"{package}.NewTensor({', '.join([data, *map(str, sizes)])})")


def _comment(text: str, tabs: int = 0) -> Markup:
    """A doc comment; its lines but the first start with ``tabs``, as gofmt wants."""
    # gofmt makes typographic quotes of these pairs.
    text = text.replace("''", "'\\x27").replace("``", "`\\x60")
    lines = go_comment(text, _WIDTH - tabs * _TAB)
    return code(str(lines).replace("\n", "\n" + "\t" * tabs))
