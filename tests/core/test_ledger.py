"""Two balances, counted on both sides."""

from __future__ import annotations

from pathlib import Path

from core.clock import HOUR
from core.db.database import migrate, open_database, sqlite_url
from core.ledger import Balance, Events, Raws, Tally, read_balances


def saved(tmp_path: Path, *tallies: Tally, start: int | None = None, end: int | None = None) -> dict[str, Balance]:
    database = open_database(sqlite_url(tmp_path))
    migrate(database)
    for tally in tallies:
        with database.write() as session:
            tally.save(session)
    with database.read() as session:
        return read_balances(session, start, end)


def test_counts_add_up_over_batches_and_hold(tmp_path: Path) -> None:
    one, two = Tally(), Tally()
    for tally in (one, two):
        tally.raws("a", 5, Raws.RECEIVED, 3)
        tally.raws("a", 5, Raws.PARSED, 2)
        tally.raws("a", 5, Raws.IGNORED, 1, "too_long")
        tally.events("a", 5, Events.MADE, 2)
        tally.events("a", 5, Events.STORED, 2)
    balance = saved(tmp_path, one, two)["a"]
    assert balance.holds
    assert balance.raws == {"received": 6, "parsed": 4, "ignored": 2}
    assert balance.reasons == {("raws", "ignored", "too_long"): 2}
    assert balance.refused == {"too_long": 2}


def test_a_swallowed_raw_shows(tmp_path: Path) -> None:
    tally = Tally()
    tally.raws("a", 5, Raws.RECEIVED, 3)
    tally.raws("a", 5, Raws.PARSED, 2)
    tally.events("a", 5, Events.MADE, 2)
    tally.events("a", 5, Events.STORED, 3)
    balance = saved(tmp_path, tally)["a"]
    assert (balance.raws_off_by, balance.events_off_by, balance.holds) == (1, -1, False)


def test_hours_are_cut_by_receipt(tmp_path: Path) -> None:
    tally = Tally()
    for hour in range(3):
        tally.raws("a", hour * HOUR + 7, Raws.RECEIVED)
    assert saved(tmp_path, tally, start=HOUR + 9, end=2 * HOUR)["a"].raws["received"] == 1


def test_what_waited_is_taken_back_when_it_comes(tmp_path: Path) -> None:
    one, two = Tally(), Tally()
    one.raws("a", 5, Raws.RECEIVED)
    one.raws("a", 5, Raws.WAITING)
    two.raws("a", 5, Raws.WAITING, -1)
    two.raws("a", 5, Raws.PARSED)
    balance = saved(tmp_path, one, two)["a"]
    assert balance.holds
    assert (balance.raws["waiting"], balance.raws["parsed"]) == (0, 1)
