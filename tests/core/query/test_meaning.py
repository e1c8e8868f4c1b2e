"""What a field, an operator and a value mean."""

from __future__ import annotations

from core.query.meaning import FREE_ADDRESS, FREE_TEXT, Meaning, Value, merged
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


def test_merged() -> None:
    assert merged((MANY, MANY, "x", MANY)) == (MANY, "x", MANY)
