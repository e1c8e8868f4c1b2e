"""What people are told of by mail and webhook: grave incidents, and matters about ourselves; and in which words.

A message has title, host, count and a link, and no raw log: it goes over machines that are not ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from core import notices
from core.clock import MINUTE, Micros, iso
from core.db.models import Alert, AlertStatus, Incident, IncidentStatus, Level, Meta, Notice
from core.notices import DIGEST, Channel, Matter, Setup
from core.words import LANGUAGES, both, moment, say
from kydai.settings import Settings

SINCE = "notices_since"
"""The row of ``meta`` with when notices were switched on: what was there before is not told of."""
SEEN = "notices_seen"
"""The row of ``meta`` with when news were looked for last."""
MARGIN = 5 * MINUTE
GRAVE = (Level.HIGH, Level.CRITICAL)
OURSELVES = (
    "ahead",
    "backup",
    "certificate",
    "dead",
    "full",
    "imbalance",
    "lag",
    "notice",
    "process",
    "silence",
    "stalled",
    "storage",
    "store",
)
"""Matters of kydai/upkeep.py, kydai/silences.py and kydai/messenger.py that are told whatever their level."""
HOSTS_SHOWN = 3
PARTS_SHOWN = 40
TITLE = 140
"""Characters of a title in a subject."""


def setup_of(settings: Settings) -> Setup:
    """What the settings say of notices."""
    mail = settings.mail
    relay = f"{mail.host}:{mail.port}" if mail.host else ""
    return Setup(relay, mail.sender, mail.tls, settings.webhook_host, settings.duty)


def take_notice(session: Session, channels: Sequence[Channel], now: Micros) -> int:
    """Find what is new and have it told, in the caller's writing transaction; how many notices were made.

    While no channel is on nothing is remembered: who switches them on later is not told of the past.
    """
    since, seen = (_time(session, key) for key in (SINCE, SEEN))
    if not channels:
        for key in (SINCE, SEEN):
            if (row := session.get(Meta, key)) is not None:
                session.delete(row)
        return 0
    if since is None or seen is None:
        since = seen = now
        session.merge(Meta(key=SINCE, value=str(now)))
    made = [
        notices.tell(session, channel, matter, now)
        for matter in news(session, since, min(seen, now) - MARGIN, now)
        for channel in channels
    ]
    session.merge(Meta(key=SEEN, value=str(now)))
    return sum(each is not None for each in made)


def has_news(session: Session, channels: Sequence[Channel], now: Micros) -> bool:
    """Whether ``take_notice`` has anything to write: most looks find nothing, and take no lock."""
    since, seen = (_time(session, key) for key in (SINCE, SEEN))
    if not channels or since is None or seen is None:
        return bool(channels) != (since is not None)
    found = news(session, since, seen - MARGIN, now)
    return now - seen > MARGIN or now < seen or any(notices.is_news(session, c, m) for m in found for c in channels)


def _time(session: Session, key: str) -> Micros | None:
    row = session.get(Meta, key)
    return None if row is None else int(row.value)


def news(session: Session, since: Micros, seen: Micros, now: Micros) -> Iterator[Matter]:
    """What changed after ``seen`` and happened after ``since``."""
    incidents = select(Incident).where(
        Incident.updated_at > seen,
        or_(Incident.created_at >= since, Incident.last_at >= since),
        Incident.level.in_(GRAVE),
        Incident.status != IncidentStatus.CLOSED,
        Incident.merged_into.is_(None),
        Incident.is_replay.is_(False),
    )
    for incident in session.scalars(incidents.order_by(Incident.id)):
        yield of_incident(session, incident)
    alerts = select(Alert).where(
        Alert.updated_at > seen,
        Alert.updated_at >= since,
        Alert.kind == "self",
        Alert.rule_id.in_([f"self:{kind}" for kind in OURSELVES]),
        Alert.status != AlertStatus.CLOSED,
    )
    for alert in session.scalars(alerts.order_by(Alert.id)):
        yield of_alert(alert, now)


def of_incident(session: Session, incident: Incident) -> Matter:
    """A new or risen incident; it is told once a level."""
    mine = Alert.incident_id == incident.id
    hosts = session.scalars(select(Alert.host).where(mine, Alert.host != "").distinct().order_by(Alert.host)).all()
    count = session.scalar(select(func.count()).where(mine)) or 0
    shown = ", ".join(hosts[:HOSTS_SHOWN]) + (f" (+{len(hosts) - HOSTS_SHOWN})" if len(hosts) > HOSTS_SHOWN else "")
    title = {lang: f"{incident.number}: {incident.title.get(lang, '')}" for lang in LANGUAGES}
    return Matter(f"incident:{incident.id}", incident.level, title, shown, count, f"/incidents/{incident.number}")


def of_alert(alert: Alert, now: Micros) -> Matter:
    """A matter about ourselves; one that lasts is told of again after a day."""
    key = f"self:{alert.summary.get('key', alert.rule_id)}"[:200]
    path = "/notices" if alert.rule_id == "self:notice" else "/queue"
    return Matter(key, alert.level, alert.rule_title, "", alert.count, path, now - notices.TOLD_FOR)


def is_over(session: Session, row: Notice) -> bool:
    """Whether a person, or a merge, has ended the matter before it was sent."""
    kind, _, number = row.matter.partition(":")
    if kind != "incident":
        return False
    incident = session.get(Incident, int(number))
    return incident is None or incident.status == IncidentStatus.CLOSED or incident.merged_into is not None


def refresh(session: Session, row: Notice) -> None:
    """Bring a notice of an incident up to what the incident is now."""
    kind, _, number = row.matter.partition(":")
    if kind == "incident" and (incident := session.get(Incident, int(number))) is not None:
        matter = of_incident(session, incident)
        row.level, row.title, row.host, row.count = matter.level, dict(matter.title), matter.host[:255], matter.count


@dataclass(frozen=True, slots=True)
class Message:
    """What goes out."""

    subject: str
    text: str
    body: dict[str, Any]
    """For the webhook."""


def message(
    row: Notice, inside: Sequence[Notice], base: str, lang: str, zone: str, *, is_last: bool, text: str = ""
) -> Message:
    """A notice in words. ``inside``: what a digest holds; ``is_last``: further ones of this hour come in a digest;
    ``text``: the hand-over that it carries."""
    level, title = say(f"common.level.{row.level}", lang), _line(row.title.get(lang, ""))
    link = f"{base}{row.path or '/notices'}"
    if row.matter == notices.TEST:
        subject, lines = f"[Kỳ Đài] {title}", [say("notices.mail.test", lang)]
    elif text:
        subject, lines = f"[Kỳ Đài] {title[:TITLE]}", text.splitlines()
    else:
        subject = f"[Kỳ Đài][{level}] {title[:TITLE]}"
        lines = [*_facts(row, level, title, lang)] if row.matter != DIGEST else [*_digest(inside, base, lang)]
    at = say("notices.mail.at", lang, at=moment(row.created_at, lang, zone))
    more = [say("notices.mail.last", lang, count=notices.AN_HOUR)] if is_last else []
    whole = "\n".join([*lines, "", at, say("notices.mail.link", lang, link=link), *more])
    return Message(subject, whole, _body(row, inside, subject, whole, link))


def _facts(row: Notice, level: str, title: str, lang: str) -> Iterable[str]:
    yield title
    yield ""
    yield say("notices.mail.level", lang, level=level)
    if row.host:
        yield say("notices.mail.host", lang, host=_line(row.host))
    yield say("notices.mail.count", lang, count=row.count)


def _digest(inside: Sequence[Notice], base: str, lang: str) -> Iterable[str]:
    yield say("notices.mail.digest", lang, count=len(inside))
    for each in inside[:PARTS_SHOWN]:
        host = f" · {_line(each.host)}" if each.host else ""
        yield f"- [{say(f'common.level.{each.level}', lang)}] {_line(each.title.get(lang, ''))[:TITLE]}{host}"
        yield f"  {base}{each.path}"
    if len(inside) > PARTS_SHOWN:
        yield say("notices.mail.more", lang, count=len(inside) - PARTS_SHOWN)


def _body(row: Notice, inside: Sequence[Notice], subject: str, text: str, link: str) -> dict[str, Any]:
    """``text`` is what chat services show of an incoming webhook."""
    return {
        "text": f"{subject}\n{text}",
        "id": row.id,
        "matter": row.matter,
        "level": row.level,
        "title": dict(row.title),
        "host": row.host,
        "count": row.count,
        "link": link,
        "at": iso(row.created_at),
        **({"matters": [each.matter for each in inside]} if inside else {}),
    }


def _line(text: str) -> str:
    """One line, whatever a name of a host holds."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def digest_title(count: int) -> dict[str, str]:
    return both("notices.digest", count=count)
