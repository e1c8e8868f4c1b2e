"""A priority that shows its sum: 0 to 100, each part with its points and its reason."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

_LEVEL_POINTS = {"informational": 0, "low": 5, "medium": 15, "high": 30, "critical": 40}
_ASSET_POINTS = 4
_NEW_POINTS = 10
_HOST_POINTS, _HOSTS_AT_MOST = 5, 15
_TECHNIQUE_POINTS, _TECHNIQUES_AT_MOST = 5, 15
_REPLAY_POINTS = -20
_TECHNIQUE = re.compile(r"attack\.(t\d{4})")


@dataclass(frozen=True, slots=True)
class Facts:
    """What the priority of an incident is made from."""

    level: str
    asset_level: int | None = None
    """The highest level (1 to 5) of the information systems touched; None when none is declared."""
    is_new: bool = False
    """None of its rules had fired on these hosts in the month before."""
    hosts: int = 0
    tags: Collection[str] = ()
    is_replay: bool = False


def techniques(tags: Collection[str]) -> list[str]:
    """ATT&CK techniques without their parts: ``T1110``."""
    return sorted({match[1].upper() for tag in tags if (match := _TECHNIQUE.match(str(tag).lower()))})


def priority(facts: Facts) -> tuple[int, list[dict[str, Any]]]:
    """The sum and its parts ``{"key", "points", "detail"}``; keys have words under ``incident.priority.``."""
    used = techniques(facts.tags)
    parts: list[dict[str, Any]] = [
        {"key": "level", "points": _LEVEL_POINTS.get(facts.level, 0), "detail": facts.level},
        {
            "key": "asset",
            "points": _ASSET_POINTS * min(max(facts.asset_level or 0, 0), 5),
            "detail": "" if facts.asset_level is None else str(facts.asset_level),
        },
        {"key": "new", "points": _NEW_POINTS if facts.is_new else 0, "detail": "yes" if facts.is_new else "no"},
        {
            "key": "spread",
            "points": min(_HOST_POINTS * max(facts.hosts - 1, 0), _HOSTS_AT_MOST),
            "detail": str(facts.hosts),
        },
        {
            "key": "techniques",
            "points": min(_TECHNIQUE_POINTS * max(len(used) - 1, 0), _TECHNIQUES_AT_MOST),
            "detail": ", ".join(used[:10]),
        },
    ]
    total = sum(part["points"] for part in parts)
    if facts.is_replay:
        taken = max(_REPLAY_POINTS, -total)
        parts.append({"key": "replay", "points": taken, "detail": "yes"})
        total += taken
    return total, parts
