"""Commands are prepared from values that cannot be more than one word."""

from __future__ import annotations

from playbooks.action import Doing, State, World
from playbooks.actions.person_do import ACTION, PersonDo, lines

DOING = Doing(1, "border", "k", 1, "playbook:x")


def test_it_waits_with_the_exact_commands_and_their_inverse(world: World) -> None:
    parameters = PersonDo(
        instruction={"vi": "a", "en": "a"},
        command="add {item}",
        inverse_command="del {name}",
        items=["192.0.2.1", "2001:db8::1"],
    )
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
