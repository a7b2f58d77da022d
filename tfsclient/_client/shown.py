"""What bound models look like; nothing here asks a server."""

from __future__ import annotations

from tfsclient._codec.model_ref import ModelRef
from tfsclient._tables import visible
from tfsclient._transports.target import Target
from tfsclient.schema import Model


def bound_line(kind: str, ref: ModelRef, target: Target) -> str:
    """``<BoundModel 'digits' version 3 at localhost:8500>``."""
    return f"<{kind} {_called(ascii(ref.name), ref)} at {target}>"


def bound_text(ref: ModelRef, target: Target, model: Model | None) -> str:
    """The model's signatures, as far as they are known."""
    head = f"{_called(visible(ref.name), ref)} at {target}"
    if model is None:
        return f"{head}\nits signatures are not known yet: metadata() asks for them"
    return f"{head}\n\n{model}"


def _called(name: str, ref: ModelRef) -> str:
    if ref.version is not None:
        return f"{name} version {ref.version}"
    return name if ref.label is None else f"{name} label {ref.label!a}"
