"""Boolean expressions and text predicates."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detections.ir import (
    FALSE,
    HOLE,
    MANY,
    ONE,
    TRUE,
    Expr,
    Kind,
    Predicate,
    conj,
    disj,
    holds,
    leaves,
    neg,
    number_text,
    rewrite,
    text_predicate,
)

EXPRESSIONS = st.recursive(
    st.integers(0, 3),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: ("&", *parts)),
        st.lists(inner, max_size=3).map(lambda parts: ("|", *parts)),
        inner.map(lambda part: ("!", part)),
    ),
    max_leaves=12,
)


@given(EXPRESSIONS)
def test_simplifying_keeps_the_meaning(expr: Expr) -> None:
    simple = rewrite(expr, lambda number: number)
    for bits in product((False, True), repeat=4):
        assert holds(simple, bits.__getitem__) == holds(expr, bits.__getitem__)
    assert set(leaves(simple)) <= set(leaves(expr))


def test_simplifies() -> None:
    assert conj([]) == TRUE
    assert disj([]) == FALSE
    assert conj([1, TRUE, 1]) == 1
    assert conj([1, FALSE]) == FALSE
    assert disj([1, ("|", 2, 3)]) == ("|", 1, 2, 3)
    assert neg(neg(4)) == 4
    assert neg(TRUE) == FALSE


@pytest.mark.parametrize(
    ("pattern", "kind", "value"),
    [
        ("Abc", Kind.EQUALS, "abc"),
        ("", Kind.EQUALS, ""),
        (f"{MANY}Abc{MANY}", Kind.CONTAINS, "abc"),
        (f"{MANY}{MANY}Abc", Kind.ENDS, "abc"),
        (f"Abc{MANY}", Kind.STARTS, "abc"),
        (f"A{MANY}{MANY}c", Kind.LIKE, f"a{MANY}c"),
        (f"{MANY}a{ONE}", Kind.LIKE, f"{MANY}a{ONE}"),
        (MANY, Kind.EXISTS, ""),
        (f"{HOLE}Name{HOLE}", Kind.EXPAND, f"{HOLE}Name{HOLE}"),
    ],
)
def test_patterns_of_a_field(pattern: str, kind: Kind, value: str) -> None:
    assert text_predicate("F", pattern, cased=False) == Predicate("F", kind, value)


def test_keywords_are_found_anywhere_and_case_may_count() -> None:
    assert text_predicate(None, "Abc", cased=False) == Predicate(None, Kind.CONTAINS, "abc")
    assert text_predicate(None, f"{MANY}a{MANY}b", cased=True) == Predicate(
        None, Kind.LIKE, f"{MANY}a{MANY}b{MANY}", "c"
    )


def test_numbers_as_texts() -> None:
    assert [number_text(number) for number in (42, 42.0, 1.5, -3)] == ["42", "42", "1.5", "-3"]
