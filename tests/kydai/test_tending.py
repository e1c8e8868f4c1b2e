"""The store is compacted and old events deleted by a process that comes and goes; what is deleted is in the journal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from sqlalchemy import select

from core.clock import DAY, StillClock
from core.db.models import Audit, Meta
from core.storage import OUTLOOK, days_left
from core.store.contract import Batch, Query
from kydai.cli.output import Output
from kydai.context import Context
from kydai.tending import tend
from tests.core.store.conformance import START, event

FILES = 25


def fill(context: Context) -> None:
    for n in range(FILES):
        context.store.append(Batch([event(n, n)]))


def test_many_small_files_become_one_and_old_events_go(tmp_path: Path) -> None:
    context = Context(tmp_path, None, Output(True, "en"))
    context.clock = StillClock(START + DAY)
    fill(context)
    replaced, gone = tend(context)
    assert (replaced, gone) == (FILES, [])
    assert context.store.stats().segments == 1
    context.clock.advance(400 * 86400)
    assert len(tend(context)[1]) == 1
    assert context.store.count(Query()).count == 0
    with context.database.read() as session:
        assert days_left(session, context.clock.now()) is None, "the disk will do for long"
        assert session.get(Meta, OUTLOOK) is not None
    with context.database.read() as session:
        entry = session.scalars(select(Audit)).one()
    assert (entry.actor, entry.action) == ("maintenance", "store.retain")
    context.close()


def test_the_process_tends_and_leaves(tmp_path: Path) -> None:
    context = Context(tmp_path, None, Output(True, "en"))
    fill(context)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KYDAI_")} | {"KYDAI_DATA": str(tmp_path)}
    command = [sys.executable, "-m", "kydai.tending"]
    ran = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout) == (0, b"")
    assert b"was tended" in ran.stderr
    assert b"that no pipeline has judged" in ran.stderr, "these came by none"
    assert context.store.stats().segments == 1
    context.close()
