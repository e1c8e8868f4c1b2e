"""The parts of a report about one vụ việc."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import zip_longest
from typing import Any

from sqlalchemy import select

from core.clock import to_micros
from core.counted import cut_entities, events_of
from core.db.models import LEVELS, Alert, Audit, Category, Incident, IncidentLink, Note
from core.event import Event, parse_event_id
from core.words import LANGUAGES, entries, say
from reports.document import Section, Text
from reports.gather import Reading, author, names, tabled, title_of
from reports.numbers import address, figure, in_both, joined, own, texts, when

ALERTS = 300
ASKED = 1_000
EVENTS = 60
NOTES = 200
ENTITIES = 20
LINE = 2_000
"""Characters shown of an event as received, after what matters in it; the whole is found by its id."""
SHORT = 300
"""Of a raw as short as this nothing is told beforehand."""
GONE = 20
_TELLING = ("process.command_line", "process.parent.command_line", "url.original")
"""Shown of every event that has them, besides what matched: a raw is long, and these tell most."""
_KINDS = ("host", "user", "ip", "domain", "url", "hash", "process", "file", "observer")


def _this(reading: Reading) -> Incident:
    if reading.incident is None:
        raise ValueError("this part is of a report about an incident")
    return reading.incident


def _alerts_of(reading: Reading) -> Sequence[Alert]:
    incident = _this(reading)
    with reading.services.database.read() as session:
        query = select(Alert).where(Alert.incident_id == incident.id, Alert.joined_to.is_(None))
        return session.scalars(query.order_by(Alert.first_at, Alert.id)).all()


def facts(reading: Reading) -> Section:
    """What happened in one sentence, and where it stands."""
    incident = _this(reading)

    def at(field: str) -> Text:
        return when(getattr(incident, field), reading.zone, address(f"/incidents/{incident.number}", field))

    states: list[Text] = [texts(f"common.incident_status.{incident.status}")]
    if incident.verdict:
        states.append(texts(f"common.verdict.{incident.verdict}"))
    if incident.verdict_reason:
        states.append(incident.verdict_reason)
    rows: list[tuple[str, Text]] = [
        ("level", joined([texts(f"common.level.{incident.level}"), _priority(incident)])),
        ("status", joined(states, " · ")),
        ("assignee", author(reading, incident.assignee) if incident.assignee else texts("report.unassigned")),
        ("system", " · ".join(p for p in (incident.system, incident.agency) if p) or "–"),
        ("first", at("first_at")),
        ("last", at("last_at")),
        ("events", _events(reading)),
        ("created", at("created_at")),
    ]
    if incident.closed_at is not None:
        rows.append(("closed", at("closed_at")))
    if incident.tags:
        rows.append(("tags", names([str(t) for t in incident.tags])))
    rows += _declaration(reading, incident)
    if incident.is_replay:
        rows.append(("replay", texts("report.of_replay")))
    table = [(texts(f"report.fact.{key}"), value) for key, value in rows]
    how = texts("report.facts_how", number=incident.number)
    return tabled("facts", ("what", "value"), table, (26, 96), lead=title_of(incident.sentence, ""), how=how)


def _events(reading: Reading) -> Text:
    """The number that the sentence tells."""
    events = events_of(_alerts_of(reading))
    return _counted(
        events.count, address(f"/incidents/{_this(reading).number}", "events"), is_floor=not events.is_exact
    )


def _counted(count: int, again: str, *, is_floor: bool) -> Text:
    shown = figure(count, again)
    return texts("common.at_least", count=shown) if is_floor else shown


def _declaration(reading: Reading, incident: Incident) -> list[tuple[str, Text]]:
    if incident.declared_at is None:
        return [("declared", texts("report.not_declared"))]
    declared = [
        when(incident.declared_at, reading.zone),
        author(reading, incident.declared_by or "–"),
        incident.declaration_reason,
    ]
    rows: list[tuple[str, Text]] = [
        ("declared", joined([p for p in declared if p], " · ")),
        ("detected", when(incident.detected_at, reading.zone, seconds=False)),
        ("category", _category(incident.category)),
    ]
    if incident.withdrawn_at is not None:
        withdrawn = [
            when(incident.withdrawn_at, reading.zone),
            author(reading, incident.withdrawn_by or "–"),
            incident.withdrawal_reason,
        ]
        rows.append(("withdrawn", joined([p for p in withdrawn if p], " · ")))
    return rows


def _category(key: str) -> Text:
    """Before there were keys it was free text."""
    return texts(f"common.category.{key}") if key in list(Category) else key or "–"


def _priority(incident: Incident) -> Text:
    path = f"/incidents/{incident.number}"
    parts: list[Text] = []
    for at, part in enumerate(incident.priority_sum):
        if points := int(part.get("points", 0)):
            shown = figure(points, address(path, f"priority_sum.{at}.points"))
            signed = {lang: f"{'+' if points > 0 else ''}{shown[lang]}" for lang in LANGUAGES}
            parts.append(joined([shown | signed, in_both(partial(_label, part))], " "))
    whole = joined([texts("report.fact.priority"), figure(incident.priority, address(path, "priority"))], " ")
    return joined([whole, joined(parts, ", ")], ": ") if parts else whole


def _label(part: Mapping[str, Any], lang: str) -> str:
    words = entries().get(f"incident.priority.{part.get('key')}")
    return words[lang] if words else str(part.get("key", ""))


def entities(reading: Reading) -> Section:
    """Who and what the alerts name, by kind."""
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    alerts_ = _alerts_of(reading)
    cut = cut_entities(alerts_)
    for alert in alerts_:
        for kind, value, *_ in alert.entities:
            found[str(kind)][str(value)] += 1
    order = sorted(found, key=lambda k: (_KINDS.index(k) if k in _KINDS else len(_KINDS), k))
    path = f"/incidents/{_this(reading).number}"
    rows = [
        (
            _kind(kind),
            _counted(len(found[kind]), address(path, f"entity_counts.{kind}"), is_floor=kind in cut),
            names(sorted(found[kind], key=lambda v: -found[kind][v]), ENTITIES),
        )
        for kind in order
    ]
    lead = "" if rows else texts("report.no_entity")
    how = texts("report.entities_how", path=address(path, "entity_counts"))
    return tabled("entities", ("kind", "count", "names"), rows, (26, 12, 84), right=(1,), code=(2,), lead=lead, how=how)


def _kind(kind: str) -> Text:
    return entries().get(f"report.entity.{kind}", dict.fromkeys(LANGUAGES, kind))


def alerts(reading: Reading) -> Section:
    """Alerts in order, what matched in each, and why it belongs here."""
    found = _alerts_of(reading)
    with reading.services.database.read() as session:
        links = {
            row.alert_id: row.reason
            for row in session.scalars(select(IncidentLink).where(IncidentLink.incident_id == _this(reading).id))
        }
    rows: list[Sequence[Text]] = [
        (
            when(alert.first_at, reading.zone, address(f"/alerts/{alert.id}", "first_at")),
            joined(
                [title_of(alert.rule_title, alert.rule_id), texts(f"common.level.{alert.level}"), f"#{alert.id}"], " · "
            ),
            _matched(alert),
            joined([alert.host or "–", *([alert.user] if alert.user else [])]),
            figure(alert.count, address(f"/alerts/{alert.id}", "count")),
            _why(links.get(alert.id, ())),
        )
        for alert in found[:ALERTS]
    ]
    of_all = figure(len(found), address("/alerts", "total", incident=_this(reading).id))
    hits = figure(sum(a.count for a in found), address("/alerts", "hits", incident=_this(reading).id))
    lead = texts("report.alerts_lead", shown=own(len(rows)), count=of_all, events=hits)
    heads = ("start", "rule_name", "matched", "host", "times", "link")
    how = texts("report.alerts_how")
    return tabled("alerts", heads, rows, (19, 31, 41, 23, 9, 31), right=(4,), code=(2,), lead=lead, how=how)


def _matched(alert: Alert) -> str:
    """The fields that matched, each once."""
    shown = dict.fromkeys(f"{m.get('field')}: {str(m.get('value'))[:300]}" for m in alert.matched)
    return "\n".join(list(shown)[:3])


def _why(reasons: Sequence[Mapping[str, Any]]) -> Text:
    def write(lang: str) -> str:
        shown = dict.fromkeys(_reason(r, lang) for r in reasons)
        return "\n".join(list(shown)[:3]) or say("report.first_alert", lang)

    return in_both(write)


def _reason(reason: Mapping[str, Any], lang: str) -> str:
    value = str(reason.get("value", ""))
    words = entries().get(f"incident.link.{reason.get('kind')}")
    return words[lang].replace("{value}", value) if words else value


def evidence(reading: Reading) -> Section:
    """The events that the alerts point at, as they were received: some of every alert, oldest first."""
    alerts_ = _alerts_of(reading)
    ids = in_turn(alerts_)
    asked = [parse_event_id(i) for i in ids[:ASKED]]
    answer = reading.services.store.get(asked, scope=reading.services.scope)
    reading.note(answer.truth)
    found = {str(e["event.id"]): e for e in answer.events}
    chosen = [found[i] for i in ids if i in found][:EVENTS]
    matched = _fields_of(alerts_)
    rows: list[Sequence[Text]] = [
        (
            joined([when(to_micros(str(e["@timestamp"])), reading.zone), str(e.get("host.name", ""))[:40]]),
            joined([*_shown(e, matched[str(e["event.id"])]), str(e["event.id"])]),
        )
        for e in sorted(chosen, key=lambda e: (str(e["@timestamp"]), str(e["event.id"])))
    ]
    of_all = figure(len(ids), address(f"/incidents/{_this(reading).number}/events", "total"))
    lead = texts("report.evidence_lead", shown=own(len(rows)), count=of_all)
    gone = [i for i in ids[:ASKED] if i not in found]
    lines = [texts("report.evidence_gone", count=own(len(gone)), ids=names(gone, GONE))] if gone else []
    made = tabled("evidence", ("time", "line"), rows, (30, 124), code=(1,), lead=lead)
    return replace(made, lines=lines)


def in_turn(alerts: Iterable[Alert]) -> list[str]:
    """Event ids, one of each alert by turns, the gravest alert first: a loud scan hides no quiet theft."""
    ranked = sorted(alerts, key=lambda a: -LEVELS.index(a.level))
    turns = zip_longest(*(a.event_ids for a in ranked))
    return list(dict.fromkeys(str(i) for turn in turns for i in turn if i is not None))


def _shown(event: Event, matched: Mapping[str, Any]) -> list[Text]:
    """What matters in an event, then the event as it was received."""
    line = _line(event)
    raw = _bounded(line, LINE)
    return [raw] if len(line) <= SHORT else [*_telling(event, matched), raw]


def _line(event: Event) -> str:
    text = event.get("event.original") or event.get("message")
    if text is None:
        ends = [f"{event.get(f'{s}.ip', '?')}:{event.get(f'{s}.port', '?')}" for s in ("source", "destination")]
        text = f"{ends[0]} → {ends[1]} {event.get('network.transport', '')} {event.get('network.bytes', 0)} B"
    return " ".join(str(text).split("\n"))


def _bounded(text: str, most: int) -> Text:
    """A text up to a bound; what is left out is said."""
    if len(text) <= most:
        return text
    return joined([text[:most], texts("report.cut", count=own(len(text) - most))], " ")


def _fields_of(found: Iterable[Alert]) -> dict[str, dict[str, Any]]:
    """What matched in each event: the fields of its alerts' rules; their values are those of an alert's first event."""
    fields: dict[str, dict[str, Any]] = defaultdict(dict)
    for alert in found:
        for at, event_id in enumerate(alert.event_ids):
            for match in alert.matched:
                value = None if at else match.get("value")
                fields[str(event_id)].setdefault(str(match.get("field")), value)
    return fields


def _telling(event: Event, matched: Mapping[str, Any]) -> list[Text]:
    """The command lines and addresses asked for, and the values that matched: ``field: value`` each, whole."""
    lines: list[Text] = []
    seen = set()
    for name in (*_TELLING, *(name for name in matched if name != "host.name")):
        value = event.get(name, matched.get(name))
        text = " ".join(str(v) for v in value) if isinstance(value, list) else str(value or "")
        if text and text not in seen:
            seen.add(text)
            lines.append(_bounded(f"{name}: {' '.join(text.split())}", LINE))
    return lines


def notes(reading: Reading) -> Section:
    with reading.services.database.read() as session:
        query = select(Note).where(Note.incident_id == _this(reading).id).order_by(Note.at).limit(NOTES)
        found = session.scalars(query).all()
    path = f"/incidents/{_this(reading).number}"
    rows = [
        (when(n.at, reading.zone, address(path, f"notes.{at}.at")), author(reading, n.author), n.text)
        for at, n in enumerate(found)
    ]
    lead = "" if rows else texts("report.no_note")
    how = texts("report.notes_how", path=address(path, "notes"))
    return tabled("notes", ("time", "author", "text"), rows, (28, 28, 86), lead=lead, how=how)


def journal(reading: Reading) -> Section:
    """What people changed, as the hash-chained journal has it."""
    with reading.services.database.read() as session:
        query = select(Audit).where(Audit.object == f"incident:{_this(reading).number}").order_by(Audit.seq)
        found = session.scalars(query.limit(NOTES)).all()
    rows = [(str(e.seq), when(e.at, reading.zone), author(reading, e.actor), _done(e), e.reason or "–") for e in found]
    lead = texts("report.journal_lead") if rows else texts("report.no_journal")
    heads = ("seq", "time", "author", "done", "reason")
    return tabled("journal", heads, rows, (8, 28, 36, 28, 42), right=(0,), lead=lead)


def _done(entry: Audit) -> Text:
    verb = entry.action.partition(".")[2]
    return entries().get(f"api.timeline.{verb}", dict.fromkeys(LANGUAGES, entry.action))
