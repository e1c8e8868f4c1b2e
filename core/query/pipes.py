"""What stands behind a query: ``source.ip: * | count by source.ip | sort -count`` (docs/query-language.md, Pipes).

At most one stage groups (count, top, timechart, stats); sort, limit and table shape what it or the search gives.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from core.clock import DAY, HOUR, LOCAL_ZONE, MINUTE, SECOND, Micros
from core.ecs import FieldType, type_of
from core.query.language import Parser
from core.query.meaning import FREE_TEXT, Meaning
from core.query.tree import TRUE, Node

TOP = 20
MOST = 10_000
"""Rows that ``top`` and ``limit`` may ask for."""
MAX_KEYS, MAX_FIGURES = 5, 20
TIME = "time"
"""The column of a timechart's buckets."""

_SPAN = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_HOW = ("count", "min", "max", "sum", "avg", "distinct")
_STAGES = ("count", "top", "timechart", "stats", "table", "sort", "limit")
_NAME_ENDS = ",|"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a group of events: how many they are, or one over a field's values.

    ``min``, ``max``, ``sum``, ``avg``: over the values that are numbers, each member of an array for itself;
    ``distinct``: how many different values there are. ``min`` and ``max`` of a date field are times.
    """

    how: str
    field: str = ""

    @property
    def name(self) -> str:
        return f"{self.how}({self.field})" if self.field else self.how


@dataclass(frozen=True, slots=True)
class Grouping:
    """Events in groups: by the bucket of time they are in (``interval``, microseconds), by the values of fields.

    An event that lacks one of the fields is in no group; one with several values is in the group of each, once.
    """

    by: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = (Figure("count"),)
    interval: Micros | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        time = (TIME,) if self.interval is not None else ()
        return (*time, *self.by, *(f.name for f in self.figures))


Order = tuple[tuple[str, bool], ...]
"""Columns to sort by, and whether the greatest comes first."""


@dataclass(frozen=True, slots=True)
class Piped:
    """A query and what is made of what it finds."""

    where: Node
    grouping: Grouping | None = None
    shapes: tuple[Order | int, ...] = ()
    """What sorts the rows and what cuts them, in this order."""
    fields: tuple[str, ...] = ()
    """Columns to show; all when there are none."""

    @property
    def limit(self) -> int | None:
        return min((shape for shape in self.shapes if isinstance(shape, int)), default=None)

    @property
    def oldest_first(self) -> bool:
        """How events are sorted that are in no group: newest first unless the last stage that sorts says otherwise."""
        orders = [shape for shape in self.shapes if not isinstance(shape, int)]
        return bool(orders) and not orders[-1][0][1]


def parse_piped(
    text: str,
    *,
    now: Micros,
    zone: str = LOCAL_ZONE,
    known: Collection[str] | None = None,
    free_text: Sequence[str] = FREE_TEXT,
) -> Piped:
    """A query text with its stages. Raises QueryError. The arguments are those of core.query.language.parse."""
    Parser.check_text(text)
    return _Stages(text, Meaning(text, now, zone, tuple(free_text)), known).piped()


class _Stages(Parser):
    def piped(self) -> Piped:
        self.skip()
        found = Piped(TRUE if self.at_pipe() or self.at == len(self.text) else self.any_of(self.condition))
        if not self.at_pipe() and self.at < len(self.text):
            raise self.error("unexpected", self.at, found=self.text[self.at])
        while self.sign("|"):
            found = self.stage(found)
            if not self.at_pipe() and self.at < len(self.text):
                raise self.error("pipe_expected", self.at, found=self.text[self.at :])
        return found

    def stage(self, before: Piped) -> Piped:
        start = self.at
        name = next((s for s in _STAGES if self.word(s)), None)
        if name is None:
            raise self.error("stage_expected", start, names=", ".join(_STAGES))
        groups = {"count": self._count, "top": self._top, "timechart": self._timechart, "stats": self._stats}
        if group := groups.get(name):
            if before != Piped(before.where):
                raise self.error("group_first", start, found=name)
            return group(before)
        if name == "table":
            return replace(before, fields=self.names(before, start))
        if name == "limit":
            return replace(before, shapes=(*before.shapes, self.whole_number(MOST)))
        if before.grouping is None and before.limit is not None:
            raise self.error("sort_before_limit", start)
        return replace(before, shapes=(*before.shapes, self.order(before)))

    def _count(self, before: Piped) -> Piped:
        return replace(before, grouping=Grouping(self.by()))

    def _top(self, before: Piped) -> Piped:
        limit = self.whole_number(MOST) if self.text[self.at : self.at + 1].isdecimal() else TOP
        return replace(before, grouping=Grouping((self.field(),)), shapes=((("count", True),), limit))

    def _timechart(self, before: Piped) -> Piped:
        found = _SPAN.match(self.text, self.at)
        interval = int(found[1]) * _UNITS[found[2]] if found else 0
        if found is None or not interval:
            raise self.error("interval_expected", self.at)
        self.at = found.end()
        self.skip()
        figures = (Figure("count"),) if self.at_word("by") or self.over() else self.figures()
        return replace(before, grouping=Grouping(self.by(), figures, interval))

    def _stats(self, before: Piped) -> Piped:
        figures = self.figures()
        return replace(before, grouping=Grouping(self.by(), figures))

    def figures(self) -> tuple[Figure, ...]:
        found = [self.figure()]
        while self.sign(","):
            found.append(self.figure())
        if len(set(found)) > MAX_FIGURES:
            raise self.error("figures_too_many", self.at, limit=MAX_FIGURES)
        return tuple(dict.fromkeys(found))

    def figure(self) -> Figure:
        start = self.at
        how = next((h for h in _HOW if self.text[self.at : self.at + len(h)].lower() == h), None)
        if how is None:
            raise self.error("figure_expected", start, names=", ".join(_HOW))
        self.at += len(how)
        self.skip()
        if how == "count":
            return Figure(how)
        if not self.sign("("):
            raise self.error("figure_field", self.at, found=how)
        field_at = self.at
        field = self.field(ends=",|)")
        if not self.sign(")"):
            raise self.error("unclosed_group", self.at, expected=")")
        if how in ("sum", "avg") and type_of(field) in (FieldType.DATE, FieldType.BOOLEAN, FieldType.IP):
            raise self.error("not_a_number", field_at, field=field)
        return Figure(how, field)

    def by(self) -> tuple[str, ...]:
        if self.over():
            return ()
        if not self.word("by"):
            raise self.error("by_expected", self.at, found=self.text[self.at :])
        found = [self.field()]
        while self.sign(","):
            found.append(self.field())
        if len(found) > MAX_KEYS:
            raise self.error("keys_too_many", self.at, limit=MAX_KEYS)
        return tuple(dict.fromkeys(found))

    def field(self, ends: str = _NAME_ENDS) -> str:
        start = self.at
        name = self.value(ends=ends)
        if name is None or name.regex or (name.wild and not name.quoted):
            raise self.error("field_expected", start)
        if not name.quoted:
            self.check(name.text, start)
        self.skip()
        return name.text

    def names(self, before: Piped, start: int) -> tuple[str, ...]:
        found = [self.column(before)]
        while self.sign(","):
            found.append(self.column(before))
        return tuple(dict.fromkeys(found))

    def order(self, before: Piped) -> Order:
        found: list[tuple[str, bool]] = []
        while True:
            is_down = self.sign("-")
            start = self.at
            name = self.column(before)
            if before.grouping is None and name != "@timestamp":
                raise self.error("sort_by_time", start)  # what is shown is a part: by another order it would be another
            found.append((name, is_down))
            if not self.sign(","):
                return tuple(found)

    def column(self, before: Piped) -> str:
        """A column of what is there so far: the fields of events, or what a grouping gives."""
        if before.grouping is None:
            return self.field()
        columns = before.grouping.columns
        start = self.at
        longest = sorted(columns, key=len, reverse=True)
        found = next((c for c in longest if self.text.startswith(c, start)), None)
        if found is None:
            raise self.error("column_expected", start, names=", ".join(columns))
        self.at += len(found)
        self.skip()
        return found

    def whole_number(self, most: int) -> int:
        found = re.compile(r"\d{1,9}").match(self.text, self.at)
        if found is None or not 0 < int(found[0]) <= most:
            raise self.error("limit_expected", self.at, limit=most)
        self.at = found.end()
        self.skip()
        return int(found[0])

    def over(self) -> bool:
        """Whether the stage ends here."""
        return self.at == len(self.text) or self.at_pipe()
