"""The rules in force at the pipeline: judging batches, and what the commit writes of it.

One place turns hits into what the control database holds: folded alerts of rules that alert, and blocks of the hits
that correlations read. Rules are loaded anew when a person changed them; a batch is judged by one rule set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import select
from sqlalchemy.orm import Session

from collectors.flow_events import to_events
from core.clock import LOCAL_ZONE, Clock, Micros
from core.db.database import Database
from core.db.models import Meta, RuleMode
from core.event import Event
from detections import alerting, exception_book, hit_blocks, hit_days
from detections.alerting import RuleHit
from detections.correlation import Hit
from detections.correlation_items import plain
from detections.correlation_rules import Type
from detections.ecs_binding import EcsBinding
from detections.engine import Engine
from detections.excepted import Excepted, Taken
from detections.explain import explain, lookup
from detections.flow_hits import first_and_last, telling
from detections.flow_rules import FlowRules, Rows, flow_fields, rules_column
from detections.hit_notes import NOTED
from detections.package_faults import altered, kept_out
from detections.rule import LOCAL_PACKAGE, Mode
from detections.ruleset import RuleSet, RuleSource, load, own_sources
from kydai.settings import Settings


@dataclass(slots=True)
class Judgement:
    """What a batch's hits write in step 2 of the commit."""

    hits: list[RuleHit] = field(default_factory=list)
    cuts: Sequence[hit_blocks.Cut] = ()
    counts: Counter[str] = field(default_factory=Counter)
    """Hits of every rule, of those that only record too."""
    ruleset: str = ""
    arrival_at: Micros = 0
    zone: str = LOCAL_ZONE
    taken: Taken = field(default_factory=Taken)

    def save(self, session: Session, spool: str, now: Micros) -> int:
        """Write alerts and hit blocks in the caller's transaction; returns the alert rows made or changed."""
        hit_blocks.add(session, spool, self.cuts, self.arrival_at)
        hit_days.save(session, self.counts, self.zone, now)
        exception_book.count(session, self.taken.counted())
        if not self.hits:
            return 0
        saved = alerting.save(session, alerting.fold(self.hits, explain, self.ruleset), now)
        if saved.suspended:
            session.merge(Meta(key="rules", value=str(now)))
        return len(saved.ids)


def rule_sources(rules_folder: Path, instead: Mapping[str, Path | None] | None = None) -> list[RuleSource]:
    """Our own rules, the packages installed in the data folder (or by name others ``instead``, None: without it), and
    local ones."""
    # hidden ones are half put together or on their way out; a link that is replaced while its files are read may not
    # give half of either
    found = {path.name: path.resolve() for path in (rules_folder / "packages").glob("[!.]*") if path.is_dir()}
    others: dict[str, Path | None] = {**found, **(instead or {})}
    sources = own_sources() + [RuleSource(path, name) for name, path in sorted(others.items()) if path is not None]
    local = rules_folder / LOCAL_PACKAGE
    if local.is_dir():
        sources.append(RuleSource(local, LOCAL_PACKAGE))
    return sources


def rule_path(rules_folder: Path, package: str, file: str) -> Path | None:
    """Where a rule's file is; None where it is no longer there."""
    paths = (source.path / file for source in rule_sources(rules_folder) if source.package == package)
    return next((path for path in paths if path.is_file()), None)


def rule_text(rules_folder: Path, package: str, file: str) -> str | None:
    """The YAML of a rule's file; None where it is no longer there."""
    path = rule_path(rules_folder, package, file)
    return None if path is None else path.read_text("utf-8", "replace")


def load_rules(settings: Settings, session: Session, instead: Mapping[str, Path | None] | None = None) -> RuleSet:
    """The rule set of a data folder with people's choices of mode, and all that could not be used; ``instead`` as in
    ``rule_sources``."""
    modes = {row.rule_id: Mode(row.mode) for row in session.scalars(select(RuleMode))}
    loaded = load(
        rule_sources(settings.rules_folder, instead),
        modes=modes,
        placeholders=settings.site.values,
        cache=settings.cache_folder,
    )
    packages = settings.rules_folder / "packages"
    errors = (*loaded.errors, *loaded.patterns.errors, *kept_out(packages), *altered(packages))
    return replace(loaded, errors=errors)


class Detector:
    """The engine, the flow rules and the correlations' needs, of one rule set."""

    def __init__(self, settings: Settings, session: Session, version: str, clock: Clock) -> None:
        self.settings = settings
        self.version = version
        self.clock = clock
        self._use(session)

    @classmethod
    def open(cls, settings: Settings, database: Database, clock: Clock) -> Detector:
        with database.read() as session:
            marked = session.get(Meta, "rules")
            return cls(settings, session, marked.value if marked else "", clock)

    def _use(self, session: Session) -> None:
        ruleset = self.ruleset = load_rules(self.settings, session)
        self.patterns = ruleset.patterns
        self.engine = Engine(ruleset, EcsBinding(), clock=self.clock)
        self.flow_rules = FlowRules(ruleset, self.patterns.only_asked)
        quiet = self.patterns.quiet  # rules that only correlations read
        self._alerting = {r.id for r in ruleset.rules if ruleset.mode(r.id) is Mode.ALERT} - quiet
        self._read = frozenset(self.patterns.readers)
        self._columns = {rule: self._columns_of(rule) for rule in self.flow_rules.trees if rule in self._read}
        self._excepted = Excepted(exception_book.in_force(session))

    def refresh(self, session: Session, version: str) -> None:
        """Load the rules anew when their version changed."""
        if version != self.version:
            self._use(session)
            self.version = version

    def facts(self) -> dict[str, Any]:
        """What the heartbeat says of the rules."""
        return {
            "rules": len(self.ruleset.rules),
            "ruleset": self.ruleset.hash,
            "errors": len(self.ruleset.errors),
            "suspended": dict(self.engine.suspended),
        }

    def _lookup(self, event: Mapping[str, Any], rule_id: str, name: str) -> Any:
        """A field of a correlation, which may be written in Sigma's names."""
        rule = self.ruleset.by_id.get(rule_id)
        return plain(event, rule_id, name) if rule is None else lookup(rule, event, name)

    def _judgement(self, arrival_at: Micros) -> Judgement:
        return Judgement(ruleset=self.ruleset.hash, arrival_at=arrival_at, zone=self.settings.zone)

    def judge(self, events: Sequence[Event], arrival_at: Micros) -> Judgement:
        """Judge events and write the ids of matching rules on them. ``arrival_at``: the smallest of the batch."""
        judgement = self._judgement(arrival_at)
        read = []
        by_id, now = self.ruleset.by_id, self.clock.now()
        for event, rules in zip(events, self.engine.judge(events), strict=True):
            event["kydai.ruleset"] = self.ruleset.hash
            if not rules:
                continue
            event["kydai.rules"] = list(rules)
            judgement.counts.update(rules)
            rules = self._excepted.left(rules, event, now, judgement.taken)
            for rule in rules:
                if rule in self._alerting:
                    judgement.hits.append(RuleHit(by_id[rule], event))
            if wanted := [rule for rule in rules if rule in self._read]:
                read.append(hit_blocks.hit_of(event, wanted))
        judgement.cuts, _ = hit_blocks.cut(read, self.patterns, self._lookup)
        return judgement

    def judge_flows(self, table: Any, arrival_at: Micros) -> tuple[Judgement, Any]:
        """Judge a flow table; returns it with the columns ``kydai.rules`` and ``kydai.ruleset``."""
        judgement = self._judgement(arrival_at)
        found = self.flow_rules.judge(table)
        judgement.counts.update({rule: len(rows) for rule, rows in found.items()})
        table = table.append_column("kydai.rules", rules_column(found, table.num_rows))
        constant = pa.DictionaryArray.from_arrays(np.zeros(table.num_rows, np.int32), [self.ruleset.hash])
        table = table.append_column("kydai.ruleset", constant)
        left = self._excepted.left_of_flows(found, table, self.clock.now(), judgement.taken)
        if left:
            self._flow_hits(judgement, table, left)
        return judgement, table

    def _columns_of(self, rule: str) -> frozenset[str]:
        """The columns of flows that the correlations over a rule look at."""
        readers = self.patterns.readers[rule]
        names = {p.field_of(name, rule) for p in readers for name in (*p.group_by, *p.fields)}
        return frozenset(column for name in names for column in (*flow_fields().keys(name), name))

    def _flow_hits(self, judgement: Judgement, table: Any, found: Mapping[str, Rows]) -> None:
        """Hits of the rows that alerts are made from or correlations read; only these become dictionaries."""
        alerting: dict[int, list[tuple[str, int]]] = {}
        for rule, rows in found.items():
            if rule in self._alerting:
                for row, count in telling(table, rows):
                    alerting.setdefault(row, []).append((rule, count))
        for row, event in _events(table, alerting):
            judgement.hits += [RuleHit(self.ruleset.by_id[rule], event, n) for rule, n in alerting[row]]
        judgement.cuts, _ = hit_blocks.cut(self._flows_read(table, found), self.patterns, self._lookup)

    def _flows_read(self, table: Any, found: Mapping[str, Rows]) -> Iterator[Hit]:
        """The hits that correlations read; of what was never seen before the first of each value, and when the last
        came."""
        reading: dict[int, list[str]] = {}
        lasting: dict[int, list[str]] = {}
        for rule in (rule for rule in found if rule in self._columns):
            rows, last = found[rule], np.zeros(0, np.intp)
            if all(pattern.type is Type.FIRST_SEEN for pattern in self.patterns.readers[rule]):
                rows, last = first_and_last(table, rows, (*self._columns[rule], "kydai.replay"))
            for row in rows.tolist():
                reading.setdefault(row, []).append(rule)
            for row in np.setdiff1d(last, rows).tolist():
                lasting.setdefault(row, []).append(rule)
        columns = _TO_READ.union(*self._columns.values())
        narrow = table.select([name for name in table.column_names if name in columns])
        for row, event in _events(narrow, reading):
            yield hit_blocks.hit_of(event, reading[row])
        for row, event in _events(narrow, lasting):
            yield hit_blocks.hit_of(event, lasting[row], with_note=False)


_TO_READ = frozenset({*NOTED, "segment", "record", "n", "@timestamp", "event.created", "kydai.replay"})


def _events(table: Any, rows: Iterable[int]) -> Iterator[tuple[int, Event]]:
    chosen = sorted(rows)
    return zip(chosen, to_events(table, chosen), strict=True)
