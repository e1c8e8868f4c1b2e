"""Whether the files are what the catalog says, and putting right what can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.store.catalog import Catalog
from core.store.catalog_rows import Segment, State
from core.store.contract import Finding
from core.store.scrub import matches
from core.store.segments_files import live_marks
from core.store.segments_folder import files, owner, remove_leftovers
from core.store.segments_layout import LAYOUT
from core.store.segments_write import id_ranges


def check(folder: Path, catalog: Catalog, *, mend: bool) -> list[Finding]:
    """Read every file and compare it with its row.

    ``problem`` is a key: ``catalog`` (SQLite's own check failed), ``absent``, ``checksum``, ``rows``,
    ``times``, ``ids``, ``newer`` (made by a newer version), ``quarantined`` (set aside, and still broken),
    ``restored`` (set aside, and whole again), ``stray`` (a file that the catalog does not know and whose writer
    is gone). To mend is to set a broken file aside, to take back one that is whole again, to remove strays.
    """
    findings = [Finding("catalog.sqlite", "catalog") for _ in catalog.faults()]
    for segment in catalog.segments(State.LIVE, State.QUARANTINED):
        problem = fault(folder, catalog, segment)
        if segment.state is State.LIVE and problem is not None:
            if mend:
                catalog.quarantine(segment.id)
            findings.append(Finding(segment.name, problem, set_aside=mend))
        elif segment.state is State.QUARANTINED and problem is not None:
            findings.append(Finding(segment.name, "quarantined"))
        elif segment.state is State.QUARANTINED:
            findings.append(Finding(segment.name, "restored", mended=mend and _take_back(folder, catalog, segment)))
    known, alive = catalog.names(), set(live_marks(folder / "marks"))
    strays = [name for name in files(folder) if name not in known and owner(name) not in alive]
    if mend:
        remove_leftovers(folder, catalog)
    return findings + [Finding(name, "stray", mended=mend) for name in strays]


def _take_back(folder: Path, catalog: Catalog, segment: Segment) -> bool:
    """Make a file live again; not when another holds some of its events by now (they were brought anew).

    Ranges of ids do not tell: those of the files that one compaction made interleave.
    """
    newest = catalog.newest()
    mine = _ids(folder, segment)
    for other in catalog.holding(catalog.ids_of(segment.id)):
        if other.state is State.LIVE and mine.join(_ids(folder, other), _ID, join_type="inner").num_rows:
            return False
    return catalog.take_back(segment.id, checked=newest)


_ID = ["segment", "record", "n"]


def _ids(folder: Path, segment: Segment) -> Any:
    return pq.read_table(folder / segment.name, columns=_ID)


def fault(folder: Path, catalog: Catalog, segment: Segment) -> str | None:
    """The first thing that is wrong with a file, as a key; None when it is as the catalog says."""
    path = folder / segment.name
    if segment.layout > LAYOUT:
        return "newer"
    try:
        if not matches(folder, segment):
            return "checksum"
        table = pq.read_table(path, columns=[*_ID, "ts"])
    except FileNotFoundError:
        return "absent"
    except (OSError, pa.ArrowException):
        return "checksum"
    if table.num_rows != segment.rows:
        return "rows"
    times: Any = pc.min_max(table.column("ts")).as_py()
    if (times["min"], times["max"]) != (segment.min_ts, segment.max_ts):
        return "times"
    if sorted(id_ranges(table), key=lambda r: r.spool) != catalog.ids_of(segment.id):
        return "ids"
    return None
