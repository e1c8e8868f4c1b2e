"""Each format holds the whole document, and hostile text stays text in all of them."""

from __future__ import annotations

import io
import re
import subprocess
from collections.abc import Sequence
from datetime import datetime

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from core.db.models import Meta
from reports.document import Document, Section, Table, Text
from reports.gather import Services
from reports.numbers import figure, texts
from reports.render import FORMATS, render, reruns, visible
from reports.report import build_incident, build_period
from tests.reports.conftest import END, START
from tests.services import program


def text_of(data: bytes) -> str:
    command = [program("pdftotext"), "-layout", "-", "-"]
    return subprocess.run(command, input=data, capture_output=True, check=True, timeout=60).stdout.decode()


def pages(data: bytes) -> list[str]:
    return text_of(data).rstrip("\f").split("\f")


def document(*rows: Sequence[Text], lead: Text = "", **changes: bool) -> Document:
    table = Table(["A", "B"], rows, code=(0,), widths=(1, 1)) if rows else None
    made_at = {"vi": "25/11/2026 08:26:00", "en": "2026-11-25 08:26:00", "value": "2026-11-25T01:26:00.000000Z"}
    section = Section("a", "Part", lead, table=table)
    return Document("period", "Title", "Subtitle", {}, made_at, "hanhnt", changes.get("is_demo", False), [section])


def test_a_pdf_has_every_section_and_reads_nothing_as_markup(house: Services) -> None:
    made = build_incident(house, "VV-2026-0001", "hanhnt")
    text = text_of(render(made, "pdf", "vi"))
    assert "Những phần không giám sát được" in text.split("\f")[0]
    assert "Đối tượng liên quan và dấu vết" in text
    assert text.count("<script>") >= 3
    assert '#import "x"' in text
    assert r"\x1b[31m" in text
    assert "\u202e" not in text
    assert r"\u202e" in text


def test_a_pdf_shows_the_numbers_of_the_document_in_its_language(house: Services) -> None:
    made = build_period(house, START, END, "hanhnt")
    text = text_of(render(made, "pdf", "vi"))
    assert "Đăng nhập thất bại" in text
    (line,) = [line for line in text.splitlines() if line.lstrip().startswith("Đăng nhập thất bại  ")]
    assert line.split()[4] == "5"
    assert "event.category: authentication and event.outcome: failure" in text
    assert "No incident in the period." in text_of(render(build_period(house, START - 9, START, "x"), "pdf", "en"))


def test_page_one_and_every_other_page_carry_the_mark_of_a_demonstration(house: Services) -> None:
    with house.database.write() as session:
        session.merge(Meta(key="demo", value="1"))
    rows = [[str(n), "x"] for n in range(150)]
    many = document(*rows, is_demo=True)
    found = pages(render(many, "pdf", "vi"))
    assert len(found) > 1
    assert all("DỮ LIỆU TRÌNH DIỄN" in page for page in found)
    assert all("Trang" in page for page in found)
    made = build_period(house, START, END, "hanhnt")
    book = load_workbook(io.BytesIO(render(made, "xlsx", "vi")))
    assert all("DỮ LIỆU TRÌNH DIỄN" in str([c.value for r in s.iter_rows(max_row=2) for c in r]) for s in book)
    assert "DEMONSTRATION DATA" in render(made, "csv", "en").decode("utf-8-sig").splitlines()[1]
    assert orjson.loads(render(made, "json", "en"))["mark"]["vi"].startswith("DỮ LIỆU TRÌNH DIỄN")


def test_the_same_document_gives_the_same_pdf() -> None:
    assert render(document(["a", "b"]), "pdf", "vi") == render(document(["a", "b"]), "pdf", "vi")


def test_long_names_break_and_are_copied_whole() -> None:
    path = "/var/lib/" + "x" * 60 + "/" + "segment_" * 12
    text = text_of(render(document([path, path]), "pdf", "vi"))
    assert "\u200b" not in text
    assert max(len(line) for line in text.splitlines()) < 160


def test_a_text_longer_than_a_page_goes_on_over_the_next() -> None:
    long = " ".join(f"word{n}" for n in range(3000))
    text = text_of(render(document([long, "x"]), "pdf", "vi"))
    assert "word2999" in text.replace("\n", " ")
    assert text.count("\f") > 1


TYPST = [
    "#panic()",
    "$x$",
    "*b*",
    "_i_",
    "[x]",
    "// c",
    "/* c",
    "\\",
    "#",
    "@ref",
    "<label>",
    "= h",
    "- l",
    "`raw`",
    "~",
    "---",
]


def test_marks_of_the_layouts_language_are_only_text() -> None:
    text = text_of(render(document(*[[t, t] for t in TYPST], lead='#import "x": *'), "pdf", "en"))
    for mark in TYPST:
        assert re.sub(r"\s+", "", text).count(mark.replace(" ", "")) >= 2, mark
    assert '#import "x": *' in text


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(), max_size=60))
def test_any_text_can_be_rendered(text: str) -> None:
    made = document([text, {"vi": text, "en": text}], lead=text)
    assert all(render(made, form, "vi") for form in FORMATS)


def test_a_workbook_has_a_sheet_for_each_section_numbers_as_numbers_and_no_formula(house: Services) -> None:
    made = build_period(house, START, END, "hanhnt")
    book = load_workbook(io.BytesIO(render(made, "xlsx", "en")))
    assert len(book.sheetnames) == len(made.sections) + 1
    assert not [c for sheet in book for row in sheet.iter_rows() for c in row if c.data_type == "f"]
    counts = {row[0]: row[1] for row in book["Numbers and the query of each"].iter_rows(values_only=True)}
    assert counts["Failed sign-ins"] == 5
    starts = [row[3] for row in book["Incidents of the period"].iter_rows(values_only=True)]
    assert any(isinstance(at, datetime) for at in starts)


def test_a_number_that_is_not_whole_stays_a_text_that_says_so() -> None:
    partly = {"vi": "7 (chưa đầy đủ)", "en": "7 (incomplete)", "value": 7}
    book = load_workbook(io.BytesIO(render(document([partly, figure(1234, "GET /x → y")]), "xlsx", "en")))
    assert [c.value for c in list(book["Part"].iter_rows())[-1]] == ["7 (incomplete)", 1234]


def test_what_gives_the_numbers_of_sentences_again_stands_under_them() -> None:
    few, many = (figure(n, f"GET /api/v1/alerts?level={n} → {of}") for n, of in ((5, "total"), (5000, "hits")))
    lead = texts("report.unseen.ignored", count=few, all=many, names="x")
    made = document(["a", figure(7, "GET /in/a/column → x")], lead=lead)
    expected = ["GET /api/v1/alerts?level=5 → total: 5", "GET /api/v1/alerts?level=5000 → hits: 5.000"]
    assert reruns(made.sections[0], "vi")[1:] == expected
    for form in ("csv", "pdf"):
        data = render(made, form, "vi")
        text = text_of(data) if form == "pdf" else data.decode("utf-8-sig")
        assert all(line in text for line in expected), form
    ends = "from=2026-11-24T01:00:00.000000Z&to=2026-11-25T01:00:00.000000Z"
    timed = [figure(1, f"GET /api/v1/{of}{ends} → total") for of in ("alerts?", "incidents?x=1&")]
    head, *short = reruns(
        Section("a", "A", texts("report.unseen.ignored", count=timed[0], all=timed[1], names="")), "en"
    )
    assert ends in head
    assert short == ["GET /api/v1/alerts → total: 1", "GET /api/v1/incidents?x=1 → total: 1"]
    same = texts("report.unseen.ignored", count=few, all=few, names="x")
    assert len(reruns(Section("a", "A", same), "en")) == 2, "an address once"


def test_csv_and_json_hold_the_same_numbers(house: Services) -> None:
    made = build_period(house, START, END, "hanhnt")
    data = render(made, "csv", "en")
    assert data.startswith(b"\xef\xbb\xbf")
    assert "Failed sign-ins,5,event.category: authentication and event.outcome: failure" in data.decode("utf-8-sig")
    plain = orjson.loads(render(made, "json", "en"))
    assert [s["key"] for s in plain["sections"]] == [s.key for s in made.sections]
    (counts,) = [s for s in plain["sections"] if s["key"] == "counts"]
    assert {r[0]["en"]: r[1]["value"] for r in counts["table"]["rows"]}["Failed sign-ins"] == 5
    assert plain["is_complete"] is True


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_renders_both_reports_in_both_languages(house: Services, form: str) -> None:
    for made in (build_period(house, START, END, "hanhnt"), build_incident(house, "VV-2026-0001", "hanhnt")):
        assert all(render(made, form, lang) for lang in ("vi", "en"))


def test_an_empty_house_gives_a_report_that_says_so(empty: Services) -> None:
    text = text_of(render(build_period(empty, START, END, "hanhnt"), "pdf", "vi"))
    assert "Chưa khai báo danh mục nguồn, không kết luận được độ phủ" in text.split("\f")[0]
    assert "Không có vụ việc nào trong kỳ." in text


def test_what_is_invisible_is_shown() -> None:
    assert visible("a\x1b\u202eb\nc\u2028\ud800") == "a\\x1b\\u202eb\nc\\u2028\\ud800"
