"""A run and its steps read in one view, and what a step works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from core.db.models import Run, StepRun
from core.words import LANGUAGES
from playbooks.action import Action, Doing, action_named
from playbooks.control import definition_of, steps_of
from playbooks.playbook import Step, filled


@dataclass(frozen=True, slots=True)
class Turn:
    """A run and its steps in order."""

    run: Run
    steps: list[StepRun]

    def facts(self, context: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What steps may read: the incident as the run knows it (or as ``context`` has it), and the results of steps
        that ran (``steps.<name>.<key>``, texts in both languages as ``….<key>.vi``)."""
        found = dict(self.run.context if context is None else context)
        for step in self.steps:
            for key, value in step.result.items():
                if isinstance(value, str | int | float | bool | list):
                    found[f"steps.{step.step}.{key}"] = value
                elif isinstance(value, dict) and value.keys() == set(LANGUAGES):
                    found |= {f"steps.{step.step}.{key}.{lang}": value[lang] for lang in LANGUAGES}
        return found

    def row(self, name: str) -> StepRun:
        return next(s for s in self.steps if s.step == name)

    def doing(self, name: str, key: str = "") -> Doing:
        row = self.row(name)
        actor, address = f"playbook:{self.run.playbook}", row.result.get("approver_address")
        return Doing(self.run.id, name, key, self.run.incident_id, actor, row.approved_by, address)

    def prepared(self, name: str, context: Mapping[str, Any] | None = None) -> tuple[Step, Action[Any], dict[str, Any]]:
        """A step, its action, and its arguments filled in."""
        step = definition_of(self.run, name)
        return step, action_named(step.action), filled(step.arguments, self.facts(context))


def read_turn(session: Session, run_id: int) -> Turn | None:
    run = session.get(Run, run_id)
    return None if run is None else Turn(run, steps_of(session, run_id))
