"""A document is plain data in both languages."""

from __future__ import annotations

import orjson

from reports.document import Document, Section, Table, said


def test_it_is_plain_data_with_both_languages() -> None:
    section = Section("a", {"vi": "Mục", "en": "Part"}, table=Table(["x"], [[1]], (0,), (1,)))
    document = Document("period", "T", "S", "2026-11-25T00:00:00Z", "hanhnt", False, [section])
    plain = orjson.loads(orjson.dumps(document.as_json()))
    assert plain["sections"][0]["title"] == {"vi": "Mục", "en": "Part"}
    assert plain["sections"][0]["table"]["rows"] == [[1]]


def test_a_text_is_said_in_the_language_asked_for() -> None:
    assert said({"vi": "Mục", "en": "Part"}, "vi") == "Mục"
    assert said({"en": "Part"}, "vi") == "Part"
    assert said(5, "vi") == "5"
