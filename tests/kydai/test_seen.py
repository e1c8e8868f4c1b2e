"""What the pipelines judged tells which kinds of events each host sends, whatever fails when."""

from __future__ import annotations

import pyarrow as pa
import pytest

from core.clock import DAY, HOUR, MINUTE
from core.db.database import Database
from core.db.models import Source
from core.event import Event, Frame
from detections.coverage_hosts import Declared, Group, Seen
from kydai.context import Context
from kydai.pipeline import Parts, Pipeline
from kydai.seen import HASTE, RESTED, SeenLog, names_of, seen_of
from kydai.seen_rows import NEWEST
from tests.api.conftest import NOW
from tests.api.rows import events
from tests.kydai.test_pipeline import failed, run, spool_of

SECURITY = {"winlog.channel": "Security", "event.dataset": "windows.security"}


@pytest.fixture
def database(context: Context) -> Database:
    return context.database


def told(database: Database, now: int = NOW) -> Seen:
    with database.read() as session:
        return seen_of(session, now)


def names(database: Database, now: int = NOW) -> set[str]:
    return {name for group in told(database, now).groups for name in group.filled}


def test_classes_of_values_are_counted_apart(database: Database) -> None:
    line: Event = {"event.module": "auditd", "event.dataset": "auditd.log", "event.action": "x" * 300, "host.name": "a"}
    log = SeenLog()
    commit(log, database, NOW, line | {"auditd.log.type": ["EXECVE", "CWD"]}, line | {"auditd.log.type": "CWD"})
    groups = told(database).groups
    assert sorted("auditd.log.type=execve" in group.filled for group in groups) == [False, True]
    assert all("auditd.log.type=path" not in group.filled for group in groups)


def commit(log: SeenLog, database: Database, now: int, *seen: Event, created: int | None = None) -> None:
    log.note(seen, [now if created is None else created] * len(seen))
    with database.write() as session:
        log.save(session, now)
    log.settle()


def only(seen: Seen, host: str) -> Group:
    (found,) = (group for group in seen.groups if group.host == host)
    return found


def test_each_host_has_its_own_counts(database: Database) -> None:
    full = events(30, NOW, **SECURITY, **{"event.code": "4688", "host.name": "a", "x": "1"})
    bare = events(30, NOW, **SECURITY, **{"event.code": "4688", "host.name": "b"})
    odd = events(1, NOW, **SECURITY, **{"event.code": 4688, "host.name": "b", "x": "1"})
    commit(SeenLog(), database, NOW, *full, *bare, *odd)
    seen = told(database)
    a, b = only(seen, "a"), only(seen, "b")
    assert a.key == b.key == ("Security", "4688", None, None), "a number is the text that it is compared as"
    assert (a.events, a.newest, a.filled["x"]) == (30, 30, 30)
    assert (b.events, b.newest, b.filled["x"]) == (31, 31, 1), "the thirty-first event's field too"


def test_the_newest_events_say_whether_a_field_is_filled(database: Database) -> None:
    log = SeenLog()
    commit(log, database, NOW, *events(500, NOW, **{"host.name": "a", "x": "1"}))
    commit(log, database, NOW + MINUTE, *events(NEWEST, NOW, **{"host.name": "a"}))
    found = only(told(database, NOW + MINUTE), "a")
    assert (found.events, found.newest, found.filled["x"]) == (520, NEWEST, 0)
    commit(log, database, NOW + 2 * MINUTE, *events(NEWEST - 1, NOW, **{"host.name": "a", "x": "1"}))
    found = only(told(database, NOW + 2 * MINUTE), "a")
    assert (found.newest, found.filled["x"]) == (2 * NEWEST - 1, NEWEST - 1), "too few alone"


def test_hours_of_a_day_count_and_what_is_quiet_is_known_for_a_week(database: Database) -> None:
    log = SeenLog()
    commit(log, database, NOW, *events(1, NOW, **{"host.name": "a"}), created=NOW - 30 * HOUR)
    assert told(database).groups == (), "a day old when it came"
    commit(log, database, NOW, *events(2, NOW, **{"host.name": "a"}), created=NOW - 20 * HOUR)
    commit(log, database, NOW + MINUTE, *events(3, NOW, **{"host.name": "a"}), created=NOW + 900 * DAY)
    assert only(told(database, NOW + MINUTE), "a").events == 5, "a time far ahead counts as now"
    assert only(told(database, NOW + 6 * HOUR), "a").events == 3
    assert only(told(database, NOW + 6 * DAY), "a").events == 0
    assert told(database, NOW + 8 * DAY).groups == ()


class Saves:
    """Commits of one log, and how many of them wrote."""

    def __init__(self, database: Database, log: SeenLog) -> None:
        self.database, self.log, self.written = database, log, 0

    def __call__(self, now: int, *seen: Event) -> int:
        self.log.note(seen, [now] * len(seen))
        with self.database.write() as session:
            self.log.save(session, now)
            self.written += bool(session.new or session.dirty)
        self.log.settle()
        return self.written


def test_a_new_field_is_written_soon_and_counts_within_the_minute(database: Database) -> None:
    save = Saves(database, SeenLog())
    assert save(NOW, *events(1, NOW, a="1")) == 1
    assert save(NOW + HASTE, *events(1, NOW, a="1")) == 1
    assert save(NOW + HASTE + 1, *events(1, NOW, b="1")) == 2, "a new field at once"
    for n in range(20):
        assert save(NOW + HASTE + 2 + n, *events(1, NOW, **{f"c{n}": "1"})) == 2, "but not every batch"
    assert save(NOW + 2 * HASTE + 1) == 3, "without a batch, too"
    assert "c19" in names(database)
    assert save(NOW + 2 * HASTE + 2, *events(1, NOW, b="1")) == 3
    assert save(NOW + 2 * HASTE + 1 + RESTED) == 4
    assert save(NOW + 2 * HASTE + 1 + 2 * RESTED) == 4, "nothing new"
    assert sum(group.events for group in told(database).groups) == 24


def test_what_is_stored_is_not_new_after_a_restart(database: Database) -> None:
    commit(SeenLog(), database, NOW, *events(1, NOW, **SECURITY, **{"event.code": 4688, "a": "1"}))
    with database.read() as session:
        save = Saves(database, SeenLog(names_of(session)))
    assert save(NOW, *events(1, NOW, b="1")) == 1, "the first at once"
    assert save(NOW + HASTE, *events(1, NOW, **SECURITY, **{"event.code": "4688", "a": "1"})) == 1
    assert save(NOW + HASTE, *events(1, NOW, **SECURITY, **{"event.code": "4688", "c": "1"})) == 2


def test_fields_and_shapes_are_bounded(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("seen", "seen_rows"):
        monkeypatch.setattr(f"kydai.{module}.NAMES", 50)
    monkeypatch.setattr("kydai.seen.HELD_NAMES", 300)
    log = SeenLog()
    for step in range(3):
        wild = [{**events(1, NOW)[0], f"json.{step}.{n}": "1"} for n in range(100)]
        commit(log, database, NOW + step, *wild)
        assert not log._shapes, "given up once they are written"
    wide = {**events(1, NOW)[0], **{f"wide.{n}": "1" for n in range(1_000)}}
    commit(log, database, NOW + 2 + RESTED, wide)
    assert max(map(len, log._shapes)) == 50
    assert len(names(database)) <= 150
    assert sum(group.events for group in told(database).groups) == 301


def test_what_cannot_be_hashed_is_counted(database: Database) -> None:
    odd = events(2, NOW, **{"winlog.channel": "X", "event.code": ["1"], "host.name": ["a", "b"], "event.action": [1]})
    commit(SeenLog(), database, NOW, *odd, *events(1, NOW, **{"host.name": "c"}))
    assert sorted(group.events for group in told(database).groups) == [1, 2]


def test_flows_tell_their_columns_that_hold_anything(database: Database) -> None:
    log = SeenLog()
    log.note_flows(pa.table({"network.bytes": [1, None], "empty": pa.nulls(2)}), NOW)
    commit(log, database, NOW)
    assert told(database).flow_fields == {"network.bytes"}
    assert told(database, NOW + 8 * DAY).flow_fields == set()


def test_the_pipeline_writes_it_with_the_batch(context: Context, parts: Parts) -> None:
    now = context.clock.now()
    run(context, parts, Frame("udp:192.0.2.1", now, failed(1).data, meta={"receiver": "syslog"}))
    (group,) = told(context.database, now).groups
    assert group.host == "web01"
    assert group.filled["user.name"] == group.events == 1


def test_an_ingest_takes_no_part(context: Context, parts: Parts) -> None:
    spool_of(context).append([Frame("file:x", context.clock.now(), failed(1).data)])
    pipeline = Pipeline("gateway", context.settings.spool_folder / "gateway", parts, is_replay=True)
    assert pipeline.step() == 1
    assert told(context.database, context.clock.now()).groups == ()


def test_declared_sources_say_what_ought_to_come(database: Database) -> None:
    with database.write() as session:
        session.add(Source(name="w", keys=[], is_declared=True, product="Windows 11", expected=["windows.security"]))
        session.add(Source(name="u", keys=[], product="Okta"))
    assert told(database).declared == (Declared("Windows 11", ("windows.security",)),)


def test_an_empty_folder_has_seen_nothing(database: Database) -> None:
    assert told(database) == Seen()
