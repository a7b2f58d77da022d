"""Which models to serve: ModelServerConfig messages, read from text, checked, compared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from tfsclient._codec.messages import message_class
from tfsclient._codec.text_format import parse_text, to_text
from tfsclient.errors import FailedPrecondition, InvalidArgument, InvalidInput

_PLATFORM = "tensorflow"


def read_config(path: str | Path) -> Any:
    """The ModelServerConfig in a text-format file.

    Raises:
        InvalidArgument: the file cannot be read or parsed.
    """
    try:
        return parse_text("tensorflow.serving.ModelServerConfig", Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidArgument(f"Invalid protobuf file: '{path}': {error}") from error
    except RecursionError:
        raise InvalidArgument(f"Invalid protobuf file: '{path}': nested too deeply") from None


def to_config(models: Mapping[str, str | Path]) -> Any:
    """The ModelServerConfig that serves these base paths under these names.

    Raises:
        InvalidInput: a name is empty.
    """
    if "" in models:
        raise InvalidInput("the name of a model is empty, so no call could ask for it")
    config = message_class("tensorflow.serving.ModelServerConfig")()
    config.model_config_list.SetInParent()
    for name, path in models.items():
        is_uri = isinstance(path, str) and "://" in path
        base_path = str(path) if is_uri else str(Path(path).absolute())
        config.model_config_list.config.add(
            name=name, base_path=base_path, model_platform=_PLATFORM
        )
    return config


def write_config(config: Any, path: str | Path) -> None:
    """Save a ModelServerConfig in text format."""
    Path(path).write_text(to_text(config), "utf-8")


def check_config(config: Any, previous: Any) -> None:
    """Refuse what TF Serving refuses, in its order, before anything changes.

    Args:
        config: the new ModelServerConfig.
        previous: the one before; None at start.

    Raises:
        InvalidArgument: a model is listed twice, lacks an absolute path, or changes its platform.
        FailedPrecondition: the config is of a kind that only other servers know.
    """
    if config.WhichOneof("config") != "model_config_list":
        raise FailedPrecondition(
            "Cannot transition to requested config. It is only legal to transition from one"
            " ModelConfigList to another."
        )
    models = config.model_config_list.config
    names: set[str] = set()
    for model in models:
        if model.name in names:
            raise InvalidArgument(
                f"Illegal to list model {model.name} multiple times in config list"
            )
        names.add(model.name)
    for model in models:
        if not PurePosixPath(model.base_path).is_absolute() and "://" not in model.base_path:
            raise InvalidArgument(
                f"Expected model {model.name} to have an absolute path or URI;"
                f" got base_path()={model.base_path}"
            )
    if previous is not None:
        platforms = {m.name: _platform(m) for m in previous.model_config_list.config}
        for model in models:
            if model.name in platforms and _platform(model) != platforms[model.name]:
                raise InvalidArgument(
                    f"Illegal to change a model's platform. For model {model.name} platform was"
                    f" {platforms[model.name]} and new platform requested is {_platform(model)}"
                )


def check_platforms(config: Any) -> None:
    """Refuse what this server cannot run.

    Raises:
        InvalidArgument: a model's platform is not "tensorflow".
    """
    for model in config.model_config_list.config:
        if _platform(model) != _PLATFORM:
            raise InvalidArgument(
                f"Model {model.name} requests unsupported platform {_platform(model)}"
            )


def _platform(model: Any) -> str:
    if model.model_type and model.model_platform:
        raise InvalidArgument(
            "Illegal setting both ModelServerConfig::model_type (deprecated) and"
            f" ModelServerConfig::model_platform, model name is {model.name}"
        )
    if model.model_type == 1:  # TENSORFLOW
        return _PLATFORM
    if model.model_type:
        raise InvalidArgument(
            f"ModelServerConfig::model_type choice {model.model_type} not supported."
        )
    if not model.model_platform:
        raise InvalidArgument(
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor"
            f" ModelServerConfig::model_platform, model name is {model.name}"
        )
    return str(model.model_platform)
