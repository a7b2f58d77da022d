"""Which models a server serves, as plain data: for ``reload_config``.

A reload replaces the whole list of models, and a server does not tell the list that it has:
whoever leaves a model out unloads it.  So what runs is kept in a file or a :class:`ServerConfig`,
changes are merged into that, and the difference can be looked at before it is sent.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeAlias

from tfsclient.errors import InvalidInput

__all__ = ["ConfigSource", "ModelConfig", "ServerConfig", "read_config"]

_CONFIG = "tensorflow.serving.ModelServerConfig"
_POLICIES = ("latest", "all", "specific")


def __dir__() -> list[str]:
    return __all__


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
        message: the serialized ``ModelConfig`` that it was read from, if it was: what has no
            attribute here, such as a logging_config, is sent as it stands there.
    """

    name: str
    base_path: str
    platform: str = "tensorflow"
    latest: int | None = None
    versions: tuple[int, ...] | str | None = None
    labels: Mapping[str, int] = field(default_factory=dict[str, int])
    message: bytes | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        for argument in ("name", "base_path", "platform"):
            value = getattr(self, argument)
            if not isinstance(value, str) or not value:
                name = self.name if isinstance(self.name, str) else None
                wrong = "is missing or empty" if value == "" else f"must be text, not {value!r:.50}"
                raise InvalidInput(f"{argument} {wrong}", model=name or None)
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


_ATTRIBUTES = tuple(f.name for f in fields(ModelConfig) if f.compare)


def _is_version(value: object, least: int = -1 << 63, end: int = 1 << 63) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < end


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """All models of a server, by name.

    Attributes:
        models: the models.
        message: the serialized ``ModelServerConfig`` that it was read from, if it was, without its
            models: what has no attribute here is sent as it stands there.
    """

    models: Mapping[str, ModelConfig]
    message: bytes | None = field(default=None, repr=False, compare=False)

    def merge(self, changes: ServerConfig) -> ServerConfig:
        """This configuration with the models of ``changes`` added or replaced.

        A model of ``changes`` that was made rather than read from a message keeps what its
        predecessor's message says beside the attributes.
        """
        merged = dict(self.models)
        for name, model in changes.models.items():
            mine = merged.get(name)
            if model.message is None and mine is not None:
                model = replace(model, message=mine.message)
            merged[name] = model
        return ServerConfig(merged, self.message if changes.message is None else changes.message)

    def difference(self, other: ServerConfig) -> list[str]:
        """What a reload from this configuration to ``other`` does, a line a change."""
        lines = [f"- {name}: unloaded" for name in self.models if name not in other.models]
        for name, model in other.models.items():
            mine = self.models.get(name)
            if mine is None:
                lines.append(f"+ {name}: {model.base_path}")
            elif details := list(_changes(mine, model)):
                lines.append(f"~ {name}: {', '.join(details)}")
        return sorted(lines, key=lambda line: (line[2:], line))

    def to_message(self) -> Any:
        """The same as a ``tensorflow.serving.ModelServerConfig``."""
        message = _parse(_CONFIG, self.message or b"")
        message.model_config_list.SetInParent()
        for model in self.models.values():
            message.model_config_list.config.append(_to_message(model))
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
            message, or its bytes.

    Raises:
        InvalidInput: it holds none; the text says where.  A message without a model_config_list
            does not: only an empty one means that there are no models.
    """
    if isinstance(source, ServerConfig):
        return source
    if isinstance(source, Mapping):
        return ServerConfig({name: _from_dict(name, value) for name, value in source.items()})
    serialize = getattr(source, "SerializeToString", None)
    data: Any = source if serialize is None else serialize()
    if isinstance(data, bytes):
        return _from_message(_parse(_CONFIG, data), "the message")
    if isinstance(source, str) and "{" in source:
        return _from_text(source, "the text")
    if not isinstance(source, str | os.PathLike):
        raise InvalidInput(
            f"config must be a dict, a file, text or a ServerConfig, not {source!r:.50}"
        )
    if not str(source):
        raise InvalidInput(
            "config is empty text, which names neither a file nor models",
            hint="to unload every model of the server, pass 'model_config_list {}'",
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
        if isinstance(config, Mapping) and not config:
            raise InvalidInput(
                "config is an empty dict, which would unload every model of the server",
                hint="if that is meant, pass 'model_config_list {}'",
            )
        return changes, ServerConfig({}).difference(changes)
    now = read_config(running)
    wanted = now.merge(changes)
    return wanted, now.difference(wanted)


def _from_dict(name: str, value: Any) -> ModelConfig:
    if isinstance(value, str | os.PathLike):
        return ModelConfig(name, os.fsdecode(value))
    known = set(_ATTRIBUTES) - {"name"}
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
        message = parse_text(_CONFIG, text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{where} is not a ModelServerConfig: {error}") from error
    return _from_message(message, where)


def _parse(name: str, data: bytes) -> Any:
    from tfsclient._codec.messages import ProtobufError, message_class

    try:
        return message_class(name).FromString(data)
    except ProtobufError as error:
        raise InvalidInput(f"the message is not a {name.rpartition('.')[2]}: {error}") from error


def _from_message(message: Any, where: str) -> ServerConfig:
    if not message.HasField("model_config_list"):
        raise InvalidInput(
            f"{where} has no model_config_list",
            hint="write model_config_list { config { name: ... base_path: ... } ... }; an empty "
            "model_config_list {} unloads every model",
        )
    models: dict[str, ModelConfig] = {}
    for one in message.model_config_list.config:
        if one.name in models:
            raise InvalidInput(f"{where} lists it twice", model=one.name)
        models[one.name] = _read_model(one)
    del message.model_config_list.config[:]
    return ServerConfig(models, message.SerializeToString(deterministic=True))


def _read_model(one: Any) -> ModelConfig:
    policy = one.model_version_policy
    choice = policy.WhichOneof("policy_choice")
    versions: tuple[int, ...] | str | None = None
    if choice == "all":
        versions = "all"
    elif choice == "specific":
        versions = tuple(policy.specific.versions)
    return ModelConfig(
        one.name,
        one.base_path,
        platform=one.model_platform or "tensorflow",
        latest=policy.latest.num_versions or None if choice == "latest" else None,
        versions=versions,
        labels=dict(one.version_labels),
        message=one.SerializeToString(deterministic=True),
    )


def _to_message(model: ModelConfig) -> Any:
    """The message that a model was read from, with those attributes written that have changed."""
    message = _parse("tensorflow.serving.ModelConfig", model.message or b"")
    was = _read_model(message) if model.message else None
    message.name, message.base_path = model.name, model.base_path
    if was is None or model.platform != was.platform:
        message.model_platform = model.platform
        message.ClearField("model_type")  # its predecessor; a server refuses both together
    elif not message.model_type:
        message.model_platform = model.platform
    if was is None or (model.latest, model.versions) != (was.latest, was.versions):
        _write_policy(message, model)
    if was is None or model.labels != was.labels:
        message.version_labels.clear()
        for label, version in model.labels.items():
            message.version_labels[label] = version
    return message


def _write_policy(message: Any, model: ModelConfig) -> None:
    policy = message.model_version_policy
    for choice in _POLICIES:
        policy.ClearField(choice)
    if model.latest is not None:
        policy.latest.num_versions = model.latest
    elif model.versions == "all":
        policy.all.SetInParent()
    elif model.versions is not None:
        policy.specific.SetInParent()
        policy.specific.versions.extend(model.versions)
    if not policy.ByteSize():
        message.ClearField("model_version_policy")


def _changes(before: ModelConfig, after: ModelConfig) -> Iterator[str]:
    """What differs between two configurations of a model, beside its name."""
    for name in _ATTRIBUTES:
        was, now = getattr(before, name), getattr(after, name)
        if was != now:
            yield f"{name} {was!r} -> {now!r}"
    was, now = _unread(before), _unread(after)
    if was == now:
        return
    had, has = ({each.name for each, _ in message.ListFields()} for message in (was, now))
    changed = [name for name in sorted(had | has) if getattr(was, name) != getattr(now, name)]
    for name in changed or ["what this client does not know"]:
        how = "dropped" if name in had - has else "added" if name in has - had else "changed"
        yield f"{name} is {how}"


def _unread(model: ModelConfig) -> Any:
    """What a model's message says beside the attributes."""
    message = _parse("tensorflow.serving.ModelConfig", model.message or b"")
    for name in ("name", "base_path", "model_platform", "version_labels"):
        message.ClearField(name)
    for choice in _POLICIES:
        message.model_version_policy.ClearField(choice)
    if not message.model_version_policy.ByteSize():
        message.ClearField("model_version_policy")
    return message
