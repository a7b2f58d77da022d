"""Which models a server serves, as plain data: for ``reload_config``.

A reload replaces the whole list of models, and a server does not tell the list that it has:
whoever leaves a model out unloads it.  So what runs is kept in a file or a :class:`ServerConfig`,
changes are merged into that, and the difference can be looked at before it is sent.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeAlias

from tfsclient.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """One model of a server.

    Attributes:
        name: what requests call it.
        base_path: the folder of its version folders, absolute, or a URI.
        platform: "tensorflow" for SavedModels.
        latest: serve so many of the highest versions; None leaves it to the server (one).
        versions: serve just these versions; "all" serves every one; not together with ``latest``.
        labels: versions by label.  A server takes a label only for a version that is loaded.
    """

    name: str
    base_path: str
    platform: str = "tensorflow"
    latest: int | None = None
    versions: tuple[int, ...] | str | None = None
    labels: Mapping[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        for argument in ("name", "base_path", "platform"):
            value = getattr(self, argument)
            if not isinstance(value, str) or not value:
                name = self.name if isinstance(self.name, str) else None
                raise InvalidInput(f"{argument} must be text, not {value!r:.50}", model=name)
        if self.latest is not None and self.versions is not None:
            raise InvalidInput("give latest or versions, not both", model=self.name)
        if self.latest is not None and not _is_version(self.latest, 0, 1 << 32):
            raise InvalidInput(f"latest must be a number, not {self.latest!r:.50}", model=self.name)
        if self.versions not in (None, "all") and not (
            isinstance(self.versions, tuple) and all(map(_is_version, self.versions))
        ):
            raise InvalidInput(
                f"versions must be integers or 'all', not {self.versions!r:.50}", model=self.name
            )
        if not isinstance(self.labels, Mapping) or not all(
            isinstance(label, str) and _is_version(version)
            for label, version in self.labels.items()
        ):
            raise InvalidInput(
                f"labels must be a dict of labels to versions, not {self.labels!r:.50}",
                model=self.name,
            )


def _is_version(value: object, least: int = -1 << 63, end: int = 1 << 63) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < end


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """All models of a server, by name."""

    models: Mapping[str, ModelConfig]

    def merge(self, changes: ServerConfig) -> ServerConfig:
        """This configuration with the models of ``changes`` added or replaced."""
        return ServerConfig({**self.models, **changes.models})

    def difference(self, other: ServerConfig) -> list[str]:
        """What a reload from this configuration to ``other`` does, a line a change."""
        lines = [f"- {name}: unloaded" for name in self.models if name not in other.models]
        for name, model in other.models.items():
            mine = self.models.get(name)
            if mine is None:
                lines.append(f"+ {name}: {model.base_path}")
            elif mine != model:
                changed = (
                    f.name for f in fields(model) if getattr(mine, f.name) != getattr(model, f.name)
                )
                details = (f"{f} {getattr(mine, f)!r} -> {getattr(model, f)!r}" for f in changed)
                lines.append(f"~ {name}: {', '.join(details)}")
        return sorted(lines, key=lambda line: (line[2:], line))

    def to_message(self) -> Any:
        """The same as a ``tensorflow.serving.ModelServerConfig``."""
        from tfsclient._codec.messages import message_class

        message = message_class("tensorflow.serving.ModelServerConfig")()
        message.model_config_list.SetInParent()
        for model in self.models.values():
            one = message.model_config_list.config.add(
                name=model.name, base_path=model.base_path, model_platform=model.platform
            )
            if model.latest is not None:
                one.model_version_policy.latest.num_versions = model.latest
            elif model.versions == "all":
                one.model_version_policy.all.SetInParent()
            elif model.versions is not None:
                one.model_version_policy.specific.versions.extend(model.versions)
            for label, version in model.labels.items():
                one.version_labels[label] = version
        return message

    def to_text(self) -> str:
        """The same in text format, as ``--model_config_file`` reads it."""
        message = self.to_message()
        from tfsclient._codec.text_format import to_text

        return to_text(message)


ConfigSource: TypeAlias = "ServerConfig | Mapping[str, Any] | str | os.PathLike[str] | Any"


def read_config(source: ConfigSource) -> ServerConfig:
    """A configuration from whatever holds one.

    Args:
        source: a ServerConfig; a dict of model name to base path, or to a dict with the fields of
            :class:`ModelConfig`; text format; the path of a file with it; a ModelServerConfig
            message.

    Raises:
        InvalidInput: it holds none; the text says where.
    """
    if isinstance(source, ServerConfig):
        return source
    if isinstance(source, Mapping):
        return ServerConfig({name: _from_dict(name, value) for name, value in source.items()})
    serialize = getattr(source, "SerializeToString", None)
    if serialize is not None:
        return _from_bytes(serialize())
    if isinstance(source, str) and "{" in source:
        return _from_text(source, "the text")
    if not isinstance(source, str | os.PathLike):
        raise InvalidInput(
            f"config must be a dict, a file, text or a ServerConfig, not {source!r:.50}"
        )
    try:
        text = Path(source).read_text("utf-8")
    except (OSError, ValueError) as error:
        raise InvalidInput(f"cannot read {source}: {error}") from error
    return _from_text(text, str(source))


def plan_reload(
    config: ConfigSource, running: ConfigSource | None
) -> tuple[ServerConfig, list[str]]:
    """What to send for a reload, and what it changes."""
    changes = read_config(config)
    if running is None:
        return changes, ServerConfig({}).difference(changes)
    now = read_config(running)
    wanted = now.merge(changes)
    return wanted, now.difference(wanted)


def _from_dict(name: str, value: Any) -> ModelConfig:
    if isinstance(value, str | os.PathLike):
        return ModelConfig(name, os.fsdecode(value))
    known = {f.name for f in fields(ModelConfig)} - {"name"}
    if not isinstance(value, Mapping) or not set(value) <= known:
        raise InvalidInput(f"config[{name!r:.50}] must be a path, or a dict with {sorted(known)}")
    options = dict(value)
    if isinstance(options.get("versions"), list):
        options["versions"] = tuple(options["versions"])
    try:
        return ModelConfig(name, **options)
    except TypeError as error:
        raise InvalidInput(str(error), model=name) from error


def _from_text(text: str, where: str) -> ServerConfig:
    from tfsclient._codec.text_format import parse_text

    try:
        message = parse_text("tensorflow.serving.ModelServerConfig", text)
    except ValueError as error:
        raise InvalidInput(f"{where} is not a ModelServerConfig: {error}") from error
    return _from_message(message)


def _from_bytes(data: bytes) -> ServerConfig:
    from tfsclient._codec.messages import ProtobufError, message_class

    try:
        return _from_message(message_class("tensorflow.serving.ModelServerConfig").FromString(data))
    except ProtobufError as error:
        raise InvalidInput(f"the message is no ModelServerConfig: {error}") from error


def _from_message(message: Any) -> ServerConfig:
    models: dict[str, ModelConfig] = {}
    for one in message.model_config_list.config:
        if one.name in models:
            raise InvalidInput("it is listed twice", model=one.name)
        policy = one.model_version_policy
        choice = policy.WhichOneof("policy_choice")
        versions: tuple[int, ...] | str | None = None
        if choice == "all":
            versions = "all"
        elif choice == "specific":
            versions = tuple(policy.specific.versions)
        models[one.name] = ModelConfig(
            one.name,
            one.base_path,
            platform=one.model_platform or "tensorflow",
            latest=policy.latest.num_versions or None if choice == "latest" else None,
            versions=versions,
            labels=dict(one.version_labels),
        )
    return ServerConfig(models)
