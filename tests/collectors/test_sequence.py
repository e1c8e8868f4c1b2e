"""Gaps are what a sender's own numbers say is missing; late ones, strays and restarts are none."""

from __future__ import annotations

import pytest

from collectors.sequence import HOLES_KEPT, LINES_KEPT, Count
from core.clock import HOUR
from core.said import Numbered


def counted(*numbers: int, size: int | None = 1, port: str = "", modulo: int = 1 << 32) -> Numbered:
    count = Count(modulo=modulo)
    for number in numbers:
        count.step(number, size, 0, port=port)
    return count.by_hour[0]


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        pytest.param((100, 101, 102), Numbered(checked=2), id="in order"),
        pytest.param((1, 2, 5), Numbered(checked=2, lost=2, jumps=1), id="a jump"),
        pytest.param((0xFFFFFFFE, 0xFFFFFFFF, 3), Numbered(checked=2, lost=3, jumps=1), id="around the end"),
        pytest.param((1, 4, 2, 3, 5), Numbered(checked=4, jumps=1, late=2), id="late ones fill the hole"),
        pytest.param((1, 4, 2, 5), Numbered(checked=3, lost=1, jumps=1, late=1), id="part of it stays lost"),
        pytest.param((1, 1, 2, 2, 3, 3, 4, 4), Numbered(checked=7, strays=4), id="each came twice"),
        pytest.param((1, 5, 2, 2, 2), Numbered(checked=4, lost=2, jumps=1, late=1, strays=2), id="late, twice"),
        pytest.param((500, 0, 1, 2, 3, 5), Numbered(checked=5, lost=1, jumps=1, restarts=1), id="began anew"),
        pytest.param((5_000_000, 0, 1, 2, 3), Numbered(checked=4, restarts=1), id="began anew, from far"),
        pytest.param((4_000_000_000, 0, 1), Numbered(checked=2, restarts=1), id="began anew, near the end"),
    ],
)
def test_what_numbers_say(numbers: tuple[int, ...], told: Numbered) -> None:
    assert counted(*numbers) == told


def test_records_are_counted_by_the_size_of_each() -> None:
    count = Count()
    for number, size in ((0, 20), (20, 5), (55, 10), (25, 30)):
        count.step(number, size, 0)
    assert count.by_hour[0] == Numbered(checked=3, jumps=1, late=1)


def test_an_unknown_size_asks_nothing_of_the_next() -> None:
    assert counted(10, 500, 900, size=None) == Numbered()


def test_an_uptime_that_went_back_is_a_restart_wherever_the_number_stands() -> None:
    count = Count()
    count.step(1000, 1, 0, uptime=90_000_000)
    count.step(1005, 1, 0, uptime=2_000)
    count.step(1006, 1, 0, uptime=3_000)
    assert count.by_hour[0] == Numbered(checked=2, restarts=1)


def test_exporters_behind_one_address_are_told_apart_by_port() -> None:
    count = Count()
    for turn in range(20):
        count.step(turn, 1, 0, port="4001")
        count.step(900_000 + turn, 1, 0, port="4002")
    assert count.by_hour[0] == Numbered(checked=38)


def test_an_exporter_that_changes_its_port_is_the_same() -> None:
    count = Count()
    for turn in range(100):
        count.step(turn, 1, 0, port=str(turn))
    assert count.by_hour[0] == Numbered(checked=99)
    assert len(count.lines) == 1


def test_two_counts_without_ports_show_as_strays_and_jumps() -> None:
    told = counted(*(number for turn in range(50) for number in (turn, 900_000 + turn)))
    assert told.jumps + told.strays + told.late + told.restarts >= told.checked // 2


def test_a_hole_that_is_filled_later_is_taken_back_in_its_own_hour() -> None:
    count = Count()
    count.step(0, 1, 0)
    count.step(4, 1, HOUR - 1)
    again = Count(count.lines)
    again.step(2, 1, HOUR + 1)
    assert again.by_hour == {0: Numbered(lost=-1), HOUR: Numbered(checked=1, late=1)}
    count.by_hour[0].add(again.by_hour[0])
    assert count.by_hour[0].lost == 2


def test_what_is_remembered_is_bounded() -> None:
    count = Count()
    for turn in range(100):
        count.step(turn * 1000, 1, 0, port="1")
        count.step(turn * 777_777, 1, 0, port=f"x{turn}")
    assert len(count.lines) == LINES_KEPT
    assert all(len(line.holes) <= HOLES_KEPT for line in count.lines)


def test_nothing_told_is_false() -> None:
    assert not Numbered()
    assert Numbered(restarts=1)
