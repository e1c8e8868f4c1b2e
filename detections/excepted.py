"""Hits that exceptions take away while events are judged, counted for each exception."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.clock import Micros
from core.event import Event
from core.query.to_arrow import mask
from detections.alerting import event_time
from detections.exceptions import Taking
from detections.flow_rules import Rows
from detections.program import Hits


@dataclass(slots=True)
class Taken:
    """How many hits each exception took from a batch."""

    hits: Counter[int] = field(default_factory=Counter)
    newest: dict[int, Micros] = field(default_factory=dict)

    def add(self, number: int, at: Micros, hits: int = 1) -> None:
        self.hits[number] += hits
        self.newest[number] = max(at, self.newest.get(number, at))

    def counted(self) -> Iterator[tuple[int, int, Micros]]:
        """(number of the exception, hits, ``@timestamp`` of the newest), by number."""
        for number, hits in sorted(self.hits.items()):
            yield number, hits, self.newest[number]


class Excepted:
    """The exceptions in force, by the rule that they are about."""

    def __init__(self, every: Iterable[Taking]) -> None:
        self._of_rule: dict[str, list[Taking]] = defaultdict(list)
        for each in every:
            self._of_rule[each.rule_id].append(each)

    def left(self, rules: Hits, event: Event, now: Micros, taken: Taken) -> Hits:
        """Of the rules that an event met those that no exception takes from it."""
        if self._of_rule.keys().isdisjoint(rules):
            return rules
        kept = []
        for rule in rules:
            by = self.taking(rule, event, now)
            if by is None:
                kept.append(rule)
            else:
                taken.add(by.id, event_time(event))
        return tuple(kept)

    def taking(self, rule: str, event: Event, now: Micros) -> Taking | None:
        """The exception that takes a rule's hit away; the first, when there are more."""
        return next((e for e in self._of_rule.get(rule, ()) if e.expires_at > now and e.meets(event)), None)

    def left_of_flows(self, found: Mapping[str, Rows], table: Any, now: Micros, taken: Taken) -> Mapping[str, Rows]:
        """The same for the rows of a flow table that met rules; rules of which nothing is left are left out."""
        left = dict(found)
        for rule in self._of_rule.keys() & found.keys():
            for each in self._of_rule[rule]:
                if each.expires_at <= now or rule not in left:
                    continue
                meets = mask(each.where, table)[left[rule]]
                if meets.any():
                    taken.add(each.id, _newest(table, left[rule][meets]), int(meets.sum()))
                    left[rule] = left[rule][~meets]
                if not len(left[rule]):
                    del left[rule]
        return left


def _newest(table: Any, rows: Rows) -> Micros:
    return max(table["@timestamp"].take(rows).to_pylist())  # type: ignore[no-any-return]  # whole numbers
