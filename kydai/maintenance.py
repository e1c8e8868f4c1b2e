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

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from core.clock import DAY, HOUR, MINUTE, SECOND, Micros, hour_of
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


def dead_work(session: Session) -> list[Matter]:
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


def note_silences(session: Session, now: Micros, began: Micros) -> list[Matter]:
    """Open and close silences of declared sources; those that begin are one matter.

    Time in which we did not run ourselves (before ``began``), or lag behind, is nobody's silence.
    """
    behind = _behind(session, now)
    whole = select(Activity.source, Activity.last_at).where(Activity.host == "", Activity.dataset == "")
    heard = dict(session.execute(whole).tuples().all())
    for row in session.scalars(select(Silence).where(Silence.end_at.is_(None))):
        if heard.get(row.source, row.start_at) > row.start_at:
            row.end_at = heard[row.source]
    if behind is None or behind > LIMIT:
        return []
    replayed = set(session.scalars(select(Source.name).where(Source.is_replay)))
    silent = [v for v in views(session, now) if v.is_declared and v.name not in replayed and _is_silent(v, now, began)]
    new = [v for v in silent if session.get(Silence, (v.name, v.last_at)) is None]
    for view in new:
        session.add(Silence(source=view.name, start_at=view.last_at, end_at=None, limit=view.limit))
    if not new:
        return []
    names = [v.name for v in new]
    shown = ", ".join(names[:NAMES_SHOWN]) + (" …" if len(names) > NAMES_SHOWN else "")
    facts = {"source": names[:100], "all_silent": [v.name for v in silent][:100]}
    return [Matter("silence", both("worker.silence", count=len(names), names=shown), Level.MEDIUM, facts)]


def _is_silent(view: SourceView, now: Micros, began: Micros) -> bool:
    if view.state is not SourceState.SILENT or view.last_at is None or view.limit is None:
        return False
    return now - max(view.last_at, began) > view.limit


def sweep(session: Session, now: Micros) -> int:
    """Delete work that was done long ago."""
    old = delete(Outbox).where(Outbox.state == OutboxState.DONE, Outbox.due_at < now - WORK_KEPT)
    return int(getattr(session.execute(old), "rowcount", 0))


class Teller:
    """Raises each matter once an hour for as long as it lasts."""

    def __init__(self) -> None:
        self._told: dict[str, Micros] = {}

    def tell(self, session: Session, matters: list[Matter], now: Micros, *, lasting: str = "") -> None:
        """Raise what is new. Matters whose key begins with ``lasting`` and that are not named are over."""
        keys = {m.key for m in matters}
        if lasting:
            self._told = {k: at for k, at in self._told.items() if not k.startswith(lasting) or k in keys}
        for matter in matters:
            if not lasting or self._told.get(matter.key) != hour_of(now):
                self_alert(session, matter.key, matter.title, matter.level, matter.facts, now)
                self._told[matter.key] = hour_of(now)


class Maintenance:
    """Does what is due, each at its own pace."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.began = context.clock.now()
        self._teller = Teller()
        self._last: dict[str, Micros] = {}
        self._tending: subprocess.Popen[bytes] | None = None
        self._tended_files = 0.0
        self._paces: tuple[tuple[str, float, Callable[[Session, Micros], object]], ...] = (
            ("lag", 20, lambda s, now: self._teller.tell(s, lags(s, now), now, lasting="lag:")),
            ("dead", 60, lambda s, now: self._teller.tell(s, dead_work(s), now, lasting="dead")),
            ("silence", 30, lambda s, now: self._teller.tell(s, note_silences(s, now, self.began), now)),
            ("balances", 300, lambda s, now: self._teller.tell(s, imbalances(s, now), now, lasting="imbalance:")),
            ("rescue", 30, _rescue),
            ("sweep", 3600, sweep),
        )

    def step(self) -> None:
        """Look after what is due; each in a transaction of its own."""
        now = self.context.clock.now()
        for name, seconds, look in self._paces:
            if name not in self._last:  # spread over the first minute, and not before anything has happened
                self._last[name] = now
            if is_due(self._last[name], now, seconds):
                self._last[name] = now
                with self.context.database.write() as session:
                    look(session, now)
        if is_due(self._last.setdefault("store", now), now, MINUTE / SECOND):
            self._last["store"] = now
            self._tend(now)

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


def _rescue(session: Session, now: Micros) -> None:
    runs = responding.rescue(session, now)
    if runs:
        logger.warning("Runs whose work is dead were ended.", runs=runs)
