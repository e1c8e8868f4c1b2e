"""Many needles at once, in short and long texts, and the literals of regular expressions."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detections import needles as module
from detections.needles import BLOT, END, START, Needles, least_length, regex_needle

ALPHABET = "ab.\\đаİ" + START + END
NEEDLES = st.lists(st.text("ab.\\đа", min_size=1, max_size=4), unique=True, max_size=8)


@settings(max_examples=300, deadline=None)
@given(NEEDLES, st.lists(st.text(ALPHABET, max_size=20), max_size=6), st.booleans())
def test_agrees_with_in(plain: list[str], texts: list[str], are_long: bool) -> None:
    marked = plain + [START + needle for needle in plain] + [needle + END for needle in plain]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "LONG", 0 if are_long else 10_000)
        found = Needles(marked)
        for text in texts * 20:
            low = text.lower()
            seen = START + low.replace(START, BLOT).replace(END, BLOT) + END
            assert found.found(low) == {at for at, needle in enumerate(marked) if needle in seen}


def test_no_needles() -> None:
    assert Needles([]).found("x" * 1000) == set()
    assert len(Needles(["a", "b"])) == 2


@pytest.mark.parametrize(
    ("pattern", "flags", "needle"),
    [
        (r"abc.*defg", "", "defg"),
        (r"ABC", "", "abc"),
        (r"(foo|bar)baz", "", "baz"),
        (r"(?:longer)+x", "", "longer"),
        (r"(?:longer)*xyz", "", "xyz"),
        (r"a?bcd", "", "bcd"),
        (r"[a-z]+", "", ""),
        (r"task", "i", ""),
        (r"(?i)network", "", "networ"),
        (r"\.exe$", "i", ".exe"),
        (r"\p{L}abc", "", ""),
        (r"(", "", ""),
        (r"[[:alpha:]]abc", "", ""),
    ],
)
def test_literals_of_regexes(pattern: str, flags: str, needle: str) -> None:
    assert regex_needle(pattern, flags) == needle


@pytest.mark.parametrize(
    ("pattern", "least"),
    [(r".{1000,}", 1000), (r"(abc|de)f?", 2), (r"(a{2}b){3,}$", 9), (r"", 0), (r"\p{L}abc", 0), (r"[[:digit:]]", 0)],
)
def test_what_is_shorter_cannot_match(pattern: str, least: int) -> None:
    assert least_length(pattern) == least
