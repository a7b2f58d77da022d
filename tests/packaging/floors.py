"""Prints the lowest versions that pyproject.toml allows, as requirements for pip.

`make test-floors` installs them, and runs the tests that need no TensorFlow.

TensorFlow is left out: it is large, and pins most of what it needs by itself.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
_FLOOR = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?>=([0-9.]+)")


def floors(project: dict[str, Any]) -> Iterator[str]:
    """``name==version`` for the dependencies and those of the extras that need no TensorFlow."""
    optional = project["optional-dependencies"]
    for requirement in (*project["dependencies"], *optional["image"], *optional["serve"]):
        found = _FLOOR.match(requirement)
        assert found is not None, f"{requirement} has no lowest version"
        name, version = found.groups()
        if name != "tensorflow":
            yield f"{name}=={version}"


if __name__ == "__main__":
    print("\n".join(floors(tomllib.loads(PYPROJECT.read_text("utf-8"))["project"])))
