"""What reports read from, and how they count: exactly, with what gives each number again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.clock import LOCAL_ZONE, MINUTE, Clock, Micros
from core.db.database import Database
from core.db.models import Heartbeat, Incident, Meta, User
from core.query.language import parse
from core.query.tree import TRUE, And, Equals, Node
from core.store.contract import EventStore, Missing, Query, Span, Truth
from core.words import LANGUAGES, say
from reports.document import Section, Table, Text
from reports.numbers import Filter, address, command, figure, in_both, joined, texts

LIVE = MINUTE
"""A heartbeat older than this is of a process that no longer runs."""
SHORT = ("blind", "partly_blind", "unproven")
"""States of rules that cannot fire as they should; the worst first."""
NAMED = 12
"""Names told in one line; the others are counted."""


class RuleState(Protocol):
    """What a rule can do here (detections.coverage.Coverage)."""

    @property
    def rule(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def reason(self) -> Mapping[str, str]: ...
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
    rule_title: Callable[[str], Text] = str
    """The title of a rule by its id."""
    scope: Node = TRUE


@dataclass(frozen=True, slots=True)
class Definition:
    """One report as its folder says: titles, parts in order, and the numbers it gives."""

    name: str
    title: Mapping[str, str]
    about: str
    """``period`` or ``incident``: what a person names to get it."""
    sections: Sequence[str]
    counts: Sequence[Mapping[str, Any]] = ()
    """``{title, query}`` each."""
    tops: Sequence[Mapping[str, Any]] = ()
    """``{title, query, field, limit}`` each."""


@dataclass(slots=True)
class Reading:
    """One report being made: what it is about, and what its answers so far could not take into account."""

    services: Services
    definition: Definition
    start: Micros
    end: Micros
    incident: Incident | None = None
    missing: dict[tuple[str, str], Missing] = field(default_factory=dict)

    @property
    def zone(self) -> str:
        return self.services.zone

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)

    def tree(self, query: str) -> Node:
        """A query as a tree. Raises QueryError."""
        return parse(query, now=self.services.clock.now(), zone=self.zone)

    def count(self, query: str, span: Span | None = None) -> dict[str, Any]:
        """The figure of a query over a span of ``@timestamp``, by default the report's own."""
        services, span = self.services, span or self.span
        answer = services.store.count(Query(self.tree(query), span, services.scope))
        self.note(answer.truth)
        again = command("search", query, "--count", start=span.start, end=span.end)
        return figure(answer.count, again, answer.truth)

    def address(self, path: str, field: str, **filters: Filter) -> str:
        """Where the API gives a number again, over the report's own time."""
        return address(path, field, start=self.start, end=self.end, **filters)

    def terms(self, where: Node, name: str, limit: int) -> dict[str, int]:
        """The most frequent values of a field, with their counts."""
        answer = self.services.store.terms(Query(where, self.span, self.services.scope), name, limit=limit)
        self.note(answer.truth)
        if not answer.truth.exact:
            self.note(Truth(missing=(Missing("bounded", f"{answer.bound} ({name})"),)))
        return {str(b.key): b.count for b in answer.buckets}

    def note(self, truth: Truth) -> None:
        """Remember what an answer could not take into account."""
        self.missing |= {(m.what, m.detail): m for m in truth.missing}
        if not truth.complete and not truth.missing:
            self.missing["unreadable", ""] = Missing("unreadable")

    def told_missing(self) -> list[Text]:
        """What the answers lacked, as sentences."""

        def write(item: Missing) -> dict[str, str]:
            return in_both(lambda lang: f"{say(f'common.missing.{item.what}', lang)} {item.detail}".strip())

        return [write(m) for _, m in sorted(self.missing.items())]


def is_demo(session: Session) -> bool:
    return session.get(Meta, "demo") is not None


def as_of(session: Session, now: Micros) -> Micros:
    """The instant at which sources are judged: now, or when Kỳ Đài last ran; its own absence is nobody's silence."""
    beat = session.scalar(select(func.max(Heartbeat.at)))
    return now if beat is None or now - beat <= LIVE else beat


def within(query: Node, name: str, value: str) -> Node:
    """A query narrowed to one value of a field."""
    leaf = Equals(name, value)
    return leaf if query == TRUE else And((query, leaf))


def title_of(titles: Mapping[str, Any] | None, otherwise: str) -> Text:
    """A title kept in a row, in both languages; another text where there is none."""
    found = {lang: str((titles or {}).get(lang) or otherwise) for lang in LANGUAGES}
    return found if any(found.values()) else "–"


def author(reading: Reading, actor: str) -> Text:
    """A person as people know them: the full name before the account, and an access token in words."""
    account, _, token = actor.partition(" (token:")
    with reading.services.database.read() as session:
        full_name = session.scalar(select(User.full_name).where(User.name == account))
    shown = f"{full_name} ({account})" if full_name else account
    return joined([shown, texts("report.by_token")], ", ") if token else shown


def names(values: Sequence[str], most: int = NAMED) -> str:
    """Names in a row, the rest counted."""
    shown = ", ".join(values[:most])
    return shown if len(values) <= most else f"{shown} (+{len(values) - most})"


def tabled(
    key: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[Text]],
    widths: Sequence[int],
    *,
    lead: Text = "",
    how: Text = "",
    right: Sequence[int] = (),
    code: Sequence[int] = (),
    strong: Sequence[int] = (),
) -> Section:
    """A section that is a table; without rows it is its lead alone. Columns headed ``query`` hold queries."""
    columns = [texts(f"report.column.{h}") for h in heads]
    queries = [at for at, head in enumerate(heads) if head == "query"]
    table = Table(columns, rows, right, code, queries, widths, strong) if rows else None
    return Section(key, texts(f"report.section.{key}"), lead, how if rows else "", table)
