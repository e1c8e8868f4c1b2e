from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from core.clock import HOUR, StillClock
from core.db.models import IntegrityRoot, JudgedRange
from core.event import EventId
from core.faults import Fault, Problem
from core.heads import FILE, heads_of
from core.store.contract import Batch
from kydai import sealed
from kydai.cli.output import Output
from kydai.context import Context
from tests.core.store.conformance import START, event, spool


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    with closing(Context(tmp_path, None, Output(True, "en"))) as made:
        made.clock = StillClock(START + 2 * HOUR)
        made.store.append(Batch([event(i) for i in range(5)]))
        with made.database.write() as session:
            session.add(JudgedRange(segment=spool(), first=0, last=4))
        yield made


def test_the_head_of_what_was_sealed_is_kept_in_a_file_once(context: Context, tmp_path: Path) -> None:
    assert sealed.seal(context).trees == 1
    assert sealed.seal(context).trees == 0
    check = sealed.prover(context)
    assert list(check.run()) == []
    (head,) = heads_of(tmp_path / "integrity" / FILE)
    assert (head.seq, head.hash, head.at) == (*check.head, START + 2 * HOUR)


def test_what_is_wrong_with_sealed_hours_is_a_finding(context: Context) -> None:
    sealed.seal(context)
    assert sealed.wrong(context, sealed.prover(context)) == ([], 0)
    with context.database.write() as session:
        row = session.scalars(select(IntegrityRoot)).one()
        row.signature = "0" * len(row.signature)
    findings, unread = sealed.wrong(context, sealed.prover(context))
    assert ([finding.segment for finding in findings], unread) == (["root 1"], 0)


def test_a_kill_before_the_head_was_kept_is_made_good(context: Context, tmp_path: Path) -> None:
    sealed.seal(context)
    (tmp_path / "integrity" / FILE).unlink()
    sealed.seal(context)
    assert len(heads_of(tmp_path / "integrity" / FILE)) == 1


def test_nothing_sealed_leaves_no_head(context: Context, tmp_path: Path) -> None:
    context.clock = StillClock(START)
    assert sealed.seal(context).trees == 0
    assert heads_of(tmp_path / "integrity" / FILE) == []


@pytest.mark.parametrize("problem", [p for p in Problem if p not in ("unsigned", "altered", "removed")])
@pytest.mark.parametrize("lang", ["vi", "en"])
def test_every_fault_is_told_with_its_place(problem: Problem, lang: str) -> None:
    first, last = (str(EventId(spool(), record, 0)) for record in (3, 9))
    fault = Fault(problem, 7, START, "level3", 2, first, last, 4, "level3: 6 months")
    line = sealed.told(fault, lang, "UTC")
    assert "7" in line
    assert "level3" in line
    assert sealed.document(fault) == {
        "problem": problem, "class": "level3", "is_wrong": problem not in ("missing", "retained"), "seq": 7,
        "hour": "2026-11-25T00:00:00.000000Z", "number": 2, "first": first, "last": last, "count": 4,
        "detail": "level3: 6 months", "of": "root",
    }  # fmt: skip


def test_a_fault_in_no_tree_is_told_by_its_hour_or_number() -> None:
    added = Fault(Problem.ADDED, 0, START, "level3", 0, "a", "b", 2)
    assert sealed.told(added, "en", "UTC").startswith("Hour ")
    cut = Fault(Problem.CUT, 7, count=2)
    assert sealed.told(cut, "en", "UTC") == "Root 7: THE CHAIN WAS CUT SHORT from here on; missing: 2"
    assert sealed.document(cut)["hour"] is None


@pytest.mark.parametrize("problem", ["root", "key", "link", "cut", "head", "unsigned", "altered", "removed"])
@pytest.mark.parametrize("lang", ["vi", "en"])
def test_every_fault_of_a_tombstone_is_told_with_its_number(problem: str, lang: str) -> None:
    fault = Fault(Problem(problem), 7, count=4, detail="l1/x.parquet", of="tombstone")
    assert "7: " in sealed.told(fault, lang, "UTC")
    assert sealed.document(fault)["of"] == "tombstone"
