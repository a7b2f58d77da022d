"""Which models a server serves, as plain data: for ``Client.reload_config``."""

from tfsclient._sources.model_config import ConfigSource, ModelConfig, ServerConfig, read_config

__all__ = ["ConfigSource", "ModelConfig", "ServerConfig", "read_config"]


def __dir__() -> list[str]:
    return __all__
