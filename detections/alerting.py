"""Hits become alerts: repeats of (rule, host, user, parent process) within an hour fold into one row.

Everything that is merged (counts, event ids, entities, facts) is merged so that the rows are the same in whatever
batches the hits came: counts add up, lists keep their smallest members, and what is told of "the first event" is
told of the one with the smallest id.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.clock import Micros, hour_of, to_micros
from core.counted import CUT
from core.db import outbox
from core.db.models import Alert, AlertStatus, RuleMode
from core.event import Event, Value
from core.words import LANGUAGES, say
from detections.alert_entities import Entity, bounded, cut_kinds, entities, first, is_onlooker, texts
from detections.alert_facts import facts, merged_facts
from detections.rule import Rule

MAX_IDS = 100
MAX_NAME = 255
"""Of a host and a user so many characters are kept."""
MAX_ROWS_PER_HOUR = 1000
SUSPENDED_BY = "kydai"
"""Stands in ``RuleMode.by`` when a rule was set to record for making too many alerts."""

Explain = Callable[[Rule, Event], list[dict[str, Any]]]
"""``[{"field", "value", "line"}]``: what matched, and the line of the rule's file."""


@dataclass(frozen=True, slots=True)
class RuleHit:
    """An event and a rule that it matches."""

    rule: Rule
    event: Event
    count: int = 1
    """So many events of one alert it stands for."""


@dataclass(slots=True)
class AlertDraft:
    """What will become, or be added to, one alert row. ``ids`` is sorted by receipt."""

    fold_key: str
    kind: str
    rule_id: str
    title: Mapping[str, str]
    level: str
    first_at: Micros
    last_at: Micros
    received_at: Micros
    rule_file: str = ""
    rule_line: int | None = None
    ruleset: str = ""
    tags: Sequence[str] = ()
    count: int = 1
    ids: list[str] = field(default_factory=list)
    matched: list[dict[str, Any]] = field(default_factory=list)
    entities: set[Entity] = field(default_factory=set)
    datasets: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)
    host: str = ""
    user: str = ""
    summary: dict[str, Any] = field(default_factory=dict)
    system: str = ""
    agency: str = ""
    is_replay: bool = False
    is_late: bool = False
    is_final: bool = True


def id_order(event_id: str) -> tuple[str, int, int]:
    """Sorts event ids by receipt: segment, record, number. Other texts come in their own order."""
    parts = event_id.split(".")
    if len(parts) == 3 and parts[1].isdecimal() and parts[2].isdecimal():
        return parts[0], int(parts[1]), int(parts[2])
    return event_id, 0, 0


def first_ids(ids: Iterable[str]) -> list[str]:
    """The first 100 different ids in order of receipt."""
    return sorted(set(ids), key=id_order)[:MAX_IDS]


def fold(hits: Iterable[RuleHit], explain: Explain, ruleset: str) -> list[AlertDraft]:
    """Hits of rules that alert, folded; ``explain`` is asked once a draft, for its first event."""
    drafts: dict[str, AlertDraft] = {}
    openers: dict[str, RuleHit] = {}
    for hit in hits:
        key = take_in(drafts, hit, ruleset).fold_key
        if key not in openers or id_order(_id(hit.event)) < id_order(_id(openers[key].event)):
            openers[key] = hit
    for key, draft in drafts.items():
        opener = openers[key]
        draft.ids = first_ids(draft.ids)
        draft.matched = explain(opener.rule, opener.event)
        draft.rule_line = next((m["line"] for m in draft.matched if m.get("line")), opener.rule.line)
        draft.received_at = micros_of(opener.event, "event.created", draft.first_at)
    return list(drafts.values())


def take_in(drafts: dict[str, AlertDraft], hit: RuleHit, ruleset: str = "") -> AlertDraft:
    """Add a hit to the draft of its fold key, which is made where there is none; without what it matched."""
    key, at = fold_key(hit), event_time(hit.event)
    draft = drafts.get(key)
    if draft is None:
        draft = drafts[key] = _draft(hit, key, at, ruleset)
    else:
        draft.count += hit.count
        draft.first_at, draft.last_at = min(draft.first_at, at), max(draft.last_at, at)
    _gather(draft, hit.event)
    return draft


def fold_key(hit: RuleHit) -> str:
    """Names the alert that a hit belongs to; 40 hexadecimal digits."""
    event = hit.event
    parts = (
        hit.rule.id,
        first(event, "host.name"),
        first(event, "user.name"),
        first(event, "process.parent.executable", "process.parent.name"),
        str(hour_of(event_time(event))),
        "replay" if event.get("kydai.replay") else "",
        first(event, "kydai.system"),
        first(event, "kydai.agency"),
    )
    return digest(*parts)


def digest(*parts: str) -> str:
    """40 hexadecimal digits that stand for the parts; their borders count."""
    return hashlib.blake2b("".join(f"{len(part)}:{part}" for part in parts).encode(), digest_size=20).hexdigest()


def event_time(event: Mapping[str, Value]) -> Micros:
    """``@timestamp`` in microseconds, ``event.created`` when there is none, 0 without either."""
    return micros_of(event, "@timestamp", micros_of(event, "event.created", 0))


def micros_of(event: Mapping[str, Value], name: str, otherwise: Micros) -> Micros:
    """A date field of an event in microseconds, ``otherwise`` when it is missing or no date."""
    value = event.get(name)
    if isinstance(value, str):
        try:
            return to_micros(value)
        except ValueError:
            return otherwise
    return otherwise


def _id(event: Mapping[str, Value]) -> str:
    return str(event.get("event.id") or "")


def rule_title(rule: Rule) -> dict[str, str]:
    """A rule's title in both languages."""
    return {language: rule.text("title", language) for language in LANGUAGES}


def _draft(hit: RuleHit, key: str, at: Micros, ruleset: str) -> AlertDraft:
    rule, event = hit.rule, hit.event
    return AlertDraft(
        fold_key=key,
        kind="rule",
        rule_id=rule.id,
        title=rule_title(rule),
        level=rule.level,
        first_at=at,
        last_at=at,
        received_at=at,
        rule_file=rule.file,
        ruleset=ruleset,
        tags=rule.tags,
        count=hit.count,
        host=first(event, "host.name")[:MAX_NAME],
        user=first(event, "user.name")[:MAX_NAME],
        summary={"onlooker": True} if is_onlooker(event) else {},
        system=first(event, "kydai.system")[:200],
        agency=first(event, "kydai.agency")[:200],
        is_replay=bool(event.get("kydai.replay")),
    )


def _gather(draft: AlertDraft, event: Event) -> None:
    draft.ids.append(_id(event))
    if len(draft.ids) > 4 * MAX_IDS:
        draft.ids = first_ids(draft.ids)
    draft.entities |= entities(event)
    draft.datasets.update(texts(event.get("event.dataset")))
    draft.sources.update(texts(event.get("kydai.source")))
    draft.summary = merged_facts(draft.summary, facts(event))


@dataclass(frozen=True, slots=True)
class Saved:
    """What ``save`` did: rows made or changed, and rules that were set to record for making too many."""

    ids: list[int]
    suspended: list[str] = field(default_factory=list)


def save(session: Session, drafts: Sequence[AlertDraft], now: Micros) -> Saved:
    """Write drafts in the caller's transaction: new rows, or added to the open row of their fold key.

    A closed alert that gets new hits stays closed: they open a new row of the next generation, as do hits of a rule
    whose techniques have changed. A rule past 1,000
    new rows in an hour is set to record, with an alert about that; the rows beyond are not made (the hits stay on
    their events).
    """
    rows = _open_rows(session, {draft.fold_key: techniques(draft.tags) for draft in drafts})
    room = Room(session, now)
    touched: list[Alert] = []
    for draft in drafts:
        key, row = rows[draft.fold_key]
        if row is not None:
            _add_to(row, draft, now)
        elif not room.take(draft):
            continue
        else:
            row = new_row(draft, key, now)
            session.add(row)
        rows[draft.fold_key] = (key, row)
        touched.append(row)
    session.flush()
    for row in touched:
        outbox.put(session, "group", str(row.id), now=now)
    return Saved([row.id for row in touched], room.suspend())


def _open_rows(session: Session, keys: Mapping[str, frozenset[str]]) -> dict[str, tuple[str, Alert | None]]:
    """For each fold key, and the techniques of its hits, the key of its newest generation, and its row unless a new
    one is to be made."""
    found: dict[str, tuple[str, Alert | None]] = {}
    asked = {key: key for key in keys}
    generation = 1
    while asked:
        wanted = list(asked.values())
        known: dict[str, Alert] = {}
        for start in range(0, len(wanted), 500):
            query = select(Alert).where(Alert.fold_key.in_(wanted[start : start + 500]))
            known |= {row.fold_key: row for row in session.scalars(query)}
        over = {key for key, full in asked.items() if (row := known.get(full)) and _takes_no_more(row, keys[key])}
        found |= {key: (full, known.get(full)) for key, full in asked.items() if key not in over}
        generation += 1
        asked = {key: f"{key}.{generation}" for key in over}
    return found


def _takes_no_more(row: Alert, wanted: frozenset[str]) -> bool:
    return row.status == AlertStatus.CLOSED or techniques(row.tags) != wanted


def techniques(tags: Iterable[str]) -> frozenset[str]:
    """The ATT&CK techniques among a rule's tags."""
    return frozenset(tag.lower() for tag in tags if tag.lower().startswith("attack.t"))


def new_row(draft: AlertDraft, key: str, now: Micros) -> Alert:
    """The row of a draft, under the fold key ``key``."""
    cut = cut_kinds(draft.entities)
    return Alert(
        fold_key=key,
        kind=draft.kind,
        rule_id=draft.rule_id[:100],
        rule_title=dict(draft.title),
        rule_file=draft.rule_file,
        rule_line=draft.rule_line,
        ruleset=draft.ruleset,
        level=draft.level,
        tags=list(draft.tags),
        first_at=draft.first_at,
        last_at=draft.last_at,
        received_at=draft.received_at,
        created_at=now,
        updated_at=now,
        count=draft.count,
        event_ids=first_ids(draft.ids),
        matched=draft.matched,
        entities=[list(entity) for entity in bounded(draft.entities)],
        datasets=sorted(draft.datasets)[:MAX_IDS],
        sources=sorted(draft.sources)[:MAX_IDS],
        host=draft.host,
        user=draft.user,
        summary=merged_facts(draft.summary, {CUT: cut}) if cut else draft.summary,
        system=draft.system,
        agency=draft.agency,
        is_replay=draft.is_replay,
        is_late=draft.is_late,
        is_final=draft.is_final,
    )


def _add_to(row: Alert, draft: AlertDraft, now: Micros) -> None:
    if draft.ids and (not row.event_ids or id_order(draft.ids[0]) < id_order(row.event_ids[0])):
        row.matched, row.rule_line, row.received_at = draft.matched, draft.rule_line, draft.received_at
    row.first_at, row.last_at = min(row.first_at, draft.first_at), max(row.last_at, draft.last_at)
    row.count += draft.count
    row.event_ids = first_ids([*row.event_ids, *draft.ids])
    together = {(kind, value) for kind, value in row.entities} | draft.entities
    row.entities = [list(entity) for entity in bounded(together)]
    row.datasets = sorted({*row.datasets, *draft.datasets})[:MAX_IDS]
    row.sources = sorted({*row.sources, *draft.sources})[:MAX_IDS]
    row.summary = merged_facts(merged_facts(row.summary, draft.summary), {CUT: cut_kinds(together)})
    row.updated_at = now


class Room:
    """How many more rows each rule may make in this hour."""

    def __init__(self, session: Session, now: Micros) -> None:
        self.session = session
        self.now = now
        self.left: dict[str, int] = {}
        self.refused: Counter[str] = Counter()
        self.titles: dict[str, Mapping[str, str]] = {}

    def take(self, draft: AlertDraft) -> bool:
        left = self.left.get(draft.rule_id)
        if left is None:
            left = MAX_ROWS_PER_HOUR - self._made(draft.rule_id)
        self.left[draft.rule_id] = left - 1
        if left > 0:
            return True
        self.refused[draft.rule_id] += 1
        self.titles[draft.rule_id] = draft.title
        return False

    def _made(self, rule_id: str) -> int:
        # a person who sets the rule to alert again gives it a new thousand
        chosen = self.session.get(RuleMode, rule_id)
        since = max(hour_of(self.now), chosen.at if chosen is not None and chosen.by != SUSPENDED_BY else 0)
        query = select(func.count()).where(Alert.rule_id == rule_id, Alert.created_at >= since)
        return self.session.scalar(query) or 0

    def suspend(self) -> list[str]:
        for rule_id, refused in sorted(self.refused.items()):
            chosen = self.session.get(RuleMode, rule_id) or RuleMode(rule_id=rule_id)
            chosen.mode, chosen.by, chosen.at = "record", SUSPENDED_BY, self.now
            chosen.reason = f"more than {MAX_ROWS_PER_HOUR} alerts in an hour"
            self.session.add(chosen)
            shown = self.titles[rule_id]
            title = {
                lang: say("alert.suspended", lang, rule=shown[lang], count=MAX_ROWS_PER_HOUR) for lang in LANGUAGES
            }
            self_alert(
                self.session,
                f"suspended:{rule_id}",
                title,
                "medium",
                {"rule": [rule_id], "not_made": refused},
                self.now,
            )
        return sorted(self.refused)


def self_alert(
    session: Session,
    key: str,
    title: Mapping[str, str],
    level: str,
    facts: Mapping[str, Any],
    now: Micros,
    *,
    since: Micros | None = None,
    count: int | None = None,
) -> int:
    """An alert about ourselves (imbalance, lag, silence, a suspended rule): one row a key and hour, until closed.

    ``key`` names the matter (``lag:gateway-1``); ``facts`` of the newest call stand in the row. ``since``: when the
    matter began, where that is known; then its hour is the row's, however long it is told of. ``count``: of what the
    title counts; else how often it was told. Returns the row's id.
    """
    began = now if since is None else since
    draft = AlertDraft(
        fold_key=digest("self", key, str(hour_of(began))),
        kind="self",
        rule_id=f"self:{key.split(':', 1)[0]}"[:100],
        title=title,
        level=level,
        first_at=began,
        last_at=now,
        received_at=now,
        summary={"key": key, **facts},
    )
    full, row = _open_rows(session, {draft.fold_key: frozenset()})[draft.fold_key]
    if row is None:
        row = new_row(draft, full, now)
        session.add(row)
    else:
        row.count, row.last_at, row.updated_at = row.count + 1, now, now
        row.rule_title, row.level, row.summary = dict(title), level, draft.summary
    if count is not None:
        row.count = count
    session.flush()
    return row.id
