"""What the Python templates show of a model's signatures, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from tfsclient._inputs.samples import is_picture, plain
from tfsclient.dtypes import STRING
from tfsclient.errors import shown
from tfsclient.schema import Kind, Model, Picture, Sample, Signature, TensorSpec
from tfsclient.schema._meaning import is_pictures
from tfsclient.schema._shown import meaning_text, prose
from tfsclient_gen.languages.python import constants, layout
from tfsclient_gen.languages.python.examples import ExampleClass, takes_examples
from tfsclient_gen.languages.python.names import Names, input_names, output_names
from tfsclient_gen.languages.python.usage import Usage, usage
from tfsclient_gen.names import Name
from tfsclient_gen.quoting import code, py_string


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output.

    Attributes:
        name: its names.
        doc: what it is.
        declared: the parameter of an input, the field of an output.
        imports: what that declaration needs to have imported.
        optional: whether it may be left out.
    """

    name: Name
    doc: Markup
    declared: Markup
    imports: frozenset[str]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Method:
    """A signature: its names, its tensors, and the statements that depend on how long names are.

    Attributes:
        name: what it is called.
        kind: the call that it is for.
        constant: the constant that describes it.
        spec: the statement that makes that.
        example: the class of its Examples, if there is one.
        inputs: the parameters; the examples alone for classify and regress.
        outputs: the fields of the result, for predict.
        result: the class of the result.
        given: the dict of the inputs.
        optional: whether an input may be left out.
        checked: the statement that checks the outputs, for predict.
        returned: the statement that makes the result.
        picked: the argument that asks for some of the outputs; "" where it gives them all.
        answer: what comes back, for classify and regress.
        usage: an example of a call.
        examples: named examples of the model's own, each a line.
        labelled: the outputs whose labels are known: the parameter of the method that gives them,
            and the statement that does so; None if there are none.
        imports: what its code needs to have imported.
    """

    name: Name
    kind: Kind
    constant: Markup
    spec: Markup
    example: Markup | None
    inputs: list[Tensor]
    outputs: list[Tensor]
    result: Markup
    given: Markup
    optional: bool
    checked: Markup
    returned: Markup
    picked: Markup
    answer: Markup
    usage: Usage
    examples: list[Markup]
    labelled: tuple[Markup, Markup] | None
    imports: frozenset[str]


def methods(
    model: Model,
    names: Names,
    classes: Mapping[str, ExampleClass],
    picked: Mapping[str, Sequence[str]],
) -> list[Method]:
    """The methods of a model's client, one for each signature; some take Examples of a class."""
    return [
        _method(s, names, classes.get(wire), picked.get(wire))
        for wire, s in model.signatures.items()
    ]


def _method(
    signature: Signature,
    names: Names,
    typed: ExampleClass | None,
    picked: Sequence[str] | None,
) -> Method:
    wire = signature.name
    constant, result = names.constants[wire].ident, names.results[wire].ident
    example = None if typed is None else names.examples[wire].ident
    features = None if typed is None else typed.constant
    ins, outs = input_names(signature), output_names(signature)
    if picked is not None:
        outs = {w: name for w, name in outs.items() if w in picked}
    inputs = [_input(signature, spec, ins[w], example) for w, spec in signature.inputs.items()]
    inputs.sort(key=lambda tensor: tensor.optional)
    outputs = [_output(signature.outputs[w], name) for w, name in outs.items()]
    asked = [py_string(w) for w in picked or ()]
    optional = any(tensor.optional for tensor in inputs)
    return Method(
        name=names.methods[wire],
        kind=signature.kind,
        constant=constant,
        spec=constants.signature(constant, signature, features),
        example=example,
        inputs=inputs,
        outputs=outputs,
        result=result,
        given=_given([tensor.name for tensor in inputs], optional, typed is not None),
        optional=optional,
        checked=layout.fit(8, "check_dtypes(", [f"answer, {constant}"], ")", comma=False),
        returned=_returned(result, outs),
        picked=layout.fit(12, "outputs=[", asked, "],") if asked else code(""),
        answer=layout.doc(12, _answer(signature)),
        usage=usage(signature, names.methods[wire], ins, outs, example, typed),
        examples=[_sample(sample, ins) for sample in signature.samples],
        labelled=_labelled(signature, constant, outs),
        imports=constants.signature_imports(signature, features)
        | _imports(
            signature.kind,
            inputs,
            outputs,
            typed=typed is not None,
            labelled=signature.labels is not None,
        ),
    )


def _imports(
    kind: Kind,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    *,
    typed: bool,
    labelled: bool,
) -> frozenset[str]:
    """What a method and the class of its result need to have imported."""
    names = {"DEFAULT"}.union(*(tensor.imports for tensor in inputs))
    if typed:
        names.add("plain_examples")
    if kind == "predict":
        names = names.union(["check_dtypes", "dataclass"], *(tensor.imports for tensor in outputs))
        if any(tensor.optional for tensor in inputs):
            names.add("without_none")
        if labelled:
            names |= {"Literal", "top"}
    elif kind == "regress":
        names |= {"np", "npt"}
    return frozenset(names)


def _given(inputs: Sequence[Name], optional: bool, typed: bool) -> Markup:
    """The inputs by wire name, which has a statement of its own if some may be left out."""
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


def _input(signature: Signature, spec: TensorSpec, name: Name, example: Markup | None) -> Tensor:
    optional = spec.name in signature.defaults
    if takes_examples(signature):
        return _examples(signature, spec, name, example)
    doc, types, imports = _tensor_doc(spec, name), ["npt.ArrayLike"], {"npt"}
    if _takes_images(spec):
        types += ["Image", "Sequence[Image]"]
        imports |= {"Image", "Sequence"}
        made = "encoded" if spec.dtype == STRING else "decoded and resized"
        if constants.has_meaning(spec):
            made = "decoded, resized and scaled"
        doc += f"; also a tfsclient.Image or a list of them, {made} to fit"
    if optional:
        doc += "; None leaves it to the model's default"
    declared = layout.parameter(name.ident, types, optional=optional)
    return Tensor(name, layout.doc(12, doc + "."), declared, frozenset(imports), optional)


def _examples(signature: Signature, spec: TensorSpec, name: Name, example: Markup | None) -> Tensor:
    """The parameter that takes Examples, typed if there is a class of them."""
    types = [*([] if example is None else [str(example)]), "AnyExample"]
    forms = ", ".join([*types[:-1], "tfsclient.Example", "mapping of feature name to value"])
    if signature.kind == "predict" and spec.shape == ():
        doc = f"a tf.Example, as {forms}, or serialized bytes."
        declared = layout.parameter(name.ident, types)
        imports = ["AnyExample"]
    else:
        doc = f"tf.Examples, each as {forms}, or serialized bytes."
        declared = layout.listed(name.ident, " | ".join(types))
        imports = ["AnyExample", "Sequence"]
    about = _tensor_doc(spec, name) if signature.kind == "predict" else str(name.ident)
    return Tensor(name, layout.doc(12, f"{about}: {doc}"), declared, frozenset(imports))


def _output(spec: TensorSpec, name: Name) -> Tensor:
    doc = layout.doc(8, _tensor_doc(spec, name) + ".")
    if spec.dtype == STRING:
        element, imported = "np.object_", "np"
    elif spec.dtype.numpy.isbuiltin == 1:
        element, imported = layout.numpy_type(spec.dtype), "np"
    else:  # ml_dtypes' types have no annotations to speak of
        element = imported = "Any"
    declared = layout.array_field(name.ident, element)
    return Tensor(name, doc, declared, frozenset(["npt", imported]))


def _labelled(
    signature: Signature, constant: Markup, outputs: Mapping[str, Name]
) -> tuple[Markup, Markup] | None:
    wires = [wire for wire in outputs if wire in (signature.labels or {})]
    if not wires:
        return None
    parameter = layout.fit(8, "output: Literal[", map(py_string, wires), "],", comma=False)
    pairs = [f"{py_string(wire)}: self.{outputs[wire].ident}" for wire in wires]
    held = layout.fit(12, "{", pairs, "}", after=1)
    return parameter, layout.fit(8, "return top(", [constant, held, "output", "k"], ")")


def _sample(sample: Sample, inputs: Mapping[str, Name]) -> Markup:
    values = ", ".join(f"{inputs[n].ident}={_shown(v)}" for n, v in sample.inputs.items())
    return layout.doc(12, f"{prose(sample.name)}: {values}")


def _shown(value: Any) -> str:
    """A value of an example as Python writes it, or its beginning."""
    if isinstance(value, Picture):
        return f"Image({py_string(value.file)})"
    if isinstance(value, tuple) and is_pictures(value):
        return f"[{', '.join(map(_shown, value))}]"
    return shown(plain(value))


def _tensor_doc(spec: TensorSpec, name: Name) -> str:
    called = f'; called "{spec.name}" by the server' if spec.name != name.ident else ""
    about = meaning_text(spec).rstrip(".")
    return f"{name.ident}: {spec}{called}{f': {about}' if about else ''}"


def _takes_images(spec: TensorSpec) -> bool:
    """Whether an input is for pictures, or seems to be and an Image fits it."""
    if spec.meaning is not None and spec.meaning.kind is not None:
        return spec.meaning.kind == "image"
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
