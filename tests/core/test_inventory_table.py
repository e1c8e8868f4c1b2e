"""Files as spreadsheets of any country write them; what cannot be read whole is refused with its place."""

from __future__ import annotations

import io
import tracemalloc
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from openpyxl import Workbook

from core import inventory
from core.db.database import Database
from core.errors import BadInput, Place
from core.inventory_table import read_table
from core.words import LANGUAGES

TABLE = [["Tên nguồn", "Địa chỉ"], ["máy 1", "10.0.0.1, 10.0.0.2"]]
SEMICOLONS = "Tên nguồn;Địa chỉ\r\nmáy 1;10.0.0.1, 10.0.0.2\r\n"
TABS = SEMICOLONS.replace(";", "\t")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(SEMICOLONS.encode("utf-8-sig"), id="Excel in Vietnamese"),
        pytest.param(SEMICOLONS.encode(), id="no mark of UTF-8"),
        pytest.param(SEMICOLONS.replace("\r\n", "\n").encode(), id="Unix"),
        pytest.param(SEMICOLONS.replace("\r\n", "\r").encode(), id="old Macs"),
        pytest.param(('"Tên nguồn","Địa chỉ"\r\n"máy 1","10.0.0.1, 10.0.0.2"\r\n').encode(), id="commas, quoted"),
        pytest.param(TABS.encode("utf-16"), id="Unicode text of Excel"),
        pytest.param(("sep=;\r\n" + SEMICOLONS).encode("utf-8-sig"), id="a line for Excel"),
    ],
)
def test_the_same_table_in_many_hands(data: bytes) -> None:
    assert read_table("x.csv", data) == TABLE


def saved(book: Workbook) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def test_empty_sheets_do_not_count() -> None:
    book = Workbook()
    book.create_sheet("Trang 2").append(["name"])
    book["Trang 2"].append(["a"])
    book.create_sheet("Trang 3")
    assert read_table("x.xlsx", saved(book)) == [["name"], ["a"]]


def test_a_workbook_is_one_whatever_it_is_called() -> None:
    book = Workbook()
    book.worksheets[0].append(["name"])
    assert read_table("x.csv", saved(book)) == [["name"]]


def test_two_filled_sheets_are_refused_by_their_names() -> None:
    book = Workbook()
    for title in ("Sở A", "Sở B"):
        book.create_sheet(title).append(["name"])
    with pytest.raises(BadInput) as caught:
        read_table("x.xlsx", saved(book))
    assert "Sở A, Sở B" in (caught.value.said or {})["vi"]


@pytest.mark.parametrize("column", [41, 150])
def test_cells_far_to_the_right_are_seen(database: Database, column: int) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["name"])
    sheet.append(["a"])
    sheet.cell(2, column, "lost")
    with database.read() as session:
        (wrong,) = inventory.plan(session, read_table("x.xlsx", saved(book))).wrong
    assert (wrong.row, wrong.value) == (2, "lost")


def test_too_many_columns_are_refused() -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["name"])
    sheet.cell(1, 16_384, "far")
    with pytest.raises(BadInput, match="200"):
        read_table("x.xlsx", saved(book))


def empty_zip() -> bytes:
    file = io.BytesIO()
    with ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "no workbook")
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "line"),
    [
        ("x.csv", b"\xff\xfe\x00", None),
        ("x.csv", b"n\xe2me\n", None),
        ("x.csv", b"name\na\nb" + b"," * 200 + b"c\n", 3),
        ("x.csv", b"", None),
        ("x.csv", b"one,two\n1,2\n", 1),
        ("x.csv", b'name,owner\na,b\n"unclosed,1\nc,d\n', 3),
        ("x.csv", b'name,owner\n"a"b,1\n', 2),
        ("x.csv", b"name,owner\na,b\nc," + b"d" * 200_000, 3),
        ("x.csv", b"name\n" + b"a\n" * 10_001, None),
        pytest.param("x.csv", b"name\n" + b"a\n" * 10_001 + b'"unclosed', None, id="read no further than that"),
        ("x.xlsx", b"PK\x03\x04junk", None),
        ("x.xlsx", empty_zip(), None),
    ],
)
def test_an_unusable_file_is_refused_with_its_place(
    database: Database, name: str, data: bytes, line: int | None
) -> None:
    with database.read() as session, pytest.raises(BadInput) as caught:
        inventory.plan(session, read_table(name, data), name)
    assert caught.value.place == Place(name, line)
    assert set(caught.value.said or {}) == set(LANGUAGES)


TEXTS = "xl/sharedStrings.xml"
TEXTS_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"


def with_part(part: str, content: bytes) -> bytes:
    """A workbook with one cell and one more part."""
    book = Workbook()
    book.worksheets[0].append(["name"])
    file = io.BytesIO()
    with ZipFile(io.BytesIO(saved(book))) as old, ZipFile(file, "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            told = f'<Override PartName="/{TEXTS}" ContentType="{TEXTS_TYPE}" /></Types>'.encode()
            new.writestr(name, old.read(name).replace(b"</Types>", told if part == TEXTS else b"</Types>"))
        new.writestr(part, content)
    return file.getvalue()


def test_a_small_file_that_unpacks_to_much_is_refused_before_it_is_read() -> None:
    head = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>name</t></si>'
    assert read_table("x.xlsx", with_part(TEXTS, head + b"<si><t>x</t></si>" * 100 + b"</sst>")) == [["name"]]
    with pytest.raises(BadInput, match="More texts"):
        read_table("x.xlsx", with_part(TEXTS, head + b"<si><t>x</t></si>" * 300_000 + b"</sst>"))
    with pytest.raises(BadInput, match="Unpacked"):
        read_table("x.xlsx", with_part("xl/media/a.bin", bytes(65 << 20)))


def test_cells_far_to_the_right_take_no_memory_for_those_between() -> None:
    book = Workbook()
    for row in range(1, 301):
        book.worksheets[0].cell(row, 1, "a")
        book.worksheets[0].cell(row, 16_384, "x")
    data = saved(book)
    tracemalloc.start()
    with pytest.raises(BadInput, match="200"):
        read_table("x.xlsx", data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20, "of 300 * 16,384 places some 40 MB"


def merged(*refs: str) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["name", "agency", "place"], ["a", "Sở Y tế", ""], ["b", "", ""], ["c", "", "x"], ["", "", ""]):
        sheet.append(row)
    for ref in refs:
        sheet.merge_cells(ref)
    return saved(book)


def test_a_cell_merged_down_a_column_holds_for_each_of_its_rows() -> None:
    rows = read_table("x.xlsx", merged("B2:B5"))
    assert [row[1:2] for row in rows[1:4]] == [["Sở Y tế"]] * 3
    assert rows[4:] in ([], [[]]), "a row that holds nothing else stays empty"


def test_a_cell_merged_over_columns_is_refused_by_its_place() -> None:
    with pytest.raises(BadInput, match="B2:C3") as caught:
        read_table("x.xlsx", merged("B2:C3"))
    assert caught.value.place == Place("x.xlsx", 2)
    assert read_table("x.xlsx", merged("B5:C5"))[3] == ["c", "", "x"], "one that shows nothing matters to nobody"
