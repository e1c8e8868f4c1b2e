from __future__ import annotations

import pytest

from collectors import flow_waiting
from collectors.decoders.netflow import Datagram, Waiting
from collectors.decoders.templates import TemplateChange, TemplateKey
from collectors.flow_waiting import MAX_AGE, WaitingRoom
from core.clock import MINUTE

NOW = 1_764_000_000_000_000
ONE = TemplateKey("192.0.2.1", 9, 0, 256)
TWO = ONE._replace(number=257)


def waiting(record: int, *missing: TemplateKey, size: int = 100, exporter: str = "192.0.2.1") -> Waiting:
    return Waiting(Datagram(exporter, bytes(size), 0, "01ARZ3NDEKTSV4RRFFQ69G5FAV", record), missing)


def records(held: list[flow_waiting.Held]) -> list[int]:
    return [one.datagram.record for one in held]


def test_a_template_that_comes_releases_those_that_need_it() -> None:
    room = WaitingRoom()
    room.add([waiting(1, ONE), waiting(2, TWO), waiting(3, ONE, TWO)], NOW)
    assert room.missing() == {ONE: 2, TWO: 2}
    assert records(room.take_ready([TemplateChange(ONE, "new")])) == [1, 3]
    assert room.take_ready([TemplateChange(TWO, "withdrawn")]) == []
    assert len(room) == 1


def test_after_an_hour_it_is_overdue_however_old_the_datagram_is() -> None:
    room = WaitingRoom()
    room.add([waiting(1, ONE)], NOW)
    room.add([waiting(2, ONE)], NOW + MINUTE)
    assert room.take_overdue(NOW + MAX_AGE - 1) == []
    assert records(room.take_overdue(NOW + MAX_AGE)) == [1]
    assert len(room) == 1


def test_the_oldest_of_an_exporter_that_fills_its_share_are_pushed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_waiting, "MAX_BYTES", 1000)
    room = WaitingRoom()
    room.add([waiting(99, ONE, exporter="192.0.2.9")], NOW)
    room.add([waiting(n, ONE, size=300) for n in range(5)], NOW)
    assert records(room.take_overdue(NOW)) == [0, 1]
    assert len(room) == 4


def test_a_copy_is_independent() -> None:
    room = WaitingRoom()
    room.copy().add([waiting(1, ONE)], NOW)
    assert len(room) == 0
