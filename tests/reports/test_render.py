"""Each format holds the whole document, and hostile text stays text in all of them."""

from __future__ import annotations

import io
import subprocess

import orjson
import pytest
from openpyxl import load_workbook

from reports.gather import Services
from reports.render import FORMATS, render, visible
from reports.report import build_incident, build_period
from tests.reports.conftest import END, START
from tests.services import program


def text_of(data: bytes) -> str:
    command = [program("pdftotext"), "-layout", "-", "-"]
    return subprocess.run(command, input=data, capture_output=True, check=True, timeout=60).stdout.decode()


def test_a_pdf_has_every_section_and_reads_nothing_as_markup(house: Services) -> None:
    text = text_of(render(build_incident(house, "VV-2026-0001", "hanhnt"), "pdf", "vi"))
    assert "Những phần không giám sát được" in text
    assert text.count("<script>") >= 3
    assert '#import "x"' in text
    assert r"\x1b[31m" in text
    assert "\u202e" not in text


def test_a_pdf_of_an_empty_house_says_that_nothing_happened(empty: Services) -> None:
    text = text_of(render(build_period(empty, START, END, "hanhnt"), "pdf", "en"))
    assert "No incident in the period." in text


def test_a_workbook_has_a_sheet_for_each_section_and_no_formula(house: Services) -> None:
    document = build_incident(house, "VV-2026-0001", "hanhnt")
    book = load_workbook(io.BytesIO(render(document, "xlsx", "vi")))
    assert len(book.sheetnames) == len(document.sections)
    assert not [c for sheet in book for row in sheet.iter_rows() for c in row if c.data_type == "f"]


def test_csv_and_json_hold_the_same_numbers(house: Services) -> None:
    document = build_period(house, START, END, "hanhnt")
    text = render(document, "csv", "en").decode("utf-8-sig")
    assert "Failed sign-ins,5,event.category: authentication and event.outcome: failure" in text
    plain = orjson.loads(render(document, "json", "en"))
    assert [s["key"] for s in plain["sections"]] == [s.key for s in document.sections]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_renders_both_reports_in_both_languages(house: Services, form: str) -> None:
    for document in (build_period(house, START, END, "hanhnt"), build_incident(house, "VV-2026-0001", "hanhnt")):
        assert all(render(document, form, lang) for lang in ("vi", "en"))


def test_what_is_invisible_is_shown() -> None:
    assert visible("a\x1b\u202eb\nc") == "a\\x1b\\u202eb\nc"
