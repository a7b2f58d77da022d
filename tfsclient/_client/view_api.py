"""Calls of a model as code that works as pasted: what ``view_api`` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tfsclient._client.sending import Sender
from tfsclient._client.sending_aio import AsyncSender
from tfsclient._codec.model_ref import ModelRef
from tfsclient._inputs.samples import PNG_BASE64, dims, feature_dims, is_picture
from tfsclient._tables import wrap
from tfsclient.dtypes import STRING
from tfsclient.schema import DEFAULT_SIGNATURE, Features, FeatureSpec, Model, Signature, TensorSpec
from tfsclient.schema._reasons import without_exporters

_WIDTH: Final = 88  # of a line, before it is broken
_SCALARS: Final = {"float": "0.0", "int": "1", "bool": "False"}
_PICTURE: Final = [
    "picture = base64.b64decode(",
    *(f'    "{PNG_BASE64[start : start + 60]}"' for start in range(0, len(PNG_BASE64), 60)),
    ')  # a small grey one; yours is open("picture.png", "rb").read()',
    "",
]
_NO_FEATURES: Final = (
    "The server does not say which features the Examples have: put yours in, or make the client "
    "with schemas={name: tfsclient.sources.from_saved_model(folder)}."
)


def view_api(
    sender: Sender | AsyncSender, ref: ModelRef, model: Model, signature: str | None
) -> str:
    """The code that calls each signature of a model.

    Args:
        sender: sends for the client.
        ref: the model, as it is called.
        model: its signatures.
        signature: the only one to call; None for all.

    Raises:
        InvalidInput: there is no such signature.
    """
    awaited = isinstance(sender, AsyncSender)
    own = without_exporters(model.signatures).values()
    listed = list(own) if signature is None else [model.signature(signature)]
    calls = _Calls(ref, model, rest=sender.target.rest, awaited=awaited)
    body = [line for one in listed for line in ["", *calls.block(one)]]
    head = ["import asyncio"] if awaited else []
    head += ["import base64"] if "picture" in calls.needs else []
    head += ["", "import numpy as np"] if "numpy" in calls.needs else []
    client = "AsyncClient" if awaited else "Client"
    names = [client, "Example"] if "Example" in calls.needs else [client]
    head += ["", f"from tfsclient import {', '.join(names)}", ""]
    head += _PICTURE if "picture" in calls.needs else []
    given = sender.recipe.argument("target")
    target = literal(sender.target.text) if isinstance(given, str) else f"[{_listed(list(given))}]"
    made = f"{client}({target})"
    options = ", ".join(f"{name}=" for name in sender.recipe.given() if name != "target")
    head += [f"# with the {options} that this client was made with"] if options else []
    if not awaited:
        return "\n".join([*head, f"client = {made}", *body]).lstrip("\n")
    # Without blank lines, at which Python's prompt would take the function to be over.
    inner = [f"        {line or '#'}" for line in body[1:]] + ["        pass"] * (not calls.any)
    main = ["", "async def main() -> None:", f"    async with {made} as client:", *inner, "", ""]
    return "\n".join([*head, *main, "asyncio.run(main())  # in a notebook: await main()"])


class _Calls:
    """Writes the calls of signatures.

    Args:
        ref: the model, as it is called.
        model: its signatures.
        rest: whether the client speaks REST.
        awaited: whether calls are awaited.

    Attributes:
        needs: what the calls use: "numpy", "Example", "picture".
        any: whether there are any.
    """

    def __init__(self, ref: ModelRef, model: Model, *, rest: bool, awaited: bool) -> None:
        self._ref = ref
        self._default = model.pick(None)
        self._rest = rest
        self._client = "await client" if awaited else "client"
        self.needs: set[str] = set()
        self.any = False

    def block(self, signature: Signature) -> list[str]:
        """The signature as a comment, and the statements that call it."""
        lines = _comment(str(signature))
        part = signature if self._rest else signature.callable_part()
        if part is None or part.why_unusable is not None:
            return lines  # which say why
        if self._rest and part.why_not_over_rest is not None:
            return [*lines, *_comment(f"  not over REST: {part.why_not_over_rest}")]
        if part.kind == "predict":
            arguments = self._predict(signature, part)
        else:
            lines += _comment(_NO_FEATURES) if part.features is None else []
            arguments = [f"[{self._example(part.features)}]"]
            if part.name != DEFAULT_SIGNATURE:
                arguments.append(f"signature={literal(part.name)}")
        if self._ref.version is not None:
            arguments.append(f"version={self._ref.version}")
        if self._ref.label is not None:
            arguments.append(f"label={literal(self._ref.label)}")
        call = _call(f"{self._client}.{part.kind}(", [literal(self._ref.name), *arguments])
        self.any = True
        return [*lines, *call, "print(out)"]

    def _predict(self, signature: Signature, part: Signature) -> list[str]:
        inputs = {
            name: self._value(part, spec)
            for name, spec in part.inputs.items()
            if self._rest or name not in part.defaults
        }
        arguments = [_braced(inputs)]
        if signature is not self._default:
            arguments.append(f"signature={literal(part.name)}")
        if part is not signature:
            arguments.append(f"outputs=[{_listed(list(part.outputs))}]")
        return arguments

    def _value(self, signature: Signature, spec: TensorSpec) -> str:
        shape = dims(spec)
        if spec.dtype == STRING and 0 not in shape:
            if spec.name == signature.example_input:
                return _nested(self._example(signature.features), shape)
            return _nested(self._string(spec), shape)
        if not shape and spec.dtype.kind in _SCALARS:
            return _SCALARS[spec.dtype.kind]
        self.needs.add("numpy")
        numpy: Any = spec.dtype.numpy
        # Every type that numpy does not have can hold the values of uint8 that are made here.
        dtype = numpy.name if numpy.isbuiltin == 1 else "uint8"
        dtype = dtype if dtype in ("bool", "object") else f"np.{dtype}"
        made = "ones" if spec.dtype.kind == "int" else "zeros"
        return f"np.{made}(({', '.join(map(str, shape))}{',' * (len(shape) == 1)}), {dtype})"

    def _string(self, spec: TensorSpec | FeatureSpec) -> str:
        if not is_picture(spec):
            return '"text"'
        self.needs.add("picture")
        return "picture"

    def _example(self, features: Features | None) -> str:
        """An Example with the features that it must have, or with one that it may have."""
        self.needs.add("Example")
        if features is None:
            return 'Example({"feature": 1.0})'
        needed = [spec for spec in features.values() if spec.required]
        shown = needed or list(features.values())[:1]
        return f"Example({_braced({spec.name: self._feature(spec) for spec in shown})})"

    def _feature(self, spec: FeatureSpec) -> str:
        element = _SCALARS.get(spec.dtype.kind) or self._string(spec)
        return _nested(element, feature_dims(spec))


def literal(text: str) -> str:
    """A Python string, ASCII only."""
    quoted = ascii(text)
    return quoted if "'" in text or '"' in text else f'"{quoted[1:-1]}"'


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(literal, names))


def _comment(text: str) -> list[str]:
    return [f"# {line}".rstrip() for line in wrap(text, _WIDTH - 2)]


def _braced(values: dict[str, str]) -> str:
    items = [f"{literal(name)}: {value}" for name, value in values.items()]
    line = f"{{{', '.join(items)}}}"
    if len(line) <= _WIDTH - 5:
        return line
    inner = [f"    {line}" for item in items for line in f"{item},".split("\n")]
    return "\n".join(["{", *inner, "}"])


def _call(head: str, arguments: list[str]) -> list[str]:
    line = f"out = {head}{', '.join(arguments)})"
    if len(line) <= _WIDTH and "\n" not in line:
        return [line]
    inner = [f"    {line}" for argument in arguments for line in f"{argument},".split("\n")]
    return [f"out = {head}", *inner, ")"]


def _nested(element: str, shape: Sequence[int]) -> str:
    for size in reversed(shape):
        element = f"[{element}]" if size == 1 else f"[{element}] * {size}"
    return element
