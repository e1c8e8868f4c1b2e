"""Rules written in the console: checked, tried, backtested, saved among the local ones, taken away, put back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from api import rule_drafts, rules
from api.asking import streamed
from api.deps import Reader, Ruling, Services, Svc, Triage
from api.errors import language_of
from api.routes.rule_page import BACKTEST_DAYS, BacktestMessage
from api.rule_drafts import DraftTried, RuleSource, RuleText, SavedText, Template, TextChange, TextSaved, Undone
from api.rule_page import Checked, backtest, checked, runnable
from api.scope import sight
from api.shapes import Id
from api.times import From, To, past
from api.undo import undo_text
from core.clock import iso
from core.errors import BadInput, Conflict, failure
from detections import local_rules
from detections.dependents import refuse_orphans
from detections.drafts import Draft, drafted, file_of, new_file, refuse_ids
from detections.local_rules import Written
from detections.rule import LOCAL_PACKAGE, Rule

router = APIRouter(prefix="/rules", tags=["rules"])

Version = Annotated[str, Query(max_length=64, description="Of the text that it was made from")]
RuleId = Annotated[str | None, Query(max_length=100, description="The rule that the text is about")]


class TextUndo(BaseModel):
    entry: Id
    """The journal's entry of the change."""


@contextmanager
def _draft(
    request: Request, svc: Services, body: RuleText, file: str = "rule.yml", about: str | None = None
) -> Iterator[Draft]:
    in_force = rules.book_of(request).in_force
    with drafted(body.text, body.samples, in_force, svc.placeholders, file, about) as draft:
        yield draft


@router.get("/template")
def get_rule_template(
    request: Request, _: Reader, svc: Svc, logsource: Annotated[str | None, Query(max_length=100)] = None
) -> Template:
    """A rule to begin with, of a log source, and its samples."""
    return rule_drafts.template(svc, logsource, language_of(request))


@router.post("/check")
def check_rule(body: RuleText, request: Request, _: Reader, svc: Svc, rule: RuleId = None) -> Checked:
    """What is wrong in the text of rules, with line and column, and what other rules would lose by it; nothing is
    kept."""
    with _draft(request, svc, body, about=rule) as draft:
        return checked(draft)


@router.post("/try")
async def try_rule(body: RuleText, request: Request, caller: Triage, svc: Svc, rule: RuleId = None) -> DraftTried:
    """A text on its samples and on the newest 5,000 stored events of its log source (of seven days); nothing is
    kept."""
    written = request.app.state.journal.note(caller.actor, "rules.try", f"rule:{rule or ''}", {})

    def ask() -> DraftTried:
        with _draft(request, svc, body) as draft:
            return rule_drafts.tried(svc, draft, rule_drafts.about(draft, rule), sight(caller.scope))

    found: DraftTried = await request.app.state.searches.run(request, ask)
    await asyncio.wrap_future(written)
    return found


@router.post(
    "/backtest/stream",
    response_class=Response,
    responses={200: {"model": BacktestMessage, "content": {"text/event-stream": {}}}},
)
async def backtest_draft(
    body: RuleText, request: Request, caller: Triage, svc: Svc, rule: RuleId = None, start: From = None, end: To = None
) -> Response:
    """What a text would have done over the past, as for a rule in force; who leaves ends it."""
    within = past(svc, start, end, BACKTEST_DAYS)

    def read() -> Rule:
        with _draft(request, svc, body) as draft:
            return runnable(draft.loaded, rule_drafts.about(draft, rule))

    found = await asyncio.to_thread(read)
    facts = {"from": iso(within.start or 0), "to": iso(within.end or 0), "draft": True}
    written = request.app.state.journal.note(caller.actor, "rules.backtest", f"rule:{found.id}", facts)
    ask = partial(backtest, svc, found, within, sight(caller.scope))
    return await streamed(request, asyncio.wrap_future(written), request.app.state.backtests, ask, lambda told: told)


@router.post("/new")
def create_rule(body: SavedText, request: Request, caller: Ruling, svc: Svc) -> TextSaved:
    """Save a new local rule; it counts within a second, in the mode that its level and status say."""
    folder = rule_drafts.folder_of(svc)
    with _draft(request, svc, body) as draft:
        found = draft.usable()
        refuse_ids(found, rules.book_of(request).in_force(), None)
        file = new_file(found, folder / LOCAL_PACKAGE)
    wish = Written(file, body.text, body.samples)
    with local_rules.changing(svc.database, folder, svc.clock.now()) as session:
        entry = local_rules.save(
            session, caller.actor, folder, found[0].id, wish, now=svc.clock.now(), version=None, reason=body.reason
        )
    return TextSaved(id=found[0].id, file=file, entry=entry)


@router.post("/text/undo")
def undo_rule_text(body: TextUndo, request: Request, caller: Ruling, svc: Svc) -> Undone:
    """Undo one's own change of a rule's text of the last ten minutes, if nobody changed it since."""
    folder, ruleset = rule_drafts.folder_of(svc), rules.book_of(request).in_force()
    with local_rules.changing(svc.database, folder, svc.clock.now()) as session:
        rule_id, entry = undo_text(session, caller.actor, folder, ruleset, body.entry, now=svc.clock.now())
    return Undone(id=rule_id, is_there=rule_id in rules.book_of(request).in_force().every, entry=entry)


@router.get("/{rule_id}/text")
def get_rule_text(rule_id: str, request: Request, _: Reader, svc: Svc) -> RuleSource:
    """The file of a rule and its samples, to be changed."""
    rule = rules.find(rules.book_of(request).in_force(), rule_id)
    found = rule_drafts.written(svc, rule)
    return RuleSource(
        file=rule.file, package=rule.package, text=found.text, samples=found.samples, version=found.version
    )


@router.put("/{rule_id}/text")
def save_rule_text(rule_id: str, body: SavedText, request: Request, caller: Ruling, svc: Svc) -> TextSaved:
    """Change a local rule; a package's becomes a local copy, which counts in its place. What cannot be loaded is
    refused with its place, and so is a text that was made from another version than there is."""
    ruleset, folder = rules.book_of(request).in_force(), rule_drafts.folder_of(svc)
    rule = rules.find(ruleset, rule_id)
    source = rule_drafts.written(svc, rule)
    if body.version != source.version:
        raise failure(Conflict, "local.changed", file=rule.file)
    file = file_of(rule, folder / LOCAL_PACKAGE)
    with _draft(request, svc, body, file, rule.id) as draft:
        refuse_ids(draft.usable(), ruleset, rule)
    is_copy = rule.package != LOCAL_PACKAGE
    with local_rules.changing(svc.database, folder, svc.clock.now()) as session:
        entry = local_rules.save(
            session, caller.actor, folder, rule.id, Written(file, body.text, body.samples), now=svc.clock.now(),
            version=None if is_copy else body.version, made_of=source if is_copy else None, reason=body.reason,
        )  # fmt: skip
    return TextSaved(id=rule.id, file=file, entry=entry)


@router.delete("/{rule_id}/text")
def take_rule_away(rule_id: str, version: Version, request: Request, caller: Ruling, svc: Svc) -> TextSaved:
    """Take a local rule's file away; a package's rule in whose place it stood counts again. One that a correlation
    needs is kept."""
    ruleset = rules.book_of(request).in_force()
    rule = rules.find(ruleset, rule_id)
    if rule.package != LOCAL_PACKAGE:
        raise failure(BadInput, "local.not_local", package=rule.package)
    refuse_orphans(rule, ruleset)
    folder = rule_drafts.folder_of(svc)
    with local_rules.changing(svc.database, folder, svc.clock.now()) as session:
        entry = local_rules.take(
            session, caller.actor, folder, rule.id, rule.file, now=svc.clock.now(), version=version
        )
    return TextSaved(id=rule.id, file=rule.file, entry=entry)


@router.get("/{rule_id}/changes/{entry}")
def get_text_change(rule_id: str, entry: Id, request: Request, _: Reader, svc: Svc) -> TextChange:
    """What an entry of the journal changed of a rule's text."""
    rule = rules.find(rules.book_of(request).in_force(), rule_id)
    with svc.database.read() as session:
        return rule_drafts.text_change(session, rule_drafts.folder_of(svc), rule, entry)
