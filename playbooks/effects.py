"""The effect ledger: intent is committed before an action touches the world, the result after.

What a kill leaves as *intended* is decided by the action's class: *read* and *idempotent* are done again, *checkable*
asks the world first, *once* stops as *unknown* and asks a person.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import Micros
from core.db.models import Effect, EffectState
from playbooks.action import Action, EffectClass, Outcome, State


def effect_key(run_id: int, step: str, arguments: Mapping[str, Any]) -> str:
    """sha256 over run, step and canonical arguments: the same effect is one row whatever happens."""
    body = orjson.dumps([run_id, step, dict(arguments)], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(body).hexdigest()


@dataclass(frozen=True, slots=True)
class Intent:
    """What the ledger says before an action: perform it, take what it came to, or ask a person."""

    effect_id: int
    state: EffectState
    is_repeat: bool
    """It was intended before, by a process that did not live to tell."""
    result: Mapping[str, Any]


def intend(
    session: Session, action: Action[Any], run_id: int, step: str, arguments: Mapping[str, Any], now: Micros
) -> Intent:
    """Write the intent in the caller's transaction, or find the one that is there."""
    key = effect_key(run_id, step, arguments)
    row = session.scalar(select(Effect).where(Effect.key == key))
    if row is None:
        row = Effect(
            key=key,
            run_id=run_id,
            step=step,
            action=action.name,
            arguments=dict(arguments),
            effect_class=action.effect_class,
            state=EffectState.INTENDED,
            attempts=1,
            intended_at=now,
            result={},
            inverse={},
        )
        session.add(row)
        session.flush()
        return Intent(row.id, EffectState.INTENDED, False, {})
    if row.state == EffectState.INTENDED:
        if action.effect_class is EffectClass.ONCE:
            row.state = EffectState.UNKNOWN
        else:
            row.attempts += 1
    return Intent(row.id, EffectState(row.state), True, row.result)


def settle(session: Session, effect_id: int, outcome: Outcome, now: Micros) -> None:
    """Write what an action came to."""
    row = session.get_one(Effect, effect_id)
    if outcome.state is State.WAITING_PERSON:
        row.result = dict(outcome.result)
        row.inverse = dict(outcome.inverse)
        return
    row.state = EffectState.DONE if outcome.state is State.DONE else EffectState.FAILED
    row.ended_at, row.result, row.inverse = now, dict(outcome.result), dict(outcome.inverse)
    row.expires_at = outcome.expires_at
