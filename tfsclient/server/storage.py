"""Version folders on disk: which versions of a model there are, and which of them to serve."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

from tfsclient.errors import InvalidArgument

_log = logging.getLogger("tfsclient.server")

_INTEGER = re.compile(r"\s*[+-]?[0-9]+\s*")
_INT64 = range(-(1 << 63), 1 << 63)


def versions_to_serve(model: Any) -> dict[int, Path]:
    """The versions that a ModelConfig's policy picks among those that are there.

    A version is any child of the base path whose name reads as an integer ("00123" is 123).

    Raises:
        InvalidArgument: the base path cannot be listed.
    """
    base = Path(model.base_path)
    try:
        children = sorted(child.name for child in base.iterdir())
    except OSError as error:
        raise InvalidArgument(
            f"Could not find base path {base} for servable {model.name} with error {error.strerror}"
        ) from error
    found = {
        number: base / name
        for name in children
        if _INTEGER.fullmatch(name) and (number := int(name)) in _INT64
    }
    policy = model.model_version_policy
    choice = policy.WhichOneof("policy_choice")
    if choice == "all":
        wanted = set(found)
    elif choice == "specific":
        wanted = set(policy.specific.versions)
    else:
        wanted = set(sorted(found)[-max(policy.latest.num_versions, 1) :])
    return {number: path for number, path in found.items() if number in wanted}
