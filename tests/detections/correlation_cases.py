"""Random correlations and random streams for them, shared by the tests of the evaluator and of the worker."""

from __future__ import annotations

from random import Random
from typing import Any

from core.clock import SECOND
from detections.correlation_rules import PatternSet, resolve
from detections.rule import Correlation, Level, Logsource, Rule

BASE = 1_764_000_000 * SECOND
RULES = ("a", "b", "c")


def rule(name: str) -> Rule:
    return Rule(f"id-{name}", f"Rule {name}", Level.LOW, "test", Logsource(), 0, (), (), name=name)


def document(name: str, level: Level = Level.HIGH, **more: Any) -> Correlation:
    correlation = {key.replace("_", "-") if key == "group_by" else key: value for key, value in more.items()}
    names = correlation.get("rules", ())
    return Correlation(
        id=f"id-{name}",
        title=f"Correlation {name}",
        level=level,
        status="test",
        rules=tuple(names) if isinstance(names, list) else (names,),
        document={"title": f"Correlation {name}", "name": name, "correlation": correlation},
        file=f"{name}.yml",
    )


def pattern_set(*documents: Correlation) -> PatternSet:
    found = resolve([rule(name) for name in RULES], documents)
    assert not found.errors, found.errors
    return found


def random_documents(random: Random, *, monotone_only: bool = False) -> list[Correlation]:
    """One to three documents; the last may read the first."""
    made = [_random_document(random, "one", list(RULES), monotone_only)]
    if random.random() < 0.5:
        made.append(_random_document(random, "two", list(RULES), monotone_only))
    if random.random() < 0.4:
        made.append(_random_document(random, "three", ["one", random.choice(RULES)], monotone_only))
    return made


def _random_document(random: Random, name: str, rules: list[str], monotone_only: bool) -> Correlation:
    types = ["event_count", "value_count", "temporal", "temporal_ordered"]
    if not monotone_only:
        types += ["value_sum", "value_avg", "value_percentile", "value_median"]
    kind = random.choice(types)
    chosen = random.sample(rules, random.randint(1, len(rules)))
    body: dict[str, Any] = {
        "type": kind,
        "rules": chosen,
        "timespan": f"{random.choice((3, 5, 10))}s",
        "group_by": random.choice((["host"], ["host", "user"], [])),
        "generate": random.random() < 0.5,
    }
    if random.random() < 0.3 and body["group_by"]:
        body["aliases"] = {"host": {chosen[0]: random.choice(("host", "device"))}}
    if kind in ("temporal", "temporal_ordered"):
        if kind == "temporal_ordered" and random.random() < 0.3:
            body["rules"] = [*chosen, random.choice(chosen)]
        elif kind == "temporal" and not monotone_only and random.random() < 0.4 and len(chosen) > 1:
            body["condition"] = f"{chosen[0]} and not ({' or '.join(chosen[1:])})"
        elif kind == "temporal" and random.random() < 0.3:
            body["condition"] = " or ".join(chosen)
        if kind == "temporal_ordered" and body["timespan"] != "5s":  # no draw: seeds keep their streams
            body["condition"] = " and ".join(body["rules"])
    else:
        operators = ["gte", "gt"] if monotone_only else ["gte", "gt", "lt", "lte", "eq", "neq", "gte"]
        body["condition"] = {random.choice(operators): random.randint(1, 4)}
        if random.random() < 0.3:
            body["condition"]["gte"] = random.randint(1, 3)
        if kind != "event_count":
            body["condition"]["field"] = "value"
        if kind == "value_count" and random.random() < 0.3:
            body["condition"]["field"] = ["value", "user"]
        if kind == "value_percentile":
            body["condition"]["percentile"] = random.choice((0, 25, 50, 90, 100))
    return document(name, **body)


Hit = tuple[dict[str, Any], list[str], int, str]
"""(event, rule ids, time, id)."""
Stream = list[Hit]


def random_stream(random: Random, *, length: int = 40, seconds: int = 60, jump: int = 0) -> Stream:
    """Hits with ties, missing fields, repeated ids, in order of time.

    ``jump``: from one event on, the clock of a host is so many seconds ahead.
    """
    stream: Stream = []
    jumps_at = random.randrange(seconds) if jump else seconds
    for number in range(random.randint(0, length)):
        event: dict[str, Any] = {
            "host": random.choice(("h1", "h2")),
            "device": random.choice(("h1", "h2")),
            "user": random.choice(("u1", "u2", 3)),
            "value": random.choice((1, 2, 2.5, -1, "3", "x", "")),
        }
        for name in ("host", "user", "value"):
            if random.random() < 0.1:
                event[name] = None
        second = random.randrange(seconds)
        at = BASE + (second + (jump if event["host"] == "h1" and second >= jumps_at else 0)) * SECOND
        ids = [f"id-{name}" for name in random.sample(RULES, random.randint(1, 2))]
        stream.append((event, ids, at, f"e{number}"))
        if random.random() < 0.05:
            stream.append(stream[-1])
    return sorted(stream, key=lambda hit: hit[2])
