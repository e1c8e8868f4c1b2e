"""What would become of the rules in force if others took their place: where they can fire here, and how many alerts
more and fewer there would have been over the past.

The past is read from now backwards, so that what a limit of time leaves out is the oldest; the answer is of the time
that was looked at, and says so. Alerts fold by the hour, but what is looked at may begin at any minute: an alert that
began in the same hour before it is known by its key, and counts neither as one more nor as one fewer.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import DAY, MINUTE, Clock, Micros
from core.db.database import Database
from core.db.models import Alert
from core.store.contract import EventStore, Query, Span, Truth
from core.store.telling import Counting, TellCount
from core.store.truths import together
from detections import exception_book
from detections.alerting import RuleHit, fold_key
from detections.backtesting import faults_of
from detections.coverage import Coverage
from detections.excepted import Excepted
from detections.hunting import Hunter
from detections.package_preview import (
    AlertsOf,
    Difference,
    difference,
    gone_blind,
    to_try,
    touched,
    uncounted,
    under_copies,
)
from detections.rule import LEVELS, Correlation, Rule
from detections.ruleset import RuleSet

CoverageOf = Callable[[RuleSet, Session, Micros], list[Coverage]]
Opened = tuple[str, str, bool]
"""Rule, fold key, and whether an exception takes it."""
SHARE = 1 / 8
"""Of the time that there is: a part that took more is followed by one no longer than itself."""


@dataclass(frozen=True, slots=True)
class House:
    """Where it is looked at."""

    database: Database
    store: EventStore
    clock: Clock
    coverage_of: CoverageOf


class Outlook:
    """All that is told of rules that would be put in force."""

    def __init__(self, before: RuleSet, after: RuleSet, span: Span) -> None:
        assert span.start is not None
        assert span.end is not None
        self.before, self.after = before, after
        self.asked = self.start = span.start
        """From when on the past was asked for, and was looked at."""
        self.end = span.end
        self.found: Difference = difference(before, after)
        self.touched = touched(self.found)
        self.held = under_copies(before, after)
        self.uncounted: list[Correlation] = uncounted(self.touched, after)
        self.blind: list[Coverage] = []
        self.states: Counter[str] = Counter()
        self.alerts: dict[str, AlertsOf] = {}
        self.doubtful: list[str] = []
        """Rules on which query and engine disagree."""
        self.truth: Truth | None = None
        """None: there was nothing to look for."""

    @property
    def is_shortened(self) -> bool:
        """Whether less was looked at than asked for, for want of time."""
        return self.start > self.asked

    @property
    def is_whole(self) -> bool:
        """Whether the numbers are those of all that was asked."""
        is_true = self.truth is None or (self.truth.complete and self.truth.exact)
        return is_true and not self.doubtful and not self.is_shortened

    @property
    def more(self) -> int:
        return sum(each.more for each in self.alerts.values())

    @property
    def fewer(self) -> int:
        return sum(each.fewer for each in self.alerts.values())

    def weight(self, rule: Rule | Correlation) -> tuple[int, int, str]:
        """Sorts those that change most alerts first, then by level."""
        alerts = self.alerts.get(rule.id)
        return -(alerts.more + alerts.fewer if alerts else 0), -LEVELS.index(rule.level), rule.title

    def cover(self, house: House) -> None:
        """Where rules can fire here, before and after."""
        with house.database.read() as session:
            now = house.clock.now()
            states = house.coverage_of(self.after, session, now)
            self.blind = gone_blind(house.coverage_of(self.before, session, now), states)
        new = {each.id for each in self.found.added}
        self.states = Counter(each.state.value for each in states if each.rule in new)

    def count(self, house: House, tell: TellCount, seconds: float | None) -> None:
        """The alerts that there would have been, then those of the same time that there were."""
        rules = to_try(self.touched, self.after)
        silent = {each.id for each in self.uncounted}
        existing = self._existing(house, [each.id for each in self.touched if each.id not in silent])
        self.alerts = {each.id: AlertsOf(each, existing[each.id]) for each in self.touched}
        if not rules:
            return
        look = _Look(house, Hunter(rules, house.clock), self.end, tell, seconds)
        self.start, self.truth = look.back_to(self.asked, self._take)
        self.doubtful = sorted(faults_of(look.hunter))
        if self.is_shortened:
            existing = self._existing(house, self.alerts)
            for rule, alerts in self.alerts.items():
                alerts.before = existing[rule]

    def _take(self, opened: Iterable[Opened]) -> None:
        for rule, key, is_taken in opened:
            self.alerts[rule].add(key, is_taken=is_taken)

    def _existing(self, house: House, rules: Iterable[str]) -> dict[str, Counter[str]]:
        """How many alerts began in the time, by rule and by the fold key of their first generation."""
        wanted = set(rules)
        found: dict[str, Counter[str]] = defaultdict(Counter)
        query = select(Alert.rule_id, Alert.fold_key).where(Alert.first_at >= self.start, Alert.first_at < self.end)
        with house.database.read() as session:
            for rule, key in session.execute(query):
                if rule in wanted:
                    found[rule][key.partition(".")[0]] += 1
        return found


def outlook(
    house: House, before: RuleSet, after: RuleSet, span: Span, tell: TellCount, seconds: float | None = None
) -> Outlook:
    """Look at a time with both ends, its start a full hour; ``tell`` counts its minutes, and ``seconds`` bound the look
    into the past. Raises what the store raises, and what ``tell`` does."""
    made = Outlook(before, after, span)
    made.cover(house)
    made.count(house, tell, seconds)
    return made


class _Look:
    """Stored events judged, from the newest to the oldest, by parts that begin with a full minute: short ones first, so
    that there is an answer however dense the store is, then longer ones while they are quickly done."""

    def __init__(self, house: House, hunter: Hunter, end: Micros, tell: TellCount, seconds: float | None) -> None:
        self.hunter = hunter
        self._house, self._end, self._tell = house, end, tell
        self._seconds = seconds
        self._began = house.clock.monotonic()
        self._now = house.clock.now()
        with house.database.read() as session:
            self._excepted = Excepted(exception_book.in_force(session))
        self._hits = 0

    def back_to(self, start: Micros, take: Callable[[Iterable[Opened]], None]) -> tuple[Micros, Truth]:
        """Since when it was looked, and how truly; a part that time ran out on is not told to ``take``, but the first
        is always done."""
        whole = max(1, (self._end - start) // MINUTE)
        at, length = self._end, MINUTE
        truths: list[Truth] = []
        while True:
            first = max(start, -(-at // MINUTE) * MINUTE - length)
            self._say(at, whole)
            before = self._spent()
            opened, truth = self._part(Span(first, max(first, at)), at, whole)
            truths.append(truth)
            if opened is not None:
                take(opened)
                at = first
            if at <= start or opened is None or self._is_over():
                self._say(at, whole)
                return max(at, start), together(*truths)
            if self._seconds is None or self._spent() - before < SHARE * self._seconds:
                length = min(2 * length, DAY)

    def _spent(self) -> float:
        return self._house.clock.monotonic() - self._began

    def _is_over(self) -> bool:
        return self._seconds is not None and self._spent() > self._seconds

    def _part(self, span: Span, at: Micros, whole: int) -> tuple[set[Opened] | None, Truth]:
        """None: there was no more time."""
        opened: set[Opened] = set()
        scan = self._house.store.scan(Query(self.hunter.where, span))
        for batch in scan:
            for event, hits in self.hunter.judge(batch):
                self._hits += len(hits)
                for rule in hits:
                    is_taken = self._excepted.taking(rule, event, self._now) is not None
                    opened.add((rule, fold_key(RuleHit(self.hunter.rules[rule], event)), is_taken))
            self._say(at, whole)
            if at < self._end and self._is_over():
                return None, scan.truth
        return opened, scan.truth

    def _say(self, at: Micros, whole: int) -> None:
        self._tell(Counting(min(whole, (self._end - at) // MINUTE), whole, self._hits))
