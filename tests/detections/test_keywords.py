"""Keywords over whole events, with and without the filter in front."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detections.budget import untimed
from detections.ir import MANY, Kind, Predicate
from detections.keywords import KeywordIndex, joined
from detections.predicates import holds, texts_of

KEYWORDS = [
    Predicate(None, Kind.CONTAINS, "sekurlsa::logonpasswords"),
    Predicate(None, Kind.CONTAINS, 'say "hello" to'),
    Predicate(None, Kind.LIKE, f"{MANY}user{MANY}failed{MANY}"),
    Predicate(None, Kind.REGEX, "[0-9]+ errors"),
    Predicate(None, Kind.CONTAINS, "Cased", "c"),
]


def index_of(predicates: list[Predicate], *, in_raw: bool = False) -> KeywordIndex:
    return KeywordIndex(dict(enumerate(predicates)), untimed, dict.fromkeys(range(len(predicates))), in_raw=in_raw)


def plain(predicates: list[Predicate], event: dict[str, Any]) -> set[int]:
    return {
        number
        for number, predicate in enumerate(predicates)
        if any(holds(predicate, texts_of(value)) for value in event.values())
    }


WORDS = st.lists(
    st.sampled_from(
        [
            "sekurlsa::",
            "logonpasswords",
            "SAY",
            ' "hello" ',
            "to",
            "user",
            "failed",
            "9 errors",
            "Cased",
            "cased",
            "đ",
            "Se\u212aURLSA::logon",
            "fa\u0130led",
            "K",
        ]
    ),
    max_size=5,
).map("".join)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from("abc"), WORDS | st.integers(0, 3) | st.none(), max_size=3), max_size=6))
def test_agrees_with_the_plain_meaning(events: list[dict[str, Any]]) -> None:
    for predicates in (KEYWORDS, [*KEYWORDS, Predicate(None, Kind.CONTAINS, "đ")]):
        index = index_of(predicates)
        expected = [plain(predicates, event) for event in events]
        for write in (lambda e: joined(e.values()), orjson.dumps, lambda e: json.dumps(e).encode()):
            texts = list(map(write, events))
            found = index.classes(texts, lambda at: events[at].values())
            assert [set(index.numbers(found.get(at, 0))) for at in range(len(events))] == expected


def test_a_keyword_does_not_match_across_two_values() -> None:
    index = index_of([Predicate(None, Kind.CONTAINS, "one two")])
    events: list[dict[str, Any]] = [{"a": "one", "b": "two"}, {"a": "one two"}, {"a": ["x", "One Two"]}]
    found = index.classes([joined(event.values()) for event in events], lambda at: events[at].values())
    assert found.keys() == {1, 2}


def _spelt(form: str) -> Callable[[str], str]:
    return lambda text: "".join(form.format(ord(c)) if c.isascii() else c for c in text)


@pytest.mark.parametrize("form", ["\\u{:04x}", "\\u{:04X}", "&#{};", "&#x{:x};", "&#x{:X};", "&#0{};", "&#x00{:x};"])
@pytest.mark.parametrize("some", ["=", "m", ":", " ", "Z0"])
def test_what_json_and_xml_write_otherwise_is_found(form: str, some: str) -> None:
    """Gson writes ``=`` as ``\\u003d``; a host that hides may write any letter so."""
    index = index_of(
        [Predicate(None, Kind.CONTAINS, word) for word in ("token=abc", "mimikatz", "a::b z0")], in_raw=True
    )
    for number, value in enumerate(("run token=abc now", "MiMikatz mimiKatz", "a::b Z0")):
        raw = "".join(_spelt(form)(c) if c in some else c for c in value)
        found = index.classes([raw.encode()], lambda at, value=value: [value])  # type: ignore[misc]
        assert index.numbers(found.get(0, 0)) == {number}, raw


@pytest.mark.parametrize("raw", ["<D>mimi<!-- -->katz</D>", "<D>mimi<![CDATA[katz]]></D>", "<D>mimi<?x?>katz</D>"])
def test_what_xml_parts_is_found(raw: str) -> None:
    index = index_of([Predicate(None, Kind.CONTAINS, "mimikatz")], in_raw=True)
    assert index.classes([raw.encode(), b"<D>nothing</D>"], lambda at: ["mimikatz"]).keys() == {0}


def test_no_class_for_no_events() -> None:
    assert index_of(KEYWORDS).classes([], lambda at: ()) == {}
