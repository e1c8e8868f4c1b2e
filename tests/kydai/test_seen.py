"""What the pipelines judged tells which kinds of events a site has, for a week, whatever is killed when."""

from __future__ import annotations

import pyarrow as pa
import pytest
from sqlalchemy import event as hooks
from sqlalchemy.orm import Session

from core.clock import DAY, HOUR, MINUTE
from core.db.database import Database
from core.event import Event
from kydai.context import Context
from kydai.pipeline import Parts
from kydai.seen import KINDS, SeenLog, seen_of
from tests.api.conftest import NOW
from tests.api.rows import events
from tests.kydai.test_pipeline import failed, run

SECURITY = {"winlog.channel": "Security", "event.dataset": "windows.security"}


@pytest.fixture
def database(context: Context) -> Database:
    return context.database


def told(database: Database, now: int = NOW) -> set[str]:
    with database.read() as session:
        return set().union(*seen_of(session, now).fields.values())


def commit(log: SeenLog, database: Database, now: int, *seen: Event) -> None:
    log.note(seen, now)
    with database.write() as session:
        log.save(session, now)
    log.settle(now)


def test_every_kind_of_the_last_week_is_seen_with_all_its_fields(database: Database) -> None:
    common = events(90, NOW - HOUR, **SECURITY, **{"event.code": "4624", "a": "1"})
    rare = events(1, NOW - 2 * HOUR, **SECURITY, **{"event.code": 4720, "b": "1", "nothing": None, "none": []})
    last = events(1, NOW - HOUR, **SECURITY, **{"event.code": "4624", "late": "1"})
    old = events(1, NOW - 9 * DAY, **{"event.dataset": "old", "c": "1"})
    future = events(1, NOW + 900 * DAY, **{"event.dataset": "future", "d": "1"})
    commit(SeenLog(), database, NOW, *old, *rare, *common, *last, *future)
    with database.read() as session:
        kinds = seen_of(session, NOW).fields
    assert {"a", "late"} <= kinds["Security", "4624", None, None], "the ninety-first event's field too"
    assert "b" in kinds["Security", "4720", None, None]
    assert not {"c", "nothing", "none"} & told(database)
    assert "d" in told(database, NOW + 7 * DAY)
    assert told(database, NOW + 8 * DAY) == set(), "a date far ahead counts as today"


def test_a_field_is_seen_for_a_week_after_its_last_event(database: Database) -> None:
    log = SeenLog()
    commit(log, database, NOW, *events(1, NOW, a="1", b="1"))
    commit(log, database, NOW + 5 * DAY, *events(1, NOW + 5 * DAY, a="1"))
    assert {"a", "b"} <= told(database, NOW + 5 * DAY)
    later = told(database, NOW + 9 * DAY)
    assert "a" in later
    assert "b" not in later


def test_what_is_known_is_not_written_again_and_a_new_day_once_a_minute(database: Database) -> None:
    log = SeenLog()
    written: list[int] = []

    def save(now: int, *seen: Event) -> int:
        with database.write() as session:
            hooks.listen(session, "after_flush", lambda *_: written.append(now))
            log.note(seen, now)
            log.save(session, now)
        log.settle(now)
        return len(written)

    tomorrow = NOW + DAY
    assert save(NOW, *events(1, NOW, a="1")) == 1
    assert save(NOW + 1, *events(1, NOW, a="1")) == 1
    assert save(NOW + 2, *events(1, NOW, b="1")) == 2, "a new field at once"
    assert save(tomorrow, *events(1, tomorrow, a="1")) == 3
    assert save(tomorrow + 1, *events(1, tomorrow, b="1")) == 3
    assert save(tomorrow + MINUTE) == 4


def test_what_a_failed_commit_took_along_is_written_by_the_next(database: Database) -> None:
    log = SeenLog()

    def fail(session: Session) -> None:
        log.save(session, NOW)
        session.flush()
        raise RuntimeError

    log.note(events(1, NOW, a="1"), NOW)
    with pytest.raises(RuntimeError), database.write() as session:
        fail(session)
    assert told(database) == set()
    commit(log, database, NOW + 1, *events(1, NOW, a="1"))
    assert "a" in told(database)


def test_two_pipelines_add_up(database: Database) -> None:
    first, second = SeenLog(), SeenLog()
    commit(first, database, NOW, *events(1, NOW, a="1"))
    commit(second, database, NOW, *events(1, NOW, b="1"))
    commit(first, database, NOW + 1, *events(1, NOW, c="1"))
    assert {"a", "b", "c"} <= told(database)


def test_kinds_are_bounded(database: Database) -> None:
    many = [e for n in range(KINDS + 50) for e in events(1, NOW, **SECURITY, **{"event.code": str(n)})]
    commit(SeenLog(), database, NOW, *many)
    with database.read() as session:
        assert len(seen_of(session, NOW).fields) == KINDS


def test_flows_tell_their_columns_that_hold_anything(database: Database) -> None:
    log = SeenLog()
    log.note_flows(pa.table({"network.bytes": [1, None], "empty": pa.nulls(2)}), NOW)
    commit(log, database, NOW)
    with database.read() as session:
        assert seen_of(session, NOW).flow_fields == {"network.bytes"}
        assert seen_of(session, NOW + 8 * DAY).flow_fields == set()


def test_the_pipeline_writes_it_with_the_batch(context: Context, parts: Parts) -> None:
    run(context, parts, failed(1))
    with context.database.read() as session:
        kinds = seen_of(session, context.clock.now()).fields
    assert any("user.name" in names for names in kinds.values())


def test_an_empty_folder_has_seen_nothing(database: Database) -> None:
    assert told(database) == set()
