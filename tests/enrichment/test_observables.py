"""What everybody shares joins nothing; an address of ours stands for its host when something comes from it."""

from __future__ import annotations

from pathlib import Path

from core.db.database import migrate, open_database, sqlite_url
from core.db.models import Source
from enrichment.observables import House, host_label, is_outside, is_person, link_keys, plain_address, read_house

HOUSE = House(shared=frozenset({"192.0.2.10", "10.20.2.80"}), owners={"10.20.6.21": "baochi-crawl01"})


def keys(*entities: tuple[str, str], **facts: list[str]) -> set[tuple[str, str]]:
    return link_keys([list(entity) for entity in entities], facts, HOUSE)


def test_hosts_users_hashes_and_processes_join() -> None:
    entities = [("host", "web01"), ("user", "lannt"), ("hash", "ab" * 32), ("process", "kworker (71) @ web01")]
    assert keys(*entities) == set(entities)


def test_what_everybody_has_joins_nothing() -> None:
    assert not keys(
        ("user", "root"),
        ("user", "system"),
        ("user", "local service"),
        ("user", "pc-0001$"),
        ("host", "localhost"),
        ("hash", "d41d8cd98f00b204e9800998ecf8427e"),
        ("process", "cmd.exe @ web01"),
        ("domain", "x.example"),
        ("observer", "fw-ttdl"),
        ("ip", "127.0.0.1"),
        ("ip", "::1"),
        ("ip", "0.0.0.0"),
        ("ip", "192.0.2.10"),
        ("ip", "not an address"),
    )


def test_addresses() -> None:
    assert keys(("ip", "203.0.113.7")) == {("ip", "203.0.113.7")}
    ours = ("ip", "10.20.6.21")
    assert keys(ours, **{"from": ["10.20.6.21"]}) == {ours, ("host", "baochi-crawl01")}
    assert not keys(ours, to=["10.20.6.21"])
    assert not keys(("ip", "10.20.99.1"))
    assert keys(("ip", "10.20.99.1"), **{"from": ["10.20.99.1"]}) == {("ip", "10.20.99.1")}
    assert is_outside("203.0.113.7")
    assert not is_outside("10.1.2.3")
    assert not is_outside("fd00::1")


def test_accounts_that_are_worth_naming() -> None:
    assert is_person("lannt")
    assert is_person("BACHVAN\\Administrator")
    assert is_person("root")
    for user in ("SYSTEM", "NT AUTHORITY\\SYSTEM", "PC-0001$", "LOCAL SERVICE", "DWM-1", "-"):
        assert not is_person(user)


def test_the_house_is_read_from_declared_sources(tmp_path: Path) -> None:
    database = open_database(sqlite_url(tmp_path))
    migrate(database)
    with database.write() as session:
        session.add(Source(name="Jump01.bachvan.example", keys=["udp:10.20.16.11", "10.20.16.12"], is_declared=True))
        session.add(Source(name="relay", keys=["tcp:10.20.2.5"], is_declared=True, is_relay=True))
        session.add(Source(name="web01", keys=["relay:10.20.2.5:web01"], is_declared=True))
        session.add(Source(name="stranger", keys=["udp:10.20.9.9"]))
        house = read_house(session, ["192.0.2.10"])
    assert house == House(frozenset({"192.0.2.10", "10.20.2.5"}), {"10.20.16.11": "jump01", "10.20.16.12": "jump01"})
    assert plain_address("token:may-tram") is None
    assert plain_address("2001:db8::1") == "2001:db8::1"
    assert host_label("10.20.1.1") == "10.20.1.1"
