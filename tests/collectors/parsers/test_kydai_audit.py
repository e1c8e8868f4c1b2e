"""Entries of our own journal to ECS; nobody else's raw is taken for one."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from collectors.parser import ParserSet
from core import followed
from core.event import Frame
from tests.detections.taxonomy.filling import ENTRY, RECEIVED

PARSERS = ParserSet.load()


def event(**entry: Any) -> dict[str, Any]:
    (made,) = PARSERS.parse(followed.frame_of(ENTRY | entry, followed.BEGINNING, RECEIVED), zone="UTC").events
    return dict(made)


@pytest.mark.parametrize(
    ("actor", "user", "effective"),
    [
        ("an", "an", None),
        ("an (token:soar)", "an", None),
        ("os:an", "an", None),
        ("os:root (login:an)", "an", "root"),
        ("maintenance", "maintenance", None),
    ],
)
def test_the_person_behind_an_actor(actor: str, user: str, effective: str | None) -> None:
    made = event(action="rule.mode", actor=actor)
    assert (made["user.name"], made.get("user.effective.name"), made["kydai.audit.actor"]) == (user, effective, actor)


def test_a_refused_sign_in() -> None:
    made = event(action="sign_in.failed", object="user:binh", actor="binh", after={"address": "203.0.113.7"})
    assert made["event.category"] == ["authentication"]
    assert (made["event.outcome"], made["source.ip"], made["user.target.name"]) == ("failure", "203.0.113.7", "binh")


def test_what_changed_is_named_and_nothing_is_dropped() -> None:
    before = {"role": "analyst", "scope": "", "more": {"a": [1, 2]}, "gone": None}
    made = event(action="user.change", object="user:binh", before=before, after={"role": "admin", "scope": ""})
    assert made["kydai.audit.changed"] == ["role"]
    assert (made["kydai.audit.before.role"], made["kydai.audit.after.role"]) == ("analyst", "admin")
    assert made["kydai.audit.before.more.a"] == [1, 2]
    assert made["kydai.audit.after.scope"] == ""


def test_what_is_about_many_things_makes_no_field_of_each() -> None:
    after = {"7": {"status": "closed", "verdict": "false_positive"}, "8": {"status": "closed", "verdict": None}}
    made = event(action="alert.close", object="alerts:2", after=after)
    assert made["kydai.audit.after.status"] == ["closed"]
    assert made["kydai.audit.after.verdict"] == ["false_positive"]
    assert not [name for name in made if ".7" in name]


@pytest.mark.parametrize("source", ["token:kydai", "file:kydai:journal", "udp:192.0.2.7", "relay:127.0.0.1:kydai"])
def test_nobody_else_is_taken_for_it(source: str) -> None:
    data = orjson.dumps(ENTRY | {"action": "keys.rotate"})
    for meta in ({}, {"parser": followed.PARSER}):
        made = PARSERS.parse(Frame(source, RECEIVED, data, meta=meta), zone="UTC").events[0]
        assert made["event.dataset"] != followed.DATASET


@pytest.mark.parametrize("dataset", ["kydai.audit", "KyDai.audit", ["x", "kydai.audit"]])
def test_a_sender_of_ecs_cannot_say_that_it_is_of_ours(dataset: Any) -> None:
    data = orjson.dumps({"event.module": "kydai", "event.dataset": dataset, "event.action": "keys.rotate"})
    made = PARSERS.parse(Frame("token:x", RECEIVED, data), zone="UTC").events[0]
    assert made["event.dataset"] == "json.ecs"
    assert made["sender.event.dataset"] == dataset


def test_what_is_no_entry_is_kept_unparsed() -> None:
    for data in (b"{}", b"[]", b"x", b'{"action": 7}', b'{"action": "x", "before": [], "after": 3, "at": null}'):
        parsed = PARSERS.parse(Frame(followed.SOURCE, RECEIVED, data, meta={"parser": followed.PARSER}), zone="UTC")
        assert parsed.unparsed == (b'"x"' not in data)
        assert not PARSERS.counts.errors
