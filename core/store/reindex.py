"""How far it is with what an older version wrote and this one writes anew, as ``EventStore.reindex`` tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

BLOCKED = "blocked"
"""What ``EventStore.verify`` finds of a part that takes no writes: its last events are being copied, or were when a run
died."""


class ReindexStage(StrEnum):
    """What writing a part anew is at."""

    COPYING = "copying"
    CLOSING = "closing"
    """Nothing is appended to the part meanwhile; what comes in waits in the spools."""
    SWITCHING = "switching"
    """All was compared; the copy is about to take over."""


@dataclass(frozen=True, slots=True)
class Reindexing:
    """A part that is written anew."""

    part: str
    stage: ReindexStage
    done: int = 0
    """Events in the copy."""
    total: int = 0
    left: int = 1
    """Parts that wait, this one included."""

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    @staticmethod
    def of(document: Mapping[str, Any]) -> Reindexing:
        """What ``document`` gave."""
        return Reindexing(**{**document, "stage": ReindexStage(document["stage"])})
