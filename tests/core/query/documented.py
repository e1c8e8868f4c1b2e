"""The examples of docs/query-language.md, which are run as queries, as stages, and on every engine."""

from __future__ import annotations

import re
from pathlib import Path

import orjson

from core.clock import to_micros
from core.event import Event

DOCUMENT = Path(__file__).parents[3] / "docs" / "query-language.md"
NOW = to_micros("2026-11-25T08:30:15+07:00")
"""What the document's examples call now."""

_QUERY = re.compile(r"^\| `(.+)` \| `(\{.*\})` \| (yes|no) \|$", re.MULTILINE)
_STAGE = re.compile(r"^\| `(.+ \\\| .+)` \| [^`]", re.MULTILINE)


def examples() -> list[tuple[str, Event, bool]]:
    """A query, an event, and whether the query finds it."""
    rows = _QUERY.findall(DOCUMENT.read_text("utf-8"))
    return [(query.replace("\\|", "|"), orjson.loads(event), found == "yes") for query, event, found in rows]


def stages(document: Path = DOCUMENT) -> list[str]:
    """Queries with stages behind them."""
    return [text.replace("\\|", "|") for text in _STAGE.findall(document.read_text("utf-8"))]
