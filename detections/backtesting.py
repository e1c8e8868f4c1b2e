"""Rules run over the past, portion by portion, so that it can be told how far it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from core.clock import Clock
from core.event import Event
from core.query.tree import TRUE, Node
from core.store.contract import EventStore, Query, Span, Truth
from core.store.portions import portions
from core.store.telling import Counting, TellCount
from core.store.truths import together
from detections.backtest import Backtest, cost
from detections.excepted import Excepted
from detections.hunting import Hunter
from detections.rule import Rule

SAMPLE = 2_000
"""Events of the log source on which the cost is measured."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What judging costs: microseconds of CPU an event, None where it could not be measured, over so many events."""

    micros: float | None
    events: int


@dataclass(frozen=True, slots=True)
class Past:
    """What rules would have done over a span."""

    tests: Mapping[str, Backtest]
    costs: Mapping[str, Cost]
    truth: Truth
    faults: Counter[str]
    """Rules whose hits are not all there: query and engine disagree, or the rule was taken out for being slow."""


def backtested(
    store: EventStore,
    clock: Clock,
    rules: Sequence[Rule],
    excepted: Excepted,
    span: Span,
    zone: str,
    tell: TellCount,
    scope: Node = TRUE,
) -> Past:
    """Ask the store for what the rules can match and judge it, under exceptions that are in force now. ``span`` has
    both ends; ``tell`` counts its events."""
    hunter, now = Hunter(rules, clock), clock.now()
    tests = {each.id: Backtest(each, zone) for each in rules}

    def add(rule: str, event: Event) -> None:
        tests[rule].add(event, is_taken=excepted.taking(rule, event, now) is not None)

    truth = over_portions(store, hunter, span, add, tell, scope)
    costs = {rule.id: _cost(store, hunter, rule, span, scope) for rule in rules}
    return Past(tests, costs, truth, faults_of(hunter))


def over_portions(
    store: EventStore,
    hunter: Hunter,
    span: Span,
    add: Callable[[str, Event], None],
    tell: TellCount,
    scope: Node = TRUE,
) -> Truth:
    """Tell ``add`` each hit, by rule; else as ``backtested``."""
    assert span.start is not None
    assert span.end is not None
    truths: list[Truth] = []
    count = 0
    tell(Counting(0, 1, 0))
    for portion in portions(store, span.start, span.end, scope):
        scan = store.scan(Query(hunter.where, Span(portion.start, portion.end), scope))
        for batch in scan:
            for event, hits in hunter.judge(batch):
                count += len(hits)
                for rule in hits:
                    add(rule, event)
        truths.append(scan.truth)
        tell(Counting(portion.done, portion.whole, count))
    return together(*truths)


def faults_of(hunter: Hunter) -> Counter[str]:
    """Rules whose hits are not all there."""
    return Counter(hunter.lacking) + Counter(dict.fromkeys(hunter.suspended, 1))


def _cost(store: EventStore, hunter: Hunter, rule: Rule, span: Span, scope: Node) -> Cost:
    sample = store.search(Query(hunter.hunts[rule.id].source, span, scope), limit=SAMPLE).events
    return Cost(cost(rule, sample), len(sample))
