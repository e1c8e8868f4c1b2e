"""Sources: who sent it, what was declared of it, and whether it still speaks.

A *source* is what the transport proves (Frame.source) or, behind a declared relay, the host named in the record.
Its keys in the inventory are plain addresses (``10.20.1.5``), transport keys (``token:web``), or host names that a
relay forwards (``host:dc01``). What nobody declared goes by its transport key and is shown as undeclared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import pairwise

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core import planned
from core.clock import DAY, HOUR, LOCAL_ZONE, MINUTE, SECOND, Micros
from core.db.models import Activity, Silence, Source
from core.followed import SOURCE
from core.listed import OTHERS
from core.planned import Planned

SILENCE_FLOOR = 15 * MINUTE
SILENCE_FACTOR = 5
GAP_MEMORY = 7 * DAY
GAPS_KEPT = 8
OUTLIERS = 3
"""So many of the longest gaps may be silences: the usual gap is the next one."""
KNOWN_EVENTS = 1_000
"""So many events, or a day of them, make a source's rhythm known, so that a gap in it is a silence to be told of."""
ACTIVITY_KEYS = 10_000
FIELDS_KEPT = 300
OTHER = "other"
LONGEST_NAME = 200
"""A host names itself as it likes; the tables of the control database take so many characters."""
ZONE_TOLERANCE = 2 * MINUTE
OFFSETS_KEPT = 21
OFFSETS_NEEDED = 10
"""Of fewer events nothing is said about a clock or a zone."""
SKEW_SHOWN = MINUTE


class SourceState(StrEnum):
    NEVER = "never"
    SENDING = "sending"
    SILENT = "silent"
    UNDECLARED = "undeclared"


@dataclass(frozen=True, slots=True)
class Resolved:
    """The source that a frame belongs to, and what its events carry of it."""

    name: str
    is_declared: bool = False
    is_relay: bool = False
    is_replay: bool = False
    zone: str = LOCAL_ZONE
    system: str = ""
    agency: str = ""
    level: int | None = None
    retention: str = "default"


def _retention(row: Source) -> str:
    """The class of its events: its own, else that of its information system's level."""
    return f"level{row.level}" if row.retention == "default" and row.level else row.retention


class SourceBook:
    """Finds the source of a frame; built from the table, replaced when the table changes."""

    def __init__(self, rows: Iterable[Source], *, zone: str = LOCAL_ZONE) -> None:
        self.zone = zone
        self._by_key: dict[str, Resolved] = {}
        self._cache: dict[tuple[str, str], Resolved] = {}
        self._journal = Resolved(SOURCE, zone=zone)
        for row in rows:
            resolved = Resolved(
                row.name,
                row.is_declared,
                row.is_relay,
                row.is_replay,
                row.zone or zone,
                row.system,
                row.agency,
                row.level,
                _retention(row),
            )
            if row.name == SOURCE:  # no name that a sender gives itself leads to it
                self._journal = resolved
                continue
            for key in {row.name, *row.keys}:
                self._by_key[key.lower()] = resolved

    @classmethod
    def load(cls, session: Session, *, zone: str = LOCAL_ZONE) -> SourceBook:
        return cls(session.scalars(select(Source)), zone=zone)

    def resolve(self, key: str, host: str = "") -> Resolved:
        """The source of a frame with transport key ``key`` whose record names ``host``."""
        cached = self._cache.get((key, host))
        if cached is None:
            if len(self._cache) >= ACTIVITY_KEYS:
                self._cache.clear()
            cached = self._cache[key, host] = self._find(key, host)
        return cached

    def _find(self, key: str, host: str) -> Resolved:
        if key == SOURCE:
            return self._journal
        transport, _, rest = key.lower().partition(":")
        if transport == "relay":
            address, _, named = rest.partition(":")
            return self._behind(address, host.lower() or named)
        found = self._by_key.get(key.lower()) or self._by_key.get(rest)
        if found is None:
            return Resolved(key[:LONGEST_NAME], zone=self.zone)
        return self._behind(rest, host.lower()) if found.is_relay and host else found

    def _behind(self, address: str, host: str) -> Resolved:
        short = host.partition(".")[0]
        for key in (f"host:{host}", host, f"host:{short}", short):
            if (found := self._by_key.get(key)) is not None and not found.is_relay:
                return found
        return Resolved(f"relay:{address}:{host}"[:LONGEST_NAME], zone=self.zone)


@dataclass(slots=True)
class Heard:
    """What one batch heard of one (source, host, data set)."""

    created: list[Micros] = field(default_factory=list)
    offsets: list[Micros] = field(default_factory=list)
    fields: set[str] = field(default_factory=set)
    count: int = 0


ActivityKey = tuple[str, str, str]


class Heards:
    """What a batch heard, to be folded into the activity table in step 2 of the commit."""

    def __init__(self) -> None:
        self._heard: dict[ActivityKey, Heard] = {}

    def add(
        self, source: str, host: str, dataset: str, created: Micros, offset: Micros | None, count: int = 1
    ) -> Heard:
        """One event, or several of one instant; returns the entry, so that its fields can be noted once a batch."""
        self._note((source, "", ""), created, offset, count)
        return self._note((source, host, dataset), created, offset, count)

    def _note(self, key: ActivityKey, created: Micros, offset: Micros | None, count: int) -> Heard:
        heard = self._heard.get(key)
        if heard is None:
            heard = self._heard[key] = Heard()
        heard.count += count
        heard.created.append(created)
        if offset is not None:
            heard.offsets.append(offset)
        return heard

    def save(self, session: Session, limits: Mapping[str, int | None]) -> None:
        """Fold into the table; a gap over the source's limit becomes a row of Silence.

        ``limits``: silence limit in seconds by declared source name (None: the usual rhythm decides).
        """
        known = session.query(Activity).count()
        for key, heard in self._heard.items():
            times = sorted(set(heard.created))
            row = session.get(Activity, key)
            if row is None:
                if known >= ACTIVITY_KEYS:
                    key = _within_bounds(session, key, is_declared=key[0] in limits)
                    row = session.get(Activity, key)
                if row is None:
                    row = Activity(
                        source=key[0],
                        host=key[1],
                        dataset=key[2],
                        first_at=times[0],
                        last_at=times[0],
                        count=0,
                        gaps=[],
                        offsets=[],
                        fields=[],
                    )
                    session.add(row)
                    known += 1
            if key[1:] == ("", "") and key[0] in limits:
                _note_silences(session, row, times, limits[key[0]])
            _take_in(row, times)
            row.count += heard.count
            if heard.offsets:
                row.offsets = [*row.offsets, *heard.offsets][-OFFSETS_KEPT:]
                row.offset = clock_offset(row.offsets)
            if not heard.fields <= set(row.fields):
                row.fields = sorted({*row.fields, *heard.fields})[:FIELDS_KEPT]


def _within_bounds(session: Session, key: ActivityKey, *, is_declared: bool) -> ActivityKey:
    """The row that a key is folded into when there are enough: anyone can make up senders, hosts and data sets."""
    source, *part = key
    if not is_declared and session.get(Activity, (source, "", "")) is None:
        source = OTHERS
    return (source, "", "") if part == ["", ""] else (source, OTHER, OTHER)


def _note_silences(session: Session, row: Activity, times: Sequence[Micros], own_seconds: int | None) -> None:
    last, count = row.last_at, row.count
    for here in times:
        limit = silence_limit(row.gaps, own_seconds)
        is_known = own_seconds is not None or count >= KNOWN_EVENTS or last - row.first_at >= DAY
        if here - last > limit and is_known:
            _close(session, row.source, last, here, limit)
        last, count = max(last, here), count + 1


def _take_in(row: Activity, times: Sequence[Micros]) -> None:
    """Fold times of one batch, in order, into the row's first and last time and its gaps."""
    last = row.last_at
    found = [[here - before, here] for before, here in pairwise([last, *times]) if here > before >= last]
    newest = max(last, times[-1])
    kept = [gap for gap in [*row.gaps, *found] if newest - gap[1] <= GAP_MEMORY]
    row.gaps = sorted(kept, reverse=True)[:GAPS_KEPT]
    row.first_at, row.last_at = min(row.first_at, times[0]), newest


def _close(session: Session, source: str, start: Micros, end: Micros, limit: Micros) -> None:
    row = session.get(Silence, (source, start))
    if row is None:
        session.add(Silence(source=source, start_at=start, end_at=end, limit=limit))
    else:
        row.end_at = end


def silences_in(session: Session, start: Micros, end: Micros) -> Sequence[Silence]:
    """Silences that touch [start, end), the first to begin first."""
    touching = Silence.start_at < end, or_(Silence.end_at.is_(None), Silence.end_at > start)
    return session.scalars(select(Silence).where(*touching).order_by(Silence.start_at, Silence.source)).all()


def may_be_missed(source: Source) -> bool:
    """Whether silence of a source says anything. A relay only forwards; of the journal it is known what waits."""
    return not source.is_relay and source.name != SOURCE


def usual_gap(gaps: Sequence[Sequence[int]]) -> Micros:
    """The longest usual gap of 7 days: the longest but for three, which may be silences."""
    return gaps[min(OUTLIERS, len(gaps) - 1)][0] if gaps else 0


def silence_limit(gaps: Sequence[Sequence[int]], own_seconds: int | None) -> Micros:
    """How long the source may be silent: its own limit, else max(15 min, 5 × its longest usual gap of 7 days)."""
    return own_seconds * SECOND if own_seconds is not None else max(SILENCE_FLOOR, SILENCE_FACTOR * usual_gap(gaps))


def clock_offset(offsets: Sequence[Micros]) -> Micros | None:
    """How far a clock is off: the median, if there are enough and two of three lie near it.

    None else: late events, sent together after a while, tell of the way they came and not of a clock.
    """
    if len(offsets) < OFFSETS_NEEDED:
        return None
    median = sorted(offsets)[len(offsets) // 2]
    near = sum(abs(offset - median) <= ZONE_TOLERANCE for offset in offsets)
    return median if 3 * near >= 2 * len(offsets) else None


def wrong_zone(offset: Micros | None) -> int | None:
    """Minutes by which a source's zone is wrong, when its offset lies within 2 min of a half hour ≥ 30 min."""
    if offset is None or abs(offset) < 30 * MINUTE - ZONE_TOLERANCE:
        return None
    halves = round(offset / (30 * MINUTE))
    return halves * 30 if abs(offset - halves * 30 * MINUTE) <= ZONE_TOLERANCE else None


@dataclass(frozen=True, slots=True)
class SourceView:
    """A source as Sources, the command line and reports show it."""

    name: str
    state: SourceState
    is_declared: bool
    product: str = ""
    system: str = ""
    agency: str = ""
    place: str = ""
    owner: str = ""
    level: int | None = None
    zone: str = LOCAL_ZONE
    last_at: Micros | None = None
    silent_for: Micros | None = None
    limit: Micros | None = None
    usual_gap: Micros | None = None
    offset: Micros | None = None
    wrong_zone_minutes: int | None = None
    hosts: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    maintenance: Planned | None = None
    """It may be silent now: somebody planned it."""
    missing_datasets: tuple[str, ...] = ()
    """Data sets expected of it and not heard for longer than its limit, though it sends others."""


def views(session: Session, now: Micros) -> list[SourceView]:
    """Every declared source and every undeclared sender, by name."""
    activity: dict[str, list[Activity]] = {}
    for row in session.scalars(select(Activity)):
        activity.setdefault(row.source, []).append(row)
    declared = list(session.scalars(select(Source)))
    # a relay only forwards: its hosts are the sources
    under_way = planned.current(session, now)
    found = [
        replace(_view(s, activity.get(s.name, ()), now), maintenance=under_way.get(s.name))
        for s in declared
        if not s.is_relay
    ]
    names, book = {s.name for s in declared}, SourceBook(declared)
    strangers = [(name, rows) for name, rows in activity.items() if name not in names]
    found += [_undeclared(name, rows, now) for name, rows in strangers if not _is_taken(book, name, rows)]
    return sorted(found, key=lambda v: v.name)


def _is_taken(book: SourceBook, name: str, rows: Sequence[Activity]) -> bool:
    """Whether nothing would be booked under this name today: it was declared since, or it is the name of a source
    that was taken out of the inventory (those of senders have a transport before a colon)."""
    return ":" not in name or all(
        book.resolve(name, host).name != name for host in {row.host for row in rows if row.host} or {""}
    )


def _split(rows: Sequence[Activity]) -> tuple[Activity | None, list[Activity]]:
    whole = next((r for r in rows if (r.host, r.dataset) == ("", "")), None)
    return whole, [r for r in rows if r is not whole]


def _view(source: Source, rows: Sequence[Activity], now: Micros) -> SourceView:
    whole, parts = _split(rows)
    base = SourceView(
        source.name,
        SourceState.NEVER,
        source.is_declared,
        source.product,
        source.system,
        source.agency,
        source.place,
        source.owner,
        source.level,
        source.zone,
    )
    if whole is None:
        return base
    silent_for = now - whole.last_at
    limit = silence_limit(whole.gaps, source.silence_limit_s) if may_be_missed(source) else None
    is_silent = limit is not None and silent_for > limit
    recent = {r.dataset for r in parts if now - r.last_at <= max(silence_limit(r.gaps, None), HOUR)}
    return replace(
        base,
        state=SourceState.SILENT if is_silent else SourceState.SENDING,
        last_at=whole.last_at,
        silent_for=silent_for if is_silent else None,
        limit=limit,
        usual_gap=usual_gap(whole.gaps),
        offset=whole.offset,
        wrong_zone_minutes=wrong_zone(whole.offset),
        hosts=tuple(sorted({r.host for r in parts if r.host})),
        datasets=tuple(sorted({r.dataset for r in parts})),
        missing_datasets=tuple(sorted(set(source.expected) - recent)) if recent else (),
    )


def _undeclared(name: str, rows: Sequence[Activity], now: Micros) -> SourceView:
    whole, parts = _split(rows)
    return SourceView(
        name,
        SourceState.UNDECLARED,
        False,
        last_at=whole.last_at if whole else None,
        offset=whole.offset if whole else None,
        wrong_zone_minutes=wrong_zone(whole.offset) if whole else None,
        hosts=tuple(sorted({r.host for r in parts if r.host})),
        datasets=tuple(sorted({r.dataset for r in parts})),
    )
