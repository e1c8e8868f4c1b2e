"""A report as plain data: what every renderer gets, and nothing a renderer has to ask for.

A text is ``{"vi": …, "en": …}`` or, where it is the same in both (names, addresses, queries), a string. A number or
a time is such a text with its plain ``value`` beside it: an int, or the canonical text of an instant. A number has
also ``rerun``, what gives it again, and a sentence with numbers has them as ``numbers`` (reports/numbers.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

Text = Mapping[str, Any] | str


@dataclass(frozen=True, slots=True)
class Table:
    """Columns with their titles. ``right``, ``code`` and ``queries`` name columns of numbers, of text as machines
    write it, and of queries that can be run again; ``strong`` names rows that matter; ``widths`` are shares of the
    line."""

    columns: Sequence[Text]
    rows: Sequence[Sequence[Text]]
    right: Sequence[int] = ()
    code: Sequence[int] = ()
    queries: Sequence[int] = ()
    widths: Sequence[int] = ()
    strong: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """One part: a lead sentence, how the table's numbers are had again, a table, lines under it; any may be missing."""

    key: str
    title: Text
    lead: Text = ""
    how: Text = ""
    table: Table | None = None
    lines: Sequence[Text] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report. ``missing`` says what its numbers could not take into account; without it they are complete."""

    name: str
    title: Text
    subtitle: Text
    parameters: Mapping[str, str]
    made_at: Text
    made_by: str
    is_demo: bool
    sections: Sequence[Section]
    missing: Sequence[Text] = field(default_factory=tuple)
    anchor: Mapping[str, Any] | None = None
    """``{seq, hash}`` of the journal's newest entry: a chain cut shorter later no longer holds this hash."""

    @property
    def is_complete(self) -> bool:
        return not self.missing

    def as_json(self) -> dict[str, Any]:
        """Plain data, both languages."""
        return asdict(self) | {"is_complete": self.is_complete}


def said(text: Text, lang: str) -> str:
    """A text in one language."""
    if isinstance(text, Mapping):
        return str(text.get(lang) or text.get("en") or "")
    return text


def value_of(text: Text) -> int | str | None:
    """The plain number or instant of a text, None for one that is only words."""
    value = text.get("value") if isinstance(text, Mapping) else None
    return value if isinstance(value, int | str) else None
