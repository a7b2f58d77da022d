"""The names in a Python client, all those of one scope claimed at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from tfsclient.schema import Features, Model, Signature
from tfsclient_gen.languages.python.imports import IMPORTED
from tfsclient_gen.names import Name, claim, identifier, pascal, snake

_LONGEST: Final = 48  # characters of a signature's name in the names of its classes

_KEYWORDS: Final = frozenset(
    "False None True and as assert async await break class continue def del elif else except "
    "finally for from global if import in is lambda nonlocal not or pass raise return try while "
    "with yield".split()
)
# What each scope of the template uses itself.
_MODULE: Final = _KEYWORDS | IMPORTED
_CLASS: Final = _KEYWORDS | frozenset("bool close float int list str tuple type".split())
_METHOD: Final = _KEYWORDS | frozenset(
    "answer given headers plain_examples self timeout without_none".split()
)
_RESULT: Final = _KEYWORDS | frozenset(["np", "npt"])
_EXAMPLE: Final = _RESULT | frozenset("bytes float int self str to_example".split())


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a module's classes, and of what it has for each signature.

    Attributes:
        client: the class of the client.
        async_client: the class of the client for asyncio.
        methods: the methods of both, by signature.
        constants: where the signatures are described.
        features: where the features of their Examples are described.
        results: the classes of their outputs.
        examples: the classes of their Examples.
    """

    client: Markup
    async_client: Markup
    methods: Mapping[str, Name]
    constants: Mapping[str, Name]
    features: Mapping[str, Name]
    results: Mapping[str, Name]
    examples: Mapping[str, Name]


def module_name(model: Model) -> str:
    """The module that holds the model's client."""
    return str(claim([model.name], lambda w: snake(w, "model"), _KEYWORDS)[model.name].ident)


def module_names(model: Model) -> Names:
    """The names in that module."""
    client = pascal(model.name, "model")[:_LONGEST]
    client = identifier(f"{client}Client" if client in _MODULE else client)
    async_client = identifier(f"Async{client}")
    methods = claim(model.signatures, lambda w: snake(w, "signature"), _CLASS)
    own = {"_FEATURES", "_SIGNATURES"}
    constants = claim(methods, lambda w: f"_{methods[w].ident.upper()}", own)
    own |= {str(name.ident) for name in constants.values()}
    taken = {*_MODULE, str(client), str(async_client)}

    def classes(suffix: str) -> dict[str, Name]:
        def name(wire: str) -> str:
            return pascal(wire, "signature")[:_LONGEST] + suffix

        return claim(methods, name, taken, separator="")

    return Names(
        client=client,
        async_client=async_client,
        methods=methods,
        constants=constants,
        features=claim(methods, lambda w: f"_{methods[w].ident.upper()}_FEATURES", own),
        results=classes("Result"),
        examples=classes("Example"),
    )


def input_names(signature: Signature) -> dict[str, Name]:
    """The parameters of a method: an input each, or the examples alone."""
    if signature.kind == "predict":
        return claim(signature.inputs, lambda w: snake(w, "tensor"), _METHOD)
    return claim(signature.inputs, lambda _: "examples")


def output_names(signature: Signature) -> dict[str, Name]:
    """The fields of a result."""
    return claim(signature.outputs, lambda w: snake(w, "tensor"), _RESULT)


def feature_names(features: Features) -> dict[str, Name]:
    """The fields of an Example."""
    return claim(features, lambda w: snake(w, "feature"), _EXAMPLE)
