"""Rewrite generated/: python codegen/dev/regen.py [--check].  Then read `git diff`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from tfsclient_gen import generate
from tfsclient_gen.generate import languages
from tfsclient_gen.output import Output

from tfsclient import Model, sources

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "generated"


def models() -> dict[str, Model]:
    """The models whose clients are checked in."""
    zoo = ROOT / "tests" / "conformance" / "models"
    names = ("awkward", "bert", "estimator", "half_plus_two")
    digits = sources.from_file(ROOT / "tests" / "demo" / "digits.schema.json")
    return {name: sources.from_saved_model(zoo / name) for name in names} | {"digits": digits}


def outputs() -> Iterator[Output]:
    """Every folder below generated/, with the files that belong there."""
    for name, model in models().items():
        for language in languages():
            yield Output(GENERATED / name / language, generate(model, language))


def main() -> int:
    """Write everything, or with --check say what is stale."""
    if "--check" not in sys.argv:
        for output in outputs():
            output.write()
        return 0
    diffs = "".join(output.diff() for output in outputs())
    print(diffs, end="")
    return 1 if diffs else 0


if __name__ == "__main__":
    sys.exit(main())
