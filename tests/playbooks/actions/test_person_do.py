"""Commands are prepared from values that cannot be more than one word."""

from __future__ import annotations

import pytest

from core.errors import BadInput
from playbooks.action import Doing, State, World
from playbooks.actions.person_do import ACTION, lines

DOING = Doing(1, "border", "k", 1, "playbook:x")


def test_it_waits_with_the_exact_commands_and_their_inverse(world: World) -> None:
    arguments = {
        "instruction": {"vi": "a", "en": "a"},
        "command": "add {item}",
        "inverse_command": "del {name}",
        "items": ["192.0.2.1", "2001:db8::1"],
    }
    parameters = ACTION.read(arguments)
    outcome = ACTION.perform(parameters, world, DOING)
    assert outcome.state is State.WAITING_PERSON
    assert outcome.result["commands"] == ["add 192.0.2.1", "add 2001:db8::1"]
    assert outcome.inverse == {"commands": ["del 192.0.2.1", "del 2001-db8--1"]}


def test_a_hostile_item_is_left_out() -> None:
    assert lines("add {item}", ["192.0.2.1; reload", "a b", "$(x)", "192.0.2.2\nexec", "ok.example"]) == [
        "add ok.example"
    ]
    assert lines("", ["a"]) == []
    assert lines("one\ntwo", None) == ["one", "two"]
    assert lines("add {item}", None) == [], "nothing is known to add"


@pytest.mark.parametrize(("family", "commands"), [("ipv4", ["add 192.0.2.1"]), ("ipv6", ["add 2001:db8::1"])])
def test_each_family_has_its_commands(world: World, family: str, commands: list[str]) -> None:
    items = ["192.0.2.1", "2001:db8::1", "nothing"]
    arguments = {"instruction": {"vi": "a", "en": "a"}, "command": "add {item}", "items": items, "family": family}
    assert ACTION.perform(ACTION.read(arguments), world, DOING).result["commands"] == commands


def test_without_items_there_is_nothing_to_wait_for(world: World) -> None:
    arguments = {"instruction": {"vi": "a", "en": "a"}, "command": "add {item}", "items": []}
    assert ACTION.perform(ACTION.read(arguments), world, DOING).state is State.DONE
    with pytest.raises(BadInput, match="instruction"):
        ACTION.read({"instruction": {"vi": "a"}})


def test_undoing_asks_a_person_too(world: World) -> None:
    parameters = ACTION.read({"instruction": {"vi": "Rút dây", "en": "Pull the plug"}})
    assert ACTION.undo is not None
    outcome = ACTION.undo(parameters, {"commands": ["del x"]}, world, DOING)
    assert outcome.state is State.WAITING_PERSON
    assert outcome.result["instruction"]["vi"] == "Hoàn tác việc đã làm: Rút dây"
    assert outcome.result["commands"] == ["del x"]
