"""What bound models look like; nothing here asks a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tfsclient._client.sending import Sender
from tfsclient._codec.model_ref import ModelRef
from tfsclient._tables import html_text
from tfsclient.schema._shown import model_html

if TYPE_CHECKING:
    from tfsclient._client.sending_aio import AsyncSender

_NOT_KNOWN: Final = "its signatures are not known yet: metadata() asks for them"


def bound_line(kind: str, ref: ModelRef, sender: Sender | AsyncSender) -> str:
    """``<BoundModel 'digits' version 3 at localhost:8500>``."""
    return f"<{kind} {ref} at {sender.target}>"


def bound_text(ref: ModelRef, sender: Sender | AsyncSender) -> str:
    """The model's signatures, as far as they are known."""
    model = sender.flows.seen(ref)
    return f"{_head(ref, sender)}\n" + (_NOT_KNOWN if model is None else f"\n{model}")


def bound_html(ref: ModelRef, sender: Sender | AsyncSender) -> str:
    """The same for notebooks."""
    model = sender.flows.seen(ref)
    more = html_text(_NOT_KNOWN) if model is None else model_html(model)
    return html_text(_head(ref, sender)) + more


def _head(ref: ModelRef, sender: Sender | AsyncSender) -> str:
    return f"{ref} at {sender.target}"
