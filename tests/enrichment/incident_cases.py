"""Alerts of a made-up province, for the tests of incidents."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

from sqlalchemy.orm import Session

from core.clock import SECOND, Micros
from core.db.models import Alert
from core.event import new_ulid
from enrichment.observables import House

NOW = 1_764_000_000 * SECOND
HOUSE = House(frozenset({"192.0.2.10"}), {"10.20.6.21": "baochi-crawl01", "10.20.16.11": "jump01"})
_numbers = count(1)


def alert(
    session: Session,
    rule: str,
    *,
    level: str = "medium",
    at: Micros = NOW,
    host: str = "",
    user: str = "",
    origin: str = "",
    to: str = "",
    tags: tuple[str, ...] = (),
    kind: str = "rule",
    is_replay: bool = False,
    facts: Mapping[str, Any] | None = None,
    **more: Any,
) -> Alert:
    """Write one alert row; its entities and facts follow from what is given."""
    entities = [["host", host]] if host else []
    entities += [["user", user]] if user else []
    entities += [["ip", address] for address in (origin, to) if address]
    summary: dict[str, Any] = dict(facts or {})
    summary |= {"user": [user]} if user else {}
    summary |= {"from": [origin]} if origin else {}
    summary |= {"to": [to]} if to else {}
    row = Alert(
        fold_key=f"key-{next(_numbers)}",
        kind=kind,
        rule_id=rule,
        rule_title={"vi": f"Dấu hiệu {rule}", "en": f"Sign {rule}"},
        level=level,
        tags=list(tags),
        first_at=at,
        last_at=at,
        received_at=at,
        created_at=at,
        updated_at=at,
        entities=entities,
        host=host,
        user=user,
        summary=summary,
        is_replay=is_replay,
        event_ids=[f"{new_ulid(at)}.0.0"],
        **more,
    )
    session.add(row)
    session.flush()
    return row
