"""What is kept of what was seen: little is written at a time, the bound holds over all rows, older rows are read."""

from __future__ import annotations

import json
from time import process_time

import pytest
from sqlalchemy import select

from core.clock import DAY, HOUR, MINUTE
from core.db.database import Database
from core.db.models import Meta
from detections.coverage_hosts import Group, Seen
from kydai.context import Context
from kydai.seen import RESTED, SeenLog
from kydai.seen_rows import KEYS, META, PARTS, SLICE, Added, write
from tests.api.conftest import NOW
from tests.api.rows import events
from tests.kydai.test_seen import Saves, commit, told


@pytest.fixture
def database(context: Context) -> Database:
    return context.database


def full(database: Database) -> None:
    """As many groups as are kept, each with forty fields."""
    fields = [f"field.number_{n}" for n in range(40)]
    ids = [(("X", str(n), None, None), "", "h") for n in range(KEYS)]
    with database.write() as session:
        write(session, (Added(which, NOW // SLICE, fields, 1) for which in ids), {}, NOW)


def test_a_save_of_a_few_events_costs_little_at_the_full_bound(database: Database) -> None:
    full(database)
    save = Saves(database, SeenLog())
    costs = []
    for n in range(1, 6):
        before = rows(database)
        started = process_time()
        save(NOW + n * MINUTE, *events(3, NOW, 0, **{"winlog.channel": "X", "event.code": str(n), "host.name": "h"}))
        costs.append(process_time() - started)
        after = rows(database)
        assert len({key for key in after if after[key] != before.get(key)}) <= 3, "totals, the group's, one in turn"
    assert save.written == 5
    assert min(costs) < 0.05
    seen = told(database, NOW + 5 * MINUTE)
    assert (len(seen.groups), sum(group.events for group in seen.groups)) == (KEYS, KEYS + 15)


def rows(database: Database) -> dict[str, str]:
    with database.read() as session:
        return {row.key: row.value for row in session.scalars(select(Meta).where(Meta.key.startswith(META)))}


def test_what_is_too_old_makes_room_wherever_it_is_kept(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kydai.seen_rows.KEYS", 40)
    log = SeenLog()
    commit(log, database, NOW, *[e for n in range(40) for e in events(1, NOW, **{"host.name": f"h{n}"})])
    later = NOW + 8 * DAY
    for n in range(PARTS):
        commit(log, database, later + n * RESTED, *events(1, NOW, **{"host.name": "new"}))
    later += PARTS * RESTED
    commit(log, database, later, *[e for n in range(39) for e in events(1, NOW, **{"host.name": f"i{n}"})])
    assert {group.host for group in told(database, later).groups} == {"new", *(f"i{n}" for n in range(39))}
    assert told(database, later).other == 1, "the first, when there was no room yet"


def test_the_row_of_the_version_before_the_last_keeps_its_flows(database: Database) -> None:
    old = {"kinds": [[["nginx"], {"a": "2026-11-24"}]], "flows": {"network.bytes": "2999-01-01"}}
    with database.write() as session:
        session.add(Meta(key=META, value=json.dumps(old)))
    assert told(database) == Seen(flow_fields={"network.bytes"})


def test_the_single_row_of_an_older_version_is_spread_once(database: Database) -> None:
    groups = [
        [["X", str(n), None, None], "", "h", [[NOW // HOUR, 3]], [[NOW // SLICE, 3, 0, [1, 2]]]] for n in range(600)
    ]
    old = {"names": ["a", "b"], "sets": [[0]], "groups": groups, "other": [[NOW // HOUR, 7]], "flows": {}}
    with database.write() as session:
        session.add(Meta(key=META, value=json.dumps(old)))
    before = told(database)
    assert len(before.groups) == 600
    assert before.groups[0] == Group(("X", "0", None, None), "h", 3, 3, {"a": 3, "b": 2})
    commit(SeenLog(), database, NOW, *events(1, NOW, **{"winlog.channel": "X", "event.code": "5", "host.name": "h"}))
    after = told(database)
    assert sorted(group.events for group in after.groups) == [3] * 599 + [4]
    assert after.other == 7
    assert "groups" not in json.loads(rows(database)[META])
