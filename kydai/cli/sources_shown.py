"""A source as the command line shows it: its state in words, and as a document."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from core.clock import SECOND, iso
from core.sources import SourceView
from core.words import duration, moment, say

SHOWN_SKEW = 60 * SECOND


def state_text(view: SourceView, lang: str) -> str:
    """``đang gửi · sai múi giờ``, ``mất tín hiệu 50 phút``."""
    text = say(f"common.source_state.{view.state}", lang)
    if view.silent_for is not None:
        text += f" {duration(view.silent_for, lang)}"
    if view.wrong_zone_minutes is not None:
        text += f" · {say('cli.sources.wrong_zone', lang)}"
    elif view.offset is not None and abs(view.offset) >= SHOWN_SKEW:
        text += f" · {say('cli.sources.skew', lang)}"
    if view.missing_datasets:
        text += f" · {say('cli.sources.missing_datasets', lang)}"
    if view.maintenance is not None:
        text += f" · {say('planned.state', lang, end=moment(view.maintenance.end_at, lang))}"
    return text


def document(view: SourceView) -> dict[str, Any]:
    found = asdict(view)
    if view.maintenance is not None:
        found["maintenance"]["end_at"] = iso(view.maintenance.end_at)
    found["last_at"] = iso(view.last_at) if view.last_at is not None else None
    for name in ("silent_for", "limit", "usual_gap", "offset"):
        found[f"{name}_seconds"] = None if found[name] is None else found[name] / SECOND
        del found[name]
    return found
