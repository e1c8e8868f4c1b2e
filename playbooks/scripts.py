"""Scripts that say what a playbook does: facts in, steps out, nothing touched (``kydai playbooks test``).

playbook: block_guessing_source
cases:
  - title: guessed, then in
    facts: {incident.level: high, incident.attackers: ["203.0.113.7"]}
    starts: true
    results: {block: {blocked: ["203.0.113.7"]}}      # what steps are taken to have come to
    does:                                             # every step that runs, in order, with some of its preview
      block: {approval: true, block: ["203.0.113.7"]}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from core.clock import Micros
from core.errors import KydaiError
from core.words import Text, both
from playbooks.action import Doing, World, action_named
from playbooks.playbook import Playbook, filled, meets, read_as

APPROVAL = "approval"


class Case(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = ""
    facts: dict[str, Any]
    starts: bool = True
    results: dict[str, dict[str, Any]] = Field(default_factory=dict)
    does: dict[str, dict[str, Any]] = Field(default_factory=dict)


class Script(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    playbook: str
    cases: tuple[Case, ...] = Field(min_length=1, max_length=200)


def read_script(text: str, file: str) -> Script:
    """Raises BadConfig with file and line."""
    return read_as(Script, text, file)[0]


def check(playbook: Playbook, case: Case, world: World, now: Micros) -> list[Text]:
    """What is not as the case says; empty when all is."""
    subject = playbook.definition.trigger.subject
    starts = subject == "manual" or playbook.is_for(subject, case.facts, now)
    if starts is not case.starts:
        return [both("playbook.test.starts" if starts else "playbook.test.does_not_start")]
    if not starts:
        return []
    done = _simulated(playbook, case, world, now)
    problems: list[Text] = []
    if list(done) != list(case.does):
        shown, wanted = (", ".join(steps) or both("playbook.test.none") for steps in (done, case.does))
        problems.append(both("playbook.test.differs", what="steps", shown=shown, wanted=wanted))
    for name, expected in case.does.items():
        problems += _differences(name, done.get(name, {}), expected)
    return problems


def _simulated(playbook: Playbook, case: Case, world: World, now: Micros) -> dict[str, Mapping[str, Any]]:
    facts, done = dict(case.facts), dict[str, Mapping[str, Any]]()
    for step in playbook.definition.steps:
        if not meets(step.condition, facts, now):
            continue
        action = action_named(step.action)
        doing = Doing(0, step.name, "", None, f"playbook:{playbook.name}")
        try:
            shown = dict(action.preview(action.read(filled(step.arguments, facts)), world, doing))
        except KydaiError as error:
            done[step.name] = {"error": error.message}
            break
        done[step.name] = shown | {APPROVAL: step.approval is not None}
        # texts in both languages are given flat: {outcome.vi: …}
        for key, value in case.results.get(step.name, {}).items():
            facts[f"steps.{step.name}.{key}"] = value
    return done


def _differences(step: str, shown: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterable[Text]:
    for key, value in expected.items():
        if shown.get(key) != value:
            what = f"{step}.{key}"
            yield both("playbook.test.differs", what=what, shown=repr(shown.get(key)), wanted=repr(value))
