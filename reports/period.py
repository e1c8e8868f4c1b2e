"""The parts of a report over a period: summary, numbers with their queries, incidents, rules, sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, select
from sqlalchemy.orm import Session

from core.clock import iso
from core.db.models import LEVELS, Alert, Incident, IncidentStatus, Ledger, Verdict
from core.ledger import Balance, read_balances
from core.query.to_text import explain_text
from core.sources import SourceState, SourceView, views
from core.store.contract import Span
from core.words import say
from reports.actions import action_figures
from reports.document import Section, Text
from reports.gather import SHORT, Reading, as_of, author, tabled, title_of, within
from reports.numbers import address, figure, in_both, joined, own, texts, when

INCIDENTS = 1_000
RULES = 30
_GRAVE = ("critical", "high")
_OPEN = [str(status) for status in IncidentStatus if status is not IncidentStatus.CLOSED]


def _alerts_in(reading: Reading) -> ColumnElement[bool]:
    """The alerts of the period, as the API's list takes them."""
    return and_(Alert.joined_to.is_(None), Alert.last_at >= reading.start, Alert.first_at < reading.end)


def _incidents_in(reading: Reading) -> ColumnElement[bool]:
    return and_(Incident.merged_into.is_(None), Incident.last_at >= reading.start, Incident.first_at < reading.end)


def summary(reading: Reading) -> Section:
    """The period in a few sentences."""
    with reading.services.database.read() as session:
        alerts = session.scalar(select(func.count()).where(_alerts_in(reading))) or 0
        of_replay = session.scalar(select(func.count()).where(_alerts_in(reading), Alert.is_replay)) or 0
        levels = _by_level(session, reading)
        incidents = list(session.scalars(select(Incident).where(_incidents_in(reading))))
        balances = read_balances(session, reading.start, reading.end)
    stored = sum(b.events["stored"] for b in balances.values())
    received = sum(b.raws["received"] for b in balances.values())
    senders = sum(1 for b in balances.values() if b.raws["received"])
    grave = sum(levels.get(level, 0) for level in _GRAVE)
    declared = sum(i.declared_at is not None and i.withdrawn_at is None for i in incidents)
    closed = sum(i.status == "closed" for i in incidents)
    nobody = sum(i.assignee is None and i.status != "closed" for i in incidents)
    of_alerts = figure(alerts, reading.address("/alerts", "total"))
    lines: list[Text] = [
        texts(
            "report.summary.events",
            received=figure(received, reading.address("/sources/ledger", "total.raws.received")),
            senders=figure(senders, reading.address("/sources/ledger", "senders")),
            stored=figure(stored, reading.address("/sources/ledger", "total.events.stored")),
        ),
        texts(
            "report.summary.alerts",
            count=of_alerts,
            grave=figure(grave, reading.address("/alerts", "total", level=_GRAVE)),
            incidents=figure(len(incidents), reading.address("/incidents", "total")),
        ),
        texts(
            "report.summary.incidents",
            declared=figure(declared, reading.address("/incidents", "total", declared="true")),
            closed=figure(closed, reading.address("/incidents", "total", status=IncidentStatus.CLOSED)),
            nobody=figure(nobody, reading.address("/incidents", "total", assignee="-", status=_OPEN)),
        ),
        texts("report.summary.actions", **action_figures(reading)),
    ]
    if of_replay:
        replayed = figure(of_replay, reading.address("/alerts", "total", replay="true"))
        lines.append(texts("report.summary.replay", count=replayed, all=of_alerts))
    return Section("summary", texts("report.section.summary"), lines=lines)


def _by_level(session: Session, reading: Reading) -> dict[str, int]:
    query = select(Alert.level, func.count()).where(_alerts_in(reading)).group_by(Alert.level)
    return dict(session.execute(query).tuples().all())


def counts(reading: Reading) -> Section:
    """Numbers over events by query, alerts and incidents by address of the API; the period before beside them."""
    length = reading.end - reading.start
    before = Span(reading.start - length, reading.start)
    with reading.services.database.read() as session:
        first = session.scalar(select(func.min(Ledger.hour)))
        levels = _by_level(session, reading)
        incidents = session.scalar(select(func.count()).where(_incidents_in(reading))) or 0
    had_before = first is not None and before.start is not None and first <= before.start
    rows: list[Sequence[Text]] = []
    for item in reading.definition.counts:
        earlier: Text = reading.count(item["query"], before) if had_before else "–"
        rows.append((dict(item["title"]), reading.count(item["query"]), earlier, item["query"]))
    rows.append(_asked(reading, texts("report.counts.alerts"), sum(levels.values()), "/alerts"))
    for level in reversed(LEVELS):
        if count := levels.get(level, 0):
            rows.append(_asked(reading, _of_level(level), count, "/alerts", level))
    rows.append(_asked(reading, texts("report.counts.incidents"), incidents, "/incidents"))
    how = texts("report.counts_how", start=iso(reading.start), end=iso(reading.end))
    if had_before:
        heads = ("what", "count", "before", "query")
        made = tabled("counts", heads, rows, (46, 17, 17, 72), right=(1, 2), code=(3,), how=how)
        note = texts("report.before_span", start=iso(reading.start - length), end=iso(reading.start))
        return replace(made, lines=[note])
    rows = [(what, found, query) for what, found, _, query in rows]
    made = tabled("counts", ("what", "count", "query"), rows, (52, 17, 85), right=(1,), code=(2,), how=how)
    return replace(made, lines=[texts("report.no_before")])


def _asked(reading: Reading, what: Text, count: int, path: str, level: str = "") -> Sequence[Text]:
    """A row of a number that the API gives; the times of the whole table stand above it."""
    if level:
        again, shown = reading.address(path, "total", level=level), address(path, "total", level=level)
    else:
        again, shown = reading.address(path, "total"), address(path, "total")
    return what, figure(count, again), "–", shown


def _of_level(level: str) -> Text:
    return in_both(lambda lang: say("report.counts.of_level", lang, level=say(f"common.level.{level}", lang).lower()))


def tops(reading: Reading) -> Section:
    """Most frequent values, each number with its own query."""
    rows: list[Sequence[Text]] = []
    for item in reading.definition.tops:
        where = reading.tree(item["query"])
        values = reading.terms(where, item["field"], int(item.get("limit", 5)))
        title: Text = dict(item["title"])
        for value in values:
            query = explain_text(within(where, item["field"], value))
            rows.append((title, value, reading.count(query), query))
            title = ""
    heads = ("what", "value", "count", "query")
    lead = "" if rows else texts("report.no_top")
    return tabled("tops", heads, rows, (34, 36, 14, 68), right=(2,), code=(1, 3), lead=lead)


def incidents(reading: Reading) -> Section:
    with reading.services.database.read() as session:
        total = session.scalar(select(func.count()).where(_incidents_in(reading))) or 0
        found = session.scalars(
            select(Incident)
            .where(_incidents_in(reading))
            .order_by(Incident.priority.desc(), Incident.id)
            .limit(INCIDENTS)
        ).all()
    rows = [_incident_row(reading, i) for i in found]
    of_all = figure(total, reading.address("/incidents", "total"))
    lead = texts("report.incidents_lead", shown=own(len(rows)), count=of_all) if rows else texts("report.no_incident")
    heads = ("number", "level", "title", "start", "status")
    grave = [n for n, i in enumerate(found) if i.level in _GRAVE]
    how = texts("report.incidents_how")
    return tabled("incidents", heads, rows, (24, 20, 56, 20, 32), lead=lead, how=how, strong=grave)


def _incident_row(reading: Reading, incident: Incident) -> Sequence[Text]:
    states: list[Text] = [texts(f"common.incident_status.{incident.status}")]
    if incident.verdict:
        states.append(texts(f"common.verdict.{incident.verdict}"))
    if incident.declared_at is not None and incident.withdrawn_at is None:
        states.append(texts("report.declared"))
    states.append(author(reading, incident.assignee) if incident.assignee else texts("report.unassigned"))
    parts: list[Text] = [title_of(incident.title, incident.number)]
    if incident.system:
        parts.append(incident.system)
    mark: list[Text] = [incident.number, texts("common.replay")] if incident.is_replay else [incident.number]
    return (
        joined(mark),
        texts(f"common.level.{incident.level}"),
        joined(parts),
        when(incident.first_at, reading.zone, address(f"/incidents/{incident.number}", "first_at")),
        joined(states),
    )


def alert_rules(reading: Reading) -> Section:
    """The rules that alerted most, and how many of their closed alerts were false: what wants tuning."""
    closed_false = func.sum(case((Alert.verdict == "false_positive", 1), else_=0))
    with reading.services.database.read() as session:
        found = session.execute(
            select(Alert.rule_id, func.max(Alert.id), func.count(), func.sum(Alert.count), closed_false)
            .where(_alerts_in(reading))
            .group_by(Alert.rule_id)
            .order_by(func.count().desc(), Alert.rule_id)
            .limit(RULES)
        ).tuples().all()  # fmt: skip
        total = session.scalar(select(func.count(func.distinct(Alert.rule_id))).where(_alerts_in(reading))) or 0
        last = {a.id: a for a in session.scalars(select(Alert).where(Alert.id.in_([row[1] for row in found])))}
    rows: list[Sequence[Text]] = []
    for rule, newest, alerts, hits, false in found:
        alert = last[newest]
        false_alarms = reading.address("/alerts", "total", rule=rule, verdict=Verdict.FALSE_POSITIVE)
        rows.append(
            (
                joined([title_of(alert.rule_title, rule), rule]),
                texts(f"common.level.{alert.level}"),
                figure(alerts, reading.address("/alerts", "total", rule=rule)),
                figure(int(hits or 0), reading.address("/alerts", "hits", rule=rule)),
                figure(int(false or 0), false_alarms),
            )
        )
    heads = ("rule_name", "level", "alerts", "hits", "false")
    of_all = figure(total, reading.address("/alerts/groups", "total", by="rule"))
    lead = texts("report.rules_lead", shown=own(len(rows)), count=of_all) if rows else texts("report.no_alert")
    how = texts("report.rules_how", start=iso(reading.start), end=iso(reading.end))
    return tabled("alert_rules", heads, rows, (70, 22, 20, 20, 22), right=(2, 3, 4), lead=lead, how=how)


_ORDER = (SourceState.NEVER, SourceState.SILENT, SourceState.UNDECLARED, SourceState.SENDING)


def sources(reading: Reading) -> Section:
    """Sources by state, those that want attention first, each with its balance over the period."""
    with reading.services.database.read() as session:
        at = as_of(session, reading.services.clock.now())
        found = views(session, at)
        balances = read_balances(session, reading.start, reading.end)
    found.sort(key=lambda v: (_ORDER.index(v.state), v.name))
    rows = [_source_row(reading, v, balances.get(v.name, Balance(v.name))) for v in found]
    states: list[Text] = [
        joined([figure(count, address("/sources", f"totals.{state}")), texts(f"common.source_state.{state}")], " ")
        for state in _ORDER
        if (count := sum(v.state is state for v in found))
    ]
    lead = texts(
        "report.sources_lead",
        count=figure(len(found), address("/sources", "items.length")),
        states=joined(states, ", "),
        at=when(at, reading.zone, seconds=False),
    )
    how = texts("report.sources_how", start=iso(reading.start), end=iso(reading.end))
    heads = ("source", "product", "system", "state", "received", "unparsed", "rejected", "balance")
    strong = [n for n, v in enumerate(found) if v.state is not SourceState.SENDING]
    widths = (24, 24, 47, 19, 13, 15, 13, 12)
    lead = lead if rows else texts("common.no_inventory")
    return tabled("sources", heads, rows, widths, right=(4, 5, 6), strong=strong, lead=lead, how=how)


def _source_row(reading: Reading, view: SourceView, balance: Balance) -> Sequence[Text]:
    state: Text = texts(f"common.source_state.{view.state}")
    if view.state is SourceState.SILENT:
        state = joined([state, when(view.last_at, reading.zone, seconds=False)])

    def counted(count: int, of: str) -> Text:
        return figure(count, reading.address("/sources/ledger", f"total.{of}", source=view.name))

    if balance.holds:
        holds: Text = texts("cli.ledger.holds")
    else:
        raws = balance.raws_off_by
        off = counted(raws, "raws_off_by") if raws else counted(balance.events_off_by, "events_off_by")
        holds = texts("cli.ledger.off", count=off)
    return (
        view.name,
        view.product or "–",
        view.system or "–",
        state,
        counted(balance.raws["received"], "raws.received"),
        counted(balance.raws["unparsed"], "raws.unparsed"),
        counted(balance.events["rejected"], "events.rejected"),
        holds,
    )


def blind_rules(reading: Reading) -> Section:
    """Every rule that cannot fire here or never proved that it can, and why."""
    states = [c for c in reading.services.coverage() if str(c.state) in SHORT]
    states.sort(key=lambda c: SHORT.index(str(c.state)))
    rows = [(reading.services.rule_title(c.rule), _both(c.reason)) for c in states]
    lead = "" if rows else texts("report.no_blind")
    return tabled("blind_rules", ("rule_name", "why"), rows, (64, 90), lead=lead)


def _both(text: Mapping[str, Any]) -> Text:
    return {lang: str(text.get(lang, "")) for lang in ("vi", "en")}
