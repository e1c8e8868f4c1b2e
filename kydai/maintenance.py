"""What the worker looks after beside its work: silent sources, lag, balances, dead work, old rows, the store's files.

Each matter about ourselves is one alert an hour until it is over. The store is tended by a process of its own
(kydai/tending.py), which comes and goes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from core.clock import DAY, HOUR, SECOND, Micros, hour_of
from core.db.models import (
    Activity,
    CorrelationPartition,
    Heartbeat,
    HitBlock,
    Level,
    Outbox,
    OutboxState,
    Silence,
    Source,
    SpoolPosition,
)
from core.ledger import read_balances
from core.sources import SourceState, SourceView, views
from core.words import LANGUAGES, both, duration, say
from detections.alerting import self_alert
from kydai.context import Context
from kydai.log import logger
from kydai.process import SPOOLS, is_due
from playbooks import responding

LIMIT = 60 * SECOND
"""A longer lag is an alert."""
LIVE = 60 * SECOND
"""A heartbeat that is older says nothing any more."""
NAMES_SHOWN = 5
BALANCE_SPAN = 2 * DAY
WORK_KEPT = DAY
SWEPT_AT_ONCE = 500
FRESH_FILES = 20
"""So many new files of level 0 make the store worth tending (core/store/compaction.py)."""


@dataclass(frozen=True, slots=True)
class Matter:
    """Something about ourselves that people should know."""

    key: str
    title: Mapping[str, str]
    level: Level
    facts: Mapping[str, Any] = field(default_factory=dict)


def lags(session: Session, now: Micros) -> list[Matter]:
    """The oldest raw, hit and work that wait for longer than a minute."""
    spool = _behind(session, now)
    hits = session.scalar(
        select(func.min(HitBlock.arrival_at))
        .join(CorrelationPartition, CorrelationPartition.partition == HitBlock.partition)
        .where(HitBlock.id > CorrelationPartition.read_to, HitBlock.is_replay.is_(False))
    )
    work = session.scalar(select(func.min(Outbox.due_at)).where(Outbox.state == OutboxState.READY))
    ages = {"spool": spool or 0, "hits": now - hits if hits else 0, "work": now - work if work else 0}
    return [_lag(name, age) for name, age in ages.items() if age > LIMIT]


def _behind(session: Session, now: Micros) -> Micros | None:
    """The age of the oldest raw of the live spools; None while nobody follows them. Replays are old by nature."""
    live = select(Heartbeat.name).where(Heartbeat.at >= now - LIVE, Heartbeat.kind.in_(SPOOLS))
    followed = SpoolPosition.heartbeat_at >= now - LIVE, SpoolPosition.spool.in_(live)
    return session.scalar(select(func.max(SpoolPosition.lag)).where(*followed))


def _lag(name: str, age: Micros) -> Matter:
    title = {lang: say(f"worker.lag.{name}", lang, lag=duration(age, lang)) for lang in LANGUAGES}
    return Matter(f"lag:{name}", title, Level.MEDIUM, {"lag_seconds": age // SECOND})


def dead_work(session: Session, now: Micros) -> list[Matter]:
    """Work that failed in every attempt."""
    rows = session.execute(
        select(Outbox.kind, func.count()).where(Outbox.state == OutboxState.DEAD).group_by(Outbox.kind)
    )
    kinds = {str(row[0]): int(row[1]) for row in rows}
    if not kinds:
        return []
    return [Matter("dead", both("worker.dead", count=sum(kinds.values())), Level.MEDIUM, {"kinds": kinds})]


def imbalances(session: Session, now: Micros) -> list[Matter]:
    """Sources whose balances of the last two days do not hold."""
    found = []
    for name, balance in read_balances(session, now - BALANCE_SPAN).items():
        if not balance.holds:
            off = {"raws": balance.raws_off_by, "events": balance.events_off_by}
            title = both("worker.imbalance", source=name, **off)
            found.append(Matter(f"imbalance:{name}", title, Level.HIGH, {"source": [name], **off}))
    return found


@dataclass(frozen=True, slots=True)
class Silences:
    """What has to be written about silent sources: begun, and ended with their end."""

    begun: tuple[SourceView, ...] = ()
    ended: tuple[tuple[str, Micros, Micros], ...] = ()
    """(source, start, end)."""
    lasting: tuple[str, ...] = ()


def find_silences(session: Session, now: Micros, began: Micros) -> Silences:
    """Declared sources that fell silent, and those that speak again. Only reads.

    Time in which we did not run ourselves (before ``began``), or lag behind, is nobody's silence.
    """
    behind = _behind(session, now)
    whole = select(Activity.source, Activity.last_at).where(Activity.host == "", Activity.dataset == "")
    heard = dict(session.execute(whole).tuples().all())
    still_open = session.scalars(select(Silence).where(Silence.end_at.is_(None))).all()
    ended = tuple((s.source, s.start_at, heard[s.source]) for s in still_open if heard.get(s.source, 0) > s.start_at)
    if behind is None or behind > LIMIT:
        return Silences(ended=ended)
    replayed = set(session.scalars(select(Source.name).where(Source.is_replay)))
    silent = [v for v in views(session, now) if v.is_declared and v.name not in replayed and _is_silent(v, now, began)]
    begun = tuple(v for v in silent if session.get(Silence, (v.name, v.last_at)) is None)
    return Silences(begun, ended, tuple(v.name for v in silent))


def save_silences(session: Session, found: Silences, now: Micros) -> None:
    """Write the rows; those that begin together are one alert."""
    for source, start, end in found.ended:
        row = Silence.source == source, Silence.start_at == start, Silence.end_at.is_(None)
        session.execute(update(Silence).where(*row).values(end_at=end))
    for view in found.begun:
        if session.get(Silence, (view.name, view.last_at)) is None:  # the pipeline may have been quicker
            session.add(Silence(source=view.name, start_at=view.last_at, end_at=None, limit=view.limit))
    if found.begun:
        names = [v.name for v in found.begun]
        shown = ", ".join(names[:NAMES_SHOWN]) + (" …" if len(names) > NAMES_SHOWN else "")
        title = both("worker.silence", count=len(names), names=shown)
        facts = {"source": names[:100], "all_silent": list(found.lasting)[:100]}
        self_alert(session, "silence", title, Level.MEDIUM, facts, now)


def _is_silent(view: SourceView, now: Micros, began: Micros) -> bool:
    if view.state is not SourceState.SILENT or view.last_at is None or view.limit is None:
        return False
    return now - max(view.last_at, began) > view.limit


def sweep(session: Session, now: Micros) -> int:
    """Delete some of the work that was done long ago; how much was there to delete."""
    old = (
        select(Outbox.id).where(Outbox.state == OutboxState.DONE, Outbox.due_at < now - WORK_KEPT).limit(SWEPT_AT_ONCE)
    )
    ids = session.scalars(old).all()
    session.execute(delete(Outbox).where(Outbox.id.in_(ids)))
    return len(ids)


class Teller:
    """Knows what was told within this hour: a matter is one alert an hour for as long as it lasts."""

    def __init__(self) -> None:
        self._told: dict[str, Micros] = {}

    def news(self, matters: list[Matter], about: str, now: Micros) -> list[Matter]:
        """Those not told yet. What is ``about`` the same (its key begins so) and not among them is over."""
        keys = {m.key for m in matters}
        self._told = {k: at for k, at in self._told.items() if not k.startswith(about) or k in keys}
        fresh = [m for m in matters if self._told.get(m.key) != hour_of(now)]
        self._told |= {m.key: hour_of(now) for m in fresh}
        return fresh


class Maintenance:
    """Does what is due, each at its own pace."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.began = context.clock.now()
        self._teller = Teller()
        self._last: dict[str, Micros] = {}
        self._tending: subprocess.Popen[bytes] | None = None
        self._tended_files = 0.0
        self._paces: tuple[tuple[str, float, Callable[[Micros], None]], ...] = (
            ("lag", 20, lambda now: self._tell(lags, "lag:", now)),
            ("dead", 60, lambda now: self._tell(dead_work, "dead", now)),
            ("balances", 300, lambda now: self._tell(imbalances, "imbalance:", now)),
            ("silence", 30, self._silences),
            ("rescue", 30, self._rescue),
            ("sweep", 3600, self._sweep),
            ("store", 60, self._tend),
        )

    def step(self) -> None:
        """Look after what is due. Reading comes first: the database is locked for changes only."""
        now = self.context.clock.now()
        for name, seconds, look in self._paces:
            # nothing is due at once: a process that has just begun has other things to do
            if is_due(self._last.setdefault(name, now), now, seconds):
                self._last[name] = now
                look(now)

    def _tell(self, find: Callable[[Session, Micros], list[Matter]], about: str, now: Micros) -> None:
        with self.context.database.read() as session:
            matters = find(session, now)
        fresh = self._teller.news(matters, about, now)
        if fresh:
            with self.context.database.write() as session:
                for matter in fresh:
                    self_alert(session, matter.key, matter.title, matter.level, matter.facts, now)

    def _silences(self, now: Micros) -> None:
        with self.context.database.read() as session:
            found = find_silences(session, now, self.began)
        if found.begun or found.ended:
            with self.context.database.write() as session:
                save_silences(session, found, now)

    def _rescue(self, now: Micros) -> None:
        with self.context.database.write() as session:
            runs = responding.rescue(session, now)
        if runs:
            logger.warning("Runs whose work is dead were ended.", runs=runs)

    def _sweep(self, now: Micros) -> None:
        more = True
        while more:
            with self.context.database.write() as session:
                more = sweep(session, now) == SWEPT_AT_ONCE

    def close(self) -> None:
        """End the tending; what it has not finished is begun anew the next time."""
        if self._tending is not None:
            self._tending.terminate()
            self._tending.wait()

    def _tend(self, now: Micros) -> None:
        if self._tending is not None:
            status = self._tending.poll()
            if status is None:
                return
            if status:
                logger.warning("Tending the store failed.", status=status)
            self._tending = None
        is_hourly = is_due(self._last.setdefault("retention", 0), now, HOUR / SECOND)
        fresh = [at for at in self._file_times() if at > self._tended_files]
        if len(fresh) < FRESH_FILES and not (is_hourly and self._has_store()):
            return
        self._tended_files = max(fresh, default=self._tended_files)
        if is_hourly:
            self._last["retention"] = now
        environment = os.environ | {"KYDAI_DATA": str(self.context.settings.data)}
        if self.context.config is not None:
            environment["KYDAI_CONFIG"] = str(self.context.config)
        self._tending = subprocess.Popen(
            [sys.executable, "-m", "kydai.tending"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=environment,
        )

    def _has_store(self) -> bool:
        return (self.context.settings.store_folder / "catalog.sqlite").is_file()

    def _file_times(self) -> list[float]:
        folder = self.context.settings.store_folder / "l0"
        try:
            with os.scandir(folder) as entries:
                return [entry.stat().st_mtime for entry in entries if entry.name.endswith(".parquet")]
        except OSError:  # no store yet, or a file went while we looked: the next look sees
            return []
