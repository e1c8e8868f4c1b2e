"""Alarms of correlations become alert rows, and follow them while they move, join and become final."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import Micros
from core.counted import CUT
from core.db import outbox
from core.db.models import Alert, AlertStatus, Verdict
from detections.alert_entities import bounded, cut_kinds
from detections.alerting import FACT_FIELDS, MAX_IDS, AlertDraft, Room, digest, first_ids, merged_facts, new_row
from detections.correlation_items import Item
from detections.correlation_rules import Pattern
from detections.correlation_state import Alarm, Kind
from detections.hit_notes import base_events, joined_note, read_note
from detections.rule import LEVELS, Mode


def is_reported(pattern: Pattern, quiet: frozenset[str], modes: Mapping[str, Mode]) -> bool:
    """Whether its alarms become rows: a person's choice, else what nothing reads and is of level medium or above."""
    chosen = modes.get(pattern.id)
    if chosen is not None:
        return chosen is Mode.ALERT
    return pattern.id not in quiet and pattern.level in LEVELS[2:]


def save_alarms(
    session: Session, alarms: Sequence[Alarm], now: Micros, *, ruleset: str = "", is_replay: bool = False
) -> list[int]:
    """Write the changes of alarms in the caller's transaction; doing it again changes nothing. Returns the rows' ids.

    Each row goes to be grouped into incidents; a joined one leaves its own to the survivor.
    """
    room = Room(session, now)
    touched: dict[int, None] = {}
    for alarm in _newest(alarms):
        key = row_key(alarm.key, is_replay)
        row = session.scalar(select(Alert).where(Alert.fold_key == key))
        if alarm.kind is Kind.JOINED:
            survivor = session.scalar(select(Alert).where(Alert.fold_key == row_key(alarm.into, is_replay)))
            if row is not None and survivor is not None:
                _join(row, survivor, now)
                touched[row.id] = None
                outbox.put(session, "group", str(row.id), now=now)
            continue
        draft = draft_of(alarm, key, ruleset=ruleset, is_replay=is_replay)
        if row is not None and alarm.is_part:
            _grow(row, draft, alarm, now)
        elif row is not None:
            _follow(row, draft, now)
        elif alarm.kind is not Kind.RAISED or not room.take(draft):
            continue  # its rule was set to record when it was raised
        else:
            row = new_row(draft, key, now)
            session.add(row)
        session.flush()
        touched[row.id] = None
        outbox.put(session, "group", str(row.id), now=now)
    room.suspend()
    return list(touched)


def _newest(alarms: Sequence[Alarm]) -> list[Alarm]:
    """Without what a later one of the same alarm tells again."""
    kept: list[Alarm] = []
    seen: set[str] = set()
    for alarm in reversed(alarms):
        if alarm.kind is not Kind.GROWN or alarm.key not in seen:
            kept.append(alarm)
        seen.add(alarm.key)
    return kept[::-1]


def row_key(key: str, is_replay: bool) -> str:
    """The fold key of an alarm's row."""
    return digest("replay", key) if is_replay else key


def draft_of(alarm: Alarm, key: str, *, ruleset: str, is_replay: bool) -> AlertDraft:
    """What the row of an alarm holds: the events of its window and those with which the burst went on, bounded, with
    an exact count. Of the ids the window's come first."""
    pattern, items = alarm.pattern, (*alarm.items, *alarm.later)
    note = joined_note([read_note(data) for data in dict.fromkeys(item.note for item in items)])
    notes = [read_note(item.note) for item in items]
    ids = base_events(alarm.items)
    ids = first_ids([*ids, *base_events(alarm.later)[: MAX_IDS - len(ids)]])
    facts = dict(note.facts)
    if len(ids) == MAX_IDS and any(each.ids for each in notes):
        # of what other correlations gave, only the first events are known
        facts = merged_facts(facts, {CUT: ["events"]})
    matched: list[dict[str, Any]] = [
        {"field": name, "value": value, "line": pattern.line}
        for name, value in zip(pattern.group_by, alarm.group, strict=True)
    ]
    return AlertDraft(
        fold_key=key,
        kind="correlation",
        rule_id=pattern.id,
        title=pattern.title,
        level=pattern.level,
        first_at=min((item.time for item in items), default=alarm.at),
        last_at=max((item.time for item in items), default=alarm.at),
        received_at=min((item.received for item in items if item.received), default=alarm.at),
        rule_file=pattern.file,
        rule_line=pattern.line,
        ruleset=ruleset,
        tags=pattern.tags,
        count=max(_events(items), len(ids)),
        ids=ids,
        matched=matched,
        entities=set(note.entities),
        datasets={each.dataset for each in notes if each.dataset},
        sources={each.source for each in notes if each.source},
        host=note.host,
        user=note.user,
        summary=facts
        | {"at": alarm.at, "group": dict(zip(pattern.group_by, alarm.group, strict=True)), "type": pattern.type.value}
        | _distinct(alarm)
        | _read(pattern),
        system=note.system,
        agency=note.agency,
        is_replay=is_replay,
        is_late=alarm.is_late,
        is_final=alarm.is_final,
    )


def _events(items: Sequence[Item]) -> int:
    """How many events the window holds, what other correlations gave not counted."""
    return sum(1 for item in items if not read_note(item.note).ids) or len(items)


def _read(pattern: Pattern) -> dict[str, Any]:
    """The rules whose hits it reads, to find its events by; what reads other correlations names none."""
    return {"rules": list(pattern.references)} if pattern.depth == 1 else {}


def _distinct(alarm: Alarm) -> dict[str, Any]:
    if not alarm.pattern.fields or alarm.pattern.reads_number:
        return {}
    values = {item.value for item in (*alarm.items, *alarm.later)}
    return {"distinct": len(values), "values": sorted(str(value) for value in values)[:10]}


def _follow(row: Alert, draft: AlertDraft, now: Micros) -> None:
    """A row whose alarm moved or became final: what is derived is written anew, what persons did stays."""
    made = new_row(draft, row.fold_key, now)
    for name in (
        "first_at",
        "last_at",
        "received_at",
        "count",
        "event_ids",
        "matched",
        "entities",
        "datasets",
        "sources",
        "host",
        "user",
        "summary",
        "system",
        "agency",
        "is_final",
        "is_late",
    ):
        setattr(row, name, getattr(made, name))
    row.updated_at = now


def _grow(row: Alert, draft: AlertDraft, alarm: Alarm, now: Micros) -> None:
    """The row of a burst whose first items are forgotten: what came behind its last is added."""
    fresh = [item for item in alarm.later if item.time > row.last_at]
    row.count += _events(fresh) if fresh else 0
    row.last_at, row.is_final, row.is_late = max(row.last_at, draft.last_at), draft.is_final, draft.is_late
    together = {(kind, value) for kind, value in row.entities} | draft.entities
    row.entities = [list(entity) for entity in bounded(together)]
    facts = {key: value for key, value in draft.summary.items() if key in FACT_FIELDS or key == CUT}
    # what came late, behind the last that was told, may be missing
    row.summary = merged_facts(merged_facts(row.summary, facts), {CUT: ["events", *cut_kinds(together)]})
    row.updated_at = now


def _join(row: Alert, survivor: Alert, now: Micros) -> None:
    row.joined_to, row.is_final, row.updated_at = survivor.id, True, now
    if row.status == AlertStatus.NEW:
        row.status, row.verdict = AlertStatus.CLOSED, Verdict.DUPLICATE
