"""Every action names itself and is whole."""

from __future__ import annotations

import pytest

from core.errors import NotFound
from core.words import LANGUAGES
from playbooks.action import EffectClass, action_named, actions


@pytest.mark.parametrize("name", sorted(actions()))
def test_each_action_is_whole(name: str) -> None:
    action = actions()[name]
    assert action.name == name
    assert all(action.title[lang] for lang in LANGUAGES)
    assert (action.effect_class is EffectClass.CHECKABLE) == (action.check is not None)


def test_an_unknown_action_is_named_with_those_there_are() -> None:
    with pytest.raises(NotFound, match=r"firewall\.block_ip"):
        action_named("nope")
