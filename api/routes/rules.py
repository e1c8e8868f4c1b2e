"""Rules: what is in force, what each does, whether it can fire here; a person's choice of mode."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from api import rules
from api.deps import Reader, Svc, Triage
from api.errors import language_of
from api.rules import CoverageState, RuleDetail, RuleRow, book_of
from api.scope import sight
from api.shapes import Id, Page, Shape, Time, read_cursor, write_cursor
from api.undo import undo_mode
from core.db.models import Level
from core.errors import BadInput, failure
from core.query.fold import fold
from detections.attack import techniques_of
from detections.hit_days import hit_days
from detections.rule import Effect, Mode
from detections.rule_kinds import RuleKind
from detections.rule_modes import choose

router = APIRouter(prefix="/rules", tags=["rules"])


class RuleFault(Shape):
    """A rule file that could not be used."""

    file: str
    line: int | None
    reason: str


class RulePage(Page[RuleRow]):
    """One page of rules; the counts are over all that meet the filters."""

    modes: dict[str, int]
    """By what becomes of a hit (``effect``)."""
    coverage: dict[str, int]
    uncovered: int
    """Of how many that the other filters find coverage is not worked out yet: these it cannot filter."""
    packages: dict[str, int]
    errors: int
    days: list[Time]
    """When each of the last 30 days began, as ``hits`` counts them."""
    counted_from: Time | None
    """The first of them on which hits were counted; before it nothing is known of rules. None: on none of them."""
    ruleset: str
    """A hash that changes with any rule or mode."""


class Choice(BaseModel):
    mode: Mode
    reason: str = Field("", max_length=2000)


class ModeUndo(BaseModel):
    entry: Id
    """The journal's entry of the change."""


@router.get("")
def list_rules(
    request: Request,
    caller: Reader,
    svc: Svc,
    mode: Annotated[list[Effect] | None, Query(description="By what becomes of a hit")] = None,
    kind: Annotated[list[RuleKind] | None, Query()] = None,
    level: Annotated[list[Level] | None, Query()] = None,
    package: Annotated[str | None, Query(max_length=100)] = None,
    coverage: Annotated[list[CoverageState] | None, Query()] = None,
    technique: Annotated[
        str | None, Query(pattern=r"^T\d{4}(\.\d{3})?$", description="Of ATT&CK, with its sub-techniques")
    ] = None,
    fired: Annotated[bool | None, Query(description="Has alerts in the last 30 days")] = None,
    text: Annotated[str | None, Query(max_length=200, description="Words of title, id, file, source or tags")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> RulePage:
    """Rules, those with most alerts first."""
    offset = read_cursor(cursor, int)[0] if cursor else 0
    book = book_of(request)
    with svc.database.read() as session:
        ruleset = book.rules(session)
        now = svc.clock.now()
        hits = hit_days(session, svc.zone, now)
        every = list(rules.rows(session, ruleset, book.coverage(), sight(caller.scope), hits, now))
    names = {row.package for row in every}
    if package is not None and package not in names:
        raise failure(BadInput, "rules.package.none_of_it", name=package, names=", ".join(sorted(names)))
    words = fold(text or "").split()
    wanted = [
        row
        for row in every
        if (not mode or row.effect in mode)
        and (not kind or row.kind in kind)
        and (not level or row.level in level)
        and (package is None or row.package == package)
        and (technique is None or _is_of(row, technique))
        and (fired is None or (row.alerts > 0) == fired)
        and (not words or _is_about(row, words))
    ]
    found = [row for row in wanted if not coverage or row.coverage in coverage]
    found.sort(key=lambda r: (-r.alerts, r.package != "kydai", r.title.vi, r.id))
    more = offset + limit
    return RulePage(
        items=found[offset:more],
        cursor=write_cursor(more) if more < len(found) else None,
        total=len(found),
        modes=Counter(row.effect.value for row in found),
        coverage=Counter(row.coverage for row in found if row.coverage),
        uncovered=sum(row.coverage is None for row in wanted),
        packages=Counter(row.package for row in found),
        errors=len(ruleset.errors),
        days=list(hits.days),
        counted_from=hits.counted_from,
        ruleset=ruleset.hash,
    )


def _is_of(row: RuleRow, technique: str) -> bool:
    return any(technique in (each, each[:5]) for each in techniques_of(row.tags))


def _is_about(row: RuleRow, words: list[str]) -> bool:
    about = fold(" ".join((row.id, row.title.vi, row.title.en, row.file, row.logsource, *row.tags)))
    return all(word in about for word in words)


@router.get("/errors")
def list_rule_errors(request: Request, _: Reader, svc: Svc) -> list[RuleFault]:
    """Rule files that could not be used, and why."""
    with svc.database.read() as session:
        ruleset = book_of(request).rules(session)
    lang = language_of(request)
    return [RuleFault(file=e.file, line=e.line, reason=e.said.get(lang, e.reason)) for e in ruleset.errors]


@router.get("/{rule_id}")
def get_rule(rule_id: str, request: Request, caller: Reader, svc: Svc) -> RuleDetail:
    """Everything about a rule."""
    book = book_of(request)
    with svc.database.read() as session:
        ruleset = book.rules(session)
        return rules.detail(session, svc, ruleset, book.coverage(), sight(caller.scope), rule_id)


@router.put("/{rule_id}/mode")
def set_rule_mode(rule_id: str, body: Choice, request: Request, caller: Triage, svc: Svc) -> RuleDetail:
    """Let a rule alert, only record, or rest."""
    book = book_of(request)
    with svc.database.read() as session:
        rules.find(book.rules(session), rule_id)
    with svc.database.write() as session:
        entry = choose(session, caller.actor, rule_id, body.mode, body.reason, now=svc.clock.now())
    return get_rule(rule_id, request, caller, svc).model_copy(update={"entry": entry})


@router.post("/undo")
def undo_rule_mode(body: ModeUndo, request: Request, caller: Triage, svc: Svc) -> RuleDetail:
    """Undo one's own choice of mode of the last ten minutes, if nobody chose since."""
    with svc.database.write() as session:
        rule_id, entry = undo_mode(session, caller.actor, body.entry, now=svc.clock.now())
    return get_rule(rule_id, request, caller, svc).model_copy(update={"entry": entry})
