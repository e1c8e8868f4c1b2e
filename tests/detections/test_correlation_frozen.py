"""A machine that was frozen and thawed decides as one that never was."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest

from detections.correlation_frozen import freeze, thaw
from detections.correlation_rules import PatternSet
from detections.correlation_state import Machine, Output
from tests.detections.correlation_cases import document, pattern_set, random_documents, random_stream
from tests.detections.test_correlation_state import COUNT, END, play, row


@pytest.mark.parametrize("seed", range(10))
def test_a_machine_that_was_frozen_decides_the_same(seed: int) -> None:
    random = Random(3000 + seed)
    for _ in range(15):
        patterns = pattern_set(*random_documents(random))
        board = play(random, patterns, random_stream(random, length=24))
        board.advance(END)
        for partition, log in board.log.items():
            whole = Machine(patterns, partition)
            stopped = Machine(patterns, partition)
            for block in log:
                if random.random() < 0.4:
                    stopped = thaw(freeze(stopped), patterns, partition)
                one, two = _step(whole, block), _step(stopped, block)
                assert one.alarms == two.alarms
                assert one.rows == two.rows


def _step(machine: Machine, block: Any) -> Output:
    if block and isinstance(block[0], int):
        return machine.advance(block)
    return machine.apply(block)


def test_a_state_of_another_question_is_not_used() -> None:
    before = pattern_set(document("count", condition={"gte": 3}, **COUNT))
    after = pattern_set(document("count", condition={"gte": 2}, **COUNT))
    machine = Machine(before, 0)
    machine.apply([row("id-count", 0, "a")])
    assert len(thaw(freeze(machine), before, 0).groups) == 1
    assert not thaw(freeze(machine), after, 0).groups
    assert not thaw(freeze(machine), PatternSet(), 0).groups


def test_what_cannot_be_read_is_an_error() -> None:
    with pytest.raises(msgspec.MsgspecError):
        thaw(b"nonsense", PatternSet(), 0)
