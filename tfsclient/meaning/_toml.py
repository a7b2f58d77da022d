"""``meaning.toml``, read; whatever is wrong is refused with the file and the line."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeVar

from tfsclient.errors import InvalidInput, did_you_mean, shown
from tfsclient.meaning._data import Meaning, SignatureMeaning
from tfsclient.meaning._lines import Keys, Places, find_lines
from tfsclient.schema import Picture, Sample, TensorMeaning
from tfsclient.schema._checks import check_type

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pyright: ignore[reportMissingImports]

T = TypeVar("T")

FORMAT: Final = 1
_LONGEST: Final = 1 << 20  # bytes of the file, and of one of labels
_LARGEST: Final = 20 << 20  # bytes of a picture

_ROOT_KEYS: Final = ("format", "description", "signatures")
_SIGNATURE_KEYS: Final = ("inputs", "outputs", "examples")
_TENSOR_KEYS: Final = (
    "kind", "range", "mean", "std", "colour", "layout", "labels", "description"
)  # fmt: skip
_EXAMPLE_KEYS: Final = ("name", "inputs")


def read(path: str | Path) -> Meaning:
    """The meaning in a file ``meaning.toml``.

    Files that it names, of labels and pictures, are in its folder or below.

    Raises:
        InvalidInput: it cannot be read, or something in it is not known, of the wrong type or of
            the wrong size; the error says on which line.
    """
    check_type("path", path, (str, Path))
    file = Path(path)
    text = _read_text(file, str(file))
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r" \(at line (\d+), column \d+\)$", str(error))
        number = int(found[1]) if found else text.count("\n") + 1
        reason = str(error)[: found.start()] if found else error
        raise InvalidInput(f"{file}:{number}: {reason}") from None
    except RecursionError:
        raise InvalidInput(f"{file}: it is nested too deeply") from None
    except ValueError:  # Python converts no number of so many digits
        raise InvalidInput(f"{file}: it holds an integer with thousands of digits") from None
    return _File(file, Places(str(file), find_lines(text))).meaning(values)


class _File:
    """The file, and the folder that it may name files of."""

    def __init__(self, path: Path, places: Places) -> None:
        self._folder = path.parent
        self._places = places

    def meaning(self, values: dict[str, Any]) -> Meaning:
        self._only(_ROOT_KEYS, (), values)
        if type(values.get("format")) is not int or values["format"] != FORMAT:
            told = shown(values["format"]) if "format" in values else "missing"
            raise self._refused(
                ("format",), f"format is {told}; this version of tfsclient reads format = {FORMAT}"
            )
        signatures = {
            name: self._signature(("signatures", name), one)
            for name, one in self._table(values, ("signatures",)).items()
        }
        about = values.get("description", "")
        return self._make((), values, Meaning, about, signatures, self._places)

    def _signature(self, keys: Keys, values: Any) -> SignatureMeaning:
        self._only(_SIGNATURE_KEYS, keys, values)
        inputs, outputs = (
            {
                name: self._tensor((*keys, way, name), one)
                for name, one in self._table(values, (*keys, way)).items()
            }
            for way in ("inputs", "outputs")
        )
        examples = values.get("examples", [])
        if not isinstance(examples, list):
            raise self._refused((*keys, "examples"), "examples must be tables: [[...examples]]")
        samples = [
            self._example((*keys, "examples", number), one, inputs)
            for number, one in enumerate(examples)
        ]
        return self._make((*keys, "examples"), {}, SignatureMeaning, inputs, outputs, samples)

    def _tensor(self, keys: Keys, values: Any) -> TensorMeaning:
        self._only(_TENSOR_KEYS, keys, values)
        told = dict(values)
        if isinstance(told.get("labels"), str):
            told["labels"] = self._labels((*keys, "labels"), told["labels"])
        return self._make(keys, values, TensorMeaning, **told)

    def _labels(self, keys: Keys, name: str) -> list[str]:
        path = self._inside(keys, name)
        text = _read_text(path, self._places.place(keys) + f": {name}")
        lines = [line.removesuffix("\r") for line in text.rstrip("\r\n").split("\n")]
        for number, line in enumerate(lines, 1):
            if not line.strip():
                raise self._refused(keys, f"{name}:{number} is empty; each line is a label")
        return lines

    def _example(self, keys: Keys, values: Any, inputs: Mapping[str, TensorMeaning]) -> Sample:
        self._only(_EXAMPLE_KEYS, keys, values)
        given = dict(self._table(values, (*keys, "inputs")))
        for name, value in given.items():
            if name in inputs and inputs[name].kind == "image":
                given[name] = self._pictures((*keys, "inputs", name), value)
        return self._make(keys, values, Sample, values.get("name"), given)

    def _pictures(self, keys: Keys, value: Any) -> Any:
        """The pictures that an example names; numbers are the tensor itself."""
        if isinstance(value, str):
            path = self._inside(keys, value)
            if path.stat().st_size > _LARGEST:
                raise self._refused(keys, f"{value} is larger than {_LARGEST >> 20} MiB")
            return Picture(value, path)
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return [self._pictures(keys, one) for one in value]
        return value

    def _inside(self, keys: Keys, name: str) -> Path:
        """A file of the folder.

        Raises:
            InvalidInput: it leads out of the folder, or is not a file.
        """
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts or re.search(r"[\\:\0]", name):
            raise self._refused(keys, f"{shown(name)} is not the name of a file in this folder")
        path = self._folder / name
        try:
            there = path.is_file()  # not so for links in a circle, which resolve() may refuse
            within = not there or path.resolve().is_relative_to(self._folder.resolve())
        except OSError as error:
            raise self._refused(keys, f"cannot read {shown(name)}: {error.strerror}") from None
        if not there:
            what = "is not a file" if path.exists() else "does not exist"
            raise self._refused(keys, f"{shown(name)} {what}")
        if not within:
            raise self._refused(keys, f"{shown(name)} leads out of this folder by a symbolic link")
        return path

    def _table(self, values: Mapping[str, Any], keys: Keys) -> Mapping[str, Any]:
        """The table at the last of the keys; empty if it is not there."""
        table = values.get(str(keys[-1]), {})
        if not isinstance(table, dict):
            raise self._refused(keys, f"{keys[-1]} must be a table, not {shown(table)}")
        return table

    def _only(self, known: Collection[str], keys: Keys, values: Any) -> None:
        if not isinstance(values, dict):
            raise self._refused(keys, f"{shown(keys[-1])} must be a table, not {shown(values)}")
        for key in values:
            if key not in known:
                guess = did_you_mean(key, known)
                raise self._refused(
                    (*keys, key),
                    f"{shown(key)} is not a key{guess}; the keys are {', '.join(known)}",
                )

    def _make(
        self, keys: Keys, values: Mapping[str, Any], what: Callable[..., T], *args: Any, **more: Any
    ) -> T:
        """What these make; an error starts with the attribute that is wrong."""
        try:
            return what(*args, **more)
        except InvalidInput as error:
            found = re.match(r"\w+", error.details)
            key = found[0] if found else ""
            raise self._refused((*keys, key) if key in values else keys, error.details) from None

    def _refused(self, keys: Keys, text: str) -> InvalidInput:
        return InvalidInput(f"{self._places.place(keys)}: {text}")


def _read_text(path: Path, what: str) -> str:
    try:
        odd = path.exists() and not path.is_file()
        data = b""
        if not odd:
            with path.open("rb") as file:
                data = file.read(_LONGEST + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InvalidInput(f"{what}: cannot be read: {reason}") from None
    if odd:
        raise InvalidInput(f"{what}: is not a file")
    if len(data) > _LONGEST:
        raise InvalidInput(f"{what}: is larger than {_LONGEST >> 20} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise InvalidInput(f"{what}:{number}: is not UTF-8 text") from None
