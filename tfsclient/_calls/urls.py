"""Where REST has a model, and the command that calls it."""

from __future__ import annotations

import shlex
from typing import Final
from urllib.parse import quote

from tfsclient._codec.model_ref import ModelRef

_LONGEST_ARGUMENT: Final = 100_000  # bytes; Linux takes 128 KiB


def model_path(ref: ModelRef) -> str:
    """The URL path of a model, or of one version of it."""
    name = quote(ref.name, safe="")
    # A path of dots alone would be taken for another folder.
    path = "/v1/models/" + (name if name.strip(".") else name.replace(".", "%2E"))
    if ref.version is not None:
        return f"{path}/versions/{ref.version}"
    return path if ref.label is None else f"{path}/labels/{quote(ref.label, safe='')}"


def to_curl(url: str, ref: ModelRef, method: str, body: bytes) -> str:
    """A shell command that sends a request to the REST server at ``url``."""
    path = f"{model_path(ref)}:{method}"
    place, text = shlex.quote(url.rstrip("/") + path), body.decode()
    if len(body) > _LONGEST_ARGUMENT:  # it is JSON on one line, which no line of its own ends
        return f"curl --globoff --data-binary @- {place} <<'END'\n{text}\nEND"
    return f"curl --globoff --data-binary {shlex.quote(text)} {place}"
