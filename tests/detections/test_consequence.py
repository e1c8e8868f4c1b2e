"""What an exception would have taken is counted alert by alert, and what is not known is said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from core.clock import DAY, HOUR, MINUTE, SECOND, Micros, StillClock, hour_of
from core.db.database import Database
from core.db.models import Alert, Incident
from core.store.contract import Batch
from core.store.segments import SegmentStore
from detections import consequence as module
from detections.consequence import Consequence, consequence, readers_of, told
from detections.ruleset import RuleSet
from tests.detections.excepting import ID, curl_rules, hit, keep
from tests.detections.sigma_samples import rule_id

NOW = hour_of(1_764_000_000 * SECOND) + 5 * MINUTE
CRON = {"process.parent.executable": ["/usr/sbin/cron"], "process.command_line": ["curl http://a"]}


@pytest.fixture
def ruleset(tmp_path: Path) -> RuleSet:
    return curl_rules(tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SegmentStore]:
    made = SegmentStore(tmp_path / "store", StillClock(NOW))
    yield made
    made.close()


def look(session: Session, store: SegmentStore, ruleset: RuleSet, conditions: Any = CRON) -> Consequence:
    return consequence(session, store, ruleset.by_id[ID], conditions, readers_of(ruleset.patterns, ID), NOW)


def put(session: Session, store: SegmentStore, ruleset: RuleSet) -> list[int]:
    """One alert of which all hits would be taken, one of which some would, one of another host."""
    at = NOW - DAY
    events = [
        hit(at, 1, process__command_line="curl http://a"),
        hit(at, 2, process__command_line="curl http://A"),
        hit(at + HOUR, 3, process__command_line="curl http://a"),
        hit(at + HOUR, 4, process__command_line="curl http://b"),
        hit(at, 5, host__name="db01"),
    ]
    return keep(session, store, ruleset, events, NOW)


def incident(alert: Alert, session: Session, **more: Any) -> Incident:
    row = Incident(
        number=f"VV-2026-{alert.id:04d}", title={}, level="high", first_at=1, last_at=1, created_at=1, updated_at=1,
        **more,
    )  # fmt: skip
    session.add(row)
    session.flush()
    alert.incident_id = row.id
    return row


def test_alerts_are_removed_made_smaller_or_left(database: Database, store: SegmentStore, ruleset: RuleSet) -> None:
    with database.write() as session:
        put(session, store, ruleset)
        found = look(session, store, ruleset)
    assert (found.hits, found.taken) == (5, 3)
    assert (found.alerts, found.removed, found.smaller, found.unknown) == (3, 1, 1, 0)
    assert (found.hidden, found.correlated, found.is_complete) == ([], 0, True)
    text = told(found, "en")
    assert text.startswith("Over the last 30 days: removes 1 of 3 alerts (takes 3 of 5 hits), would have hidden 0")
    assert "1 alert stays with fewer hits." in text


@pytest.mark.parametrize(
    ("more", "is_hidden"),
    [
        ({"verdict": "true_positive"}, True),
        ({"declared_at": 5}, True),
        ({"declared_at": 5, "withdrawn_at": 6}, False),
        ({"verdict": "benign"}, False),
    ],
)
def test_a_confirmed_incident_that_would_lack_an_alert_is_hidden(
    database: Database, store: SegmentStore, ruleset: RuleSet, more: dict[str, Any], is_hidden: bool
) -> None:
    with database.write() as session:
        first, smaller, _ = (session.get_one(Alert, number) for number in put(session, store, ruleset))
        number = incident(first, session, **more).number
        incident(smaller, session, verdict="true_positive")
        assert look(session, store, ruleset).hidden == ([number] if is_hidden else [])


def test_a_confirmed_alert_by_itself_counts(database: Database, store: SegmentStore, ruleset: RuleSet) -> None:
    with database.write() as session:
        first = session.get_one(Alert, put(session, store, ruleset)[0])
        first.verdict = "true_positive"
        assert look(session, store, ruleset).hidden == [f"#{first.id}"]


def alone(session: Session, at: Micros, **more: Any) -> Alert:
    """An alert whose events are gone."""
    row = Alert(
        fold_key=f"k{at}{more}", rule_id=ID, rule_title={}, level="high", first_at=at, last_at=at, received_at=at,
        created_at=at, updated_at=at, **more,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def test_alerts_without_events_are_unknown_and_counted_as_hidden_where_confirmed(
    database: Database, store: SegmentStore, ruleset: RuleSet
) -> None:
    with database.write() as session:
        row = alone(session, NOW - 20 * DAY, host="web01")
        alone(session, NOW - 31 * DAY, host="web01")
        incident(row, session, verdict="true_positive")
        found = look(session, store, ruleset)
        assert (found.alerts, found.unknown, len(found.hidden)) == (1, 1, 1)
        assert "not known" in told(found, "en")
        other = look(session, store, ruleset, {"host.name": ["db01"]})
        assert (other.alerts, other.unknown, other.hidden) == (1, 0, []), "its one host is another"
        row.host = "w" * 255
        long = look(session, store, ruleset, {"host.name": ["w" * 300]})
        assert (long.unknown, len(long.hidden)) == (1, 1), "an alert keeps the beginning of a long name"


def test_alerts_of_correlations_that_read_what_would_be_taken(
    database: Database, store: SegmentStore, ruleset: RuleSet
) -> None:
    with database.write() as session:
        first = session.get_one(Alert, put(session, store, ruleset)[0])
        reading = {"kind": "correlation", "event_ids": first.event_ids}
        row = alone(session, NOW - DAY, **reading)
        row.rule_id = rule_id(9)
        number = incident(row, session, verdict="true_positive").number
        session.flush()
        found = look(session, store, ruleset)
    assert (found.correlated, found.hidden) == (1, [number])


def test_generations_of_an_alert_are_counted_apart(database: Database, store: SegmentStore, ruleset: RuleSet) -> None:
    """Hits after it was closed open a new row of the same hour: they do not stand for the one that was confirmed."""
    at = NOW - DAY
    with database.write() as session:
        (number,) = keep(session, store, ruleset, [hit(at, 1, process__command_line="curl http://a")], NOW)
        row = session.get_one(Alert, number)
        row.status, row.verdict = "closed", "true_positive"
        session.flush()
        later = [hit(at + MINUTE, 2, process__command_line="curl http://b")]
        assert keep(session, store, ruleset, later, NOW) != [number]
        found = look(session, store, ruleset)
        assert (found.alerts, found.removed, found.smaller, found.hidden) == (2, 1, 0, [f"#{number}"])
        row.count = 101
        assert look(session, store, ruleset).unknown == 1, "of one hit it is not known which generation has it"


def test_hits_that_made_no_part_of_an_alert_do_not_keep_it(
    database: Database, store: SegmentStore, ruleset: RuleSet
) -> None:
    """One that another exception took, or that came while the rule only recorded."""
    at = NOW - DAY
    with database.write() as session:
        (number,) = keep(session, store, ruleset, [hit(at, 1, process__command_line="curl http://a")], NOW)
        session.get_one(Alert, number).verdict = "true_positive"
        store.append(Batch([hit(at + MINUTE, 2, process__command_line="curl http://b")]))
        found = look(session, store, ruleset)
    assert (found.hits, found.taken, found.removed, found.hidden) == (2, 1, 1, [f"#{number}"])


@pytest.mark.parametrize("days", [31, 300])
def test_what_was_confirmed_long_ago_counts(
    database: Database, store: SegmentStore, ruleset: RuleSet, days: int
) -> None:
    at = NOW - days * DAY
    lines = ("curl http://a", "curl http://a", "curl http://b")
    events = [hit(at + n * HOUR, n, process__command_line=line) for n, line in enumerate(lines)]
    with database.write() as session:
        first, second, other = (session.get_one(Alert, n) for n in keep(session, store, ruleset, events, NOW))
        number = incident(first, session, declared_at=5).number
        other.verdict = "true_positive"
        reading = alone(session, at, kind="correlation", event_ids=second.event_ids, verdict="true_positive")
        reading.rule_id = rule_id(9)
        session.flush()
        found = look(session, store, ruleset)
    assert (found.alerts, found.hidden) == (0, sorted([f"#{reading.id}", number]))


def test_what_is_past_the_ids_of_a_confirmed_correlation_is_not_known(
    database: Database, store: SegmentStore, ruleset: RuleSet
) -> None:
    event = hit(NOW - DAY, 1, host__name="db01")
    with database.write() as session:
        keep(session, store, ruleset, [event], NOW)
        row = alone(session, NOW - DAY, kind="correlation", event_ids=[str(event["event.id"])], verdict="true_positive")
        row.rule_id = rule_id(9)
        assert look(session, store, ruleset).hidden == []
        row.count = 2
        assert look(session, store, ruleset).hidden == [f"#{row.id}"]


def test_a_hit_of_another_rule_is_not_taken_from_a_correlation(
    database: Database, store: SegmentStore, ruleset: RuleSet
) -> None:
    event = hit(NOW - DAY, 1, process__command_line="curl http://a", kydai__rules=[rule_id(2)])
    store.append(Batch([event]))
    with database.write() as session:
        row = alone(session, NOW - DAY, kind="correlation", event_ids=[str(event["event.id"])], verdict="true_positive")
        row.rule_id = rule_id(9)
        assert look(session, store, ruleset).hidden == []


def test_a_look_that_is_cut_still_sees_all_that_was_confirmed(
    database: Database, store: SegmentStore, ruleset: RuleSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_HITS", 1)
    monkeypatch.setattr(module, "AT_ONCE", 2)
    hidden = []
    with database.write() as session:
        for day in range(1, 5):
            at = NOW - day * DAY
            event = hit(at, day, process__command_line="curl http://a")
            keep(session, store, ruleset, [event], NOW)
            ids = [str(event["event.id"])]
            row = alone(session, at, kind="correlation", event_ids=ids, verdict="true_positive")
            row.rule_id = rule_id(9)
            hidden.append(f"#{row.id}")
        found = look(session, store, ruleset)
    assert (found.is_complete, found.hidden) == (False, hidden)


def test_too_many_hits_are_cut_and_that_is_said(
    database: Database, store: SegmentStore, ruleset: RuleSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_HITS", 3)
    with database.write() as session:
        put(session, store, ruleset)
        found = look(session, store, ruleset)
    assert not found.is_complete
    assert "Not all hits could be read" in told(found, "en")
