"""Small facts of events for an alert's sentence, merged so that the order in which hits come changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.counted import CUT
from core.event import Value
from detections.alert_entities import texts

MAX_VALUES = 10
MAX_COUNTED = 100
MAX_FACT = 500
_COUNTED = frozenset({"from", "to", "user", "target_user"})
"""Facts whose values are counted for people, and so kept longer."""

FACT_FIELDS: Mapping[str, tuple[str, ...]] = {
    "from": ("source.ip", "client.ip"),
    "to": ("destination.ip", "server.ip"),
    "port": ("destination.port", "server.port"),
    "user": ("user.name",),
    "target_user": ("user.target.name", "user.effective.name"),
    "command": ("process.command_line",),
    "process": ("process.name", "process.executable"),
    "parent": ("process.parent.name", "process.parent.executable"),
    "file": ("file.path",),
    "url": ("url.original", "url.path"),
    "domain": ("dns.question.name", "url.domain", "destination.domain"),
    "outcome": ("event.outcome",),
    "action": ("event.action",),
}


def facts(event: Mapping[str, Value]) -> dict[str, Any]:
    """Small facts for the sentence: ``{"from": [addresses], "user": […], "command": […], …}``.

    Where a host tells of its own process going out, the source is the host itself and no origin.
    """
    found: dict[str, Any] = {}
    is_going_out = event.get("network.direction") in ("egress", "outbound") and event.get("process.executable")
    for key, names in FACT_FIELDS.items():
        if is_going_out and key == "from":
            continue
        for name in names:
            if values := list(texts(event.get(name))):
                found[key] = [value[:MAX_FACT] for value in values[:MAX_VALUES]]
                break
    return found


def merged_facts(first: Mapping[str, Any], *others: Mapping[str, Any]) -> dict[str, Any]:
    """All of them, each list with its smallest members, and the names of those that have more."""
    together = dict(first)
    members: dict[str, set[Any]] = {}
    for other in others:
        for key, value in other.items():
            if not isinstance(value, list):
                together[key] = value
            elif key in members:
                members[key].update(value)
            else:
                members[key] = {*together.get(key, ()), *value}
    cut = members.pop(CUT, None) or set(first.get(CUT, ()))
    for key, values in members.items():
        together[key] = sorted(values)[: MAX_COUNTED if key in _COUNTED else MAX_VALUES]
        if len(together[key]) < len(values):
            cut.add(key)
    return together | {CUT: sorted(cut)} if cut else together
