"""What a language needs to know about a run: the models, the options, the templates."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tfsclient.schema import Model, Signature
from tfsclient_gen.render import SHIPPED, Templates

LOCK_FILE: Final = "tfsclient.lock.json"
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Options:
    """What the user decides about the output.

    Attributes:
        transport: "any", or "rest" to leave out gRPC, what it needs, and what only gRPC can carry.
        go_module: the import path of the folder that generated Go is in; None for "models".
        go_mod: whether Go output is a module of its own, with go.mod and go.sum.
        java_package: the package that generated Java packages are in; None for "models".
        rust_crate: the name of the crate that generated Rust is; None for "models".
        npm_name: the name of a generated npm package; None for one made of the model's name.
        names: what identifiers are made of, by model; by default it is the model's own name.
        templates: a folder of the user's own templates, each used in place of the shipped one of
            the same name.
    """

    transport: str = "any"
    go_module: str | None = None
    go_mod: bool = True
    npm_name: str | None = None
    java_package: str | None = None
    rust_crate: str | None = None
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    templates: Path | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A signature that the generated client does not have, and why.

    Attributes:
        signature: its name.
        reason: the first thing that is wrong with it.
        others: what else is wrong, tensor by tensor.
    """

    signature: str
    reason: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """What a language makes the client of one model from.

    Attributes:
        model: the part of the model that the client can call, without a version.
        options: what the user decides about the output.
        left_out: the signatures that the client does not have.
        templates: the templates to render.
        outputs: of signatures that have outputs no server can give, the others: what a call has to
            ask for by name.  Only for languages that say that they do so.
        notes: what the user is told about the client.
    """

    model: Model
    options: Options = field(default_factory=Options)
    left_out: Sequence[LeftOut] = ()
    templates: Templates = SHIPPED
    outputs: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    notes: list[str] = field(default_factory=list[str])

    @property
    def name(self) -> str:
        """What identifiers are made of; only ``model.name`` is what the server knows."""
        return self.options.names.get(self.model.name, self.model.name)

    @property
    def rest_only(self) -> bool:
        """Whether the user wants no gRPC."""
        return self.options.transport == "rest"

    def tell_name(self, what: str, ident: str, why: str = "") -> None:
        """Tell the user what the model is called in code, if that differs in more than casing."""
        stem = ident.partition(".")[0].replace("_", "").lower()
        same = self.name.replace("_", "").lower() == stem
        if not same or not _PLAIN.fullmatch(self.name):
            self.tell(f"the {what} of {self.name!r} is {ident}" + (f": {why}" if why else ""))

    def tell(self, text: str) -> None:
        """Tell the user something that the client alone does not show, such as another name."""
        self.notes.append(text)


def _nothing(_runs: Sequence[Run]) -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Language:
    """One target language.

    Attributes:
        files: makes the files of one model's client, by their paths.
        rest_only: whether its clients can only do what REST can carry.
        shared: makes what the clients in one folder have in common, once: a runtime, an index.
        lock_file: the name of the lock file of a model, by the name of its identifiers; None if all
            clients in a folder are in one lock file.
        picks_outputs: whether its clients ask for the outputs in ``Run.outputs``; where they do
            not, signatures that cannot give all of theirs are left out.
    """

    files: Callable[[Run], dict[str, str]]
    rest_only: bool
    shared: Callable[[Sequence[Run]], dict[str, str]] = _nothing
    lock_file: Callable[[str], str] | None = None
    picks_outputs: bool = False


def takes_examples(signature: Signature) -> bool:
    """Whether the only input of a predict signature takes serialized Examples."""
    return signature.kind == "predict" and list(signature.inputs) == [signature.example_input]
