"""Where models' schemas come from: a server's metadata, a SavedModel folder, a saved file."""

from tfsclient._sources.read import (
    from_file,
    from_metadata_json,
    from_metadata_response,
    from_saved_model,
)

__all__ = ["from_file", "from_metadata_json", "from_metadata_response", "from_saved_model"]


def __dir__() -> list[str]:
    return __all__
