"""What Rust has where it is told that inputs are pictures: functions that read them from files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from tfsclient.schema import Signature, TensorSpec
from tfsclient_gen.languages.rust import layout
from tfsclient_gen.languages.rust.types import rust_type
from tfsclient_gen.names import Name, claim
from tfsclient_gen.pictures import picture_shape
from tfsclient_gen.quoting import code

_OTHERS: Final = frozenset({"into_tensors", "from_tensors"})  # functions that inputs have


@dataclass(frozen=True, slots=True)
class Read:
    """The functions of an input that make a tensor of pictures.

    Attributes:
        from_paths: the one that reads files by their paths.
        from_bytes: the one that is given what is in the files.
        settings: the one that says how the input wants its pictures.
        pictures: what that gives.
    """

    doc: Markup
    bytes_doc: Markup
    from_paths: Markup
    from_bytes: Markup
    settings: Markup
    type: Markup
    pictures: Markup


def reads(signature: Signature, names: Mapping[str, Name]) -> Iterator[Read]:
    """The functions for those inputs that are pictures, by the names of their fields."""
    told = {wire: made for wire in names if (made := _pictures(signature.inputs[wire]))}
    plain = {wire: names[wire].ident.removeprefix("r#") for wire in told}
    taken = set(_OTHERS)
    found = []
    for form in ("read_{}", "{}_from_bytes", "pictures_of_{}"):
        named = _claimed(form, plain, taken)
        taken |= {str(name.ident) for name in named.values()}
        found.append(named)
    for wire, pictures in told.items():
        from_paths, from_bytes, settings = (named[wire].ident for named in found)
        wants = ["as", layout.span(plain[wire]), "wants its pictures."]
        yield Read(
            layout.doc("Reads PNG, JPEG or GIF files", *wants, indent=4),
            layout.doc("Decodes what PNG, JPEG or GIF files hold,", *wants, indent=4),
            from_paths,
            from_bytes,
            settings,
            code(rust_type(signature.inputs[wire].dtype)),
            pictures,
        )


def _claimed(form: str, plain: Mapping[str, str], taken: set[str]) -> dict[str, Name]:
    return claim(plain, lambda wire: form.format(plain[wire]), taken)


def _pictures(spec: TensorSpec) -> Markup | None:
    """How an input wants its pictures; None where it takes none that can be read."""
    meaning, shape = spec.meaning, picture_shape(spec)
    if meaning is None or shape is None:
        return None
    calls: dict[str, str | list[str]] = {}
    if spec.dtype == "float32":
        if meaning.range is not None:
            calls["range"] = ", ".join(map(_float, meaning.range))
        for name, numbers in (("mean", meaning.mean), ("std", meaning.std)):
            if numbers is not None:
                calls[name] = list(map(_float, numbers))
    if meaning.colour == "bgr":
        calls["bgr"] = ""
    if meaning.layout == "CHW":
        calls["channels_first"] = ""
    indent = 8 if len(calls) == 1 else 12
    links = [
        f".{name}({given})"
        if isinstance(given, str)
        else layout.array(f".{name}(", given, ")", indent)
        for name, given in calls.items()
    ]
    made = f"tfs::Pictures::new([{', '.join(map(str, shape))}])"
    return layout.chain("", made, links, "", 8)


def _float(number: float) -> str:
    return repr(float(number))
