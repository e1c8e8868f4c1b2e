"""What the targets share."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from core.query.fold import lower
from core.query.leaf import (
    any_case,
    beyond_ascii,
    by_field,
    caseless,
    dotted_start,
    either_case,
    escape,
    folds,
    is_empty,
    long_bounds,
    micros_bounds,
    negated,
    pattern_of,
    pattern_regex,
    v4_bounds,
)
from core.query.tree import Cidr, Comparison, Equals, Exists, Leaf, Like, Not, Or, Phrase, Range, Wild
from core.query.values import ip_bounds
from core.query.words import phrase_regex, words_of

MANY = Wild.MANY


@given(st.text())
def test_escape_matches_just_the_text(text: str) -> None:
    assert re2.fullmatch(escape(text), text)
    assert not re2.fullmatch(escape(text), text + "x")


def test_patterns_are_joined_and_merged() -> None:
    assert pattern_of(Like("x", ("A", "", "B", MANY, MANY, ""))) == ("ab", MANY)
    assert pattern_regex(("a.", MANY)) == r"\Aa\x{2e}"
    assert pattern_regex((MANY,)) == r"\z"
    assert pattern_regex((MANY, "a", Wild.ONE)) == r"a.\z"


@pytest.mark.parametrize(
    ("leaf", "bounds"),
    [
        (Range("destination.port", gt=3.5, lt=8), (4, 7)),
        (Range("destination.port", gte=3.5, lte=7.5), (4, 7)),
        (Range("destination.port", gt=5, lt=6), None),
        (Range("destination.port"), (-(2**63), 2**63 - 1)),
    ],
)
def test_long_bounds(leaf: Range, bounds: tuple[int, int] | None) -> None:
    assert long_bounds(leaf) == bounds


@pytest.mark.parametrize(
    ("leaf", "empty"),
    [
        (Range("x", gte=5, lte=5), False),
        (Range("x", gt=5, lte=5), True),
        (Range("x", gte=5, lt=5), True),
        (Range("x", gte=5.5, lte=1), True),
        (Range("x", gt=5), False),
        (Range("source.ip", gte="9.0.0.0", lte="10.0.0.0"), False),
        (Range("source.ip", gte="10.0.0.0", lte="9.0.0.0"), True),
    ],
)
def test_a_range_in_which_nothing_can_lie(leaf: Range, empty: bool) -> None:
    assert is_empty(leaf) is empty


def test_micros_bounds() -> None:
    assert micros_bounds(Range("@timestamp", gt="1970-01-01T00:00:01.000000Z", lte="1970-01-01T00:00:02.000000Z")) == (
        1_000_001,
        2_000_000,
    )


def test_v4_bounds() -> None:
    assert v4_bounds(Cidr("x", ip_network("10.0.0.0/30"))) == (0x0A000000, 0x0A000003)
    assert v4_bounds(Cidr("x", ip_network("::ffff:10.0.0.0/126"))) == (0x0A000000, 0x0A000003)
    assert v4_bounds(Equals("source.ip", "10.0.0.1")) == (0x0A000001, 0x0A000001)
    assert v4_bounds(Cidr("x", ip_network("::/0"))) is None
    assert v4_bounds(Exists("x")) is None


@pytest.mark.parametrize(
    ("network", "start"),
    [
        ("192.0.2.7/32", "192.0.2.7"), ("192.0.2.0/24", "192.0.2."), ("192.0.2.64/26", "192.0.2."),
        ("172.16.0.0/12", "172."), ("0.0.0.0/0", ""), ("::/0", ""), ("::ffff:0:0/96", ""), ("2001:db8::/32", None),
    ],
)  # fmt: skip
def test_what_the_addresses_of_a_network_begin_with(network: str, start: str | None) -> None:
    assert dotted_start(*ip_bounds(ip_network(network))) == start


@given(st.text(alphabet="aBz09_.-* ?\\|()[]", min_size=1, max_size=12), st.text(alphabet="AbZ09_.-* ", max_size=20))
def test_a_text_of_ascii_is_matched_in_either_case(wanted: str, text: str) -> None:
    expected = wanted.lower() in text.lower()
    assert bool(re2.search(either_case(wanted.lower()), text)) is expected
    pattern = pattern_of(Like("message", (Wild.MANY, wanted, Wild.MANY), Comparison.FOLD))
    assert bool(re2.search(f"(?s:{caseless(pattern)})", text)) is expected
    words = words_of(Phrase("message", wanted))
    if words:
        plain = re2.search(phrase_regex(words), text.lower())
        assert bool(re2.search(phrase_regex(words, ascii_only=True), text)) is bool(plain)


def test_only_texts_fold() -> None:
    assert folds(Equals("message", "x", Comparison.FOLD))
    assert not folds(Equals("destination.port", 5, Comparison.FOLD))
    assert not folds(Equals("source.ip", "10.0.0.1", Comparison.FOLD))


def test_by_field() -> None:
    a, b, c, there = Equals("x", "a"), Equals("x", "b"), Equals("y", "c"), Exists("x")
    groups: list[list[Leaf]] = [[a, b], [c]]
    assert by_field(Or((a, Or((b, there)), c, Not(a)))) == (groups, [there, Not(a)])


def test_negated() -> None:
    a = Equals("x", "a")
    assert negated(a) == Not(a)
    assert negated(Not(a)) is a


@pytest.mark.parametrize("text", ["K.I", "k.ı", "\u212a.\u0130", "k.i", "kxi", "ſ.i"])
def test_a_text_as_it_was_written_is_matched_in_any_case(text: str) -> None:
    regex = any_case((Wild.MANY, "k.", Wild.ONE))
    assert bool(re2.search(f"(?s:{regex})", text)) is (lower(text)[:2] == "k.")


def test_what_the_letters_of_a_lowered_pattern_may_have_been() -> None:
    assert beyond_ascii((Wild.MANY, "mik", Wild.ONE, "k")) == {"\u0130", "\u212a"}
    assert beyond_ascii(("ab",)) == set()
