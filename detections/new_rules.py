"""A rule or correlation to begin with, and its samples, to be filled in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from uuid import uuid4

from core.errors import BadInput, failure
from detections.coverage import source_text
from detections.ecs_binding import sources
from detections.flow_rules import flow_fields
from detections.rule import Logsource
from detections.samples import FOLDER
from detections.slips import known_sources
from detections.spelling import hinted, near
from detections.taxonomy import windows

USUAL = Logsource("linux", service="sshd")

_HEAD = """\
title: {title}
id: {id}
name: {name}
status: test
level: medium
description: ''
date: {date}
tags: []
"""
_RULE = """\
# {about_source}
logsource: {source}
detection:
  # {about_fields}
  selection:
    {field}: {value}
  condition: selection
falsepositives: []
"""
_CORRELATION = """\
# {about_correlation}
correlation:
  type: {kind}
  rules: [{rules}]
  group-by: [host.name]
  timespan: 5m
{condition}"""
_TEXTS = """\
kydai:
  title: {vi: '', en: ''}
  reason: {vi: '', en: ''}
  falsepositives: {vi: '', en: ''}
  remediation: {vi: '', en: ''}
"""
_SAMPLES = """\
# {about_samples}
match:
  - raw: ''
no_match:
  - raw: ''
"""
_STREAMS = """\
# {about_streams}
# {about_samples}
match:
  - events:
{met}
no_match:
  - events:
{missed}
"""
_STEP = "      - {{at: {at}, repeat: {repeat}, every: 10s, sample: {{raw: ''}}}}"
_COUNT = 5


def logsource_named(text: str) -> Logsource:
    """A log source that a table describes, by its parts as ``product/category`` or as a rule shows it. Raises BadInput
    with the nearest."""
    # of a service and a product of one name it is the product
    names = {source_text(each): each for each in sorted(known_sources(), key=lambda each: each.product != "")}
    found = names.get(text)
    if found is None:
        raise hinted(failure(BadInput, "samples.new.source", source=text[:100]), near(text, sorted(names)))
    return found


def new_rule(name: str, date: str, words: Mapping[str, str], source: Logsource = USUAL) -> Iterator[tuple[str, str]]:
    """(path below the rules' folder, text) of a rule and its samples; ``words`` are the comments."""
    parts = (("product", source.product), ("category", source.category), ("service", source.service))
    shown = "{" + ", ".join(f"{key}: {part}" for key, part in parts if part) + "}"
    field, value = ("event.outcome", "failure") if source == USUAL else (_field(source), "fill-in")
    body = _RULE.format(source=shown, field=field, value=value, **words)
    yield f"{name}.yml", _head(name, date) + body + _TEXTS
    yield f"{FOLDER}/{name}.yml", _SAMPLES.format(**words)


def new_correlation(name: str, date: str, words: Mapping[str, str], rules: Sequence[str]) -> Iterator[tuple[str, str]]:
    """As ``new_rule``, for a correlation of one rule's events, or of several rules."""
    is_one = len(rules) == 1
    kind = "event_count" if is_one else "temporal"
    condition = f"  condition: {{gte: {_COUNT}}}\n" if is_one else ""
    body = _CORRELATION.format(kind=kind, rules=", ".join(rules), condition=condition, **words)
    yield f"{name}.yml", _head(name, date) + body + _TEXTS
    repeats = [_COUNT] if is_one else [1] * len(rules)
    met = [_STEP.format(at=f"{at}m" if at else 0, repeat=repeat) for at, repeat in enumerate(repeats)]
    missed = [_STEP.format(at=0, repeat=_COUNT - 1)] if is_one else met[:-1]
    yield f"{FOLDER}/{name}.yml", _STREAMS.format(met="\n".join(met), missed="\n".join(missed), **words)


def _head(name: str, date: str) -> str:
    return _HEAD.format(title=name.replace("_", " ").title(), id=uuid4(), name=name, date=date)


def _field(source: Logsource) -> str:
    """One that events of the log source have."""
    if source.is_flow:
        return next(iter(flow_fields().table))
    places = windows().places(source, None, None)
    if places:
        return next((name for place in places for name in place.fields), "EventID")
    tables = [entry.fields.table for entry in sources() if entry.covers(source)]
    return next((name for table in tables for name in table), "event.action")
