"""Snapshots of the segments store: a folder with the files and the catalog's state, and a store made of one again.

A snapshot is laid out as a store. Files are linked where it lies on the same disk, else copied; the catalog comes last,
so that a folder without one is no snapshot. Taking one waits for nobody and stops nobody.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from core.clock import Micros
from core.durable import make_folder, sync_folder
from core.errors import BadInput, Conflict, NotFound, Unavailable, cause, failure
from core.store.catalog import Catalog
from core.store.catalog_copy import CATALOG, adopt, copy, segments_in
from core.store.catalog_rows import Segment, State
from core.store.contract import Copied, Told
from core.store.segments_files import digest_of_file
from core.store.segments_folder import reading


def snapshot(folder: Path, catalog: Catalog, place: str, now: Micros, told: Told) -> Copied:
    """Make a snapshot of the store in ``place``, a folder that has none. Raises Conflict when it has, Unavailable when
    a file is broken or the disk fails."""
    to = _folder(place)
    if (to / CATALOG).exists():
        raise failure(Conflict, "store.snapshot.taken", at=to)
    mark = reading(folder, now)
    try:
        make_folder(to)
        copy(catalog, to / f"{CATALOG}.tmp")
        segments = segments_in(to / f"{CATALOG}.tmp")
        for number, segment in enumerate(segments):
            told(number, len(segments))
            _take(segment, folder / segment.name, to / segment.name)
        told(len(segments), len(segments))
        (to / f"{CATALOG}.tmp").rename(to / CATALOG)
        sync_folder(to)
    except OSError as error:
        raise failure(Unavailable, "store.snapshot.failed", at=to, why=cause(error)) from error
    finally:
        mark.release()
    return _told(segments)


def restore(folder: Path, catalog: Catalog, place: str, now: Micros, new_name: Callable[[], str], told: Told) -> Copied:
    """Make an empty store what a snapshot was. Raises NotFound when ``place`` has none, Conflict when the store is not
    empty, BadInput when a file of it is not what it was."""
    source = _folder(place)
    if not (source / CATALOG).is_file():
        raise failure(NotFound, "store.snapshot.none", at=source)
    if catalog.names():
        raise failure(Conflict, "store.snapshot.not_empty")
    segments = segments_in(source / CATALOG)
    taken: list[Segment] = []
    try:
        for number, segment in enumerate(segments):
            told(number, len(segments))
            # under the mark of this process: another that starts would take it for what a dead one left
            name = f"{Path(segment.name).parent}/{new_name()}"
            taken.append(replace(segment, name=name))
            _take(segment, source / segment.name, folder / name)
            if segment.state is State.LIVE and digest_of_file(folder / name) != segment.sha256:
                raise failure(BadInput, "store.snapshot.broken", at=source, name=segment.name)
        adopt(catalog, source / CATALOG, {old.name: new.name for old, new in zip(segments, taken, strict=True)})
        catalog.note_proofs((s.id for s in segments if s.state is State.LIVE), now)
    except BaseException as error:
        for each in taken:
            (folder / each.name).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise failure(Unavailable, "store.snapshot.failed", at=source, why=cause(error)) from error
        raise
    told(len(segments), len(segments))
    return _told(segments)


def _folder(place: str) -> Path:
    return Path(place).expanduser().absolute()


def _take(segment: Segment, source: Path, target: Path) -> None:
    """A file at another place, durably: the same one on the same disk, as nobody writes to it any more."""
    make_folder(target.parent)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except FileNotFoundError:
        if segment.state is not State.QUARANTINED:  # that it is lost is known, and answers say so
            raise
        return
    except OSError:  # another disk, or one that knows no links
        with source.open("rb") as from_, target.open("wb") as to:
            shutil.copyfileobj(from_, to, 1 << 20)
            to.flush()
            os.fsync(to.fileno())
    sync_folder(target.parent)


def _told(segments: Sequence[Segment]) -> Copied:
    return Copied(len(segments), sum(s.rows for s in segments), sum(s.bytes for s in segments))
