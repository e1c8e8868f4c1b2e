"""What each rule can do here, by what was seen and by which rules the engines suspended."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import Micros
from core.db.models import Heartbeat
from core.lag import is_live
from detections import beacon_marks
from detections.coverage import Coverage, coverage
from detections.hit_days import hit_lately
from detections.learning import learnt, told, with_more
from detections.ruleset import RuleSet
from kydai.seen import seen_of


def coverage_of(ruleset: RuleSet, session: Session, now: Micros) -> list[Coverage]:
    """The state of every rule, then of every correlation, in the set's order."""
    states = coverage(ruleset, seen_of(session, now), suspended_of(session, now), hit_lately(session, now))
    more = {rule: told(known, now) for rule, known in learnt(session).items()}
    return with_more(states, more | beacon_marks.told(session, ruleset.patterns.patterns))


def suspended_of(session: Session, now: Micros) -> dict[str, str]:
    """The rules that an engine of a living pipeline no longer judges by, and why."""
    found: dict[str, str] = {}
    for beat in session.scalars(select(Heartbeat).where(Heartbeat.kind == "pipeline", is_live(Heartbeat.at, now))):
        found.update(beat.data.get("suspended", {}))
    return found
