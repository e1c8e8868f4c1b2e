"""The rules in force as the console sees them: what each does, whether it can fire here, how often it alerted."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import structlog
from fastapi import Request
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.alerts import Advice
from api.deps import Services
from api.scope import Sight
from api.shapes import Shape, Time, Words
from core.clock import DAY, Micros
from core.db.models import Alert, Level, RuleMode
from core.errors import KydaiError, NotFound, Unavailable, failure
from detections.hit_days import HitDays, hit_days
from detections.rule import Correlation, Effect, Mode, Rule
from detections.rule_kinds import RuleKind, asks, kind_of
from detections.rule_modes import rules_version

if TYPE_CHECKING:
    from detections.coverage import Coverage
    from detections.ruleset import RuleSet

ALERTS_OF = 30 * DAY
COVERAGE_SECONDS = 30.0
PATIENCE_SECONDS = 0.5

CoverageState = Literal["live", "partly_blind", "blind", "unproven", "not_here", "disabled"]

log = structlog.get_logger(__name__)


class RuleRow(Shape):
    """A rule as a row of the list."""

    id: str
    kind: RuleKind
    title: Words
    level: Level
    status: str
    package: str
    file: str
    line: int
    logsource: str
    """``windows/process_creation``; empty unless it is of kind ``rule``."""
    tags: list[str]
    mode: Mode
    effect: Effect
    """What becomes of a hit: as the mode says, or ``correlation`` where only a correlation reads it."""
    default_effect: Effect
    alert_effect: Effect
    """What becomes of a hit when a person chooses ``alert``."""
    decided_by: str | None
    coverage: CoverageState | None
    """None while that is not known."""
    hosts: int
    """How many hosts it is about."""
    seeing_hosts: int
    """How many of them sent events with all that it needs in the last 24 hours."""
    blind_hosts: int
    """On how many of them it cannot fire."""
    why: Words | None
    """Why, unless it is live on all its hosts."""
    alerts: int
    """Alerts of the last 30 days."""
    hits: list[int] | None
    """Events that it matched on each of the last 30 days (of other kinds than ``rule`` the alerts that it raised),
    today last, whatever becomes of a hit; None for an account with a scope: they are counted for the whole house."""


class RuleDetail(RuleRow):
    """A rule with its words and its text."""

    description: str
    asks: Words | None
    """Of a value never seen before or a beacon: what it counts, and when it alerts."""
    reason: Words
    falsepositives: Words
    remediation: Words
    author: str
    date: str
    references: list[str]
    missing: list[str]
    remedy: Words | None
    """What a system administrator can switch on; a line for each thing that is missing."""
    blind_on: list[str]
    """Hosts on which it cannot fire."""
    decided_at: Time | None
    decided_reason: str
    days: list[Time]
    """When each of the last 30 days began."""
    counted_from: Time | None
    """The first of them on which hits were counted; before it nothing is known of rules. None: on none of them."""
    text: str | None
    """The YAML as it was loaded; None when it cannot be read any more."""
    stands_for: str | None
    """The package in the place of whose rule this local one stands."""
    entry: int | None = None
    """Of the journal, behind a change of mode: undoes it within ten minutes."""


class RuleBook:
    """The rule set of the house, loaded when first needed and again when somebody changed it."""

    def __init__(self, svc: Services) -> None:
        self._svc = svc
        self._lock = threading.Lock()
        self._version: str | None = None
        self._rules: RuleSet | None = None
        self._coverage: dict[str, Coverage] = {}
        self._covered: tuple[str | None, float] | None = None
        self._covering: threading.Thread | None = None

    def rules(self, session: Session) -> RuleSet:
        """Raises Unavailable where this process was given no rules."""
        if self._svc.rules is None:
            raise failure(Unavailable, "api.no_rules")
        version = rules_version(session)
        with self._lock:
            if self._rules is None or version != self._version:
                self._rules, self._version = self._svc.rules(), version
            return self._rules

    def in_force(self) -> RuleSet:
        """As ``rules``, read at this moment."""
        with self._svc.database.read() as session:
            return self.rules(session)

    def coverage(self) -> dict[str, Coverage]:
        """Coverage by rule; empty where that is not known.

        It takes a second or more, so it is told anew every half minute, and after a change of rules, by a thread of
        its own; what takes longer than half a second is shown by a later call.
        """
        ticks = self._svc.clock.monotonic()
        with self._lock:
            known = self._covered
            is_stale = known is None or known[0] != self._version or ticks - known[1] > COVERAGE_SECONDS
            if is_stale and (self._covering is None or not self._covering.is_alive()):
                asked = (self._version, ticks)
                self._covering = threading.Thread(target=self._cover, args=(asked,), name="coverage", daemon=True)
                self._covering.start()
            thread = self._covering
        if is_stale and thread is not None:
            thread.join(PATIENCE_SECONDS)
        return self._coverage

    def _cover(self, asked: tuple[str | None, float]) -> None:
        try:
            self._coverage = {c.rule: c for c in self._svc.coverage()}
        except KydaiError as error:
            log.warning("Coverage could not be told.", error=str(error))
        self._covered = asked


def book_of(request: Request) -> RuleBook:
    """The one of the app that answers."""
    book: RuleBook = request.app.state.rules
    return book


def rows(
    session: Session, ruleset: RuleSet, coverage: Mapping[str, Coverage], sight: Sight, hits: HitDays, now: Micros
) -> Iterable[RuleRow]:
    """Every rule and correlation, in the order of the rule set."""
    decided = {row.rule_id: row for row in session.scalars(select(RuleMode))}
    counted = (
        select(Alert.rule_id, func.count())
        .where(Alert.created_at >= now - ALERTS_OF, sight.alerts(session)).group_by(Alert.rule_id)
    )  # fmt: skip
    alerts = {row[0]: row[1] for row in session.execute(counted)}
    current = replace(ruleset, modes={i: Mode(row.mode) for i, row in decided.items()})
    usually = replace(ruleset, modes={})
    every: list[Rule | Correlation] = [*ruleset.rules, *ruleset.correlations]
    for rule in every:
        choice = decided.get(rule.id)
        covered = coverage.get(rule.id)
        is_live = covered is None or (
            covered.state == "live" and covered.seeing_hosts == covered.hosts and not covered.tells_more
        )
        yield RuleRow(
            id=rule.id,
            kind=kind_of(rule),
            title=title(rule),
            level=Level(rule.level.value),
            status=rule.status,
            package=rule.package,
            file=rule.file,
            line=rule.line,
            logsource=_logsource(rule),
            tags=_tags(rule),
            mode=current.mode(rule.id),
            effect=current.effect(rule.id),
            default_effect=usually.effect(rule.id),
            alert_effect=current.effect(rule.id, Mode.ALERT),
            decided_by=choice.by if choice else None,
            coverage=covered.state.value if covered else None,
            hosts=covered.hosts if covered else 0,
            seeing_hosts=covered.seeing_hosts if covered else 0,
            blind_hosts=len(covered.blind_hosts) if covered else 0,
            why=None if is_live or covered is None else Words(**covered.reason),
            alerts=alerts.get(rule.id, 0),
            hits=hits.of(rule.id) if sight.is_whole else None,
        )


def title(rule: Rule | Correlation) -> Words:
    """The title in both languages."""
    return _words(rule, "title")


def _words(rule: Rule | Correlation, key: str) -> Words:
    return Words(vi=rule.text(key, "vi"), en=rule.text(key, "en"))


def _asks(ruleset: RuleSet, rule: Rule | Correlation) -> Words | None:
    pattern = ruleset.patterns.by_id.get(rule.id)
    found = None if pattern is None else asks(pattern)
    return None if found is None else Words(**found)


def _logsource(rule: Rule | Correlation) -> str:
    if isinstance(rule, Correlation):
        return ""
    source = rule.logsource
    return "/".join(part for part in (source.product, source.category, source.service) if part)


def _tags(rule: Rule | Correlation) -> list[str]:
    found = rule.tags if isinstance(rule, Rule) else rule.document.get("tags", ())
    return [str(tag) for tag in found] if isinstance(found, list | tuple) else []


def detail(
    session: Session,
    svc: Services,
    ruleset: RuleSet,
    coverage: Mapping[str, Coverage],
    sight: Sight,
    rule_id: str,
) -> RuleDetail:
    """Everything about one rule. Raises NotFound."""
    rule = find(ruleset, rule_id)
    now = svc.clock.now()
    hits = hit_days(session, svc.zone, now)
    row = next(r for r in rows(session, ruleset, coverage, sight, hits, now) if r.id == rule_id)
    choice = session.get(RuleMode, rule_id)
    document = rule.document if isinstance(rule, Correlation) else {}
    covered = coverage.get(rule_id)
    return RuleDetail(
        **dict(row),
        description=rule.description if isinstance(rule, Rule) else str(document.get("description", "")),
        asks=_asks(ruleset, rule),
        reason=_words(rule, "reason"),
        falsepositives=_words(rule, "falsepositives"),
        remediation=_words(rule, "remediation"),
        author=rule.author if isinstance(rule, Rule) else str(document.get("author", "")),
        date=rule.date if isinstance(rule, Rule) else str(document.get("date", "")),
        references=list(rule.references) if isinstance(rule, Rule) else [],
        missing=list(covered.missing) if covered else [],
        remedy=Words(**covered.remedy) if covered and covered.remedy else None,
        blind_on=list(covered.blind_hosts) if covered else [],
        decided_at=choice.at if choice else None,
        decided_reason=choice.reason if choice else "",
        days=list(hits.days),
        counted_from=hits.counted_from,
        text=svc.rule_text(rule.package, rule.file),
        stands_for=packaged.package if (packaged := ruleset.overridden.get(rule_id)) else None,
    )


def advice(ruleset: RuleSet, rule_id: str) -> Advice | None:
    """What the author of a rule says to somebody who looks at its alert; None when it is not in force."""
    try:
        rule = find(ruleset, rule_id)
    except NotFound:
        return None
    return Advice(
        reason=_words(rule, "reason"),
        falsepositives=_words(rule, "falsepositives"),
        remediation=_words(rule, "remediation"),
    )


def find(ruleset: RuleSet, rule_id: str) -> Rule | Correlation:
    """The rule or correlation of an id. Raises NotFound."""
    found = ruleset.by_id.get(rule_id) or next((c for c in ruleset.correlations if c.id == rule_id), None)
    if found is None:
        raise failure(NotFound, "api.no_rule")
    return found
