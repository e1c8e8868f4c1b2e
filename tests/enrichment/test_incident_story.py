"""A sentence says only what its alerts say, and counts what there is: once, or "at least"."""

from __future__ import annotations

from typing import Any

from core.clock import MINUTE
from core.counted import events_of
from core.db.models import Alert
from core.query.language import parse
from core.query.to_match import compile_match
from enrichment.incident_story import (
    QUERY_AT_MOST,
    events_query,
    hosts_of,
    story,
)
from enrichment.incident_words import sentence
from enrichment.observables import House
from tests.api.conftest import NOW
from tests.api.rows import alert

SEGMENT = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def ids(*numbers: int) -> list[str]:
    return [f"{SEGMENT}.{number}.0" for number in numbers]


def of(*numbers: int, **changes: Any) -> Alert:
    """An alert that keeps all of its events."""
    return alert(**{"event_ids": ids(*numbers), "count": len(numbers)} | changes)


def burst(*numbers: int, **changes: Any) -> Alert:
    return of(*numbers, kind="correlation", rule_id="guess", **changes)


def test_facts_are_told_gravest_first_and_outside_first() -> None:
    made = story(
        [
            of(1, id=1, at=NOW - MINUTE, summary={"from": ["10.20.1.5", "198.51.100.23"], "user": ["crawler"]}),
            of(2, 3, id=2, rule_id="shell", rule_title={"vi": "b", "en": "Shell"}, level="critical", host="db01",
               summary={"to": ["203.0.113.9", "10.20.1.9"], "user": "root"}),
        ],
        House(),
    )  # fmt: skip
    assert [r["en"] for r in made.rules] == ["Shell", "SSH password guessing"]
    assert (made.hosts, made.origins, made.targets) == (["db01", "web01"], ["198.51.100.23"], ["203.0.113.9"])
    assert (made.users, made.alerts, made.events) == (["root", "crawler"], 2, 3)
    assert "198.51.100.23" in sentence(made)["en"]


def test_one_alert_alone() -> None:
    text = sentence(story([of(1, id=1)], House()))
    assert "web01: Dò mật khẩu SSH (1 cảnh báo, 1 sự kiện)" in text["vi"]


def test_accounts_are_people_and_each_is_one() -> None:
    told = story([of(1, id=1, summary={"user": ["Lannt", "WEB01$", "lannt", "baotq"]})], House())
    assert told.users == ["Lannt", "baotq"]


def matched(query: str, *events: dict[str, Any]) -> list[str]:
    match = compile_match(parse(query, now=0))
    return [event["event.id"] for event in events if match(event)]


def test_the_query_finds_the_events_that_are_counted() -> None:
    alerts = [of(1, 2), burst(2, 3)]
    events = [{"event.id": event_id, "kydai.rules": ["ssh"]} for event_id in ids(0, 1, 2, 3, 4)]
    assert matched(events_query(alerts), *events) == ids(1, 2, 3)


def test_where_not_all_are_kept_the_query_finds_no_fewer() -> None:
    guess = burst(2, 3, count=70, summary={"group": {"source.ip": "192.0.2.7"}, "rules": ["failed"]})
    alerts = [of(1, count=40), guess, of(9, count=2, rule_id="flow", host="", user="")]
    text = events_query(alerts)
    events: list[dict[str, Any]] = [
        {"event.id": "a", "kydai.rules": ["ssh"], "host.name": "web01", "user.name": "Root"},
        {"event.id": "z", "kydai.rules": ["ssh"], "host.name": "web01", "user.name": "lannt"},
        {"event.id": "b", "kydai.rules": ["ssh"], "host.name": "web02"},
        {"event.id": "c", "kydai.rules": ["failed", "x"], "source.ip": "192.0.2.7"},
        {"event.id": "d", "source.ip": "192.0.2.7"},
        {"event.id": "e", "kydai.rules": ["flow"]},
    ]
    assert matched(text, *events) == ["a", "c", "e"]


def test_the_query_is_never_longer_than_the_api_takes() -> None:
    many = [of(*range(100 * n, 100 * n + 100), rule_id="ssh", host=f"h{n % 30}") for n in range(5)]
    assert events_of(many).count == 500
    assert len(events_query(many)) <= QUERY_AT_MOST
    assert "event.id" not in events_query(many)
    wide = [of(n, host=f"a-long-name-of-a-host-{n}", count=2) for n in range(500)]
    assert events_query(wide) == "kydai.rules: ssh"
    assert events_query([of(n, rule_id=f"a-long-name-of-a-rule-{n}", count=2) for n in range(500)]) == ""


def test_where_nothing_names_the_events_there_is_no_query() -> None:
    ours = of(1, kind="self", rule_id="self:silence", host="", user="", count=3)
    assert events_query([ours]) == events_query([ours, of(2)]) == ""


def test_what_was_cut_is_at_least() -> None:
    users = [f"u{number:03}" for number in range(100)]
    told = story([of(1, id=1, summary={"user": users, "cut": ["entities.user", "user"]})], House())
    assert "u000, u001, u002 and at least 97 more accounts" in sentence(told)["en"]
    assert "và ít nhất 97 tài khoản khác" in sentence(told)["vi"]
    whole = story([of(1, id=1, summary={"user": users[:25]})], House())
    assert "and 22 more accounts" in sentence(whole)["en"]
    part = story([of(1, id=1, summary={"user": users[:25]})], House(), total=600)
    assert "and at least 22 more accounts: SSH password guessing (600 alerts, at least 1 event)" in sentence(part)["en"]


def test_a_declared_source_is_a_host_that_something_came_from() -> None:
    house = House(frozenset({"10.0.0.9"}), {"10.0.0.5": "db01", "10.0.0.9": "proxy01"})
    assert hosts_of([of(1, summary={"from": ["10.0.0.5", "10.0.0.9"]}), of(2)], house) == ["web01", "db01"]


def test_a_count_that_is_not_exact_says_so() -> None:
    both = [of(1, 2, count=40), burst(1, 2)]
    assert "at least 40 events" in sentence(story(both, House()))["en"]
    assert "ít nhất 40 sự kiện" in sentence(story(both, House()))["vi"]
    assert "2 alerts, 2 events" in sentence(story([of(1, 2), burst(1, 2)], House()))["en"]
