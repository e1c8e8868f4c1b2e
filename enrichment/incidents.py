"""Alerts become incidents (vụ việc): by shared entities and time, with the reason of each link.

An alert joins the open incident that it shares most with: a host (within two hours), a user, outside address, hash or
process (within a day). Entities that stand for everybody (enrichment/observables.py) and those found in more than five
incidents of that time join nothing; an alert of level high or above also joins where the same rule fired on another
host within fifteen minutes. With nothing to join, an alert of level high or above, or of a correlation, opens an
incident; a medium one does so only together with an alert of another rule that it shares an entity with; until then it
stays just an alert. An alert of level high or above, or of a correlation, that shares with several incidents nobody has
touched makes them one. Replays meet only replays. Everything happens again alike if it happens twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select
from sqlalchemy.orm import Session

from core import restored
from core.clock import DAY, HOUR, MINUTE, Micros
from core.db import outbox
from core.db.models import (
    LEVELS,
    Alert,
    AlertStatus,
    Incident,
    IncidentEntity,
    IncidentLink,
    IncidentStatus,
    Note,
    Run,
    Source,
    Verdict,
)
from enrichment.incident_story import story
from enrichment.incident_words import sentence, title
from enrichment.observables import Entity, House, link_keys
from enrichment.priority import Facts, priority

WINDOW = DAY
HOST_WINDOW = 2 * HOUR
SPREAD_WINDOW = 15 * MINUTE
COMMON = 5
"""An entity in more incidents than this says nothing."""
LOOSE_AT_MOST = 500
ALERTS_AT_MOST = 500
ENTITIES_AT_MOST = 500
_WEIGHT = {"hash": 8, "process": 8, "ip": 4, "user": 4, "technique": 3, "host": 2}
_SEVERE = frozenset({"high", "critical"})
_COUNTED = frozenset({"medium", "high", "critical"})


@dataclass(frozen=True, slots=True)
class Link:
    """One shared thing: what it is, and the alert that already had it."""

    kind: str
    value: str
    alert: int

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "value": self.value, "alert": self.alert}


def group(session: Session, alert_id: int, now: Micros, house: House) -> int | None:
    """Put an alert where it belongs and bring the incident up to date; its id, or None while it stays alone."""
    alert = session.get(Alert, alert_id)
    if alert is None or alert.kind == "self":
        return None
    if alert.joined_to is not None:
        return _give_way(session, alert, now, house)
    if alert.incident_id is not None:
        refresh(session, alert.incident_id, now, house)
        return alert.incident_id
    if alert.status == AlertStatus.CLOSED:
        return None
    keys = link_keys(alert.entities, alert.summary, house)
    choices = _choices(session, alert, keys)
    if choices:
        incident_id = _best(session, choices)
        attach(session, alert, incident_id, choices[incident_id], now)
        if _is_strong(alert):
            for other in sorted(set(choices) - {incident_id}):
                _absorb(session, incident_id, other, alert, choices[other], now)
        _call_loose(session, alert, keys, house, now)
        refresh(session, incident_id, now, house)
        return incident_id
    partners = _partners(session, alert, keys, house)
    if not _is_strong(alert) and not any(_makes_pair(alert, partner) for partner, _ in partners):
        return None
    incident = _open(session, alert, now)
    attach(session, alert, incident.id, [], now)
    for partner, links in partners:
        attach(session, partner, incident.id, links, now)
    refresh(session, incident.id, now, house)
    return incident.id


def _give_way(session: Session, alert: Alert, now: Micros, house: House) -> int | None:
    """A joined alert leaves its incident to the surviving one."""
    incident_id = alert.incident_id
    survivor = session.get(Alert, alert.joined_to)
    if incident_id is None or survivor is None:
        return None
    if survivor.incident_id is None:
        attach(session, survivor, incident_id, [], now)
    alert.incident_id = None
    session.execute(delete(IncidentLink).where(IncidentLink.alert_id == alert.id))
    session.flush()
    if session.scalar(select(Alert.id).where(Alert.incident_id == incident_id).limit(1)) is None:
        close_merged(session, session.get_one(Incident, incident_id), survivor.incident_id or incident_id, now)
    else:
        refresh(session, incident_id, now, house)
    return None


def _is_strong(alert: Alert) -> bool:
    return alert.level in _SEVERE or alert.kind == "correlation"


def _makes_pair(alert: Alert, partner: Alert) -> bool:
    return alert.rule_id != partner.rule_id and alert.level in _COUNTED and partner.level in _COUNTED


def _near(first: Any, last: Any, alert: Alert, gap: Micros) -> ColumnElement[bool]:
    return and_(last >= alert.first_at - gap, first <= alert.last_at + gap)


def would_join(session: Session, alert: Alert, house: House) -> tuple[int, list[Link]] | None:
    """The incident that an alert of the past would have joined, by the rule by which alerts do, and why: of those that
    were not closed by then. The alert is no row, and nothing is changed."""
    choices = _choices(session, alert, link_keys(alert.entities, alert.summary, house), is_past=True)
    if not choices:
        return None
    incident_id = _best(session, choices)
    return incident_id, choices[incident_id]


def _choices(session: Session, alert: Alert, keys: set[Entity], *, is_past: bool = False) -> dict[int, list[Link]]:
    """Open incidents that the alert shares something with, and what; ``is_past``: those that were open then."""
    is_open = Incident.status != IncidentStatus.CLOSED
    if is_past:
        is_open = or_(is_open, Incident.closed_at >= alert.last_at)
    found: dict[int, list[Link]] = defaultdict(list)
    holders = _Holders(session)
    for kind, value in sorted(keys):
        gap = HOST_WINDOW if kind == "host" else WINDOW
        rows = session.execute(
            select(Incident.id, is_open)
            .join(IncidentEntity, IncidentEntity.incident_id == Incident.id)
            .where(
                IncidentEntity.kind == kind,
                IncidentEntity.value == value,
                Incident.is_replay == alert.is_replay,
                Incident.merged_into.is_(None),
                _near(IncidentEntity.first_at, IncidentEntity.last_at, alert, gap),
            )
            .limit(COMMON + 1)
        ).all()
        if len(rows) > COMMON:
            continue
        for incident_id, joins in rows:
            if joins:
                found[incident_id].append(Link(kind, value, holders.first(incident_id, kind, value)))
    if alert.level in _SEVERE:
        for incident_id, other in session.execute(
            select(Incident.id, func.min(Alert.id))
            .join(Alert, Alert.incident_id == Incident.id)
            .where(
                Alert.rule_id == alert.rule_id,
                Alert.host != alert.host,
                Incident.is_replay == alert.is_replay,
                is_open,
                _near(Alert.first_at, Alert.last_at, alert, SPREAD_WINDOW),
            )
            .group_by(Incident.id)
        ):
            found[incident_id].append(Link("technique", alert.rule_id, other))
    return dict(found)


class _Holders:
    """Which alert of an incident had an entity first; each incident is read once."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.known: dict[int, list[tuple[int, list[Any]]]] = {}

    def first(self, incident_id: int, kind: str, value: str) -> int:
        """The incident's first alert that names the entity; its first alert when none names it itself."""
        alerts = self.known.get(incident_id)
        if alerts is None:
            query = select(Alert.id, Alert.entities).where(Alert.incident_id == incident_id).order_by(Alert.id)
            alerts = [(alert_id, entities) for alert_id, entities in self.session.execute(query.limit(ALERTS_AT_MOST))]
            self.known[incident_id] = alerts
        named = [alert_id for alert_id, entities in alerts if [kind, value] in entities]
        return named[0] if named else alerts[0][0] if alerts else 0


def _best(session: Session, choices: Mapping[int, Sequence[Link]]) -> int:
    """The one with the weightiest links, then the one heard last, then the oldest."""
    last = {each.id: each.last_at for each in session.scalars(select(Incident).where(Incident.id.in_(choices)))}
    return max(choices, key=lambda each: (sum(_WEIGHT[link.kind] for link in choices[each]), last[each], -each))


def _partners(session: Session, alert: Alert, keys: set[Entity], house: House) -> list[tuple[Alert, list[Link]]]:
    """Alerts in no incident that share something with this one."""
    query = (
        select(Alert.id, Alert.entities, Alert.summary, Alert.first_at, Alert.last_at)
        .where(
            Alert.id != alert.id,
            Alert.incident_id.is_(None),
            Alert.kind != "self",
            Alert.joined_to.is_(None),
            Alert.status != AlertStatus.CLOSED,
            Alert.is_replay == alert.is_replay,
            _near(Alert.first_at, Alert.last_at, alert, WINDOW),
        )
        .order_by(Alert.last_at.desc())
        .limit(LOOSE_AT_MOST)
    )
    found = []
    for other_id, entities, facts, first_at, last_at in session.execute(query).all():
        shared = keys & link_keys(entities, facts, house)
        is_close = max(alert.first_at - last_at, first_at - alert.last_at) <= HOST_WINDOW
        links = [Link(kind, value, alert.id) for kind, value in sorted(shared) if kind != "host" or is_close]
        if links:
            found.append((session.get_one(Alert, other_id), links))
    return found


def _call_loose(session: Session, alert: Alert, keys: set[Entity], house: House, now: Micros) -> None:
    """Alerts that were alone may belong to the incident now: they are looked at again."""
    for partner, _ in _partners(session, alert, keys, house):
        outbox.put(session, "group", str(partner.id), now=now)


def attach(session: Session, alert: Alert, incident_id: int, links: Iterable[Link], now: Micros) -> None:
    """Make an alert part of an incident, with the reasons."""
    alert.incident_id = incident_id
    alert.updated_at = now
    row = session.get(IncidentLink, alert.id)
    if row is None:
        row = IncidentLink(alert_id=alert.id)
        session.add(row)
    row.incident_id, row.at, row.reason = incident_id, now, [link.as_json() for link in links]
    session.flush()


def _absorb(session: Session, survivor: int, other: int, alert: Alert, links: Sequence[Link], now: Micros) -> None:
    """Move an untouched incident's alerts over; the reason is what the bridging alert shares with it."""
    incident = session.get_one(Incident, other)
    touched = select(exists().where(Note.incident_id == other) | exists().where(Run.incident_id == other))
    if (
        incident.status != IncidentStatus.NEW
        or incident.assignee is not None
        or incident.declared_at is not None
        or incident.version > 1
        or session.scalar(touched)
    ):
        return
    for moved in session.scalars(select(Alert).where(Alert.incident_id == other)).all():
        attach(session, moved, survivor, [Link(link.kind, link.value, alert.id) for link in links], now)
    close_merged(session, incident, survivor, now)


def close_merged(session: Session, incident: Incident, survivor: int, now: Micros) -> None:
    """The incident lives on in another; its number keeps pointing there."""
    session.execute(delete(IncidentEntity).where(IncidentEntity.incident_id == incident.id))
    incident.merged_into, incident.status, incident.verdict = survivor, IncidentStatus.CLOSED, Verdict.DUPLICATE
    incident.closed_at = incident.updated_at = now
    session.flush()


def _open(session: Session, alert: Alert, now: Micros) -> Incident:
    incident = new_incident(session, now, is_replay=alert.is_replay, system=alert.system, agency=alert.agency)
    incident.first_at, incident.last_at, incident.level = alert.first_at, alert.last_at, alert.level
    return incident


def new_incident(session: Session, now: Micros, *, is_replay: bool, system: str = "", agency: str = "") -> Incident:
    """An empty incident with the next number of the year."""
    incident = Incident(
        id=restored.next_incident(session),
        number=next_number(session, now),
        title={},
        level="informational",
        first_at=now,
        last_at=now,
        created_at=now,
        updated_at=now,
        is_replay=is_replay,
        system=system,
        agency=agency,
    )
    session.add(incident)
    session.flush()
    return incident


def next_number(session: Session, now: Micros) -> str:
    """``VV-2026-0142``: counted within the local year, in the writing transaction."""
    prefix = restored.numbers_of(now)
    newest = session.scalar(
        select(Incident.number).where(Incident.number.like(prefix + "%")).order_by(Incident.id.desc()).limit(1)
    )
    left_out = restored.floor(session)
    used = [n for n in (newest, left_out and left_out.number) if n and n.startswith(prefix)]
    return f"{prefix}{max((int(n.rsplit('-', 1)[1]) for n in used), default=0) + 1:04d}"


def refresh(session: Session, incident_id: int, now: Micros, house: House) -> None:
    """Derive all that follows from the incident's alerts: times, level, entities, words, priority."""
    incident = session.get_one(Incident, incident_id)
    mine = Alert.incident_id == incident_id
    count, first_at, last_at = session.execute(
        select(func.count(), func.min(Alert.first_at), func.max(Alert.last_at)).where(mine)
    ).one()
    if not count:
        return
    alerts = session.scalars(select(Alert).where(mine).order_by(Alert.id).limit(ALERTS_AT_MOST)).all()
    incident.first_at, incident.last_at, incident.updated_at = first_at, last_at, now
    incident.level = max((alert.level for alert in alerts), key=LEVELS.index)
    own = {tag for tag in incident.tags or () if "." not in tag}
    incident.tags = sorted(own | {str(tag) for alert in alerts for tag in alert.tags})
    _write_entities(session, incident_id, alerts, house)
    told = replace(story(alerts, house, count), first_at=first_at, last_at=last_at)
    incident.title, incident.sentence = title(told), sentence(told)
    facts = Facts(
        level=incident.level,
        asset_level=_asset_level(session, alerts, told.hosts),
        is_new=_is_new(session, incident, alerts),
        hosts=len(told.hosts),
        tags=incident.tags,
        is_replay=incident.is_replay,
    )
    incident.priority, incident.priority_sum = priority(facts)
    session.flush()
    if not incident.is_replay:
        outbox.put(session, "playbook_trigger", str(incident_id), now=now)


def _write_entities(session: Session, incident_id: int, alerts: Sequence[Alert], house: House) -> None:
    spans: dict[Entity, tuple[Micros, Micros]] = {}
    for alert in alerts:
        own = {(str(kind), str(value)[:300]) for kind, value in alert.entities}
        for entity in own | link_keys(alert.entities, alert.summary, house):
            first_at, last_at = spans.get(entity, (alert.first_at, alert.last_at))
            spans[entity] = min(first_at, alert.first_at), max(last_at, alert.last_at)
    known = {
        (row.kind, row.value): row
        for row in session.scalars(select(IncidentEntity).where(IncidentEntity.incident_id == incident_id))
    }
    for entity, row in known.items():
        if entity not in spans:
            session.delete(row)
    room = ENTITIES_AT_MOST - len(known)
    for (kind, value), (first_at, last_at) in sorted(spans.items()):
        if (row_ := known.get((kind, value))) is not None:
            row_.first_at, row_.last_at = first_at, last_at
        elif room > 0:
            room -= 1
            session.add(
                IncidentEntity(incident_id=incident_id, kind=kind, value=value, first_at=first_at, last_at=last_at)
            )


def _asset_level(session: Session, alerts: Iterable[Alert], hosts: Sequence[str]) -> int | None:
    systems = {alert.system for alert in alerts if alert.system}
    return session.scalar(
        select(func.max(Source.level)).where(
            Source.is_declared, or_(Source.name.in_(hosts[:100]), Source.system.in_(sorted(systems)[:100]))
        )
    )


def _is_new(session: Session, incident: Incident, alerts: Sequence[Alert]) -> bool:
    """None of its rules had fired on its hosts in the 30 days before it began."""
    earlier = select(Alert.id).where(
        Alert.rule_id.in_(sorted({alert.rule_id for alert in alerts})[:100]),
        Alert.host.in_(sorted({alert.host for alert in alerts})[:100]),
        Alert.last_at < incident.first_at,
        Alert.last_at >= incident.first_at - 30 * DAY,
        or_(Alert.incident_id.is_(None), Alert.incident_id != incident.id),
    )
    return session.scalar(earlier.limit(1)) is None
