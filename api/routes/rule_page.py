"""The page of one rule: what was changed, its samples tried, the past judged by it."""

from __future__ import annotations

import asyncio
from functools import partial

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from api import rules
from api.asking import Progress, streamed
from api.deps import Reader, Svc, Triage
from api.errors import Problem
from api.rule_page import (
    BacktestOf,
    RuleChange,
    SamplesTried,
    backtest,
    history,
    runnable,
    samples,
)
from api.scope import sight
from api.times import From, To, past
from core.clock import iso
from core.errors import Unavailable, failure

router = APIRouter(prefix="/rules", tags=["rules"])

BACKTEST_DAYS = 30


class BacktestMessage(BaseModel):
    """What the stream of a backtest says, by the name of its event; progress counts minutes of the past and hits."""

    progress: Progress
    answer: BacktestOf
    problem: Problem


@router.get("/{rule_id}/history")
def get_rule_history(rule_id: str, request: Request, _: Reader, svc: Svc) -> list[RuleChange]:
    """Who changed what of a rule or of its package, newest first."""
    with svc.database.read() as session:
        return history(session, rules.find(rules.book_of(request).rules(session), rule_id))


@router.get("/{rule_id}/samples")
def try_rule_samples(rule_id: str, request: Request, _: Reader, svc: Svc) -> SamplesTried:
    """The samples of a rule's file, tried just now."""
    if svc.samples is None:
        raise failure(Unavailable, "api.no_rules")
    with svc.database.read() as session:
        rule = rules.find(rules.book_of(request).rules(session), rule_id)
    return samples(svc.samples(rule.package, rule.file), rule)


@router.get(
    "/{rule_id}/backtest/stream",
    response_class=Response,
    responses={200: {"model": BacktestMessage, "content": {"text/event-stream": {}}}},
)
async def backtest_rule(
    rule_id: str, request: Request, caller: Triage, svc: Svc, start: From = None, end: To = None
) -> Response:
    """What a rule would have done over the past, the last 30 days when nothing is asked; who leaves ends it."""
    within = past(svc, start, end, BACKTEST_DAYS)
    with svc.database.read() as session:
        ruleset = rules.book_of(request).rules(session)
        rule = runnable(ruleset, rules.find(ruleset, rule_id))
    about = {"from": iso(within.start or 0), "to": iso(within.end or 0)}
    written = request.app.state.journal.note(caller.actor, "rules.backtest", f"rule:{rule.id}", about)
    ask = partial(backtest, svc, rule, within, sight(caller.scope))
    return await streamed(request, asyncio.wrap_future(written), request.app.state.backtests, ask, lambda found: found)
