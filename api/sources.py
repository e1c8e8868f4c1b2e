"""Sources as the console sees them: state, balance of 24 hours, what is wrong, and what to do about it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.scope import Sight
from api.shapes import Shape, Time, Words
from core.clock import HOUR, MINUTE, SECOND, Micros, hour_of
from core.db.models import Activity, Ledger
from core.ledger import Balance, balances
from core.said import KERNEL, REFUSED, Statement, read_hours, read_said, sum_of
from core.sources import SourceState, SourceView, silences_in, views
from core.words import LANGUAGES, duration, moment, number, say

HOURS = 24
SKEW_SHOWN = MINUTE


class Balances(Shape):
    """The two balances: raws received = the sum of the other buckets, events made = the sum of the others."""

    raws: dict[str, int]
    events: dict[str, int]
    holds: bool
    raws_off_by: int
    events_off_by: int


class Reason(Shape):
    """How many went into a bucket for which reason."""

    balance: str
    bucket: str
    reason: str
    count: int


class Said(Shape):
    """What is missing by the senders' own sequence numbers; not known of what they do not number."""

    is_known: bool
    checked: int
    """Datagrams or messages whose number could be held against the one before."""
    lost: dict[str, int]
    """By what is counted: ``records`` (NetFlow v5, IPFIX), ``datagrams`` (NetFlow v9), ``messages`` (syslog)."""
    is_doubtful: bool
    """Most numbers do not follow each other: much is lost, or the sender counts in a way of its own."""


class SaidStream(Shape):
    """The same of one count of a sender: an observation domain, or its syslog messages."""

    stream: str
    unit: str
    checked: int
    lost: int
    late: int
    """Came after a later one; they are not lost."""
    restarts: int
    is_doubtful: bool


class ReceiverSaid(Shape):
    """What was lost at a receiver; of which source, nobody knows."""

    name: str
    taken: int | None
    """By all of its senders, so it is told to who may see them all."""
    kernel_drops: int
    refused: int
    """Taken while the disk or the spool's quota was full, and lost."""


class Maintenance(Shape):
    """A planned silence: no alert tells of it before its end."""

    end_at: Time
    reason: str
    owner: str
    by: str


class SourceRow(Shape):
    """A source as a row of the list; ``balance`` and ``spark`` are of the last 24 hours."""

    name: str
    state: SourceState
    is_declared: bool
    product: str
    system: str
    agency: str
    place: str
    owner: str
    level: int | None
    zone: str
    last_at: Time | None
    silent_seconds: float | None
    limit_seconds: float | None
    usual_gap_seconds: float | None
    offset_seconds: float | None
    """``@timestamp`` less ``event.created``, if its last events agree on it; null while too few say so."""
    wrong_zone_minutes: int | None
    hosts: list[str]
    datasets: list[str]
    missing_datasets: list[str]
    maintenance: Maintenance | None
    """It may be silent now: somebody planned it."""
    balance: Balances
    spark: list[int]
    """Raws received in each of the last 24 hours, oldest first."""


class SourceTotals(Shape):
    """How many sources are in which state, and the balance of all of them."""

    declared: int
    sending: int
    silent: int
    never: int
    undeclared: int
    balance: Balances


class SourceProblem(Shape):
    """Something wrong with a source, with its remedy, in both languages."""

    key: str
    text: Words


class Gap(Shape):
    """A time without anything; ``end_at`` is None while it lasts."""

    start_at: Time
    end_at: Time | None


class SilenceRow(Gap):
    """A time in which a declared source sent nothing for longer than it may."""

    source: str
    limit_seconds: float


class Heard(Shape):
    """What was heard of one (host, data set) of a source."""

    host: str
    dataset: str
    first_at: Time
    last_at: Time
    count: int
    offset_seconds: float | None
    gaps: list[Gap]
    """The eight longest of the last seven days, longest first."""


class LedgerHour(Shape):
    """One hour's balances, by ``event.created``."""

    hour: Time
    balance: Balances
    reasons: list[Reason]
    said: Said


def said_of(statement: Statement) -> Said:
    """A statement as it is answered."""
    return Said(
        is_known=statement.is_known,
        checked=statement.checked,
        lost=dict(statement.lost),
        is_doubtful=statement.is_doubtful,
    )


def streams_of(statement: Statement) -> list[SaidStream]:
    """Its counts, one by one."""
    return [
        SaidStream(
            stream=stream,
            unit=unit,
            checked=numbered.checked,
            lost=numbered.lost,
            late=numbered.late,
            restarts=numbered.restarts,
            is_doubtful=numbered.is_doubtful,
        )
        for (stream, unit), numbered in sorted(statement.streams.items())
    ]


def receivers(session: Session, start: Micros, end: Micros, sight: Sight) -> list[ReceiverSaid]:
    """What each receiver says of its socket."""
    found = sorted(read_said(session, start, end, receivers=True).items())
    return [
        ReceiverSaid(
            name=name,
            taken=said.checked if sight.is_whole else None,
            kernel_drops=said.lost_in(KERNEL),
            refused=said.lost_in(REFUSED),
        )
        for name, said in found
    ]


def shown(balance: Balance) -> Balances:
    """A balance as it is answered."""
    return Balances(
        raws={str(k): n for k, n in balance.raws.items()},
        events={str(k): n for k, n in balance.events.items()},
        holds=balance.holds,
        raws_off_by=balance.raws_off_by,
        events_off_by=balance.events_off_by,
    )


def _reasons(balance: Balance) -> list[Reason]:
    return [Reason(balance=b, bucket=k, reason=r, count=n) for (b, k, r), n in sorted(balance.reasons.items())]


def total(parts: Iterable[Balance]) -> Balance:
    """The balance of several sources together."""
    whole = Balance("")
    for part in parts:
        whole.raws.update(part.raws)
        whole.events.update(part.events)
        whole.reasons.update(part.reasons)
    return whole


def _seconds(length: Micros | None) -> float | None:
    return None if length is None else length / SECOND


def row(view: SourceView, balance: Balance, spark: Sequence[int]) -> SourceRow:
    return SourceRow(
        name=view.name,
        state=view.state,
        is_declared=view.is_declared,
        product=view.product,
        system=view.system,
        agency=view.agency,
        place=view.place,
        owner=view.owner,
        level=view.level,
        zone=view.zone,
        last_at=view.last_at,
        silent_seconds=_seconds(view.silent_for),
        limit_seconds=_seconds(view.limit),
        usual_gap_seconds=_seconds(view.usual_gap),
        offset_seconds=_seconds(view.offset),
        wrong_zone_minutes=view.wrong_zone_minutes,
        hosts=list(view.hosts),
        datasets=list(view.datasets),
        missing_datasets=list(view.missing_datasets),
        maintenance=None if view.maintenance is None else Maintenance.model_validate(view.maintenance),
        balance=shown(balance),
        spark=list(spark),
    )


def rows(session: Session, now: Micros, sight: Sight) -> list[tuple[SourceView, Balance, list[int]]]:
    """Every source within the scope, with its balance and its raws per hour of the last day."""
    first = hour_of(now) - (HOURS - 1) * HOUR
    ledger = list(session.scalars(select(Ledger).where(Ledger.hour >= first)))
    sums = balances(ledger)
    sparks: dict[str, list[int]] = defaultdict(lambda: [0] * HOURS)
    for entry in ledger:
        at = (entry.hour - first) // HOUR
        if (entry.balance, entry.bucket) == ("raws", "received") and at < HOURS:
            sparks[entry.source][at] += entry.count
    return [
        (view, sums.get(view.name, Balance(view.name)), sparks[view.name])
        for view in views(session, now)
        if sight.sees(view.system, view.agency)
    ]


def totals(found: Sequence[tuple[SourceView, Balance, list[int]]]) -> SourceTotals:
    states = Counter(view.state for view, _, _ in found)
    return SourceTotals(
        declared=sum(view.is_declared for view, _, _ in found),
        sending=states[SourceState.SENDING],
        silent=states[SourceState.SILENT],
        never=states[SourceState.NEVER],
        undeclared=states[SourceState.UNDECLARED],
        balance=shown(total(balance for _, balance, _ in found)),
    )


def hours(
    session: Session, source: str | None, start: Micros, end: Micros, names: set[str] | None
) -> tuple[list[LedgerHour], int]:
    """The balances hour by hour, of one source or of all (within ``names``), and how many sources sent anything."""
    query = select(Ledger).where(Ledger.hour >= hour_of(start), Ledger.hour < end).order_by(Ledger.hour)
    if source is not None:
        query = query.where(Ledger.source == source)
    by_hour: dict[Micros, list[Ledger]] = defaultdict(list)
    senders = set()
    for entry in session.scalars(query):
        if names is None or entry.source in names:
            by_hour[entry.hour].append(entry)
            if (entry.balance, entry.bucket) == ("raws", "received"):
                senders.add(entry.source)
    told: dict[Micros, list[Statement]] = defaultdict(list)
    for (name, hour), statement in read_hours(session, start, end).items():
        if name == source or (source is None and (names is None or name in names)):
            told[hour].append(statement)
    made = []
    for hour in sorted(by_hour.keys() | told.keys()):
        whole = total(balances(by_hour.get(hour, ())).values())
        statement = sum_of(told.get(hour, ()))
        made.append(LedgerHour(hour=hour, balance=shown(whole), reasons=_reasons(whole), said=said_of(statement)))
    return made, len(senders)


def said(
    session: Session, source: str | None, start: Micros, end: Micros, names: set[str] | None
) -> tuple[Statement, int]:
    """What one source said, or all (within ``names``), and how many of them number what they send."""
    found = [
        statement
        for name, statement in read_said(session, start, end).items()
        if statement.is_known and (name == source or (source is None and (names is None or name in names)))
    ]
    return sum_of(found), len(found)


def heard(session: Session, source: str, dataset: str | None = None) -> list[Heard]:
    """The hosts and data sets heard of a source (or one data set), the newest first."""
    query = select(Activity).where(Activity.source == source, (Activity.host != "") | (Activity.dataset != ""))
    if dataset is not None:
        query = query.where(Activity.dataset == dataset)
    return [
        Heard(
            host=a.host,
            dataset=a.dataset,
            first_at=a.first_at,
            last_at=a.last_at,
            count=a.count,
            offset_seconds=_seconds(a.offset),
            gaps=[Gap(start_at=end - lasted, end_at=end) for lasted, end in a.gaps],
        )
        for a in session.scalars(query.order_by(Activity.last_at.desc()).limit(200))
    ]


def silences(session: Session, source: str | None, start: Micros, end: Micros, names: set[str]) -> list[SilenceRow]:
    """Silences of [start, end) of the sources of these names, or of one of them, the first to begin first."""
    return [
        SilenceRow(source=row.source, start_at=row.start_at, end_at=row.end_at, limit_seconds=row.limit / SECOND)
        for row in silences_in(session, start, end)
        if row.source in names and source in (None, row.source)
    ]


def problems(view: SourceView, balance: Balance, zone: str) -> list[SourceProblem]:
    """What is wrong with a source, the gravest first, each with what to do."""
    found = []

    def add(key: str, **values: dict[str, object]) -> None:
        texts = {
            lang: say(f"api.source.{key}", lang, **{name: by_lang[lang] for name, by_lang in values.items()})
            for lang in LANGUAGES
        }
        found.append(SourceProblem(key=key, text=Words(**texts)))

    def each(make: object) -> dict[str, object]:
        return dict.fromkeys(LANGUAGES, make)

    if view.state is SourceState.NEVER:
        add("never")
    if view.state is SourceState.SILENT and view.last_at is not None:
        at = view.last_at
        add(
            "silent",
            since={lang: moment(at, lang, zone) for lang in LANGUAGES},
            limit={lang: duration(view.limit or 0, lang) for lang in LANGUAGES},
        )
    if view.state is SourceState.UNDECLARED:
        add("undeclared")
    if view.wrong_zone_minutes is not None:
        add("wrong_zone", hours={lang: number(view.wrong_zone_minutes / 60, lang) for lang in LANGUAGES})
    elif view.offset is not None and abs(view.offset) >= SKEW_SHOWN:
        offset = view.offset
        add("skew", offset={lang: duration(offset, lang) for lang in LANGUAGES})
    if view.missing_datasets:
        add("missing", datasets=each(", ".join(view.missing_datasets)))
    if balance.raws["unparsed"]:
        add("unparsed", count=each(balance.raws["unparsed"]), received=each(balance.raws["received"]))
    if refused := balance.refused:
        add("refused", count=each(refused.total()), reasons=each(", ".join(sorted(refused))))
    if not balance.holds:
        add("imbalance", count=each(balance.raws_off_by or balance.events_off_by))
    return found
