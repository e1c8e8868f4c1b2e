"""When a file of the store was last compared with its checksum, and comparing it again in time.

No reader of Parquet sees a bit that flipped within a page: of a hundred in a small file three change an answer. To
compare at every read would read whole files where an answer needs two columns. So a file is trusted for a week after
it was written or compared; maintenance compares each again before that, and a read compares what nobody has.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from core.clock import DAY, Clock, Micros
from core.errors import Unavailable
from core.store.catalog import Catalog
from core.store.catalog_rows import Segment
from core.store.segments_engine import Broken
from core.store.segments_files import digest, digest_of_file

TRUSTED = 7 * DAY
RENEWED = 5 * DAY
BYTES = 1 << 30
"""One round of comparing ends behind the file with which it has read so much: about a second of CPU."""
FILES = 1000
_LOST = frozenset((errno.ENOENT, errno.EIO))
"""The file is gone (replaced meanwhile, or lost), or the disk cannot read it."""


class Proved:
    """The files that this process may read: compared by it, or by whom the catalog names within the week."""

    def __init__(self, folder: Path, catalog: Catalog, clock: Clock) -> None:
        self._folder = folder
        self._catalog = catalog
        self._clock = clock
        self._known: dict[int, Micros] = {}

    def need(self, segments: Iterable[Segment], before_each: Callable[[], None]) -> None:
        """Compare those that nobody has; ``before_each`` may end it. Raises Broken."""
        now = self._clock.now()
        since = now - TRUSTED
        old = [s for s in segments if max(s.published_at, self._known.get(s.id, 0)) < since]
        if not old:
            return
        self._known |= self._catalog.proofs(since)
        compared: list[int] = []
        try:
            for s in old:
                if self._known.get(s.id, 0) >= since:
                    continue
                before_each()
                try:
                    is_whole = matches(self._folder, s)
                except OSError as error:
                    raise Broken(str(error)) from error
                if not is_whole:
                    raise Broken(f"{s.name}: checksum")
                compared.append(s.id)
        finally:
            if compared:
                self._known |= dict.fromkeys(compared, now)
                with suppress(Unavailable):  # the others compare them once more
                    self._catalog.note_proofs(compared, now)


def matches(folder: Path, segment: Segment) -> bool:
    """Whether a file is as it was written. Raises OSError."""
    return digest_of_file(folder / segment.name) == segment.sha256


def whole(folder: Path, segment: Segment) -> bytes | None:
    """What a file holds; None when it is gone, the disk cannot read it, or it is not as it was written. Raises OSError
    for what is of this machine and not of the file."""
    try:
        data = (folder / segment.name).read_bytes()
    except OSError as error:
        if error.errno not in _LOST:
            raise
        return None
    return data if digest(data) == segment.sha256 else None


def scrub(folder: Path, catalog: Catalog, now: Micros) -> int:
    """One round: compare the files that were not for the longest time and set the broken aside; how many these were."""
    read, whole, broken = 0, list[int](), list[int]()
    for s in catalog.unproved(now - RENEWED, FILES):
        if read >= BYTES:
            break
        read += s.bytes
        try:
            (whole if matches(folder, s) else broken).append(s.id)
        except OSError as error:
            if error.errno not in _LOST:  # of this machine, not of the file: the next round
                break
            broken.append(s.id)
    if whole:
        catalog.note_proofs(whole, now)
    if broken:
        catalog.quarantine(*broken)
    return len(broken)
