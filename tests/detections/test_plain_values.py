"""What values ask by their modifiers; that pySigma says the same is tested with whole rules (test_plain_reader.py)."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detections.ir import HOLE, Kind, Predicate
from detections.plain_values import base64_offsets, values_of
from detections.plain_yaml import OddError


def asked(modifiers: str, value: Any, field: str | None = "f") -> list[tuple[Kind, str]]:
    return [(each.kind, each.value) for each in values_of(modifiers).predicates(field, value)]


@given(st.binary(min_size=3, max_size=30), st.binary(max_size=9), st.binary(max_size=9))
def test_one_of_the_offsets_stands_in_the_base64_of_what_holds_it(data: bytes, before: bytes, after: bytes) -> None:
    whole = b64encode(before + data + after).decode()
    assert base64_offsets(data)[len(before) % 3] in whole


@pytest.mark.parametrize(
    ("modifiers", "value", "expected"),
    [
        ("", r"a\*b", [(Kind.EQUALS, "a*b")]),
        ("", "A*", [(Kind.STARTS, "a")]),
        ("", "*", [(Kind.EXISTS, "")]),
        ("", 5, [(Kind.EQUALS, "5")]),
        ("", True, [(Kind.EQUALS, "true")]),
        ("", None, [(Kind.NULL, "")]),
        ("contains", r"C:\\X", [(Kind.CONTAINS, r"c:\x")]),
        ("endswith|windash", "x -y", [(Kind.ENDS, f"x {dash}y") for dash in "-/–—―"]),
        ("windash", "a-b", [(Kind.EQUALS, "a-b")]),
        ("expand", "%x%", [(Kind.EXPAND, f"{HOLE}x{HOLE}")]),
        ("cidr", "10.0.0.0/8", [(Kind.CIDR, "10.0.0.0/8")]),
        ("re", "A+", [(Kind.REGEX, "A+")]),
    ],
)
def test_values(modifiers: str, value: Any, expected: list[tuple[Kind, str]]) -> None:
    assert asked(modifiers, value) == expected


def test_all_and_words_without_a_field() -> None:
    assert values_of("contains|all").all and not values_of("contains").all
    assert values_of("").predicates(None, "x") == (Predicate(None, Kind.CONTAINS, "x"),)


@pytest.mark.parametrize(
    ("modifiers", "value"),
    [("cased", "x"), ("contains", 5), ("re", "(?=x)"), ("cidr", "10.0.0.1/8"), ("base64", "a*"), ("fieldref", "a*")],
)
def test_what_is_not_plain_is_left(modifiers: str, value: Any) -> None:
    with pytest.raises(OddError):
        asked(modifiers, value)


@pytest.mark.parametrize("value", ["", "*", None])
def test_a_keyword_that_is_nothing_is_left(value: Any) -> None:
    with pytest.raises(OddError):
        asked("", value, None)
