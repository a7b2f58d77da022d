"""What bound models look like; nothing here asks a server."""

from __future__ import annotations

from tfsclient._client.sending import AsyncSender, Sender
from tfsclient._codec.model_ref import ModelRef


def bound_line(kind: str, ref: ModelRef, sender: Sender | AsyncSender) -> str:
    """``<BoundModel 'digits' version 3 at localhost:8500>``."""
    return f"<{kind} {ref} at {sender.target}>"


def bound_text(ref: ModelRef, sender: Sender | AsyncSender) -> str:
    """The model's signatures, as far as they are known."""
    head = f"{ref} at {sender.target}"
    model = sender.flows.seen(ref)
    if model is None:
        return f"{head}\nits signatures are not known yet: metadata() asks for them"
    return f"{head}\n\n{model}"
