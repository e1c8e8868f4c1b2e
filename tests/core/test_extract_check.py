"""A file and its slip: what was changed is found, what was not is not accused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from core.errors import BadInput
from core.export import Cell
from core.extract import Counted, Extract, Form, local
from core.extract_check import check
from tests.core.test_extract import ASKED, HEAD, ROW, ZONE, made

CELLS = st.one_of(
    st.text(alphabet=st.characters(), max_size=12), st.integers(), st.floats(), st.booleans(), st.none(),
    st.sampled_from(["_x0041_", "SHA-256", "", "\r\n", "1,5", "007", '"']),
    st.integers(0, 4 * 10**15).map(lambda at: local(at, ZONE)), st.just(local(-(10**16), ZONE)),
)  # fmt: skip


def write(path: Path, form: Form, rows: list[list[Cell]], head: list[str] = HEAD) -> Path:
    with path.open("wb") as file:
        extract = Extract(file, form, head, "en")
        extract.add(rows)
        extract.close(ASKED, Counted(len(rows)))
    return path


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=5), st.sampled_from(["csv", "xlsx"]))
def test_whatever_is_written_fits_its_slip(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[Cell]], form: Form
) -> None:
    found = check(write(tmp_path_factory.mktemp("x") / "a", form, rows, ["a", "b"]))
    assert found.is_whole
    assert dict(found.slip)["Rows"] == str(len(rows))


@pytest.mark.parametrize("old", [b"25/11/2026 08:52:08", b",007,", b"level: cao", b"hanhnt", b"End: 2 rows"])
def test_a_changed_byte_of_a_table_is_found(tmp_path: Path, old: bytes) -> None:
    file = write(tmp_path / "a.csv", "csv", [ROW, ROW])
    assert check(file).is_whole
    changed = old.replace(old[-2:-1], b"9")
    file.write_bytes(file.read_bytes().replace(old, changed, 1))
    assert not check(file).is_whole


@pytest.mark.parametrize("place", ["B2", "A3", "C4"])
def test_a_changed_cell_of_a_workbook_is_found(tmp_path: Path, place: str) -> None:
    file = write(tmp_path / "a.xlsx", "xlsx", [ROW, ROW])
    for value in ("009", None):
        book = load_workbook(file)
        book.worksheets[0][place] = value or book.worksheets[0][place].value
        book.save(tmp_path / "b.xlsx")
        assert check(tmp_path / "b.xlsx").is_whole is (value is None)


def test_what_is_added_below_the_slip_is_found_but_a_name_in_its_place_is_none(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "csv", [ROW])
    whole = file.read_bytes().decode("utf-8-sig")
    file.write_text(whole.replace('full name)",', 'full name)",Trần Văn A'), "utf-8-sig", newline="")
    assert check(file).is_whole
    file.write_text(whole + "25/11/2026 08:52:08,008,5,x\r\n", "utf-8-sig", newline="")
    assert check(file).is_added
    book = load_workbook(write(tmp_path / "a.xlsx", "xlsx", [ROW]))
    book.worksheets[-1].append(["x", "y"])
    book.save(tmp_path / "b.xlsx")
    assert check(tmp_path / "b.xlsx").is_added


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no extract slip"), (b"a,b\r\n1,2\r\n", "no extract slip"), (b"PK\x03\x04", "damaged"),
        (made("xlsx", [ROW], 1)[1][:-100], "damaged"), (made("csv", [ROW], 1)[1][:-200], "no extract slip"),
    ],
)  # fmt: skip
def test_what_has_no_slip_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(BadInput, match=said):
        check(tmp_path / "a")
    for missing in (tmp_path / "none", tmp_path):
        with pytest.raises(BadInput, match="cannot be read"):
            check(missing)


def test_a_foreign_workbook_has_none(tmp_path: Path) -> None:
    from openpyxl import Workbook

    Workbook().save(tmp_path / "a.xlsx")
    with pytest.raises(BadInput, match="no extract slip"):
        check(tmp_path / "a.xlsx")
