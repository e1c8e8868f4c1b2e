"""What a scan rules out does not hold."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.errors import BadInput
from detections import match_index
from detections.budget import Test, untimed
from detections.ir import MANY, ONE, Kind, Predicate
from detections.match_index import MatchIndex
from detections.predicates import holds
from detections.predicates import test_of as the_test
from detections.sieve import Sieve

TEXTS = st.text("abAB01kKſsS .\\/-\n\r\t\v\x00\x1f_é", max_size=12)
SETS = ("[ab]", "[^a]", r"[^\s]", r"[\w-]", r"[^\v]", r"[\x00-\x1f]", r"[^\x00-\x7f]", "[]a]")
ESCAPES = (r"\.", r"\\", r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", r"\b", r"\B", r"\v", r"\n", r"\x41")
ATOMS = st.sampled_from([*"aBksé01.^$", "{,2}", *ESCAPES, *SETS])
REGEXES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{2,}", "*?", "+?"])).map(
            lambda both: f"({both[0]}){both[1]}"
        ),
        inner.map(lambda part: f"(?i:{part})"),
    ),
    max_leaves=6,
)
PREDICATES = st.one_of(
    st.builds(Predicate, st.just("f"), st.just(Kind.REGEX), REGEXES, st.sampled_from(["", "i", "s", "m"])),
    st.builds(
        lambda value, cased: Predicate("f", Kind.LIKE, value if cased else value.lower(), "c" if cased else ""),
        st.text("abA0 .\\(\v\x00é" + MANY + ONE, min_size=1, max_size=6),
        st.booleans(),
    ),
)


def _known(predicate: Predicate) -> list[tuple[int, Test]]:
    """None where RE2 does not take the expression: then no rule has it."""
    try:
        return [(7, the_test(predicate))]
    except BadInput:
        return []


@settings(max_examples=600, deadline=None)
@given(PREDICATES, st.lists(TEXTS, min_size=1, max_size=6))
@example(Predicate("f", Kind.REGEX, r"a[^\s]b"), ["a\vb"])
@example(Predicate("f", Kind.REGEX, r"a[^\v]b"), ["a\nb"])
@example(Predicate("f", Kind.REGEX, "(?m)^$"), ["a\n"])
@example(Predicate("f", Kind.REGEX, "(?:a|)"), ["", "b"])
@example(Predicate("f", Kind.REGEX, "a.{2}b"), ["aééb"])
@example(Predicate("f", Kind.REGEX, "(?i)kſ"), ["KS"])
@example(Predicate("f", Kind.REGEX, "a$"), ["a", "a\n"])
def test_nothing_that_holds_is_ruled_out(predicate: Predicate, texts: list[str]) -> None:
    for number, test in _known(predicate):
        sieve = Sieve([(number, test)], {number: predicate})
        if number in sieve:
            for text in texts:
                assert not holds(predicate, [text]) or (number, test) in sieve.suspects(text), text


@pytest.mark.parametrize(
    ("pattern", "takes_part"),
    [
        (r"\\[^\\]{1,256}$", True),
        (r"(?i)set.*&&\s?set.*(?:environment|\$\{?input)", True),
        (r"\bHostId=[a-zA-Z0-9-]{36}\s+", True),
        (r".{1000,}", False),
        (r"(?:a{20}){21}", False),
        (r"[-–]e", False),
        (r"[[:alpha:]]b", False),
        (r"a\z", False),
    ],
)
def test_only_what_is_read_alike_and_compiled_quickly_takes_part(pattern: str, takes_part: bool) -> None:
    predicate = Predicate("f", Kind.REGEX, pattern)
    sieve = Sieve([(3, the_test(predicate))], {3: predicate})
    assert (3 in sieve) is takes_part


def test_a_pattern_that_vectorscan_refuses_costs_the_others_nothing() -> None:
    patterns = {1: Predicate("f", Kind.REGEX, "a[b[.x.]]"), 2: Predicate("f", Kind.REGEX, "c+d")}
    sieve = Sieve([(number, the_test(each)) for number, each in patterns.items()], patterns)
    assert [number for number, _ in sieve.suspects("ccd")] == [2]


def test_what_is_asked_often_is_run_only_where_it_may_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(match_index, "SIFTED_AFTER", 20)
    ran: list[int] = []

    def timed(number: int, test: Test, text: str) -> bool:
        ran.append(number)
        return untimed(number, test, text)

    asked = ["a.c", "needle.*x", r"[0-9]{4,}", "x{500}"]
    index = MatchIndex({n: Predicate("f", Kind.REGEX, value) for n, value in enumerate(asked)}, timed)
    for number in range(12):
        assert index.true_of(f"value {number} needle") == set()
    ran.clear()
    assert index.true_of("abc") == {0}
    assert index.true_of("no such thing") == set()
    assert index.true_of("needle in x 2026") == {1, 2}
    assert ran == [3, 0, 3, 3, 1, 2]
    ran.clear()
    assert index.true_of("đường abc") == {0}
    assert sorted(ran) == [0, 1, 2, 3]
