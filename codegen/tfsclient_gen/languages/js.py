"""JavaScript: ES modules with declarations for TypeScript, over a small runtime of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tfsclient.schema import Model
from tfsclient_gen.languages import js_view
from tfsclient_gen.render import render
from tfsclient_gen.target import LeftOut, Options

_TEMPLATES: Final = ("README.md", "index.d.ts", "index.js", "package.json")


def files(
    model: Model,
    options: Options,
    left_out: Sequence[LeftOut] = (),
) -> dict[str, str]:
    """The package of ``model``; a comment in it tells which signatures are ``left_out``."""
    view = js_view.view(model, left_out, typescript=False)
    made = {name: render(f"js/{name}.j2", **view) for name in _TEMPLATES}
    return made | js_view.runtime("js")
