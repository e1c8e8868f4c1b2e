"""A check that was asked for is made by a process of its own, once, with its progress."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core import checks
from core.audit import Actor
from core.clock import HOUR, StillClock
from core.db.models import JudgedRange
from core.errors import Conflict
from core.store.contract import Batch
from kydai import checking, sealed
from kydai.cli.output import Output
from kydai.context import Context
from tests.core.store.conformance import START, event, spool

ANNA = Actor("anna", "console")


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    with closing(Context(tmp_path, None, Output(True, "en"))) as made:
        made.clock = StillClock(START + 2 * HOUR)
        made.store.append(Batch([event(i) for i in range(5)]))
        with made.database.write() as session:
            session.add(JudgedRange(segment=spool(), first=0, last=4))
        yield made


def test_a_check_that_was_asked_for_is_made_once(context: Context) -> None:
    checking.check(context)
    with context.database.write() as session:
        assert checks.verified(session) is None, "nobody asked"
        checks.ask(session, ANNA, context.clock.now())
    checking.check(context)
    with context.database.read() as session:
        found = checks.verified(session)
        assert found == checks.Verified(context.clock.now(), 1, 0, 0, "anna")
        assert checks.asked(session) is None
        assert checks.running(session, context.clock.now()) is None


def test_what_could_not_be_read_is_kept_beside_the_result(context: Context, tmp_path: Path) -> None:
    sealed.seal(context)
    (segment,) = (tmp_path / "store").rglob("*.parquet")
    segment.write_bytes(segment.read_bytes()[:-10])
    with context.database.write() as session:
        checks.ask(session, ANNA, context.clock.now())
    checking.check(context)
    with context.database.read() as session:
        found = checks.verified(session)
    assert found is not None
    assert (found.unread, found.is_partial) == (1, False)


def test_how_far_it_has_come_is_told_while_it_runs(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed.seal(context)
    monkeypatch.setattr(checking, "TELL_SECONDS", 0.01)
    prover = sealed.prover(context)
    with checking.under_way(context, "anna", prover):
        with pytest.raises(Conflict), checking.under_way(context, "bình", prover):
            raise AssertionError
        assert list(prover.run()) == []
        while True:  # until the teller's next turn
            with context.database.read() as session:
                found = checks.running(session, context.clock.now())
            assert found is not None
            if found.done:
                break
        assert (found.by, found.done, found.total) == ("anna", 5, 5)
    with context.database.read() as session:
        assert checks.running(session, context.clock.now()) is None


def test_the_process_checks_and_leaves(context: Context, tmp_path: Path) -> None:
    with context.database.write() as session:
        checks.ask(session, ANNA, context.clock.now())
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KYDAI_")} | {"KYDAI_DATA": str(tmp_path)}
    command = [sys.executable, "-m", "kydai.checking"]
    ran = subprocess.run(command, env=environment, capture_output=True, timeout=120, check=False)
    assert (ran.returncode, ran.stdout) == (0, b"")
    with context.database.read() as session:
        found = checks.verified(session)
    assert found is not None
    assert (found.by, found.parts) == ("anna", 1)
