"""Python: one module a model, over the tfsclient runtime."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from tfsclient.dtypes import STRING, DType
from tfsclient.schema import DEFAULT_SIGNATURE, Kind, Model, Signature, TensorSpec
from tfsclient_gen.languages.python import layout
from tfsclient_gen.languages.python.examples import (
    ExampleClass,
    example_classes,
    takes_examples,
)
from tfsclient_gen.languages.python.usage import Usage, usage
from tfsclient_gen.names import Name, claim, identifier, pascal, snake
from tfsclient_gen.quoting import code, py_string
from tfsclient_gen.samples import is_picture
from tfsclient_gen.target import Run

_LONGEST: Final = 48  # characters of a signature's name in the names of its classes

_KEYWORDS: Final = frozenset(
    "False None True and as assert async await break class continue def del elif else except "
    "finally for from global if import in is lambda nonlocal not or pass raise return try while "
    "with yield".split()
)
# What each scope of the template uses itself.
_MODULE: Final = _KEYWORDS | layout.IMPORTED
_CLASS: Final = _KEYWORDS | frozenset("bool close float int list str tuple type".split())
_METHOD: Final = _KEYWORDS | frozenset(
    "answer given headers plain_examples self timeout without_none".split()
)
_RESULT: Final = _KEYWORDS | frozenset(["np", "npt"])
_EXAMPLE: Final = _RESULT | frozenset("bytes float int self str to_example".split())


@dataclass(frozen=True, slots=True)
class _Tensor:
    """An input or output: its names, its docs, its parameter or field."""

    name: Name
    doc: Markup
    declared: Markup
    optional: bool = False


@dataclass(frozen=True, slots=True)
class _Method:
    """A signature: its names, its tensors, and the statements that depend on how long names are.

    Attributes:
        name: what it is called.
        kind: the call that it is for.
        constant: where it is told.
        spec: the statement that tells it.
        example: the class of its Examples, if there is one.
        inputs: the parameters; the examples alone for classify and regress.
        outputs: the fields of the result; of predict.
        result: the class of the result.
        given: the dict of the inputs.
        optional: whether an input may be left out.
        returned: the statement that makes the result.
        answer: what comes back, of classify and regress.
        usage: an example of a call.
    """

    name: Name
    kind: Kind
    constant: Markup
    spec: Markup
    example: Markup | None
    inputs: list[_Tensor]
    outputs: list[_Tensor]
    result: Markup
    given: Markup
    optional: bool
    returned: Markup
    answer: Markup
    usage: Usage


@dataclass(frozen=True, slots=True)
class _Names:
    """What signatures are called, in each scope of the module that has something for each."""

    methods: Mapping[str, Name]
    constants: Mapping[str, Name]
    features: Mapping[str, Name]
    results: Mapping[str, Name]
    examples: Mapping[str, Name]


def module_name(model: Model) -> str:
    """The module that holds the model's client."""
    return str(claim([model.name], lambda w: snake(w, "model"), _KEYWORDS)[model.name].ident)


def lock_file(model: Model) -> str:
    """The schema file beside the module; several models may share a folder."""
    return f"{module_name(model)}.lock.json"


def files(run: Run) -> dict[str, str]:
    """The client's module; its docstring tells what is left out.  No option is Python's."""
    model = run.model
    module = module_name(model)
    client = pascal(model.name, "model")[:_LONGEST]
    client = identifier(f"{client}Client" if client in _MODULE else client)
    clients = [client, identifier(f"Async{client}")]
    names = _claim_names(model.signatures, clients)
    classes = example_classes(model, names.examples, names.features, _EXAMPLE)
    methods = [_method(s, names, classes.get(wire)) for wire, s in model.signatures.items()]
    exported = [*clients, *(m.example for m in methods if m.example is not None)]
    exported += [m.result for m in methods if m.kind == "predict"]
    exported.sort(key=layout.ruff_order)
    view = {
        "model": model.name,
        "client": client,
        "methods": methods,
        # The examples in docstrings show the signature that most will call.
        "shown": sorted(methods, key=lambda m: m.name.wire != DEFAULT_SIGNATURE)[:1],
    }
    listed = "_SIGNATURES" if methods else "_SIGNATURES: list[Signature]"
    body = run.templates.render(
        "python/_body.py.j2",
        **view,
        examples=[example for wire, example in classes.items() if wire == example.wire],
        # Python 3.10 has no Self, which an __enter__ of our own would want.
        head=layout.class_head(clients[0], "AbstractContextManager"),
        async_head=layout.class_head(clients[1], "AbstractAsyncContextManager"),
        signatures=layout.fit(0, f"{listed} = [", [m.constant for m in methods], "]"),
    )
    text = run.templates.render(
        "python/client.py.j2",
        **view,
        module=code(module),
        left_out=[layout.doc(4, f"``{gone.signature}``: {gone.reason}.") for gone in run.left_out],
        imports=layout.imports(body),
        exported=layout.fit(0, "__all__ = [", [f'"{name}"' for name in exported], "]"),
        body=code(body.rstrip("\n")),
    )
    return {f"{module}.py": text}


def _claim_names(signatures: Iterable[str], clients: Sequence[Markup]) -> _Names:
    methods = claim(signatures, lambda w: snake(w, "signature"), _CLASS)
    own = {"_FEATURES", "_SIGNATURES"}
    constants = claim(methods, lambda w: f"_{methods[w].ident.upper()}", own)
    own |= {str(name.ident) for name in constants.values()}
    taken = {*_MODULE, *map(str, clients)}

    def classes(suffix: str) -> dict[str, Name]:
        def name(wire: str) -> str:
            return pascal(wire, "signature")[:_LONGEST] + suffix

        return claim(methods, name, taken, separator="")

    return _Names(
        methods=methods,
        constants=constants,
        features=claim(methods, lambda w: f"_{methods[w].ident.upper()}_FEATURES", own),
        results=classes("Result"),
        examples=classes("Example"),
    )


def _method(signature: Signature, names: _Names, typed: ExampleClass | None) -> _Method:
    wire = signature.name
    constant, result = names.constants[wire].ident, names.results[wire].ident
    example = None if typed is None else names.examples[wire].ident
    if signature.kind == "predict":
        ins = claim(signature.inputs, lambda w: snake(w, "tensor"), _METHOD)
    else:
        ins = claim(signature.inputs, lambda _: "examples")
    outs = claim(signature.outputs, lambda w: snake(w, "tensor"), _RESULT)
    inputs = [_input(signature, spec, ins[w], example) for w, spec in signature.inputs.items()]
    inputs.sort(key=lambda tensor: tensor.optional)
    optional = any(tensor.optional for tensor in inputs)
    return _Method(
        name=names.methods[wire],
        kind=signature.kind,
        constant=constant,
        spec=layout.signature(constant, signature, None if typed is None else typed.constant),
        example=example,
        inputs=inputs,
        outputs=[_output(spec, outs[w]) for w, spec in signature.outputs.items()],
        result=result,
        given=_given([tensor.name for tensor in inputs], optional, typed is not None),
        optional=optional,
        returned=_returned(result, outs),
        answer=layout.doc(12, _answer(signature)),
        usage=usage(signature, names.methods[wire], ins, outs, example, typed),
    )


def _given(inputs: Sequence[Name], optional: bool, typed: bool) -> Markup:
    """The inputs by wire name, which has a statement of its own where some may be left out."""
    indent, head = (8, "given = {") if optional else (12, "{")
    pairs: list[str] = []
    for name in inputs:
        key = f"{py_string(name.wire)}: "
        if typed:
            pair = layout.fit(16, key + "plain_examples(", [name.ident], ")", comma=False, after=1)
        else:
            pair = code(f"{key}{name.ident}")
        pairs.append(pair)
    return layout.fit(indent, head, pairs, "}", after=0 if optional else 1)


def _answer(signature: Signature) -> str:
    if signature.kind == "regress":
        return "A number for each example."
    lacking = ""
    if "classes" not in signature.outputs:
        lacking = "; the labels are empty, for the model gives scores alone"
    elif "scores" not in signature.outputs:
        lacking = "; the scores are 0.0, for the model gives labels alone"
    return f"For each example its classes, as pairs of label and score{lacking}."


def _returned(result: Markup, outputs: Mapping[str, Name]) -> Markup:
    fields = [
        layout.fit(12, f"{name.ident}=answer[", [py_string(wire)], "]", comma=False, after=1)
        for wire, name in outputs.items()
    ]
    return layout.fit(8, f"return {result}(", fields, ")")


def _input(signature: Signature, spec: TensorSpec, name: Name, example: Markup | None) -> _Tensor:
    optional = spec.name in signature.defaults
    if takes_examples(signature):
        return _examples(signature, spec, name, example)
    doc, types = _tensor_doc(spec, name), ["npt.ArrayLike"]
    if _takes_images(spec):
        types += ["Image", "Sequence[Image]"]
        made = "encoded" if spec.dtype == STRING else "decoded and resized"
        doc += f"; also a tfsclient.Image or a list of them, {made} to fit"
    if optional:
        doc += "; None leaves it to the model's default"
    declared = layout.parameter(name.ident, types, optional=optional)
    return _Tensor(name, layout.doc(12, doc + "."), declared, optional)


def _examples(
    signature: Signature, spec: TensorSpec, name: Name, example: Markup | None
) -> _Tensor:
    """The parameter that takes Examples, typed if there is a class of them."""
    typed = [] if example is None else [str(example)]
    forms = ", ".join([*typed, "tfsclient.Example", "mapping of feature name to value"])
    doc = f"tf.Examples, each as {forms}, or serialized bytes."
    declared = layout.listed(name.ident, " | ".join([*typed, "AnyExample"]))
    if signature.kind != "predict":
        return _Tensor(name, layout.doc(12, f"{name.ident}: {doc}"), declared)
    if spec.shape == ():
        declared = layout.parameter(name.ident, [*typed, "AnyExample"])
        doc = doc.replace("tf.Examples, each", "a tf.Example,")
    return _Tensor(name, layout.doc(12, f"{_tensor_doc(spec, name)}: {doc}"), declared)


def _output(spec: TensorSpec, name: Name) -> _Tensor:
    doc = layout.doc(8, _tensor_doc(spec, name) + ".")
    return _Tensor(name, doc, layout.array_field(name.ident, _element(spec.dtype)))


def _tensor_doc(spec: TensorSpec, name: Name) -> str:
    called = f'; called "{spec.name}" by the server' if spec.name != name.ident else ""
    return f"{name.ident}: {spec}{called}"


def _element(dtype: DType) -> str:
    """The type of an array's elements."""
    if dtype == STRING:
        return "np.object_"
    if dtype.numpy.isbuiltin != 1:  # ml_dtypes' types have no annotations to speak of
        return "Any"
    return layout.numpy_type(dtype)


def _takes_images(spec: TensorSpec) -> bool:
    """Whether an input seems to be for pictures, and an Image fits it."""
    if spec.dtype == STRING:
        return is_picture(spec)
    if spec.dtype.kind not in ("float", "int") or spec.shape is None:
        return False
    rank, channels = len(spec.shape), spec.shape[-1:]
    if channels in ((1,), (3,), (4,)):
        return rank == 4 or (rank == 3 and (spec.shape[0] == -1) == (spec.shape[1] == -1))
    # Grey pictures without a dimension for channels look like sequences: the name decides.
    named = is_picture(TensorSpec(spec.name, STRING, None))
    return named and rank == 3 and spec.shape[0] == -1 and min(spec.shape[1:]) > 0
