"""Regular expressions as Lucene's; that they find the same is compared in test_to_dsl.py."""

from __future__ import annotations

import pytest
import re2

from core.errors import BadInput
from core.query import regex_lucene
from core.query.regex import MAX_CASED, Chars, parsed
from core.query.regex_lucene import literals, to_lucene
from core.query.tree import Comparison, Regex, Wild

MANY = Wild.MANY


@pytest.mark.parametrize(
    ("text", "lucene"),
    [
        ("a.c", "((.)*a[^\n]c(.)*)"),
        ("^a+$", "((a)+)"),
        ("\\A(?:^a|b$)\\z", "((a|b))"),
        ("^a|b$", "(a(.)*|(.)*b)"),
        ("(?m)^a$", "(((.)*\n)?a(\n(.)*)?)"),
        ("(?s:.*)^a", "(a(.)*)"),
        ("[^a]", "((.)*[^a](.)*)"),
        ("^[!-0~]$", "([\\!\\\"\\#\\$\\%\\&\\'\\(\\)\\*\\+\\,\\-\\.\\/0\\~])"),  # an escape begins no range
        ("^[+-9]$", "([\\+\\,\\-\\.\\/0-9])"),
        ("x{2,5}?|", "((.)*((x){2,5}|a{0,0})(.)*)"),
        ("(?s)^.\\.$", "(.\\.)"),
    ],
)
def test_expressions(text: str, lucene: str) -> None:
    assert to_lucene(Regex("f", text)) == lucene


def test_terms_that_begin_alike_are_lowered_or_joined() -> None:
    assert to_lucene(Regex("f", "^A$"), lowered=True, before="f=") == "f\\=(a)"
    assert to_lucene(Regex("f", "^😀[a😀]$"), lowered=True) == "(.[a😀])"  # the type wildcard errs in one alone
    assert to_lucene(Regex("f", "^.$", dotall=True), without="|") == "(.*\\|)?([^\\|])(\\|.*)?"


@pytest.mark.parametrize("text", ["a^b", "a$b", "(a|^b)^c", "(?m)\\Aa|^b\\Ac"])
def test_edges_within_are_refused(text: str) -> None:
    with pytest.raises(BadInput):
        to_lucene(Regex("f", text))


def test_literals() -> None:
    assert literals(Regex("f", "\\A(?:Faile.+Ế)\\z", Comparison.FOLD, dotall=True)) == (*"faile", MANY, "e")
    assert literals(Regex("f", "a|b")) == (MANY, MANY, MANY)
    assert literals(Regex("f", "a\\\\z")) == (MANY, "a", "\\", "z", MANY)


def test_the_flag_i_is_that_of_re2() -> None:
    differ = []
    for point in range(128, MAX_CASED):
        c = chr(point)
        if c.lower() == c.upper() or 0xD800 <= point < 0xE000:
            continue
        tree = parsed(Regex("f", c, Comparison.CI))
        assert isinstance(tree, Chars)
        ours = {chr(p) for low, high in tree.of for p in range(low, high + 1)}
        theirs = {o for o in ours | {c.lower()[0], c.upper()[0]} if re2.fullmatch(f"(?i){c}", o)}
        if ours != theirs:
            differ.append((hex(point), ours, theirs))
    assert not differ


def test_a_set_is_worked_out_once_for_all_places_and_fields() -> None:
    regex_lucene._write_set.cache_clear()
    for field in ("a", "b", "c"):
        to_lucene(Regex(field, "^" + "[^q]" * 50 + "$"), lowered=True)
    assert regex_lucene._write_set.cache_info().misses == 1
