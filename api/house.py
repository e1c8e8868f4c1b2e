"""How the house stands: how far the data reach, the lag, and what is not as it should be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import backups, lag, notices, rejected, tended
from core.clock import SECOND, Micros
from core.db.models import Heartbeat, Outbox, OutboxState
from core.errors import recalled
from core.words import LANGUAGES, both, duration, say
from detections import beacon_marks

ALIVE_FOR = 15 * SECOND
"""A heartbeat older than this means that its process is gone: they beat every five seconds at least, and may have to
wait ten for the database."""
LAG_LIMIT = 60 * SECOND


@dataclass(frozen=True, slots=True)
class Ailment:
    """Something that is not as it should be, in both languages; ``is_fatal``: we are not ready; ``is_urgent``:
    somebody has to act, although we are. ``outside`` is what strangers are told where ``text`` names what is inside, as
    the address of the store."""

    key: str
    text: dict[str, str]
    is_fatal: bool = False
    outside: dict[str, str] | None = None
    is_urgent: bool = False


@dataclass(frozen=True, slots=True)
class House:
    """One look at the house."""

    at: Micros
    data_until: Micros | None
    """Everything that arrived up to here is judged and searchable; None while no pipeline lives."""
    lag: Micros | None
    """Age of the oldest raw that is not judged yet."""
    lags: Mapping[str, Micros]
    """The same of each spool by name, and of the oldest of each of ``lag.WAITS``."""
    dead_work: int
    """How much work failed in every attempt."""
    ailments: tuple[Ailment, ...]

    @property
    def is_ready(self) -> bool:
        return not any(a.is_fatal for a in self.ailments)


def look(session: Session, now: Micros) -> House:
    """Read the heartbeats, the spools' positions and the outbox."""
    beats = session.scalars(select(Heartbeat).where(lag.is_live(Heartbeat.at, now, ALIVE_FOR))).all()
    kinds = {beat.kind for beat in beats}
    spools = lag.followed(session, now) if "pipeline" in kinds else []
    until = min((s.arrival_at for s in spools), default=None)
    behind = max((s.lag for s in spools), default=None)
    lags = {s.spool: s.lag for s in spools} | lag.waits(session, now)
    worst = max(lags.values(), default=0)
    dead = session.scalar(select(func.count()).select_from(Outbox).where(Outbox.state == OutboxState.DEAD)) or 0
    found = []
    if not spools:
        found.append(Ailment("pipeline", both("api.health.pipeline"), is_fatal=True))
    for kind in ("gateway", "worker"):
        if kind not in kinds:
            found.append(Ailment(kind, both(f"api.health.{kind}")))
    for why in [beat.data[lag.UNCOMMITTED] for beat in beats if beat.data.get(lag.UNCOMMITTED)][:1]:
        words = {lang: say("api.health.waiting", lang, why=why[lang]) for lang in LANGUAGES}
        found.append(Ailment(lag.UNCOMMITTED, words, outside=both("api.health.waiting_outside")))
    if (first := rejected.first_barred(session)) is not None:
        count = rejected.barred(session)
        words = both("api.health.barred", count=count, why=first.reason)
        found.append(Ailment("barred", words, outside=both("api.health.barred_outside", count=count)))
    if worst > LAG_LIMIT:
        words = {lang: say("api.health.lag", lang, lag=duration(worst, lang)) for lang in LANGUAGES}
        found.append(Ailment("lag", words))
    if lost := sum(lag.correlated(session, now)[name] for name in ("forgotten", "damaged")):
        found.append(Ailment("correlation", both("correlation.lost", count=lost)))
    times, ahead = lag.begun_anew(session, now)
    if times:
        words = {lang: say("correlation.anew", lang, count=times, ahead=duration(ahead, lang)) for lang in LANGUAGES}
        found.append(Ailment("clock", words))
    if lacking := beacon_marks.lacking(session, now):
        found.append(Ailment("beacon", both("kinds.beacon.ailment", **beacon_marks.sums(lacking))))
    if (trouble := tended.trouble(session)) is not None:
        words = {lang: say("upkeep.store", lang, why=trouble[lang]) for lang in LANGUAGES}
        found.append(Ailment("store", words, outside=both("upkeep.store_outside")))
    if (wanting := backups.trouble(session, now)) is not None:
        found.append(Ailment("backup", dict(wanting), outside=both("backup.trouble.outside")))
    if dead:
        found.append(Ailment("dead", both("api.health.dead", count=dead)))
    unsent, error = notices.failing(session)
    if unsent:
        why = recalled(error)
        words = {lang: say("notices.failing", lang, count=unsent, why=why[lang]) for lang in LANGUAGES}
        found.append(Ailment("notices", words, outside=both("notices.failing_outside"), is_urgent=True))
    return House(now, until, behind, lags, dead, tuple(found))
