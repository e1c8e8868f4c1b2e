"""Alerts as the console sees them: filters, groups, what was seen before; the shapes and the questions behind them."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Text, and_, case, cast, func, or_, select, tuple_
from sqlalchemy.orm import Session

from api.shapes import Bilingual, Entity, Shape, Time, entities
from api.why import Why
from core.clock import DAY, Micros
from core.db.models import LEVELS, Alert, AlertStatus, Incident, Level, Verdict
from core.query.fold import fold
from enrichment.incident_story import story
from enrichment.incident_words import sentence
from enrichment.observables import House

SEEN_FOR = 90 * DAY
GROUP_IDS = 200

Kind = Literal["rule", "correlation", "self"]
GroupBy = Literal["rule_host", "rule", "host"]


class AlertSummary(Shape):
    """An alert as a row of a list."""

    id: int
    kind: Kind
    rule_id: str
    rule_title: Bilingual
    level: Level
    status: AlertStatus
    verdict: Verdict | None
    verdict_reason: str
    assignee: str | None
    first_at: Time
    last_at: Time
    received_at: Time
    created_at: Time
    updated_at: Time
    count: int
    """How many hits were folded into it."""
    host: str
    user: str
    summary: dict[str, Any]
    """Small facts: addresses, command line, counts, the group of a correlation."""
    tags: list[str]
    system: str
    agency: str
    is_replay: bool
    is_late: bool
    is_final: bool
    incident_id: int | None
    version: int


class Matched(Shape):
    """A field that the rule matched, its value in the first event, and the line of the rule's file."""

    field: str
    value: Any
    line: int | None = None
    selection: str = ""
    """Of the rule; empty in older alerts and for correlations."""


class Verdicts(Shape):
    """How often closed alerts got which verdict."""

    total: int = 0
    true_positive: int = 0
    benign: int = 0
    false_positive: int = 0
    duplicate: int = 0


class SeenBefore(Shape):
    """Closed alerts of the same rule in the last 90 days, on this host and elsewhere."""

    here: Verdicts
    elsewhere: Verdicts


class Advice(Shape):
    """What the rule's author says: why it matters, what may look like it, what to do."""

    reason: Bilingual
    falsepositives: Bilingual
    remediation: Bilingual


class AlertDetail(AlertSummary):
    """An alert with everything that it says."""

    sentence: Bilingual
    """Who, from where, against what, what, since when, and what is not known."""

    rule_file: str
    rule_line: int | None
    ruleset: str
    event_ids: list[str]
    matched: list[Matched]
    entities: list[Entity]
    datasets: list[str]
    sources: list[str]
    joined_to: int | None
    advice: Advice | None = None
    """None for alerts about ourselves, and for rules that are not in force any more."""
    why: Why | None = None
    """As ``advice``."""
    incident_number: str | None = None
    seen_before: SeenBefore = SeenBefore(here=Verdicts(), elsewhere=Verdicts())


class AlertGroup(Shape):
    """Alerts of one rule on one host (or by what was asked): a row of the queue."""

    rule_id: str
    """Empty when grouped by host alone."""
    host: str
    """Empty when grouped by rule alone."""
    level: Level
    alerts: int
    hits: int
    first_at: Time
    last_at: Time
    statuses: dict[AlertStatus, int]
    ids: list[int]
    """The newest 200, newest first."""
    versions: list[int]
    """Of each of ``ids``: who changes an alert gives the version that was seen."""
    hosts: list[str]
    users: list[str]
    incidents: list[str]
    """Numbers of the incidents that they belong to."""
    newest: AlertSummary
    seen_before: SeenBefore


@dataclass(frozen=True, slots=True)
class Filter:
    """Which alerts; an empty list or None does not limit."""

    status: Sequence[AlertStatus] = ()
    level: Sequence[Level] = ()
    min_level: Level | None = None
    kind: Sequence[Kind] = ()
    verdict: Sequence[Verdict] = ()
    rule: str | None = None
    host: str | None = None
    user: str | None = None
    assignee: str | None = None
    """A name, or ``-`` for nobody."""
    incident: int | None = None
    replay: bool | None = None
    start: Micros | None = None
    end: Micros | None = None
    text: str | None = None
    """Words found in the rule's title or id, the host or the user, without case and tone marks."""
    entity: str | None = None
    """``kind:value`` of something that they share, as ``ip:192.0.2.7``."""


LEVEL_RANK = case({level: rank for rank, level in enumerate(LEVELS)}, value=Alert.level, else_=0)


def clause(session: Session, wanted: Filter) -> ColumnElement[bool]:
    """The filter as SQL."""
    parts: list[ColumnElement[bool]] = [Alert.joined_to.is_(None)]
    for column, values in (
        (Alert.status, wanted.status), (Alert.level, wanted.level), (Alert.kind, wanted.kind),
        (Alert.verdict, wanted.verdict),
    ):  # fmt: skip
        if values:
            parts.append(column.in_([str(v) for v in values]))
    if wanted.min_level is not None:
        parts.append(Alert.level.in_(LEVELS[LEVELS.index(wanted.min_level) :]))
    if wanted.rule is not None:
        parts.append(Alert.rule_id == wanted.rule)
    if wanted.host is not None:
        parts.append(Alert.host == wanted.host)
    if wanted.user is not None:
        parts.append(Alert.user == wanted.user)
    if wanted.assignee is not None:
        parts.append(Alert.assignee.is_(None) if wanted.assignee == "-" else Alert.assignee == wanted.assignee)
    if wanted.incident is not None:
        parts.append(Alert.incident_id == wanted.incident)
    if wanted.replay is not None:
        parts.append(Alert.is_replay.is_(wanted.replay))
    if wanted.start is not None:
        parts.append(Alert.last_at >= wanted.start)
    if wanted.end is not None:
        parts.append(Alert.first_at < wanted.end)
    if wanted.entity is not None:
        # a pair of the JSON list, written as the list itself is written
        pair = json.dumps(wanted.entity.split(":", 1))
        parts.append(cast(Alert.entities, Text).icontains(pair, autoescape=True))
    for word in fold(wanted.text or "").split():
        parts.append(
            or_(Alert.rule_id.in_(_rules_named(session, word)), _like(Alert.host, word), _like(Alert.user, word))
        )
    return and_(*parts)


def _like(column: Any, word: str) -> ColumnElement[bool]:
    found: ColumnElement[bool] = column.icontains(word, autoescape=True)
    return found


def _rules_named(session: Session, word: str) -> list[str]:
    # titles are JSON in both languages: folded here, since no database folds as we do
    one_each = select(func.min(Alert.id)).group_by(Alert.rule_id)
    rows = session.execute(select(Alert.rule_id, Alert.rule_title).where(Alert.id.in_(one_each)))
    return [row.rule_id for row in rows if word in fold(f"{row.rule_id} {' '.join(row.rule_title.values())}")]


def page(
    session: Session, where: ColumnElement[bool], limit: int, after: tuple[Micros, int] | None
) -> tuple[list[AlertSummary], tuple[Micros, int] | None]:
    """Alerts, newest first, and the place after which the next page begins."""
    query = select(Alert).where(where).order_by(Alert.last_at.desc(), Alert.id.desc()).limit(limit + 1)
    if after is not None:
        query = query.where(tuple_(Alert.last_at, Alert.id) < tuple_(*after))
    rows = session.scalars(query).all()
    shown = rows[:limit]
    last = (shown[-1].last_at, shown[-1].id) if len(rows) > limit else None
    return [AlertSummary.model_validate(row) for row in shown], last


def count(session: Session, where: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(Alert).where(where)) or 0


def hits(session: Session, where: ColumnElement[bool]) -> int:
    """How many hits were folded into them."""
    return session.scalar(select(func.sum(Alert.count)).where(where)) or 0


def detail(session: Session, row: Alert, now: Micros) -> AlertDetail:
    """Everything about one alert."""
    found = AlertDetail.model_validate(
        {
            **{name: getattr(row, name) for name in AlertDetail.model_fields if hasattr(row, name)},
            "entities": entities(row.entities),
            "sentence": sentence(story([row], House())),
        }
    )
    if row.incident_id is not None:
        found.incident_number = session.scalar(select(Incident.number).where(Incident.id == row.incident_id))
    found.seen_before = seen_before(session, {row.rule_id}, now).of(row.rule_id, row.host)
    return found


class Seen:
    """Verdicts of closed alerts by rule and host."""

    def __init__(self, rows: Iterable[tuple[str, str, str | None, int]]) -> None:
        self._by_rule: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
        for rule_id, host, verdict, number in rows:
            self._by_rule[rule_id][host].update({"total": number, verdict or "": number})

    def of(self, rule_id: str, host: str) -> SeenBefore:
        """On ``host``, and on all others."""
        here: Counter[str] = Counter()
        elsewhere: Counter[str] = Counter()
        for name, verdicts in self._by_rule[rule_id].items():
            (here if name == host else elsewhere).update(verdicts)
        return SeenBefore(here=Verdicts.model_validate(here), elsewhere=Verdicts.model_validate(elsewhere))


def seen_before(session: Session, rule_ids: Iterable[str], now: Micros) -> Seen:
    query = (
        select(Alert.rule_id, Alert.host, Alert.verdict, func.count())
        .where(Alert.rule_id.in_(set(rule_ids)), Alert.status == AlertStatus.CLOSED, Alert.created_at >= now - SEEN_FOR)
        .group_by(Alert.rule_id, Alert.host, Alert.verdict)
    )
    return Seen((r[0], r[1], r[2], r[3]) for r in session.execute(query))


_COLUMNS: dict[GroupBy, tuple[Any, ...]] = {
    "rule_host": (Alert.rule_id, Alert.host),
    "rule": (Alert.rule_id,),
    "host": (Alert.host,),
}


def groups(
    session: Session, where: ColumnElement[bool], by: GroupBy, limit: int, offset: int, now: Micros
) -> tuple[list[AlertGroup], int]:
    """Groups, gravest and newest first, and how many there are in all."""
    columns = _COLUMNS[by]
    newest = func.max(Alert.last_at)
    counted = [func.sum(case((Alert.status == status, 1), else_=0)) for status in AlertStatus]
    query = (
        select(*columns, func.max(LEVEL_RANK).label("rank"), func.count().label("alerts"),
               func.sum(Alert.count).label("hits"), func.min(Alert.first_at).label("first_at"),
               newest.label("last_at"), func.count().over().label("total"), *counted)
        .where(where).group_by(*columns)
        .order_by(func.max(LEVEL_RANK).desc(), newest.desc(), *columns).limit(limit).offset(offset)
    )  # fmt: skip
    found = session.execute(query).all()
    width = len(columns)
    members = _members(session, where, columns, [tuple(row[:width]) for row in found])
    first = session.scalars(select(Alert).where(Alert.id.in_([rows[0].id for rows in members.values()])))
    newest_rows = {row.id: row for row in first}
    seen = seen_before(session, {row.rule_id for row in newest_rows.values()}, now)
    numbers = _incident_numbers(session, members.values())
    made = []
    for row in found:
        rows = members[tuple(row[:width])]
        alert = newest_rows[rows[0].id]
        statuses = zip(AlertStatus, row[-len(AlertStatus) :], strict=True)
        made.append(
            AlertGroup(
                rule_id=alert.rule_id if by != "host" else "",
                host=alert.host if by != "rule" else "",
                level=Level(LEVELS[row.rank]),
                alerts=row.alerts,
                hits=int(row.hits),
                first_at=row.first_at,
                last_at=row.last_at,
                statuses={status: int(number) for status, number in statuses if number},
                ids=[r.id for r in rows],
                versions=[r.version for r in rows],
                hosts=_some({r.host: None for r in rows}),
                users=_some({r.user: None for r in rows}),
                incidents=_some({numbers[r.incident_id]: None for r in rows if r.incident_id in numbers}),
                newest=AlertSummary.model_validate(alert),
                seen_before=seen.of(alert.rule_id, alert.host),
            )
        )
    return made, found[0].total if found else 0


def _some(values: dict[str, None]) -> list[str]:
    return [v for v in values if v][:20]


Key = tuple[Any, ...]


def _members(
    session: Session, where: ColumnElement[bool], columns: Sequence[Any], keys: Sequence[Key]
) -> dict[Key, list[Any]]:
    """Of the newest alerts of each group what a group tells of them (whole rows cost too much)."""
    place = func.row_number().over(partition_by=columns, order_by=(Alert.last_at.desc(), Alert.id.desc()))
    told = (Alert.id, Alert.version, Alert.rule_id, Alert.host, Alert.user, Alert.incident_id)
    inner = select(*told, place.label("place")).where(where, tuple_(*columns).in_(keys)).subquery()
    query = select(inner).where(inner.c.place <= GROUP_IDS).order_by(inner.c.place)
    found: dict[Key, list[Any]] = defaultdict(list)
    for row in session.execute(query):
        found[tuple(getattr(row, c.key) for c in columns)].append(row)
    return found


def _incident_numbers(session: Session, members: Iterable[list[Any]]) -> dict[int | None, str]:
    ids = {row.incident_id for rows in members for row in rows if row.incident_id is not None}
    return {r.id: r.number for r in session.execute(select(Incident.id, Incident.number).where(Incident.id.in_(ids)))}
