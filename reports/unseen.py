"""Page one: what could not be seen in the period. Every check is told, those that found something first."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Text as SqlText
from sqlalchemy import cast, func, or_, select
from sqlalchemy.orm import Session

from core.clock import DAY, HOUR, MINUTE, SECOND, Micros, hour_of
from core.db.models import (
    Activity,
    Alert,
    Heartbeat,
    Incident,
    Ledger,
    Outbox,
    OutboxState,
    Silence,
    Source,
)
from core.lag import spool_lags, waits
from core.ledger import Balance, read_balances
from core.query.tree import Equals
from core.said import Statement, Unit, read_said
from core.sources import KNOWN_EVENTS, SourceState, SourceView, silence_limit, silences_in, views
from core.words import duration
from reports.document import Section, Table, Text
from reports.gather import LIVE, NAMED, Reading, as_of, names, title_of
from reports.numbers import address, command, figure, in_both, joined, own, texts, when

SKEW = MINUTE
LAG = MINUTE
TOGETHER = 5 * MINUTE
"""Silences that begin and end within this of each other are one."""
HIDING = ("attack.t1562", "attack.t1070.001", "attack.t1070.002", "attack.t1070.006")
"""Tags of alerts that say that logging was switched off or logs were removed or falsified."""
LINES = 12
STATES = ("live", "unproven", "blind")
"""States of the rules in force."""
SOURCES = 2_000
LEDGER = "/sources/ledger"


@dataclass(slots=True)
class _House:
    """What is read once for all checks."""

    views: list[SourceView]
    balances: dict[str, Balance]
    said: dict[str, Statement]
    receivers: dict[str, Statement]
    silences: Sequence[Silence]
    activity: dict[str, list[Activity]]
    expected: dict[str, list[str]]
    alerts: Sequence[tuple[Alert, str | None]]
    lags: Mapping[str, Micros]
    """Of each spool, ``hits`` and ``work``."""
    heartbeat: Micros | None
    dead: int
    hours: set[Micros]
    first_hour: Micros | None


def unseen(reading: Reading) -> Section:
    """The section; read last, since it tells what the other sections' answers lacked."""
    with reading.services.database.read() as session:
        house = _read(reading, session)
        found = {key: check(reading, house) for key, check in CHECKS.items()}
    rows = [(texts(f"report.check.{key}"), joined(_bounded(lines))) for key, lines in found.items() if lines]
    clear = [texts(f"report.check.{key}") for key, lines in found.items() if not lines]
    columns = [texts("report.column.check"), texts("report.column.found")]
    return Section(
        "unseen",
        texts("common.could_not_be_seen"),
        "" if rows else texts("report.unseen.none"),
        table=Table(columns, rows, widths=(26, 90)) if rows else None,
        lines=[texts("report.unseen.clear", names=joined(clear, "; "))] if clear else (),
    )


def _bounded(lines: Sequence[Text]) -> list[Text]:
    more = len(lines) - LINES
    return [*lines[:LINES], texts("report.unseen.more", count=own(more))] if more > 0 else list(lines)


def _read(reading: Reading, session: Session) -> _House:
    start, end, now = reading.start, reading.end, reading.services.clock.now()
    hiding = or_(*(cast(Alert.tags, SqlText).contains(f'"{tag}', autoescape=True) for tag in HIDING))
    alerts = session.execute(
        select(Alert, Incident.number)
        .join(Incident, Incident.id == Alert.incident_id, isouter=True)
        .where(Alert.first_at < end, Alert.last_at >= start, Alert.joined_to.is_(None))
        .where(or_(hiding, Alert.kind == "self"))
        .order_by(Alert.first_at)
        .limit(200)
    ).tuples()
    activity: dict[str, list[Activity]] = defaultdict(list)
    for row in session.scalars(select(Activity)):
        activity[row.source].append(row)
    return _House(
        views=views(session, as_of(session, now)),
        balances=read_balances(session, start, end),
        said=read_said(session, start, end),
        receivers=read_said(session, start, end, receivers=True),
        silences=silences_in(session, start, end),
        activity=activity,
        expected={name: list(e) for name, e in session.execute(select(Source.name, Source.expected)).tuples()},
        alerts=alerts.all(),
        lags=spool_lags(session, now) | waits(session, now),
        heartbeat=session.scalar(select(func.max(Heartbeat.at))),
        dead=session.scalar(select(func.count()).where(Outbox.state == OutboxState.DEAD)) or 0,
        hours=set(session.scalars(select(Ledger.hour).where(Ledger.hour >= hour_of(start), Ledger.hour < end))),
        first_hour=session.scalar(select(func.min(Ledger.hour))),
    )


def _inventory(reading: Reading, house: _House) -> list[Text]:
    return [] if any(v.is_declared for v in house.views) else [texts("common.no_inventory")]


def _never(reading: Reading, house: _House) -> list[Text]:
    found = [v.name for v in house.views if v.state is SourceState.NEVER]
    return [texts("report.unseen.never", count=_of_state("never", len(found)), names=names(found))] if found else []


def _of_state(state: str, count: int) -> Text:
    return figure(count, address("/sources", f"totals.{state}"))


def _before_us(reading: Reading, house: _House) -> list[Text]:
    first = house.first_hour
    if first is None:
        return [texts("report.unseen.no_data")]
    if first <= reading.start:
        return []
    return [texts("report.unseen.before", start=when(first, reading.zone, reading.address(LEDGER, "hours.0.hour")))]


def _still_to_come(reading: Reading, house: _House) -> list[Text]:
    """A period that is not over yet; an incident has no end that somebody asked for."""
    now = reading.services.clock.now()
    if reading.incident is not None or reading.end <= now:
        return []
    return [texts("report.unseen.to_come", at=when(now, reading.zone))]


def _empty_hours(reading: Reading, house: _House) -> list[Text]:
    """Hours in which nothing came from anybody: we did not run, or the network was away."""
    first = max(hour_of(reading.start), house.first_hour or reading.end)
    last = min(reading.end, reading.services.clock.now())
    gaps: list[list[Micros]] = []
    for hour in range(first, last - HOUR + 1, HOUR):
        if hour in house.hours:
            continue
        if gaps and gaps[-1][1] == hour:
            gaps[-1][1] = hour + HOUR
        else:
            gaps.append([hour, hour + HOUR])
    return [_empty(reading, start, end) for start, end in gaps]


def _empty(reading: Reading, start: Micros, end: Micros) -> Text:
    """Its ends are whole hours; what is had again is that nothing came between them."""
    nothing = address(LEDGER, "total.raws.received", start=start, end=end)
    return {**_from_to(reading, "report.unseen.empty", start, end), "numbers": [{"value": 0, "rerun": nothing}]}


def _from_to(
    reading: Reading, key: str, start: Micros, end: Micros, began: str = "", ended: str = "", **values: Text
) -> dict[str, Any]:
    """``began`` and ``ended`` give the ends again, and so how long it lasted."""
    first, last = when(start, reading.zone, began, seconds=False), when(end, reading.zone, ended, seconds=False)
    return texts(key, lasted=in_both(partial(duration, end - start)), start=first, end=last, **values)


def _silences(reading: Reading, house: _House) -> list[Text]:
    """Silences of the period, those of several sources together as one."""
    folded: list[tuple[Silence, Micros, list[str], str]] = []
    nth: Counter[str] = Counter()
    for row in house.silences:
        end = row.end_at if row.end_at is not None else min(reading.end, reading.services.clock.now())
        for first, until, who, _ in folded:
            if abs(first.start_at - row.start_at) <= TOGETHER and abs(until - end) <= TOGETHER:
                who.append(row.source)
                break
        else:
            folded.append((row, end, [row.source], f"items.{nth[row.source]}"))
        nth[row.source] += 1
    folded.sort(key=lambda f: f[0].start_at - f[1])
    return [_silence(reading, *one) for one in folded]


def _silence(reading: Reading, row: Silence, end: Micros, who: Sequence[str], item: str) -> Text:
    began, ended = (
        reading.address("/sources/silences", f"{item}.{end_}", source=row.source) for end_ in ("start_at", "end_at")
    )
    ended = ended if row.end_at is not None else ""
    return _from_to(reading, "report.unseen.silence", row.start_at, end, began, ended, name=names(who))


def _silent_now(reading: Reading, house: _House) -> list[Text]:
    open_ = {row.source for row in house.silences if row.end_at is None}
    found = [v for v in house.views if v.state is SourceState.SILENT and v.name not in open_]
    if not found:
        return []
    oldest = min((v for v in found if v.last_at is not None), key=lambda v: v.last_at or 0)
    since = when(oldest.last_at, reading.zone, _check(oldest.name, "source.last_at"), seconds=False)
    return [texts("report.unseen.silent_now", names=names([v.name for v in found]), at=since)]


def _datasets(reading: Reading, house: _House) -> list[Text]:
    """Log types expected of a source that did not come, wholly or for a time, while the source sent others."""
    lines: list[Text] = []
    gaps: list[tuple[Micros, Text]] = []
    heard: dict[str, dict[str, int]] = {}
    for view in house.views:
        rows = house.activity.get(view.name, ())
        balance = house.balances.get(view.name)
        if balance is None or not balance.raws["received"]:
            continue
        for dataset in house.expected.get(view.name, ()):
            came = any(r.dataset == dataset and reading.start <= r.last_at < reading.end for r in rows)
            if not came and dataset not in heard:
                heard[dataset] = reading.terms(Equals("event.dataset", dataset), "kydai.source", SOURCES)
            if not came and view.name not in heard[dataset]:
                if reading.end - reading.start > _usual(rows, dataset):
                    lines.append(texts("report.unseen.dataset_never", name=view.name, dataset=dataset))
                continue
            for start, end, again in _gaps(reading, house, rows, dataset):
                line = _from_to(reading, "report.unseen.dataset", start, end, *again, name=view.name, dataset=dataset)
                gaps.append((end - start, line))
    return lines + [line for _, line in sorted(gaps, key=lambda gap: -gap[0])]


def _usual(rows: Sequence[Activity], dataset: str) -> Micros:
    """How long the data set may be away: nothing can be said of a period shorter than that; 0 if it never came."""
    limits = [silence_limit(r.gaps, None) for r in rows if r.dataset == dataset]
    return max(*limits, HOUR) if limits else 0


def _gaps(
    reading: Reading, house: _House, rows: Sequence[Activity], dataset: str
) -> Iterable[tuple[Micros, Micros, tuple[str, str]]]:
    """Times within the period without a data set from the one host that sends it, though its source sent.

    What came back is told only where the rhythm is known, as it is with silences: a quiet night is no loss.
    """
    of_it = [r for r in rows if r.dataset == dataset]
    whole = next((r for r in rows if (r.host, r.dataset) == ("", "")), None)
    if len(of_it) != 1 or whole is None:
        return
    row = of_it[0]
    limit = _usual(rows, dataset)
    is_known = row.count >= KNOWN_EVENTS or row.last_at - row.first_at > DAY

    def again(field: str) -> str:
        return address("/sources/check", f"heard.0.{field}", source=row.source, dataset=dataset)

    found = [
        (end - lasted, end, (again(f"gaps.{n}.start_at"), again(f"gaps.{n}.end_at")))
        for n, (lasted, end) in enumerate(row.gaps if is_known else ())
    ]
    still = again("last_at"), _check(row.source, "source.last_at") if whole.last_at < reading.end else ""
    found.append((row.last_at, min(whole.last_at, reading.end), still))
    silent = [(s.start_at, s.end_at or reading.end) for s in house.silences if s.source == row.source]
    silent += [(end - lasted, end) for lasted, end in whole.gaps]
    for start, end, shown in found:
        heard_otherwise = not any(a <= start + MINUTE and end - MINUTE <= b for a, b in silent)
        if end - start > limit and start < reading.end and end > reading.start and heard_otherwise:
            yield start, end, shown


def _hiding(reading: Reading, house: _House) -> list[Text]:
    return [_alert_line(reading, a, number) for a, number in house.alerts if a.kind != "self"]


def _ourselves(reading: Reading, house: _House) -> list[Text]:
    return [_alert_line(reading, a, number) for a, number in house.alerts if a.kind == "self"]


def _alert_line(reading: Reading, alert: Alert, number: str | None) -> Text:
    at = when(alert.first_at, reading.zone, address(f"/alerts/{alert.id}", "first_at"), seconds=False)
    told = joined([title_of(alert.rule_title, alert.rule_id), at], ", ")
    ends = " · ".join(part for part in (alert.host, number) if part)
    return joined([told, f"({ends})"], " ") if ends else told


def _clocks(reading: Reading, house: _House) -> list[Text]:
    zones: dict[Micros, list[str]] = defaultdict(list)
    lines: list[Text] = []
    for view in house.views:
        if view.offset is None:
            continue
        if view.wrong_zone_minutes is not None:
            zones[view.wrong_zone_minutes * MINUTE].append(view.name)
        elif abs(view.offset) >= SKEW:
            lines.append(_offset("report.unseen.clock", [view.name], view.offset, "source.offset_seconds"))
    return [
        *(_offset("report.unseen.zone", who, off, "source.wrong_zone_minutes") for off, who in sorted(zones.items())),
        *lines,
    ]


def _offset(key: str, who: Sequence[str], offset: Micros, field: str) -> Text:
    way = texts("report.unseen.ahead" if offset > 0 else "report.unseen.behind")
    value = offset // MINUTE if field.endswith("minutes") else offset / SECOND
    shown = in_both(partial(duration, abs(offset))) | {"value": value, "rerun": _check(who[0], field)}
    return texts(key, name=names(who), offset=shown, way=way)


def _check(source: str, field: str) -> str:
    return address("/sources/check", field, source=source)


def _undeclared(reading: Reading, house: _House) -> list[Text]:
    found = [v.name for v in house.views if v.state is SourceState.UNDECLARED]
    count = _of_state("undeclared", len(found))
    return [texts("report.unseen.undeclared", count=count, names=names(found))] if found else []


def _bucket(balance: str, bucket: str) -> Callable[[Reading, _House], list[Text]]:
    """A bucket of the ledger that ought to be empty, of all sources."""

    def check(reading: Reading, house: _House) -> list[Text]:
        whole = "received" if balance == "raws" else "made"
        counts = {n: getattr(b, balance) for n, b in house.balances.items()}
        by_source = {n: c[bucket] for n, c in counts.items() if c[bucket]}
        if not by_source:
            return []

        def total(of: str) -> str:
            return reading.address("/sources/ledger", f"total.{balance}.{of}")

        worst = sorted(by_source, key=lambda n: (-by_source[n], n))
        why: Counter[str] = Counter()
        for one in house.balances.values():
            why += Counter({k[2]: n for k, n in one.reasons.items() if k[:2] == (balance, bucket)})
        return [
            texts(
                f"report.unseen.{bucket}",
                count=figure(sum(by_source.values()), total(bucket)),
                all=figure(sum(c[whole] for c in counts.values()), total(whole)),
                names=names(worst) + "".join(f"; {reason}" for reason, _ in why.most_common(3)),
            )
        ]

    return check


def _balance(reading: Reading, house: _House) -> list[Text]:
    off = [name for name, b in house.balances.items() if not b.holds]
    return [texts("report.unseen.imbalance", names=names(off))] if off else []


def _lost(reading: Reading, house: _House) -> list[Text]:
    """What senders say that they sent and what never reached us; unknown of those that number nothing."""
    lines: list[Text] = []
    for unit in Unit:
        by_source = {name: s.lost[unit] for name, s in house.said.items() if s.lost[unit]}
        if by_source:
            total = figure(sum(by_source.values()), reading.address("/sources/ledger", f"said.lost.{unit}"))
            count = texts(f"common.lost.{unit}", count=total)
            worst = sorted(by_source, key=lambda n: (-by_source[n], n))
            lines.append(texts("report.unseen.lost", count=count, names=names(worst)))
    if doubtful := sorted(name for name, s in house.said.items() if s.is_doubtful):
        lines.append(texts("report.unseen.lost_doubtful", names=names(doubtful)))
    dropping = {name: s.lost.total() for name, s in house.receivers.items() if s.lost.total()}
    if dropping:
        drops = figure(sum(dropping.values()), reading.address("/sources/ledger", "kernel_drops"))
        lines.append(texts("report.unseen.lost_kernel", count=drops, names=names(sorted(dropping))))
    silent = sorted(n for n, b in house.balances.items() if b.raws["received"] and not _is_known(house, n))
    return [*lines, texts("report.unseen.lost_unknown", names=names(silent))] if silent else lines


def _is_known(house: _House, source: str) -> bool:
    return source in house.said and house.said[source].is_known


def _lag(reading: Reading, house: _House) -> list[Text]:
    now, beat = reading.services.clock.now(), house.heartbeat
    if beat is None or now - beat > LIVE:
        if beat is None:
            return [texts("report.unseen.not_running")]
        return [texts("report.unseen.stopped", at=when(beat, reading.zone))]
    return [_lag_line(name, age) for name, age in house.lags.items() if age > LAG]


def _lag_line(name: str, age: Micros) -> Text:
    shown = in_both(partial(duration, age)) | {"value": age / SECOND, "rerun": address("/health", f"lags.{name}")}
    waits_ = name in ("hits", "work")
    return texts(f"upkeep.lag.{name}", lag=shown) if waits_ else texts("report.unseen.lag", spool=name, lag=shown)


def _dead(reading: Reading, house: _House) -> list[Text]:
    told = figure(house.dead, address("/health", "dead_work"))
    return [texts("report.unseen.dead", count=told)] if house.dead else []


def _rules(reading: Reading, house: _House) -> list[Text]:
    states = [c for c in reading.services.coverage() if str(c.state) != "disabled"]
    counts = Counter(str(c.state) for c in states)
    if not counts["blind"] and not counts["unproven"]:
        return [] if states else [texts("report.unseen.rules_unknown")]
    told = {state: figure(counts[state], _listed(state)) for state in ("blind", "unproven")}
    lines: list[Text] = [texts("report.unseen.rules", **told, all=figure(len(states), _listed(*STATES)))]
    missing = Counter(m for c in states if str(c.state) == "blind" for m in c.missing)
    if missing:
        lines.append(texts("report.unseen.rules_missing", names=names([m for m, _ in missing.most_common()], NAMED)))
    return lines


def _listed(*states: str) -> str:
    return command("rules", "coverage", "--count", *(f"--state={state}" for state in states))


def _incomplete(reading: Reading, house: _House) -> list[Text]:
    return reading.told_missing()


CHECKS: dict[str, Callable[[Reading, _House], list[Text]]] = {
    "inventory": _inventory,
    "never": _never,
    "silences": _silences,
    "silent_now": _silent_now,
    "datasets": _datasets,
    "hiding": _hiding,
    "before": _before_us,
    "to_come": _still_to_come,
    "empty": _empty_hours,
    "clocks": _clocks,
    "undeclared": _undeclared,
    "unparsed": _bucket("raws", "unparsed"),
    "rejected": _bucket("events", "rejected"),
    "ignored": _bucket("raws", "ignored"),
    "waiting": _bucket("raws", "waiting"),
    "balance": _balance,
    "lost": _lost,
    "lag": _lag,
    "rules": _rules,
    "ourselves": _ourselves,
    "dead": _dead,
    "incomplete": _incomplete,
}
"""In the order of page one. ``_incomplete`` stays last: it tells of the others' answers too."""
