"""The store is compacted and old events deleted by a process that comes and goes; what is deleted is in the journal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pyarrow as pa
import pytest
from sqlalchemy import select

from core import tended
from core.clock import DAY, StillClock
from core.db.models import Audit, Meta
from core.errors import Refused, failure
from core.storage import OUTLOOK, days_left
from core.store import compaction
from core.store.contract import Batch, Query
from kydai import upkeep
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


def test_what_is_in_the_way_is_remembered_and_keeps_nothing_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = Context(tmp_path, None, Output(True, "en"))
    context.clock = clock = StillClock(START + DAY)
    fill(context)

    def told() -> str:
        with context.database.read() as session:
            why = tended.trouble(session)
            assert [m.title["en"] for m in upkeep.store_trouble(session, 0)] == (
                [] if why is None else [f"The event store needs a person: {why['en']}"]
            )
        return "" if why is None else why["en"]

    with monkeypatch.context() as patch:
        patch.setattr(compaction, "split", Mock(side_effect=pa.ArrowInvalid("odd")))
        clock.advance(400 * 86400)
        assert len(tend(context)[1]) == FILES, "what is old goes all the same"
        assert f"{FILES} files from l0/" in told()
    clock.at = START + DAY
    for n in range(FILES):
        context.store.append(Batch([event(FILES + n, n)]))
    assert tend(context)[0] == FILES
    assert told() == ""
    (file,) = tmp_path.rglob("l1/**/*.parquet")
    file.write_bytes(b"x" * file.stat().st_size)
    assert context.store.search(Query(), limit=1).truth.missing
    tend(context)
    assert file.name in told()
    assert "Put these files back from a backup" in told()
    context.close()


def test_what_could_not_be_deleted_is_remembered_and_keeps_nothing_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = Context(tmp_path, None, Output(True, "en"))
    context.store.append(Batch([event(1)]))
    kept = failure(Refused, "store.error.kept", names="kydai-level3-2025.w01", count=0)
    monkeypatch.setattr(context.store, "retain", Mock(side_effect=kept))
    assert tend(context) == (0, [])
    with context.database.read() as session:
        assert session.get(Meta, OUTLOOK) is not None
        why = tended.trouble(session)
    assert why is not None
    assert "kydai-level3-2025.w01" in why["en"]
    context.close()


def test_the_process_tends_and_leaves(tmp_path: Path) -> None:
    context = Context(tmp_path, None, Output(True, "en"))
    fill(context)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KYDAI_")} | {"KYDAI_DATA": str(tmp_path)}
    command = [sys.executable, "-m", "kydai.tending"]
    blocked = context.settings.store_folder / "l1"
    blocked.touch()
    ran = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
    with context.database.read() as session:
        why = tended.trouble(session)
    assert (ran.returncode, why and why["en"]) == (1, "The store cannot write: File exists.")
    blocked.unlink()
    ran = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout) == (0, b"")
    with context.database.read() as session:
        assert tended.trouble(session) is None
    assert b"was tended" in ran.stderr
    assert b"that no pipeline has judged" in ran.stderr, "these came by none"
    assert context.store.stats().segments == 1
    context.close()
