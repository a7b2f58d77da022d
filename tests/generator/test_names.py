"""Wire names to identifiers: legal, unique, stable."""

from __future__ import annotations

import keyword
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tfsclient_gen.names import camel, claim, identifier, pascal, snake

from tests.generator.hostile import HOSTILE

CASINGS: list[Callable[[str, str], str]] = [snake, camel, pascal]
wires = st.lists(
    st.one_of(
        st.sampled_from([*HOSTILE, *keyword.kwlist]),
        st.from_regex(r"\A[a-cA-C_]{1,3}[-_:]?[0-9]?\Z"),
        st.text(max_size=4),
    ),
    max_size=12,
)


@pytest.mark.parametrize(
    ("wire", "as_snake", "as_camel", "as_pascal"),
    [
        ("serving_default", "serving_default", "servingDefault", "ServingDefault"),
        ("image:0", "image_0", "image0", "Image0"),
        ("inputId", "input_id", "inputId", "InputId"),
        ("output/boxes:0", "output_boxes_0", "outputBoxes0", "OutputBoxes0"),
        ("1st", "x_1_st", "x1St", "X1St"),
        ("", "x", "x", "X"),
        ("中文", "x", "x", "X"),
        ("café", "cafe", "cafe", "Cafe"),
        ("x", "x", "x", "X"),
        ("BERT", "bert", "bert", "BERT"),
        ("float8_e4m3fn", "float8_e4m3fn", "float8E4m3fn", "Float8E4m3fn"),
    ],
)
def test_casings(wire: str, as_snake: str, as_camel: str, as_pascal: str) -> None:
    assert (snake(wire, "x"), camel(wire, "x"), pascal(wire, "x")) == (
        as_snake,
        as_camel,
        as_pascal,
    )


@pytest.mark.parametrize("casing", CASINGS)
@given(wires=wires)
def test_identifiers_are_legal_unique_and_ascii(
    casing: Callable[..., str], wires: list[str]
) -> None:
    taken = {"class", "timeout", "x"}
    names = claim(wires, lambda w: casing(w, "tensor"), taken)
    idents = [str(name.ident) for name in names.values()]
    assert names.keys() == set(wires)
    assert all(name.wire == wire for wire, name in names.items())
    assert all(ident.isascii() and ident.isidentifier() for ident in idents)
    folded = [unicodedata.normalize("NFKC", ident) for ident in idents]
    assert len(set(folded)) == len(folded)
    assert not taken & set(idents)


@given(wires=wires, newcomer=st.sampled_from(HOSTILE))
def test_an_awkward_newcomer_moves_no_healthy_name(wires: list[str], newcomer: str) -> None:
    healthy = [w for w in wires if snake(w, "tensor") == w]
    before = claim(healthy, lambda w: snake(w, "tensor"))
    after = claim([*healthy, newcomer], lambda w: snake(w, "tensor"))
    assert all(after[w] == before[w] for w in healthy)


@given(wires=wires)
def test_the_order_of_names_plays_no_part(wires: list[str]) -> None:
    forward = claim(wires, lambda w: camel(w, "tensor"))
    assert list(claim(reversed(wires), lambda w: camel(w, "tensor")).items()) == list(
        forward.items()
    )


def test_what_is_taken_gets_a_suffix_then_a_number() -> None:
    names = claim(["class", "class_", "Class"], lambda w: w.lower(), {"class"})
    assert {w: str(n.ident) for w, n in names.items()} == {
        "class_": "class_",
        "Class": "class_3",
        "class": "class_2",
    }


@pytest.mark.parametrize("text", ["", "a b", "1a", "a;b", "é", "a\n"])
def test_nothing_else_passes_for_an_identifier(text: str) -> None:
    with pytest.raises(ValueError, match="identifier"):
        identifier(text)
