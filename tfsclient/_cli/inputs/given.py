"""What ``--input`` says, as inputs for a signature; the package says what may be written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tfsclient._cli.inputs import bodies
from tfsclient._cli.inputs.json_text import first_byte, parse, parse_lines
from tfsclient._cli.inputs.reading import (
    Content,
    check_some_inputs,
    json_of,
    kind_of,
    read_one,
    read_whole,
)
from tfsclient._cli.inputs.sources import SUFFIXES, Source
from tfsclient._cli.inputs.table import Table
from tfsclient._inputs.prepare import Inputs
from tfsclient.errors import InvalidInput
from tfsclient.schema import Signature


class Given:
    """Texts such as ``x=[1, 2]`` and ``@rows.csv``; files are read when they are asked for.

    Args:
        texts: as they were typed.
        scale: what to multiply the values of pictures with, for numeric inputs.
    """

    def __init__(self, texts: Sequence[str], *, scale: float | None = None) -> None:
        self._texts = texts
        self._scale = scale
        self._stdin: tuple[str, Source] | None = None  # for which of the texts it was read

    @property
    def signature_name(self) -> str | None:
        """The signature that a body of TF Serving's names; None if there is no such body.

        Raises:
            InvalidInput: what may be a body cannot be read.
        """
        if len(self._texts) != 1 or not self._texts[0].startswith(("{", "@", "-")):
            return None
        content = self._content(self._texts[0], self._texts[0], alone=True)
        if content.source is None:
            data: bytes = content.text.encode(errors="surrogatepass")
        elif content.source.kind == ".json" or isinstance(content.source.content, bytes):
            data = content.source.read()
        else:
            return None
        if first_byte(data) != b"{" or b"signature_name" not in data:
            return None
        try:
            return bodies.signature_of(parse(data, content.where))
        except json.JSONDecodeError:
            return None  # which is reported when it is read

    def inputs(self, signature: Signature) -> Inputs:
        """The inputs for this signature, by name where that is known.

        Raises:
            InvalidInput: one cannot be read, is given twice, or lacks its name.
        """
        named: dict[str, Any] = {}
        for text in self._texts:
            name, value = _split(text, signature)
            if name is None:
                if len(self._texts) > 1:
                    raise InvalidInput(f"--input {text!r} has no NAME=, so it must be the only one")
                return read_whole(self._content(text, value, alone=True), signature)
            if name in named:
                raise InvalidInput(f"input {name!r} is given twice", signature=signature.name)
            # An unknown name is left to the check of names, which knows what comes close.
            spec = signature.inputs.get(name)
            if spec is None:
                named[name] = value
            else:
                named[name] = read_one(self._content(text, value, alone=False), spec, signature)
        if named and named.keys().isdisjoint(signature.inputs) and len(signature.inputs) == 1:
            only = next(iter(signature.inputs.values()))
            check_some_inputs(list(named), only, Content("", ", ".join(self._texts)))
        return named

    def examples(self, called: str) -> tuple[list[Any], Any]:
        """The rows of features that classify and regress take, and their context or None.

        Args:
            called: the signature that will be called.

        Raises:
            InvalidInput: they cannot be read, or are not rows of features.
        """
        if len(self._texts) != 1:
            raise InvalidInput("give the rows of features by one --input")
        content = self._content(self._texts[0], self._texts[0], alone=True)
        source, kind, context = content.source, kind_of(content, lambda header: True), None
        if source is not None and kind == ".csv":
            return Table(source.read(), source.name).examples(None), None
        if source is not None and kind == ".jsonl":
            rows: Any = [value for _, value in parse_lines(source.read(), source.name)]
        elif source is not None and kind not in ("", ".json"):
            if kind in SUFFIXES:
                raise InvalidInput(
                    f"{content.where} does not hold rows of features; .jsonl, .csv and .json files "
                    "do"
                )
            rows = [source.read()]  # a serialized Example
        else:
            rows = json_of(content)
            if bodies.is_body(rows):
                bodies.check_signature(rows, called, content.where)
                rows, context = bodies.examples(rows, content.where)
            elif isinstance(rows, dict) and isinstance(rows.get("examples"), list):
                bodies.check_keys(rows, content.where)
                rows = [rows]
            elif not isinstance(rows, list):
                rows = [rows]
        if not rows or not all(isinstance(row, dict | bytes) for row in rows):
            raise InvalidInput(
                f'{content.where} does not hold rows of features, such as [{{"age": 3}}, '
                '{"age": 4}]'
            )
        return rows, context

    def _content(self, text: str, value: str, *, alone: bool) -> Content:
        """What a value stands for: itself, the file after its @, or standard input."""
        if value.startswith("@"):
            name = value[1:]
        elif alone and (value == "-" or (value[:1] == "-" and value[1:].lower() in SUFFIXES)):
            name = value
        else:
            return Content(text, value, None, self._scale)
        if name != "-" and not name.startswith("-."):
            return Content(text, value, Source.named(name), self._scale)
        if self._stdin is None:
            self._stdin = text, Source.named(name)
        if self._stdin[0] != text:
            raise InvalidInput("standard input is given twice")
        return Content(text, value, self._stdin[1], self._scale)


def _split(text: str, signature: Signature) -> tuple[str | None, str]:
    """A name and what follows its =; names may hold = themselves, and so may values."""
    known = [name for name in signature.inputs if text.startswith(name + "=")]
    if known:
        name = max(known, key=len)
        return name, text[len(name) + 1 :]
    name, equals, value = text.partition("=")
    if not equals or text.startswith("@") or _is_json(text):
        return None, text
    return name, value


def _is_json(text: str) -> bool:
    try:
        parse(text, text)
    except json.JSONDecodeError:
        return False
    except InvalidInput:
        return True  # which will be reported when it is read
    return True
