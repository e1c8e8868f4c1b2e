"""Samples of a rule: events that it must match, and events that it must not.

A rule ``R/web/shell.yml`` has them in ``R/tests/web/shell.yml`` (or under ``tests`` of a folder further up), which no
reader takes for rules: ``match`` and ``no_match``, lists of ``{raw: line or JSON object, zone?: name}`` or events; for
a correlation of ``{events: [{at: 5m, sample: one of these, repeat?: 3, every?: 10s}], group?: [value]}``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from core.clock import SECOND, Micros
from core.errors import BadInput, Place, cause, failure
from core.words import Text, both
from detections.binding import Record
from detections.correlation_values import timespan_of
from detections.explain import explain
from detections.match import Matcher
from detections.rule import Rule
from detections.spelling import hinted, near
from detections.strict_yaml import MAX_BYTES, child, documents, key_node, place_of
from detections.why_not import asked_text, why_not

FOLDER = "tests"
KINDS = ("match", "no_match")
MAX_EVENTS = 10_000
"""Of a stream."""
MAX_SECONDS = 10**9


@dataclass(frozen=True, slots=True)
class Sample:
    """One event that the rules of a file must match (``is_match``) or must not."""

    place: Place
    is_match: bool
    data: Mapping[str, Any]
    """``raw`` (and ``zone``), or the event itself; of a stream nothing."""
    steps: tuple[Step, ...] = ()
    """Of a stream, for correlations: its events."""
    group: tuple[str, ...] | None = None
    """Of a stream: the group for which a correlation must fire; None: any."""

    @property
    def text(self) -> str:
        """The line of the log, else the event as JSON; of a stream a line for each of its events."""
        if self.steps:
            return "\n".join(f"+{each.at // SECOND} s ×{each.repeat}: {each.sample.text}" for each in self.steps)
        raw = self.data.get("raw", self.data)
        return raw if isinstance(raw, str) else json.dumps(raw, ensure_ascii=False, default=str)


@dataclass(frozen=True, slots=True)
class Step:
    """An event of a stream, ``at`` after its beginning; with ``repeat`` several, ``every`` so long. ``{n}`` in its
    texts is counted from 1."""

    sample: Sample
    at: Micros
    repeat: int
    every: Micros


def samples_of(rule_file: Path) -> Path | None:
    """The file with the samples of a rule file; None when there is none."""
    whole = rule_file.resolve()
    for folder in whole.parents:
        path = folder / FOLDER / whole.relative_to(folder)
        if path.is_file():
            return path
    return None


def read_samples(path: Path) -> list[Sample]:
    """The samples of a file. Raises BadInput with file, line and column."""
    file = str(path)
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise failure(BadInput, "common.error.read", place=Place(file), why=cause(error)) from error
    found = documents(data, file)
    if len(found) != 1 or not isinstance(found[0].value, dict):
        raise failure(BadInput, "samples.shape", place=Place(file, found[0].line if found else None))
    node, value = found[0].node, found[0].value
    for key in value:
        if key not in KINDS:
            at = key_node(node, key)
            place = place_of(at, file) if at is not None else Place(file)
            raise hinted(failure(BadInput, "samples.key", place=place, key=str(key)[:80]), near(str(key), KINDS))
    return [
        _sample(kind == "match", each, child(child(node, kind), index), file)
        for kind in KINDS
        for index, each in enumerate(_listed(value, kind, node, file))
    ]


def _listed(value: Mapping[str, Any], kind: str, node: yaml.Node, file: str) -> list[Any]:
    listed = value.get(kind)
    if not isinstance(listed, list) or not listed:
        at = key_node(node, kind)
        raise failure(BadInput, "samples.empty", place=place_of(at, file) if at is not None else Place(file), kind=kind)
    return listed


def _sample(is_match: bool, value: Any, node: yaml.Node | None, file: str) -> Sample:
    place = place_of(node, file) if node is not None else Place(file)
    if not isinstance(value, dict) or not value:
        raise failure(BadInput, "samples.event", place=place)
    if isinstance(value.get("events"), list):
        return _stream(is_match, value, node, file)
    if "raw" not in value:
        return Sample(place, is_match, value)
    if not value["raw"] or not isinstance(value["raw"], str | dict):
        raise failure(BadInput, "samples.raw", place=place)
    for key in value:
        if key not in ("raw", "zone"):
            raise failure(BadInput, "samples.beside", place=place, key=str(key)[:80])
    return Sample(place, is_match, value)


def _stream(is_match: bool, value: Mapping[str, Any], node: yaml.Node | None, file: str) -> Sample:
    _only(value, ("events", "group") if is_match else ("events",), node, file)
    place = place_of(node, file) if node is not None else Place(file)
    group = value.get("group")
    if group is not None and (not isinstance(group, list) or not group):
        raise failure(BadInput, "samples.group", place=place)
    listed = child(node, "events")
    steps = tuple(_step(is_match, each, child(listed, index), file) for index, each in enumerate(value["events"]))
    if not 0 < sum(step.repeat for step in steps) <= MAX_EVENTS:
        raise failure(BadInput, "samples.events", place=place, limit=MAX_EVENTS)
    return Sample(place, is_match, {}, steps, tuple(map(str, group)) if group else None)


def _step(is_match: bool, value: Any, node: yaml.Node | None, file: str) -> Step:
    place = place_of(node, file) if node is not None else Place(file)
    if not isinstance(value, dict) or "at" not in value or "sample" not in value:
        raise failure(BadInput, "samples.step", place=place)
    _only(value, ("at", "sample", "repeat", "every"), node, file)
    repeat = value.get("repeat", 1)
    if not isinstance(repeat, int) or isinstance(repeat, bool) or repeat < 1:
        raise failure(BadInput, "samples.repeat", place=place)
    times = [_time(value.get(key, 0), place) for key in ("at", "every")]
    return Step(_sample(is_match, value["sample"], child(node, "sample"), file), times[0], repeat, times[1])


def _time(value: Any, place: Place) -> Micros:
    """Seconds, or a time as Sigma writes it."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MAX_SECONDS:
        return round(value * SECOND)
    try:
        return timespan_of(value)
    except BadInput as error:
        raise failure(BadInput, "samples.time", place=place, value=str(value)[:40]) from error


def _only(value: Mapping[str, Any], keys: Sequence[str], node: yaml.Node | None, file: str) -> None:
    for key in value:
        if key not in keys:
            at = key_node(node, key) if node is not None else None
            place = place_of(at, file) if at is not None else Place(file)
            error = failure(BadInput, "samples.stream_key", place=place, key=str(key)[:80], keys=", ".join(keys))
            raise hinted(error, near(str(key), keys))


# --- trying them ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a sample. ``wrong`` says why it is not as it should be; None when it is. ``hits`` are the ids of
    the file's rules that it met."""

    sample: Sample
    wrong: Text | None
    hits: frozenset[str] = frozenset()

    def concerns(self, rule_id: str) -> bool:
        """Whether it says something of this rule: it met the rule, it may not, or it must and met none."""
        return rule_id in self.hits or not self.sample.is_match or not self.hits

    def wrong_for(self, rule_id: str) -> bool:
        """Whether the rule is at fault: what another rule met in its place is not its own."""
        return self.wrong is not None and (rule_id in self.hits or not self.hits)


@dataclass(frozen=True, slots=True)
class Sheet:
    """All samples of a rule's file, tried. ``file`` is None where there are none, ``error`` says why they cannot be
    read."""

    file: str | None
    trials: tuple[Trial, ...] = ()
    error: BadInput | None = None


def tried(rules: Sequence[Rule], matcher: Matcher, sample: Sample, events: Sequence[Record]) -> Trial:
    """Judge the events of a sample: one of them must meet one of a file's rules, or none may."""
    ids = {rule.id for rule in rules}
    judged = matcher.judge(events)
    hits = [(flat, rule) for flat, found in judged for rule in rules if rule.id in ids.intersection(found)]
    met = frozenset(rule.id for _, rule in hits)
    if bool(hits) is sample.is_match:
        return Trial(sample, None, met)
    if hits:
        flat, rule = hits[0]
        shown = ", ".join(f"{each['selection']}: {each['field']} = {each['value']}" for each in explain(rule, flat)[:3])
        return Trial(sample, both("samples.matches", why=shown), met)
    return Trial(sample, both("samples.misses", why=_missed(rules[0], judged[0][0])))


def _missed(rule: Rule, event: Record) -> Text:
    missed = why_not(rule, event)
    if missed is None or not missed.causes:
        return both("samples.other_source", wanted=" / ".join(missed.wanted[:2]) if missed is not None else "")
    cause = missed.causes[0]
    key = "samples.excluded" if cause.is_excluded else "samples.lacks"
    has = ", ".join(cause.has) or both("why.missing")
    return both(key, selection=cause.selection, field=cause.field, has=has, asked=asked_text(cause.asked[0]))
