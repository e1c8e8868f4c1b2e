"""Rules over records in files, nothing stored: what ``kydai rules match`` prints.

Every record is judged in the shape it has (Windows records, ECS events, plain JSON that names fields as rules do);
correlations are judged over all files by event time once everything was read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.clock import Clock, Micros, iso
from core.errors import BadInput, Place
from core.query.to_match import compile_match
from detections.correlation import Found, Hit, match_all
from detections.correlation_items import parts_of
from detections.correlation_rules import Type
from detections.engine import Engine
from detections.explain import binding_of, lookup
from detections.flow_rules import FlowRules
from detections.program import Hits
from detections.record_files import Record, records
from detections.ruleset import RuleSet
from detections.shapes import Shape, shaped, time_of

BATCH = 256
"""Records read and judged at a time: few enough to stay in the processor's cache."""

_ENGINE_SHAPES = {Shape.WINDOWS: Shape.PLAIN, Shape.PLAIN: Shape.PLAIN, Shape.ECS: Shape.ECS}


class Matcher:
    """One engine for each way of naming fields, made when it is needed."""

    def __init__(self, ruleset: RuleSet, clock: Clock | None = None) -> None:
        self.ruleset = ruleset
        self._clock = clock
        self._engines: dict[Shape, Engine] = {}
        self._flow_rules = {rule: compile_match(tree) for rule, tree in FlowRules(ruleset).trees.items()}

    def judge(self, batch: Sequence[Record]) -> list[tuple[Mapping[str, Any], Hits]]:
        """Each record made flat, with the ids of the rules that match it."""
        prepared = [shaped(record) for record in batch]
        hits: list[Hits] = [()] * len(batch)
        for shape in set(_ENGINE_SHAPES.values()):
            positions = [at for at, (own, _) in enumerate(prepared) if _ENGINE_SHAPES[own] is shape]
            if positions:
                judged = self._engine(shape).judge([prepared[at][1] for at in positions])
                for at, found in zip(positions, judged, strict=True):
                    hits[at] = found
        return [
            (flat, found + self._flow_hits(shape, flat)) for (shape, flat), found in zip(prepared, hits, strict=True)
        ]

    def _flow_hits(self, shape: Shape, flat: Mapping[str, Any]) -> Hits:
        """Flow rules, on flows that come as records (``kydai flows decode``)."""
        if not self._flow_rules or shape is Shape.WINDOWS or not is_flow(flat):
            return ()
        return tuple(rule for rule, test in self._flow_rules.items() if test(flat))

    def _engine(self, shape: Shape) -> Engine:
        engine = self._engines.get(shape)
        if engine is None:
            engine = self._engines[shape] = Engine(self.ruleset, binding_of(shape), clock=self._clock)
        return engine

    @property
    def suspended(self) -> dict[str, str]:
        """Rules that were taken out while running, with the reason."""
        return {rule: why for engine in self._engines.values() for rule, why in engine.suspended.items()}


def is_flow(flat: Mapping[str, Any]) -> bool:
    """Whether a flat record is a network flow; one that does not say what it is may be."""
    dataset = flat.get("event.dataset") or flat.get("event.module")
    return dataset is None or str(dataset).startswith(("netflow", "ipfix", "sflow"))


@dataclass(slots=True)
class MatchReport:
    """What a run came to, filled while it runs."""

    records: int = 0
    hits: int = 0
    unreadable: list[BadInput] = field(default_factory=list)
    without_time: int = 0
    """Records that a correlation reads and that do not say when they happened."""


def match_files(
    ruleset: RuleSet, paths: Sequence[Path], report: MatchReport, *, clock: Clock | None = None
) -> Iterator[dict[str, Any]]:
    """One object a hit: ``rule, title, level, file, record``; after all files one a correlation: ``rule, title,
    level, group, time, records``, and ``value`` (a list) where it was never seen before.

    ``record`` counts from 0 within its file, unreadable records too. ``records`` are such numbers, in order of time;
    with more than one file each is ``{"file", "record"}``. Rules that only a correlation reads are not printed.
    Unreadable records and files are in the report.
    """
    patterns = ruleset.patterns
    for error in patterns.errors:
        if error in ruleset.errors:
            continue  # whoever loaded the rules tells of it
        report.unreadable.append(BadInput(error.reason, place=Place(error.file, error.line), said=error.said))
    matcher = Matcher(ruleset, clock)
    kept: list[Hit] = []
    tells_absence = any(pattern.is_absence for pattern in patterns.patterns)
    last: Micros | None = None
    for file_number, path in enumerate(paths):
        for batch in _batches(path, report):
            judged = matcher.judge([record for _, record in batch])
            if tells_absence:
                times = [time for flat, _ in judged if (time := time_of(flat)) is not None]
                last = max([*times, *([] if last is None else [last])], default=None)
            for (at, _), (flat, rules) in zip(batch, judged, strict=True):
                for rule in rules:
                    if rule not in patterns.quiet:
                        report.hits += 1
                        yield _hit(ruleset, rule, path, at)
                if wanted := [rule for rule in rules if rule in patterns.readers]:
                    _keep(kept, flat, wanted, f"{file_number}:{at}", report)
    for found in match_all(
        kept, patterns, lambda event, rule, name: lookup(ruleset.by_id[rule], event, name), end=last
    ):
        report.hits += 1
        yield _correlated(found, paths)


def _batches(path: Path, report: MatchReport) -> Iterator[list[tuple[int, Record]]]:
    """Readable records with their numbers."""
    batch: list[tuple[int, Record]] = []
    try:
        for number, record in enumerate(records(path)):
            report.records += 1
            if isinstance(record, BadInput):
                report.unreadable.append(record)
                continue
            batch.append((number, record))
            if len(batch) == BATCH:
                yield batch
                batch = []
    except BadInput as error:
        report.unreadable.append(error)
    if batch:
        yield batch


def _keep(kept: list[Hit], flat: Mapping[str, Any], rules: list[str], event_id: str, report: MatchReport) -> None:
    at: Micros | None = time_of(flat)
    if at is None:
        report.without_time += 1
        return
    kept.append(Hit(flat, rules, at, event_id))


def _hit(ruleset: RuleSet, rule_id: str, path: Path, record: int) -> dict[str, Any]:
    rule = ruleset.by_id[rule_id]
    return {
        "rule": rule.id,
        "title": rule.title,
        "level": rule.level.value,
        "file": str(path),
        "record": record,
    }


def _correlated(found: Found, paths: Sequence[Path]) -> dict[str, Any]:
    places = [event_id.split(":") for event_id in found.ids]
    pattern = found.pattern
    is_new = pattern.type is Type.FIRST_SEEN
    seen = {"value": parts_of(pattern, str(found.items[0].value))} if is_new else {}
    return {
        "rule": pattern.id,
        "title": pattern.heading,
        "level": pattern.level.value,
        "group": list(found.group),
        "time": iso(found.time),
        "records": [
            int(record) if len(paths) == 1 else {"file": str(paths[int(file)]), "record": int(record)}
            for file, record in places
        ],
        **seen,
    }
