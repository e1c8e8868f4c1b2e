"""Follows the journal: what persons and maintenance changed becomes raws of the API's spool, each entry one.

Rules judge them like everything else, and the store holds and seals a second copy of the journal. Where it left off
stands in two places that a kill cannot part: the control database says what is judged, the spool what waits behind it.
An entry that does not follow on the one before says so in its event; so does a journal that ends before where it was.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit, followed, inventory_changes
from core.clock import Clock, Micros, iso
from core.db.database import Database
from core.db.models import Audit, Meta, Source, SpoolPosition
from core.event import Frame
from core.followed import BEGINNING, Place
from core.keeping import MAINTENANCE
from core.spool import Position, SpoolReader
from kydai.log import logger

AT_ONCE = 500
EVERY_SECONDS = 1.0
CUT = "cut"

_READABLE = [column for column in Audit.__table__.columns if column.key not in ("before", "after")]

Append = Callable[[Sequence[Frame]], object]


class Follower:
    """One a system: the owner of the spool, by ``append``, which returns when the frames are on disk."""

    def __init__(self, database: Database, clock: Clock, folder: Path, append: Append) -> None:
        self._database = database
        self._clock = clock
        self._folder = folder
        self._append = append
        self._place: Place | None = None

    def step(self) -> int:
        """Spool up to 500 entries that nobody spooled yet; returns how many were read. Raises KydaiError,
        SQLAlchemyError and OSError when the database or the spool is away: the same entries come again."""
        place = self._place or self._begin()
        now = self._clock.now()
        with self._database.read() as session:
            if _is_cut(session, place):
                frames, last, read = [_cut(place, end := _end(session), now)], end, 1
            else:
                frames, last, read = self._entries(session, place, now)
        if frames:
            self._append(frames)
        self._place = last
        return read

    def _begin(self) -> Place:
        """Where to go on. The first time it is the newest entry: what was done before is no news."""
        while True:
            with self._database.read() as session:
                position, judged = session.get(SpoolPosition, self._folder.name), followed.judged_to(session)
            if judged is None:
                return self._begin_first()
            spooled = self._spooled(Position(position.segment, position.record) if position else Position())
            with self._database.read() as session:  # of a database that was restored, the spool may know more
                known = [place for place in spooled if not _is_cut(session, place)]
                is_settled = (
                    followed.judged_to(session) == judged
                )  # else what was judged meanwhile may have left the spool
            if is_settled:
                return known[-1] if known else judged

    def _begin_first(self) -> Place:
        now = self._clock.now()
        with self._database.write() as session:
            if session.scalar(select(Source.id).where(Source.name == followed.SOURCE)) is not None:
                return followed.LOST  # it is not the first time
            place = _end(session)
            session.merge(Meta(key=followed.MARK, value=followed.text_of(place)))
            source = Source(name=followed.SOURCE, product="kydai", is_declared=True, expected=[followed.DATASET])
            source.created_at = now
            session.add(source)
            after = {"product": source.product, "expected": source.expected}
            audit.record(session, MAINTENANCE, "source.add", f"source:{source.name}", now=now, after=after)
            inventory_changes.touch(session, now)
        return place

    def _spooled(self, position: Position) -> list[Place]:
        """Of each entry that waits in the spool, up to where the journal was read with it."""
        reader, places = SpoolReader(self._folder), []
        while (batch := reader.read(position)).position != position:
            position = batch.position
            places += followed.places_in(batch.frames)
        return places

    def _entries(self, session: Session, place: Place, now: Micros) -> tuple[list[Frame], Place, int]:
        frames = []
        told = _told(session, place)
        for entry, problem in told:
            place = entry["seq"], entry["hash"]
            if problem:
                entry["problem"] = problem
            if problem or (entry["action"] != followed.NOT_FOLLOWED and entry["channel"] != followed.PLAYBOOK):
                frames.append(followed.frame_of(entry, place, now))
        return frames, place, len(told)


def _told(session: Session, place: Place) -> list[tuple[dict[str, Any], str]]:
    """The next entries, and of each why it does not follow on the one before. When the JSON of one cannot be read any
    more they come singly: then that one comes without."""
    query = select(Audit).where(Audit.seq > place[0]).order_by(Audit.seq)
    try:
        entries = session.scalars(query.limit(AT_ONCE)).all()
    except ValueError:
        try:
            entries = session.scalars(query.limit(1)).all()
        except ValueError:
            row = session.execute(query.with_only_columns(*_READABLE).limit(1)).mappings().one()
            return [({**row, "at": iso(row["at"])}, "hash")]
    told = []
    for entry in entries:
        told.append((audit.document(entry), audit.problem_of(entry, *place)))
        place = entry.seq, entry.hash
    return told


def _is_cut(session: Session, place: Place) -> bool:
    """Whether the entry of this place is not there any more."""
    found = session.scalar(select(Audit.hash).where(Audit.seq == place[0]))
    return place != BEGINNING and found != place[1]


def _end(session: Session) -> Place:
    newest = session.execute(select(Audit.seq, Audit.hash).order_by(Audit.seq.desc()).limit(1)).first()
    return BEGINNING if newest is None else (newest.seq, newest.hash)


def _cut(was: Place, end: Place, now: Micros) -> Frame:
    told = {"seq": was[0], "hash": was[1], "at": iso(now), "actor": MAINTENANCE.name, "channel": MAINTENANCE.channel}
    told |= {"action": "audit.cut", "object": "audit", "after": {"seq": end[0], "hash": end[1]}, "problem": CUT}
    return followed.frame_of(told, end, now)


class Following:
    """A thread that follows until it is closed."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        is_told = False
        while not self._over.is_set():
            try:
                has_more = self._follower.step() == AT_ONCE
                is_told = False
            except Exception as error:  # noqa: BLE001 - the thread's boundary: what is not followed is told of as lag
                has_more = False
                if not is_told:  # the lag tells how long it lasts
                    logger.warning("The journal could not be followed; it is tried again.", error=str(error))
                is_told = True
            if not has_more:
                self._over.wait(EVERY_SECONDS)

    def close(self) -> None:
        self._over.set()
        self._thread.join()
