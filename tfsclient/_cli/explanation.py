"""What an explanation of an error is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """What an error or a hint means, and what to do about it.

    Attributes:
        key: the status code, the class of an error that has no code, or the key of a hint.
        title: it, in a few words.
        text: Markdown.
    """

    key: str
    title: str
    text: str


def explain_as(key: str, title: str, text: str) -> Explanation:
    return Explanation(key, title, text.strip() + "\n")
