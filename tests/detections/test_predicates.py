"""The plain meaning of one predicate."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import BadInput
from detections.ir import MANY, ONE, Kind, Predicate
from detections.predicates import MAX_COMPARED, compile_regex, holds, text_of, texts_of


@pytest.mark.parametrize(
    ("kind", "value", "flags", "field", "expected"),
    [
        (Kind.EQUALS, "abc", "", "ABC", True),
        (Kind.EQUALS, "đà", "", "ĐÀ", True),
        (Kind.EQUALS, "da", "", "đà", False),
        (Kind.EQUALS, "Abc", "c", "ABC", False),
        (Kind.EQUALS, "42", "", 42, True),
        (Kind.EQUALS, "42", "", 42.0, True),
        (Kind.EQUALS, "true", "", True, True),
        (Kind.EQUALS, "1", "", True, False),
        (Kind.EQUALS, "", "", "", True),
        (Kind.EQUALS, "", "", None, False),
        (Kind.EQUALS, "b", "", ["a", "B"], True),
        (Kind.CONTAINS, "bc", "", "aBCd", True),
        (Kind.STARTS, "ab", "", "ABx", True),
        (Kind.ENDS, "x", "", "ABx", True),
        (Kind.LIKE, f"a{MANY}c", "", "a\nb\nC", True),
        (Kind.LIKE, f"a{ONE}c", "", "ac", False),
        (Kind.LIKE, f"a{ONE}c", "c", "abC", False),
        (Kind.REGEX, "b+", "", "xbb", True),
        (Kind.REGEX, "B", "", "b", False),
        (Kind.REGEX, "B", "i", "b", True),
        (Kind.REGEX, "^b$", "m", "a\nb", True),
        (Kind.REGEX, "a.b", "s", "a\nb", True),
        (Kind.CIDR, "192.0.2.0/24", "", "192.0.2.9", True),
        (Kind.CIDR, "192.0.2.0/24", "", "::ffff:192.0.2.9", True),
        (Kind.CIDR, "192.0.2.0/24", "", "no address", False),
        (Kind.CIDR, "fe80::/10", "", "fe80::1", True),
        (Kind.CIDR, "::/0", "", "192.0.2.9", False),
        (Kind.NULL, "", "", None, True),
        (Kind.NULL, "", "", [], True),
        (Kind.NULL, "", "", "", False),
        (Kind.EXISTS, "", "", "", True),
        (Kind.EXISTS, "", "", [None], False),
        (Kind.COMPARE, "gt:5", "", "6", True),
        (Kind.COMPARE, "gte:5", "", 5, True),
        (Kind.COMPARE, "lt:5", "", 5, False),
        (Kind.COMPARE, "lte:5", "", "five", False),
        (Kind.PART, "hour:9", "", "2023-07-19 09:05:50.039", True),
        (Kind.PART, "hour:2", "", "2023-07-19T09:05:50+07:00", True),
        (Kind.PART, "week:29", "", "2023-07-19T09:05:50Z", True),
        (Kind.PART, "minute:5", "", "noon", False),
        (Kind.PART, "year:2023", "", "2023-07-19", True),
        (Kind.EXPAND, "x", "", "x", False),
    ],
)  # fmt: skip
def test_holds(kind: Kind, value: str, flags: str, field: Any, expected: bool) -> None:
    assert holds(Predicate("f", kind, value, flags), texts_of(field)) is expected


@pytest.mark.parametrize(
    ("flags", "mine", "other", "expected"),
    [
        ("", "A", "a", True),
        ("", "A", None, False),
        ("s", "C:\\x", "c:", True),
        ("e", "a\\B", "b", True),
        ("se", "abc", "B", True),
        ("", ["x", "y"], ["z", "Y"], True),
    ],
)
def test_field_references(flags: str, mine: Any, other: Any, expected: bool) -> None:
    predicate = Predicate("f", Kind.FIELD, "g", flags)
    assert holds(predicate, texts_of(mine), texts_of(other)) is expected


def test_texts() -> None:
    assert texts_of([1, [True, None], "x"]) == ["1", "true", "x"]
    assert len(text_of("a" * 9000)) == MAX_COMPARED
    assert text_of("a\ud800b") == "a?b"


def test_hostile_text_costs_linear_time() -> None:
    compile_regex(r"(a+)+$", "").search("a" * 8000 + "b")
    with pytest.raises(BadInput, match="regular expression"):
        compile_regex(r"(?<=a)b", "")
