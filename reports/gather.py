"""What reports are made of: read once, counted exactly, with the query of each number beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core.clock import LOCAL_ZONE, MINUTE, Clock, Micros
from core.db.database import Database
from core.db.models import Meta, Silence, Source, SpoolPosition
from core.ledger import Balance, read_balances
from core.query.language import parse
from core.query.tree import TRUE, Node
from core.sources import SourceState, SourceView, views
from core.store.contract import EventStore, Query, Span, Truth
from core.words import LANGUAGES, both, duration, moment, number, say
from reports.document import Section, Table, Text

SKEW = MINUTE
LAG = MINUTE
NAMED = 12
"""Names told in one line; the others are counted."""


class RuleState(Protocol):
    """What a rule can do here (detections.coverage.Coverage)."""

    @property
    def state(self) -> str: ...
    @property
    def missing(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Services:
    """What reports read from; ``coverage`` gives the state of every rule, empty while that is not known."""

    database: Database
    store: EventStore
    clock: Clock
    zone: str = LOCAL_ZONE
    coverage: Callable[[], Iterable[RuleState]] = tuple
    scope: Node = TRUE


@dataclass(frozen=True, slots=True)
class Counted:
    """A number, the query that gives it again, and whether it is exact and complete."""

    count: int
    query: str
    truth: Truth

    def shown(self, lang: str) -> str:
        text = number(self.count, lang)
        if not self.truth.complete:
            return f"{text} ({say('report.incomplete', lang)})"
        return text if self.truth.exact else f"≈ {text}"


def count(services: Services, query: str, span: Span) -> Counted:
    """Count a query over a span of ``@timestamp``."""
    tree = parse(query, now=services.clock.now(), zone=services.zone)
    answer = services.store.count(Query(tree, span, services.scope))
    return Counted(answer.count, query, answer.truth)


def is_demo(session: Session) -> bool:
    return session.get(Meta, "demo") is not None


def texts(key: str, **values: object) -> dict[str, str]:
    return both(key, **values)


def in_both(write: Callable[[str], str]) -> dict[str, str]:
    """The same thing written for each language (times, durations, numbers)."""
    return {lang: write(lang) for lang in LANGUAGES}


def when(at: Micros, zone: str) -> dict[str, str]:
    return in_both(lambda lang: moment(at, lang, zone))


def unseen(services: Services, start: Micros, end: Micros) -> Section:
    """The first page: everything that could not be seen in the period, sources that never sent first."""
    with services.database.read() as session:
        found = views(session, services.clock.now())
        silences = session.scalars(
            select(Silence)
            .where(Silence.start_at < end, or_(Silence.end_at.is_(None), Silence.end_at > start))
            .order_by(Silence.start_at)
        ).all()
        has_inventory = session.scalar(select(Source.id).where(Source.is_declared).limit(1)) is not None
        balances = read_balances(session, start, end)
        lags = session.scalars(select(SpoolPosition).where(SpoolPosition.lag > LAG)).all()
    lines: list[Text] = []
    if not has_inventory:
        lines.append(texts("common.no_inventory"))
    lines += _source_lines(found)
    for silence in silences:
        until = silence.end_at if silence.end_at is not None else end
        lines.append(_silence_line(silence, until, services.zone))
    lines += _balance_lines(balances)
    lines += [_lag_line(row) for row in lags]
    lines += _rule_lines(services.coverage())
    title = texts("common.could_not_be_seen")
    return Section("unseen", title, lines=lines or [texts("report.unseen.none")], is_first_page=True)


def _names(values: Sequence[str]) -> str:
    shown = ", ".join(values[:NAMED])
    return shown if len(values) <= NAMED else f"{shown} (+{len(values) - NAMED})"


def _source_lines(found: Sequence[SourceView]) -> list[Text]:
    declared = [v for v in found if v.is_declared]
    lines: list[Text] = []
    if never := [v.name for v in declared if v.state is SourceState.NEVER]:
        lines.append(texts("report.unseen.never", count=len(never), names=_names(never)))
    if silent := [v.name for v in declared if v.state is SourceState.SILENT]:
        lines.append(texts("report.unseen.silent_now", count=len(silent), names=_names(silent)))
    if unknown := [v.name for v in found if v.state is SourceState.UNDECLARED]:
        lines.append(texts("report.unseen.undeclared", count=len(unknown), names=_names(unknown)))
    for view in declared:
        if view.offset is None:
            continue
        if view.wrong_zone_minutes is not None:
            key = "report.unseen.zone"
        elif abs(view.offset) >= SKEW:
            key = "report.unseen.clock"
        else:
            continue
        lines.append(_offset_line(key, view.name, view.offset))
    for view in declared:
        if view.missing_datasets:
            names = ", ".join(view.missing_datasets)
            lines.append(texts("report.unseen.datasets", name=view.name, datasets=names))
    return lines


def _lag_line(row: SpoolPosition) -> dict[str, str]:
    return in_both(lambda lang: say("report.unseen.lag", lang, spool=row.spool, lag=duration(row.lag, lang)))


def _offset_line(key: str, name: str, offset: Micros) -> dict[str, str]:
    return in_both(lambda lang: say(key, lang, name=name, offset=duration(offset, lang)))


def _silence_line(silence: Silence, until: Micros, zone: str) -> dict[str, str]:
    return in_both(
        lambda lang: say(
            "report.unseen.silence",
            lang,
            name=silence.source,
            lasted=duration(until - silence.start_at, lang),
            start=moment(silence.start_at, lang, zone, seconds=False),
            end=moment(until, lang, zone, seconds=False),
        )
    )


def _balance_lines(balances: dict[str, Balance]) -> list[Text]:
    lines: list[Text] = []
    for key in ("unparsed", "ignored", "waiting", "rejected"):
        counts = {name: b.events[key] if key == "rejected" else b.raws[key] for name, b in balances.items()}
        by_source = {name: count for name, count in counts.items() if count}
        if by_source:
            worst = sorted(by_source, key=lambda n: -by_source[n])
            lines.append(texts(f"report.unseen.{key}", count=sum(by_source.values()), names=_names(worst)))
    if off := [name for name, b in balances.items() if not b.holds]:
        lines.append(texts("report.unseen.imbalance", count=len(off), names=_names(off)))
    return lines


def _rule_lines(coverage: Iterable[RuleState]) -> list[Text]:
    states = list(coverage)
    if not states:
        return []
    counts = Counter(str(c.state) for c in states)
    lines: list[Text] = [
        texts("report.unseen.rules", blind=counts["blind"], unproven=counts["unproven"], all=len(states))
    ]
    missing = Counter(m for c in states if str(c.state) == "blind" for m in c.missing)
    if missing:
        names = ", ".join(name for name, _ in missing.most_common(8))
        lines.append(texts("report.unseen.rules_missing", names=names))
    return lines


def sources_section(services: Services, start: Micros, end: Micros) -> Section:
    """Sources by state, each with its balance."""
    with services.database.read() as session:
        found = views(session, services.clock.now())
        balances = read_balances(session, start, end)
    rows = []
    for view in found:
        balance = balances.get(view.name, Balance(view.name))
        rows.append(
            (
                view.name,
                view.product or "–",
                view.system or "–",
                texts(f"common.source_state.{view.state}"),
                balance.raws["received"],
                balance.raws["unparsed"],
                balance.events["rejected"],
                texts("cli.ledger.holds") if balance.holds else texts("cli.ledger.off", count=balance.raws_off_by),
            )
        )
    heads = ("source", "product", "system", "state", "received", "unparsed", "rejected", "balance")
    columns = [texts(f"cli.column.{h}") for h in heads]
    return Section(
        "sources",
        texts("report.section.sources"),
        table=Table(columns, rows, right=(4, 5, 6), widths=(20, 18, 26, 16, 12, 12, 12, 12)),
    )
