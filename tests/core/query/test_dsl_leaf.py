"""Patterns as queries: native ones, parameters for the script, words that a text must have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.query.dsl_leaf import Spot, any_like, like_of, like_params, words_filter
from core.query.fold import fold
from core.query.tree import Pattern, Wild

MANY, ONE = Wild.MANY, Wild.ONE


def test_patterns_become_the_cheapest_query() -> None:
    spot, kv = Spot("f"), Spot("kv", "a*=")
    assert like_of(spot, ("ab",)) == ({"term": {"f": "ab"}}, True)
    assert like_of(spot, ("ab", MANY)) == ({"prefix": {"f": "ab"}}, True)
    assert like_of(spot, (MANY,)) == ({"exists": {"field": "f"}}, True)
    assert like_of(kv, (MANY,)) == ({"prefix": {"kv": "a*="}}, True)
    assert like_of(kv, (MANY, "b?\\", ONE)) == ({"wildcard": {"kv": {"value": "a\\*=*b\\?\\\\?"}}}, True)
    assert spot.among(["a", "a"]) == {"term": {"f": "a"}}
    assert kv.among(["a", "b"]) == {"terms": {"kv": ["a*=a", "a*=b"]}}


@pytest.mark.parametrize(
    "pattern", [(MANY, "x" * 200, MANY), (MANY, "a", *[ONE] * 20, "b"), tuple(["a", MANY] * 9), ("a", MANY, ONE) * 4]
)
def test_what_the_server_would_refuse_is_asked_more_widely(pattern: Pattern) -> None:
    query, exact = like_of(Spot("f"), pattern)
    assert not exact
    assert len(str(query)) < 150


@pytest.mark.parametrize("pattern", [(ONE, MANY), ("\0", MANY), (MANY, "\0", ONE), (ONE, "\0\0", MANY)])
def test_what_the_type_wildcard_takes_for_anything_is_asked_of_document_values(pattern: Pattern) -> None:
    assert like_of(Spot("w", held="f"), pattern) == like_of(Spot("f"), pattern)


@pytest.mark.parametrize("pattern", [("😀", MANY), (MANY, "😀a", MANY), ("a😀", ONE), (MANY, "a" + "😀b" * 9, MANY)])
def test_symbols_beyond_two_bytes_are_not_asked_of_the_type_wildcard(pattern: Pattern) -> None:
    query, exact = like_of(Spot("w", held="f"), pattern)
    assert not exact
    assert "😀" not in str(query)
    assert like_of(Spot("w"), pattern)[1], "a keyword is asked for them"


def test_parameters_of_the_script() -> None:
    assert like_params(()) == {"segments": [[]], "open_start": False, "open_end": False, "last_size": 0}
    found = like_params(("a", MANY, ONE, ONE, "bc", MANY, ONE))
    assert found == {"segments": [["a"], [2, "bc"], [1]], "open_start": False, "open_end": False, "last_size": 1}
    assert like_params((MANY,)) == {"segments": [], "open_start": True, "open_end": True, "last_size": 0}


def test_words_of_a_pattern() -> None:
    assert words_filter("w", ("Huế ab", MANY)) == [{"term": {"w": "hue"}}, {"prefix": {"w": "ab"}}]
    assert words_filter("w", (MANY, "failed pass", MANY)) == [{"prefix": {"w": "pass"}}]
    assert words_filter("w", (MANY, "iled", MANY)) == [{"wildcard": {"w": {"value": "*iled*"}}}]
    assert words_filter("w", (MANY, "--", MANY)) == words_filter("w", (MANY,)) == words_filter("w", ()) == []


def test_literals_alike_are_looked_for_together() -> None:
    spot = Spot("f", "n=")
    found = any_like(spot, [(MANY, "a.", MANY), (MANY, "b", MANY), ("c", MANY), (MANY, "d"), (MANY, "e"), ("x", ONE)])
    assert [query.get("regexp", query)["f"]["value"] for query in found if "regexp" in query] == [
        "n\\=.*(a\\.|b).*",
        "n\\=.*(d|e)",
    ]
    assert {"prefix": {"f": "n=c"}} in found
    assert {"wildcard": {"f": {"value": "n=x?"}}} in found
    many = any_like(spot, [(MANY, "x" * 40 + str(i), MANY) for i in range(100)])
    assert len(many) == 3
    assert any_like(spot, [(MANY, "a", MANY)] * 3) == any_like(spot, [(MANY, "a", MANY)])


@given(st.text(alphabet="aếđ \u0302\u05b0-ß가ſ_1", max_size=12), st.data())
def test_a_text_with_the_pattern_has_the_words(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    tokens = "".join(c if c.isalnum() or c == "_" or "\u0300" < c < "\u05ff" else " " for c in fold(text)).split()
    for query in words_filter("w", (MANY, text[start:end], MANY)):
        kind, wanted = next(iter(query.items()))
        literal = wanted["w"]["value"].strip("*") if kind == "wildcard" else wanted["w"]
        assert any(literal in token for token in tokens)
