"""Regular expressions in RE2's syntax as trees."""

from __future__ import annotations

import pytest

from core.errors import BadInput
from core.query.regex import ALL, Alt, Chars, Edge, Repeat, Seq, inverted, members, parsed, ranges
from core.query.tree import Comparison, Regex


def chars(text: str) -> Chars:
    return Chars(ranges((ord(c), ord(c)) for c in text))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a", chars("a")),
        ("ab|c", Alt((Seq((chars("a"), chars("b"))), chars("c")))),
        ("a+?", Repeat(chars("a"), 1, None)),
        ("a{2,3}", Repeat(chars("a"), 2, 3)),
        ("a{2,}", Repeat(chars("a"), 2, None)),
        ("a{,3}", Seq(tuple(map(chars, "a{,3}")))),
        ("[a-c]", chars("abc")),
        ("[]a]", chars("]a")),
        ("[a\\-z]", chars("a-z")),
        ("[a-]", chars("a-")),
        ("[[:digit:]]", chars("0123456789")),
        ("\\D", Chars(inverted(ranges([(48, 57)])))),
        ("(?s).", Chars(ALL)),
        ("(?:a)(?P<n>b)(?<m>c)", Seq(tuple(map(chars, "abc")))),
        ("(?i:k)k", Seq((chars("kK\u212a"), chars("k")))),
        ("\\x41\\x{ffff}\\.\\n", Seq(tuple(map(chars, "A\uffff.\n")))),
        ("^a$", Seq((Edge(False, False), chars("a"), Edge(True, False)))),
        ("(?m)^", Edge(False, True)),
    ],
)
def test_trees(text: str, tree: object) -> None:
    assert parsed(Regex("f", text)) == tree


@pytest.mark.parametrize(
    ("text", "at"),
    [("a\\b", 2), ("\\pL", 1), ("a(?U)b", 2), ("\\Qa", 1), ("\\C", 1), ("[\\pN]", 2), ("ab(^c)*", 3), ("(" * 101, 101)],
)
def test_what_lucene_cannot_say_is_refused_with_its_place(text: str, at: int) -> None:
    with pytest.raises(BadInput) as caught:
        parsed(Regex("f", text))
    assert f"character {at} " in caught.value.message


def test_folding_leaves_escapes_alone() -> None:
    assert parsed(Regex("f", "Ế", Comparison.FOLD)) == chars("eE")
    assert parsed(Regex("f", "\\x{1ebf}", Comparison.FOLD)) == chars("ếẾ")


def test_sets() -> None:
    assert ranges([(5, 9), (1, 3), (4, 4)]) == ((1, 9),)
    assert inverted(inverted(((3, 5),))) == ((3, 5),)
    table = {3: (30,), 7: (70,)}
    assert list(members(((0, 5),), table)) == list(members(((3, 3),), table)) == [(30,)]
