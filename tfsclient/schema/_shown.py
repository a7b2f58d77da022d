"""What a model wants and gives, for people: one line, a table, HTML."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from tfsclient._tables import WIDTH, html_table, listed, quoted, short, table, visible, wrap
from tfsclient.schema._reasons import NO_SIGNATURES, without_exporters

if TYPE_CHECKING:
    from tfsclient.schema import FeatureSpec, Model, Signature, TensorSpec

_INDENT: Final = "  "
_SHOWN: Final = 4  # elements of a feature's default
_MOST_LABELS: Final = 20  # that may be shown

# The name, dtype and shape of a tensor or a feature, what it is, and what else there is to say.
_HEAD: Final = ("", "name", "dtype", "shape", "note")


def model_line(model: Model) -> str:
    """``<Model 'digits' version 1: serving_default, png>``."""
    names = [short(_name(name)) for name in without_exporters(model.signatures)]
    return f"<Model {_title(model, quoted=True)}: {listed(names)}>"


def signature_line(signature: Signature) -> str:
    """``<Signature 'serving_default': x float32 [-1] -> y float32 [-1]>``."""
    inputs, outputs = (
        listed([f"{short(_name(name))} {spec}" for name, spec in specs.items()])
        for specs in (signature.inputs, signature.outputs)
    )
    return f"<Signature {short(repr(signature.name))}: {inputs} -> {outputs}>"


def model_text(model: Model) -> str:
    """The model's signatures as tables; those of TensorFlow's exporter are left out."""
    blocks = [_signature_lines(s) for s in without_exporters(model.signatures).values()]
    if not blocks:
        blocks = [wrap(f"no signatures; {NO_SIGNATURES}")]
    head = [*wrap(_title(model)), *(wrap(prose(model.description)) if model.description else [])]
    lines = [line for block in [head, *blocks] for line in ["", *block]]
    return "\n".join(line.rstrip() for line in lines[1:])


def signature_text(signature: Signature) -> str:
    """The signature as a table."""
    return "\n".join(_signature_lines(signature))


def model_html(model: Model) -> str:
    """The model's signatures as one table of HTML."""
    rows = [
        (name, *cells)
        for name, signature in without_exporters(model.signatures).items()
        for cells in _html_rows(signature)
    ]
    title = "\n".join(filter(None, [_title(model), prose(model.description)]))
    return html_table(title, [("signature", *_HEAD), *rows])


def signature_html(signature: Signature) -> str:
    """The signature as a table of HTML."""
    return html_table(_heading(signature), [_HEAD, *_html_rows(signature)])


def _title(model: Model, *, quoted: bool = False) -> str:
    name = short(repr(model.name)) if quoted else visible(model.name)
    return name if model.version is None else f"{name} version {model.version}"


def _name(name: str) -> str:
    return visible(name) or '""'


def _heading(signature: Signature) -> str:
    method = signature.method.removeprefix("tensorflow/serving/")
    name = _name(signature.name)
    return f"{name} ({visible(method)})" if method else name


def _signature_lines(signature: Signature) -> list[str]:
    lines = [*wrap(_heading(signature)), *table(list(_rows(signature)), _INDENT)]
    if (reason := _restriction(signature)) is not None:
        lines += [f"{_INDENT}{line}".rstrip() for line in wrap(reason, WIDTH - len(_INDENT))]
    if signature.samples:
        examples = f"examples: {_samples(signature)}"
        lines += [f"{_INDENT}{line}".rstrip() for line in wrap(examples, WIDTH - len(_INDENT))]
    return lines


def _html_rows(signature: Signature) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = list(_rows(signature))
    if (reason := _restriction(signature)) is not None:
        rows.append(("", "", "", "", reason))
    if signature.samples:
        rows.append(("examples", "", "", "", _samples(signature)))
    return rows


def _samples(signature: Signature) -> str:
    return listed([short(visible(sample.name)) for sample in signature.samples])


def _restriction(signature: Signature) -> str | None:
    if signature.why_unusable is None:
        return None
    some = signature.callable_part() is not None
    what = "some outputs cannot be fetched" if some else "it cannot be called"
    return visible(f"{what}: {signature.why_unusable}")


def _rows(signature: Signature) -> Iterator[tuple[str, str, str, str, str]]:
    for name, spec in signature.inputs.items():
        default = "has a default" if name in signature.defaults else ""
        note = "; ".join(filter(None, [default, meaning_text(spec)]))
        yield "in", _name(name), spec.dtype, _shape(spec), note
        if name == signature.example_input:
            for feature in (signature.features or {}).values():
                shape = feature.kind if feature.shape is None else str(list(feature.shape))
                yield "feature", _name(feature.name), feature.dtype, shape, _note(feature)
    for name, spec in signature.outputs.items():
        yield "out", _name(name), spec.dtype, _shape(spec), meaning_text(spec)


def meaning_text(spec: TensorSpec) -> str:
    """What a tensor stands for, in words; "" if that is not known."""
    meaning = spec.meaning
    if meaning is None:
        return ""
    parts = [meaning.kind, meaning.colour, meaning.layout]
    if meaning.range is not None:
        parts.append("{:g} to {:g}".format(*meaning.range))
    for name in ("mean", "std"):
        numbers = getattr(meaning, name)
        if numbers is not None:
            parts.append(f"{name} {' '.join(f'{number:g}' for number in numbers)}")
    if meaning.labels is not None:
        first = [short(visible(label)) for label in meaning.labels[:_MOST_LABELS]]
        names = listed([*first, *meaning.labels[_MOST_LABELS:]])  # of which it shows none
        parts.append(f"{len(meaning.labels)} labels: {names}")
    about = ", ".join(part for part in parts if part is not None)
    return ". ".join(filter(None, [about, prose(meaning.description)]))


def prose(text: str) -> str:
    """Words on one line."""
    return visible(" ".join(text.split()))


def _shape(spec: TensorSpec) -> str:
    return "any" if spec.shape is None else str(list(spec.shape))


def _note(feature: FeatureSpec) -> str:
    if feature.default is None:
        return "required" if feature.required else ""
    values = feature.default[:_SHOWN]
    shown = ", ".join(quoted(v) if isinstance(v, bytes) else repr(v) for v in values)
    more = ", ..." if len(feature.default) > _SHOWN else ""
    return f"default {shown}{more}"
