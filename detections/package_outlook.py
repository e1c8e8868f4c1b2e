"""What would become of the rules in force if others took their place: where they can fire here, and how many alerts
more and fewer there would have been over the past.

The past is read from now backwards, so that what a limit of time leaves out is the oldest; the answer is of the time
that was looked at, and says so. Alerts fold by the hour, but what is looked at may begin at any minute: an alert that
began in the same hour before it is known by its key, and counts neither as one more nor as one fewer.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from detections.package_correlated import CorrelatedAlerts, CorrelationInputs
from detections.package_preview import (
    AlertsOf,
    Difference,
    affected,
    difference,
    gone_blind,
    to_try,
    touched,
    under_copies,
)
from detections.rule import LEVELS, Correlation, Rule
from detections.ruleset import RuleSet

CoverageOf = Callable[[RuleSet, Session, Micros], list[Coverage]]
Opened = tuple[str, str, bool]
"""Rule, fold key, and whether an exception takes it."""
ASKED = 60
"""Predicates of one question. A store takes seconds to plan a larger one (6 s of CPU for 200), and does so for each
part of the past: less than a second to read the log sources whole."""
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
        self.correlations = affected(self.touched, after)
        """Those that alert and whose alerts may become others."""
        self.blind: list[Coverage] = []
        self.states: Counter[str] = Counter()
        self.alerts: dict[str, AlertsOf | CorrelatedAlerts] = {}
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
        return is_true and not self.doubtful and not self.is_shortened and not self.shortened

    @property
    def uncounted(self) -> list[Correlation]:
        """Of the correlations those whose alerts cannot be told from what was looked at."""
        return [each for each in self.correlations if each.id not in self.alerts]

    @property
    def shortened(self) -> list[CorrelatedAlerts]:
        """Those that are counted since later than all else, as too many hits or too long a timespan stand behind."""
        return [each for each in self.alerts.values() if isinstance(each, CorrelatedAlerts) and each.since > self.start]

    @property
    def carried(self) -> list[Correlation]:
        """Correlations that stay as they are, and have other alerts as the rules that they read change."""
        own = {each.id for each in self.touched}
        other = ((each, self.alerts.get(each.id)) for each in self.correlations if each.id not in own)
        return [each for each, alerts in other if alerts is not None and (alerts.more or alerts.fewer)]

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
        inputs = CorrelationInputs(self.correlations, self.after, self.end)
        apart = {each.id for each in self.correlations}
        single = [each for each in self.touched if each.id not in apart]
        alone = {each.id: AlertsOf(each, before) for each, before in self._existing(house, single)}
        if rules or inputs.rules:
            look = _Look(house, self.end, self.asked - inputs.reach, tell, seconds)
            every = Hunter([*{each.id: each for each in (*rules, *inputs.rules)}.values()], house.clock, ASKED)
            self.start = look.back_to(self.asked, every, {each.id: alone[each.id] for each in rules}, inputs)
            if self.start == self.asked and inputs.reach:
                look.back_to(self.asked - inputs.reach, Hunter(inputs.rules, house.clock, ASKED), {}, inputs)
            self.truth = look.truth
            self.doubtful = sorted(look.faults)
        if self.is_shortened:
            for each, before in self._existing(house, single):
                alone[each.id].before = before
        with house.database.read() as session:
            self.alerts = {**alone, **inputs.counted(session, self.start)}

    def _existing(
        self, house: House, rules: Sequence[Rule | Correlation]
    ) -> Iterator[tuple[Rule | Correlation, Counter[str]]]:
        """How many alerts of each began in the time, by the fold key of their first generation."""
        wanted = {each.id for each in rules}
        found: dict[str, Counter[str]] = defaultdict(Counter)
        query = select(Alert.rule_id, Alert.fold_key).where(Alert.first_at >= self.start, Alert.first_at < self.end)
        with house.database.read() as session:
            for rule, key in session.execute(query):
                if rule in wanted:
                    found[rule][key.partition(".")[0]] += 1
        return ((each, found[each.id]) for each in rules)


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

    def __init__(self, house: House, end: Micros, deepest: Micros, tell: TellCount, seconds: float | None) -> None:
        self.faults: Counter[str] = Counter()
        """Rules whose hits are not all there."""
        self._house, self._end, self._tell = house, end, tell
        self._seconds = seconds
        self._began = house.clock.monotonic()
        self._now = house.clock.now()
        with house.database.read() as session:
            self._excepted = Excepted(exception_book.in_force(session))
        self._hits = 0
        self._at, self._length = end, DAY if seconds is None else MINUTE
        self._whole = max(1, (end - deepest) // MINUTE)
        self._truths: list[Truth] = []

    @property
    def truth(self) -> Truth:
        """Of all that was read."""
        return together(*self._truths)

    def back_to(
        self, start: Micros, hunter: Hunter, alone: Mapping[str, AlertsOf], inputs: CorrelationInputs
    ) -> Micros:
        """Go on to ``start``, and say how far it came. A part that time ran out on is told to nobody, but the first is
        always done."""
        while True:
            first = max(start, -(-self._at // MINUTE) * MINUTE - self._length)
            self._say()
            before = self._spent()
            opened = self._part(Span(first, max(first, self._at)), hunter, alone, inputs)
            if opened is not None:
                for rule, key, is_taken in opened:
                    alone[rule].add(key, is_taken=is_taken)
                inputs.keep(first)
                self._at = first
            if self._at <= start or opened is None or self._is_over():
                self._say()
                self.faults += faults_of(hunter)
                return max(self._at, start)
            if self._seconds is None or self._spent() - before < SHARE * self._seconds:
                self._length = min(2 * self._length, DAY)

    def _spent(self) -> float:
        return self._house.clock.monotonic() - self._began

    def _is_over(self) -> bool:
        return self._seconds is not None and self._spent() > self._seconds

    def _part(
        self, span: Span, hunter: Hunter, alone: Mapping[str, AlertsOf], inputs: CorrelationInputs
    ) -> set[Opened] | None:
        """None: there was no more time."""
        opened: set[Opened] = set()
        scan = self._house.store.scan(Query(hunter.where, span))
        for batch in scan:
            for event, hits in hunter.judge(batch):
                self._hits += len(hits)
                taken = [rule for rule in hits if self._excepted.taking(rule, event, self._now) is not None]
                for rule in hits:
                    if rule in alone:
                        opened.add((rule, fold_key(RuleHit(hunter.rules[rule], event)), rule in taken))
                inputs.add(event, hits, taken)
            self._say()
            if self._at < self._end and self._is_over():
                self._truths.append(scan.truth)
                return None
        self._truths.append(scan.truth)
        return opened

    def _say(self) -> None:
        done = min(self._whole, (self._end - self._at) // MINUTE)
        self._tell(Counting(done, self._whole, self._hits))
