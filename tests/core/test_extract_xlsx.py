"""Workbooks written row by row: further sheets, and that a spreadsheet program opens them."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from pathlib import Path

import pytest
from openpyxl import load_workbook

from core import extract_xlsx
from core.extract import Counted, Extract
from core.extract_check import check
from tests.core.test_extract import ASKED, HEAD, ROW


def test_a_full_sheet_is_followed_by_another_with_the_same_head(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(extract_xlsx, "SHEET_ROWS", 1_000)
    file = tmp_path / "a.xlsx"
    with file.open("wb") as opened:
        extract = Extract(opened, "xlsx", HEAD, "vi")
        extract.add([*ROW[:2], n, None] for n in range(1_998))
        extract.close(ASKED, Counted(1_998))
    book = load_workbook(file)
    assert book.sheetnames == ["Dữ liệu", "Dữ liệu 2", "Dữ liệu 3", "Phiếu trích xuất"]
    assert [s.max_row for s in book.worksheets[:3]] == [1_000, 1_000, 2]
    assert [s["A1"].value for s in book.worksheets[:3]] == [HEAD[0]] * 3
    assert book.worksheets[1]["C2"].value == 999
    assert check(file).is_whole


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice (soffice) is not on this machine")
def test_libreoffice_opens_it_and_what_it_saves_again_still_fits_the_slip(tmp_path: Path) -> None:
    file = tmp_path / "a.xlsx"
    texts = [" <b>&\t\nhai dòng", "'=1+1", "00123", "😀", "12:30", "1e10"]
    with file.open("wb") as opened:
        extract = Extract(opened, "xlsx", HEAD, "vi")
        extract.add([*ROW[:3], text] for text in texts)
        extract.close(ASKED, Counted(len(texts)))
    home = f"-env:UserInstallation={(tmp_path / 'home').as_uri()}"
    for kind in ("csv:Text - txt - csv (StarCalc):44,34,76", "xlsx"):
        command = [
            "soffice",
            home,
            "--headless",
            "--convert-to",
            kind,
            "--outdir",
            str(tmp_path / kind[:4].strip(":")),
            str(file),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    rows = list(csv.reader(io.StringIO((tmp_path / "csv" / "a.csv").read_text("utf-8"), newline="")))
    assert rows[0] == HEAD
    assert [row[3] for row in rows[1:-1]] == texts
    assert {tuple(row[:3]) for row in rows[1:-1]} == {("25/11/2026 08:52:08", "007", "5")}
    assert check(tmp_path / "xlsx" / "a.xlsx").is_whole
