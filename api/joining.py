"""Which incidents the alerts of a backtest would have joined, by the rule by which alerts do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from core.clock import Micros
from core.db.models import Incident
from core.words import Text
from detections.alerting import AlertDraft, new_row
from enrichment.incidents import would_join
from enrichment.observables import House


@dataclass(slots=True)
class Joined:
    """An incident that alerts would have joined, and what they share with it: ``host web01``."""

    number: str
    title: Text
    alerts: int = 0
    shared: dict[str, None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Joining:
    """Of so many alerts that were looked at: the incidents, those with most alerts first. The others would have joined
    none that there was."""

    alerts: int
    incidents: tuple[Joined, ...]


def joining(session: Session, drafts: Mapping[str, AlertDraft], house: House, now: Micros) -> Joining:
    """Look each alert of a backtest up; nothing is written."""
    found: dict[int, Joined] = {}
    for key, draft in drafts.items():
        joins = would_join(session, new_row(draft, key, now), house)
        if joins is None:
            continue
        incident_id, links = joins
        if incident_id not in found:
            incident = session.get_one(Incident, incident_id)
            found[incident_id] = Joined(incident.number, dict(incident.title))
        found[incident_id].alerts += 1
        found[incident_id].shared.update(dict.fromkeys(f"{link.kind} {link.value}" for link in links))
    ordered = sorted(found.values(), key=lambda each: (-each.alerts, each.number))
    return Joining(len(drafts), tuple(ordered))
