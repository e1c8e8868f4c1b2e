from __future__ import annotations

import pytest

from core import listed
from core.clock import HOUR
from core.db.database import Database
from core.ledger import Raws, Tally
from core.listed import OTHERS, Listed


@pytest.fixture(autouse=True)
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listed, "LISTED", 2)


def test_so_many_strangers_an_hour_are_told_apart(database: Database) -> None:
    found = Listed(database)
    found.declared = {"fw01"}
    names = [found.name_of(name, at) for at in (0, HOUR) for name in ("udp:a", "flow:b", "udp:c", "udp:a", "fw01")]
    assert names == ["udp:a", "flow:b", OTHERS, "udp:a", "fw01"] * 2
    assert [found.name_of(name, 0) for name in ("file:x", "token:y")] == ["file:x", "token:y"]


def test_who_was_told_apart_is_after_a_restart(database: Database) -> None:
    tally = Tally(Listed(database).name_of)
    for name in ("udp:a", "udp:b", "udp:c", "udp:d", "file:x"):
        tally.raws(name, 5, Raws.RECEIVED)
    with database.write() as session:
        tally.save(session)
    assert {key[0]: count for key, count in tally} == {"udp:a": 1, "udp:b": 1, OTHERS: 2, "file:x": 1}
    again = Listed(database)
    assert [again.name_of(name, 9) for name in ("udp:d", "udp:b", "udp:a")] == [OTHERS, "udp:b", "udp:a"]


def test_few_hours_are_remembered(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listed, "HOURS_KEPT", 1)
    found = Listed(database)
    for at in (0, HOUR, 0):
        assert [found.name_of(name, at) for name in ("udp:a", "udp:b", "udp:c")] == ["udp:a", "udp:b", OTHERS]
