"""A document is plain data in both languages."""

from __future__ import annotations

import orjson

from reports.document import Document, Section, Table, said, value_of


def test_it_is_plain_data_with_both_languages() -> None:
    section = Section(
        "a", {"vi": "Mục", "en": "Part"}, table=Table(["x"], [[{"vi": "1", "en": "1", "value": 1}]], (0,))
    )
    document = Document("period", "T", "S", {}, "–", "hanhnt", False, [section])
    plain = orjson.loads(orjson.dumps(document.as_json()))
    assert plain["sections"][0]["title"] == {"vi": "Mục", "en": "Part"}
    assert plain["sections"][0]["table"]["rows"] == [[{"vi": "1", "en": "1", "value": 1}]]
    assert plain["is_complete"] is True


def test_what_is_missing_makes_it_incomplete() -> None:
    assert not Document("period", "T", "S", {}, "–", "hanhnt", False, [], ["damaged"]).is_complete


def test_a_text_is_said_in_the_language_asked_for() -> None:
    assert said({"vi": "Mục", "en": "Part"}, "vi") == "Mục"
    assert said({"en": "Part"}, "vi") == "Part"
    assert said("web01", "vi") == "web01"


def test_numbers_and_times_keep_their_plain_value() -> None:
    assert value_of({"vi": "1.234", "en": "1,234", "value": 1234}) == 1234
    assert value_of({"vi": "a", "en": "b"}) is None
    assert value_of("1") is None
