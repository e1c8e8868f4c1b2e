"""What a check of the sealed hours and of the tombstones can find (core/proving.py, core/tombstones.py)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from core.clock import Micros


class Problem(StrEnum):
    """What is wrong, and in the last two what is as it should be or cannot be known."""

    ROOT = "root"
    """A root or tombstone is not what was signed."""
    KEY = "key"
    """It is signed by a key that is not on record here."""
    LINK = "link"
    """It does not link to the one before, or that one is missing."""
    CUT = "cut"
    """The newest ones are missing."""
    HEAD = "head"
    """It is another than a head that was kept elsewhere says: the chain was signed anew."""
    NOTES = "notes"
    """The ids or the hashes of blocks beside a root are not those of the root."""
    UNSIGNED = "unsigned"
    """The store says that retention deleted this, and nobody signed it."""
    ALTERED = "altered"
    """A tombstone in the store says another thing than what was signed."""
    REMOVED = "removed"
    """What was deleted is signed, and the store has no tombstone of it."""
    CHANGED = "changed"
    """One of these events is not what was sealed."""
    DELETED = "deleted"
    ADDED = "added"
    """An event of a sealed hour that no pipeline has judged."""
    MISSING = "missing"
    """The engine says that it cannot read them now."""
    RETAINED = "retained"
    """Retention deleted them, by the policy in ``detail``."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The first place in a tree (``seq`` 0: in none) where something is not as it was sealed; or a tombstone, whose
    part is in ``detail``."""

    problem: Problem
    seq: int
    hour: Micros = 0
    class_: str = ""
    number: int = 0
    first: str = ""
    last: str = ""
    count: int = 0
    """Events that are gone or came; of CHANGED the blocks."""
    detail: str = ""
    of: Literal["root", "tombstone"] = "root"

    @property
    def is_wrong(self) -> bool:
        return self.problem not in (Problem.MISSING, Problem.RETAINED)

    @property
    def place(self) -> str:
        """Its name in a list of findings."""
        return f"{self.of} {self.seq}"
