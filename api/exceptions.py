"""Exceptions as the console sees them: what an alert offers, what one would have taken, what there are."""

from __future__ import annotations

from collections.abc import Sequence

from api.deps import Caller, Services
from api.scope import sight
from api.shapes import Bilingual, Shape, Time, Words
from core.db.models import Alert, ExceptionState, RuleException
from core.event import parse_event_id
from core.words import LANGUAGES
from detections import exception_offer
from detections.alerting import rule_title
from detections.consequence import Consequence, consequence, readers_of, told
from detections.exception_book import LIFE, is_maker
from detections.exception_offer import Asked, chosen
from detections.rule import Rule
from detections.ruleset import RuleSet


class Told(Shape):
    """What an exception would have taken in the days before."""

    start: Time
    end: Time
    hits: int
    """Stored hits of the rule."""
    taken: int
    alerts: int
    """Alerts of the rule."""
    removed: int
    """Of them those that would not be there."""
    smaller: int
    """Those that would have fewer hits."""
    unknown: int
    """Those of which no hit could be read."""
    correlated: int
    """Alerts of correlations that read a hit that would be taken."""
    hidden: list[str]
    """Confirmed incidents that would lack an alert: with any, a second person has to approve."""
    is_complete: bool
    sentence: Words


class ExceptionRow(Shape):
    """An exception: hits of a rule that make no alert until it ends."""

    id: int
    rule_id: str
    rule_title: Bilingual
    conditions: dict[str, list[str]]
    """Field → values of which an event must have one; all fields must."""
    text: str
    """The Sigma filter."""
    reason: str
    """Empty where the caller does not see what it was made from."""
    owner: str
    expires_at: Time
    state: ExceptionState
    alert_id: int | None
    created_by: str
    created_at: Time
    decided_by: str
    decided_at: Time | None
    decision_reason: str
    consequence: Told | None
    """Of the whole house: not for those who see a part of it only."""
    taken: int | None
    """Hits of the whole house that it has taken since it was made."""
    last_taken_at: Time | None
    may_approve: bool
    """Whether the caller may be the second person."""


class OfferedField(Shape):
    """A field that every event of the alert has. ``is_ticked``: with one value in all, so part of the narrowest
    condition."""

    field: str
    values: list[str]
    is_ticked: bool


class OfferedRule(Shape):
    id: str
    title: Bilingual


class ExceptionOffer(Shape):
    """What an exception from an alert can be made of."""

    rule: OfferedRule
    rules: list[OfferedRule]
    """All that it can be about: the rules that a correlation reads."""
    fields: list[OfferedField]
    too_long: list[str]
    """Fields that cannot be offered: a value is too long to be asked for."""
    events: int
    """How many events of the alert were looked at."""
    owner: str
    expires_at: Time


def asked(svc: Services, caller: Caller, ruleset: RuleSet, alert: Alert, rule_id: str | None) -> Asked:
    """What the alert offers, from the events of it that can be read. Raises BadInput, NotFound."""
    ids = [parse_event_id(str(each)) for each in alert.event_ids]
    events = svc.store.get(ids, scope=sight(caller.scope).node).events
    return exception_offer.asked(ruleset, alert, events, rule_id)


def offer(found: Asked, caller: Caller, svc: Services) -> ExceptionOffer:
    """As it is shown; the narrowest condition is ticked."""
    return ExceptionOffer(
        rule=_rule(found.rule),
        rules=[_rule(each) for each in found.rules],
        fields=[OfferedField(field=o.field, values=list(o.values), is_ticked=o.is_shared) for o in found.offers],
        too_long=list(found.too_long),
        events=found.events,
        owner=caller.name,
        expires_at=svc.clock.now() + LIFE,
    )


def _rule(rule: Rule) -> OfferedRule:
    return OfferedRule(id=rule.id, title=rule_title(rule))


def looked(
    svc: Services, ruleset: RuleSet, found: Asked, fields: Sequence[str] | None
) -> tuple[dict[str, list[str]], Consequence]:
    """The conditions of the fields, and what they would have taken. Raises BadInput for other fields."""
    conditions = chosen(found, fields)
    readers = readers_of(ruleset.patterns, found.rule.id)
    with svc.database.read() as session:
        return conditions, consequence(session, svc.store, found.rule, conditions, readers, svc.clock.now())


def shown(found: Consequence) -> Told:
    """With its sentence in both languages."""
    facts = {name: getattr(found, name) for name in Told.model_fields if name != "sentence"}
    return Told(**facts, sentence=Words(**{lang: told(found, lang) for lang in LANGUAGES}))


def row_of(row: RuleException, caller: Caller, may_triage: bool) -> ExceptionRow:
    """An exception as the caller sees it: it holds for every host, so each sees that it is there and what it asks."""
    names = set(ExceptionRow.model_fields) - {"consequence", "may_approve"}
    is_other = row.state == ExceptionState.PENDING and may_triage and not is_maker(row, caller.name)
    told: dict[str, object] = {name: getattr(row, name) for name in names}
    told |= {"consequence": shown(Consequence(**row.consequence)), "may_approve": is_other}
    if caller.scope:
        told |= {"consequence": None, "taken": None, "last_taken_at": None}
        if not sight(caller.scope).sees(row.system, row.agency):
            told |= {"reason": "", "decision_reason": "", "alert_id": None}
    return ExceptionRow.model_validate(told)
