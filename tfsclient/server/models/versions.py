"""Version folders on disk: which versions of a model there are, and which of them to serve."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tfsclient._sources.versions import version_number
from tfsclient.errors import InvalidArgument


def versions_on_disk(model: Any) -> dict[int, Path]:
    """The versions of a ModelConfig's model that are there, with their folders.

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
    return {
        number: base / name for name in children if (number := version_number(name)) is not None
    }


def versions_to_serve(model: Any, found: Iterable[int]) -> set[int]:
    """Those of the versions found that a ModelConfig's policy picks."""
    policy = model.model_version_policy
    choice = policy.WhichOneof("policy_choice")
    if choice == "all":
        return set(found)
    if choice == "specific":
        return set(policy.specific.versions) & set(found)
    return set(sorted(found)[-max(policy.latest.num_versions, 1) :])
