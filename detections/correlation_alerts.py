"""Alarms of correlations become alert rows, and follow them while they move, join and become final."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import Micros, hour_of
from core.counted import CUT
from core.db import outbox
from core.db.models import Alert, AlertStatus, Verdict
from detections.alert_entities import bounded, cut_kinds
from detections.alert_facts import FACT_FIELDS, merged_facts
from detections.alerting import MAX_IDS, AlertDraft, Room, digest, first_ids, new_row, save
from detections.correlation_alarms import Alarm, Kind, Values, alarm_key
from detections.correlation_items import Item
from detections.correlation_rules import Pattern
from detections.hit_notes import base_events, joined_note, read_note
from detections.rule import LEVELS, Mode


def is_reported(pattern: Pattern, quiet: frozenset[str], modes: Mapping[str, Mode]) -> bool:
    """Whether its alarms become rows: a person's choice, else what nothing reads and is of level medium or above."""
    chosen = modes.get(pattern.id)
    if chosen is not None:
        return chosen is Mode.ALERT
    return pattern.id not in quiet and pattern.level in LEVELS[2:]


Drafted = tuple[Alarm, AlertDraft | None]
"""An alarm and what is to be written of it; nothing of one that joined another."""


def drafted(alarms: Sequence[Alarm], *, ruleset: str = "", is_replay: bool = False) -> list[Drafted]:
    """What ``save_alarms`` writes. A long burst takes a second, so not while the database is locked."""
    return [
        (
            alarm,
            None
            if alarm.kind is Kind.JOINED
            else draft_of(alarm, _key_of(alarm, is_replay), ruleset=ruleset, is_replay=is_replay),
        )
        for alarm in _newest(alarms)
    ]


def save_alarms(session: Session, drafts: Sequence[Drafted], now: Micros, *, is_replay: bool = False) -> list[int]:
    """Write the changes of alarms in the caller's transaction, which moves the read position: growth is added, the
    rest is the same when it is written again. Returns the rows' ids.

    Each row goes to be grouped into incidents; a joined one leaves its own to the survivor.
    """
    room = Room(session, now)
    touched: dict[int, None] = {}
    new = [draft for alarm, draft in drafts if draft is not None and alarm.kind is Kind.NEW]
    for alarm, draft in drafts:
        if alarm.kind is Kind.NEW:
            continue
        key = row_key(alarm.key, is_replay)
        row = session.scalar(select(Alert).where(Alert.fold_key == key))
        if draft is None:
            survivor = session.scalar(select(Alert).where(Alert.fold_key == row_key(alarm.into, is_replay)))
            if row is not None and survivor is not None:
                _join(row, survivor, now)
                touched[row.id] = None
                outbox.put(session, "group", str(row.id), now=now)
            continue
        if row is not None and alarm.kind is Kind.GROWN:
            _grow(row, draft, alarm, alarm.fresh, now)
        elif row is not None and alarm.is_part:
            _grow(row, draft, alarm, [item for item in alarm.later if item.time > row.last_at], now)
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
    return [*touched, *save(session, new, now).ids]


def _newest(alarms: Sequence[Alarm]) -> list[Alarm]:
    """Growth of one alarm put together, and without what a later one tells whole."""
    kept: list[Alarm] = []
    whole: set[str] = set()
    grown: dict[str, int] = {}
    for alarm in reversed(alarms):
        if alarm.kind is not Kind.GROWN:
            grown.pop(alarm.key, None)
            if not alarm.is_part:
                whole.add(alarm.key)
        elif alarm.key in whole:
            continue
        elif (place := grown.setdefault(alarm.key, len(kept))) < len(kept):
            kept[place] = replace(kept[place], fresh=(*alarm.fresh, *kept[place].fresh))
            continue
        kept.append(alarm)
    return kept[::-1]


def row_key(key: str, is_replay: bool) -> str:
    """The fold key of an alarm's row."""
    return digest("replay", key) if is_replay else key


def _key_of(alarm: Alarm, is_replay: bool) -> str:
    """New values of a group fold within an hour of the clock, as hits of a rule do."""
    key = alarm.key
    if alarm.kind is Kind.NEW:
        key = alarm_key(alarm.pattern, alarm.group, hour_of(alarm.at))
    return row_key(key, is_replay)


def draft_of(alarm: Alarm, key: str, *, ruleset: str, is_replay: bool) -> AlertDraft:
    """What the row of an alarm holds: the events of its window and those with which the burst went on, bounded, with
    an exact count. Of the ids the window's come first. Of one that has grown only what is fresh."""
    pattern = alarm.pattern
    first, later = (alarm.fresh, ()) if alarm.kind is Kind.GROWN else (alarm.items, alarm.later)
    items = (*first, *later)
    notes = [read_note(data) for data in dict.fromkeys(item.note for item in items)]
    note = joined_note(notes)
    ids = _more_ids(base_events(first), base_events(later))
    facts = dict(note.facts)
    if len(ids) == MAX_IDS and any(each.ids for each in notes):
        # of what other correlations gave, only the first events are known
        facts = merged_facts(facts, {CUT: ["events"]})
    matched: list[dict[str, Any]] = [
        {"field": name, "value": value, "line": pattern.line}
        for name, value in zip(pattern.group_by, alarm.group, strict=True)
    ]
    matched += [{"field": name, "value": value, "line": pattern.line} for name, value in alarm.seen]
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
        | _read(pattern)
        | dict(alarm.facts),
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
    if not alarm.pattern.fields or alarm.pattern.reads_number or alarm.facts:
        return {}
    if alarm.distinct is not None:
        count, first = alarm.distinct
    else:
        (values := Values()).add((*alarm.items, *alarm.later))
        count, first = len(values), values.first
    return {"distinct": count, "values": first}


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


def _more_ids(ids: Sequence[str], more: Sequence[str]) -> list[str]:
    """Room that is left goes to the first of more."""
    return first_ids([*ids, *more[: MAX_IDS - len(ids)]])


def _grow(row: Alert, draft: AlertDraft, alarm: Alarm, fresh: Sequence[Item], now: Micros) -> None:
    """Add what a burst gained; its first items may be forgotten."""
    row.count += _events(fresh)
    row.first_at, row.last_at = min(row.first_at, draft.first_at), max(row.last_at, draft.last_at)
    row.is_final, row.is_late = draft.is_final, draft.is_late
    together = {(kind, value) for kind, value in row.entities} | draft.entities
    row.entities = [list(entity) for entity in bounded(together)]
    cut = cut_kinds(together)
    facts = {key: value for key, value in draft.summary.items() if key in FACT_FIELDS or key == CUT}
    if alarm.kind is Kind.GROWN:
        row.event_ids = _more_ids(row.event_ids, draft.ids)
        row.datasets = sorted({*row.datasets, *draft.datasets})[:MAX_IDS]
        row.sources = sorted({*row.sources, *draft.sources})[:MAX_IDS]
        spoken = {kind for kind, _ in draft.entities}
        for name in ("host", "user", "system", "agency"):
            if getattr(row, name) != getattr(draft, name) and (name in spoken or name in ("system", "agency")):
                setattr(row, name, "")
        if not alarm.is_part:
            facts |= _distinct(alarm)
    else:
        cut.append("events")  # what came late, behind the last that was told, may be missing
    values = {name: facts.pop(name) for name in ("distinct", "values") if name in facts}
    row.summary = merged_facts(row.summary, facts, {CUT: cut}) | values
    row.updated_at = now


def _join(row: Alert, survivor: Alert, now: Micros) -> None:
    row.joined_to, row.is_final, row.updated_at = survivor.id, True, now
    if row.status == AlertStatus.NEW:
        row.status, row.verdict = AlertStatus.CLOSED, Verdict.DUPLICATE
