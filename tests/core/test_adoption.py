"""What undeclared senders seem to be, and that they are declared as one says."""

from __future__ import annotations

import pytest

from core import adoption, inventory, inventory_changes
from core.adoption import Stranger, product_of, strangers
from core.audit import Actor
from core.clock import MINUTE, SECOND, Micros
from core.db.database import Database
from core.db.models import Source
from core.sources import Heards, SourceState, views

ACTOR = Actor("duclm", "console")
NOW = 1_764_000_000 * SECOND


def hear(database: Database, key: str, *parts: tuple[str, str], offset: Micros = 0) -> None:
    heards = Heards()
    for host, dataset in parts:
        for at in range(12):
            heards.add(key, host, dataset, NOW + at, offset)
    with database.write() as session:
        heards.save(session, {})


def found(database: Database) -> list[Stranger]:
    with database.read() as session:
        return strangers(session, NOW + MINUTE)


def declare(database: Database, *rows: Source) -> None:
    with database.write() as session:
        session.add_all(rows)


def test_one_machine_is_one_row_with_what_it_says_of_itself(database: Database) -> None:
    hear(database, "udp:10.20.1.9", ("FW-01.tinh.vn", "fortinet.firewall"))
    hear(database, "flow:10.20.1.9", ("", "netflow.flow"))
    (row,) = found(database)
    assert row.senders == ("flow:10.20.1.9", "udp:10.20.1.9")
    assert {c: t for c, t in row.cells.items() if t} == {
        "name": "fw-01", "addresses": "10.20.1.9", "product": "FortiGate", "zone": "Asia/Ho_Chi_Minh",
        "expected": "fortinet.firewall netflow.flow",
    }  # fmt: skip


def test_neighbours_say_where_it_belongs_only_if_they_agree(database: Database) -> None:
    declare(
        database,
        Source(name="a", keys=["10.20.1.1"], is_declared=True, agency="Sở Y tế", place="Phòng 1"),
        Source(name="b", keys=["udp:10.20.1.2"], is_declared=True, agency="Sở Y tế", place="Phòng 2"),
        Source(name="c", keys=["10.20.2.1"], is_declared=True, agency="Sở Xây dựng"),
    )
    hear(database, "udp:10.20.1.9", ("x", "system.auth"))
    (row,) = found(database)
    assert (row.cells["agency"], row.cells["place"], row.cells["product"]) == ("Sở Y tế", "", "Linux")
    assert row.why[-1]["en"] == "Agency: as of 2 declared sources in 10.20.1.0/24"


def test_many_names_behind_one_address_are_a_relay(database: Database) -> None:
    hear(database, "tcp:10.20.1.9", ("a", "system.auth"), ("b", "system.auth"), ("c", "nginx.access"))
    (row,) = found(database)
    assert (row.cells["relay"], row.cells["expected"], row.cells["name"]) == ("x", "", "10.20.1.9")


def test_a_host_behind_a_relay_and_a_token_have_their_own_keys(database: Database) -> None:
    hear(database, "relay:10.20.1.5:db01.tinh.vn", ("db01.tinh.vn", "postgresql.log"))
    hear(database, "token:app", ("web", "json.log"))
    hear(database, "file:old.log", ("web", "json.log"))
    rows = {row.cells["name"]: row.cells["addresses"] for row in found(database)}
    assert rows == {"db01": "host:db01.tinh.vn", "app": "token:app"}, "a file is nobody who sends"


def test_a_clock_in_utc_is_guessed(database: Database) -> None:
    hear(database, "udp:10.20.1.9", ("esx01", "vmware.esxi"), offset=-7 * 60 * MINUTE)
    assert found(database)[0].cells["zone"] == "UTC"


def test_names_do_not_clash_and_all_are_declared_at_once_and_undone(database: Database) -> None:
    declare(database, Source(name="web", keys=[], is_declared=True))
    for last in (7, 8, 9):
        hear(database, f"udp:10.20.1.{last}", ("web", "nginx.access"))
    rows = found(database)
    assert [row.cells["name"] for row in rows] == ["10.20.1.7", "10.20.1.8", "10.20.1.9"]
    with database.write() as session:
        plan = inventory.plan(session, adoption.table(rows))
        entry = adoption.adopt(session, ACTOR, plan, NOW)
    assert found(database) == []
    with database.read() as session:
        assert {v.name: v.state for v in views(session, NOW + MINUTE)} == {
            "web": SourceState.NEVER, **{f"10.20.1.{n}": SourceState.SENDING for n in (7, 8, 9)},
        }  # fmt: skip
    with database.write() as session:
        assert inventory_changes.undo(session, ACTOR, entry, NOW + MINUTE)[0] == 3


@pytest.mark.parametrize(
    ("datasets", "product"),
    [((), ""), (("json.log",), ""), (("system.auth", "nginx.access", "auditd.log"), "nginx, Linux")],
)
def test_the_product_by_what_is_sent(datasets: tuple[str, ...], product: str) -> None:
    assert product_of(datasets) == product
