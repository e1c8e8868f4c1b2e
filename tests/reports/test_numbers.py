"""No number without what gives it again, and no sentence that loses what its numbers carry."""

from __future__ import annotations

from typing import Any

import pytest

from core.clock import HOUR
from core.store.contract import Truth
from reports.document import said
from reports.numbers import address, command, figure, in_both, joined, numbers_of, own, texts, when

FIVE = figure(5, "GET /api/v1/alerts → total")


def test_a_number_is_written_for_each_language_and_says_when_it_is_not_whole() -> None:
    assert [said(figure(1234, "x"), lang) for lang in ("vi", "en")] == ["1.234", "1,234"]
    assert figure(1234, "x", Truth(complete=False))["vi"] == "1.234 (chưa đầy đủ)"
    assert figure(1234, "x", Truth(exact=False))["en"] == "≈ 1,234"


def test_a_sentence_takes_no_bare_number() -> None:
    bare: Any = 5
    with pytest.raises(TypeError, match="without what gives it again"):
        texts("report.unseen.never", count=bare, names="x")


def test_a_sentence_carries_the_numbers_that_it_tells() -> None:
    told = texts("report.unseen.never", count=FIVE, names="x")
    assert said(told, "en") == "5 declared sources never sent: x."
    assert numbers_of(told) == [{"value": 5, "rerun": "GET /api/v1/alerts → total"}]
    both = joined([told, FIVE, "7", when(0, "UTC")])
    assert [n["value"] for n in numbers_of(both)] == [5, 5]
    assert said(both, "vi").startswith("5 nguồn đã khai báo")
    assert numbers_of(own(7)) == numbers_of("7") == []
    assert "numbers" not in texts("report.no_note")


def test_a_command_is_quoted_and_names_its_times() -> None:
    shown = command("search", "a: 'b c'", "--count", start=0, end=HOUR)
    ends = "--from 1970-01-01T00:00:00.000000Z --to 1970-01-01T01:00:00.000000Z"
    assert shown == f"""kydai search 'a: '"'"'b c'"'"'' --count {ends}"""


def test_an_address_is_escaped_and_its_field_stands_behind() -> None:
    assert address("/sources/ledger", "total.holds", source="udp:1 &b") == (
        "GET /api/v1/sources/ledger?source=udp:1+%26b → total.holds"
    )
    assert (
        address("/incidents", "total", status=["new", "open"]) == "GET /api/v1/incidents?status=new&status=open → total"
    )
    assert address("/x", "y", start=0) == "GET /api/v1/x?from=1970-01-01T00:00:00.000000Z → y"


def test_times_are_local_with_their_canonical_text() -> None:
    assert when(None, "UTC") == "–"
    assert when(0, "UTC") == {
        "vi": "01/01/1970 00:00:00",
        "en": "1970-01-01 00:00:00",
        "value": "1970-01-01T00:00:00.000000Z",
    }
    told = when(0, "UTC", "GET /x → at", seconds=False)
    assert numbers_of(told) == [{"value": "1970-01-01T00:00:00.000000Z", "rerun": "GET /x → at"}]
    assert in_both(str.upper) == {"vi": "VI", "en": "EN"}
