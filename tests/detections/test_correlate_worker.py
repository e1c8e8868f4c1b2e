"""Whatever dies whenever: the alert rows are those of an undisturbed run, and equal the definition."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import select, text, update

from core.clock import DAY, MINUTE, SECOND, Micros, StillClock
from core.counted import CUT
from core.db.database import Database, migrate, open_database, sqlite_url
from core.db.models import Alert, CorrelationPartition, HitBlock, Meta, Outbox, SpoolPosition
from core.errors import Unavailable
from detections.correlate_worker import CHECKPOINT_SECONDS, CorrelationWorker
from detections.correlation_rules import resolve
from detections.hit_blocks import Cut, add, cut, hit_of
from detections.rule import Correlation, Mode
from detections.ruleset import RuleSet
from tests.detections.brute_force import Brute, fires
from tests.detections.correlation_cases import (
    BASE,
    RULES,
    Hit,
    Stream,
    document,
    random_documents,
    random_stream,
    rule,
)

LATENESS = 20 * SECOND
_counter = iter(range(10**9))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    # the schema once, as a file to copy: migrations are slow beside these tests
    database = open_database(sqlite_url(tmp_path))
    migrate(database)
    with database.engine.connect() as connection:
        connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    database.close()
    yield tmp_path


def fresh(folder: Path) -> Database:
    target = folder / f"copy-{next(_counter)}"
    target.mkdir()
    (target / "control.sqlite").write_bytes((folder / "control.sqlite").read_bytes())
    database = open_database(sqlite_url(target))
    with database.engine.connect() as connection:
        connection.execute(text("PRAGMA synchronous=OFF"))
    return database


def ruleset(*documents: Correlation, modes: dict[str, Mode] | None = None) -> RuleSet:
    return RuleSet(tuple(rule(name) for name in RULES), tuple(documents), modes=modes or {})


def put(
    database: Database, rules: RuleSet, stream: Stream, arrival: Micros, spool: str = "g1", beat: Micros | None = None
) -> None:
    """Step 2 of a commit: blocks, position and heartbeat in one transaction."""
    patterns = resolve(rules.rules, rules.correlations)
    hits = []
    for event, ids, time, event_id in stream:
        hit = hit_of(event, ids)
        hits.append(type(hit)(event, ids, time, event_id, hit.note, time))
    cuts, _ = cut(hits, patterns)
    with database.write() as session:
        add(session, spool, cuts, arrival)
        row = session.get(SpoolPosition, spool) or SpoolPosition(spool=spool)
        row.arrival_at, row.heartbeat_at = arrival, beat or arrival
        session.add(row)


def brutes(database: Database) -> set[Brute]:
    with database.read() as session:
        rows = session.scalars(select(Alert).where(Alert.joined_to.is_(None), Alert.kind == "correlation")).all()
        found = [(row.rule_id, tuple(row.summary["group"].values()), row.summary["at"]) for row in rows]
    assert len(found) == len(set(found))
    return set(found)


def settle(database: Database, rules: RuleSet, worker: CorrelationWorker, clock: StillClock, last: Micros) -> None:
    """All is in: make it final, depth by depth."""
    for _ in range(4):
        clock.at = last + LATENESS
        clock.ticks += 2
        put(database, rules, [], clock.at)
        run(worker)


def arriving(random: Random, stream: Stream) -> list[tuple[Micros, Hit]]:
    """(arrival, hit), each up to 15 s after its time, in order of arrival."""
    return sorted(((hit[2] + random.randint(0, 15) * SECOND, hit) for hit in stream), key=lambda pair: pair[0])


def run(worker: CorrelationWorker) -> None:
    for _ in range(50):
        if not worker.step():
            return
    raise AssertionError("the worker never ends")


@pytest.mark.parametrize("seed", range(20))
def test_killed_workers_leave_the_rows_of_an_undisturbed_run(folder: Path, seed: int) -> None:
    random = Random(seed)
    rules = ruleset(*random_documents(random))
    stream = random_stream(random, length=30)
    arrivals = arriving(random, stream)
    database, clock = fresh(folder), StillClock(BASE)
    worker = CorrelationWorker(database, rules, clock, "w0", lateness=LATENESS)
    turn = 0
    while arrivals:
        size = random.randint(1, 5)
        arrival = arrivals[0][0]
        put(database, rules, [hit for _, hit in arrivals[:size]], arrival)
        arrivals = arrivals[size:]
        clock.at = max(clock.at, arrival)
        clock.ticks += random.choice((0.5, 2, 40))
        for _ in range(random.randint(0, 2)):
            worker.step()
        if random.random() < 0.4:
            turn += 1
            # killed: its memory is gone, its leases run out
            clock.ticks += 31
            worker = CorrelationWorker(database, rules, clock, f"w{turn}", lateness=LATENESS)
    settle(database, rules, worker, clock, max((hit[2] for hit in stream), default=BASE))
    assert brutes(database) == fires(stream, resolve(rules.rules, rules.correlations)), rules.correlations
    with database.read() as session:
        rows = session.scalars(select(Alert).where(Alert.joined_to.is_(None))).all()
        assert all(row.is_final and not row.is_late for row in rows)
        work = session.scalars(select(Outbox.key).where(Outbox.kind == "group")).all()
        assert {int(key) for key in work} >= {row.id for row in rows}


def told(database: Database) -> dict[tuple[object, ...], tuple[object, ...] | None]:
    """Each alert that joined no other, and what it says of its events; None where it says "at least"."""
    with database.read() as session:
        rows = session.scalars(select(Alert).where(Alert.joined_to.is_(None))).all()
        return {
            (row.rule_id, *row.summary["group"].values(), row.summary["at"], row.is_final, "late" in row.summary): None
            if "events" in row.summary.get(CUT, ())
            else (row.first_at, row.last_at, row.count, *sorted(row.event_ids))
            for row in rows
        }


@pytest.mark.parametrize("seed", range(8))
def test_two_gateways_give_what_one_gives(folder: Path, seed: int) -> None:
    """Each keeps its own order and they lag behind one another; heartbeats tell that both live."""
    random = Random(seed)
    rules = ruleset(*random_documents(random))
    stream = random_stream(random, length=30)
    arrivals = arriving(random, stream)
    last = max((hit[2] for hit in stream), default=BASE)
    given = []
    for spools in (["g1"], ["g1", "g2"]):
        database, clock = fresh(folder), StillClock(last + LATENESS)
        worker = CorrelationWorker(database, rules, clock, "w", lateness=LATENESS)
        queues: dict[str, list[tuple[Micros, Hit]]] = {spool: [] for spool in spools}
        for pair in arrivals:
            queues[random.choice(spools)].append(pair)
        for spool in spools:
            put(database, rules, [], BASE, spool, clock.at)
        while waiting := [spool for spool in spools if queues[spool]]:
            queue = queues[spool := random.choice(waiting)]
            size = random.randint(1, 5)
            put(database, rules, [hit for _, hit in queue[:size]], queue[0][0], spool, clock.at)
            del queue[:size]
            clock.ticks += random.choice((0.5, 2))
            worker.step()
        for spool in spools:
            put(database, rules, [], clock.at, spool)
        settle(database, rules, worker, clock, last)
        assert brutes(database) == fires(stream, resolve(rules.rules, rules.correlations)), rules.correlations
        given.append(told(database))
    one, two = given
    assert one.keys() == two.keys()
    # a correlation of correlations names the events that were there when the one below it held
    deep = {pattern.id for pattern in resolve(rules.rules, rules.correlations).patterns if pattern.depth > 1}
    assert all(one[key] == two[key] for key in one if key[0] not in deep and one[key] and two[key])


BURST = document("burst", type="event_count", rules=["a"], group_by=["host"], timespan="1m", condition={"gte": 3})
FEW = document("few", type="event_count", rules=["b"], group_by=["host"], timespan="1m", condition={"eq": 2})
FEW_SOON = document("soon", type="event_count", rules=["b"], group_by=["host"], timespan="1m", condition={"gte": 2})
FEW_BY_ADDRESS = document(
    "soon", type="event_count", rules=["b"], group_by=["source.ip"], timespan="1m", condition={"gte": 2}
)
ENTERED = document("entered", type="temporal_ordered", rules=["burst", "c"], group_by=["host"], timespan="1m")


def hits(name: str, *seconds: float, host: str = "web01") -> Stream:
    return [
        (
            {"event.id": f"01KB00000000000000000000AA.{next(_counter)}.1", "host": host, "source.ip": "203.0.113.7",
             "host.name": host, "kydai.source": host},
            [f"id-{name}"], BASE + round(second * SECOND), f"01KB00000000000000000000AA.{next(_counter)}.1",
        )
        for second in seconds
    ]  # fmt: skip


def test_monotone_rules_alert_at_once_and_the_others_when_final(folder: Path) -> None:
    database, clock = fresh(folder), StillClock(BASE)
    rules = ruleset(BURST, FEW, ENTERED)
    worker = CorrelationWorker(database, rules, clock, "w", lateness=LATENESS)
    put(database, rules, hits("a", 0, 1, 2) + hits("b", 1, 2), BASE + 3 * SECOND)
    run(worker)
    put(database, rules, hits("c", 4), BASE + 5 * SECOND)
    run(worker)
    with database.read() as session:
        (row,) = session.scalars(select(Alert)).all()
        assert (row.rule_id, row.is_final, row.count, row.last_at) == ("id-entered", False, 4, BASE + 4 * SECOND)
        assert len(row.event_ids) == 4
        assert (row.kind, row.host, row.level) == ("correlation", "web01", "high")
        assert row.matched == [{"field": "host", "value": "web01", "line": 1}]
        assert ["ip", "203.0.113.7"] in row.entities
        assert row.sources == ["web01"]
        assert row.summary["from"] == ["203.0.113.7"]
    clock.advance(60)
    put(database, rules, [], BASE + 60 * SECOND)
    for _ in range(4):
        clock.ticks += 2
        run(worker)
    with database.read() as session:
        found = {row.rule_id: row.is_final for row in session.scalars(select(Alert))}
    assert found == {"id-entered": True, "id-few": True}


def test_a_persons_choice_and_the_level_decide_what_becomes_a_row(folder: Path) -> None:
    low = document("low", type="event_count", rules=["a"], timespan="1m", condition={"gte": 1})
    low = type(low)(**{name: getattr(low, name) for name in low.__slots__} | {"level": low.level.LOW})
    for modes, expected in (({}, {"id-burst"}), ({"id-burst": Mode.RECORD, "id-low": Mode.ALERT}, {"id-low"})):
        database, clock = fresh(folder), StillClock(BASE)
        rules = ruleset(BURST, low, modes=modes)
        worker = CorrelationWorker(database, rules, clock, "w")
        put(database, rules, hits("a", 0, 1, 2), BASE)
        run(worker)
        with database.read() as session:
            assert set(session.scalars(select(Alert.rule_id))) == expected


def test_hits_of_rules_that_are_not_known_yet_wait_for_them(folder: Path) -> None:
    database, clock = fresh(folder), StillClock(BASE)
    old, new = ruleset(BURST), ruleset(BURST, FEW_SOON)
    worker = CorrelationWorker(database, old, clock, "w", version="")
    put(database, old, hits("a", 0, 1), BASE)
    run(worker)
    with database.write() as session:
        session.add(Meta(key="rules", value="2"))
    put(database, new, hits("a", 2) + hits("b", 3, 4), BASE)
    assert not worker.step()
    assert worker.is_outdated
    worker.release()
    worker = CorrelationWorker(database, new, clock, "w", version="2")
    run(worker)
    assert not worker.is_outdated
    web = ("web01",)
    assert brutes(database) == {("id-burst", web, BASE + 2 * SECOND), ("id-soon", web, BASE + 4 * SECOND)}


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_correlation_that_asks_something_else_now_begins_anew(folder: Path, is_killed: bool) -> None:
    database, clock = fresh(folder), StillClock(BASE)
    old, new = ruleset(BURST, FEW_SOON), ruleset(BURST, FEW_BY_ADDRESS)
    worker = CorrelationWorker(database, old, clock, "w")
    put(database, old, hits("a", 0, 1) + hits("b", 0, 1), BASE)
    run(worker)
    worker.release()
    run(worker := CorrelationWorker(database, old, clock, "w2"))
    put(database, old, hits("b", 90, 91), BASE)
    run(worker)
    if not is_killed:
        worker.release()
    clock.ticks += 31
    put(database, old, hits("a", 2) + hits("b", 91.5), BASE)  # cut before the pipeline took the new rules up
    run(worker := CorrelationWorker(database, new, clock, "w3"))
    with database.read() as session:
        found = {(row.rule_id, row.summary["at"] - BASE): row.is_final for row in session.scalars(select(Alert))}
    second = SECOND
    assert found == {("id-burst", 2 * second): False, ("id-soon", second): True, ("id-soon", 91 * second): True}
    put(database, new, hits("b", 92), BASE)
    run(worker)
    assert len(brutes(database)) == 3, "what was cut for the old question is none of its"
    put(database, new, hits("b", 93), BASE)
    run(worker)
    assert ("id-soon", ("203.0.113.7",), BASE + 93 * SECOND) in brutes(database)


def test_two_workers_never_write_twice(folder: Path) -> None:
    database, clock = fresh(folder), StillClock(BASE)
    rules = ruleset(BURST)
    one = CorrelationWorker(database, rules, clock, "one")
    two = CorrelationWorker(database, rules, clock, "two")
    put(database, rules, hits("a", 0, 1, 2), BASE)
    assert one.step()
    assert not two.step()
    put(database, rules, hits("a", 200, 201, 202), BASE)
    clock.ticks += 31  # the first was stopped for long, then goes on without knowing
    one._leased_tick = clock.ticks
    assert two.step()
    one.step()
    assert len(brutes(database)) == 2
    with database.read() as session:
        assert len(session.scalars(select(Alert)).all()) == 2
        assert {row.owner.split("@")[0] for row in session.scalars(select(CorrelationPartition))} == {"two"}
    two.release()
    clock.ticks += 11
    put(database, rules, hits("a", 400, 401, 402), BASE)
    run(one)
    assert len(brutes(database)) == 3


def test_leases_of_those_known_to_be_dead_are_over_at_once(folder: Path) -> None:
    database, clock = fresh(folder), StillClock(BASE)
    rules = ruleset(BURST)
    dead, alive = (CorrelationWorker(database, rules, clock, name) for name in ("dead", "alive"))
    put(database, rules, hits("a", 0, 1, 2), BASE)
    assert dead.step()
    put(database, rules, hits("a", 200, 201, 202), BASE)
    alive.end_those_of(["nobody"])
    assert not alive.step()
    alive.end_those_of(["dead"])
    clock.ticks += 11  # between two looks at the leases
    run(alive)
    assert len(brutes(database)) == 2
    dead.step()
    assert len(brutes(database)) == 2, "should it live in spite of all, it writes nothing"


def test_leases_of_another_boot_are_over(folder: Path) -> None:
    database, clock = fresh(folder), StillClock(BASE)
    with database.write() as session:
        session.add(
            CorrelationPartition(partition=0, epoch=7, owner="old@boot", lease_until=10**15, read_to=0, checkpoint_at=0)
        )
    CorrelationWorker(database, ruleset(BURST), clock, "w").step()
    with database.read() as session:
        row = session.get_one(CorrelationPartition, 0)
        assert (row.epoch, row.owner.split("@")[0]) == (8, "w")


def test_checkpoints_and_old_blocks(folder: Path) -> None:
    database, clock = fresh(folder), StillClock(BASE)
    rules = ruleset(BURST)
    worker = CorrelationWorker(database, rules, clock, "w", lateness=LATENESS)
    put(database, rules, hits("a", 0, 1), BASE)
    run(worker)
    clock.ticks += CHECKPOINT_SECONDS + 1
    put(database, rules, [], BASE + 2 * SECOND)
    worker.step()
    with database.read() as session:
        held = session.scalars(select(CorrelationPartition).where(CorrelationPartition.checkpoint_at > 0)).one()
        assert held.checkpoint_at == held.read_to
        assert held.state is not None
    # another worker goes on from the state alone
    with database.write() as session:
        session.execute(text("DELETE FROM hit_block WHERE id < (SELECT max(id) FROM hit_block)"))
    clock.ticks += 31
    put(database, rules, hits("a", 3), BASE + 3 * SECOND)
    run(other := CorrelationWorker(database, rules, clock, "w2", lateness=LATENESS))
    assert brutes(database) == {("id-burst", ("web01",), BASE + 3 * SECOND)}
    put(database, rules, [], BASE + 2 * DAY)
    clock.at = BASE + 2 * DAY
    for _ in range(3):
        clock.ticks += CHECKPOINT_SECONDS + 1
        run(other)
    with database.read() as session:
        assert len(session.scalars(select(HitBlock.id)).all()) == 1
    assert other.lag() == 0
    put(database, rules, hits("a", 3 * 86400, 3 * 86400 + 1, 3 * 86400 + 2), BASE + 3 * DAY)
    assert other.lag() == 1
    run(other)
    assert len(brutes(database)) == 2


def test_a_state_that_cannot_be_read_is_made_anew_from_the_blocks(folder: Path) -> None:
    database, clock = fresh(folder), StillClock(BASE)
    rules = ruleset(BURST)
    worker = CorrelationWorker(database, rules, clock, "w")
    put(database, rules, hits("a", 0, 1), BASE)
    run(worker)
    worker.release()
    with database.write() as session:
        session.execute(update(CorrelationPartition).values(state=b"damaged"))
    put(database, rules, hits("a", 2), BASE)
    run(CorrelationWorker(database, rules, clock, "w2"))
    assert brutes(database) == {("id-burst", ("web01",), BASE + 2 * SECOND)}


def test_a_damaged_block_is_counted_and_left_out(folder: Path) -> None:
    database, clock = fresh(folder), StillClock(BASE)
    rules = ruleset(BURST)
    worker = CorrelationWorker(database, rules, clock, "w")
    with database.write() as session:
        add(session, "g1", [Cut(partition, False, b"not a block") for partition in range(16)], BASE)
    put(database, rules, hits("a", 0, 1, 2), BASE)
    run(worker)
    assert worker.stats.damaged == 16
    assert len(brutes(database)) == 1


def test_only_live_gateways_hold_the_watermark(folder: Path) -> None:
    database, clock = fresh(folder), StillClock(BASE + 10 * MINUTE)
    rules = ruleset(FEW)
    worker = CorrelationWorker(database, rules, clock, "w", lateness=LATENESS)
    put(database, rules, hits("b", 1, 2), BASE, spool="dead")
    put(database, rules, [], BASE + 10 * MINUTE, spool="live")
    for _ in range(3):
        clock.ticks += 2
        run(worker)
    assert worker.watermark == BASE + 10 * MINUTE
    assert len(brutes(database)) == 1


def test_a_clock_that_was_ahead_for_a_while_makes_nothing_late(folder: Path) -> None:
    rules = ruleset(FEW)
    database, clock = fresh(folder), StillClock(BASE)
    worker = CorrelationWorker(database, rules, clock, "w", lateness=LATENESS)

    def live(*seconds: float) -> None:
        put(database, rules, hits("b", *seconds), clock.now())
        for _ in range(3):
            clock.advance(2)
            run(worker)

    def few() -> set[int]:
        return {(at - BASE) // SECOND for _, _, at in brutes(database)}

    live(1, 2)
    clock.at += 3 * DAY
    live()
    assert worker.watermark > BASE + 3 * DAY - MINUTE
    clock.at -= 3 * DAY
    live()
    assert worker.watermark < BASE + MINUTE
    assert (worker.stats.anew, worker.stats.ahead // DAY) == (1, 2)
    live(601, 602)
    assert 602 not in few()
    clock.advance(660)
    live()
    assert 602 in few()
    with database.read() as session:
        assert not any(row.summary.get("late") for row in session.scalars(select(Alert)))
    worker.release()
    again = CorrelationWorker(database, rules, clock, "w2", lateness=LATENESS)
    run(again)
    assert again.watermark < BASE + DAY


def test_when_the_database_is_away_everything_is_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database, clock = fresh(folder), StillClock(BASE)
    rules = ruleset(BURST)
    worker = CorrelationWorker(database, rules, clock, "w")
    worker.step()
    put(database, rules, hits("a", 0, 1, 2), BASE)

    def away(*_: object) -> None:
        raise Unavailable("gone")

    with monkeypatch.context() as patch:
        patch.setattr(worker, "_put", away)
        with pytest.raises(Unavailable):
            worker.step()
    assert not brutes(database)
    clock.ticks += 31
    run(worker)
    assert len(brutes(database)) == 1


@pytest.mark.parametrize("first", range(1, 6))
def test_a_chain_hours_late_is_found_however_it_is_committed(folder: Path, first: int) -> None:
    below = document("below", type="event_count", rules=["a"], group_by=["host"], timespan="10s", condition={"gte": 3})
    chain = document("chain", type="temporal_ordered", rules=["below", "b"], group_by=["host"], timespan="15s")
    rules = ruleset(below, chain)
    database, clock = fresh(folder), StillClock(BASE + 7 * 3600 * SECOND)
    worker = CorrelationWorker(database, rules, clock, "w", lateness=LATENESS)
    stream: Stream = [({"host": host}, ["id-a"], BASE, f"{host}a{n}") for host in ("h1", "h2") for n in range(5)]
    stream += [({"host": host}, ["id-b"], BASE, f"{host}b") for host in ("h1", "h2")]
    for part in (stream[:first], stream[first:-2], stream[-2:]):
        clock.at += SECOND
        clock.ticks += 2
        put(database, rules, part, clock.at)
        run(worker)
        clock.ticks += 2
        run(worker)
    assert brutes(database) == fires(stream, resolve(rules.rules, rules.correlations))
