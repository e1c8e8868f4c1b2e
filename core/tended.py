"""What was in the way when the store was last tended, and what every answer lacks since: kept for health, for
``kydai doctor`` and for the alert about ourselves."""

from __future__ import annotations

from sqlalchemy.orm import Session

from core.db.models import Meta
from core.errors import KydaiError, Unavailable, failure, kept, recalled
from core.store.contract import EventStore, Query
from core.words import Text, both

TROUBLE = "store_trouble"
"""The row of ``meta``; there is none where all is well."""
_STANDING = ("quarantined", "unreadable", "closed")
"""What answers lack until a person does something, the first that applies is told."""
_NAMED = 3


def note(session: Session, trouble: Exception | None) -> None:
    """Remember it, in the caller's writing transaction."""
    row = session.get(Meta, TROUBLE)
    if trouble is not None:
        session.merge(Meta(key=TROUBLE, value=kept(trouble)))
    elif row is not None:
        session.delete(row)


def trouble(session: Session) -> Text | None:
    row = session.get(Meta, TROUBLE)
    return None if row is None else recalled(row.value)


def lacking(store: EventStore) -> KydaiError | None:
    """What an answer about everything lacks. Raises Unavailable."""
    missing = store.search(Query(), limit=1, fields=["event.id"]).truth.missing
    for what in _STANDING:
        if names := [each.detail for each in missing if each.what == what]:
            words = f"common.missing.{what}"
            what_is, remedy = both(words), both(f"{words}.remedy")
            return failure(Unavailable, "store.lacking", what=what_is, names=_some(names), remedy=remedy)
    return None


def _some(names: list[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" (+{more})" if more > 0 else "")
