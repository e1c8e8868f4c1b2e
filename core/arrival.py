"""What arrives of a source: judged by its newest events, for whoever just set it up.

The verdict is the first that holds: nothing arrives, it arrives and nobody can parse it, its times lie in another zone,
fields lack that a complete configuration gives, good.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import SECOND, Micros, iso, to_micros
from core.db.models import Activity
from core.event import Event
from core.query.tree import TRUE, And, Comparison, Equals, Node, Range
from core.sources import wrong_zone
from core.store.contract import EventStore, Query

LOOKED_AT = 20
ENOUGH = 5
"""Of fewer events of one kind nothing is said about fields."""
UNPARSED = "kydai.unparsed"
_WEB = ("source.ip", "url.original", "http.response.status_code")
EXPECTED: dict[str, tuple[str, ...]] = {
    "apache.access": _WEB, "iis.access": _WEB, "nginx.access": _WEB, "squid.access": _WEB, "haproxy.log": _WEB[:1],
    "cisco.ios": ("host.name",), "fortinet.firewall": ("host.name", "event.action"), "huawei.vrp": ("host.name",),
    "mikrotik.log": ("host.name",), "netfilter.log": ("source.ip", "destination.ip"),
    "pfsense.filterlog": ("source.ip", "destination.ip", "event.action"), "postgresql.log": ("source.ip", "user.name"),
    "suricata.eve": ("source.ip", "destination.ip"), "system.auth": ("host.name", "process.name"),
    "vmware.esxi": ("host.name", "process.name"), "windows.security": ("event.code", "host.name", "winlog.channel"),
}  # fmt: skip
"""Fields that stand in some of the newest events of a kind, when its sender is configured as we print it."""


class Finding(StrEnum):
    NOTHING = "nothing"
    UNPARSED = "unparsed"
    ZONE = "zone"
    FIELDS = "fields"
    GOOD = "good"


@dataclass(frozen=True, slots=True)
class Arrival:
    """The newest event of a source, and what it says of the others."""

    finding: Finding
    event: Event | None = None
    zone_minutes: int = 0
    """By how much its times are off, when the zone is wrong."""
    lacking: tuple[str, ...] = ()


def look(store: EventStore, source: str, heard_at: Micros | None, scope: Node = TRUE) -> Arrival:
    """Judge a source by what it sent last. ``heard_at``: when it was last heard.

    The newest by their own time may be old ones: what just came in a wrong zone can lie hours before them.
    """
    its = Equals("kydai.source", source, Comparison.CI)
    events = store.search(Query(its, scope=scope), limit=LOOKED_AT).events
    if heard_at is not None:
        came = Range("event.created", gte=iso(heard_at - SECOND))
        events = [*store.search(Query(And((its, came)), scope=scope), limit=LOOKED_AT).events, *events]
    return judge(events)


def judge(events: Sequence[Event]) -> Arrival:
    """Judge the newest events of a source, in any order."""
    if not events:
        return Arrival(Finding.NOTHING)
    newest = max(events, key=lambda event: str(event.get("event.ingested") or event.get("event.created") or ""))
    if newest.get("event.dataset") == UNPARSED:
        return Arrival(Finding.UNPARSED, newest)
    happened, received = str(newest["@timestamp"]), newest.get("event.created")
    minutes = wrong_zone(to_micros(happened) - to_micros(str(received))) if received else None
    if minutes is not None:
        return Arrival(Finding.ZONE, newest, zone_minutes=minutes)
    same = [event for event in events if event.get("event.dataset") == newest.get("event.dataset")]
    there = {name for event in same for name in event}
    wanted = EXPECTED.get(str(newest.get("event.dataset")), ()) if len(same) >= ENOUGH else ()
    lacking = tuple(name for name in wanted if name not in there)
    return Arrival(Finding.FIELDS if lacking else Finding.GOOD, newest, lacking=lacking)


def heard_count(session: Session, source: str) -> int:
    """How many events of a source were committed so far."""
    row = session.scalar(
        select(Activity.count).where(Activity.source == source, Activity.host == "", Activity.dataset == "")
    )
    return row or 0


def wait_for_next(
    count: Callable[[], int], longest: Micros, now: Callable[[], Micros], sleep: Callable[[float], None]
) -> bool:
    """Wait until more was committed than at first, at most so long; whether that happened."""
    first, until = count(), now() + longest
    while count() <= first:
        if now() >= until:
            return False
        sleep(min(0.5, longest / SECOND))
    return True
