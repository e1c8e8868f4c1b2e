"""Patterns: macros, dotted group names, dispatch by first word, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.parser_contract import Record
from collectors.parser_patterns import MACROS, expand, first_word, patterns, regex_function
from core.errors import BadConfig


def test_macros_and_dotted_groups() -> None:
    pattern, fields = expand("%{WORD:user.name} %{INT} (?<source.ip>x)")
    assert fields == ["user.name", "source.ip"]
    assert pattern.startswith(r"(\w+) (?:[+-]?\d{1,19}) (x)")


@pytest.mark.parametrize(
    ("pattern", "word"),
    [("Accepted %{WORD:a} x", "Accepted "), (r"pam_\w+\(x", ""), ("(?:a|b) c", ""), ("abc", ""), (r"a\. b", "a. "),
     ("ab? c", ""), ("a* b", "")],
)  # fmt: skip
def test_first_words(pattern: str, word: str) -> None:
    assert first_word(pattern) == word


def test_alternatives_at_the_top_are_refused() -> None:
    with pytest.raises(BadConfig, match="alternatives"):
        regex_function("a (?<user.name>x)|b", frozenset())


@pytest.mark.parametrize(
    ("macro", "takes", "leaves"),
    [
        ("IP", "192.0.2.7", "192.0.2"), ("IP", "2001:db8::7%eth0", "deadbeef"), ("INT", "-115", "1.5"),
        ("NUMBER", "1.5", "x"), ("MAC", "00:11:22:33:44:55", "00:11"), ("HEX", "0xFFcc", "xyz"),
        ("HOST", "db-01.example", "-x-"), ("PATH", "/etc/passwd", "etc"), ("NOTSPACE", "đ!", "a b"),
    ],
)  # fmt: skip
def test_macros(macro: str, takes: str, leaves: str) -> None:
    assert macro in MACROS
    match = regex_function(f"%{{{macro}:x.y}}$", frozenset())
    out: dict[str, Any] = {}
    assert match(takes, out)
    assert out == {"x.y": takes}
    assert not match(leaves, {})


def test_the_first_match_wins_in_the_order_written() -> None:
    apply = patterns(
        [{"regex": "a (?<x.one>.*)"}, {"regex": "(?<x.two>.*)$"}, {"regex": "b (?<x.three>.*)"}],
        "message", False, frozenset(),
    )  # fmt: skip
    for text, expected in (("a q", {"x.one": "q"}), ("b q", {"x.two": "b q"})):
        out: dict[str, Any] = {}
        assert apply(out, Record(text, text, None, None, 0, "UTC"))
        assert out == {**expected, "message": text}
