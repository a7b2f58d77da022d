"""curl: one POSIX shell script that calls each signature over REST."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from markupsafe import Markup

from tfsclient._inputs.samples import (
    dims,
    element,
    feature_dims,
    length,
    nested,
    serialized_example,
)
from tfsclient.schema import DEFAULT_SIGNATURE, FeatureSpec, Signature, TensorSpec
from tfsclient.schema._shown import meaning_text, prose
from tfsclient_gen.names import claim, identifier, is_windows_device, snake
from tfsclient_gen.quoting import code, sh_quoted, sh_word, visible
from tfsclient_gen.target import Run

_SHORT: Final = 16  # values of an input that a sample spells out; a loop makes more of them
_LONGEST: Final = 1_000_000  # values that a sample may have at all
_LONGEST_EXAMPLE: Final = 1_000  # and a serialized Example, which no loop can make
_LONGEST_FILE_NAME: Final = 64
_LONGEST_PREFIX: Final = 64

_COMMANDS: Final = frozenset({"", "-h", "--help", "metadata", "status"})
_SHELLS: Final = frozenset({"BASH", "KSH", "ZSH"})  # BASH_VERSION is the shell's own
# With _VERSION and the like behind them, these are set by CI systems and images of languages.
_FOREIGN: Final = frozenset(
    "CI DOCKER GO GOLANG JAVA JULIA NODE NPM PERL PHP PIP PYTHON RUBY RUST YARN".split()
)


@dataclass(frozen=True, slots=True)
class _Value:
    """An input or a feature in a sample: spelled out, and as shell words for a loop."""

    name: str
    literal: Markup
    word: Markup
    value: Markup
    sizes: list[int]


@dataclass(frozen=True, slots=True)
class _Signature:
    """A signature.

    Attributes:
        wire: its name as JSON, in a shell word.
        verb: the REST verb that calls it.
        command: what to type for it.
        pattern: the pattern of ``case`` that matches this; always quoted, as ``esac`` has to be.
        shown: the command as the usage shows it.
        wire_name: its name.
        renamed: its name as the usage shows it, if the command is another; else "".
        function: the function that prints its sample.
        about: what it takes and gives, in lines.
        opening: how its sample begins.
        closing: how its sample ends.
        values: the values in its sample.
        is_short: whether the sample is spelled out.
        refused: why it has no sample; "" if it has one.
    """

    wire: Markup
    verb: Markup
    command: str
    pattern: Markup
    shown: Markup
    wire_name: str
    renamed: Markup
    function: Markup
    about: list[str]
    opening: Markup
    closing: Markup
    values: list[_Value]
    is_short: bool
    refused: str


@dataclass(frozen=True, slots=True)
class _Unseen:
    """A variable that holds a command with characters that cannot be seen, made by printf.

    Attributes:
        variable: its name.
        format: what printf makes it of; a full stop at its end keeps line ends before it.
        trimmed: its value without that.
    """

    variable: Markup
    format: Markup
    trimmed: Markup


def _pattern(command: str, unseen: list[_Unseen]) -> Markup:
    """A pattern that matches a command; ``unseen`` grows if it has to be made by printf."""
    if visible(command) == command:
        return sh_quoted(command)
    variable = identifier(f"command_{len(unseen) + 1}")
    escaped = "".join(
        {"%": "%%", "\\": "\\\\"}.get(c, c)
        if visible(c) == c
        else "".join(f"\\{byte:03o}" for byte in c.encode())
        for c in command
    )
    trimmed = code(f"${{{variable}%.}}")
    unseen.append(_Unseen(variable, sh_quoted(f"{escaped}."), trimmed))
    return code(f'"${variable}"')


@dataclass(frozen=True, slots=True)
class _Refused:
    """A signature that the script knows only to say why it cannot be called."""

    pattern: Markup
    reason: str


def files(run: Run) -> dict[str, str]:
    """The script; it refuses the signatures that are left out."""
    file, why = _file(run.name)
    run.tell_name("script", file, why)
    view = _view(run)
    for one in view["renamed"]:
        run.tell(
            f"{file}: signature {one.wire_name!r} is called as {one.command}: the script itself "
            f"uses {one.wire_name!r}"
        )
    return {file: run.templates.render("curl/client.sh.j2", **view)}


def shared(runs: Sequence[Run]) -> dict[str, str]:
    """The README of all scripts in the folder."""
    models = [_view(run) for run in runs]
    any_of = {key: any(model[key] for model in models) for key in ("predicts", "takes_examples")}
    view = {"models": models, "file": models[0]["file"], **any_of}
    return {"README.md": runs[0].templates.render("curl/README.md.j2", **view)}


def _file(wire: str) -> tuple[str, str]:
    """The script's name, and why that is not the obvious one."""
    name = snake(wire, "model")[:_LONGEST_FILE_NAME]
    if is_windows_device(name):
        return f"{identifier(name)}_model.sh", f"Windows takes {name} for a device"
    return f"{identifier(name)}.sh", ""


def _view(run: Run) -> dict[str, Any]:
    model = run.model
    # A shell cannot hold NUL, so a signature with it in its name cannot be asked for.
    callable_ = [s for wire, s in model.signatures.items() if "\0" not in wire]
    commands = _commands([*(s.name for s in callable_), *(gone.signature for gone in run.left_out)])
    functions = claim(model.signatures, lambda w: f"sample_{snake(w, 'signature')}")
    unseen: list[_Unseen] = []
    signatures = [
        _signature(s, commands[s.name], functions[s.name].ident, unseen) for s in callable_
    ]
    refused = [
        _Refused(
            _pattern(commands[gone.signature], unseen),
            f"{visible(gone.signature)}: {'; '.join((gone.reason, *gone.others))}",
        )
        for gone in run.left_out
        if gone.signature and "\0" not in gone.signature
    ]
    return {
        "model": model.name,
        "summary": " ".join(
            [
                f'Calls the TensorFlow Serving model "{model.name}" over REST, with curl.',
                prose(model.description),
            ]
        ),
        "file": code(_file(run.name)[0]),
        "path": quote(model.name, safe=""),
        "env": _environment(run.name),
        "signatures": signatures,
        "predicts": any(s.verb == "predict" for s in signatures),
        "takes_examples": any(s.verb != "predict" for s in signatures),
        "nests": any(not s.is_short and not s.refused for s in signatures),
        "example": _example(signatures),
        "renamed": [s for s in signatures if s.renamed],
        "left_out": refused,
        "unseen": unseen,
    }


def _example(signatures: Sequence[_Signature]) -> list[_Signature]:
    """The signature that the README shows: at most one, and not one that needs quotes."""
    plain = [s for s in signatures if sh_word(s.command) == s.command]
    return sorted(plain, key=lambda s: s.command != DEFAULT_SIGNATURE)[:1]


def _commands(wires: Sequence[str]) -> dict[str, str]:
    """What to type for each signature: its name, unless the script itself uses that word."""
    commands: dict[str, str] = {}
    taken = _COMMANDS | set(wires)
    for wire in wires:
        command = wire
        while command in _COMMANDS or (command != wire and command in taken):
            command += "_"
        commands[wire] = command
        taken |= {command}
    return commands


def _environment(name: str) -> dict[str, Markup]:
    prefix = identifier(snake(name, "model")[:_LONGEST_PREFIX].upper())
    if prefix in _SHELLS | _FOREIGN:
        prefix = identifier(f"{prefix}_MODEL")
    defaults = {
        "url": "${TFSCLIENT_URL:-http://localhost:8501}",
        "header": "",
        "model": "",
        "version": "",
        "label": "",
    }
    variables = {key: f"${{{prefix}_{key.upper()}:-{value}}}" for key, value in defaults.items()}
    return {
        "prefix": prefix,
        "blank": code(" " * len(prefix)),
        **{key: code(text) for key, text in variables.items()},
    }


def _signature(
    signature: Signature, command: str, function: Markup, unseen: list[_Unseen]
) -> _Signature:
    refused = _why_no_sample(signature)
    sample = {} if refused else _sample(signature)
    predicts = signature.kind == "predict"
    return _Signature(
        wire=sh_word(json.dumps(signature.name)),
        verb=code(signature.kind),
        command=command,
        pattern=_pattern(command, unseen),
        shown=code(visible(command)),
        wire_name=signature.name,
        renamed=code(f'"{visible(signature.name)}"' if command != signature.name else ""),
        function=function,
        about=_about(signature),
        opening=code('"inputs": {' if predicts else '"examples": [{'),
        closing=code("}" if predicts else "}]"),
        values=[_value(name, value, sizes) for name, (value, sizes) in sample.items()],
        is_short=all(length(sizes) <= _SHORT for _, sizes in sample.values()),
        refused=refused,
    )


def _about(signature: Signature) -> list[str]:
    """What a signature takes and gives, in lines."""
    features = None if signature.features is None else _listed(signature.features)
    if signature.kind != "predict":
        answer = "labels with scores" if signature.kind == "classify" else "a float32"
        takes = ["takes tf.Examples"] if features is None else ["takes tf.Examples with", *features]
        lines = [*takes, f"and gives {answer} for each of them."]
    else:
        lines = ["takes", *_listed(signature.inputs)]
        if features is not None:
            lines += ["with serialized tf.Examples of", *features]
        lines += ["and gives", *_listed(signature.outputs)]
    return [f"{signature.name} {lines[0]}", *lines[1:]]


def _listed(specs: Mapping[str, TensorSpec | FeatureSpec]) -> list[str]:
    return [f"  {name}: {spec}{_meaning(spec)}" for name, spec in specs.items()]


def _meaning(spec: TensorSpec | FeatureSpec) -> str:
    text = meaning_text(spec) if isinstance(spec, TensorSpec) else ""
    return f": {text}" if text else ""


def _why_no_sample(signature: Signature) -> str:
    """Why the script has no sample of a signature; "" if it has one."""
    if signature.kind != "predict" and signature.features is None:
        return "there is no sample, because the features are not known: give a body"
    inputs = sum(length(dims(spec)) for spec in signature.inputs.values())
    features = (signature.features or {}).values()
    in_example = sum(length(feature_dims(spec)) for spec in features)
    limit = _LONGEST_EXAMPLE if signature.kind == "predict" else _LONGEST
    if inputs > _LONGEST or in_example > limit:
        return "there is no sample of that size: give a body"
    return ""


def _sample(signature: Signature) -> dict[str, tuple[Any, list[int]]]:
    """The sample's values, an element and its lists' sizes each, by input or by feature."""
    features = signature.features or {}
    if signature.kind != "predict":
        return {name: (element(spec), feature_dims(spec)) for name, spec in features.items()}
    values = {name: (element(spec), dims(spec)) for name, spec in signature.inputs.items()}
    if signature.features is not None and signature.example_input is not None:
        sizes = dims(signature.inputs[signature.example_input])
        values[signature.example_input] = (serialized_example(features), sizes)
    return values


def _value(name: str, value: Any, sizes: list[int]) -> _Value:
    literal = json.dumps(nested(value, sizes)) if length(sizes) <= _SHORT else ""
    return _Value(
        name, code(literal), sh_word(json.dumps(name)), sh_word(json.dumps(value)), sizes[::-1]
    )
