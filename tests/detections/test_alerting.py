"""Folding is the same in whatever batches hits come; nothing closed swallows what is new."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import HOUR, MINUTE, SECOND, Micros, hour_of, iso
from core.db.database import Database, migrate, open_database, sqlite_url
from core.db.models import Alert, AlertStatus, Outbox, RuleMode
from core.event import Event, Value
from detections.alert_facts import MAX_COUNTED
from detections.alerting import MAX_ROWS_PER_HOUR, RuleHit, Saved, fold, id_order, save, self_alert
from detections.rule import Level, Logsource, Rule

NOW = hour_of(1_764_000_000 * SECOND)
SEGMENT = "01KB00000000000000000000AA"
RULE = Rule(
    id="r1",
    title="Sudo to root",
    level=Level.MEDIUM,
    status="test",
    logsource=Logsource("linux"),
    condition=0,
    predicates=(),
    lines=(),
    line=3,
    tags=("attack.t1548.003",),
    texts={"title": {"vi": "Dùng sudo lên root", "en": "Sudo to root"}},
    file="rules/linux/sudo.yml",
)


def event(number: int, at: Micros = NOW, **more: Value) -> Event:
    base: Event = {
        "event.id": f"{SEGMENT}.{number}.1",
        "@timestamp": iso(at),
        "event.created": iso(at + SECOND),
        "host.name": "web01",
        "user.name": "lannt",
        "process.parent.name": "bash",
        "event.dataset": "linux.auth",
        "kydai.source": "web01",
    }
    return base | {key.replace("__", "."): value for key, value in more.items()}


def explain(rule: Rule, found: Event) -> list[dict[str, Any]]:
    return [{"field": "event.id", "value": found["event.id"], "line": 9}]


def write(session: Session, events: list[Event], now: Micros = NOW, rule: Rule = RULE) -> Saved:
    return save(session, fold([RuleHit(rule, each) for each in events], explain, "hash1"), now)


def rows(session: Session) -> list[Alert]:
    return list(session.scalars(select(Alert).order_by(Alert.id)))


def test_repeats_fold_and_a_new_value_breaks_the_fold(database: Database) -> None:
    events = [event(n, NOW + n * SECOND) for n in range(5)]
    events += [event(10, user__name="root"), event(11, host__name="web02"), event(12, process__parent__name="cron")]
    events += [event(13, NOW + HOUR), event(14, kydai__replay=True)]
    with database.write() as session:
        saved = write(session, events)
        assert len(saved.ids) == 6
        first = rows(session)[0]
        assert (first.count, first.first_at, first.last_at) == (5, NOW, NOW + 4 * SECOND)
        assert first.event_ids == [f"{SEGMENT}.{n}.1" for n in range(5)]
        assert first.matched == [{"field": "event.id", "value": f"{SEGMENT}.0.1", "line": 9}]
        assert (first.rule_line, first.rule_file, first.ruleset) == (9, "rules/linux/sudo.yml", "hash1")
        assert first.rule_title == {"vi": "Dùng sudo lên root", "en": "Sudo to root"}
        assert ["host", "web01"] in first.entities
        assert first.sources == ["web01"]
        assert first.received_at == NOW + SECOND
        assert [r.is_replay for r in rows(session)] == [False] * 5 + [True]
        work = session.scalars(select(Outbox)).all()
        assert sorted(int(w.key) for w in work) == sorted(saved.ids)
        assert {w.kind for w in work} == {"group"}


def test_any_order_and_batches_give_the_same_rows(database: Database, tmp_path: Path) -> None:
    random = Random(7)
    events = [
        event(n, NOW + random.randrange(3600) * SECOND, source__ip=f"192.0.2.{random.randrange(250)}")
        for n in range(400)
    ]
    told = []
    for turn in range(3):
        (folder := tmp_path / str(turn)).mkdir()
        other = open_database(sqlite_url(folder))
        migrate(other)
        left = list(events)
        random.shuffle(left)
        with other.write() as session:
            while left:
                size = random.randrange(1, 90)
                write(session, left[:size])
                left = left[size:]
            (row,) = rows(session)
            told.append((row.count, row.first_at, row.last_at, row.event_ids, row.matched, row.entities, row.summary))
    assert told[0] == told[1] == told[2]
    assert told[0][0] == 400
    assert told[0][3] == [f"{SEGMENT}.{n}.1" for n in range(100)]


@pytest.mark.parametrize(
    "more",
    [
        {"host__name": "web02"},
        {"user__name": "root"},
        {"process__parent__name": "cron"},
        {"process__parent__executable": "/tmp/bash"},
    ],
)
def test_a_new_host_user_or_parent_breaks_the_fold_at_once(database: Database, more: dict[str, Any]) -> None:
    with database.write() as session:
        write(session, [event(1), event(2)])
        write(session, [event(3), event(4, **more)])
        write(session, [event(5, **more), event(6)])
        assert [row.count for row in rows(session)] == [4, 2]


def test_a_new_technique_breaks_the_fold(database: Database) -> None:
    others = replace(RULE, tags=("attack.T1548.003", "attack.t1068", "attack.persistence"))
    named = replace(RULE, tags=("attack.t1548.003", "attack.privilege-escalation"))
    with database.write() as session:
        write(session, [event(1)])
        write(session, [event(2)], rule=named)
        assert [row.count for row in rows(session)] == [2], "a tactic, and how it is written, are no new technique"
        write(session, [event(3), event(4)], rule=others)
        write(session, [event(5)], rule=others)
        assert [(row.count, len(row.tags)) for row in rows(session)] == [(2, 1), (3, 3)]
        assert [row.fold_key.partition(".")[2] for row in rows(session)] == ["", "2"]


def test_a_closed_alert_is_not_added_to(database: Database) -> None:
    with database.write() as session:
        write(session, [event(1)])
        rows(session)[0].status = AlertStatus.CLOSED
        write(session, [event(2)])
        write(session, [event(3)])
        first, second = rows(session)
        assert (first.count, second.count) == (1, 2)
        second.status = AlertStatus.CLOSED
        write(session, [event(4)])
        assert [row.count for row in rows(session)] == [1, 2, 1]


def test_a_rule_that_floods_is_set_to_record_and_says_so(database: Database) -> None:
    flood = [event(n, host__name=f"h{n}") for n in range(MAX_ROWS_PER_HOUR + 5)]
    with database.write() as session:
        saved = write(session, flood)
        assert saved.suspended == ["r1"]
        assert len(saved.ids) == MAX_ROWS_PER_HOUR
        mode = session.get_one(RuleMode, "r1")
        assert (mode.mode, mode.by, mode.at) == ("record", "kydai", NOW)
        about = session.scalars(select(Alert).where(Alert.kind == "self")).one()
        assert "Dùng sudo lên root" in about.rule_title["vi"]
        assert about.summary["not_made"] == 5
        # folds that are open still count, and a person's choice gives new room
        write(session, [event(9000, host__name="h0")])
        assert rows(session)[0].count == 2
        mode.mode, mode.by, mode.at = "alert", "hanhnt", NOW + MINUTE
        again = write(session, [event(9001, host__name="new")], NOW + 2 * MINUTE)
        assert (len(again.ids), again.suspended) == (1, [])


def test_matters_about_ourselves_fold_by_the_hour_until_closed(database: Database) -> None:
    title = {"vi": "Độ trễ xử lý", "en": "Lag"}
    with database.write() as session:
        one = self_alert(session, "lag:gateway-1", title, "medium", {"seconds": 61}, NOW)
        assert self_alert(session, "lag:gateway-1", title, "high", {"seconds": 99}, NOW + MINUTE) == one
        row = session.get_one(Alert, one)
        assert (row.count, row.level, row.rule_id) == (2, "high", "self:lag")
        assert row.summary == {"key": "lag:gateway-1", "seconds": 99}
        assert self_alert(session, "lag:gateway-2", title, "medium", {}, NOW) != one
        row.status = AlertStatus.CLOSED
        assert self_alert(session, "lag:gateway-1", title, "medium", {}, NOW + 2 * MINUTE) != one
        assert self_alert(session, "lag:gateway-2", title, "medium", {}, NOW + HOUR) not in (one, one + 1)


def test_a_matter_whose_beginning_is_known_is_one_row_beyond_the_hour(database: Database) -> None:
    title = {"vi": "Mất tín hiệu", "en": "Silent"}
    with database.write() as session:
        one = self_alert(session, "silence:1", title, "medium", {}, NOW, since=NOW - MINUTE)
        assert self_alert(session, "silence:1", title, "medium", {}, NOW + 3 * HOUR, since=NOW - MINUTE) == one
        row = session.get_one(Alert, one)
        assert (row.first_at, row.last_at, row.created_at) == (NOW - MINUTE, NOW + 3 * HOUR, NOW)


def test_ids_sort_by_receipt() -> None:
    ids = [f"{SEGMENT}.10.0", f"{SEGMENT}.9.2", f"{SEGMENT}.9.10", "odd"]
    assert sorted(ids, key=id_order) == [f"{SEGMENT}.9.2", f"{SEGMENT}.9.10", f"{SEGMENT}.10.0", "odd"]


def test_values_that_are_counted_are_kept_and_a_flood_says_that_it_is_cut(database: Database) -> None:
    with database.write() as session:
        for first in (0, 20):  # in two batches
            write(session, [event(n, user__target__name=f"u{n:03}") for n in range(first, first + 15)])
        (row,) = rows(session)
        assert len(row.summary["target_user"]) == 30
        assert "cut" not in row.summary
        assert sum(kind == "user" for kind, _ in row.entities) == 31
        write(session, [event(n, user__target__name=f"u{n:03}") for n in range(100, 200)])
        session.refresh(row)
        assert len(row.summary["target_user"]) == MAX_COUNTED
        assert row.summary["cut"] == ["entities.user", "target_user"]
        assert sum(kind == "user" for kind, _ in row.entities) == 100
