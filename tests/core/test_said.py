"""What senders say is added up by hour, unit and stream; what nobody says is unknown."""

from __future__ import annotations

import pytest

from core.clock import HOUR
from core.db.database import Database
from core.said import Numbered, SaidTally, Statement, Unit, lost_text, read_hours, read_said, sum_of


def save(database: Database, *tallies: SaidTally) -> None:
    for tally in tallies:
        with database.write() as session:
            tally.save(session)


def test_counts_add_up_over_batches_by_unit(database: Database) -> None:
    one, two = SaidTally(), SaidTally()
    one.add("rt01", 5, "ipfix 0", Unit.RECORDS, Numbered(checked=9, lost=40, jumps=1))
    one.add("rt01", 5, "netflow9 7", Unit.DATAGRAMS, Numbered(checked=3))
    two.add("rt01", HOUR + 5, "ipfix 0", Unit.RECORDS, Numbered(checked=1))
    two.add("rt01", 7, "ipfix 0", Unit.RECORDS, Numbered(lost=-15))
    save(database, one, two)
    with database.read() as session:
        found = read_said(session)["rt01"]
        hours = read_hours(session, 0, 2 * HOUR)
        assert read_said(session, HOUR)["rt01"].lost == {"records": 0}
        assert read_said(session, 0, HOUR)["rt01"].checked == 12
    assert (found.is_known, found.checked, found.lost) == (True, 13, {"records": 25, "datagrams": 0})
    assert {hour: s.lost["records"] for (_, hour), s in hours.items()} == {0: 25, HOUR: 0}


def test_receivers_stand_apart_from_sources(database: Database) -> None:
    tally = SaidTally()
    tally.add("netflow:2055", 5, "kernel", Unit.DATAGRAMS, Numbered(checked=90, lost=10), is_receiver=True)
    save(database, tally)
    with database.read() as session:
        assert read_said(session) == {}
        assert read_said(session, receivers=True)["netflow:2055"].lost == {"datagrams": 10}


def test_nothing_said_is_unknown_and_not_none_lost() -> None:
    assert not Statement().is_known
    assert Statement().lost == {}
    assert not Statement({("ipfix 0", "records"): Numbered()}).is_known


@pytest.mark.parametrize(
    ("numbered", "is_doubtful"),
    [
        pytest.param(Numbered(checked=100, lost=500, jumps=3), False, id="a gap or two"),
        pytest.param(Numbered(checked=100, lost=1900, jumps=99), True, id="each number jumps"),
        pytest.param(Numbered(checked=100, lost=3, jumps=1, strays=70), True, id="most are strays"),
        pytest.param(Numbered(checked=4, lost=3, jumps=3), False, id="too few to doubt"),
        pytest.param(Numbered(checked=100, strays=70), False, id="nothing is called lost"),
    ],
)
def test_numbers_that_do_not_follow_each_other_are_doubtful(numbered: Numbered, is_doubtful: bool) -> None:
    assert Statement({("netflow9 0", "datagrams"): numbered}).is_doubtful is is_doubtful


@pytest.mark.parametrize(
    ("streams", "text"),
    [
        ({}, "unknown"),
        ({("ipfix 0", "records"): Numbered(checked=5)}, "0"),
        ({("ipfix 0", "records"): Numbered(checked=5, lost=1200, jumps=1)}, "1,200 flow records"),
        (
            {
                ("ipfix 0", "records"): Numbered(checked=5, lost=2, jumps=1),
                ("netflow9 0", "datagrams"): Numbered(checked=50, lost=90, jumps=40),
            },
            "2 flow records · 90 datagrams (doubtful)",
        ),
    ],
)
def test_what_was_lost_in_words(streams: dict[tuple[str, str], Numbered], text: str) -> None:
    assert lost_text(Statement(streams), "en") == text


def test_a_sum_leaves_its_parts_alone() -> None:
    one = Statement({("syslog", "messages"): Numbered(checked=1, lost=2)})
    assert sum_of([one, one]).lost == {"messages": 4}
    assert one.lost == {"messages": 2}
