"""The inventory is read all or nothing, and every wrong cell is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from core import inventory
from core.audit import Actor
from core.db.database import Database, migrate, open_database, sqlite_url
from core.db.models import Audit, Source
from core.errors import BadInput
from core.export import csv_bytes, xlsx_bytes
from core.words import LANGUAGES

ACTOR = Actor("duclm", "cli")


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = open_database(sqlite_url(tmp_path))
    migrate(database)
    return database


def bring_in(database: Database, cells: list[list[str]]) -> inventory.Plan:
    with database.write() as session:
        plan = inventory.plan(session, cells)
        inventory.apply(session, ACTOR, plan, 1)
    return plan


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_the_template_can_be_read_back(database: Database, lang: str, suffix: str) -> None:
    head, rows = inventory.template(lang)
    data = csv_bytes(head, rows) if suffix == ".csv" else xlsx_bytes(head, rows)
    plan = bring_in(database, inventory.read_table(f"x{suffix}", data))
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
        actions = [(a.action, a.object) for a in session.scalars(select(Audit).order_by(Audit.seq))]
    assert actions[2:] == [("source.change", "source:b"), ("source.add", "source:c")]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("name", ""),
        ("addresses", "10.0.0.300"),
        ("level", "6"),
        ("zone", "Hà Nội"),
        ("zone", "../etc/passwd"),
        ("silence", "never"),
        ("relay", "maybe"),
    ],
)
def test_a_wrong_cell_is_named_and_nothing_is_changed(database: Database, column: str, value: str) -> None:
    cells = [["name", column], ["good", ""], ["bad", value]] if column != "name" else [["name", "level"], ["", "3"]]
    with database.read() as session:
        plan = inventory.plan(session, cells)
    assert [(w.column, w.value) for w in plan.wrong] == [(column, value)]
    assert set(plan.wrong[0].reason) == {"vi", "en"}
    with pytest.raises(BadInput):
        bring_in(database, cells)
    with database.read() as session:
        assert session.scalars(select(Source)).all() == []


def test_a_name_or_address_twice_is_wrong(database: Database) -> None:
    cells = [["name", "addresses"], ["a", "10.0.0.1"], ["a", ""], ["b", "10.0.0.1"]]
    with database.read() as session:
        plan = inventory.plan(session, cells)
    assert [(w.row, w.column) for w in plan.wrong] == [(3, "name"), (4, "addresses")]


@pytest.mark.parametrize(
    ("name", "data"), [("x.csv", b"\xff\xfe\x00"), ("x.xlsx", b"PK\x03\x04junk"), ("x.csv", b"one,two\n1,2\n")]
)
def test_an_unusable_file_is_refused(database: Database, name: str, data: bytes) -> None:
    with database.read() as session, pytest.raises(BadInput):
        inventory.plan(session, inventory.read_table(name, data), name)
