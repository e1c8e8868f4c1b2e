"""Dead letters as tests make and read them."""

from __future__ import annotations

from sqlalchemy.orm import Session

from core import rejected
from core.clock import Micros
from core.db.models import DeadLetter
from core.event import Event, parse_event_id
from core.store.admission import Rejection


def bury(session: Session, event: Event, source: str, reason: str, at: Micros, *, is_barred: bool = False) -> None:
    """What the store said of an event."""
    rejection = Rejection(parse_event_id(str(event["event.id"])), reason, event, is_barred)
    rejected.bury(session, rejection, source, at)


def event_in(letter: DeadLetter) -> Event:
    found = rejected.read(letter)
    assert found is not None
    return found[0]
