"""Page one: what could not be seen in the period. Every check is told, those that found something first."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import partial

from core.clock import MINUTE, SECOND, Micros
from core.db.models import Alert
from core.lag import WAITS
from core.said import KERNEL, REFUSED, Unit
from core.sources import SourceState
from core.words import duration
from reports import unseen_gaps
from reports.document import Section, Table, Text
from reports.gather import LIVE, NAMED, SHORT, Reading, names, title_of
from reports.numbers import address, command, figure, in_both, joined, own, texts, when
from reports.unseen_house import House, check_of, read_house

SKEW = MINUTE
LAG = MINUTE
LINES = 12
STATES = ("live", *SHORT)
"""States of the rules in force that are about something of this site."""


def unseen(reading: Reading) -> Section:
    """The section; read last, since it tells what the other sections' answers lacked."""
    with reading.services.database.read() as session:
        house = read_house(reading, session)
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


def _inventory(reading: Reading, house: House) -> list[Text]:
    return [] if any(v.is_declared for v in house.views) else [texts("common.no_inventory")]


def _never(reading: Reading, house: House) -> list[Text]:
    found = [v.name for v in house.views if v.state is SourceState.NEVER]
    return [texts("report.unseen.never", count=_of_state("never", len(found)), names=names(found))] if found else []


def _of_state(state: str, count: int) -> Text:
    return figure(count, address("/sources", f"totals.{state}"))


def _hiding(reading: Reading, house: House) -> list[Text]:
    return [_alert_line(reading, a, number) for a, number in house.alerts if a.kind != "self"]


def _ourselves(reading: Reading, house: House) -> list[Text]:
    return [_alert_line(reading, a, number) for a, number in house.alerts if a.kind == "self"]


def _alert_line(reading: Reading, alert: Alert, number: str | None) -> Text:
    at = when(alert.first_at, reading.zone, address(f"/alerts/{alert.id}", "first_at"), seconds=False)
    told = joined([title_of(alert.rule_title, alert.rule_id), at], ", ")
    ends = " · ".join(part for part in (alert.host, number) if part)
    return joined([told, f"({ends})"], " ") if ends else told


def _clocks(reading: Reading, house: House) -> list[Text]:
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
    shown = in_both(partial(duration, abs(offset))) | {"value": value, "rerun": check_of(who[0], field)}
    return texts(key, name=names(who), offset=shown, way=way)


def _undeclared(reading: Reading, house: House) -> list[Text]:
    found = [v.name for v in house.views if v.state is SourceState.UNDECLARED]
    count = _of_state("undeclared", len(found))
    return [texts("report.unseen.undeclared", count=count, names=names(found))] if found else []


def _bucket(balance: str, bucket: str) -> Callable[[Reading, House], list[Text]]:
    """A bucket of the ledger that ought to be empty, of all sources."""

    def check(reading: Reading, house: House) -> list[Text]:
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


def _balance(reading: Reading, house: House) -> list[Text]:
    off = [name for name, b in house.balances.items() if not b.holds]
    return [texts("report.unseen.imbalance", names=names(off))] if off else []


def _lost(reading: Reading, house: House) -> list[Text]:
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
    for stream, key, path in ((KERNEL, "lost_kernel", "kernel_drops"), (REFUSED, "lost_refused", "refused")):
        losing = {name: s.lost_in(stream) for name, s in house.receivers.items() if s.lost_in(stream)}
        if losing:
            count = figure(sum(losing.values()), reading.address("/sources/ledger", path))
            lines.append(texts(f"report.unseen.{key}", count=count, names=names(sorted(losing))))
    silent = sorted(n for n, b in house.balances.items() if b.raws["received"] and not _is_known(house, n))
    return [*lines, texts("report.unseen.lost_unknown", names=names(silent))] if silent else lines


def _is_known(house: House, source: str) -> bool:
    return source in house.said and house.said[source].is_known


def _lag(reading: Reading, house: House) -> list[Text]:
    now, beat = reading.services.clock.now(), house.heartbeat
    if beat is None or now - beat > LIVE:
        if beat is None:
            return [texts("report.unseen.not_running")]
        return [texts("report.unseen.stopped", at=when(beat, reading.zone))]
    return [_lag_line(name, age) for name, age in house.lags.items() if age > LAG]


def _lag_line(name: str, age: Micros) -> Text:
    shown = in_both(partial(duration, age)) | {"value": age / SECOND, "rerun": address("/health", f"lags.{name}")}
    waits_ = name in WAITS
    return texts(f"upkeep.lag.{name}", lag=shown) if waits_ else texts("report.unseen.lag", spool=name, lag=shown)


def _dead(reading: Reading, house: House) -> list[Text]:
    told = figure(house.dead, address("/health", "dead_work"))
    return [texts("report.unseen.dead", count=told)] if house.dead else []


def _rules(reading: Reading, house: House) -> list[Text]:
    known = list(reading.services.coverage())
    states = [c for c in known if str(c.state) in STATES]
    counts = Counter(str(c.state) for c in states)
    if not any(counts[state] for state in SHORT):
        return [] if known else [texts("report.unseen.rules_unknown")]
    told = {state: figure(counts[state], _listed(state)) for state in SHORT}
    lines: list[Text] = [texts("report.unseen.rules", **told, all=figure(len(states), _listed(*STATES)))]
    missing = Counter(m for c in states if str(c.state) == "blind" for m in c.missing)
    if missing:
        lines.append(texts("report.unseen.rules_missing", names=names([m for m, _ in missing.most_common()], NAMED)))
    return lines


def _listed(*states: str) -> str:
    return command("rules", "coverage", "--count", *(f"--state={state}" for state in states))


def _incomplete(reading: Reading, house: House) -> list[Text]:
    return reading.told_missing()


CHECKS: dict[str, Callable[[Reading, House], list[Text]]] = {
    "inventory": _inventory,
    "never": _never,
    "silences": unseen_gaps.silences,
    "silent_now": unseen_gaps.silent_now,
    "datasets": unseen_gaps.datasets,
    "hiding": _hiding,
    "before": unseen_gaps.before_us,
    "to_come": unseen_gaps.still_to_come,
    "empty": unseen_gaps.empty_hours,
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
