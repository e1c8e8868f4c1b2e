"""All predicates at once must say the same as one at a time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detections import match_index
from detections.budget import Test, Timed, untimed
from detections.ir import MANY, ONE, Kind, Predicate
from detections.match_index import MatchIndex, ValueClasses
from detections.predicates import holds, texts_of

ALPHABET = "aAbB1 .\\/-ſKkSsđĐàİΣσς\x02\x03\n\r"
SHORT = st.text(ALPHABET, max_size=5)
PATTERN = st.text(ALPHABET.lower() + MANY + ONE, min_size=1, max_size=6)
PREDICATES = st.one_of(
    st.builds(
        lambda kind, value, cased: Predicate("f", kind, value if cased else value.lower(), "c" if cased else ""),
        st.sampled_from([Kind.EQUALS, Kind.CONTAINS, Kind.STARTS, Kind.ENDS]),
        SHORT,
        st.booleans(),
    ),
    st.builds(lambda value: Predicate("f", Kind.LIKE, value.lower()), PATTERN),
    st.builds(
        lambda value, flags: Predicate("f", Kind.REGEX, value, flags),
        st.sampled_from(
            [
                "abS",
                "a.*b1",
                "(abc|abd)",
                "b{2,}a",
                "[ab]kk1",
                "^aab",
                "(?i)sSs",
                "(?:abK)+",
                "a?bab",
                "[[:alpha:]]b1",
                "A.{3,}(b|B1){2}",
                ".{6,}",
            ]
        ),
        st.sampled_from(["", "i", "ims"]),
    ),
    st.sampled_from(
        [
            Predicate("f", Kind.NULL),
            Predicate("f", Kind.EXISTS),
            Predicate("f", Kind.COMPARE, "gt:0"),
            Predicate("f", Kind.CIDR, "1.0.0.0/8"),
            Predicate("f", Kind.CIDR, "::/1"),
            Predicate("f", Kind.PART, "hour:1"),
            Predicate("f", Kind.EXPAND, "x"),
        ]
    ),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 12),
    st.floats(-1, 2, width=16),
    st.text(ALPHABET, max_size=14),
    st.sampled_from(["1.1.1.1", "::1", "::ffff:1.2.3.4", "2023-01-01T01:00:00Z", "abcabS", "AAB1kK"]),
)
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3))


def index_of(predicates: list[Predicate], timed: Timed = untimed) -> MatchIndex:
    return MatchIndex(dict(enumerate(predicates)), timed)


@settings(max_examples=400, deadline=None)
@given(st.lists(PREDICATES, max_size=12), st.lists(VALUES, max_size=6), st.sampled_from([0, 4, 10_000]))
def test_agrees_with_the_plain_meaning(predicates: list[Predicate], values: list[Any], sifted_after: int) -> None:
    index = index_of(predicates)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(match_index, "SIFTED_AFTER", sifted_after)
        for value in [*values, *values]:
            expected = {n for n, predicate in enumerate(predicates) if holds(predicate, texts_of(value))}
            assert index.true_of(value) == expected
            assert index.sets[index.classes.of(value)] == expected


def test_true_one_and_one_point_nought_are_three_values() -> None:
    index = index_of([Predicate("f", Kind.EQUALS, "1"), Predicate("f", Kind.EQUALS, "true")])
    for value, expected in [(True, {1}), (1, {0}), (1.0, {0}), (True, {1}), ("1", {0}), ("true", {1})]:
        assert index.sets[index.classes[value]] == expected


def test_class_nought_is_the_empty_set() -> None:
    index = index_of([Predicate("f", Kind.EQUALS, "x")])
    assert index.classes["nothing"] == 0
    assert index.classes[None] == 0
    assert index.classes["x"] != 0


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(match_index, "CACHED_VALUES", 10)
    monkeypatch.setattr(match_index, "CACHED_CHARACTERS", 100)
    classes: ValueClasses = index_of([Predicate("f", Kind.CONTAINS, "needle")]).classes
    for number in range(100):
        assert classes[f"value {number}"] == 0
        assert classes[f"{number}" * 2000 + "x"] == 0
        assert classes.of([f"member {number}", "x"]) == 0
        assert len(classes) <= 12
    assert classes["a needle"] == 1


def test_what_reads_a_whole_value_is_timed() -> None:
    ran: list[int] = []

    def timed(number: int, test: Test, text: str) -> bool:
        ran.append(number)
        return test(text)

    asked = [("x", Kind.EQUALS), ("a.c", Kind.REGEX), ("needle.*", Kind.REGEX)]
    index = index_of([Predicate("f", kind, value) for value, kind in asked], timed)
    assert index.true_of("abc") == {1}
    assert index.true_of("abc needle") == {1, 2}
    assert ran == [1, 1, 2]
