"""The few errors that cross a boundary; each carries the place and a remedy for a person.

HTTP status, exit status, retry and dead letter are each decided from these types in exactly one place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is wrong: a file, and a line counted from 1 when it is known."""

    file: str
    line: int | None = None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


class KydaiError(Exception):
    """A failure with a sentence for a person and, when there is one, a remedy.

    ``said`` is the sentence in both languages (``core.words.both``), where the console shows it.
    """

    def __init__(
        self,
        message: str,
        *,
        place: Place | None = None,
        remedy: str | None = None,
        said: Mapping[str, str] | None = None,
    ) -> None:
        self.message = message
        self.place = place
        self.remedy = remedy
        self.said = said
        super().__init__(str(self))

    def __str__(self) -> str:
        text = f"{self.place}: {self.message}" if self.place else self.message
        return f"{text} {self.remedy}" if self.remedy else text


class BadInput(KydaiError):
    """What was handed in cannot be used: skip it, count it, keep it."""


class BadConfig(KydaiError):
    """A setting, rule folder or playbook is wrong: start-up stops."""


class Unavailable(KydaiError):
    """Something outside (store, database, relay) did not answer; trying again may help."""


class Refused(KydaiError):
    """The request is understood and not allowed (role, protected asset, full disk, second process)."""


class NotFound(KydaiError):
    """The named object does not exist, or not within the caller's scope."""


class Conflict(KydaiError):
    """The object changed since the caller read it."""
