"""The inventory is read all or nothing, and every wrong cell is named."""

from __future__ import annotations

import io

import pytest
from openpyxl import Workbook
from sqlalchemy import select

from core import inventory, inventory_changes
from core.audit import Actor
from core.db.database import Database
from core.db.models import Audit, Source
from core.errors import BadInput
from core.export import csv_bytes, xlsx_bytes
from core.inventory_table import read_table
from core.words import LANGUAGES

ACTOR = Actor("duclm", "cli")


def bring_in(database: Database, cells: list[list[str]]) -> inventory.Plan:
    with database.write() as session:
        plan = inventory.plan(session, cells)
        inventory_changes.apply(session, ACTOR, plan, 1)
    return plan


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_the_template_can_be_read_back(database: Database, lang: str, suffix: str) -> None:
    head, rows = inventory.template(lang)
    data = csv_bytes(head, rows) if suffix == ".csv" else xlsx_bytes(head, rows)
    plan = bring_in(database, read_table(f"x{suffix}", data))
    assert plan.added == ["web01", "relay01"]
    with database.read() as session:
        web, relay = session.scalars(select(Source).order_by(Source.id)).all()
    assert (web.keys, web.level, web.expected, web.is_declared) == (
        ["10.20.1.10"],
        3,
        ["nginx.access", "system.auth"],
        True,
    )
    assert relay.is_relay


def test_a_second_import_changes_only_what_differs_and_is_in_the_journal(database: Database) -> None:
    cells = [["name", "addresses", "level"], ["a", "10.0.0.1", "2"], ["b", "10.0.0.2", "2"]]
    bring_in(database, cells)
    plan = bring_in(database, [cells[0], ["a", "10.0.0.1", "2"], ["b", "10.0.0.2", "3"], ["c", "", ""]])
    assert (plan.added, plan.changed, plan.unchanged) == (["c"], {"b": ["level"]}, ["a"])
    with database.read() as session:
        entries = session.scalars(select(Audit).where(Audit.object.like("source:%")).order_by(Audit.seq)).all()
    assert [(e.action, e.object) for e in entries[2:]] == [("source.change", "source:b"), ("source.add", "source:c")]
    before, after = entries[2].before or {}, entries[2].after or {}
    assert {name for name in before if before[name] != after[name]} == {"level"}
    assert (before["keys"], before["expected"]) == (["10.0.0.2"], [])


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("name", ""),
        ("name", "=cmd|'/c calc'!A1"),
        ("name", "n\0ul"),
        ("name", "\x1b[31mred"),
        ("name", "left\u202eright"),
        ("system", "two\nlines"),
        ("addresses", "10.0.0.1\u200b"),
        ("addresses", "host:"),
        ("addresses", "10.0.0.300"),
        ("level", "6"),
        ("zone", "Hà Nội"),
        ("zone", "../etc/passwd"),
        ("silence", "never"),
        ("relay", "maybe"),
    ],
)
def test_a_wrong_cell_is_named_and_nothing_is_changed(database: Database, column: str, value: str) -> None:
    cells = [["name", column], ["good", ""], ["bad", value]] if column != "name" else [["name", "level"], [value, "3"]]
    with database.read() as session:
        plan = inventory.plan(session, cells)
    assert [(w.column, w.value) for w in plan.wrong] == [(column, value)]
    assert set(plan.wrong[0].reason) == {"vi", "en"}
    with pytest.raises(BadInput):
        bring_in(database, cells)
    with database.read() as session:
        assert session.scalars(select(Source)).all() == []


@pytest.mark.parametrize("column", ["name", "addresses", "product", "system", "owner", "zone", "expected", "retention"])
def test_a_cell_that_is_too_long_is_wrong_and_never_cut(database: Database, column: str) -> None:
    cells = [["name", column], ["a", "x" * 20_000]] if column != "name" else [["name"], ["x" * 20_000]]
    with database.read() as session:
        (wrong,) = inventory.plan(session, cells).wrong
    assert (wrong.row, wrong.column) == (2, column)
    assert len(wrong.value) <= 100


def test_a_name_or_address_twice_is_wrong(database: Database) -> None:
    cells = [["name", "addresses"], ["a", "10.0.0.1"], ["a", ""], ["b", "10.0.0.1"], ["A", ""], ["10.0.0.1", ""]]
    with database.read() as session:
        plan = inventory.plan(session, cells)
    assert [(w.row, w.column) for w in plan.wrong] == [(3, "name"), (4, "addresses"), (5, "name"), (6, "name")]


def test_what_belongs_to_a_source_outside_the_table_is_wrong(database: Database) -> None:
    bring_in(database, [["name", "addresses"], ["srcA", "token:ing1 2001:DB8:0::1"], ["srcB", "host:dc01"]])
    table = [["name", "addresses"], ["srcD", "token:Ing1 10.0.0.9"], ["srcE", "2001:db8::0001"], ["SRCB", ""]]
    with database.read() as session:
        wrong = inventory.plan(session, table).wrong
    assert [(w.row, w.column, w.value) for w in wrong] == [
        (2, "addresses", "token:ing1"),
        (3, "addresses", "2001:db8::1"),
        (4, "name", "srcb"),
    ]
    assert all("srcA" in w.reason[lang] for w in wrong[:2] for lang in LANGUAGES)
    with pytest.raises(BadInput):
        bring_in(database, table)
    with database.read() as session:
        assert {s.name for s in session.scalars(select(Source))} == {"srcA", "srcB"}


def test_an_address_moves_when_both_sources_stand_in_the_table(database: Database) -> None:
    bring_in(database, [["name", "addresses"], ["srcA", "token:ing1"]])
    plan = bring_in(database, [["name", "addresses"], ["srcD", "token:ing1"], ["srcA", "token:ing2"]])
    assert (plan.added, plan.changed) == (["srcD"], {"srcA": ["keys"]})


def test_a_formula_counts_by_the_value_it_was_saved_with(database: Database) -> None:
    """openpyxl saves formulas without values, as other programs do that compute nothing."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["name", "addresses"], ["web01", '=CONCATENATE("10.0.0.",1)'], ["web02", "10.0.0.2"]):
        sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    with database.read() as session:
        (wrong,) = inventory.plan(session, read_table("x.xlsx", file.getvalue())).wrong
    assert (wrong.row, wrong.column, wrong.value) == (2, "addresses", '=CONCATENATE("10.0.0.",1)')


def wrong_in(database: Database, cells: list[list[str]]) -> list[tuple[int, str, str, str]]:
    with database.read() as session:
        return [(w.row, w.column, w.value, w.reason["en"]) for w in inventory.plan(session, cells).wrong]


def test_every_wrong_cell_of_a_row_is_named_at_once(database: Database) -> None:
    table = [
        ["name", "addresses", "level", "zone", "silence", "relay", "retention", "owner"],
        ["", "10.0.0.300 10.0.0.1 nowhere", "9", "Hà Nội", "soon", "maybe", "forever", "a\0b"],
        ["good", "10.0.0.2", "3", "", "", "", "", ""],
        ["good", "10.0.0.1", "0", "", "", "", "", ""],
    ]
    found = wrong_in(database, table)
    assert [(row, column, value) for row, column, value, _ in found] == [
        (2, "owner", "a\0b"),
        (2, "name", ""),
        (2, "addresses", "10.0.0.300, nowhere"),
        (2, "level", "9"),
        (2, "zone", "Hà Nội"),
        (2, "silence", "soon"),
        (2, "relay", "maybe"),
        (2, "retention", "forever"),
        (4, "level", "0"),
        (4, "name", "good"),
    ]
    assert found[7][3] == "There is no such retention class; there are: default, level1, level2, level3, level4, level5"


def test_a_row_with_a_wrong_cell_still_owns_its_name_and_addresses(database: Database) -> None:
    found = wrong_in(database, [["name", "addresses", "level"], ["a", "10.0.0.1", "9"], ["b", "10.0.0.1", "2"]])
    assert [(row, column) for row, column, *_ in found] == [(2, "level"), (3, "addresses")]


def test_titles_that_are_none_of_ours_are_named_with_the_nearest(database: Database) -> None:
    header = ["Tên nguồn", "CẤP ĐỘ", "Múi giở", "dia chi", "Adress", "Ghi chú", "level", ""]
    found = wrong_in(database, [header, ["a", "3", "UTC", "10.0.0.1", "", "", "", ""]])
    assert [(row, column, value) for row, column, value, _ in found] == [
        (1, "E", "Adress"),
        (1, "F", "Ghi chú"),
        (1, "G", "level"),
    ]
    assert "'Addresses'" in found[0][3]
    assert "template" in found[1][3]
    assert found[2][3] == "This column already stands in column B"


def test_cells_outside_the_columns_are_refused_with_their_place(database: Database) -> None:
    found = wrong_in(database, [["name", "level"], ["a", "3", "", "lost", "too"], ["b", "3", "", ""]])
    assert [(row, column, value) for row, column, value, _ in found] == [(2, "D", "lost")]


def test_a_house_has_its_own_retention_classes(database: Database) -> None:
    cells = [["name", "retention"], ["a", "ten_years"]]
    with database.read() as session:
        assert inventory.plan(session, cells, "", {"default", "ten_years"}).wrong == []


def test_a_wrong_cell_is_titled_as_a_person_reads_it(database: Database) -> None:
    with database.read() as session:
        wrong = inventory.plan(session, [["name", "level"], ["a", "9", "x"]]).wrong
    assert {w.title["vi"] for w in wrong} == {"Cấp độ", "C"}


AGENCIES = {"H57.12": "Sở Y tế", "H57.13": "Sở Xây dựng"}


def test_an_agency_is_given_by_code_or_name_and_no_other_is_taken(database: Database) -> None:
    cells = [["name", "agency"], ["a", "h57.12"], ["b", "Sở xây dựng"], ["c", ""], ["d", "H57.99"]]
    with database.read() as session:
        plan = inventory.plan(session, cells, agencies=AGENCIES)
    assert [row.agency for row in plan.rows] == ["Sở Y tế", "Sở Xây dựng", ""]
    assert [(w.row, w.column, w.value) for w in plan.wrong] == [(5, "agency", "H57.99")]
    assert "H57.12 Sở Y tế" in plan.wrong[0].reason["en"]


def test_one_place_is_written_in_one_way(database: Database) -> None:
    bring_in(database, [["name", "place"], ["a", "Phòng máy 2"]])
    with database.read() as session:
        plan = inventory.plan(session, [["name", "place"], ["b", "phòng máy 2"], ["c", "Kho"], ["d", "KHO"]])
        again = inventory.plan(session, [["name", "place"], ["a", "PHÒNG MÁY 2"]])
    assert [(w.row, w.value) for w in plan.wrong] == [(2, "phòng máy 2"), (4, "KHO")]
    assert again.wrong == [], "all of them may be written anew"


def test_what_is_declared_can_be_written_out_and_brought_in_unchanged(database: Database) -> None:
    bring_in(database, [[*inventory.COLUMNS], ["a", "10.0.0.1 host:a", "nginx", "S", "A", "P", "3", "O", "UTC",
                                               "nginx.access", "90", "", "level3"]])  # fmt: skip
    with database.read() as session:
        head, rows = inventory.filled(session, "vi")
        plan = inventory.plan(session, [head, *rows])
    assert (plan.unchanged, plan.wrong) == (["a"], [])


def test_what_is_like_an_unknown_agency_is_looked_for_in_the_first_cells_only(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def near(text: str, _: object) -> str:
        looked.append(text)
        return "Sở Y tế"

    monkeypatch.setattr(inventory, "_near_agency", near)
    cells = [["name", "agency"], *([f"s{i}", f"Sở {i}"] for i in range(200))]
    with database.read() as session:
        plan = inventory.plan(session, cells, agencies=AGENCIES)
    assert len(plan.wrong) == 200
    assert looked == [f"Sở {i}" for i in range(inventory.NEAR_FOR)]
    assert "Sở Y tế" in plan.wrong[0].reason["vi"]
