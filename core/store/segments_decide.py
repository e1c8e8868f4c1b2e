"""Rows that a word index leaves open, decided by their texts: several words in a row, or words of some fields only.

The index knows which rows have all of the words somewhere; that they stand side by side in one field it cannot say.
The texts of those rows are read, of the small columns first, as most values that are looked for stand in one
(``hoang.thi.hue3`` is a user), and compared by the predicate's own test or, where they are ASCII, by the regular
expression that SQL uses for those (core/query/sql_leaf.py). A scan would have to read the long texts of all rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.query.fold import comparable
from core.query.to_match import phrase_test
from core.query.to_sql import quote
from core.query.tree import Phrase
from core.query.words import gap_regex, is_few, phrase_regex, spaced, words_of
from core.store.segments_engine import Read
from core.store.segments_layout import FOLDED
from core.store.segments_plan import Plan, Rows, leaves, rows_of
from core.store.segments_words import UNTOLD

STAGES = (
    ("host.name", "user.name", "process.name", "rule.name", "file.path", "registry.path", "dns.question.name"),
    ("url.original", "process.command_line", "message"),
    ("event.original",),
)
"""The fields FREE_TEXT by what they cost to read: of rows that the ones before decide the later ones are not read."""

_LISTED = 200
"""Numbers of rows that are named in a statement, and not by a table."""
_PORTION = 16_384
"""Rows whose texts are held at once."""


def decided(read: Read, relation: str, plan: Plan, has: Callable[[str], Any], length: int) -> Rows:
    """The rows of a file of ``length`` that match for certain, and those that may: as ``rows_of``, and of none that is
    not UNTOLD the phrases are in doubt. ``relation``: the file in SQL."""
    told = {leaf: _copied(rows_of(leaf, has, length)) for leaf in leaves(plan) if leaf.phrases}
    untold = has(UNTOLD)
    sure, may = rows_of(plan, has, length, told)
    for fields in STAGES:
        if not (rows := np.flatnonzero(may & ~sure & ~untold)).size:
            break
        asked = [(leaf, phrase) for leaf in told for phrase in leaf.phrases if phrase.field in fields]
        names = sorted({phrase.field for _, phrase in asked})
        for portion in _texts(read, relation, names, rows) if names else ():
            numbers = portion.column(0).to_numpy()
            for leaf, phrase in asked:
                told[leaf][0][numbers[_holds(phrase, portion)]] = True
        sure, may = rows_of(plan, has, length, told)
    rows = np.flatnonzero(may & ~sure & ~untold)
    for those_sure, those_may in told.values():
        those_may[rows] &= those_sure[rows]
    return rows_of(plan, has, length, told)


def _copied(rows: Rows) -> Rows:
    return rows[0].copy(), rows[1].copy()


def listed(read: Read, rows: Any, table: str) -> str:
    """A condition for the rows of one file with these numbers; of many they are offered as a table of that name."""
    if len(rows) <= _LISTED:
        return f"file_row_number IN ({', '.join(map(str, rows.tolist()))})"
    read.table(table, pa.table({"row": rows}))
    return f"file_row_number IN (SELECT row FROM {table})"


def _texts(read: Read, relation: str, names: list[str], rows: Any) -> Any:
    """Portions of the rows: their numbers, the fields, and what is beside those."""
    columns = ", ".join(quote(c) for name in names for c in (name, f"{name}#fold")[: 2 if name in FOLDED else 1])
    sql = f"SELECT file_row_number, {columns} FROM {relation} WHERE {listed(read, rows, 'undecided')}"
    return read.portions(sql, rows=_PORTION)


def _holds(phrase: Phrase, portion: Any) -> Any:
    """Of each row whether its text, if it has one, has the words side by side."""
    texts = portion.column(phrase.field)
    found = pc.fill_null(pc.and_(pc.string_is_ascii(texts), _has(texts, words_of(phrase))), False)
    found = found.to_numpy(zero_copy_only=False).copy()
    foreign = np.flatnonzero(pc.fill_null(pc.invert(pc.string_is_ascii(texts)), False).to_numpy(zero_copy_only=False))
    if foreign.size:
        folded = phrase.field in FOLDED
        those = (portion.column(f"{phrase.field}#fold") if folded else texts).take(pa.array(foreign))
        encoded = those.dictionary_encode()
        test = phrase_test(phrase)
        verdicts = np.array([
            test(text if folded else comparable(text, phrase.comparison)) for text in encoded.dictionary.to_pylist()
        ])  # fmt: skip
        found[foreign] = verdicts[encoded.indices.to_numpy()]
    return found


def _has(texts: Any, words: list[str]) -> Any:
    """Of each text, if it is of ASCII, whether it has the words side by side."""
    if is_few(words):
        return pc.match_substring_regex(texts, phrase_regex(words, ascii_only=True))
    parted = pc.replace_substring_regex(pc.ascii_lower(texts), gap_regex(ascii_only=True), " ")
    return pc.match_substring(pc.binary_join_element_wise(" ", parted, " ", ""), spaced(words))
