"""Label files: the name of each class in a line."""

from __future__ import annotations

from pathlib import Path

from tfsclient.errors import InvalidInput
from tfsclient.schema._meaning import read_labels as as_meaning


def read_labels(path: Path) -> list[str]:
    """The labels in a file, in the order of the classes.

    Raises:
        InvalidInput: it cannot be read, is empty, or has an empty or an endless line.
    """
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8: {error.reason} at byte {error.start}") from error
    labels = [line.strip() for line in text.rstrip().split("\n")]
    if labels == [""]:
        raise InvalidInput(f"{path} has no labels: it needs a line for each class")
    if "" in labels:
        raise InvalidInput(
            f"{path}: line {labels.index('') + 1} is empty, and a class needs a name"
        )
    try:
        return list(as_meaning(labels))  # which writes them beside the model
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error.details}") from None
