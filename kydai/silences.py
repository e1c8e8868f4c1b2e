"""Declared sources that fell silent: rows with no end yet, and one alert for all that fell silent together.

The pipeline (core/sources.py) ends a silence in the transaction that hears the source again; what it leaves open,
because the limit has changed since or the rhythm was not known, is ended here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core import planned
from core.clock import DAY, MINUTE, Micros
from core.db.models import Activity, Alert, Level, Silence, Source
from core.lag import spool_lags
from core.sources import SourceState, SourceView, views
from core.words import LANGUAGES, both, say
from detections.alerting import self_alert
from kydai.upkeep import LIMIT

TOGETHER = 5 * MINUTE
"""Sources that fell silent no further apart than this did so together."""
NAMES_SHOWN = 5
KEY = "silence"
WIDEST = {4: 16, 6: 48}
"""Bits of the widest block of addresses that is worth naming, by version."""
FINEST = {4: 24, 6: 64}


@dataclass(frozen=True, slots=True)
class Begun:
    """A silence that begins: ``heard_at`` last; ``silent_from`` is later when we did not listen ourselves till then."""

    source: str
    heard_at: Micros
    silent_from: Micros
    limit: Micros


@dataclass(frozen=True, slots=True)
class Told:
    """A wave of silences that people were told of."""

    key: str
    first: Micros
    last: Micros
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What has to be written about silent sources: begun, and ended with their end."""

    begun: tuple[Begun, ...] = ()
    ended: tuple[tuple[str, Micros, Micros], ...] = ()
    """(source, start, end)."""


def find(session: Session, now: Micros, began: Micros) -> Found:
    """Declared sources that fell silent, and those that speak again. Only reads.

    Time in which we did not run ourselves (before ``began``), or lag behind, is nobody's silence. Of a source under
    maintenance nothing is told, and from the end of it on its silence begins anew.
    """
    whole = select(Activity.source, Activity.last_at).where(Activity.host == "", Activity.dataset == "")
    heard = dict(session.execute(whole).tuples().all())
    still_open = session.scalars(select(Silence).where(Silence.end_at.is_(None))).all()
    ended = tuple((s.source, s.start_at, heard[s.source]) for s in still_open if heard.get(s.source, 0) > s.start_at)
    behind = spool_lags(session, now)
    if not behind or max(behind.values()) > LIMIT:
        return Found(ended=ended)
    ends = planned.ended(session, now)
    silent = [
        begin for v in views(session, now) if (begin := _begin(v, now, max(began, ends.get(v.name, 0)))) is not None
    ]
    return Found(tuple(b for b in silent if session.get(Silence, (b.source, b.heard_at)) is None), ended)


def _begin(view: SourceView, now: Micros, began: Micros) -> Begun | None:
    if not view.is_declared or view.state is not SourceState.SILENT or view.last_at is None or view.limit is None:
        return None
    if view.maintenance is not None:
        return None
    since = max(view.last_at, began)
    return Begun(view.name, view.last_at, since, view.limit) if now - since > view.limit else None


def waves(begun: Iterable[Begun], told: Iterable[Told]) -> list[tuple[Told | None, list[Begun]]]:
    """Put those that fell silent within the same minutes together, and with the wave told of that they belong to."""
    groups: list[list[Begun]] = []
    for one in sorted(begun, key=lambda b: (b.silent_from, b.source)):
        if groups and one.silent_from - groups[-1][-1].silent_from <= TOGETHER:
            groups[-1].append(one)
        else:
            groups.append([one])
    known = list(told)
    return [(next((t for t in known if _touches(t, group)), None), group) for group in groups]


def _touches(told: Told, group: Sequence[Begun]) -> bool:
    return group[0].silent_from <= told.last + TOGETHER and group[-1].silent_from >= told.first - TOGETHER


def shared(sources: Sequence[Source]) -> dict[str, str]:
    """What all of several sources have in common: information system, agency, place, product, block of addresses."""
    if len(sources) < 2:
        return {}
    found = {}
    reads: dict[str, Callable[[Source], str]] = {
        "system": lambda s: s.system, "agency": lambda s: s.agency, "place": lambda s: s.place,
        "product": lambda s: s.product,
    }  # fmt: skip
    for name, read in reads.items():
        values = {read(s) for s in sources}
        if len(values) == 1 and (value := values.pop()):
            found[name] = value
    if block := _block([_addresses(s.keys) for s in sources]):
        found["block"] = block
    return found


def _addresses(keys: Iterable[str]) -> list[IPv4Address | IPv6Address]:
    found = []
    for key in keys:
        for text in (key, key.partition(":")[2]):  # an address, or a transport and an address
            try:
                found.append(ip_address(text))
                break
            except ValueError:
                continue
    return found


def _block(of_each: Sequence[Sequence[IPv4Address | IPv6Address]]) -> str:
    every = [address for addresses in of_each for address in addresses]
    versions = {address.version for address in every}
    if len(versions) != 1 or not all(of_each):
        return ""
    version = versions.pop()
    numbers = [int(address) for address in every]
    differing = (min(numbers) ^ max(numbers)).bit_length()
    prefix = min(every[0].max_prefixlen - differing, FINEST[version])
    return str(ip_network((numbers[0], prefix), strict=False)) if prefix >= WIDEST[version] else ""


def title_of(names: Sequence[str], common: Mapping[str, str]) -> dict[str, str]:
    """``14 sources fell silent together (all of agency X): rt-xa01, …``"""
    if len(names) == 1:
        return both("upkeep.silence_one", names=names[0])
    shown = ", ".join(names[:NAMES_SHOWN]) + (" …" if len(names) > NAMES_SHOWN else "")
    if not common:
        return both("upkeep.silence", count=len(names), names=shown)
    title = {}
    for lang in LANGUAGES:
        parts = ", ".join(say(f"upkeep.shared.{what}", lang, value=value) for what, value in common.items())
        title[lang] = say("upkeep.silence_shared", lang, count=len(names), names=shown, shared=parts)
    return title


def save(session: Session, found: Found, now: Micros) -> None:
    """Write the rows; those that begin together are one alert."""
    for source, start, end in found.ended:
        row = Silence.source == source, Silence.start_at == start, Silence.end_at.is_(None)
        session.execute(update(Silence).where(*row).values(end_at=end))
    for begin in found.begun:
        if session.get(Silence, (begin.source, begin.heard_at)) is None:  # the pipeline may have been quicker
            session.add(Silence(source=begin.source, start_at=begin.heard_at, end_at=None, limit=begin.limit))
    if found.begun:
        for told, group in waves(found.begun, _told(session, now)):
            _tell(session, told, group, now)


def _told(session: Session, now: Micros) -> list[Told]:
    recent = select(Alert.summary).where(Alert.rule_id == f"self:{KEY}", Alert.last_at > now - DAY)
    found: dict[str, Told] = {}
    for facts in session.scalars(recent.order_by(Alert.id)):
        if not {"first", "last", "source"} <= facts.keys():  # written before waves were known
            continue
        found[facts["key"]] = Told(facts["key"], facts["first"], facts["last"], tuple(facts["source"]))
    return list(found.values())


def _tell(session: Session, told: Told | None, group: Sequence[Begun], now: Micros) -> None:
    first, last = group[0].silent_from, group[-1].silent_from
    names = {b.source for b in group}
    key = f"{KEY}:{first}"
    if told is not None:
        key, first, last = told.key, min(first, told.first), max(last, told.last)
        names |= set(told.names)
    ordered = sorted(names)
    rows = session.scalars(select(Source).where(Source.name.in_(ordered))).all()
    common = shared(rows)
    facts: dict[str, Any] = {"source": ordered, "first": first, "last": last, **common}
    since = int(key.partition(":")[2])  # the beginning that the wave was first told with: it keeps its row
    self_alert(session, key, title_of(ordered, common), Level.MEDIUM, facts, now, since=since, count=len(ordered))
