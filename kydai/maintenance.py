"""What the worker looks after beside its work: silent sources, lag, balances, dead work, old rows, the store's files.

What is found comes from kydai/upkeep.py and kydai/silences.py. Each matter about ourselves is one alert an hour until
it is over; one that stands until a person acts is told of once a day while nothing about it changes. The store is
tended by a process of its own (kydai/tending.py), which comes and goes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import backups, checks, keeping, reindexing, rejected
from core.clock import DAY, HOUR, MINUTE, SECOND, Micros, hour_of
from core.db.models import Alert
from core.steady import steady_now
from core.store.waiting import FROM_FILES, worth_compacting
from detections import exception_book
from detections.alerting import self_alert
from detections.beacon import LATE
from kydai import silences, upkeep
from kydai.context import Context
from kydai.log import logger
from kydai.process import is_due
from kydai.showing import days_left
from kydai.upkeep import SWEPT_AT_ONCE, Matter
from playbooks import responding

_TENDING = "kydai.tending"
_BEACONS_SECONDS = 300
_GIVING_BACK = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")
"""Of kydai/supervisor.py, for processes that stay: one that ends soon pays for each page that it gives back and takes
again, a quarter of all that compaction costs."""
REMINDED_AFTER = DAY
REFUSED = 1
"""How kydai/reindexing.py ends when something is in its way."""
REFUSED_AFTER = 5 * MINUTE


def is_told(session: Session, matter: Matter, now: Micros) -> bool:
    """Whether an alert of the last day says exactly this."""
    recent = select(Alert.summary).where(
        Alert.rule_id == f"self:{matter.key.split(':', 1)[0]}"[:100], Alert.last_at > now - REMINDED_AFTER
    )
    newest = None
    for facts in session.scalars(recent.order_by(Alert.last_at)):
        if facts.get("key") == matter.key:
            newest = facts
    return newest == {"key": matter.key, **matter.facts}


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

    def __init__(self, context: Context, rule_title: Callable[[str], Mapping[str, str]]) -> None:
        self.context = context
        self.began = context.clock.now()
        self._teller = Teller()
        self._last: dict[str, Micros] = {}
        self._tending: subprocess.Popen[bytes] | None = None
        self._checking: subprocess.Popen[bytes] | None = None
        self._reindexing: subprocess.Popen[bytes] | None = None
        self._beaconing: subprocess.Popen[bytes] | None = None
        self._backing: subprocess.Popen[bytes] | None = None
        self._tried: frozenset[int] = frozenset()
        """Files that the tending begun last was to compact, while they are still there."""
        self._paces: tuple[tuple[str, float, Callable[[Micros], None]], ...] = (
            ("lag", 20, lambda now: self._tell(upkeep.lags, "lag:", now)),
            ("stalled", 20, lambda now: self._tell(lambda s, at: upkeep.stalled(s, at, self.began), "stalled", now)),
            ("gone", 20, lambda now: self._tell(lambda s, at: upkeep.gone(s, at, self.began), "process:", now)),
            ("dead", 60, lambda now: self._tell(upkeep.dead_work, "dead", now)),
            ("rejected", 60, lambda now: self._tell(upkeep.dead_letters, "rejected", now)),
            ("stopped", 60, lambda now: self._tell(self._stopped_rules, "stopped:", now)),
            ("balances", 300, lambda now: self._tell(upkeep.imbalances, "imbalance:", now)),
            ("storage", 300, lambda now: self._tell(upkeep.storage_left, "storage:", now)),
            ("trouble", 60, lambda now: self._tell(upkeep.store_trouble, "store", now)),
            ("ahead", 60, lambda now: self._tell(upkeep.received_ahead, "ahead", now)),
            ("full", 30, lambda now: self._tell(self._full_disk, "full", now)),
            ("certificate", 300, lambda now: self._tell(self._certificate, "certificate", now)),
            ("backup", 60, lambda now: self._tell(upkeep.backup_trouble, "backup", now)),
            ("silence", 30, self._silences),
            ("exceptions", 30, self._exceptions),
            ("rescue", 30, self._rescue),
            ("sweep", 3600, self._sweep),
            ("store", 60, self._tend),
            ("check", 5, self._check),
            ("reindex", 30, self._reindex),
            ("beacons", _BEACONS_SECONDS, self._beacons),
            ("back up", 60, self._back_up),
        )
        self._rule_title = rule_title

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
            fresh = self._teller.news(find(session, now), about, now)
            fresh = [m for m in fresh if not (m.is_standing and is_told(session, m, now))]
        if fresh:
            with self.context.database.write() as session:
                for matter in fresh:
                    self_alert(session, matter.key, matter.title, matter.level, matter.facts, now)

    def _stopped_rules(self, session: Session, now: Micros) -> list[Matter]:
        return upkeep.stopped_rules(session, now, self._rule_title)

    def _full_disk(self, session: Session, now: Micros) -> list[Matter]:
        settings = self.context.settings
        return upkeep.full_disk(shutil.disk_usage(settings.data).free, settings.spool.reserve_mb << 20)

    def _certificate(self, session: Session, now: Micros) -> list[Matter]:
        return upkeep.ending_certificate(days_left(self.context.settings, now))

    def _silences(self, now: Micros) -> None:
        with self.context.database.read() as session:
            found = silences.find(session, now, self.began)
        if found.begun or found.ended:
            with self.context.database.write() as session:
                silences.save(session, found, now)

    def _exceptions(self, now: Micros) -> None:
        with self.context.database.read() as session:
            ended = exception_book.ended(session, now)
        if ended:
            with self.context.database.write() as session:
                exception_book.expire(session, keeping.MAINTENANCE, now)

    def _rescue(self, now: Micros) -> None:
        with self.context.database.write() as session:
            runs = responding.rescue(session, now)
        if runs:
            logger.warning("Runs whose work is dead were ended.", runs=runs)

    def _sweep(self, _now: Micros) -> None:
        with self.context.database.write() as session:
            now = steady_now(session, self.context.clock)
            kept = keeping.in_force(session, self.context.settings.store.policy)
        for old in upkeep.old_rows(now, kept.months.values()):
            more = True
            while more:
                with self.context.database.read() as session:
                    keys = upkeep.some_of(session, old)
                if keys:
                    with self.context.database.write() as session:
                        upkeep.sweep(session, old, keys)
                more = len(keys) == SWEPT_AT_ONCE

    def close(self) -> None:
        """End the tending; what it has not finished is begun anew the next time."""
        for process in (self._tending, self._checking, self._reindexing, self._beaconing, self._backing):
            if process is not None:
                process.terminate()
                process.wait()

    def _tend(self, now: Micros) -> None:
        if self._tending is not None:
            status = self._tending.poll()
            if status is None:
                return
            if status:
                logger.warning("Tending the store failed.", status=status)
            self._tending = None
        is_hourly = is_due(self._last.setdefault("retention", 0), now, HOUR / SECOND)
        ready = self._worth_compacting()
        self._tried &= ready
        # what it could not do the last time it is not asked for again each minute
        is_waited_for = is_hourly or self._has_barred()
        if len(ready - self._tried) < (FROM_FILES if self._tried else 1) and not (is_waited_for and self._has_store()):
            return
        self._tried = ready
        if is_hourly:
            self._last["retention"] = now
        self._tending = self._start(_TENDING)

    def _start(self, module: str) -> subprocess.Popen[bytes]:
        environment = os.environ | {"KYDAI_DATA": str(self.context.settings.data)}
        if module == _TENDING:
            for name in _GIVING_BACK:
                environment.pop(name, None)
        if self.context.config is not None:
            environment["KYDAI_CONFIG"] = str(self.context.config)
        return subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=environment,
        )

    def _check(self, now: Micros) -> None:
        """Have the store checked where somebody asked for it; what fails is tried again a minute later."""
        if self._checking is not None and self._checking.poll() is None:
            return
        self._checking = None
        with self.context.database.read() as session:
            is_due_now = checks.asked(session) is not None and checks.running(session, now) is None
        if is_due_now and is_due(self._last.get("checking", 0), now, 60) and self._has_store():
            self._last["checking"] = now
            self._checking = self._start("kydai.checking")

    def _reindex(self, now: Micros) -> None:
        """Have written anew what an older version wrote: looked for once an hour, as a mapping may be changed by hand.
        A process that was killed is gone on with once it is known to be dead, as it may have left writers waiting."""
        if self.context.settings.store.engine != "elastic":
            return
        if self._reindexing is not None:
            status = self._reindexing.poll()
            if status is None:
                return
            self._reindexing = None
            if status:
                logger.warning("Writing anew what an older version wrote was not finished.", status=status)
                self._last["reindexed"] = now - HOUR + (REFUSED_AFTER if status == REFUSED else 0)
        if not is_due(self._last.setdefault("reindexed", 0), now, HOUR / SECOND):
            return
        with self.context.database.read() as session:
            run = reindexing.last(session)
        if run is None or not run.is_alive(now):
            self._last["reindexed"] = now
            self._reindexing = self._start("kydai.reindexing")

    def _has_barred(self) -> bool:
        with self.context.database.read() as session:
            return rejected.first_barred(session) is not None

    def _beacons(self, now: Micros) -> None:
        """Have the store asked for beacons once an hour; what fails is tried again some minutes later."""
        if self._beaconing is not None:
            status = self._beaconing.poll()
            if status is None:
                return
            self._beaconing = None
            if status:
                self._last["beaconed"] = 0
        hour = hour_of(now - LATE)
        if self._last.get("beaconed", 0) < hour and self._has_store():
            self._last["beaconed"] = hour
            self._beaconing = self._start("kydai.beaconing")

    def _back_up(self, now: Micros) -> None:
        """Have the day's backup taken."""
        if self._backing is not None and self._backing.poll() is None:
            return
        self._backing = None
        with self.context.database.read() as session:
            found = backups.last(session)
        if found is None:
            with self.context.database.write() as session:
                backups.begin(session, now)
            return
        settings = self.context.settings
        # one that died and could note nothing is not begun again each minute
        if backups.is_due(found, now, settings.backup.time, settings.zone) and is_due(
            self._last.get("backed up", 0), now, backups.AGAIN / SECOND
        ):
            self._last["backed up"] = now
            self._backing = self._start("kydai.backing")

    def _has_store(self) -> bool:
        return self.context.settings.store.engine == "elastic" or self._catalog.is_file()

    def _worth_compacting(self) -> frozenset[int]:
        if self.context.settings.store.engine == "elastic":
            return frozenset()
        return worth_compacting(self._catalog)

    @property
    def _catalog(self) -> Path:
        return self.context.settings.store_folder / "catalog.sqlite"
