"""The few errors that cross a boundary; each carries the place and a remedy for a person.

HTTP status, exit status, retry and dead letter are each decided from these types in exactly one place.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import orjson

from core.words import LANGUAGES, Text, both, entries

MAX_REASON = 300
MAX_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is wrong: a file, and line and column counted from 1 when they are known."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


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


# where JSON and TOML parsers put the place: at the end of their sentence
_AT = re.compile(r"(.*?)(?:: line (\d+) column (\d+) \(char \d+\)| \(at line (\d+), column (\d+)\))", re.S)
_AT_END = " (at end of document)"


@cache
def _sentences() -> list[tuple[str, re.Pattern[str]]]:
    """What libraries say (core/words/library.yml), as patterns, by key."""
    found = []
    for key, texts in entries().items():
        if key.startswith("library.") and key.count(".") > 1:
            parts = re.split(r"(?<!\{)\{(\w+)\}", texts["en"])
            plain = [part.replace("{{", "{").replace("}}", "}") for part in parts]
            pattern = "".join(f"(?P<{p}>.+?)" if n % 2 else re.escape(p) for n, p in enumerate(plain))
            found.append((key, re.compile(pattern, re.S)))
    return found


def reason(said: Exception | str) -> Text:
    """What a library says of wrong input, in both languages where it is a common thing, else quoted."""
    text = _words_of(said)
    if at := _AT.fullmatch(text):
        line, column = (at[2], at[3]) if at[2] else (at[4], at[5])
        return both("library.at", reason=reason(at[1]), line=line, column=column)
    if text.endswith(_AT_END):
        return both("library.at_end", reason=reason(text.removesuffix(_AT_END)))
    for key, pattern in _sentences():
        if found := pattern.fullmatch(text):
            return both(key, **{name: reason(v) if name == "why" else v for name, v in found.groupdict().items()})
    return both("library.quoted", text=text)


def _words_of(said: Exception | str) -> str:
    """The library's sentence alone, in one line: without a traceback, SQL or the lines around the place."""
    if isinstance(said, str):
        text = said
    elif getattr(said, "problem", None):
        text = str(said.problem)  # type: ignore[attr-defined]  # PyYAML
    elif isinstance(getattr(said, "orig", None), Exception):
        text = str(said.orig)  # type: ignore[attr-defined]  # SQLAlchemy
    elif said.args and isinstance(said.args[0], bytes):
        text = said.args[0].decode("utf-8", "replace")  # RE2
    else:
        text = str(getattr(said, "strerror", None) or said)
    lines = text.strip().splitlines() or [type(said).__name__]
    return " ".join(lines[0].split())[:MAX_REASON].rstrip(".")


def cause(error: Exception) -> Text:
    """Why the system refused, in both languages where it is a common reason, else in its own words."""
    number = 0 if hasattr(error, "library") else getattr(error, "errno", None) or 0  # OpenSSL counts its own
    name = "EOF" if isinstance(error, EOFError) else errno.errorcode.get(number, "")
    return both(f"common.os.{name}") if f"common.os.{name}" in entries() else reason(error)


def misfit(error: Mapping[str, Any]) -> Text:
    """What pydantic says of a value (one of its ``errors()``), in both languages where it is a common thing."""
    key = f"common.shape.{error['type']}"
    return both(key, **error.get("ctx", {})) if key in entries() else reason(str(error["msg"]))


def kept(error: Exception) -> str:
    """An error as a text for a row that is read later, in either language; ``recalled`` reads it."""
    if isinstance(error, KydaiError):
        said: Text = {lang: error.told(lang) for lang in LANGUAGES}
    elif isinstance(error, OSError) or hasattr(error, "orig"):
        said = cause(error)
    else:
        said = reason(f"{type(error).__name__}: {error}")
    # a name of a file that is no UTF-8 reads as half pairs of surrogates, which no database takes
    texts = {lang: said[lang][:MAX_KEPT].encode("utf-8", "backslashreplace").decode() for lang in LANGUAGES}
    return orjson.dumps(texts).decode()


def recalled(text: str) -> Text:
    """What ``kept`` wrote; any other text (a person's words, a row of before) stands for both languages."""
    if text.startswith("{"):
        try:
            said = orjson.loads(text)
        except orjson.JSONDecodeError:
            said = None
        if isinstance(said, dict) and set(said) == set(LANGUAGES) and all(isinstance(t, str) for t in said.values()):
            return said
    return dict.fromkeys(LANGUAGES, text)


E = TypeVar("E", bound=KydaiError)


def failure(kind: type[E], key: str, /, *, place: Place | None = None, **values: object) -> E:
    """An error in the words of ``key``, with the remedy that stands under ``<key>.remedy`` when there is one."""
    said = both(key, **values)
    remedy = both(f"{key}.remedy", **values) if f"{key}.remedy" in entries() else None
    return kind(said["en"], place=place, remedy=remedy, said=said)
