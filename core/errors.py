"""The few errors that cross a boundary; each carries the place and a remedy for a person.

HTTP status, exit status, retry and dead letter are each decided from these types in exactly one place.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from core.words import LANGUAGES, Text, both, entries


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is wrong: a file, and a line counted from 1 when it is known."""

    file: str
    line: int | None = None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


class KydaiError(Exception):
    """A failure with a sentence for a person and, when there is one, a remedy, each in both languages.

    ``failure`` makes one from ``core/words``. A bare ``message`` stands for both languages: for states that nobody
    should meet. ``str`` is the whole in English, for logs; ``told`` the whole in the reader's language.
    """

    def __init__(
        self,
        message: str,
        *,
        place: Place | None = None,
        remedy: str | Text | None = None,
        said: Text | None = None,
    ) -> None:
        self.message = message
        self.place = place
        self.said: Text = dict.fromkeys(LANGUAGES, message) if said is None else said
        self.remedy: Text | None = dict.fromkeys(LANGUAGES, remedy) if isinstance(remedy, str) else remedy
        super().__init__(message)

    def __str__(self) -> str:
        return self.told("en")

    def told(self, lang: str) -> str:
        """Place, sentence and remedy in one line."""
        text = f"{self.place}: {self.said[lang]}" if self.place else self.said[lang]
        return f"{text} {self.remedy[lang]}" if self.remedy else text


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


def cause(error: Exception) -> Text:
    """Why the system refused, in both languages where it is a common reason, else in its own words."""
    name = "EOF" if isinstance(error, EOFError) else errno.errorcode.get(getattr(error, "errno", None) or 0, "")
    if f"common.os.{name}" in entries():
        return both(f"common.os.{name}")
    return dict.fromkeys(LANGUAGES, str(getattr(error, "strerror", None) or error).rstrip("."))


def misfit(error: Mapping[str, Any]) -> Text:
    """What pydantic says of a value (one of its ``errors()``), in both languages where it is a common thing."""
    key = f"common.shape.{error['type']}"
    return both(key, **error.get("ctx", {})) if key in entries() else dict.fromkeys(LANGUAGES, str(error["msg"]))


E = TypeVar("E", bound=KydaiError)


def failure(kind: type[E], key: str, /, *, place: Place | None = None, **values: object) -> E:
    """An error in the words of ``key``, with the remedy that stands under ``<key>.remedy`` when there is one."""
    said = both(key, **values)
    remedy = both(f"{key}.remedy", **values) if f"{key}.remedy" in entries() else None
    return kind(said["en"], place=place, remedy=remedy, said=said)
