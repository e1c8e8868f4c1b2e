"""The files of the store's folder beside the catalog: what dead processes left, and what may be unlinked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from core.clock import MINUTE, Micros
from core.event import new_ulid
from core.store.catalog import Catalog
from core.store.segments_files import Mark, leave_mark, live_marks

GRACE: Micros = 10 * MINUTE
"""A replaced or deleted file is kept so long for reads that began before."""

LEVELS = ("l0", "l1")


def files(folder: Path) -> Iterator[str]:
    """The names of all files at the levels, half-written ones included."""
    for level in LEVELS:
        for path in sorted((folder / level).rglob("*")):
            if path.is_file():
                yield path.relative_to(folder).as_posix()


def owner(name: str) -> str:
    """The mark of the process that wrote a file."""
    return Path(name).name.partition("-")[0]


def remove_leftovers(folder: Path, catalog: Catalog) -> list[str]:
    """Remove the files that a dead process wrote and did not publish; returns their names."""
    # in this order: the writer of a file that was listed has its mark, and what it published is known
    found = list(files(folder))
    alive = set(live_marks(folder / "marks"))
    known = catalog.names()
    removed = [name for name in found if name not in known and owner(name) not in alive]
    for name in removed:
        with suppress(FileNotFoundError):
            (folder / name).unlink()
    return removed


def unlink_retired(folder: Path, catalog: Catalog, now: Micros) -> list[str]:
    """Unlink what was retired longer than the grace ago and no long read began before; returns the names."""
    oldest = min((int(name.partition("-")[0]) for name in live_marks(folder / "readers")), default=now)
    gone = catalog.retired_before(min(now - GRACE, oldest - 1))
    for s in gone:
        with suppress(FileNotFoundError):
            (folder / s.name).unlink()
    catalog.forget([s.id for s in gone])
    return [s.name for s in gone]


def reading(folder: Path, now: Micros) -> Mark:
    """The mark of a long read: what is in the store at ``now`` stays readable until it is released."""
    return leave_mark(folder / "readers", f"{now}-{new_ulid(now)}")
