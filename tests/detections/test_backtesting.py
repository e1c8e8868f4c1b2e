"""Rules over a store's past: how far it is, and only what the asker may see."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.clock import DAY, HOUR, MINUTE, StillClock, iso
from core.event import Event
from core.query.to_match import compile_match
from core.query.tree import TRUE, Equals
from core.store.contract import Batch, Span
from core.store.segments import SegmentStore
from core.store.telling import Counting
from detections import hunting
from detections.backtesting import backtested
from detections.excepted import Excepted
from detections.exceptions import Taking
from detections.rule import Rule
from tests.core.store.conformance import START, event
from tests.detections.sigma_samples import rule_id, rule_text, ruleset_of

ZONE = "Asia/Ho_Chi_Minh"
SPAN = Span(START, START + 2 * DAY)
NONE = Excepted(())


@pytest.fixture
def rule(tmp_path: Path) -> Rule:
    return ruleset_of(tmp_path, [rule_text(1, "s: {eventName: a}\ncondition: s\n", "{product: aws}")]).rules[0]


@pytest.fixture
def store(tmp_path: Path) -> SegmentStore:
    store = SegmentStore(tmp_path / "store", StillClock(START + 3 * DAY))
    store.append(Batch([_event(1, HOUR), _event(2, 25 * HOUR, "db02"), _event(3, 26 * HOUR, name="b")]))
    return store


def _event(number: int, at: int, host: str = "db01", name: str = "a") -> Event:
    made = event(number, 0, {"event.module": "aws", "event.dataset": "aws.cloudtrail", "eventName": name})
    return made | {"@timestamp": iso(START + at), "host.name": host}


def test_portions_are_told_one_by_one(store: SegmentStore, rule: Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.store.portions.MOST", 1)
    told: list[Counting] = []
    past = backtested(store, StillClock(), [rule], NONE, SPAN, ZONE, told.append)
    assert [(each.percent, each.found) for each in told] == [(0, 0), (33, 1), (66, 2), (100, 2)]
    test = past.tests[rule_id(1)]
    assert (test.hits, test.hosts) == (2, {"db01": 1, "db02": 1})
    assert (past.truth.complete, past.costs[rule_id(1)].events, past.faults) == (True, 3, {})


def test_a_scope_limits_hits_and_what_the_cost_is_measured_on(store: SegmentStore, rule: Rule) -> None:
    past = backtested(store, StillClock(), [rule], NONE, SPAN, ZONE, lambda now: None, Equals("host.name", "db02"))
    assert (past.tests[rule_id(1)].hits, past.costs[rule_id(1)].events) == (1, 1)


def test_a_moment_without_length_is_an_answer(store: SegmentStore, rule: Rule) -> None:
    past = backtested(store, StillClock(), [rule], NONE, Span(START, START), ZONE, lambda now: None)
    assert past.tests[rule_id(1)].hits == 0


def test_what_query_and_engine_disagree_on_is_named(
    store: SegmentStore, rule: Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hunting, "compile_match", lambda tree: lambda event: event["host.name"] != "db02")
    past = backtested(
        store, StillClock(), [rule], NONE, Span(START, START + MINUTE * 60 * 30), ZONE, lambda now: None, TRUE
    )
    assert past.faults == {rule_id(1): 1}


def test_exceptions_that_have_not_ended_take_hits(store: SegmentStore, rule: Rule) -> None:
    now, where = StillClock().now(), Equals("host.name", "db02")
    for expires_at, alerts in ((now + 1, 1), (now, 2)):
        excepted = Excepted([Taking(1, rule.id, expires_at, where, compile_match(where))])
        test = backtested(store, StillClock(), [rule], excepted, SPAN, ZONE, lambda now: None).tests[rule.id]
        assert (test.hits, test.taken, test.alerts) == (2, 2 - alerts, alerts)
