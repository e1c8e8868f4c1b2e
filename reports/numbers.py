"""Numbers of a report: each carries what gives it again, and a sentence carries the numbers that it tells.

A number is a text with its plain ``value`` and ``rerun`` beside it: a command line that prints it, or an address of
the API and, after an arrow, the field of its answer. There is no way to write a number into a sentence without.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from core.clock import Micros, iso
from core.store.contract import Truth
from core.words import LANGUAGES, moment, number, say
from reports.document import Text

EXACT = Truth()
ARROW = " → "
Filter = str | int | Sequence[str]


def in_both(write: Callable[[str], str]) -> dict[str, Any]:
    """The same thing written for each language (times, durations, numbers)."""
    return {lang: write(lang) for lang in LANGUAGES}


def figure(value: int, rerun: str, truth: Truth = EXACT) -> dict[str, Any]:
    """A number with what gives it again; what is not complete or not exact says so."""

    def write(lang: str) -> str:
        text = number(value, lang)
        if not truth.complete:
            return f"{text} ({say('report.incomplete', lang)})"
        return text if truth.exact else f"≈ {text}"

    return in_both(write) | {"value": value, "rerun": rerun}


def own(value: int) -> dict[str, Any]:
    """How many lines the report itself shows or leaves out: counted on the page, and asked of nobody."""
    return in_both(lambda lang: number(value, lang))


def when(at: Micros | None, zone: str, rerun: str = "", *, seconds: bool = True) -> Text:
    """An instant in local time, its canonical text beside it, with what gives it again; a dash for none."""
    if at is None:
        return "–"
    made = in_both(lambda lang: moment(at, lang, zone, seconds=seconds)) | {"value": iso(at)}
    return made | {"rerun": rerun} if rerun else made


def texts(key: str, **values: Text) -> dict[str, Any]:
    """The words of a key in both languages. Raises TypeError for a bare number: it needs what gives it again."""
    for name, value in values.items():
        if not isinstance(value, str | Mapping):
            raise TypeError(f"{key}: {name} is a number without what gives it again")

    def write(lang: str) -> str:
        return say(key, lang, **{n: v if isinstance(v, str) else str(v[lang]) for n, v in values.items()})

    return _carrying(in_both(write), list(values.values()))


def joined(parts: Sequence[Text], glue: str = "\n") -> Text:
    """Several texts in one cell."""
    made = in_both(lambda lang: glue.join(p if isinstance(p, str) else str(p.get(lang, "")) for p in parts))
    return _carrying(made, parts)


def _carrying(made: dict[str, Any], parts: Sequence[Text]) -> dict[str, Any]:
    numbers = [found for part in parts for found in numbers_of(part)]
    return made | {"numbers": numbers} if numbers else made


def numbers_of(text: Text) -> list[dict[str, Any]]:
    """``{value, rerun}`` of each number that a text tells."""
    if isinstance(text, str):
        return []
    if "rerun" in text:
        return [{"value": text["value"], "rerun": text["rerun"]}]
    return list(text.get("numbers", ()))


def command(*words: str, start: Micros | None = None, end: Micros | None = None) -> str:
    """A command line of ours, quoted for a shell."""
    ends = [part for name, at in (("--from", start), ("--to", end)) if at is not None for part in (name, iso(at))]
    return shlex.join(["kydai", *words, *ends])


def address(path: str, field: str, *, start: Micros | None = None, end: Micros | None = None, **filters: Filter) -> str:
    """An address of the API and the field of its answer; a filter that is a list stands once for each value."""
    ends = {name: iso(at) for name, at in (("from", start), ("to", end)) if at is not None}
    query = urlencode(filters | ends, doseq=True, safe=":")
    return f"GET /api/v1{path}{'?' if query else ''}{query}{ARROW}{field}"
