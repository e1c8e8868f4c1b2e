"""What a playbook's conditions and places may read of an incident: a flat mapping, in plain names."""

from __future__ import annotations

import ipaddress
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import iso
from core.db.models import Alert, Incident, IncidentEntity
from core.event import Event
from playbooks.protected import PRIVATE

MOST = 200

_INCIDENT = """number id level priority status title.vi title.en sentence.vi sentence.en system agency first last rules
    tags hosts users addresses outside_addresses attackers alerts"""
_ALERT = "id kind rule level title.vi title.en tags host user system agency count addresses attackers"
NAMES = frozenset([f"incident.{name}" for name in _INCIDENT.split()] + [f"alert.{name}" for name in _ALERT.split()])
"""All facts there are before a step has run."""
OF_STEPS = "steps."
"""What the names of facts that steps give begin with."""


def facts_of(session: Session, incident: Incident) -> Event:
    """``incident.number``, ``.level``, ``.rules``, ``.addresses``, ``.outside_addresses``, ``.hosts``, ``.users``, …"""
    alerts = session.scalars(
        select(Alert)
        .where(Alert.incident_id == incident.id, Alert.joined_to.is_(None))
        .order_by(Alert.first_at)
        .limit(500)
    ).all()
    entities: dict[str, list[Any]] = {}
    for kind, value in session.execute(
        select(IncidentEntity.kind, IncidentEntity.value)
        .where(IncidentEntity.incident_id == incident.id)
        .order_by(IncidentEntity.first_at, IncidentEntity.value)
    ):
        entities.setdefault(kind, []).append(value)
    froms = {str(a) for alert in alerts for a in alert.summary.get("from", ())}
    addresses = list(dict.fromkeys([*entities.get("ip", []), *sorted(froms)]))
    outside = [a for a in addresses if _is_outside(a)]
    facts: Event = {
        "incident.id": incident.id,
        "incident.number": incident.number,
        "incident.level": incident.level,
        "incident.priority": incident.priority,
        "incident.status": incident.status,
        "incident.title.vi": str(incident.title.get("vi", "")),
        "incident.title.en": str(incident.title.get("en", "")),
        "incident.sentence.vi": str(incident.sentence.get("vi", "")),
        "incident.sentence.en": str(incident.sentence.get("en", "")),
        "incident.system": incident.system,
        "incident.agency": incident.agency,
        "incident.first": iso(incident.first_at),
        "incident.last": iso(incident.last_at),
        "incident.rules": list(dict.fromkeys(a.rule_id for a in alerts)),
        "incident.tags": list(dict.fromkeys(t for a in alerts for t in a.tags)),
        "incident.hosts": entities.get("host", [])[:MOST],
        "incident.users": entities.get("user", [])[:MOST],
        "incident.addresses": addresses[:MOST],
        "incident.outside_addresses": outside[:MOST],
        "incident.attackers": [a for a in outside if a in froms][:MOST],
        "incident.alerts": len(alerts),
    }
    return {name: value for name, value in facts.items() if value not in ("", [])}


def alert_facts(alert: Alert) -> Event:
    """``alert.rule``, ``.level``, ``.title.vi``, ``.host``, ``.user``, ``.addresses``, ``.attackers``, …"""
    froms = [str(a) for a in alert.summary.get("from", ())]
    addresses: list[Any] = list(dict.fromkeys([*(str(v) for k, v in alert.entities if k == "ip"), *froms]))
    attackers: list[Any] = [a for a in dict.fromkeys(froms) if _is_outside(a)]
    facts: Event = {
        "alert.id": alert.id,
        "alert.kind": alert.kind,
        "alert.rule": alert.rule_id,
        "alert.level": alert.level,
        "alert.title.vi": str(alert.rule_title.get("vi", "")),
        "alert.title.en": str(alert.rule_title.get("en", "")),
        "alert.tags": list(alert.tags),
        "alert.host": alert.host,
        "alert.user": alert.user,
        "alert.system": alert.system,
        "alert.agency": alert.agency,
        "alert.count": alert.count,
        "alert.addresses": addresses[:MOST],
        "alert.attackers": attackers[:MOST],
    }
    return {name: value for name, value in facts.items() if value not in ("", [])}


def _is_outside(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or any(address in n for n in PRIVATE if n.version == address.version))
