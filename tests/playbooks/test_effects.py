"""The ledger knows an effect by run, step and arguments, whatever their order."""

from __future__ import annotations

from core.db.database import Database
from core.db.models import Effect, EffectState, Run
from playbooks.action import Outcome, State, action_named
from playbooks.effects import effect_key, intend, settle


def test_the_key() -> None:
    assert effect_key(1, "a", {"x": 1, "y": 2}) == effect_key(1, "a", {"y": 2, "x": 1})
    assert (
        len({effect_key(1, "a", {}), effect_key(2, "a", {}), effect_key(1, "b", {}), effect_key(1, "a", {"x": 1})}) == 4
    )


def test_intent_repeat_and_result(database: Database) -> None:
    action = action_named("firewall.block_ip")
    with database.write() as session:
        session.add(Run(id=1, key="k", playbook="p", version="v", definition={}, created_at=1, updated_at=1))
    with database.write() as session:
        first = intend(session, action, 1, "a", {"addresses": ["203.0.113.7"]}, 5)
    assert (first.state, first.is_repeat) == (EffectState.INTENDED, False)
    with database.write() as session:
        again = intend(session, action, 1, "a", {"addresses": ["203.0.113.7"]}, 6)
    assert (again.effect_id, again.is_repeat) == (first.effect_id, True)
    with database.write() as session:
        settle(session, first.effect_id, Outcome(State.DONE, {"r": 1}, {"i": 1}, 99), 7)
    with database.read() as session:
        row = session.get_one(Effect, first.effect_id)
    assert (row.state, row.attempts, row.result, row.inverse, row.expires_at) == ("done", 2, {"r": 1}, {"i": 1}, 99)
    with database.write() as session:
        assert intend(session, action, 1, "a", {"addresses": ["203.0.113.7"]}, 8).state is EffectState.DONE
