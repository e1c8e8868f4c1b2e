"""Counts by time and by value, groups and their figures, by the server's aggregations (core/query/pipes.py says what
they mean). All are exact: where the server would guess, every group is fetched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from core.clock import Micros, iso
from core.ecs import FieldType, type_of
from core.errors import BadInput, failure
from core.query.dsl_script import FIGURES
from core.query.pipes import Figure, Grouping
from core.query.to_dsl import compile_dsl, value_filter, value_source
from core.query.tree import And, Exists
from core.store.contract import MAX_GROUPS, GroupKey, GroupRow, Span
from core.store.elastic_ask import GROUPS, Answers, Asked, buckets_of
from core.store.elastic_fields import INDEX, TIMESTAMP, is_mapped, time
from core.store.steps import MAX_BUCKETS, Steps

_STEP = f"{INDEX}step"
"""A field computed for one search: the local start of the event's bucket."""

_STEP_SCRIPT = """
long at = (long) doc[params.field].value;
int i = 0;
while (i < params.until.size() && at >= (long) params.until[i]) { i++; }
long local = at + (long) params.offset[i];
long over = local % (long) params.step;
emit(local - (over < 0 ? over + (long) params.step : over));
"""

_MOST_STEPS = 60_000
"""The server allows 65,536 buckets."""

FigureValue = int | float | str | None
Place = tuple[GroupKey, ...]


@dataclass(frozen=True, slots=True)
class Stepping:
    """Buckets of time for events between two times."""

    steps: Steps
    ends: tuple[Micros, Micros]
    interval: Micros

    @property
    def runtime(self) -> dict[str, Any]:
        """The computed field that holds the local start of an event's bucket."""
        stretches = self.steps.stretches(*self.ends)
        params = {
            "field": TIMESTAMP,
            "step": self.interval,
            "until": [until for until, _ in stretches[:-1]],
            "offset": [offset for _, offset in stretches],
        }
        return {_STEP: {"type": "long", "script": {"source": _STEP_SCRIPT, "params": params}}}


def ends(answers: Answers, question: Asked, span: Span) -> tuple[Micros, Micros]:
    """Between which times all events of the question lie."""
    if span.start is not None and span.end is not None:
        return span.start, span.end
    aggs = {"first": {"min": {"field": TIMESTAMP}}, "last": {"max": {"field": TIMESTAMP}}}
    found = answers.ask({**question.body(), "size": 0, "aggs": aggs}).get("aggregations", {})
    first, last = (found.get(name, {}).get("value") for name in ("first", "last"))
    return (0, 0) if first is None or last is None else (int(first), int(last))


def histogram(
    answers: Answers, question: Asked, stepping: Stepping, counts: dict[Micros, int], index: str | None
) -> int:
    """Add to ``counts`` how many events each bucket has, by its start; how many these are. Raises BadInput when there
    may be too many buckets."""
    first, last = stepping.ends
    if (last - first) // stepping.interval > _MOST_STEPS:
        raise failure(BadInput, "api.wrong_interval", limit=MAX_BUCKETS)
    total = 0
    stretches = stepping.steps.stretches(first, last)
    since: Micros | None = None
    for i, (until, offset) in enumerate(stretches):
        here: dict[str, Any] = {} if since is None else {"gte": since}
        if i + 1 < len(stretches):
            here["lt"] = until
        since = until
        aggs = {
            "steps": {
                "histogram": {
                    "field": TIMESTAMP,
                    "interval": stepping.interval,
                    "offset": -offset % stepping.interval,
                    "min_doc_count": 1,
                }
            }
        }
        body = question.body(*([{"range": {TIMESTAMP: here}}] if here else []))
        for bucket in buckets_of(answers.ask({**body, "size": 0, "aggs": aggs}, index), "steps"):
            at = stepping.steps.start(int(bucket["key"]) + offset)
            counts[at] = counts.get(at, 0) + bucket["doc_count"]
            total += bucket["doc_count"]
    return total


def top_values(answers: Answers, question: Asked, name: str, limit: int) -> tuple[list[tuple[str, int]], int, int]:
    """The most frequent values, how many events have the field and none of them, and by how much a count may be too
    small (0: all are exact)."""
    source = value_source(name)
    aggs = {"top": {"terms": {**source, "size": GROUPS, "shard_size": GROUPS}}}
    found = answers.ask({**question.body(), "size": 0, "aggs": aggs})
    counts: dict[str, int] = {bucket["key"]: bucket["doc_count"] for bucket in buckets_of(found, "top")}
    top_of = found.get("aggregations", {}).get("top", {})
    bound: int = top_of.get("doc_count_error_upper_bound", 0)
    is_all = not top_of.get("sum_other_doc_count")
    if bound and (every := _all_values(answers, question, source)) is not None:
        counts, bound, is_all = every, 0, True
    top = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]
    other = 0
    if len(top) < len(counts) or not is_all:
        shown = value_filter(name, [value for value, _ in top])
        rest = {"bool": {"filter": [compile_dsl(Exists(name)).query], "must_not": [shown.query]}}
        other = answers.total(question.body(rest, runtime=shown.runtime))
    return top, other, bound


def _all_values(answers: Answers, question: Asked, source: Mapping[str, Any]) -> dict[str, int] | None:
    """The count of each value; None when there are more than are looked at."""
    counts: dict[str, int] = {}
    for bucket in answers.groups(question.body(), {"value": source}):
        if len(counts) >= MAX_GROUPS:
            return None
        counts[bucket["key"]["value"]] = bucket["doc_count"]
    return counts


def grouped(
    answers: Answers, question: Asked, grouping: Grouping, stepping: Stepping | None
) -> tuple[list[GroupRow], int]:
    """All groups in order of their keys, at most MAX_GROUPS, and how many events those left out have at most (0: these
    are all). No group has more than there are events with its keys; to count each would be to fetch it."""
    measured = dict.fromkeys(f.field for f in grouping.figures if f.how not in ("count", "distinct"))
    aggs = {f"f{i}": {"stats": _numbers(name)} for i, name in enumerate(measured)}
    places: dict[Place, dict[str, FigureValue]] = {}
    bound = 0
    for bucket in _groups(answers, question, grouping, stepping, aggs):
        if len(places) == MAX_GROUPS:
            keyed = compile_dsl(And(tuple(Exists(name) for name in grouping.by)))
            bound = max(1, answers.total(question.body(keyed.query, runtime=keyed.runtime)))
            break
        place = places[_place(bucket, grouping, stepping)] = {"count": bucket["doc_count"]}
        for i, name in enumerate(measured):
            place |= _figures(name, bucket.get(f"f{i}", {}))
    for figure in grouping.figures:
        if figure.how == "distinct":
            _count_values(answers, question, grouping, stepping, figure, places)
    rows = [
        GroupRow(key, tuple(place.get(f.name, 0 if f.how == "distinct" else None) for f in grouping.figures))
        for key, place in places.items()
    ]
    return rows, bound


def _groups(
    answers: Answers, question: Asked, grouping: Grouping, stepping: Stepping | None, aggs: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    keys: dict[str, Mapping[str, Any]] = {} if stepping is None else {"at": {"field": _STEP}}
    keys |= {f"k{i}": value_source(name) for i, name in enumerate(grouping.by)}
    body = question.body(runtime=None if stepping is None else stepping.runtime)
    if keys:
        yield from answers.groups(body, keys, aggs)
        return
    found = answers.ask({**body, "size": 0, "track_total_hits": True, **({"aggs": aggs} if aggs else {})})
    yield {"key": {}, "doc_count": found["hits"]["total"]["value"], **found.get("aggregations", {})}


def _place(bucket: Mapping[str, Any], grouping: Grouping, stepping: Stepping | None) -> Place:
    key = bucket["key"]
    values = tuple(key[f"k{i}"] for i in range(len(grouping.by)))
    return values if stepping is None else (stepping.steps.start(key["at"]), *values)


def _count_values(
    answers: Answers,
    question: Asked,
    grouping: Grouping,
    stepping: Stepping | None,
    figure: Figure,
    places: Mapping[Place, dict[str, FigureValue]],
) -> None:
    """How many different values each group has: every one is fetched, as the server's own count is a guess."""
    with_value = Grouping((*grouping.by, figure.field), interval=grouping.interval)
    for bucket in _groups(answers, question, with_value, stepping, {}):
        place = places.get(_place(bucket, with_value, stepping)[:-1])
        if place is not None:
            count = place.get(figure.name, 0)
            assert isinstance(count, int)
            place[figure.name] = count + 1


def _numbers(name: str) -> dict[str, Any]:
    """What a figure over a field is made of: the numbers among its values, of a date the microseconds."""
    type_ = type_of(name)
    if is_mapped(name) and type_ is FieldType.DATE:
        return {"field": time(name)}
    if is_mapped(name) and type_ in (FieldType.LONG, FieldType.DOUBLE):
        return {"field": name}
    return {"script": {"source": FIGURES, "params": {"field": name}}}


def _figures(name: str, stats: Mapping[str, Any]) -> dict[str, FigureValue]:
    """The figures of a group by the names that they have in a grouping."""
    if not stats.get("count"):
        return {}
    type_ = type_of(name)
    found: dict[str, FigureValue] = {}
    total = stats["sum"]
    # the server writes what is beyond the greatest fraction as a text
    is_sum = isinstance(total, int | float) and isfinite(total)
    for how in ("min", "max", "sum") if is_sum else ("min", "max"):
        value = stats[how]
        if type_ is FieldType.DATE:
            found[Figure(how, name).name] = iso(int(value)) if how != "sum" else None
        else:
            found[Figure(how, name).name] = int(value) if type_ is FieldType.LONG else value
    if is_sum:
        found[Figure("avg", name).name] = total / stats["count"]
    return found
