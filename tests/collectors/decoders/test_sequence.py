from __future__ import annotations

from collectors.decoders.sequence import Steps
from collectors.decoders.templates import Domain

RECORDS = Domain("192.0.2.1", 10, 0)


def test_in_order_there_is_no_gap() -> None:
    steps = Steps()
    assert steps.step(RECORDS, None, 100, 5) == 105
    assert steps.step(RECORDS, 105, 105, 5) == 110
    assert steps.gaps() == []


def test_a_jump_ahead_is_a_loss_also_around_the_end_of_the_numbers() -> None:
    steps = Steps()
    assert steps.step(RECORDS, 0xFFFFFFF0, 4, 1) == 5
    assert steps.gaps()[0].lost == 20


def test_a_late_datagram_takes_its_records_back_and_moves_nothing() -> None:
    steps = Steps()
    expected = steps.step(RECORDS, 100, 110, 10)
    assert steps.step(RECORDS, expected, 100, 10) == 120
    (gap,) = steps.gaps()
    assert (gap.lost, gap.late, gap.restarts) == (0, 1, 0)


def test_far_behind_is_a_restart() -> None:
    steps = Steps()
    assert steps.step(RECORDS, 5_000_000, 0, 3) == 3
    (gap,) = steps.gaps()
    assert (gap.lost, gap.restarts) == (0, 1)


def test_an_unknown_size_asks_nothing_of_the_next() -> None:
    assert Steps().step(RECORDS, 10, 10, None) is None


def test_what_is_counted() -> None:
    steps = Steps()
    steps.step(RECORDS, 0, 5, 1)
    steps.step(RECORDS._replace(version=9), 0, 5, 1)
    assert [gap.unit for gap in steps.gaps()] == ["records", "datagrams"]
