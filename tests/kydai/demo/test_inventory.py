"""The demonstration's inventory goes through the same door as a sysadmin's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import select

from collectors.parser import ParserSet
from core import inventory as table
from core import inventory_changes
from core.audit import Actor
from core.clock import LOCAL_ZONE
from core.db.database import migrate, open_database, sqlite_url
from core.db.models import Source
from core.sources import SourceBook
from core.words import LANGUAGES
from kydai.demo.day import to_frame
from kydai.demo.emission import Emission, Transport
from kydai.demo.inventory import RELAY, expected, inventory
from kydai.demo.world import load_world


@pytest.mark.parametrize("lang", LANGUAGES)
def test_it_is_taken_whole_and_finds_every_host(tmp_path: Path, lang: str) -> None:
    world = load_world()
    database = open_database(sqlite_url(tmp_path))
    migrate(database)
    with database.write() as session:
        plan = table.plan(session, inventory(world, lang))
        assert plan.wrong == []
        inventory_changes.apply(session, Actor("duclm", "cli"), plan, 1)
    with database.read() as session:
        book = SourceBook(session.scalars(select(Source)))
    for host in world.hosts.values():
        found = book.resolve(world.source_of(host, "http" if host.by == "http" else "syslog_udp"))
        assert (found.name, found.level, found.zone) == (host.token or host.name, host.level, host.zone)
    for name, exporter in world.exporters.items():
        assert book.resolve(world.source_of(exporter.host, "netflow")).name == name
    assert book.resolve("udp:127.0.0.1").name == RELAY
    assert book.resolve("udp:127.0.0.1", "dc01").name == "dc01"


def test_what_is_expected_of_a_source_is_what_our_parsers_make_of_it(past: list[Emission]) -> None:
    world, parsers = load_world(), ParserSet.load()
    heard: dict[str, set[str]] = {}
    seen: set[tuple[str, bytes]] = set()
    unparsed = []
    for emission in past:
        # one record of each host and program is enough
        kind = (
            emission.host,
            re.sub(rb"[\d\[:].*", b"", emission.data.partition(emission.host.encode() + b" ")[2][:24]),
        )
        source = world.host(emission.host).token or emission.host
        if emission.transport is Transport.NETFLOW:
            heard.setdefault(source, set()).add("netflow.flow")
        elif kind not in seen:
            seen.add(kind)
            parsed = parsers.parse(to_frame(world, emission, replay=True), zone=LOCAL_ZONE)
            heard.setdefault(source, set()).update(str(e["event.dataset"]) for e in parsed.events)
            unparsed += [emission.data] if parsed.unparsed else []
    assert unparsed == []
    wanted = {h.token or h.name: set(expected(world, h)) for h in world.hosts.values() if h.sends}
    assert not {name: missing for name, sets in wanted.items() if (missing := sets - heard[name])}
