"""The figures of a backtest: days on the wall clock, what hits share, alerts as they would fold."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.clock import HOUR, MINUTE, iso
from core.event import Event
from detections import backtest
from detections.alerting import RuleHit, fold
from detections.backtest import Backtest, cost
from detections.explain import explain
from detections.rule import Rule
from tests.core.store.conformance import START, event
from tests.detections.sigma_samples import rule_text, ruleset_of

ZONE = "Asia/Ho_Chi_Minh"


@pytest.fixture
def rule(tmp_path: Path) -> Rule:
    return ruleset_of(tmp_path, [rule_text(1, "s: {eventName: [a, b]}\ncondition: s\n", "{product: aws}")]).rules[0]


def _hit(number: int, at: int, host: str = "h1", user: str = "", name: str = "a") -> Event:
    made = event(number, 0, {"event.module": "aws", "event.dataset": "aws.cloudtrail", "eventName": name})
    made |= {"@timestamp": iso(START + at), "host.name": host}
    return made | {"user.name": user} if user else made


def test_hits_by_day_host_user_and_value(rule: Rule) -> None:
    test = Backtest(rule, ZONE)
    hits = [
        _hit(1, 16 * HOUR), _hit(2, 16 * HOUR + MINUTE, user="u1"), _hit(3, 16 * HOUR + MINUTE, "h2", "u1", "b"),
        _hit(4, 17 * HOUR - 1), _hit(5, 17 * HOUR),
    ]  # fmt: skip
    for each in hits:
        test.add(each, is_taken=False)
    assert test.hits == 5
    assert test.days == {"2026-11-25": 4, "2026-11-26": 1}, "midnight is at 17:00 UTC"
    assert test.hosts == {"h1": 4, "h2": 1}
    assert test.users == {"u1": 2}
    assert {value: count for (_, value), count in test.values.items()} == {"a": 4, "b": 1}
    assert test.alerts == len(fold((RuleHit(rule, each) for each in hits), explain, "")) == 4
    assert test.busiest == 3
    assert not test.would_stop
    folded = {each.fold_key: each for each in fold((RuleHit(rule, each) for each in hits), explain, "")}
    same = ("count", "first_at", "last_at", "entities", "host", "user", "summary", "level")
    assert test.drafts.keys() == folded.keys()
    assert all(getattr(test.drafts[key], n) == getattr(each, n) for key, each in folded.items() for n in same)


def test_a_rule_that_alerts_too_often_would_be_stopped(rule: Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtest, "MAX_ROWS_PER_HOUR", 2)
    test = Backtest(rule, ZONE)
    for at, host in enumerate(("h1", "h2", "h1")):
        test.add(_hit(at, 0, host), is_taken=False)
    assert (test.alerts, test.would_stop) == (2, False)
    test.add(_hit(4, 0, "h3"), is_taken=False)
    assert test.would_stop


def test_counting_is_bounded(rule: Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtest, "MAX_COUNTED", 2)
    monkeypatch.setattr(backtest, "MAX_EXPLAINED", 3)
    test = Backtest(rule, ZONE)
    for at, host in enumerate(("h1", "h2", "h3", "h1", "h1")):
        test.add(_hit(at, 0, host), is_taken=False)
    assert test.hosts == {"h1": 3, "h2": 1}
    assert sum(test.values.values()) == 3
    assert test.hits == 5


def test_the_cost_is_that_of_an_event(tmp_path: Path, rule: Rule) -> None:
    many = [_hit(at, at) for at in range(500)]
    measured = cost(rule, many)
    assert measured is not None
    assert 0 < measured < 5_000
    assert cost(rule, []) is None
    (flow,) = ruleset_of(tmp_path, [rule_text(1, "s: {source.ip: x}\ncondition: s\n", "{category: flow}")]).rules
    assert cost(flow, many) is None


def test_hits_that_an_exception_takes_fold_into_no_alert(rule: Rule) -> None:
    test = Backtest(rule, ZONE)
    for number, host in enumerate(("h1", "h2", "h2")):
        test.add(_hit(number, 0, host), is_taken=host == "h2")
    assert (test.hits, test.taken, test.alerts, test.busiest, len(test.drafts)) == (3, 2, 1, 1, 1)
    assert test.hosts == {"h1": 1, "h2": 2}, "they are hits all the same"
