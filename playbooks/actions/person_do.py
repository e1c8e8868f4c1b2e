"""``person.do``: prepares the exact command for a person (the border firewall), waits until it is marked done."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from core.words import both
from playbooks.action import Action, Doing, EffectClass, Outcome, Parameters, State, World

# what stands in a command comes from log text: only what an address, name or path is made of
_PLAIN = re.compile(r"[A-Za-z0-9_.:/@-]{1,253}")
MAX_ITEMS = 200


class PersonDo(Parameters):
    instruction: dict[str, str]
    """What is to be done, ``{"vi", "en"}``."""
    command: str = ""
    """One line an item, with ``{item}`` where it stands."""
    inverse_command: str = ""
    items: list[str] | None = Field(None, max_length=MAX_ITEMS)


def lines(template: str, items: list[str] | None) -> list[str]:
    """The commands to type; an item that could be more than one word is left out."""
    if not template:
        return []
    if items is None:
        return template.strip().splitlines()
    safe = [item for item in dict.fromkeys(items) if _PLAIN.fullmatch(item)]
    return [
        line.replace("{item}", item).replace("{name}", item.replace(":", "-").replace("/", "-"))
        for item in safe
        for line in template.strip().splitlines()
    ]


def preview(parameters: PersonDo, world: World, doing: Doing) -> Mapping[str, Any]:
    return {
        "instruction": parameters.instruction,
        "commands": lines(parameters.command, parameters.items),
        "inverse_commands": lines(parameters.inverse_command, parameters.items),
    }


def perform(parameters: PersonDo, world: World, doing: Doing) -> Outcome:
    shown = dict(preview(parameters, world, doing))
    return Outcome(State.WAITING_PERSON, shown, {"commands": shown["inverse_commands"]})


def undo(parameters: PersonDo, inverse: Mapping[str, Any], world: World, doing: Doing) -> Outcome:
    return Outcome(State.WAITING_PERSON, {"commands": list(inverse.get("commands", ()))})


ACTION = Action(
    "person.do", both("playbook.action.person_do"), EffectClass.IDEMPOTENT, PersonDo, preview, perform, None, undo
)
