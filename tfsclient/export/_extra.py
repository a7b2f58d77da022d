"""What stands beside the graph: a warm-up file, what tensors mean, and labels."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tfsclient import warmup
from tfsclient._calls.request import build_predict
from tfsclient.export._carried import carried_samples, carried_tables
from tfsclient.export._pictures import INPUT_NAMES
from tfsclient.export._plan import Plan
from tfsclient.export._source import Arrays, Source
from tfsclient.schema import Model, Picture

_FOLDER: Final = "assets.extra"
_MEANING: Final = "meaning.toml"
_LABELS: Final = "labels.txt"
_FILE: Final = "a PNG, JPEG, GIF or BMP file"
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


def write_warm_up(folder: Path, model: Model, calls: Mapping[str, Arrays]) -> None:
    """Write a warm-up file with a call of each signature."""
    usable = {n: a for n, a in calls.items() if model.signatures[n].why_unusable is None}
    requests = [
        build_predict(model.name, inputs, signature=model.signatures[name])
        for name, inputs in usable.items()
    ]
    if requests:
        warmup.write(folder, requests)


def write_meaning(folder: Path, source: Source, plan: Plan) -> None:
    """Write ``meaning.toml``, if there is anything that the signatures do not say."""
    extra = folder / _FOLDER
    samples = list(carried_samples(source, plan, extra))
    tables = carried_tables(source, plan)
    for place, values in _tables(plan):
        before = tables.get(place, {})
        if "range" in values:
            before = {key: one for key, one in before.items() if key not in ("mean", "std")}
        tables[place] = {**before, **values}
    if not (tables or samples or source.description):
        return
    lines = ["format = 1"]
    if source.description:
        lines.append(f"description = {_value(source.description)}")
    for place, values in tables.items():
        lines += ["", f"[signatures.{'.'.join(map(_key, place))}]"]
        lines += [f"{key} = {_value(value)}" for key, value in values.items()]
    for signature, name, inputs in samples:
        lines += ["", f"[[signatures.{_key(signature)}.examples]]"]
        lines += [f"name = {_value(name)}", f"inputs = {_value(inputs)}"]
    extra.mkdir(exist_ok=True)
    (extra / _MEANING).write_text("\n".join([*lines, ""]), "utf-8")
    if plan.main.labels is not None:
        text = "".join(f"{label}\n" for label in plan.main.labels)
        (extra / _LABELS).write_text(text, "utf-8")


def _tables(plan: Plan) -> Iterator[tuple[tuple[str, str, str], dict[str, Any]]]:
    """What is known of each tensor, by signature, "inputs" or "outputs", and name."""
    picture, scores = plan.picture, plan.main.scores
    for one in plan.served:
        if one.origin != plan.served[0].origin:
            continue
        inputs = one.function.structured_input_signature[1]
        if picture is not None and picture.name in inputs and picture.layout != "flat":
            yield (
                (one.name, "inputs", picture.name),
                {
                    "kind": "image",
                    "range": [picture.low, picture.high],
                    "colour": picture.colour,
                    "layout": picture.layout,
                },
            )
        file = INPUT_NAMES["png"]  # as base64 it is text, which no client takes for a picture
        if picture is not None and file in inputs and one.name == "png":
            yield (one.name, "inputs", file), {"kind": "image", "description": _FILE}
        if scores is not None:
            name = scores if scores in one.function.structured_outputs else "scores"
            yield (one.name, "outputs", name), {"kind": "scores", "labels": _LABELS}


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _value(value: Any) -> str:
    """A value in TOML."""
    if isinstance(value, Picture):
        return _value(value.file)
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_key(k)} = {_value(v)}' for k, v in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, float):
        return repr(value)  # nan and inf are TOML, too
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
