"""What a model's module, client and types are called, and the package that they are in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from tfsclient.errors import InvalidInput
from tfsclient_gen.languages.js.methods import LONGEST
from tfsclient_gen.names import camel, identifier, is_windows_device, pascal, snake, words
from tfsclient_gen.target import Run

_NPM_NAME: Final = re.compile(r"(@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~][a-z0-9._~-]*")
# What npm refuses, modules of Node's own, and what the package itself needs.
_TAKEN: Final = frozenset(
    """
    node_modules favicon.ico @grpc/grpc-js @types/node typescript
    assert async_hooks buffer child_process cluster console constants crypto dgram dns domain events
    fs http http2 https inspector module net os path perf_hooks process punycode querystring
    readline repl stream string_decoder sys test timers tls tty url util v8 vm wasi
    worker_threads zlib
    """.split()
)
_LONGEST_NPM_NAME: Final = 214

# The package's own modules and folders.
_MODULES: Final = frozenset(
    ["dist", "grpc", "index", "node_modules", "package", "serving", "testing"]
)

# What no import can be called.
_WORDS: Final = frozenset(
    """
    arguments await break case catch class const continue debugger default delete do else enum eval
    export extends false finally for function if implements import in instanceof interface let new
    null package private protected public return static super switch this throw true try type
    typeof var void while with yield
    any bigint boolean never number object string symbol undefined unknown
    """.split()
)


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a model's client; they depend on no other model.

    Attributes:
        module: the module, without its ending: the package has a subpath of this name.
        client: the class.
        types: what the package's main module calls the module's types.
    """

    module: Markup
    client: Markup
    types: Markup


def names_of(run: Run) -> Names:
    """The names of the run's model."""
    module, types = _plain_module(run.name), camel(run.name, "model")[:LONGEST]
    return Names(
        module=identifier(f"{module}_model" if _why_not_module(module) else module),
        client=identifier(pascal(run.name, "model")[:LONGEST] + "Client"),
        types=identifier(f"{types}Model" if types in _WORDS else types),
    )


def tell_other_module(run: Run) -> None:
    """Tell the user if the module cannot be called as the model is."""
    plain = _plain_module(run.name)
    why = _why_not_module(plain)
    run.tell_name("module", names_of(run).module, f"{plain} is {why}" if why else "")


def _plain_module(name: str) -> str:
    return snake(name, "model")[:LONGEST].rstrip("_")


def _why_not_module(name: str) -> str | None:
    if name in _MODULES:
        return "a name that the package itself uses"
    return "a device on Windows" if is_windows_device(name) else None


def refuse_twins(runs: Sequence[Run]) -> None:
    """Check that no two models have clients, or types, of one name.

    Raises:
        InvalidInput: two of them do.
    """
    makers: dict[str, str] = {}
    for run in runs:
        names, model = names_of(run), run.model.name
        for name in (names.client, names.types):
            other = makers.setdefault(name, model)
            if other != model:
                raise InvalidInput(
                    f"{other!r} and {model!r} would both be called {name}",
                    hint="give one of them another name",
                )


def package_name(runs: Sequence[Run]) -> str:
    """What npm calls the package.

    Raises:
        InvalidInput: npm would not take the user's own choice.
    """
    chosen = runs[0].options.npm_name
    if chosen is None:
        model = words(runs[0].name) if len(runs) == 1 else ["models"]
        return "-".join([*(w.lower() for w in model), "client"])[-200:]
    taken = chosen in _TAKEN
    if not _NPM_NAME.fullmatch(chosen) or len(chosen) > _LONGEST_NPM_NAME or taken:
        why = ": it has another meaning there" if taken else ""
        raise InvalidInput(f"{chosen!r} is not a name for an npm package{why}")
    return chosen
