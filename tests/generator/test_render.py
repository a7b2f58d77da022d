"""Templates: unescaped text cannot reach a page."""

from __future__ import annotations

from typing import Any

import jinja2
import pytest
from markupsafe import Markup
from tfsclient_gen.render import Templates, UnescapedText, template_names

SHIPPED = Templates()


def page(source: str, **view: Any) -> str:
    return SHIPPED.environment.from_string(source).render(view)


def test_plain_text_is_refused_and_filtered_text_printed() -> None:
    assert page("{{ name | py_string }} {{ n }}", name='a"b', n=3) == "'a\"b' 3"
    for source in ("{{ name }}", "{{ names | join(', ') }}", "{{ 'async ' if x else '' }}"):
        with pytest.raises(UnescapedText):
            page(source, name="x", names=["x"], x=True)


def test_an_unknown_variable_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        page("{{ nothing }}")


@pytest.mark.parametrize("name", [name for name in template_names() if name.endswith(".j2")])
def test_no_template_concatenates_or_declares_text_safe(name: str) -> None:
    # `~` escapes for HTML, silently; `safe` is a hole.
    tree = SHIPPED.environment.parse(SHIPPED.read(name))
    assert not list(tree.find_all(jinja2.nodes.Concat))
    assert not [f for f in tree.find_all(jinja2.nodes.Filter) if f.name == "safe"]


def test_markup_passes_through_macros() -> None:
    source = "{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(x) }}"
    assert page(source, x=Markup("a&b")) == "<a&b>"
