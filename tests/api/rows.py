"""Rows of the control database and events of the store, for tests of what is shown of them."""

from __future__ import annotations

from itertools import count
from typing import Any

from core.clock import MINUTE, Micros, iso
from core.db.models import Alert
from core.event import Event, new_ulid
from tests.api.conftest import NOW

_numbers = count(1)


def alert(**changes: Any) -> Alert:
    """An alert of rule ``ssh`` on web01, ten minutes old."""
    at: Micros = changes.pop("at", NOW - 10 * MINUTE)
    values: dict[str, Any] = {
        "fold_key": f"key{next(_numbers)}",
        "kind": "rule",
        "rule_id": "ssh",
        "rule_title": {"vi": "Dò mật khẩu SSH", "en": "SSH password guessing"},
        "level": "high",
        "first_at": at,
        "last_at": at,
        "received_at": at,
        "created_at": at,
        "updated_at": at,
        "host": "web01",
        "user": "root",
        "count": 1,
        "tags": [],
        "summary": {},
    }
    values |= changes
    segment = new_ulid(at)
    ids = [f"{segment}.{number}.0" for number in range(min(values["count"], 100))]
    named = [["host", values["host"]], ["user", values["user"].lower()]]
    return Alert(**{"entities": [pair for pair in named if pair[1]], "event_ids": ids} | values)


def events(number: int, start: Micros, step: Micros = 1_000_000, /, **fields: Any) -> list[Event]:
    """Events a step apart, each with an id of its own."""
    segment = new_ulid(start)
    return [
        {
            "@timestamp": iso(start + i * step),
            "event.created": iso(start + i * step),
            "event.ingested": iso(start + i * step),
            "event.id": f"{segment}.{i}.0",
            "kydai.retention": "default",
            "host.name": f"web0{i % 3}",
            "message": f"sự kiện {i}",
            **fields,
        }
        for i in range(number)
    ]
