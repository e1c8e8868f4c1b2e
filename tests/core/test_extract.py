"""Tables taken away: what they hold, how they end, and what their slip says."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from openpyxl import load_workbook

from core.clock import to_micros
from core.export import BOM, Cell
from core.extract import SHA, Asked, Counted, Extract, Form, Made, local

AT = to_micros("2026-11-25T01:52:08Z")
ZONE = "Asia/Ho_Chi_Minh"
ASKED = Asked("Cảnh báo", "level: cao", AT, None, ZONE, "hanhnt", AT)
HEAD = ["time", "id", "count", "text"]
ROW: list[Cell] = [local(AT, ZONE), "007", 5, "=1+1"]


def made(form: Form, rows: Sequence[Sequence[Cell]], counted: int, missing: Sequence[str] = ()) -> tuple[Made, bytes]:
    file = io.BytesIO()
    extract = Extract(file, form, HEAD, "vi")
    extract.add(rows)
    return extract.close(ASKED, Counted(counted, missing)), file.getvalue()


def test_a_table_in_csv_ends_with_its_count_and_its_slip() -> None:
    told, data = made("csv", [ROW, ROW], 2)
    assert data.startswith(BOM)
    lines = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert lines[:3] == [HEAD, *[["25/11/2026 08:52:08", "007", "5", "'=1+1"]] * 2]
    assert lines[3][0] == "Hết: 2 dòng, bằng số kết quả của truy vấn."
    slip = {line[0]: line[1] for line in lines[5:]}
    assert slip["Khoảng thời gian"] == "25/11/2026 08:52:08 – không giới hạn (Asia/Ho_Chi_Minh)"
    assert (slip["Truy vấn"], slip["Đầy đủ"], slip["Người trích xuất"]) == ("level: cao", "có", "hanhnt")
    assert (slip[SHA], told.missing) == (told.sha256, [])
    assert [line[0] for line in lines[-2:]] == [
        "Người trích xuất (ký, ghi rõ họ tên)",
        "Người nhận (ký, ghi rõ họ tên)",
    ]


def test_a_workbook_has_texts_numbers_and_times_and_the_same_sha256() -> None:
    (told, data), (other, _) = made("xlsx", [ROW], 1), made("csv", [ROW], 1)
    assert told.sha256 == other.sha256
    table, slip = load_workbook(io.BytesIO(data)).worksheets
    head, first, end = table.iter_rows()
    assert [c.value for c in head] == HEAD
    assert head[0].font.bold
    assert [c.value for c in first] == [local(AT, ZONE).at, "007", 5, "'=1+1"]
    assert (first[0].number_format, first[1].number_format) == ("dd/mm/yyyy hh:mm:ss", "@")
    assert str(end[0].value).startswith("Hết: 1 dòng")
    assert (SHA, told.sha256) in list(slip.iter_rows(values_only=True))


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_cell_that_is_too_long_is_cut_and_said(form: Form) -> None:
    told, data = made(form, [["", "", None, "😀" * 16_390], ["", "", 10**18, "y" * 32_767]], 2)
    assert told.missing == ["1 ô dài hơn 32.767 ký tự đã bị cắt."]
    if form == "xlsx":
        cell = str(load_workbook(io.BytesIO(data)).worksheets[0]["D2"].value)
        assert cell.endswith("[bị cắt ở 32.767 ký tự]")
        assert 32_760 < len(cell.encode("utf-16-le")) // 2 <= 32_767
        assert load_workbook(io.BytesIO(data)).worksheets[0]["C3"].value == str(10**18), "no digit is rounded away"


def test_what_is_missing_is_the_last_line_and_on_the_slip() -> None:
    told, data = made("csv", [ROW], 3, ["Một phần dữ liệu bị hỏng."])
    text = "Truy vấn đếm được 3 kết quả. Một phần dữ liệu bị hỏng."
    assert " ".join(told.missing) == text
    assert f"THIẾU: tệp có 1 dòng. {text}" in data.decode()
    assert f"Đầy đủ,KHÔNG. {text}" in data.decode()


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_full_disk_ends_it(form: Form) -> None:
    def fill() -> None:
        with Path("/dev/full").open("wb", buffering=0) as file, Extract(file, form, HEAD, "en") as extract:
            extract.add([ROW] * 20_000)
            extract.close(ASKED, Counted(20_000))

    with pytest.raises(OSError, match="No space left"):
        fill()
