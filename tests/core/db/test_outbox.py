"""Work is done once, in spite of workers that die, and what kills its worker is buried."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from core.clock import SECOND, StillClock
from core.db import outbox
from core.db.database import Database
from core.db.models import Outbox
from core.db.outbox import Leases
from core.errors import Unavailable, failure, recalled


def put(database: Database, key: str, *, due_in: float = 0, attempts: int = 5) -> None:
    now = StillClock().now()
    with database.write() as session:
        outbox.put(session, "group", key, now=now, due_at=now + round(due_in * SECOND), max_attempts=attempts)


def states(database: Database) -> dict[str, str]:
    with database.read() as session:
        return {o.key: o.state for o in session.scalars(select(Outbox))}


def test_ready_work_of_one_kind_and_key_is_one_row(database: Database) -> None:
    for _ in range(3):
        put(database, "1")
    leases = Leases(database, StillClock(), "a")
    assert [w.key for w in leases.take(["group"], 10)] == ["1"]
    put(database, "1")
    assert [w.key for w in leases.take(["group"], 10)] == ["1"], "work put while it is being done is done again"


def test_the_bell_is_rung_behind_a_commit_that_put_work_that_is_due(database: Database) -> None:
    rung: list[dict[str, str]] = []
    database.ring = lambda: rung.append(states(database))
    put(database, "later", due_in=5)
    with database.write() as session:
        session.scalars(select(Outbox)).all()
    with pytest.raises(ZeroDivisionError), database.write() as session:
        outbox.put(session, "group", "rolled back", now=StillClock().now())
        raise ZeroDivisionError
    assert rung == []
    put(database, "1")
    put(database, "1")
    assert rung == [{"later": "ready", "1": "ready"}] * 2, "its row can be seen by whoever hears"


def test_due_order_and_other_kinds(database: Database) -> None:
    put(database, "later", due_in=2)
    put(database, "now")
    clock = StillClock()
    leases = Leases(database, clock, "a")
    assert leases.take(["other"], 10) == []
    assert [w.key for w in leases.take(["group"], 10)] == ["now"]
    clock.advance(3)
    assert [w.key for w in leases.take(["group"], 10)] == ["later"]


def test_leases_of_those_known_to_be_dead_are_over_at_once(database: Database) -> None:
    put(database, "1")
    put(database, "2", attempts=1)
    clock = StillClock()
    dead, other, alive = (Leases(database, clock, name) for name in ("dead", "other", "alive"))
    (old,) = dead.take(["group"])
    (kept,) = other.take(["group"])
    assert alive.end_those_of(["dead", "nobody"]) == 1
    assert [(w.id, w.attempts) for w in alive.take(["group"], 10)] == [(old.id, 2)], "the attempt counts"
    assert not dead.extend(old)
    assert other.extend(kept)
    alive.end_those_of(["other"])
    assert alive.take(["group"], 10) == []
    assert states(database)["2"] == "dead", "it killed its worker in its last attempt"


def test_a_dead_workers_lease_ends_and_the_old_one_can_no_longer_finish(database: Database) -> None:
    put(database, "1")
    clock = StillClock()
    dead, alive = Leases(database, clock, "dead"), Leases(database, clock, "alive")
    (old,) = dead.take(["group"])
    assert alive.take(["group"]) == []
    clock.advance(61)
    (new,) = alive.take(["group"])
    assert new.attempts == 2
    with database.write() as session:
        assert not dead.done(session, old)
        assert alive.done(session, new)
    assert not dead.extend(old)
    assert states(database) == {"1": "done"}


def test_a_reboot_ends_every_lease(database: Database) -> None:
    put(database, "1")
    clock = StillClock()
    before, after = Leases(database, clock, "a"), Leases(database, clock, "a")
    before.take(["group"])
    after.boot = "another boot"
    assert len(after.take(["group"])) == 1


def test_failures_wait_longer_and_end_buried_with_the_reason(database: Database) -> None:
    put(database, "1", attempts=2)
    clock = StillClock()
    leases = Leases(database, clock, "a")
    leases.failed(leases.take(["group"])[0], ValueError("no"))
    assert leases.take(["group"]) == []
    clock.advance(1.1)
    leases.failed(leases.take(["group"])[0], failure(Unavailable, "api.intake_busy"))
    clock.advance(10_000)
    assert leases.take(["group"]) == []
    assert states(database) == {"1": "dead"}
    with database.read() as session:
        error = recalled(session.scalars(select(Outbox)).one().error)
    assert error == {"vi": "Đang nhận quá nhiều dữ liệu cùng lúc.", "en": "Too much is being handed in at once."}


def test_work_that_kills_its_worker_is_buried(database: Database) -> None:
    put(database, "poison", attempts=3)
    clock = StillClock()
    for _ in range(5):
        Leases(database, clock, "a").take(["group"])
        clock.advance(61)
    assert states(database) == {"poison": "dead"}


def test_extending_holds_the_lease(database: Database) -> None:
    put(database, "1")
    clock = StillClock()
    leases = Leases(database, clock, "a")
    (work,) = leases.take(["group"])
    clock.advance(50)
    assert leases.extend(work)
    clock.advance(50)
    assert Leases(database, clock, "b").take(["group"]) == []
