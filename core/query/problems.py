"""What is wrong with a query text, where, and which field may have been meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from core.errors import BadInput
from core.words import both


class QueryError(BadInput):
    """A query that cannot be understood.

    ``position`` is the place of the trouble, a character counted from 0; ``near`` are field names that may have
    been meant; ``said`` is the sentence in both languages.
    """

    def __init__(self, key: str, text: str, position: int, *, near: Sequence[str] = (), **values: object) -> None:
        self.text = text
        self.position = position
        self.near = tuple(near)
        shown = {name: _short(value) if isinstance(value, str) else value for name, value in values.items()}
        if near:
            shown["near"] = ", ".join(near)
        said = both(f"query.{key}", **shown)
        super().__init__(said["en"], said=said)

    def pretty(self, lang: str) -> str:
        """The line of the query, a caret under the place, and the sentence."""
        start = self.text.rfind("\n", 0, self.position) + 1
        line = self.text[start:].partition("\n")[0].replace("\t", " ")
        column = self.position - start
        if column > 60:
            line, column = "…" + line[column - 40 :], 41
        sentence = (self.said or {}).get(lang, self.message)
        return f"{line[:100]}\n{' ' * column}^\n{sentence}"


def nearest(field: str, known: Iterable[str]) -> list[str]:
    """Up to three known names that a mistyped one may have meant, nearest first."""
    by_lower = {name.lower(): name for name in known}
    return [by_lower[name] for name in difflib.get_close_matches(field.lower(), by_lower, n=3, cutoff=0.75)]


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:79] + "…"
