"""One event by its id: that it was not found says that there is none only where all was looked at."""

from __future__ import annotations

from core.errors import NotFound, Unavailable, failure
from core.event import Event
from core.store.contract import Rows
from core.words import LANGUAGES, say

_SHOWN = 80


def only(rows: Rows, id: str) -> Event:
    """The event of an answer to one id. Raises NotFound, or Unavailable where it may be in what could not be read."""
    if rows.events:
        return rows.events[0]
    if rows.truth.complete:
        raise failure(NotFound, "store.error.no_event", id=id[:_SHOWN])
    whats = dict.fromkeys(m.what for m in rows.truth.missing)
    why = {lang: "; ".join(say(f"common.missing.{what}", lang) for what in whats) for lang in LANGUAGES}
    help = {lang: " ".join(say(f"common.missing.{what}.remedy", lang) for what in whats) for lang in LANGUAGES}
    raise failure(Unavailable, "store.error.unseen", id=id[:_SHOWN], why=why, help=help)
