"""What was seen, from events as they are, for the tests of coverage."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from detections.coverage_hosts import Declared, Group, Seen
from detections.ecs_binding import EcsBinding
from detections.value_classes import classes_of


def seen_of_events(
    events: Iterable[Mapping[str, Any]], quiet: Iterable[Mapping[str, Any]] = (), declared: Iterable[Declared] = ()
) -> Seen:
    """Groups of the events by kind, action and host; ``quiet`` ones came more than 24 hours ago."""
    groups = [*_groups(events, quiet=False), *_groups(quiet, quiet=True)]
    return Seen(tuple(groups), declared=tuple(declared))


def _groups(events: Iterable[Mapping[str, Any]], *, quiet: bool) -> list[Group]:
    filled: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    counts: Counter[tuple[Any, ...]] = Counter()
    binding = EcsBinding()
    for event in events:
        (key,) = binding.keys([event])
        which = (key, (event.get("event.action"), classes_of(event)), str(event.get("host.name") or "h"))
        counts[which] += 1
        filled[which].update(name for name, value in event.items() if value is not None)
        filled[which].update(classes_of(event))
    return [Group(w[0], w[2], 0 if quiet else counts[w], counts[w], filled[w]) for w in counts]
