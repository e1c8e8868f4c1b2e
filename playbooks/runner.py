"""The state machine of a run: what is to be done next, given how the steps stand. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.clock import Micros
from core.db.models import RunStatus


class Do(StrEnum):
    """The next move."""

    DECIDE = "decide"
    """Look at the step's condition: skip it, ask for its approval, or perform it."""
    PERFORM = "perform"
    WAIT = "wait"
    TIME_OUT = "time_out"
    FINISH = "finish"


@dataclass(frozen=True, slots=True)
class StepState:
    """A step as the runner sees it."""

    name: str
    status: RunStatus
    due_at: Micros | None = None
    is_approved: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """What to do; ``step`` names whose turn it is, ``status`` how the run ends."""

    do: Do
    step: str = ""
    status: RunStatus = RunStatus.RUNNING
    due_at: Micros | None = None


_ENDED = {RunStatus.SUCCEEDED, RunStatus.SKIPPED}
_STOPS = {RunStatus.FAILED, RunStatus.TIMED_OUT, RunStatus.CANCELLED}
_WAITS = {RunStatus.WAITING_APPROVAL, RunStatus.WAITING_PERSON, RunStatus.UNKNOWN}


def next_move(steps: Sequence[StepState], now: Micros) -> Move:
    """The next move of a run whose steps stand like this; steps go one after the other.

    A failed, refused or timed-out step ends the run; *unknown* waits for a person and never ends by itself.
    """
    for step in steps:
        if step.status in _ENDED:
            continue
        if step.status in _STOPS:
            return Move(Do.FINISH, step.name, step.status)
        if step.status in _WAITS:
            if step.due_at is not None and now >= step.due_at and step.status is not RunStatus.UNKNOWN:
                return Move(Do.TIME_OUT, step.name)
            return Move(Do.WAIT, step.name, step.status, step.due_at)
        if step.status is RunStatus.RUNNING or step.is_approved:
            return Move(Do.PERFORM, step.name)
        return Move(Do.DECIDE, step.name)
    return Move(Do.FINISH, status=RunStatus.SUCCEEDED)
