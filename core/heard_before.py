"""What a sender was heard to send before it was declared belongs to the source that it is from then on.

So the source that a person just declared is not called *never sent*, and its rhythm need not be learnt anew. The ledger
keeps the hours that were counted under the sender's own key.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.models import Activity, Source
from core.sources import FIELDS_KEPT, GAPS_KEPT, SourceBook


def take_over(session: Session) -> None:
    """Give what was heard of every undeclared sender to whom it is booked today, in the caller's transaction.

    Behind a relay that was just declared each host becomes a sender of its own.
    """
    sources = session.scalars(select(Source)).all()
    book, names = SourceBook(sources), {source.name for source in sources}
    by_sender: dict[str, list[Activity]] = {}
    for row in session.scalars(select(Activity).where(Activity.source.not_in(names))):
        by_sender.setdefault(row.source, []).append(row)
    for sender, rows in by_sender.items():
        parts = [row for row in rows if (row.host, row.dataset) != ("", "")] or rows
        owners = [book.resolve(sender, row.host).name for row in parts]
        if sender in owners:
            continue
        is_one = len(set(owners)) == 1
        for row in rows if is_one else ():
            _fold(session, row, owners[0], row.host, row.dataset)
        for row, owner in () if is_one else zip(parts, owners, strict=True):
            _fold(session, row, owner, row.host, row.dataset)
            _fold(session, row, owner, "", "")
        for row in rows:
            session.delete(row)
        session.flush()


def _fold(session: Session, row: Activity, source: str, host: str, dataset: str) -> None:
    """Add a row to that of a source, or of a part of it."""
    there = session.get(Activity, (source, host, dataset))
    if there is None:
        there = Activity(source=source, host=host, dataset=dataset, first_at=row.first_at, last_at=0, count=0)
        there.gaps, there.offsets, there.fields = [], [], []
        session.add(there)
        session.flush()
    if row.last_at >= there.last_at:
        there.offsets, there.offset = row.offsets, row.offset
    there.first_at, there.last_at = min(there.first_at, row.first_at), max(there.last_at, row.last_at)
    there.count += row.count
    there.gaps = sorted([*there.gaps, *row.gaps], reverse=True)[:GAPS_KEPT]
    there.fields = sorted({*there.fields, *row.fields})[:FIELDS_KEPT]
