"""The reports there are, as folders of ``reports/definitions``, and building one.

A definition (``report.yml``) has the titles and the counts: each count is a query of the query language, so that
anybody can run it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from sqlalchemy import or_, select

from core import audit
from core.audit import Actor
from core.clock import Micros, iso
from core.db.models import Alert, Effect, Incident, IncidentLink, Note, Run, StepRun
from core.errors import BadConfig, NotFound
from core.event import parse_event_id
from core.store.contract import Span
from core.words import LANGUAGES, both, say
from reports.document import Cell, Document, Section, Table, Text
from reports.gather import Services, count, in_both, is_demo, sources_section, texts, unseen, when

ALERTS_SHOWN = 200
INCIDENTS_SHOWN = 500
EVENTS_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Definition:
    """One report: titles and the numbers it gives."""

    name: str
    title: Mapping[str, str]
    counts: Sequence[Mapping[str, Any]]


@cache
def definitions() -> dict[str, Definition]:
    """Every report by name. Raises BadConfig for a definition that is not whole."""
    found = {}
    for folder in files("reports.definitions").iterdir():
        file = folder.joinpath("report.yml")
        if not file.is_file():
            continue
        value = yaml.safe_load(file.read_text("utf-8"))
        if set(value["title"]) != set(LANGUAGES):
            raise BadConfig(f"reports/definitions/{folder.name}/report.yml: the title is in both languages")
        found[folder.name] = Definition(folder.name, value["title"], value.get("counts", ()))
    return found


def build_period(services: Services, start: Micros, end: Micros, made_by: str) -> Document:
    """What happened in [start, end): on page one what could not be seen, then the counts, vụ việc, actions, sources."""
    definition = definitions()["period"]
    with services.database.read() as session:
        demo = is_demo(session)
    sections = [
        unseen(services, start, end),
        _counts(services, definition, start, end),
        _incidents(services, start, end),
        _actions(services, start, end, None),
        sources_section(services, start, end),
    ]
    subtitle = in_both(
        lambda lang: say(
            "report.period_of", lang, start=when(start, services.zone)[lang], end=when(end, services.zone)[lang]
        )
    )
    return Document("period", definition.title, subtitle, iso(services.clock.now()), made_by, demo, sections)


def build_incident(services: Services, number_: str, made_by: str) -> Document:
    """One vụ việc: what is known and not known, alerts with reasons, events, what was done. Raises NotFound."""
    definition = definitions()["incident"]
    with services.database.read() as session:
        incident = session.scalar(select(Incident).where(Incident.number == number_.upper()))
        if incident is None:
            raise NotFound(
                f"there is no incident {number_[:40]!r}.", said=both("cli.incidents.unknown", number=number_[:40])
            )
        demo = is_demo(session)
    sections = [
        unseen(services, incident.first_at, incident.last_at + 1),
        _facts(services, incident),
        _alerts(services, incident),
        _evidence(services, incident),
        _actions(services, None, None, incident),
        _notes(services, incident),
    ]
    title = {lang: f"{definition.title[lang]} {incident.number}" for lang in LANGUAGES}
    subtitle = {lang: str(incident.title.get(lang, "")) for lang in LANGUAGES}
    return Document("incident", title, subtitle, iso(services.clock.now()), made_by, demo, sections)


def write_entry(services: Services, actor: Actor, document: Document, form: str, about: str) -> None:
    """The export's entry in the journal, committed before the answer."""
    with services.database.write() as session:
        now = services.clock.now()
        audit.record(
            session, actor, "report.export", f"report:{document.name}", now=now, after={"format": form, "about": about}
        )


def _counts(services: Services, definition: Definition, start: Micros, end: Micros) -> Section:
    span = Span(start, end)
    rows: list[Sequence[Cell]] = []
    for item in definition.counts:
        found = count(services, item["query"], span)
        rows.append((dict(item["title"]), in_both(found.shown), found.query))
    columns = [texts(f"report.column.{c}") for c in ("what", "count", "query")]
    lead = texts("report.counts_lead", start=iso(start), end=iso(end))
    return Section("counts", texts("report.section.counts"), lead, table=Table(columns, rows, (1,), (40, 16, 60)))


def _incidents(services: Services, start: Micros, end: Micros) -> Section:
    with services.database.read() as session:
        query = (
            select(Incident)
            .where(Incident.merged_into.is_(None), Incident.first_at < end, Incident.last_at >= start)
            .order_by(Incident.priority.desc(), Incident.id)
            .limit(INCIDENTS_SHOWN)
        )
        found = session.scalars(query).all()
    rows: list[Sequence[Cell]] = [
        (
            i.number + (" ⟲" if i.is_replay else ""),
            texts(f"common.level.{i.level}"),
            dict(i.title),
            when(i.first_at, services.zone),
            texts(f"common.incident_status.{i.status}"),
            texts(f"common.verdict.{i.verdict}") if i.verdict else "–",
            i.assignee or "–",
            texts("report.declared") if i.declared_at is not None and i.withdrawn_at is None else "–",
        )
        for i in found
    ]
    heads = ("number", "level", "title", "start", "status", "verdict", "assignee", "declared")
    lead = texts("report.incidents_lead", count=len(rows)) if rows else texts("report.no_incident")
    return _tabled("incidents", lead, heads, rows, (22, 18, 44, 24, 18, 22, 20, 18))


def _facts(services: Services, incident: Incident) -> Section:
    zone = services.zone
    rows: list[Sequence[Cell]] = [
        (texts("report.fact.sentence"), dict(incident.sentence)),
        (texts("report.fact.level"), texts(f"common.level.{incident.level}")),
        (texts("report.fact.status"), texts(f"common.incident_status.{incident.status}")),
        (texts("report.fact.verdict"), texts(f"common.verdict.{incident.verdict}") if incident.verdict else "–"),
        (texts("report.fact.assignee"), incident.assignee or "–"),
        (texts("report.fact.system"), incident.system or "–"),
        (texts("report.fact.first"), when(incident.first_at, zone)),
        (texts("report.fact.last"), when(incident.last_at, zone)),
    ]
    sums = {lang: " + ".join(f"{p['points']} {_label(p, lang)}" for p in incident.priority_sum) for lang in LANGUAGES}
    rows.append((texts("report.fact.priority"), {lang: f"{incident.priority} = {sums[lang]}" for lang in LANGUAGES}))
    if incident.declared_at is not None and incident.detected_at is not None:
        rows.append((texts("report.fact.declared"), when(incident.declared_at, zone)))
        rows.append((texts("report.fact.declared_by"), incident.declared_by or "–"))
        rows.append((texts("report.fact.detected"), when(incident.detected_at, zone)))
        rows.append((texts("report.fact.category"), incident.category))
    if incident.is_replay:
        rows.append((texts("report.fact.replay"), texts("common.replay")))
    columns = [texts("report.column.what"), texts("report.column.value")]
    return Section("facts", texts("report.section.facts"), table=Table(columns, rows, widths=(26, 90)))


def _label(part: Mapping[str, Any], lang: str) -> str:
    key = f"incident.priority.{part['key']}"
    try:
        return say(key, lang)
    except KeyError:
        return str(part["key"])


def _alerts(services: Services, incident: Incident) -> Section:
    with services.database.read() as session:
        found = session.scalars(
            select(Alert)
            .where(Alert.incident_id == incident.id, Alert.joined_to.is_(None))
            .order_by(Alert.first_at)
            .limit(ALERTS_SHOWN)
        ).all()
        links = {
            link.alert_id: link.reason
            for link in session.scalars(select(IncidentLink).where(IncidentLink.incident_id == incident.id))
        }
    rows: list[Sequence[Cell]] = []
    for alert in found:
        why = ", ".join(dict.fromkeys(str(r.get("value")) for r in links.get(alert.id, ()))) or "–"
        matched = "; ".join(f"{m.get('field')}: {m.get('value')}" for m in alert.matched[:4])
        title = {lang: str(alert.rule_title.get(lang, alert.rule_id)) for lang in LANGUAGES}
        cell = {lang: f"{title[lang]}\n{matched}" if matched else title[lang] for lang in LANGUAGES}
        rows.append(
            (
                when(alert.first_at, services.zone),
                texts(f"common.level.{alert.level}"),
                cell,
                alert.host or "–",
                alert.count,
                why,
            )
        )
    heads = ("start", "level", "rule", "host", "times", "link")
    return _tabled("alerts", "", heads, rows, (24, 18, 54, 22, 10, 22), right=(4,))


def _evidence(services: Services, incident: Incident) -> Section:
    with services.database.read() as session:
        lists = session.scalars(
            select(Alert.event_ids).where(Alert.incident_id == incident.id).order_by(Alert.first_at)
        ).all()
    ids = list(dict.fromkeys(i for one in lists for i in one))
    shown = services.store.get([parse_event_id(i) for i in ids[:EVENTS_SHOWN]], scope=services.scope)
    rows: list[Sequence[Cell]] = [
        (str(e.get("@timestamp", "")), str(e.get("host.name", "–")), _line(e), str(e.get("event.id", "")))
        for e in sorted(shown.events, key=lambda e: str(e.get("@timestamp")))
    ]
    lead = texts("report.evidence_lead", shown=len(rows), count=len(ids))
    return _tabled("evidence", lead, ("utc", "host", "line", "event_id"), rows, (28, 18, 70, 34))


def _line(event: Mapping[str, Any]) -> str:
    text = event.get("event.original") or event.get("message")
    if text is None:
        ends = [f"{event.get(f'{s}.ip', '?')}:{event.get(f'{s}.port', '?')}" for s in ("source", "destination")]
        text = f"{ends[0]} → {ends[1]} {event.get('network.transport', '')} {event.get('network.bytes', 0)} B"
    return str(text)[:400]


def _actions(services: Services, start: Micros | None, end: Micros | None, incident: Incident | None) -> Section:
    with services.database.read() as session:
        query = select(StepRun, Run, Incident.number).join(Run, Run.id == StepRun.run_id)
        query = query.join(Incident, Incident.id == Run.incident_id, isouter=True).where(Run.is_dry.is_(False))
        if incident is not None:
            query = query.where(Run.incident_id == incident.id)
        elif start is not None and end is not None:
            query = query.where(or_(StepRun.started_at.between(start, end), Run.created_at.between(start, end)))
        found = session.execute(query.order_by(Run.id, StepRun.position).limit(INCIDENTS_SHOWN)).all()
        effects: dict[tuple[int, str], Effect] = {
            (e.run_id, e.step): e for e in session.scalars(select(Effect).order_by(Effect.id))
        }
    rows: list[Sequence[Cell]] = []
    for step, run, number_ in found:
        defined: Mapping[str, Any] = next(
            (s for s in run.definition.get("steps", ()) if s.get("name") == step.step), {}
        )
        who: Text = step.approved_by or "–"
        if step.is_self_approved:
            who = {lang: f"{step.approved_by} ({say('common.self_approved', lang)})" for lang in LANGUAGES}
        effect = effects.get((run.id, step.step))
        status = {lang: say(f"common.run_status.{step.status}", lang) for lang in LANGUAGES}
        if effect is not None and effect.state == "undone":
            status = {lang: f"{status[lang]} · {say('report.undone', lang)}" for lang in LANGUAGES}
        if step.result.get("is_dry"):
            status = {lang: f"{status[lang]} · {say('common.dry_run', lang)}" for lang in LANGUAGES}
        at = when(step.started_at, services.zone) if step.started_at is not None else "–"
        rows.append((at, number_ or "–", dict(defined.get("title", {})) or step.step, status, who))
    heads = ("time", "number", "action", "status", "approver")
    return _tabled("actions", "" if rows else texts("report.no_action"), heads, rows, (24, 22, 46, 36, 26))


def _tabled(
    key: str,
    lead: Text,
    heads: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    widths: Sequence[int],
    right: Sequence[int] = (),
) -> Section:
    columns = [texts(f"report.column.{h}") for h in heads]
    table = Table(columns, rows, right, widths) if rows else None
    return Section(key, texts(f"report.section.{key}"), lead, table=table)


def _notes(services: Services, incident: Incident) -> Section:
    with services.database.read() as session:
        found = session.scalars(select(Note).where(Note.incident_id == incident.id).order_by(Note.at)).all()
    lines: list[Text] = [
        {lang: f"{when(n.at, services.zone)[lang]} · {n.author}: {n.text}" for lang in LANGUAGES} for n in found
    ]
    return Section("notes", texts("report.section.notes"), "" if lines else texts("report.no_note"), lines)
