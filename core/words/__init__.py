"""The words that people read: Vietnamese first, English second, both complete.

Every ``core/words/*.yml`` holds ``key: {vi: …, en: …}``; a key lives in one file only and starts with the file's
name (``cli.`` in cli.yml). Values may hold ``{name}`` places; a brace that is to be seen is written twice, and
``{count:event|events}`` is ``1 event`` or ``3 events``. Numbers and times are written as the language wants them:
1.234,5 and 25/11/2026 14:30:05 in Vietnamese.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import yaml

from core.clock import LOCAL_ZONE, Micros, from_micros

LANGUAGES = ("vi", "en")
Text = Mapping[str, str]
"""A text in both languages: ``{"vi": …, "en": …}``."""


@cache
def entries() -> dict[str, dict[str, str]]:
    """All words by key. Raises ValueError for a key that stands twice."""
    found: dict[str, dict[str, str]] = {}
    for file in sorted(files("core.words").iterdir(), key=lambda f: f.name):
        if not file.name.endswith(".yml"):
            continue
        for key, texts in _words_in(file.name).items():
            if key in found:
                raise ValueError(f"core/words/{file.name}: {key} stands in another file too")
            found[key] = texts
    return found


@cache
def _words_in(name: str) -> dict[str, dict[str, str]]:
    file = files("core.words").joinpath(name)
    return (yaml.load(file.read_text("utf-8"), yaml.CSafeLoader) or {}) if file.is_file() else {}


def language(environment: Mapping[str, str] | None = None) -> str:
    """``KYDAI_LANG``, else ``LANG`` if it is Vietnamese or English, else Vietnamese."""
    env = os.environ if environment is None else environment
    for name in ("KYDAI_LANG", "LANG"):
        if (code := env.get(name, "")[:2].lower()) in LANGUAGES:
            return code
    return "vi"


def say(key: str, lang: str, /, **values: object) -> str:
    """The words of a key; numbers and texts among the values are shown in the language. Raises KeyError."""
    return _words_in(f"{key.partition('.')[0]}.yml")[key][lang].format(
        **{name: _Shown(_text(value, lang)) for name, value in values.items()}
    )


def _text(value: object, lang: str) -> object:
    if isinstance(value, Mapping):
        return value[lang]
    return number(value, lang) if isinstance(value, int | float) and not isinstance(value, bool) else value


class _Shown(str):
    """A value in its place; ``{count:event|events}`` is ``1 event``, ``at least 1 event`` or ``3 events``."""

    def __format__(self, forms: str) -> str:
        one, _, many = forms.partition("|")
        return f"{self!s} {one if self.rpartition(' ')[2] == '1' else many}" if forms else str(self)


def both(key: str, /, **values: object) -> dict[str, str]:
    """The words of a key in both languages, for rows that are read later in either."""
    return {lang: say(key, lang, **values) for lang in LANGUAGES}


def number(value: float, lang: str, digits: int | None = None) -> str:
    """``1.234,5`` in Vietnamese, ``1,234.5`` in English; floats get one decimal unless told."""
    text = f"{value:,.{digits if digits is not None else (0 if isinstance(value, int) else 1)}f}"
    return text.translate(str.maketrans(",.", ".,")) if lang == "vi" else text


def moment(at: Micros, lang: str, zone: str = LOCAL_ZONE, *, seconds: bool = True) -> str:
    """``25/11/2026 14:30:05`` in Vietnamese, ``2026-11-25 14:30:05`` in English, in ``zone``."""
    local = from_micros(at, zone)
    year = f"{local.year:04}"  # strftime leaves the zeros of old years out, and what reads them wants four digits
    day = f"{local:%d/%m}/{year}" if lang == "vi" else f"{year}-{local:%m-%d}"
    return f"{day} {local:%H:%M:%S}" if seconds else f"{day} {local:%H:%M}"


def size(count: float, lang: str) -> str:
    """Bytes for a person: ``3,2 GB`` (powers of 1,000)."""
    for unit in ("B", "KB", "MB", "GB"):
        if abs(count) < 1000 or unit == "GB":
            return f"{number(int(count) if unit == 'B' else float(count), lang)} {unit}"
        count /= 1000
    raise AssertionError


def duration(micros: Micros, lang: str) -> str:
    """``2 giờ 05 phút``, ``50 phút``, ``12 giây``; English ``2 h 05 min``, ``50 min``, ``12 s``."""
    seconds = round(abs(micros) / 1_000_000)
    day, hour, minute, second = ("ngày", "giờ", "phút", "giây") if lang == "vi" else ("d", "h", "min", "s")
    sign = "−" if micros < 0 else ""
    if seconds < 60:
        return f"{sign}{seconds} {second}"
    if seconds < 3600:
        rest = f" {seconds % 60:02d} {second}" if seconds % 60 and seconds < 600 else ""
        return f"{sign}{seconds // 60} {minute}{rest}"
    if seconds < 86400:
        rest = f" {seconds % 3600 // 60:02d} {minute}" if seconds % 3600 // 60 else ""
        return f"{sign}{seconds // 3600} {hour}{rest}"
    rest = f" {seconds % 86400 // 3600} {hour}" if seconds % 86400 // 3600 else ""
    return f"{sign}{seconds // 86400} {day}{rest}"
