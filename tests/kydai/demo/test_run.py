"""The whole demonstration as a newcomer meets it: from an empty folder to the four things to do next."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from core.audit import verify
from core.db.models import Audit, Effect, Incident, Run, RunStatus
from core.ledger import read_balances
from core.query.tree import Equals
from core.store.contract import Query
from kydai.context import Context
from tests.demonstration import Shown


@pytest.fixture
def house(shown: Shown) -> Iterator[Context]:
    context = shown.open()
    yield context
    context.close()


pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def test_it_ends_well_and_tells_the_story(shown: Shown) -> None:
    assert shown.status == 0, shown.text
    assert "DỮ LIỆU TRÌNH DIỄN" in shown.text
    assert "Những phần không giám sát được trong kỳ" in shown.text
    for source in ("fw-ttdl", "motcua-app01", "esx01", "thedt-pay01", "rt-xa14"):
        assert source in shown.text
    assert re.search(r"kydai report incident VV-\d+-\d+ -o vu-viec.pdf --data", shown.text)
    assert "sign-in" not in shown.text, "with --once nothing is left to sign in to"


def test_the_flows_it_tells_of_are_flows(shown: Shown, house: Context) -> None:
    told = re.search(r"trong đó ([\d.]+) bản ghi luồng mạng", shown.text)
    assert told, shown.text
    live = 1000  # what the minute after it adds
    assert 0 <= house.store.stats().flows - int(told[1].replace(".", "")) < live


def test_four_incidents_at_most_and_the_live_one_is_whole(house: Context) -> None:
    with house.database.read() as session:
        incidents = session.scalars(select(Incident).where(Incident.merged_into.is_(None))).all()
    assert 3 <= len(incidents) <= 4, [i.title for i in incidents]
    live = [i for i in incidents if not i.is_replay]
    assert len(live) == 1
    assert "baochi-crawl01" in live[0].title["vi"]
    assert sum(p["points"] for p in live[0].priority_sum) == live[0].priority


def test_one_block_was_made_and_undone_and_one_approval_waits(house: Context) -> None:
    with house.database.read() as session:
        effects = session.scalars(select(Effect).where(Effect.action == "firewall.block_ip")).all()
        waiting = session.scalars(select(Run).where(Run.status == RunStatus.WAITING_APPROVAL)).all()
    assert [e.state for e in effects] == ["undone"]
    assert len(waiting) == 1


def test_every_raw_is_accounted_for(house: Context) -> None:
    with house.database.read() as session:
        balances = read_balances(session)
    assert balances
    assert all(b.holds for b in balances.values())
    unread = house.store.search(Query(Equals("event.dataset", "kydai.unparsed"))).events
    told = [(e["kydai.source"], e["event.original"]) for e in unread]
    assert sum(b.raws["unparsed"] for b in balances.values()) == 0, told


def test_the_journal_holds_and_names_the_storys_people(house: Context) -> None:
    with house.database.read() as session:
        rows = session.scalars(select(Audit).order_by(Audit.seq)).all()
        assert verify(rows).is_whole
    actors = " ".join(r.actor for r in rows if r.is_demo)
    assert "baotq" in actors
    assert "hanhnt" in actors
