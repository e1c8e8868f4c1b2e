"""What a field, an operator and a value mean."""

from __future__ import annotations

import pytest

from core.query.fold import MAX_CHARS
from core.query.language import parse
from core.query.meaning import FREE_ADDRESS, FREE_TEXT, Meaning, Value, merged
from core.query.problems import QueryError
from core.query.tree import TRUE, Cidr, Comparison, Equals, Exists, Like, Or, Phrase, Range, Regex, Wild

MANY = Wild.MANY
MEANING = Meaning("", 1_764_000_000_000_000, "UTC", ("message", "user.name"))


def value(*pieces: str | Wild, quoted: bool = False, regex: bool = False) -> Value:
    return Value(pieces, 0, quoted, regex)


def test_the_type_of_the_field_decides() -> None:
    assert MEANING.leaf("user.name", ":", value("x")) == Equals("user.name", "x")
    assert MEANING.leaf("message", ":", value("x")) == Phrase("message", "x")
    assert MEANING.leaf("destination.port", "==", value("5")) == Equals("destination.port", 5)
    assert MEANING.leaf("event.risk_score", ":", value("5.5")) == Equals("event.risk_score", 5.5)
    assert MEANING.leaf("kydai.replay", ":", value("True")) == Equals("kydai.replay", True)
    assert MEANING.leaf("event.start", ":", value("2026-01-01")) == Range(
        "event.start", gte="2026-01-01T00:00:00.000000Z", lt="2026-01-02T00:00:00.000000Z"
    )
    assert MEANING.leaf("user.name", ":", value(MANY)) == Exists("user.name")
    assert MEANING.leaf("source.ip", ":", value("-", quoted=True)) == Equals("source.ip", "-")
    assert MEANING.leaf("source.ip", ":", value("10.", MANY)) == Like("source.ip", ("10.", MANY))


def test_operators_choose_the_comparison() -> None:
    assert MEANING.leaf("message", "=", value("x", MANY)) == Like("message", ("x", MANY), Comparison.CI)
    assert MEANING.leaf("message", "==", value("x", regex=True)) == Regex(
        "message", r"\A(?:x)\z", Comparison.EXACT, dotall=True
    )
    assert MEANING.leaf("user.name", "~", value("x")) == Phrase("user.name", "x", Comparison.CI)


def test_ranges() -> None:
    assert MEANING.bound("destination.port", ">=", value("5")) == Range("destination.port", gte=5)
    assert MEANING.range("x", low=value("1"), high=value("2.5"), low_in=False) == Range("x", gt=1, lte=2.5)
    assert MEANING.bound("event.start", "<=", value("2026")) == Range("event.start", lt="2027-01-01T00:00:00.000000Z")


def test_anywhere() -> None:
    assert MEANING.anywhere(value(MANY)) == TRUE
    assert MEANING.anywhere(value("x")) == Or((Phrase("message", "x"), Phrase("user.name", "x", Comparison.CI)))
    found = MEANING.anywhere(value("10.0.0.0/8"))
    assert isinstance(found, Or)
    assert [leaf.field for leaf in found.children if isinstance(leaf, Cidr)] == list(FREE_ADDRESS)
    assert "message" in FREE_TEXT


@pytest.mark.parametrize("before", ["", "a: 1 and message: ", "user.name ~ ", "message: (x or ", "10.0.0.1 "])
@pytest.mark.parametrize("words", ["ab " * (MAX_CHARS // 3) + "abc", "x" * (MAX_CHARS + 1), "-" * (MAX_CHARS + 1)])
def test_a_phrase_longer_than_what_is_compared_is_refused(before: str, words: str) -> None:
    after = ")" if "(" in before else ""
    with pytest.raises(QueryError) as caught:
        parse(f'{before}"{words}"{after}', now=0, zone="UTC")
    assert caught.value.position == len(before)
    assert caught.value.said is not None
    assert "8.001 ký tự; tối đa 8.000" in caught.value.said["vi"]
    parse(f'{before}"{words[1:]}"{after}', now=0, zone="UTC")


def test_merged() -> None:
    assert merged((MANY, MANY, "x", MANY)) == (MANY, "x", MANY)
