"""Version folders on disk: which versions of a model there are, and which of them to serve."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from tfsclient.errors import InvalidArgument, NotFound
from tfsclient.sources._versions import version_number

_URI = re.compile(r"([A-Za-z][A-Za-z0-9.]*)://[^/]*(.*)", re.DOTALL)
_SAVED_MODEL: Final = ("saved_model.pb", "saved_model.pbtxt", "saved_model.cpb")
_RULE: Final = (
    "a model's base path is a folder that holds a folder for each version, named by its number"
)
_SHOWN = 5  # names of a folder's children


def base_folder(model: Any) -> Path:
    """The folder of versions of a ModelConfig's model.

    As in TF Serving, ``file://HOST/PATH`` is /PATH, whatever the host.

    Raises:
        InvalidArgument: its base path is not a local one.
    """
    uri = _URI.fullmatch(model.base_path)
    if uri is None:
        return Path(model.base_path)
    scheme, path = uri.groups()
    if scheme != "file":
        raise InvalidArgument(
            f"Model {model.name}: this server reads local folders only, not {model.base_path}: copy"
            " it to this machine and give the copy as the base path"
        )
    return Path(path or "/")


def versions_on_disk(model: Any) -> dict[int, Path]:
    """The versions of a ModelConfig's model that are there, with their folders.

    A version is any child of the base path whose name reads as an integer ("00123" is 123).

    Raises:
        NotFound: the base path does not exist, as yet.
        InvalidArgument: it is not a folder on this machine, or it cannot be listed.
    """
    base = base_folder(model)
    try:
        children = sorted(child.name for child in base.iterdir())
    except FileNotFoundError:
        raise NotFound(f"{_named(model, base)} does not exist: {_RULE}") from None
    except NotADirectoryError:
        raise InvalidArgument(
            f"{_named(model, base)} is not a folder: {_RULE}{_parent(base.parent)}"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidArgument(f"{_named(model, base)} cannot be listed: {reason}") from error
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


def check_base(model: Any) -> None:
    """Refuse a base path without versions that is itself a version.

    Raises:
        InvalidArgument: it is a SavedModel.
    """
    base = base_folder(model)
    if not set(_names(base)).isdisjoint(_SAVED_MODEL):
        raise InvalidArgument(
            f"{_named(model, base)} is itself a SavedModel: {_RULE}{_parent(base)}"
        )


def why_none(model: Any, found: Mapping[int, Path]) -> str:
    """Why there is no version to serve, though the base path exists."""
    base = base_folder(model)
    if found:
        wanted = ", ".join(map(str, model.model_version_policy.specific.versions))
        there = ", ".join(map(str, sorted(found)))
        return (
            f"{_named(model, base)} has none of the versions that its policy asks for ({wanted}):"
            f" there are {there}"
        )
    return f"{_named(model, base)} holds no version: {_RULE}{_children(base)}"


def _named(model: Any, base: Path) -> str:
    read = "" if str(base) == model.base_path else f" (read as {base})"
    return f"Model {model.name}: {model.base_path}{read}"


def _parent(folder: Path) -> str:
    """What to do with a folder that holds a SavedModel."""
    if version_number(folder.name) is not None:
        return f"; {folder} is the folder of one version, so give {folder.parent}"
    if not set(_names(folder)).isdisjoint(_SAVED_MODEL):
        return f"; move the SavedModel to {folder / '1'}, and give {folder}"
    return ""


def _children(base: Path) -> str:
    """What a folder without versions holds, and what to do with that."""
    names = [name for name in _names(base) if not name.startswith(".")]
    if not names:
        return ", and it is empty"
    shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    for name in names:
        inner = _names(base / name)
        if not set(inner).isdisjoint(_SAVED_MODEL):
            return f", and it holds {shown}: rename {name} to 1, or to another whole number"
        if any(version_number(each) is not None for each in inner):
            return f", and it holds {shown}: {base / name} may be what you mean"
    return f", and it holds {shown}"


def _names(folder: Path) -> Collection[str]:
    try:
        return sorted(child.name for child in folder.iterdir())
    except OSError:
        return ()
