"""The journal as a source of events: which entries become raws, and up to where they are judged.

The follower (kydai/following.py) writes each entry as one raw into the spool of the API; the pipeline writes, in the
transaction that commits the raw, up to where the journal is judged. So the mark never says more than is true, and what
was spooled and not yet judged is found in the spool itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from core import audit
from core.clock import Micros
from core.db.models import Audit, Meta
from core.event import Frame, Stored

SOURCE = "kydai:journal"
"""What the frames are from. No token, address or host can have a colon in its name and no transport before it."""
PARSER = "kydai_audit"
DATASET = "kydai.audit"
MARK = "journal_followed"
"""The row of ``meta`` with number and hash of the newest entry that is judged; none before the first start."""
NOT_FOLLOWED = "events.search"
"""What was searched stays in the journal alone: as an event, each search would be found by the next."""
PLAYBOOK = "playbook"
"""The channel of what alerts cause. It is not followed, so no alert can cause another without end."""

Place = tuple[int, str]
"""Number and hash of an entry; (0, 64 zeros) is before the first."""
BEGINNING: Place = (0, audit.FIRST_PREV)
LOST: Place = (0, "")
"""Of a mark that is gone or cannot be read: no journal has this place, so it is told of as one that was cut."""
_META = "journal"


def is_followed() -> ColumnElement[bool]:
    return (Audit.action != NOT_FOLLOWED) & (Audit.channel != PLAYBOOK)


def frame_of(entry: dict[str, object], place: Place, now: Micros) -> Frame:
    """An entry (``audit.document``) as a raw; ``place``: up to where the journal is read with it."""
    meta = {"receiver": "journal", "parser": PARSER, _META: text_of(place)}
    return Frame(SOURCE, now, orjson.dumps(entry), meta=meta)


def text_of(place: Place) -> str:
    return f"{place[0]} {place[1]}"


def places_in(frames: Sequence[Stored]) -> list[Place]:
    """Up to where the journal is read with each of these frames that is of it."""
    return [_place(stored.frame.meta[_META]) for stored in frames if stored.frame.source == SOURCE]


def remember(session: Session, frames: Sequence[Stored]) -> None:
    """Write down what is judged with these frames, in the transaction of their commit."""
    if places := places_in(frames):
        session.merge(Meta(key=MARK, value=text_of(places[-1])))


def judged_to(session: Session) -> Place | None:
    """The newest entry that is judged; None before the journal was followed for the first time."""
    row = session.get(Meta, MARK)
    return None if row is None else _place(row.value)


def oldest_waiting(session: Session) -> Micros | None:
    """When the oldest entry was written that is not judged yet; None when all are, or nobody ever followed."""
    place = judged_to(session)
    if place is None:
        return None
    waiting = select(Audit.at).where(Audit.seq > place[0], is_followed())
    return session.scalar(waiting.order_by(Audit.seq).limit(1))


def _place(text: str) -> Place:
    seq, _, entry_hash = text.partition(" ")
    return (int(seq), entry_hash) if seq.isdecimal() else LOST
