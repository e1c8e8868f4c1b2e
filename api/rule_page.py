"""The page of one rule: who changed what of it, its samples, what is wrong in a text, what it would have done."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Literal

import orjson
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from api.deps import Services
from api.joining import joining
from api.scope import Sight
from api.shapes import Shape, Time, Truth, Words
from core.clock import from_micros
from core.db.models import Audit
from core.errors import BadInput, failure
from core.store.contract import Span
from core.store.telling import TellCount
from detections import exception_book
from detections.backtest import Backtest
from detections.backtesting import backtested
from detections.drafts import Draft
from detections.excepted import Excepted
from detections.exception_offer import not_alone
from detections.rule import OWN_PACKAGE, Correlation, Rule
from detections.ruleset import RuleSet
from detections.samples import Sheet, Trial
from enrichment.observables import read_house

CHANGES = 100
TOP = 10
MAX_RAW = 4_000


class RuleChange(Shape):
    """An entry of the journal about a rule, or about the package that it came with."""

    seq: int
    at: Time
    actor: str
    channel: str
    action: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    reason: str


def history(session: Session, rule: Rule | Correlation) -> list[RuleChange]:
    """The newest 100 changes, newest first."""
    about = [Audit.object == f"rule:{rule.id}"]
    if rule.package != OWN_PACKAGE:
        about.append(Audit.object == f"package:{rule.package}")
    query = select(Audit).where(or_(*about)).order_by(Audit.seq.desc()).limit(CHANGES)
    return [RuleChange.model_validate(row) for row in session.scalars(query)]


class SampleTried(Shape):
    """An event that the rules of the file must match, or must not, and whether it is so."""

    is_match: bool
    line: int | None
    text: str
    """The line of the log, or the event as JSON; its first 4,000 characters."""
    is_met: bool
    """Whether this rule matches it."""
    is_concerned: bool
    """Whether it says something of this rule: of several rules in a file each sample is for one."""
    wrong: Words | None
    """Why it is not as it should be."""


class SamplesTried(Shape):
    """The samples of a rule's file, tried just now."""

    file: str | None
    """None: there are none."""
    samples: list[SampleTried]
    problem: Words | None
    """Why they cannot be read."""


def samples(sheet: Sheet, rule: Rule | Correlation) -> SamplesTried:
    """What became of each sample for a rule: streams say something of correlations, single events of rules."""
    problem = None if sheet.error is None else Words(**{lang: sheet.error.told(lang) for lang in ("vi", "en")})
    tried = [_tried(each, rule) for each in sheet.trials]
    return SamplesTried(file=sheet.file, samples=tried, problem=problem)


def _tried(trial: Trial, rule: Rule | Correlation) -> SampleTried:
    is_of_its_kind = bool(trial.sample.steps) is isinstance(rule, Correlation)
    is_wrong = is_of_its_kind and trial.wrong_for(rule.id)
    return SampleTried(
        is_match=trial.sample.is_match,
        line=trial.sample.place.line,
        text=_leading(trial.sample.text, rule)[:MAX_RAW],
        is_met=rule.id in trial.hits,
        is_concerned=is_of_its_kind and trial.concerns(rule.id),
        wrong=Words(**trial.wrong) if is_wrong and trial.wrong is not None else None,
    )


def _leading(text: str, rule: Rule | Correlation) -> str:
    """A sample with the fields first that the rule asks for: they tell samples apart, which begin alike."""
    try:
        event = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    if not isinstance(event, dict) or isinstance(rule, Correlation):
        return text
    asked = {each.field.casefold() for each in rule.predicates if each.field is not None}
    first = {name: value for name, value in event.items() if name.casefold() in asked}
    is_there = [*event][: len(first)] == [*first]
    return text if is_there else orjson.dumps(first | event).decode()


class Remark(Shape):
    """Something wrong or doubtful in the text of a rule; ``column`` counts from 1."""

    weight: Literal["error", "warning"]
    line: int | None
    column: int | None
    code: str
    text: Words


class Checked(Shape):
    """What a text of rules holds, and what is to be said of it."""

    rules: int
    """How many of its rules and correlations can be used."""
    remarks: list[Remark]
    samples: list[Remark]
    """On the text of the samples."""


def checked(draft: Draft) -> Checked:
    """The remarks of ``kydai rules lint`` on a text."""
    remarks = [
        Remark(weight=each.weight.value, line=each.line, column=each.column, code=each.code, text=Words(**each.said))
        for each in draft.findings
    ]
    wrong = draft.samples_error
    place = wrong.place if wrong is not None else None
    sheet = (
        []
        if wrong is None
        else [
            Remark(
                weight="warning",
                line=place.line if place else None,
                column=place.column if place else None,
                code="samples",
                text=Words(**wrong.said),
            )
        ]
    )
    return Checked(rules=len(draft.rules), remarks=remarks, samples=sheet)


class Valued(Shape):
    """A value that hits share; ``field`` is the event's own name."""

    field: str
    value: str
    hits: int


class DayHits(Shape):
    """Hits of a day on the wall clock of the house, ``2026-11-25``."""

    day: str
    hits: int


class JoinedIncident(Shape):
    """An incident of today that alerts would have joined, and what they share with it: ``host web01`` (10 at most)."""

    number: str
    title: Words
    alerts: int
    shared: list[str]


class Joins(Shape):
    """Of ``alerts`` that were looked at: the 10 incidents that most would have joined; the others joined none."""

    alerts: int
    joined: int
    """How many would have joined any incident."""
    total: int
    """How many incidents there are."""
    incidents: list[JoinedIncident]


class BacktestOf(Shape):
    """What a rule would have done."""

    start: Time
    end: Time
    hits: int
    days: list[DayHits]
    values: list[Valued]
    """Hosts, users, and what made the rule match (of the first 5,000 hits), most hits first."""
    taken: int
    """Hits that exceptions in force take: they make no alert."""
    alerts: int
    """Alerts that the others would have folded into."""
    busiest: int
    """Alerts of the hour that has most."""
    would_stop: bool
    """Whether it would have been set to record for too many alerts."""
    micros: float | None
    """CPU that judging an event of its log source costs, in microseconds; None where none is stored."""
    measured: int
    """Events on which that was measured."""
    doubtful: int
    """Events on which query and engine disagree: the hits are not all there."""
    joins: Joins | None
    """Which incidents its alerts would have joined; None for an account with a scope: they are grouped for the whole
    house."""
    truth: Truth


def backtest(svc: Services, rule: Rule, span: Span, sight: Sight, tell: TellCount) -> BacktestOf:
    """A rule over a span with both ends, as far as the caller sees."""
    assert span.start is not None
    assert span.end is not None
    with svc.database.read() as session:
        excepted = Excepted(exception_book.in_force(session))
    past = backtested(svc.store, svc.clock, [rule], excepted, span, svc.zone, tell, sight.node)
    test, cost = past.tests[rule.id], past.costs[rule.id]
    return BacktestOf(
        start=span.start,
        end=span.end,
        hits=test.hits,
        taken=test.taken,
        days=list(_days(test, span.start, span.end)),
        values=list(_values(test)),
        alerts=test.alerts,
        busiest=test.busiest,
        would_stop=test.would_stop,
        micros=cost.micros,
        measured=cost.events,
        doubtful=past.faults[rule.id],
        joins=_joins(svc, test) if sight.is_whole else None,
        truth=Truth.of(past.truth),
    )


def _joins(svc: Services, test: Backtest) -> Joins:
    with svc.database.read() as session:
        found = joining(session, test.drafts, read_house(session, svc.shared_addresses), svc.clock.now())
    incidents = [
        JoinedIncident(number=each.number, title=Words(**each.title), alerts=each.alerts, shared=[*each.shared][:TOP])
        for each in found.incidents[:TOP]
    ]
    joined = sum(each.alerts for each in found.incidents)
    return Joins(alerts=found.alerts, joined=joined, total=len(found.incidents), incidents=incidents)


def runnable(ruleset: RuleSet, rule: Rule | Correlation) -> Rule:
    """A rule that can match events by itself. Raises BadInput for others."""
    if isinstance(rule, Correlation):
        raise not_alone(ruleset, rule, "hunts.backtest.correlation")
    if rule.id in ruleset.blind:
        raise failure(BadInput, "hunts.no_rule")
    return rule


def _days(test: Backtest, start: int, end: int) -> Iterator[DayHits]:
    day, last = (from_micros(at, test.zone).date() for at in (start, max(start, end - 1)))
    while day <= last:
        yield DayHits(day=day.isoformat(), hits=test.days[day.isoformat()])
        day += timedelta(days=1)


def _values(test: Backtest) -> Iterator[Valued]:
    for name, counts in (("host.name", test.hosts), ("user.name", test.users)):
        for value, hits in counts.most_common(TOP // 2):
            yield Valued(field=name, value=value, hits=hits)
    for (name, value), hits in test.values.most_common(TOP):
        if name not in ("host.name", "user.name"):
            yield Valued(field=name, value=value, hits=hits)
