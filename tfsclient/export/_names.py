"""Names of inputs and outputs: which to recommend, and which tensors users mean."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping

from tfsclient._tables import listed
from tfsclient.errors import InvalidInput
from tfsclient.sources._flaws import is_made_up

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def check_name(name: str) -> str:
    """A name for an input or an output.

    Raises:
        InvalidInput: TensorFlow would change it when it saves the model.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{name!r} cannot name an input or an output here: use letters, digits and _, starting "
            "with a letter"
        )
    return name


def named(
    kind: str,
    asked: Mapping[str, str],
    known: Mapping[str, str],
    single: str,
    better: Mapping[str, str],
) -> dict[str, str]:
    """The source's own names by the new ones.

    Args:
        kind: "input" or "output".
        asked: what the user asked for, as the result is.
        known: the source's own names by all that they may be called.
        single: what to call a single one whose name nobody chose.
        better: names that somebody chose, by the source's own that nobody did.

    Raises:
        InvalidInput: the source has no such name, or two would have the same.
    """
    own = list(dict.fromkeys(known.values()))
    if not asked:
        names = {better.get(old, old): old for old in own}
        if len(names) == 1 and is_made_up(next(iter(names))):
            return {single: own[0]}
        return names
    found: dict[str, str] = {}
    for new, old in asked.items():
        check_name(new)
        if old not in known:
            raise InvalidInput(
                f"the source has no {kind} {old!r}{closest(old, known)}; its {kind}s are: "
                f"{listed(sorted(known))}"
            )
        if known[old] in found.values():
            raise InvalidInput(f"{kind} {old!r} is named twice")
        found[new] = known[old]
    for name in own:
        if name in found.values():
            continue
        if name in found:
            raise InvalidInput(
                f"{kind} {found[name]!r} cannot be called {name!r}, as another is; name that one, "
                f"too, as in --{kind} other={name}"
            )
        found[name] = name
    return found


def closest(name: str, known: Iterable[str]) -> str:
    """The names closest to a misspelt one, as the end of a sentence; "" if there are none."""
    near = difflib.get_close_matches(name, list(known), 3, 0.5)
    return f" (the closest: {', '.join(near)})" if near else ""
