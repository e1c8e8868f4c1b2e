"""The facts of some alerts, for a title and a sentence made from exactly those (enrichment/incident_words.py)."""

from __future__ import annotations

from collections.abc import Sequence

from core.db.models import LEVELS, Alert
from enrichment.incident_words import Story
from enrichment.observables import is_outside


def story(alerts: Sequence[Alert]) -> Story:
    """What these alerts tell, the gravest first. There must be one at least."""
    ranked = sorted(alerts, key=lambda a: (-LEVELS.index(a.level), a.kind != "correlation", a.first_at, a.id))

    def every(key: str) -> list[str]:
        found: dict[str, None] = {}
        for alert in ranked:
            value = alert.summary.get(key)
            for each in value if isinstance(value, list) else [] if value is None else [value]:
                found[str(each)] = None
        return list(found)

    origins = every("from")
    outside = [address for address in origins if is_outside(address)]
    return Story(
        rules=list({a.rule_id: a.rule_title for a in ranked}.values()),
        hosts=list(dict.fromkeys(a.host for a in ranked if a.host)),
        origins=outside or origins,
        targets=[address for address in every("to") if is_outside(address) and address not in origins],
        users=every("user"),
        outcomes=frozenset(every("outcome")),
        tags=frozenset(str(tag) for a in alerts for tag in a.tags),
        alerts=len(alerts),
        events=sum(a.count for a in alerts),
        first_at=min(a.first_at for a in alerts),
        last_at=max(a.last_at for a in alerts),
    )
