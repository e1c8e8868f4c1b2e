"""A rule, its hits as they are stored, and the alerts that they folded into, for tests of exceptions."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.orm import Session

from core.clock import Micros, iso
from core.event import Event, Value, new_ulid
from core.store.contract import Batch, EventStore
from detections.alerting import RuleHit, fold, save
from detections.explain import explain
from detections.ruleset import RuleSet
from tests.detections.sigma_samples import rule_id, rule_text, ruleset_of

ID = rule_id(1)
DETECTION = "s:\n  process.name: curl\n  process.command_line|contains: http\ncondition: s\n"
READER = f"""\
title: Many downloads
id: {rule_id(9)}
status: test
level: high
correlation:
  type: event_count
  rules: [{ID}]
  group-by: [host.name]
  timespan: 10m
  condition: {{gte: 3}}
"""


def curl_rules(folder: Path) -> RuleSet:
    """A rule about downloads, and a correlation that counts them."""
    ruleset = ruleset_of(folder, [rule_text(1, DETECTION, "{product: linux, category: process_creation}"), READER])
    assert ruleset.patterns.readers[ID]
    return ruleset


def hit(at: Micros, number: int, **more: Value) -> Event:
    """A stored hit of the rule."""
    base: Event = {
        "@timestamp": iso(at),
        "event.created": iso(at),
        "event.ingested": iso(at),
        "event.id": f"{new_ulid(at)}.{number}.0",
        "event.module": "auditd",
        "event.category": ["process"],
        "event.type": ["start"],
        "host.os.type": "linux",
        "host.name": "web01",
        "user.name": "www",
        "process.name": "curl",
        "process.executable": "/usr/bin/curl",
        "process.command_line": "curl http://kho.example/*?x=\\1",
        "process.parent.executable": "/usr/sbin/cron",
        "kydai.rules": [ID],
        "kydai.retention": "default",
    }
    return base | {name.replace("__", "."): value for name, value in more.items()}


def keep(session: Session, store: EventStore, ruleset: RuleSet, events: list[Event], now: Micros) -> list[int]:
    """Store hits, and the alerts that they fold into; returns the ids of the alerts."""
    store.append(Batch(events))
    hits = [RuleHit(ruleset.by_id[ID], event) for event in events]
    return save(session, fold(hits, explain, ""), now).ids
