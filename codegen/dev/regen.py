"""Rewrite generated/: python codegen/dev/regen.py [--check].  Then read `git diff`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tfsclient_gen.cli import main

CONFIG = Path(__file__).parents[2] / "generated" / "tfsclient-gen.toml"


def regen(args: Sequence[str]) -> None:
    """Write everything, or with --check say what is stale."""
    check = ["--check", "--diff"] if "--check" in args else []
    main(["build", "--config", str(CONFIG), *check])


if __name__ == "__main__":
    regen(sys.argv[1:])
