"""The files of a JavaScript or TypeScript client: a package of ES modules."""

from __future__ import annotations

from collections.abc import Sequence

from tfsclient.schema import Model
from tfsclient_gen.languages.js import methods
from tfsclient_gen.render import render
from tfsclient_gen.target import LeftOut, Options


def javascript(model: Model, options: Options, left_out: Sequence[LeftOut] = ()) -> dict[str, str]:
    """JavaScript with declarations for TypeScript; a comment tells what is ``left_out``."""
    view = methods.view(model, left_out, typescript=False)
    names = ("README.md", "index.d.ts", "index.js", "package.json")
    return {name: render(f"js/{name}.j2", **view) for name in names} | methods.runtime("js")


def typescript(model: Model, options: Options, left_out: Sequence[LeftOut] = ()) -> dict[str, str]:
    """The modules that JavaScript clients are made of, with their types still in them."""
    view = methods.view(model, left_out, typescript=True)
    names = ("README.md", "index.ts", "package.json")
    return {name: render(f"ts/{name}.j2", **view) for name in names} | methods.runtime("ts")
