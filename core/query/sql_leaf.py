"""Leaves of a query tree over one value → conditions in DuckDB's SQL (core/query/to_sql.py says where values are).

A value is an SQL expression without parameters, and what it holds is known; a condition says of it what the
predicate of core/query/to_match.py says of the value.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from enum import StrEnum

from core.ecs import FieldType, type_of
from core.query.fold import comparable
from core.query.leaf import (
    any_case,
    beyond_ascii,
    bounds_of,
    caseless,
    compares_address,
    dotted_start,
    either_case,
    escape,
    is_texty,
    long_bounds,
    micros_bounds,
    pattern_of,
    pattern_regex,
    regex_text,
    wanted,
)
from core.query.tree import Cidr, Comparison, Equals, Exists, Leaf, Like, Pattern, Phrase, Range, Regex, Wild
from core.query.values import ip_bounds
from core.query.words import (
    any_phrase_regexes,
    borders,
    gap_regex,
    is_few,
    phrase_regex,
    phrase_regexes,
    plain_gap_regex,
    spaced,
    sure_borders,
    words_of,
)

Sql = tuple[str, list[object]]
NEVER: Sql = ("FALSE", [])

_MAX_REGEX_BYTES = 4_000
"""Literals of one merged alternation; RE2's memory bounds the whole."""
_MAX_GUARDS = 20
_LONG_TEXT = "'^(-?[0-9]{1,19})(\\.0)?$'"
_DOUBLE_TEXT = "'-?[0-9]+(\\.[0-9]+)?([eE][+-]?[0-9]+)?'"


class Written(Phrase):
    """A phrase that must stand in the one value as it is written, too; not necessarily at the same place."""

    @property
    def like(self) -> Like:
        return Like(self.field, (Wild.MANY, self.text, Wild.MANY), self.comparison)


class Holds(StrEnum):
    """What an SQL expression gives for one value."""

    TEXT = "text"
    FOLDED = "folded"
    ASCII = "ascii"
    """Text of a field that folds, as it was written, which has no character but ASCII's."""
    ADDRESS = "address"
    LONG = "long"
    DOUBLE = "double"
    BOOLEAN = "boolean"


def join(word: str, empty: str, parts: list[Sql]) -> Sql:
    if not parts:
        return empty, []
    if len(parts) == 1:
        return parts[0]
    return "(" + f" {word} ".join(text for text, _ in parts) + ")", [p for _, params in parts for p in params]


def any_leaf(leaves: Sequence[Leaf], x: str, holds: Holds) -> Sql:
    """A condition on the one value ``x``; equalities become IN, patterns one regular expression."""
    equal: dict[Comparison | None, list[Equals]] = {}
    like: dict[Comparison, list[Like]] = {}
    phrases: dict[Comparison, list[Phrase]] = {}
    parts: list[Sql] = []
    for leaf in leaves:
        if isinstance(leaf, Equals):
            as_text = is_texty(type_of(leaf.field)) and not compares_address(leaf)
            equal.setdefault(leaf.comparison if as_text else None, []).append(leaf)
        elif isinstance(leaf, Like):
            like.setdefault(leaf.comparison, []).append(leaf)
        elif isinstance(leaf, Phrase):
            phrases.setdefault(leaf.comparison, []).append(leaf)
        else:
            parts.append(leaf_condition(leaf, x, holds))
    for comparison, equals in equal.items():
        parts.append(_equals(equals, x, holds, comparison))
    for comparison, likes in like.items():
        if holds is Holds.ASCII:
            parts += _alternations(x, {caseless(pattern_of(leaf)) for leaf in likes})
        elif holds is Holds.TEXT and comparison is Comparison.CI and _quicker_as_written(likes):
            parts.append(_as_written(x, {pattern_of(leaf) for leaf in likes}))
        else:
            parts += _likes(compared(x, holds, type_of(likes[0].field), comparison), likes)
    for alike in phrases.values():
        if written := [leaf for leaf in alike if isinstance(leaf, Written)]:
            parts += _written(written, x, holds)
            alike = [leaf for leaf in alike if not isinstance(leaf, Written)]
        if alike:
            parts += [_phrase(alike[0], x, holds)] if len(alike) == 1 else _phrases(alike, x, holds)
    return join("OR", "FALSE", parts)


def leaf_condition(leaf: Leaf, x: str, holds: Holds) -> Sql:
    type_ = type_of(leaf.field)
    if isinstance(leaf, Exists):
        return f"{x} IS NOT NULL", []
    if isinstance(leaf, Cidr):
        bounds = ip_bounds(leaf.network)
        return _guarded((f"{_address(x, holds)} BETWEEN ? AND ?", list(bounds)), x, holds, [bounds])
    if isinstance(leaf, Range):
        return _range(leaf, x, holds, type_)
    if isinstance(leaf, Regex):
        comparison = Comparison.FOLD if leaf.comparison is Comparison.FOLD else Comparison.EXACT
        return f"regexp_matches({compared(x, holds, type_, comparison)}, ?)", [regex_text(leaf)]
    raise TypeError(f"{type(leaf).__name__} is not a test of one value")


def _equals(leaves: Sequence[Equals], x: str, holds: Holds, comparison: Comparison | None) -> Sql:
    """Equalities of one field, of texts that compare alike or, without a comparison, of typed values."""
    type_ = type_of(leaves[0].field)
    values = [_bound(value, type_, holds) for leaf in leaves if (value := wanted(leaf)) is not None]
    if not values:
        return NEVER
    left = _typed(x, holds, leaves[0], type_) if comparison is None else compared(x, holds, type_, comparison)
    sql = f"{left} = ?" if len(values) == 1 else f"{left} IN ({', '.join('?' * len(values))})"
    if comparison is None and compares_address(leaves[0]):
        return _guarded((sql, values), x, holds, [(str(value), str(value)) for value in values])
    return sql, values


def _guarded(condition: Sql, x: str, holds: Holds, bounds: Sequence[tuple[str, str]]) -> Sql:
    """A condition on the address of a text, which is looked for only in texts that may be one within some of the
    bounds: reading an address is a call of ours for each value, and costs more than all else."""
    if holds is not Holds.TEXT or len(bounds) > _MAX_GUARDS:
        return condition
    starts = {start for low, high in bounds if (start := dotted_start(low, high)) is not None}
    guards = " OR ".join([f"contains({x}, ':')", *[f"starts_with({x}, ?)"] * len(starts)])
    return f"CASE WHEN {guards} THEN {condition[0]} ELSE FALSE END", [*sorted(starts), *condition[1]]


def _likes(text: str, leaves: Sequence[Like]) -> list[Sql]:
    """Patterns over one text: a plain function for one, one alternation for several."""
    if len(leaves) == 1:
        return [_like(text, leaves[0])]
    return _alternations(text, {pattern_regex(pattern_of(leaf)) for leaf in leaves})


def _quicker_as_written(leaves: Sequence[Like]) -> bool:
    """Whether patterns that ignore case are looked for more quickly in a text as it was written than in the lowered."""
    patterns = [pattern_of(leaf) for leaf in leaves]
    if not is_texty(type_of(leaves[0].field)) or (len(leaves) == 1 and not _is_part(patterns[0])):
        return False
    return all(isinstance(part, Wild) or part.isascii() for pattern in patterns for part in pattern)


def _as_written(x: str, patterns: Set[Pattern]) -> Sql:
    """Patterns of ASCII that ignore case. Of a single one the letters beyond ASCII that have one of ASCII for a lower
    case are asked for only where a text has them: RE2 skips to the beginning of a pattern, but not to such letters."""
    strange = {letter for pattern in patterns for letter in beyond_ascii(pattern)}
    every = join("OR", "FALSE", _alternations(x, {any_case(pattern) for pattern in patterns}))
    if len(patterns) == 1 and strange:
        there = join("OR", "FALSE", [(f"contains({x}, ?)", [letter]) for letter in sorted(strange)])
        plain = _alternations(x, {caseless(pattern) for pattern in patterns})
        every = join("OR", "FALSE", [*plain, join("AND", "TRUE", [there, every])])
    # a test that the engine makes while it reads the column
    return join("AND", "TRUE", [(f"{x} IS NOT NULL", []), every])


def _is_part(pattern: Pattern) -> bool:
    return len(pattern) == 3 and pattern[0] is pattern[2] is Wild.MANY


def _phrase(leaf: Phrase, x: str, holds: Holds) -> Sql:
    text, words = compared(x, holds, type_of(leaf.field), leaf.comparison), words_of(leaf)
    if not words:
        return f"contains({text}, ?)", [comparable(leaf.text, leaf.comparison)]
    longest = max(words, key=len)
    if not is_few(words):
        parted, gap = _parted(text, holds)
        return f"(contains({text}, ?) AND contains({parted}, ?))", [longest, *gap, spaced(words)]
    if holds is Holds.ASCII:
        quick = either_case(longest)
        return f"(regexp_matches({x}, ?) AND regexp_matches({x}, ?))", [quick, phrase_regex(words, ascii_only=True)]
    # a border in Unicode would compile for every field, in each statement: our own function sees the rare text
    # that has unusual letters or signs beside the words
    these = f"CASE WHEN NOT regexp_matches({text}, ?) THEN FALSE WHEN regexp_matches({text}, ?) THEN TRUE"
    apart = f"regexp_matches(kydai_plain_gaps({text}), ?)"
    return f"(contains({text}, ?) AND {these} ELSE {apart} END)", [longest, *phrase_regexes(words)]


def _phrases(leaves: Sequence[Phrase], x: str, holds: Holds) -> list[Sql]:
    """Several phrases that compare alike, in conditions that the engine plans as quickly as those of a few: the plan
    of one that has hundreds takes seconds, in which nothing stops it."""
    lowered = compared(x, holds, type_of(leaves[0].field), leaves[0].comparison)
    text, write = (x, either_case) if holds is Holds.ASCII else (lowered, escape)
    found = [(leaf, words_of(leaf)) for leaf in leaves]
    wordless = {write(comparable(leaf.text, leaf.comparison)) for leaf, words in found if not words}
    single = {write(words[0]) for _, words in found if len(words) == 1}
    several = [words for _, words in found if len(words) > 1]
    parts = _alternations(text, wordless)
    parts += _alternations(text, single, *borders(ascii_only=holds is Holds.ASCII))
    if several:
        quick = join("OR", "FALSE", _alternations(text, {write(max(words, key=len)) for words in several}))
        parted, gap = _parted(lowered, holds)
        regexes = _alternations(parted, {escape(spaced(words)) for words in several})
        sure = join("OR", "FALSE", [(sql, [*gap, *regex]) for sql, regex in regexes])
        parts.append(join("AND", "TRUE", [quick, sure]))
    return parts


def _written(leaves: Sequence[Written], x: str, holds: Holds) -> list[Sql]:
    """As ``_phrases``. Each leaf for itself is looked at only in a text that has one of them as it is written but none
    of those between two borders, and the words of one side by side."""
    if len(leaves) == 1:
        return [join("AND", "TRUE", [any_leaf([leaves[0].like], x, holds), _phrase(leaves[0], x, holds)])]
    lowered = compared(x, holds, type_of(leaves[0].field), leaves[0].comparison)
    text, write = (x, either_case) if holds is Holds.ASCII else (lowered, escape)
    asked = {comparable(leaf.text, leaf.comparison): words_of(leaf) for leaf in leaves}
    regexes = {write(each) for each in asked}
    there = join("OR", "FALSE", _alternations(text, regexes))
    sure = join("OR", "FALSE", _alternations(text, regexes, *sure_borders()))
    near = join("OR", "FALSE", _alternations(text, *any_phrase_regexes(asked.values(), write)))
    plain = lowered if holds is Holds.ASCII else f"kydai_plain_gaps({lowered})"
    parted = f"concat(' ', regexp_replace({plain}, ?, ' ', 'g'), ' ')"
    both = f"lambda p: contains({lowered}, p[1]) AND contains(parted, p[2])"
    each = f"len(list_filter([{parted}], lambda parted: len(list_filter(list_zip(?, ?), {both})) > 0)) > 0"
    cases = f"WHEN {there[0]} IS NOT TRUE THEN FALSE WHEN {sure[0]} THEN TRUE WHEN NOT {near[0]} THEN FALSE"
    spelled = [plain_gap_regex(), list(asked), [spaced(words) for words in asked.values()]]
    return [(f"CASE {cases} ELSE {each} END", [*there[1], *sure[1], *near[1], *spelled])]


def _parted(lowered: str, holds: Holds) -> Sql:
    """A text with one blank between its words and at both ends."""
    return f"concat(' ', regexp_replace({lowered}, ?, ' ', 'g'), ' ')", [gap_regex(ascii_only=holds is Holds.ASCII)]


def _alternations(text: str, found: Set[str], before: str = "(?s:", after: str = ")") -> list[Sql]:
    """Whether a text has any of the regular expressions, all of which stand between two others."""
    parts: list[Sql] = []
    regexes: list[str] = []
    size = 0
    for regex in sorted(found):
        if regexes and size + len(regex) > _MAX_REGEX_BYTES:
            parts.append(_alternation(text, regexes, before, after))
            regexes, size = [], 0
        regexes.append(regex)
        size += len(regex)
    return [*parts, _alternation(text, regexes, before, after)] if regexes else parts


def _alternation(text: str, regexes: Sequence[str], before: str = "(?s:", after: str = ")") -> Sql:
    return f"regexp_matches({text}, ?)", [f"{before}{'|'.join(regexes)}{after}"]


def _like(text: str, leaf: Like) -> Sql:
    pattern = pattern_of(leaf)
    literals = [part for part in pattern if not isinstance(part, Wild)]
    wilds = [part for part in pattern if isinstance(part, Wild)]
    if Wild.ONE in wilds or len(literals) > 1:
        return _alternation(text, [pattern_regex(pattern)])
    if not wilds:
        return f"{text} = ?", ["".join(literals)]
    if not literals:
        return f"{text} IS NOT NULL", []
    if len(wilds) == 2:
        return f"contains({text}, ?)", [*literals]
    return f"{'ends_with' if pattern[0] is Wild.MANY else 'starts_with'}({text}, ?)", [*literals]


def _range(leaf: Range, x: str, holds: Holds, type_: FieldType) -> Sql:
    if type_ is FieldType.LONG:
        return between(_long(x, holds), long_bounds(leaf))
    if type_ is FieldType.DATE and holds is Holds.LONG:
        return between(x, micros_bounds(leaf))
    bounds = bounds_of(leaf)
    if type_ is FieldType.DATE:
        value = _date(x)
    elif type_ is FieldType.IP:
        value = _address(x, holds)
    else:
        value = _double(x, holds)
    given = ((">", bounds.gt), (">=", bounds.gte), ("<", bounds.lt), ("<=", bounds.lte))
    parts: list[Sql] = [(f"{value} {sign} ?", [bound]) for sign, bound in given if bound is not None]
    return join("AND", f"{value} IS NOT NULL", parts)


def between(x: str, bounds: tuple[int, int] | None) -> Sql:
    return NEVER if bounds is None else (f"{x} BETWEEN ? AND ?", list(bounds))


def _typed(x: str, holds: Holds, leaf: Equals, type_: FieldType) -> str:
    if compares_address(leaf):
        return _address(x, holds)
    if type_ is FieldType.LONG:
        return _long(x, holds)
    if type_ is FieldType.DOUBLE:
        return _double(x, holds)
    if type_ is FieldType.DATE:
        return x if holds is Holds.LONG else _date(x)
    return x if holds is Holds.BOOLEAN else _boolean(x)


def _bound(value: object, type_: FieldType, holds: Holds) -> object:
    if type_ is FieldType.DATE and holds is Holds.LONG:
        bounds = micros_bounds(Range("@timestamp", gte=str(value)))
        return bounds[0] if bounds else None
    return value


def _long(x: str, holds: Holds) -> str:
    return x if holds is Holds.LONG else f"try_cast(regexp_extract({json_text(x, holds)}, {_LONG_TEXT}, 1) AS BIGINT)"


def _double(x: str, holds: Holds) -> str:
    if holds is Holds.BOOLEAN:
        return "CAST(NULL AS DOUBLE)"
    number = f"CAST({x} AS DOUBLE)"
    if holds not in (Holds.LONG, Holds.DOUBLE):
        number = f"try_cast({x} AS DOUBLE)"
        fits = f"length({x}) <= 400 AND regexp_full_match({x}, {_DOUBLE_TEXT}) AND isfinite({number})"
        return f"CASE WHEN {fits} THEN {number} END"
    return f"CASE WHEN isfinite({number}) THEN {number} END"


def figure_of(x: str, holds: Holds, type_: FieldType) -> str:
    """A value as figures over it are made: a number, or of a date its canonical text; null for any other."""
    if type_ is FieldType.DATE:
        return _date(x)
    return _long(x, holds) if type_ is FieldType.LONG else _double(x, holds)


def _boolean(x: str) -> str:
    return f"CASE {x} WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END"


def _date(x: str) -> str:
    return f"CASE WHEN length({x}) = 27 AND ends_with({x}, 'Z') THEN {x} END"


def _address(x: str, holds: Holds) -> str:
    if holds is Holds.ADDRESS:
        return x
    return f"nullif(kydai_ip({x}), '')" if holds is Holds.TEXT else "CAST(NULL AS VARCHAR)"


def json_text(x: str, holds: Holds) -> str:
    """The text of a value that is not a time, as JSON writes it."""
    if holds in (Holds.LONG, Holds.BOOLEAN):
        return f"CAST({x} AS VARCHAR)"
    return f"(to_json({x}) ->> '$')" if holds is Holds.DOUBLE else x


def text_of(x: str, holds: Holds, type_: FieldType) -> str:
    """The text of a value as patterns see it: of a typed field the text of what the type holds."""
    if is_texty(type_):
        return json_text(x, holds)
    if type_ is FieldType.LONG:
        return json_text(_long(x, holds), Holds.LONG)
    if type_ is FieldType.DOUBLE:
        return json_text(_double(x, holds), Holds.DOUBLE)
    if type_ is FieldType.DATE:
        return f"strftime(make_timestamp({x}), '%Y-%m-%dT%H:%M:%S.%fZ')" if holds is Holds.LONG else _date(x)
    return json_text(x if holds is Holds.BOOLEAN else _boolean(x), Holds.BOOLEAN)


def compared(x: str, holds: Holds, type_: FieldType, comparison: Comparison) -> str:
    if holds is Holds.FOLDED:
        return x
    if holds is Holds.ASCII:
        return f"lower({x})"
    text = text_of(x, holds, type_)
    if comparison is Comparison.EXACT:
        return text
    if comparison is Comparison.CI:
        return f"lower({text})"
    return f"CASE WHEN strlen({text}) = length({text}) THEN lower({text}) ELSE kydai_fold({text}) END"
