"""Sources and their balances as tables that are taken away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api import sources
from core.clock import Micros, hour_of, iso
from core.db.models import Ledger
from core.export import Cell
from core.extract import Counted, Extract, local
from core.ledger import Balance, Events, Raws, balances
from core.query.fold import fold
from core.said import Statement, lost_text, read_hours
from core.sources import SourceState, SourceView
from core.words import moment, say

SOURCES = (
    "source", "state", "is_declared", "product", "system", "agency", "place", "owner", "hosts", "last_at", "utc",
    "silent_seconds", "offset_seconds", "missing_datasets", "maintenance", "received", "unparsed", "rejected", "off_by",
)  # fmt: skip
BALANCES = (
    "source", "at", "utc", *Raws, "raws_off_by", "made", "stored", "rejected", "events_waiting", "events_off_by",
    "lost",
)  # fmt: skip

Found = tuple[SourceView, Balance, list[int]]


def filtered(found: Sequence[Found], states: Sequence[SourceState] | None, text: str) -> list[Found]:
    """Those of the states (None or none: any) that have all words of the text."""
    words = fold(text).split()
    return [each for each in found if (not states or each[0].state in states) and _has(each[0], words)]


def _has(view: SourceView, words: Sequence[str]) -> bool:
    about = fold(" ".join((view.name, view.product, view.system, view.agency, *view.hosts)))
    return all(word in about for word in words)


def take_sources(found: Sequence[Found], extract: Extract, zone: str, lang: str) -> Counted:
    """Sources, their balances of the last 24 hours."""
    extract.add(_source_row(view, balance, zone, lang) for view, balance, _ in found)
    return Counted(len(found))


def _source_row(view: SourceView, balance: Balance, zone: str, lang: str) -> list[Cell]:
    row, last, plan = sources.row(view, balance, ()), view.last_at, view.maintenance
    return [
        view.name, say(f"common.source_state.{view.state}", lang), say("api.yes", lang) if view.is_declared else "",
        view.product, view.system, view.agency, view.place, view.owner, ", ".join(view.hosts),
        None if last is None else local(last, zone), None if last is None else iso(last), row.silent_seconds,
        row.offset_seconds, ", ".join(view.missing_datasets),
        "" if plan is None else f"{moment(plan.end_at, lang, zone)}: {plan.reason}", balance.raws[Raws.RECEIVED],
        balance.raws[Raws.UNPARSED], balance.events[Events.REJECTED],
        abs(balance.raws_off_by) + abs(balance.events_off_by),
    ]  # fmt: skip


def take_balances(
    session: Session, names: Set[str] | None, start: Micros, end: Micros, extract: Extract, zone: str, lang: str
) -> Counted:
    """A row for each hour of [start, end) and source (of ``names``; None: all) that has a balance, the oldest first."""
    within = (Ledger.hour >= hour_of(start), Ledger.hour < end)
    pairs = select(Ledger.hour, Ledger.source).where(*within).distinct().subquery()
    by_source = session.execute(select(pairs.c.source, func.count()).group_by(pairs.c.source)).tuples()
    counted: dict[str, int] = dict(iter(by_source))
    said = read_hours(session, start, end)
    for hour in session.scalars(select(Ledger.hour).where(*within).distinct().order_by(Ledger.hour)).all():
        rows = balances(session.scalars(select(Ledger).where(Ledger.hour == hour)))
        extract.add(
            _balance_row(rows[name], hour, said.get((name, hour), Statement()), zone, lang)
            for name in _within(sorted(rows), names)
        )
    return Counted(sum(counted[name] for name in _within(counted, names)))


def _within(found: Sequence[str] | dict[str, int], names: Set[str] | None) -> Iterator[str]:
    return (name for name in found if names is None or name in names)


def _balance_row(balance: Balance, hour: Micros, said: Statement, zone: str, lang: str) -> list[Cell]:
    return [
        balance.source, local(hour, zone), iso(hour), *(balance.raws[bucket] for bucket in Raws), balance.raws_off_by,
        *(balance.events[bucket] for bucket in Events), balance.events_off_by, lost_text(said, lang),
    ]  # fmt: skip
