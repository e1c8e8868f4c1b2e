"""What stands beside a system under kill -9: ``python -m tests.chaos.beside compact|read DATA SAID``.

``compact`` compacts all the time and unlinks what it replaced a second later, ``read`` searches, counts and scans all
the time. Neither ends by itself. SAID gets a line for each round, and one that begins with ``wrong`` for each answer
that cannot be true.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from core.clock import SECOND
from core.errors import Unavailable
from core.query.tree import TRUE
from core.store import compaction, segments_folder
from core.store.contract import Query, Truth
from core.store.segments import SegmentStore
from kydai.cli.output import Output
from kydai.context import Context

Say = Callable[[str], object]
PACE = 0.1
"""Seconds between two rounds: the system beside it is to have the processor."""


def compact(context: Context, say: Say) -> None:
    """One round; several files make one, so that a short run compacts often."""
    assert isinstance(context.store, SegmentStore)
    if replaced := context.store.compact():
        say(f"compacted {replaced}")


class Reader:
    """Asks for everything; nothing is deleted meanwhile, so no answer may hold less than one before."""

    def __init__(self) -> None:
        self.most = 0

    def __call__(self, context: Context, say: Say) -> None:
        counted = context.store.count(Query())
        found: Counter[str] = Counter()
        scan = context.store.scan(Query(TRUE), fields=["event.id"])
        for events in scan:
            found.update(str(event["event.id"]) for event in events)
        newest = [str(event["event.id"]) for event in context.store.search(Query(), limit=200).events]
        if twice := [key for key, count in found.items() if count > 1]:
            say(f"wrong: a scan gave {len(twice)} events twice, {twice[0]} among them")
        if len(found) < counted.count or counted.count < self.most:
            say(f"wrong: a scan gave {len(found)} of {counted.count} events, {self.most} were there before")
        if len(set(newest)) < len(newest):
            say("wrong: a page showed an event twice")
        for truth in (counted.truth, scan.truth):
            if lacking := _lacking(truth):
                say(f"wrong: {lacking}")
        self.most = max(self.most, len(found))
        say(f"read {len(found)}")


def _lacking(truth: Truth) -> str:
    """What an answer lacks although no file was hurt; what waits in a spool is no file."""
    return " ".join(f"{m.what} {m.detail}" for m in truth.missing if m.what != "undrained")


def main(what: str, data: Path, said: Path) -> None:
    compaction.FROM_FILES = 4
    segments_folder.GRACE = SECOND
    acts: dict[str, Callable[[Context, Say], None]] = {"compact": compact, "read": Reader()}
    context = Context(data, None, Output(True, "en"))
    with said.open("a", buffering=1) as lines:

        def say(line: str) -> None:
            lines.write(line + "\n")

        say(f"began {what}")
        while True:
            try:
                acts[what](context, say)
            except Unavailable as error:
                say(f"unavailable: {error}")
            time.sleep(PACE)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
