"""What was heard of a sender moves to the source that it is declared as."""

from __future__ import annotations

from core.clock import MINUTE, SECOND
from core.db.database import Database
from core.db.models import Activity, Source
from core.heard_before import take_over
from core.sources import Heards, SourceState, views

T0 = 1_764_000_000 * SECOND


def hear(database: Database, key: str, *parts: tuple[str, str], at: int = T0, count: int = 3) -> None:
    heards = Heards()
    for host, dataset in parts:
        heards.add(key, host, dataset, at, -7 * 60 * MINUTE, count).fields.update({dataset})
    with database.write() as session:
        heards.save(session, {})


def declare(database: Database, *sources: Source) -> None:
    with database.write() as session:
        session.add_all(sources)
        session.flush()
        take_over(session)


def source(name: str, *keys: str, is_relay: bool = False) -> Source:
    return Source(name=name, keys=list(keys), is_declared=True, is_relay=is_relay, expected=[])


def heard(database: Database) -> dict[tuple[str, str, str], int]:
    with database.read() as session:
        return {(r.source, r.host, r.dataset): r.count for r in session.query(Activity)}


def test_two_ways_of_one_machine_are_one_source(database: Database) -> None:
    hear(database, "udp:10.0.0.1", ("fw", "fortigate.log"))
    hear(database, "flow:10.0.0.1", ("", "netflow.flow"), at=T0 + MINUTE)
    hear(database, "udp:10.0.0.2", ("x", "system.syslog"))
    declare(database, source("fw01", "10.0.0.1"))
    assert heard(database) == {
        ("fw01", "", ""): 6, ("fw01", "fw", "fortigate.log"): 3, ("fw01", "", "netflow.flow"): 3,
        ("udp:10.0.0.2", "", ""): 3, ("udp:10.0.0.2", "x", "system.syslog"): 3,
    }  # fmt: skip
    with database.read() as session:
        fw, other = views(session, T0 + 2 * MINUTE)
    assert (fw.name, fw.state, fw.last_at, fw.datasets) == (
        "fw01", SourceState.SENDING, T0 + MINUTE, ("fortigate.log", "netflow.flow"),
    )  # fmt: skip
    assert other.state is SourceState.UNDECLARED


def test_behind_a_relay_each_host_is_a_sender_of_its_own(database: Database) -> None:
    hear(database, "tcp:10.0.0.5", ("web01", "nginx.access"), ("db01", "postgresql.log"), ("db01", "system.auth"))
    declare(database, source("relay", "10.0.0.5", is_relay=True), source("web", "host:web01"))
    assert {key[0] for key in heard(database)} == {"web", "relay:10.0.0.5:db01"}
    assert heard(database)["relay:10.0.0.5:db01", "", ""] == 6
    with database.read() as session:
        assert [v.name for v in views(session, T0)] == ["relay:10.0.0.5:db01", "web"]


def test_what_a_pipeline_still_books_under_the_old_key_is_no_second_row(database: Database) -> None:
    declare(database, source("fw01", "10.0.0.1"))
    hear(database, "udp:10.0.0.1", ("fw", "fortigate.log"))
    with database.read() as session:
        assert [v.name for v in views(session, T0)] == ["fw01"]
