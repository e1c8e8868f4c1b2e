"""How often each rule matched, by day: counted where a batch is committed, so that no number is lost or told twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.clock import DAY, HOUR, Micros, from_micros, micros
from core.db.models import Alert, RuleHits

DAYS = 30
"""Days that are told of a rule, today among them."""


def save(session: Session, hits: Mapping[str, int], zone: str, now: Micros) -> None:
    """Add a batch's hits, by rule, to today's rows in the caller's transaction."""
    if not hits:
        return
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    day = day_of(now, zone)
    row = insert(RuleHits)
    added = {"count": RuleHits.count + row.excluded.count}
    # in one order, or two pipelines wait for one another
    rows = [{"rule_id": rule, "day": day, "count": count} for rule, count in sorted(hits.items())]
    session.connection().execute(row.on_conflict_do_update(index_elements=("rule_id", "day"), set_=added), rows)


def day_of(at: Micros, zone: str) -> Micros:
    """When the day that holds ``at`` began on the wall clock."""
    return micros(_midnight(at, zone))


def _midnight(at: Micros, zone: str) -> datetime:
    return from_micros(at, zone).replace(hour=0, minute=0, second=0, microsecond=0)


@dataclass(frozen=True, slots=True)
class HitDays:
    """Hits of the last 30 days by rule, oldest day first; of correlations the alerts that they raised."""

    days: tuple[Micros, ...]
    """When each day began."""
    counted_from: Micros | None
    """The first of these days on which hits of rules were counted; None when none were. Before it nothing is known."""
    counts: Mapping[str, list[int]] = field(default_factory=dict)

    def of(self, rule_id: str) -> list[int]:
        return self.counts.get(rule_id) or [0] * len(self.days)


def hit_days(session: Session, zone: str, now: Micros) -> HitDays:
    """What was counted of all rules. A day that began in another zone, set since, counts where most of it lies."""
    today = _midnight(now, zone)
    days = tuple(micros(today - timedelta(days=ago)) for ago in range(DAYS - 1, -1, -1))
    place = {day: at for at, day in enumerate(days)}
    counts: dict[str, list[int]] = defaultdict(lambda: [0] * DAYS)
    began = session.scalars(select(RuleHits.day).where(RuleHits.day <= now).distinct()).all()
    # a day's noon may lie ahead
    shown = {day: day_of(min(day + 12 * HOUR, now), zone) for day in began}
    kept = select(RuleHits.rule_id, RuleHits.day, RuleHits.count).where(RuleHits.day.in_(shown))
    for rule, day, count in session.execute(kept):
        if shown[day] in place:
            counts[rule][place[shown[day]]] += count
    raised = select(Alert.rule_id, Alert.created_at).where(
        Alert.kind == "correlation", Alert.joined_to.is_(None), Alert.created_at >= days[0]
    )
    for rule, at in session.execute(raised):
        if (day := day_of(at, zone)) in place:
            counts[rule][place[day]] += 1
    first = min(shown.values(), default=None)
    return HitDays(days, None if first is None else max(first, days[0]), counts)


def hit_lately(session: Session, now: Micros) -> frozenset[str]:
    """The rules and correlations that matched in the last 30 days."""
    since = now - DAYS * DAY
    counted = session.scalars(select(RuleHits.rule_id).where(RuleHits.day >= since).distinct())
    raised = session.scalars(select(Alert.rule_id).where(Alert.created_at >= since).distinct())
    return frozenset({*counted, *raised})
