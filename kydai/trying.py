"""Samples of rules tried: lines go through the parsers as they would from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from collectors.parser import ParserSet
from core.clock import Clock
from core.errors import BadInput, KydaiError, failure
from core.event import Event, Frame
from detections.match import Matcher
from detections.rule import LOCAL_PACKAGE, Correlation, Rule
from detections.ruleset import RuleSet, RuleSource, load
from detections.samples import Sample, Sheet, Trial, read_samples, samples_of, tried
from detections.streams import stream_of, tried_stream
from kydai.detector import rule_path, rule_sources
from kydai.settings import Settings


class Trier:
    """Tries samples in the zone and with the lists of the house; the parsers are loaded when the first line comes."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    @cached_property
    def _parsers(self) -> ParserSet:
        return ParserSet.load()

    def load(self, sources: Sequence[RuleSource]) -> RuleSet:
        """Rules with the values of the house."""
        return load(sources, placeholders=self._settings.site.values, cache=self._settings.cache_folder)

    def with_what_is_read(self, loaded: RuleSet, path: Path) -> RuleSet:
        """With the rules beside a file and those in force, if a correlation refers to one that is not among those
        tried."""
        names = {*loaded.every, *(each.name for each in loaded.rules)}
        names |= {str(each.document.get("name") or "") for each in loaded.correlations}
        if all(names.issuperset(each.rules) for each in loaded.correlations):
            return loaded
        near = sorted(each for each in path.parent.glob("*.yml") if path.is_file() and each != path)
        sources = [RuleSource(each, "") for each in near]
        beside = self.load([*sources, *rule_sources(self._settings.rules_folder)])
        more = tuple(each for each in beside.correlations if each.id not in loaded.every)
        rules = tuple(each for each in beside.rules if each.id not in loaded.every)
        return replace(loaded, rules=(*loaded.rules, *rules), correlations=(*loaded.correlations, *more))

    def trial(self, every: Sequence[Rule | Correlation], ruleset: RuleSet, matcher: Matcher, sample: Sample) -> Trial:
        """What becomes of a sample of the file of these rules. Raises BadInput for a stream without a correlation, or
        an event without a rule."""
        rules = [each for each in every if isinstance(each, Rule)]
        correlations = [each for each in every if isinstance(each, Correlation)]
        if not (correlations if sample.steps else rules):
            key = "samples.no_correlation" if sample.steps else "samples.no_stream"
            raise failure(BadInput, key, place=sample.place)
        try:
            if sample.steps:
                return tried_stream(correlations, ruleset, matcher, sample, stream_of(sample, self._events))
            return tried(rules, matcher, sample, self._events(sample, sample.data))
        except KydaiError as error:  # no parser knows it, or its zone
            return Trial(sample, error.said)

    def _events(self, sample: Sample, data: Mapping[str, Any]) -> list[Event]:
        if "raw" not in data:
            return [dict(data)]
        if events := self._parsed(data):
            return events
        raise failure(BadInput, "samples.unparsed", place=sample.place)

    def _parsed(self, data: Mapping[str, Any]) -> list[Event]:
        raw = data["raw"]
        octets = raw.encode() if isinstance(raw, str) else orjson.dumps(raw)
        frame = Frame("file:-", self._clock.now(), octets, meta={"receiver": "syslog"})
        parsed = self._parsers.parse(frame, zone=str(data.get("zone") or self._settings.zone))
        return [] if parsed.unparsed else list(parsed.events)

    def sheet(self, package: str, file: str) -> Sheet:
        """The samples of a rule's file as they and the rule are now."""
        path = rule_path(self._settings.rules_folder, package, file)
        return Sheet(None) if path is None else self.draft(path, package)

    def draft(self, path: Path, package: str = LOCAL_PACKAGE) -> Sheet:
        """As ``sheet``, of a rule file anywhere."""
        at = samples_of(path)
        if at is None:
            return Sheet(None)
        loaded = self.load([RuleSource(path, package)])
        ruleset = self.with_what_is_read(loaded, path)
        matcher, every = Matcher(ruleset, self._clock), list(loaded.every.values())
        try:
            trials = tuple(self.trial(every, ruleset, matcher, sample) for sample in read_samples(at))
        except BadInput as error:
            return Sheet(at.name, error=error)
        return Sheet(at.name, trials)
