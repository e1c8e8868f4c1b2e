"""Hostile text in a table stays text, in both formats."""

from __future__ import annotations

import csv
import io
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from core.export import BOM, Cell, Head, Moment, csv_bytes, safe_text, xlsx_bytes, xlsx_sheets

EVIL = ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "\uff1d1", "\n=1"]


def read_csv(data: bytes) -> list[list[str]]:
    assert data.startswith(BOM)
    return list(csv.reader(io.StringIO(data[3:].decode(), newline="")))


def read_xlsx(data: bytes) -> list[list[object]]:
    sheet = load_workbook(io.BytesIO(data)).active
    assert sheet is not None
    assert all(c.data_type in "sn" for row in sheet.iter_rows() for c in row), "no formula, no error cell"
    return [[c.value for c in row] for row in sheet.iter_rows()]


@pytest.mark.parametrize("text", EVIL)
def test_a_formula_is_disarmed_in_cells_and_headers(text: str) -> None:
    for table in (read_csv(csv_bytes([text], [[text]])), read_xlsx(xlsx_bytes([text], [[text]]))):
        assert all(str(row[0]).startswith("'") for row in table)


def test_numbers_vietnamese_and_nothing_pass_unchanged() -> None:
    row = [-3, 1.5, True, None, "Sở Y tế, “dòng 1”\ndòng 2"]
    assert read_csv(csv_bytes(["a"] * 5, [row]))[1] == ["-3", "1.5", "true", "", "Sở Y tế, “dòng 1”\ndòng 2"]
    assert read_xlsx(xlsx_bytes(["a"] * 5, [row]))[1] == [-3, 1.5, "true", None, "Sở Y tế, “dòng 1”\ndòng 2"]


def test_a_time_is_a_time_in_a_spreadsheet_and_its_text_elsewhere() -> None:
    at = datetime(2026, 11, 25, 14, 30, 5)  # noqa: DTZ001 - a spreadsheet knows no zones
    told = Moment(at, "25/11/2026 14:30:05", "dd/mm/yyyy hh:mm:ss")
    assert read_csv(csv_bytes(["a"], [[told]]))[1] == ["25/11/2026 14:30:05"]
    sheet = load_workbook(io.BytesIO(xlsx_bytes(["a", "b"], [[told, 1]]))).active
    assert sheet is not None
    cell = sheet["A2"]
    assert (cell.value, cell.number_format) == (at, "dd/mm/yyyy hh:mm:ss")
    assert sheet.column_dimensions["A"].width >= len(told.text)


def test_control_characters_become_pictures() -> None:
    assert safe_text("a\x1b[31m\x00\x7f\x9b") == "a\u241b[31m\u2400\u2421\ufffd"
    assert len(str(read_xlsx(xlsx_bytes(["x"], [["a" * 40_000]]))[1][0])) == 32_767


@given(st.lists(st.text(alphabet=st.characters(), max_size=30), min_size=1, max_size=4))
def test_any_text_can_be_written(texts: list[str]) -> None:
    (_, row) = read_csv(csv_bytes(["h"] * len(texts), [texts]))
    assert row == [safe_text(t) for t in texts]
    data = xlsx_bytes(["h"] * len(texts), [texts])
    assert len(read_xlsx(data)) == 1 + any(texts), "a row of nothing is no row"
    assert b"\x1b" not in csv_bytes(["h"] * len(texts), [texts])


def test_sheets_have_titles_that_excel_takes() -> None:
    titles = ["a/b:c", "x" * 40, "x" * 40, "'quoted'", ""]
    data = xlsx_sheets([(t, ["h"], [["v"]]) for t in titles])
    names = load_workbook(io.BytesIO(data)).sheetnames
    assert names == ["a-b-c", "x" * 31, "x" * 29 + " 2", "quoted", "-"]


def test_columns_are_as_wide_as_they_need_and_sentences_alone_do_not_count() -> None:
    rows: list[list[Cell]] = [["a sentence " * 20], Head(["name", "count"]), ["x\n" + "y" * 20, 5], ["z" * 500, 6]]
    book = load_workbook(io.BytesIO(xlsx_sheets([("t", ["title"], rows), ("u", ["title"], rows[:3])])))
    first, second = book["t"], book["u"]
    assert (first.column_dimensions["A"].width, first.column_dimensions["B"].width) == (60, 8)
    assert second.column_dimensions["A"].width == 22
    assert [c.font.bold for c in first[3]] == [True, True]
    assert first["A4"].alignment.wrap_text is True
    assert not first["A2"].alignment.wrap_text
    assert not first["A4"].font.bold
