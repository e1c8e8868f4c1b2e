"""A report as plain data: what every renderer gets, and nothing a renderer has to ask for.

Texts are ``{"vi": …, "en": …}`` or, where they are the same in both (names, addresses, numbers as digits), a string.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

Text = Mapping[str, str] | str
Cell = Text | int


@dataclass(frozen=True, slots=True)
class Table:
    """Columns with their titles; ``right`` names columns of numbers; ``widths`` are shares of the line."""

    columns: Sequence[Text]
    rows: Sequence[Sequence[Cell]]
    right: Sequence[int] = ()
    widths: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """One part: a lead sentence, bullet lines, a table; any of them may be missing."""

    key: str
    title: Text
    lead: Text = ""
    lines: Sequence[Text] = ()
    table: Table | None = None
    is_first_page: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report."""

    name: str
    title: Text
    subtitle: Text
    made_at: str
    made_by: str
    is_demo: bool
    sections: Sequence[Section] = field(default_factory=tuple)

    def as_json(self) -> dict[str, Any]:
        """Plain data, both languages."""
        return asdict(self)


def said(text: Cell, lang: str) -> str:
    """A cell or text in one language."""
    if isinstance(text, Mapping):
        return str(text.get(lang) or text.get("en") or "")
    return str(text)
