"""The demonstration's inventory goes through the same door as a sysadmin's."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from core import inventory as table
from core.audit import Actor
from core.db.database import migrate, open_database, sqlite_url
from core.db.models import Source
from core.sources import SourceBook
from core.words import LANGUAGES
from kydai.demo.inventory import RELAY, inventory
from kydai.demo.world import load_world


@pytest.mark.parametrize("lang", LANGUAGES)
def test_it_is_taken_whole_and_finds_every_host(tmp_path: Path, lang: str) -> None:
    world = load_world()
    database = open_database(sqlite_url(tmp_path))
    migrate(database)
    with database.write() as session:
        plan = table.plan(session, inventory(world, lang))
        assert plan.wrong == []
        table.apply(session, Actor("duclm", "cli"), plan, 1)
    with database.read() as session:
        book = SourceBook(session.scalars(select(Source)))
    for host in world.hosts.values():
        found = book.resolve(world.source_of(host, "http" if host.by == "http" else "syslog_udp"))
        assert (found.name, found.level, found.zone) == (host.token or host.name, host.level, host.zone)
    for name, exporter in world.exporters.items():
        assert book.resolve(world.source_of(exporter.host, "netflow")).name == name
    assert book.resolve("udp:127.0.0.1").name == RELAY
    assert book.resolve("udp:127.0.0.1", "dc01").name == "dc01"
