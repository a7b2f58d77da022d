"""What the source's own ``meaning.toml`` says, for the names that tensors have in the result."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from tfsclient.export._plan import Plan
from tfsclient.export._source import Source
from tfsclient.schema import Picture, TensorMeaning, TensorSpec
from tfsclient.schema._meaning import is_pictures, meaning_record

Place: TypeAlias = tuple[str, str, str]  # the signature, "inputs" or "outputs", and the tensor


def carried_tables(source: Source, plan: Plan) -> dict[Place, dict[str, Any]]:
    """What is told of each tensor of the result that was the source's."""
    tables: dict[Place, dict[str, Any]] = {}
    for one in plan.served:
        told = source.signatures.get(one.origin)
        if told is None:
            continue
        now: dict[str, tuple[Any, Mapping[str, TensorSpec], Mapping[str, str]]] = {
            "inputs": (one.function.structured_input_signature[1], told.inputs, plan.main.inputs),
            "outputs": (one.function.structured_outputs, told.outputs, plan.main.outputs),
        }
        for way, (names, specs, renamed) in now.items():
            for name in names:
                old = renamed.get(name, name) if one.origin == source.main else name
                if old in specs and (meaning := specs[old].meaning) is not None:
                    tables[one.name, way, name] = meaning_record(meaning)
    return tables


def carried_samples(source: Source, plan: Plan, extra: Path) -> Iterator[tuple[str, str, Any]]:
    """The examples of signatures that are in the result: signature, name and inputs.

    Their pictures are copied to the folder ``extra``.
    """
    new = {old: name for name, old in plan.main.inputs.items()}
    for one in plan.served:
        if one.name != one.origin or one.name not in source.signatures:
            continue
        names = new if one.name == source.main else {}
        for sample in source.signatures[one.name].samples:
            values = {names.get(name, name): value for name, value in sample.inputs.items()}
            for value in values.values():
                for picture in _pictures(value):
                    if picture.path is not None:
                        (extra / picture.file).parent.mkdir(parents=True, exist_ok=True)
                        shutil.copyfile(picture.path, extra / picture.file)
            yield one.name, sample.name, values


def _pictures(value: Any) -> Iterator[Picture]:
    if is_pictures(value):
        yield from (value,) if isinstance(value, Picture) else value


def told_inputs(source: Source, names: Mapping[str, str]) -> dict[str, TensorMeaning | None]:
    """What the source tells of the inputs of its main signature, by their new names."""
    told = source.signatures.get(source.main)
    return {
        new: None if told is None or old not in told.inputs else told.inputs[old].meaning
        for new, old in names.items()
    }
