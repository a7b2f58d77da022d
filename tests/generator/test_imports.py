"""The generator's modules import in one direction; no language knows what runs it."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

CODEGEN = Path(__file__).parents[2] / "codegen"


def imports() -> dict[str, set[str]]:
    """The modules of the generator that each of them imports."""
    paths = {
        ".".join(path.relative_to(CODEGEN).with_suffix("").parts).removesuffix(".__init__"): path
        for path in (CODEGEN / "tfsclient_gen").rglob("*.py")
    }
    found: dict[str, set[str]] = {}
    for module, path in paths.items():
        named: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                named |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            elif isinstance(node, ast.Import):
                named |= {alias.name for alias in node.names}
        # `from package import module` needs the module; packages below the first hold no code.
        found[module] = {name for name in named if name in paths and name != "tfsclient_gen"}
    return found


def test_there_is_no_circle() -> None:
    assert len(list(TopologicalSorter(imports()).static_order())) > 20


def test_languages_import_neither_each_other_nor_what_runs_them() -> None:
    for module, imported in imports().items():
        prefix, _, language = module.partition(".languages.")
        if not language:
            continue
        own = f"{prefix}.languages.{language.partition('.')[0]}"
        shared = {
            f"{prefix}.{name}" for name in ("names", "pictures", "quoting", "render", "target")
        }
        assert {name for name in imported if not name.startswith(own)} <= shared, module


def test_packages_of_languages_forward_nothing() -> None:
    for path in (CODEGEN / "tfsclient_gen" / "languages").rglob("__init__.py"):
        (docstring,) = ast.parse(path.read_text("utf-8")).body
        assert isinstance(docstring, ast.Expr), path
