"""The files of a JavaScript or TypeScript client: a package of ES modules."""

from __future__ import annotations

from collections.abc import Iterable

from tfsclient_gen.languages.js import methods
from tfsclient_gen.target import Run


def javascript(run: Run) -> dict[str, str]:
    """JavaScript with declarations for TypeScript; a comment tells what is left out."""
    return _files(run, "js", ["README.md", "index.d.ts", "index.js", "package.json"])


def typescript(run: Run) -> dict[str, str]:
    """The modules that JavaScript clients are made of, with their types still in them."""
    return _files(run, "ts", ["README.md", "index.ts", "package.json"])


def _files(run: Run, language: str, names: Iterable[str]) -> dict[str, str]:
    view = methods.view(run.model, run.left_out, typescript=language == "ts")
    made = {name: run.templates.render(f"{language}/{name}.j2", **view) for name in names}
    return made | methods.runtime(language, run.templates)
