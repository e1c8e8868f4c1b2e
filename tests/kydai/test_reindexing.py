"""The process that writes anew what an older version wrote: it tells how far it is, and why it could not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core import reindexing as runs
from core.clock import SECOND, StillClock
from core.errors import Conflict, Refused, failure, recalled
from core.store.reindex import Reindexing, ReindexStage
from kydai import reindexing
from kydai.cli.output import Output
from kydai.context import Context
from tests.core.store.conformance import START


class Store:
    """Says how far it is, then does what is wanted."""

    def __init__(self, ends: Callable[[], int]) -> None:
        self._ends = ends

    def reindex(self, tell: Callable[[Reindexing], Any]) -> int:
        for done in range(3):
            tell(Reindexing("a", ReindexStage.COPYING, done, 3, 1))
        tell(Reindexing("a", ReindexStage.CLOSING, 3, 3, 1))
        return self._ends()

    def close(self) -> None:
        return


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    with closing(Context(tmp_path, None, Output(True, "en"))) as made:
        made.clock = StillClock(START)
        yield made


def last(context: Context) -> runs.Run | None:
    with context.database.read() as session:
        return runs.last(session)


def test_it_tells_how_far_it_is_until_its_end(context: Context) -> None:
    seen: list[runs.Run | None] = []

    def ends() -> int:
        seen.append(last(context))
        return 1

    context.__dict__["store"] = Store(ends)
    assert reindexing.reindex(context) == 1
    (during,) = seen
    assert during is not None
    assert during.state == Reindexing("a", ReindexStage.CLOSING, 3, 3, 1)
    assert last(context) is None


def test_what_was_in_its_way_is_kept(context: Context) -> None:
    def refuses() -> int:
        raise failure(Refused, "store.reindex.busy", name="a")

    context.__dict__["store"] = Store(refuses)
    with pytest.raises(Refused):
        reindexing.reindex(context)
    found = last(context)
    assert found is not None
    assert "written to faster" in recalled(found.error)["en"]

    def is_told_to_end() -> int:
        sys.exit(1)

    context.__dict__["store"] = Store(is_told_to_end)
    with pytest.raises(SystemExit):
        reindexing.reindex(context)
    found = last(context)
    assert found is not None
    assert (found.error, found.is_alive(START)) == ("", False)


def test_a_run_that_was_taken_over_ends(context: Context) -> None:
    clock = context.clock
    assert isinstance(clock, StillClock)

    def taken() -> int:
        with context.database.write() as session:
            runs.begin(session, "other", START + runs.STALE + 1)
        clock.advance(runs.STALE / SECOND)
        raise failure(Conflict, "store.reindex.taken")

    context.__dict__["store"] = Store(taken)
    with pytest.raises(Conflict):
        reindexing.reindex(context)
    found = last(context)
    assert found is not None
    assert found.token == "other"
    with pytest.raises(Conflict):
        reindexing.reindex(context)


def test_a_second_signal_does_not_end_it_before_writers_go_on() -> None:
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        signal.signal(signal.SIGTERM, reindexing.leave)
        with pytest.raises(SystemExit):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def test_the_process_leaves_where_nothing_is_to_do(context: Context, tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KYDAI_")} | {"KYDAI_DATA": str(tmp_path)}
    command = [sys.executable, "-m", "kydai.reindexing"]
    assert subprocess.run(command, env=environment, timeout=120, check=False).returncode == 0
    assert last(context) is None
