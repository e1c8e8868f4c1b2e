"""The hand-over of a shift as a document: what was left in words, what waits, what changed, what stays with whom.

It is read from the control data alone, and within a person's scope.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from api import incidents, runs
from api.incidents import IncidentSummary
from api.scope import Sight
from core import handover
from core.audit import Actor
from core.clock import DAY, HOUR, Micros, iso
from core.db.models import (
    Alert,
    AlertStatus,
    Audit,
    ExceptionState,
    Incident,
    IncidentStatus,
    LegalHold,
    Level,
    PlannedSilence,
    Retention,
    RuleException,
    Run,
    RunStatus,
    Source,
)
from core.notices import Setup
from core.sources import SourceState, views
from core.words import LANGUAGES, say
from reports.document import Document, Section, Table, Text, said
from reports.gather import Definition, Reading, Services, as_of, is_demo, title_of
from reports.numbers import address, figure, joined, own, texts, when
from reports.unseen import unseen

SHOWN = 40
"""Rows of one table; the lead says how many there are."""
WAITING = (RunStatus.WAITING_APPROVAL, RunStatus.WAITING_PERSON, RunStatus.UNKNOWN)
GRAVE = (Level.CRITICAL, Level.HIGH)
FIRST_NOTICE, REPORT = 24 * HOUR, 72 * HOUR
"""The clocks of a declared incident, from its detection."""
SOON = DAY
"""An end within this is told as a deadline."""
MAIL_LIMIT = 7_000


@dataclass(frozen=True, slots=True)
class Shift:
    """Whose hand-over of [start, end)."""

    name: str
    start: Micros
    end: Micros
    scope: str = ""


def build(services: Services, shift: Shift, sight: Sight, made_by: str) -> Document:
    """The hand-over; what could not be seen is told to who sees the whole house."""
    zone, now = services.zone, services.clock.now()
    titles = {lang: say("shift.title", lang) for lang in LANGUAGES}
    with services.database.read() as session:
        parts = [
            _left(session, shift, zone),
            _waiting(session, shift, sight, zone, now),
            _changed(session, shift, sight, zone),
            _mine(session, shift, sight, zone),
        ]
        demo = is_demo(session)
        newest = session.execute(select(Audit.seq, Audit.hash).order_by(Audit.seq.desc()).limit(1)).first()
    reading = Reading(services, Definition("shift", titles, "period", ()), shift.start, shift.end)
    if sight.is_whole:
        parts.insert(2, unseen(reading))
    ends = when(shift.start, zone, seconds=False), when(shift.end, zone, seconds=False)
    subtitle: Text = texts("report.period_of", start=ends[0], end=ends[1])
    if shift.scope:
        subtitle = joined([subtitle, texts("shift.within", scope=shift.scope)], " · ")
    return Document(
        name="shift",
        title=titles,
        subtitle=subtitle,
        parameters={"from": iso(shift.start), "to": iso(shift.end)},
        made_at=when(now, zone),
        made_by=made_by,
        is_demo=demo,
        sections=parts,
        missing=reading.told_missing(),
        anchor=None if newest is None else {"seq": newest.seq, "hash": newest.hash},
    )


def _section(
    key: str, heads: Sequence[str], rows: Sequence[Sequence[Text]], widths: Sequence[int], lead: Text = "", **named: str
) -> Section:
    """A section with a table of at most SHOWN rows; of more the lead says how many there are. ``named``: what its title
    names."""
    leads = [lead] if lead else []
    if not rows:
        leads.append(texts(f"shift.none.{key}"))
    elif len(rows) > SHOWN:
        leads.append(texts("shift.part", shown=own(SHOWN), count=own(len(rows))))
    columns = [texts(f"shift.column.{head}") for head in heads]
    table = Table(columns, rows[:SHOWN], widths=widths) if rows else None
    return Section(key, texts(f"shift.section.{key}", **named), joined(leads, " "), table=table)


def _left(session: Session, shift: Shift, zone: str) -> Section:
    notes = handover.left(session, shift.start, shift.end, shift.scope)
    called = handover.full_names(session, {note.author for note in notes})
    rows = [(when(note.at, zone, seconds=False), called[note.author], note.text) for note in notes]
    return _section("left", ("time", "who", "text"), rows, (28, 36, 90))


def _waiting(session: Session, shift: Shift, sight: Sight, zone: str, now: Micros) -> Section:
    rows = [
        *_runs(session, sight, zone),
        *_clocks(session, sight, zone, now),
        *_silent(session, sight, zone, now),
        *_ends(session, sight, zone, now),
    ]
    where = and_(Alert.status == AlertStatus.NEW, Alert.level.in_(GRAVE), Alert.joined_to.is_(None))
    count = session.scalar(select(func.count()).where(where, sight.alerts(session))) or 0
    asked = address("/alerts", "total", level=GRAVE, status=AlertStatus.NEW)
    lead = texts("shift.grave", count=figure(count, asked))
    return _section("waiting", ("what", "about", "since", "due"), rows, (34, 66, 27, 27), lead)


def _runs(session: Session, sight: Sight, zone: str) -> list[Sequence[Text]]:
    """Playbooks that wait for a person."""
    where = and_(Run.status.in_(WAITING), Run.is_dry.is_(False))
    found = runs.summaries(session, where, sight, 1_000)
    return [
        (
            texts(f"common.run_status.{run.status}"),
            joined([_words(run.title.vi, run.title.en), f"{run.incident_number or ''} #{run.id}".strip()], " · "),
            when(run.updated_at, zone, seconds=False),
            "–",
        )
        for run in found
    ]


def _words(vi: str, en: str) -> Text:
    return {"vi": vi, "en": en}


def _clocks(session: Session, sight: Sight, zone: str, now: Micros) -> list[Sequence[Text]]:
    """Declared incidents that are not closed, with the next clock that runs out: 24 h, then 72 h."""
    where = and_(
        Incident.declared_at.is_not(None),
        Incident.withdrawn_at.is_(None),
        Incident.status != IncidentStatus.CLOSED,
        Incident.merged_into.is_(None),
        sight.incidents(session),
    )
    found = list(session.scalars(select(Incident).where(where).order_by(Incident.declared_at)))
    rows: list[Sequence[Text]] = []
    for row, shown in zip(found, incidents.summaries_of(session, found, sight), strict=True):
        since = row.detected_at or row.declared_at or 0
        due = next((since + clock for clock in (FIRST_NOTICE, REPORT) if since + clock > now), since + REPORT)
        told = when(due, zone, seconds=False)
        over = joined([told, texts("shift.over")], " ") if due <= now else told
        rows.append((texts("shift.declared"), _named(shown), when(since, zone, seconds=False), over))
    return rows


def _silent(session: Session, sight: Sight, zone: str, now: Micros) -> list[Sequence[Text]]:
    """Declared sources that are silent, or never sent, and may not be."""
    found = [
        view
        for view in views(session, as_of(session, now))
        if view.state in (SourceState.SILENT, SourceState.NEVER)
        and view.maintenance is None
        and sight.sees(view.system, view.agency)
    ]
    return [
        (
            texts("shift.source", state=texts(f"common.source_state.{view.state}")),
            " · ".join(part for part in (view.name, view.system, view.owner) if part),
            when(view.last_at, zone, seconds=False),
            "–",
        )
        for view in found
    ]


def _ends(session: Session, sight: Sight, zone: str, now: Micros) -> list[Sequence[Text]]:
    """What comes to its end by itself within a day, and what waits for somebody's word."""
    rows: list[tuple[Micros, Sequence[Text]]] = []

    def add(key: str, about: Text, since: Micros | None, due: Micros | None) -> None:
        told = when(since, zone, seconds=False), when(due, zone, seconds=False)
        rows.append((due or now, (texts(f"shift.end.{key}"), about, *told)))

    systems = {source.name: (source.system, source.agency) for source in session.scalars(select(Source))}
    for row in session.scalars(
        select(PlannedSilence).where(
            PlannedSilence.start_at <= now, PlannedSilence.end_at > now, PlannedSilence.end_at <= now + SOON
        )
    ):
        if sight.sees(*systems.get(row.source, ("", ""))):
            add("maintenance", f"{row.source} · {row.reason}", row.start_at, row.end_at)
    soon = and_(RuleException.state == ExceptionState.ACTIVE, RuleException.expires_at.between(now, now + SOON))
    pending = and_(RuleException.state == ExceptionState.PENDING, RuleException.expires_at > now)
    for exception in session.scalars(select(RuleException).where(or_(soon, pending))):
        if sight.sees(exception.system, exception.agency):
            key = "pending" if exception.state == ExceptionState.PENDING else "exception"
            about = joined([title_of(exception.rule_title, exception.rule_id), exception.reason], " · ")
            add(key, about, exception.created_at, exception.expires_at)
    if sight.is_whole:
        for kept in session.scalars(select(Retention).where(Retention.next_at.is_not(None))):
            add("retention", f"{kept.name} · {kept.reason}", kept.asked_at, kept.next_at)
        lifting = LegalHold.lift_at.is_not(None), LegalHold.lifted_at.is_(None)
        for hold in session.scalars(select(LegalHold).where(*lifting)):
            add("hold", f"{hold.name} · {hold.lift_reason}", hold.lift_asked_at, hold.lift_at)
    return [row for _, row in sorted(rows, key=lambda each: each[0])]


def _changed(session: Session, shift: Shift, sight: Sight, zone: str) -> Section:
    """Incidents that are new, declared or closed since, or got alerts; and how many alerts came."""
    start, end = shift.start, shift.end

    def within(column: InstrumentedAttribute[int] | InstrumentedAttribute[int | None]) -> ColumnElement[bool]:
        return and_(column >= start, column < end)

    came = select(Alert.incident_id).where(within(Alert.created_at), Alert.incident_id.is_not(None))
    where = and_(
        or_(within(Incident.created_at), within(Incident.closed_at), within(Incident.declared_at),
            Incident.id.in_(came)),
        Incident.merged_into.is_(None),
        Incident.is_replay.is_(False),
        sight.incidents(session),
    )  # fmt: skip
    found = list(session.scalars(select(Incident).where(where).order_by(Incident.priority.desc(), Incident.id)))
    rows: list[Sequence[Text]] = []
    for row, shown in zip(found, incidents.summaries_of(session, found, sight), strict=True):
        said = [
            texts(f"shift.change.{key}")
            for key, at in (("new", row.created_at), ("declared", row.declared_at), ("closed", row.closed_at))
            if at is not None and start <= at < end
        ] or [texts("shift.change.more")]
        rows.append((_named(shown), texts(f"common.level.{shown.level}"), joined(said, ", "), shown.assignee or "–"))
    alerts = and_(within(Alert.created_at), Alert.joined_to.is_(None), Alert.is_replay.is_(False))
    levels = select(Alert.level, func.count()).where(alerts, sight.alerts(session)).group_by(Alert.level)
    counts = dict(session.execute(levels).tuples().all())
    lead = texts(
        "shift.came",
        count=own(sum(counts.values())),
        grave=own(sum(counts.get(level, 0) for level in GRAVE)),
        incidents=own(len(rows)),
    )
    return _section("changed", ("incident", "level", "change", "assignee"), rows, (80, 22, 30, 22), lead)


def _mine(session: Session, shift: Shift, sight: Sight, zone: str) -> Section:
    """What stays with the person who leaves: open incidents and acknowledged alerts outside of one."""
    open_ = Incident.status != IncidentStatus.CLOSED, Incident.merged_into.is_(None), sight.incidents(session)
    mine = select(Incident).where(Incident.assignee == shift.name, *open_).order_by(Incident.priority.desc())
    rows: list[Sequence[Text]] = [
        (
            _named(shown),
            texts(f"common.level.{shown.level}"),
            texts(f"common.incident_status.{shown.status}"),
            when(shown.last_at, zone, seconds=False),
        )
        for shown in incidents.summaries_of(session, list(session.scalars(mine)), sight)
    ]
    alone = (
        Alert.assignee == shift.name,
        Alert.status != AlertStatus.CLOSED,
        Alert.joined_to.is_(None),
        Alert.incident_id.is_(None),
        sight.alerts(session),
    )
    rows += [
        (
            joined([title_of(alert.rule_title, alert.rule_id), alert.host], " · ") if alert.host else alert.rule_title,
            texts(f"common.level.{alert.level}"),
            texts(f"common.alert_status.{alert.status}"),
            when(alert.last_at, zone, seconds=False),
        )
        for alert in session.scalars(select(Alert).where(*alone).order_by(Alert.last_at.desc()))
    ]
    return _section("mine", ("incident", "level", "status", "last"), rows, (80, 22, 26, 27), name=shift.name)


def _named(shown: IncidentSummary) -> Text:
    return joined([shown.number, _words(shown.title.vi, shown.title.en)], " · ")


def mail(
    session: Session, actor: Actor, setup: Setup, to: str, document: Document, text: str, now: Micros
) -> list[str]:
    """Have a hand-over mailed as ``text``; whom it is for. Raises as ``handover.ask_mail`` does."""
    start, end = document.parameters["from"], document.parameters["to"]
    title = {lang: f"{said(document.title, lang)} · {said(document.subtitle, lang)}" for lang in LANGUAGES}
    path = f"/shift?{urlencode({'from': start, 'to': end})}"
    return handover.ask_mail(session, actor, setup, to, text, document.parameters, title, path, now)


def plain(document: Document, lang: str, limit: int | None = MAIL_LIMIT) -> str:
    """The document as the text of a mail; what is over ``limit`` characters is cut at a line, and says so."""
    lines = [said(document.subtitle, lang)]
    for section in document.sections:
        lines += ["", said(section.title, lang).upper()]
        lines += [line for line in (said(section.lead, lang), *(said(each, lang) for each in section.lines)) if line]
        rows = section.table.rows if section.table is not None else ()
        lines += ["- " + " | ".join(one_line(said(cell, lang)) for cell in row) for row in rows]
    kept: list[str] = []
    used = 0
    for line in lines:
        used += len(line) + 1
        if limit is not None and used > limit:
            return "\n".join([*kept, say("shift.cut", lang)])
        kept.append(line)
    return "\n".join(kept)


def one_line(text: str) -> str:
    """One line, whatever a name of a host holds."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
