"""What is to be done next, for every way in which steps can stand."""

from __future__ import annotations

import pytest

from core.db.models import RunStatus as S
from playbooks.runner import Do, Move, StepState, next_move


@pytest.mark.parametrize(
    ("steps", "move"),
    [
        pytest.param([StepState("a", S.QUEUED)], Move(Do.DECIDE, "a"), id="begin"),
        pytest.param([StepState("a", S.SUCCEEDED), StepState("b", S.QUEUED)], Move(Do.DECIDE, "b"), id="next"),
        pytest.param([StepState("a", S.SKIPPED), StepState("b", S.QUEUED)], Move(Do.DECIDE, "b"), id="skipped"),
        pytest.param([StepState("a", S.QUEUED, None, True)], Move(Do.PERFORM, "a"), id="approved"),
        pytest.param([StepState("a", S.RUNNING)], Move(Do.PERFORM, "a"), id="killed while running"),
        pytest.param([StepState("a", S.WAITING_APPROVAL, 10)], Move(Do.WAIT, "a", S.WAITING_APPROVAL, 10), id="waits"),
        pytest.param([StepState("a", S.WAITING_APPROVAL, 5)], Move(Do.TIME_OUT, "a"), id="waited too long"),
        pytest.param([StepState("a", S.WAITING_PERSON, 5)], Move(Do.TIME_OUT, "a"), id="person too long"),
        pytest.param([StepState("a", S.UNKNOWN, 1)], Move(Do.WAIT, "a", S.UNKNOWN, 1), id="unknown stays"),
        pytest.param([StepState("a", S.FAILED), StepState("b", S.QUEUED)], Move(Do.FINISH, "a", S.FAILED), id="failed"),
        pytest.param([StepState("a", S.CANCELLED)], Move(Do.FINISH, "a", S.CANCELLED), id="refused"),
        pytest.param([StepState("a", S.SUCCEEDED)], Move(Do.FINISH, status=S.SUCCEEDED), id="end"),
    ],
)  # fmt: skip
def test_next_move(steps: list[StepState], move: Move) -> None:
    assert next_move(steps, 7) == move
