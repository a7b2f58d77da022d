"""curl: one POSIX shell script that calls each signature over REST."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from markupsafe import Markup

from tfsclient.schema import DEFAULT_SIGNATURE, Model, Signature, TensorSpec
from tfsclient_gen.generate import LeftOut, Options
from tfsclient_gen.names import claim, snake
from tfsclient_gen.quoting import code, sh_word, visible
from tfsclient_gen.render import render
from tfsclient_gen.samples import PNG_BASE64, dims, is_picture

_SHORT: Final = 16  # values of an input that a sample spells out; a loop makes more of them
_LONGEST: Final = 1_000_000  # values that a sample may have at all
_LONGEST_FILE_NAME: Final = 100

_COMMANDS: Final = frozenset({"", "-h", "--help", "metadata", "status"})
_SHELLS: Final = frozenset({"BASH", "KSH", "ZSH"})  # BASH_VERSION is the shell's own
_WINDOWS: Final = frozenset(
    ["aux", "con", "nul", "prn", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))]
)


@dataclass(frozen=True, slots=True)
class _Input:
    """A value of a sample: spelled out, and as shell words for a loop that makes it."""

    name: str
    literal: Markup
    word: Markup
    value: Markup
    sizes: list[int]


@dataclass(frozen=True, slots=True)
class _Signature:
    """A signature: its name as JSON, typed, matched and shown; and its sample."""

    wire: Markup
    command: str
    pattern: Markup
    shown: Markup
    function: Markup
    inputs: list[_Input]
    is_short: bool
    too_large: bool


@dataclass(frozen=True, slots=True)
class _Refused:
    """A signature that is there to be told why it cannot be called."""

    pattern: Markup
    reason: str


def files(
    model: Model,
    options: Options,
    left_out: Sequence[LeftOut] = (),
) -> dict[str, str]:
    """The script and its README; the script refuses the signatures that are ``left_out``."""
    name = claim([model.name], lambda w: snake(w, "model")[:_LONGEST_FILE_NAME], _WINDOWS)
    file = f"{name[model.name].ident}.sh"
    # A shell cannot hold NUL, so a signature with it in its name cannot be asked for.
    callable_ = [s for wire, s in model.signatures.items() if "\0" not in wire]
    commands = _commands([*(s.name for s in callable_), *(gone.signature for gone in left_out)])
    functions = claim(model.signatures, lambda w: f"sample_{snake(w, 'signature')}")
    signatures = [_signature(s, commands[s.name], functions[s.name].ident) for s in callable_]
    view = {
        "model": model.name,
        "summary": f'Calls the TensorFlow Serving model "{model.name}" over REST, with curl.',
        "file": code(file),
        "path": quote(model.name, safe=""),
        "env": _environment(model),
        "signatures": signatures,
        "example": _example(signatures),
        "left_out": [
            _Refused(
                _pattern(commands[gone.signature]), f"{visible(gone.signature)}: {gone.reason}"
            )
            for gone in left_out
            if gone.signature and "\0" not in gone.signature
        ],
    }
    return {
        file: render("curl/client.sh.j2", **view),
        "README.md": render("curl/README.md.j2", **view),
    }


def _example(signatures: Sequence[_Signature]) -> list[_Signature]:
    """The signature that the README shows: at most one, and none that needs quotes."""
    plain = [s for s in signatures if sh_word(s.command) == s.command]
    return sorted(plain, key=lambda s: s.command != DEFAULT_SIGNATURE)[:1]


def _pattern(command: str) -> Markup:
    """A pattern of ``case`` for this word alone; quoted always, as ``esac`` has to be."""
    word = sh_word(command)
    return word if word.startswith("'") else code(f"'{word}'")


def _commands(wires: Sequence[str]) -> dict[str, str]:
    """What to type for each signature: its name, unless the script itself has that word."""
    commands: dict[str, str] = {}
    taken = _COMMANDS | set(wires)
    for wire in wires:
        command = wire
        while command in _COMMANDS or (command != wire and command in taken):
            command += "_"
        commands[wire] = command
        taken |= {command}
    return commands


def _environment(model: Model) -> dict[str, Markup]:
    prefix = claim([model.name], lambda w: snake(w, "model").upper(), _SHELLS)[model.name].ident
    defaults = {
        "url": "http://localhost:8501",
        "header": "",
        "model": "",
        "version": "",
        "label": "",
    }
    variables = {key: f"${{{prefix}_{key.upper()}:-{value}}}" for key, value in defaults.items()}
    return {"prefix": prefix, **{key: code(text) for key, text in variables.items()}}


def _signature(signature: Signature, command: str, function: Markup) -> _Signature:
    counts = [math.prod(dims(spec)) for spec in signature.inputs.values()]
    return _Signature(
        wire=sh_word(json.dumps(signature.name)),
        command=command,
        pattern=_pattern(command),
        shown=code(visible(command)),
        function=function,
        inputs=[_input(spec) for spec in signature.inputs.values()],
        is_short=max(counts) <= _SHORT,
        too_large=sum(counts) > _LONGEST,
    )


def _input(spec: TensorSpec) -> _Input:
    value = _value(spec)
    sizes = dims(spec)
    literal = ""
    if math.prod(sizes) <= _SHORT:
        literal = value
        for size in reversed(sizes):
            literal = f"[{', '.join([literal] * size)}]"
    word = sh_word(json.dumps(spec.name))
    return _Input(spec.name, code(literal), word, sh_word(value), sizes[::-1])


def _value(spec: TensorSpec) -> str:
    """An element, as JSON."""
    if is_picture(spec):
        return json.dumps({"b64": PNG_BASE64})
    if spec.dtype.kind == "string":
        return '""'
    return {"float": "0.0", "bool": "false"}.get(spec.dtype.kind, "1")
