"""``person.do``: prepares the exact command for a person (the border firewall), waits until it is marked done."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from core.words import LANGUAGES, both, say
from playbooks.action import Action, Doing, EffectClass, Outcome, Parameters, State, World

# what stands in a command comes from log text: only what an address, name or path is made of
_PLAIN = re.compile(r"[A-Za-z0-9_.:/@-]{1,253}")
MAX_ITEMS = 200


class Instruction(Parameters):
    vi: str = Field(min_length=1, max_length=2000)
    en: str = Field(min_length=1, max_length=2000)


class PersonDo(Parameters):
    instruction: Instruction
    """What is to be done."""
    command: str = ""
    """One line an item, with ``{item}`` where it stands."""
    inverse_command: str = ""
    items: list[str] | None = Field(None, max_length=MAX_ITEMS)
    family: Literal["any", "ipv4", "ipv6"] = "any"
    """Of the items only addresses of this family; devices have commands for each."""


def lines(template: str, items: list[str] | None) -> list[str]:
    """The commands to type; an item that could be more than one word is left out."""
    if not template:
        return []
    if items is None:
        return [] if "{item}" in template or "{name}" in template else template.strip().splitlines()
    safe = [item for item in dict.fromkeys(items) if _PLAIN.fullmatch(item)]
    return [
        line.replace("{item}", item).replace("{name}", item.replace(":", "-").replace("/", "-"))
        for item in safe
        for line in template.strip().splitlines()
    ]


def _items(parameters: PersonDo) -> list[str] | None:
    if parameters.items is None or parameters.family == "any":
        return parameters.items
    return [item for item in parameters.items if _family(item) == parameters.family]


def _family(text: str) -> str:
    try:
        return f"ipv{ipaddress.ip_address(text).version}"
    except ValueError:
        return ""


def preview(parameters: PersonDo, world: World, doing: Doing) -> Mapping[str, Any]:
    return {
        "instruction": parameters.instruction.model_dump(),
        "items": _items(parameters) or [],
        "commands": lines(parameters.command, _items(parameters)),
        "inverse_commands": lines(parameters.inverse_command, _items(parameters)),
    }


def perform(parameters: PersonDo, world: World, doing: Doing) -> Outcome:
    shown = dict(preview(parameters, world, doing))
    if parameters.command and not shown["commands"]:
        return Outcome(State.DONE, {"commands": []})  # there is nothing to do it to
    return Outcome(State.WAITING_PERSON, shown, {"commands": shown["inverse_commands"]})


def undo(parameters: PersonDo, inverse: Mapping[str, Any], world: World, doing: Doing) -> Outcome:
    instruction = {
        lang: say("playbook.undo_by_hand", lang, what=getattr(parameters.instruction, lang)) for lang in LANGUAGES
    }
    return Outcome(State.WAITING_PERSON, {"instruction": instruction, "commands": list(inverse.get("commands", ()))})


ACTION = Action(
    "person.do", both("playbook.action.person_do"), EffectClass.IDEMPOTENT, PersonDo, preview, perform, None, undo
)
