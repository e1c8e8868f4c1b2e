"""Beacons: the store is asked every hour for the connections of the timespan before it.

``python -m kydai.beaconing`` is started by the worker and leaves when no hour is left. An hour is done when its alerts
and the mark of it are committed together, so a kill repeats it and changes nothing; what comes in late is in the
timespans of the hours that follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import orjson
from sqlalchemy.orm import Session

from core.clock import HOUR, Clock, Micros, hour_of, to_micros
from core.errors import KydaiError
from core.event import Event
from core.query.pipes import Figure, Grouping
from core.query.to_text import explain_text
from core.query.tree import And, Comparison, Equals, Node, Or
from core.store.contract import EventStore, GroupRow, Query, Span, Truth
from detections.beacon import LATE, Beacon, beacon_of, facts_of
from detections.beacon_marks import Mark, mark, marked
from detections.correlation_alarms import Alarm, Kind, alarm_key
from detections.correlation_alerts import drafted, is_reported, save_alarms
from detections.correlation_items import Group, Item, placed
from detections.correlation_rules import Pattern, Type
from detections.hit_blocks import hit_of
from detections.hunting import Hunter
from detections.rule import Mode
from detections.ruleset import RuleSet
from kydai.beside import beside
from kydai.context import Context
from kydai.detector import load_rules
from kydai.log import logger

MAX_RECORDS = 500_000
"""Records that are read for one rule and hour; of what is left out the answer says how many pairs there were."""
AT_ONCE = 500
"""Pairs that one read asks for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The beacons of one timespan."""

    found: list[Beacon] = field(default_factory=list)
    left_out: int = 0
    """Pairs with enough connections that were too many to be looked at."""
    truth: Truth = field(default_factory=Truth)


def enabled(ruleset: RuleSet) -> list[Pattern]:
    """The beacon rules that are not switched off."""
    beacons = (p for p in ruleset.patterns.patterns if p.type is Type.BEACON)
    return [pattern for pattern in beacons if ruleset.mode(pattern.id) is not Mode.DISABLED]


def find(store: EventStore, clock: Clock, ruleset: RuleSet, pattern: Pattern, end: Micros) -> Answer:
    """The beacons of a rule in the timespan before ``end``; only reads."""
    assert pattern.rhythm is not None
    span = Span(end - pattern.timespan, end)
    hunter = Hunter([ruleset.by_id[reference] for reference in pattern.references], clock)
    times = (Figure("min", "@timestamp"), Figure("max", "@timestamp"))
    groups = store.group(Query(hunter.where, span), Grouping(pattern.group_by, (Figure("count"), *times)))
    asked: list[Group] = []
    left_out = records = 0
    for count, group in sorted(_candidates(pattern, groups.rows)):
        records += count
        if records > MAX_RECORDS:
            left_out += 1
        else:
            asked.append(group)
    found: list[Beacon] = []
    truth = groups.truth
    for some in (asked[at : at + AT_ONCE] for at in range(0, len(asked), AT_ONCE)):
        where = And((hunter.where, Or(tuple(pair(pattern, group) for group in some))))
        scan = store.scan(Query(where, span))
        items: dict[Group, list[Item]] = {}
        for batch in scan:
            _take(hunter, pattern, batch, items)
        truth = _worse(truth, scan.truth)
        made = (beacon_of(pattern, group, items.get(group, ())) for group in some)
        found += [beacon for beacon in made if beacon is not None]
    return Answer(found, left_out, truth)


def _candidates(pattern: Pattern, rows: Iterable[GroupRow]) -> Iterator[tuple[int, Group]]:
    assert pattern.rhythm is not None
    for row in rows:
        count, first, last = row.figures
        assert isinstance(count, int)
        lasted = _micros(last) - _micros(first)
        if count >= pattern.rhythm.connections and lasted >= pattern.rhythm.lasting:
            yield count, tuple(str(key) for key in row.keys)


def _micros(value: object) -> Micros:
    return to_micros(value) if isinstance(value, str) else int(value)  # type: ignore[call-overload]


def pair(pattern: Pattern, group: Group) -> Node:
    """The records of one group."""
    ends = zip(pattern.group_by, group, strict=True)
    return And(tuple(Equals(name, value, Comparison.EXACT) for name, value in ends))


def _take(hunter: Hunter, pattern: Pattern, batch: Sequence[Event], items: dict[Group, list[Item]]) -> None:
    for event, rules in hunter.judge(batch):
        if event.get("kydai.replay"):
            continue
        hit = hit_of(event, rules)
        for group, mask, value in placed(pattern, event, rules):
            items.setdefault(group, []).append(Item(hit.time, hit.id, mask, value, hit.received, hit.note))


def _worse(one: Truth, other: Truth) -> Truth:
    missing = tuple(dict.fromkeys((*one.missing, *other.missing)))
    return Truth(one.exact and other.exact, one.complete and other.complete, missing, other.position)


def save(session: Session, ruleset: RuleSet, pattern: Pattern, end: Micros, answer: Answer, now: Micros) -> bool:
    """Write the alerts of an hour and that it is done, in the caller's transaction; not when another was quicker."""
    earlier = marked(session, pattern.id)
    if earlier is not None and earlier.done >= end:
        return False
    before = {} if earlier is None else earlier.going
    going: dict[str, str] = {}
    alarms: list[Alarm] = []
    for beacon in answer.found:
        name = orjson.dumps(beacon.group).decode()
        key = going[name] = before.get(name) or alarm_key(pattern, beacon.group, beacon.connections[0].time)
        facts = facts_of(pattern, beacon, end - pattern.timespan, end) | {
            "query": explain_text(pair(pattern, beacon.group)),
            "complete": answer.truth.complete,
        }
        kind = Kind.MOVED if name in before else Kind.RAISED
        alarms.append(
            Alarm(kind, pattern, beacon.group, key, beacon.at, beacon.connections, is_final=True, facts=facts)
        )
    if is_reported(pattern, ruleset.patterns.quiet, ruleset.modes):
        save_alarms(session, drafted(alarms, ruleset=ruleset.hash), now)
    mark(session, pattern.id, Mark(end, going, answer.left_out, answer.truth.complete))
    return True


def next_hour(session: Session, pattern: Pattern, now: Micros) -> Micros | None:
    """The end of the timespan that is to be asked for; None when none is due. A new rule begins with the last."""
    newest = hour_of(now - LATE)
    earlier = marked(session, pattern.id)
    end = newest if earlier is None else earlier.done + HOUR
    return end if end <= newest else None


def work(context: Context) -> int:
    """Ask for every hour that is due, of every rule; how many there were."""
    with context.database.read() as session:
        ruleset = load_rules(context.settings, session)
    hours = 0
    for pattern in enabled(ruleset):
        while True:
            now = context.clock.now()
            with context.database.read() as session:
                end = next_hour(session, pattern, now)
            if end is None:
                break
            answer = find(context.store, context.clock, ruleset, pattern, end)
            with context.database.write() as session:
                save(session, ruleset, pattern, end, answer, now)
            hours += 1
            if answer.left_out or not answer.truth.complete:
                logger.warning("Beacons were not looked for everywhere.", rule=pattern.name, left_out=answer.left_out)
    return hours


def main() -> int:
    """Look for beacons in the environment's data folder, at low priority; ends with the worker."""
    with beside("beaconing") as context:
        try:
            work(context)
        except (KydaiError, OSError) as error:
            logger.warning("Beacons were not looked for.", error=str(error))
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
