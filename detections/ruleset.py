"""A set of rules that is in force: loaded, checked, with what each one does and what could not be used.

Loading reads folders or zips, compiles what is new and takes the rest from a cache keyed by the content of each
file. One bad rule never stops the others.
"""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.resources import files
from pathlib import Path

import msgspec

from core.errors import BadInput, Place, failure
from core.words import Text, both
from detections.correlation_rules import PatternSet, resolve
from detections.filters import filtered
from detections.ir import HOLE, MANY, ONE, Expr, Kind, disj, rewrite, text_predicate
from detections.rule import (
    LOCAL_PACKAGE,
    OWN_PACKAGE,
    Correlation,
    Effect,
    Filter,
    Level,
    Mode,
    Rule,
    RuleError,
    default_mode,
    error_of,
)
from detections.rule_cache import RuleCache
from detections.rule_files import rule_files


@dataclass(frozen=True, slots=True)
class RuleSource:
    """A folder, file or zip of rules, and the package they belong to."""

    path: Path
    package: str


@dataclass(frozen=True)
class RuleSet:
    """The rules in force. ``blind`` names those that cannot fire for a reason in the rule itself, in both languages."""

    rules: tuple[Rule, ...]
    correlations: tuple[Correlation, ...] = ()
    errors: tuple[RuleError, ...] = ()
    modes: Mapping[str, Mode] = field(default_factory=dict)
    blind: Mapping[str, Text] = field(default_factory=dict)
    filters: tuple[Filter, ...] = ()
    """Those that were read; what is left out of them is among the errors."""
    overridden: Mapping[str, Rule | Correlation] = field(default_factory=dict)
    """Of packages, by id: those in whose place a local rule stands."""

    @cached_property
    def by_id(self) -> dict[str, Rule]:
        return {rule.id: rule for rule in self.rules}

    @cached_property
    def every(self) -> dict[str, Rule | Correlation]:
        """Rules, then correlations, by id."""
        return self.by_id | {each.id: each for each in self.correlations if each.id not in self.by_id}

    @property
    def packaged(self) -> dict[str, Rule | Correlation]:
        """What packages bring, by id, as they bring it."""
        return {i: each for i, each in self.every.items() if each.package != LOCAL_PACKAGE} | dict(self.overridden)

    @cached_property
    def hash(self) -> str:
        """Changes with any rule, mode or placeholder value; stored on events as ``kydai.ruleset``."""
        digest = hashlib.blake2b(digest_size=8)
        for rule in sorted(self.rules, key=lambda each: each.id):
            digest.update(repr((rule.id, rule.condition, rule.predicates, self.mode(rule.id))).encode())
        for correlation in sorted(self.correlations, key=lambda each: each.id):
            digest.update(msgspec.json.encode((correlation.id, correlation.document)))
        return digest.hexdigest()

    @cached_property
    def referenced(self) -> frozenset[str]:
        """Ids of the rules that a correlation reads."""
        names = {rule.name: rule.id for rule in self.rules if rule.name}
        wanted = (reference for correlation in self.correlations for reference in correlation.rules)
        return frozenset(names.get(reference, reference) for reference in wanted) & frozenset(self.by_id)

    def mode(self, rule_id: str) -> Mode:
        """What a hit of the rule does: a person's decision, else the default."""
        decided = self.modes.get(rule_id)
        if decided is not None:
            return decided
        found = self.every[rule_id]
        if isinstance(found, Rule):
            return default_mode(found)
        return Mode.RECORD if found.level in (Level.INFORMATIONAL, Level.LOW) else Mode.ALERT

    @cached_property
    def patterns(self) -> PatternSet:
        """The correlations, ready to be evaluated, and those that cannot be."""
        return resolve(self.rules, self.correlations)

    @property
    def quiet(self) -> frozenset[str]:
        """Ids of rules and correlations that only correlations read (without ``generate``)."""
        return self.patterns.quiet

    def effect(self, rule_id: str, choice: Mode | None = None) -> Effect:
        """What becomes of a hit, as it stands or with a person's ``choice``, which makes a quiet correlation alert; a
        quiet rule never does."""
        mode = choice or self.mode(rule_id)
        if rule_id in self.patterns.unusable and mode is not Mode.DISABLED:
            return Effect.UNUSABLE
        is_chosen = choice is not None or rule_id in self.modes
        is_loud = rule_id not in self.quiet or (rule_id not in self.by_id and is_chosen)
        return Effect.CORRELATION if mode is Mode.ALERT and not is_loud else Effect(mode)


def load(
    sources: Sequence[RuleSource],
    *,
    modes: Mapping[str, Mode] | None = None,
    placeholders: Mapping[str, Sequence[str]] | None = None,
    cache: Path | None = None,
) -> RuleSet:
    """Load all sources. ``placeholders`` gives values for ``%name%`` of the ``expand`` modifier (``*`` and ``?`` are
    wildcards); ``cache`` is a folder that may be thrown away. Raises BadConfig when a source is not there."""
    with _uncollected():
        return _load(sources, modes or {}, placeholders or {}, RuleCache(cache))


@contextmanager
def _uncollected() -> Iterator[None]:
    """What is made stays: looking through it again and again for rubbish costs a tenth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _load(
    sources: Sequence[RuleSource],
    modes: Mapping[str, Mode],
    placeholders: Mapping[str, Sequence[str]],
    compiled: RuleCache,
) -> RuleSet:
    items: dict[str, Rule | Correlation] = {}
    overridden: dict[str, Rule | Correlation] = {}
    filters: list[Filter] = []
    errors: list[RuleError] = []
    for source in sources:
        for found in rule_files(source.path):
            if isinstance(found, BadInput):
                errors.append(error_of(found))
                continue
            entry = compiled.get(found, source.package)
            errors.extend(entry.errors)
            found_here: list[Rule | Correlation] = [*entry.rules, *entry.correlations]
            for item in found_here:
                _add(items, item, overridden, errors)
            filters.extend(entry.filters)
    compiled.save()
    narrowed, left_out = filtered((each for each in items.values() if isinstance(each, Rule)), filters)
    ready, blind = _expanded(narrowed, placeholders)
    return RuleSet(
        tuple(ready),
        tuple(each for each in items.values() if isinstance(each, Correlation)),
        (*errors, *left_out),
        dict(modes),
        blind,
        tuple(filters),
        overridden,
    )


def own_sources() -> list[RuleSource]:
    """The rules and correlations that Kỳ Đài brings."""
    own = Path(str(files("detections")))
    return [RuleSource(own / "rules", OWN_PACKAGE), RuleSource(own / "correlations", OWN_PACKAGE)]


def _add(
    known: dict[str, Rule | Correlation],
    item: Rule | Correlation,
    overridden: dict[str, Rule | Correlation],
    errors: list[RuleError],
) -> None:
    """Of one id the first counts, but a local rule stands in the place of a package's."""
    first = known.get(item.id)
    if first is not None and item.package == LOCAL_PACKAGE and first.package not in ("", LOCAL_PACKAGE):
        overridden[item.id] = first
    elif first is not None:
        place = Place(item.file, item.line)
        errors.append(error_of(failure(BadInput, "rules.twice", place=place, id=item.id, file=first.file)))
        return
    known[item.id] = item


def _expanded(rules: Iterable[Rule], placeholders: Mapping[str, Sequence[str]]) -> tuple[list[Rule], dict[str, Text]]:
    """Rules with placeholders replaced by values; those without values are kept and named with the reason."""
    ready: list[Rule] = []
    blind: dict[str, Text] = {}
    for rule in rules:
        if Kind.EXPAND not in {predicate.kind for predicate in rule.predicates}:
            ready.append(rule)
            continue
        predicates = list(rule.predicates)
        lines = list(rule.lines)
        selections = list(rule.selections)
        put: dict[int, Expr] = {}
        missing: set[str] = set()
        for number, predicate in enumerate(rule.predicates):
            if predicate.kind is not Kind.EXPAND:
                continue
            names = predicate.value.split(HOLE)[1::2]
            missing.update(name for name in names if not placeholders.get(name))
            choices: list[Expr] = []
            selections.append((len(predicates), rule.selection_of(number)))
            for pattern in _filled(predicate.value, placeholders):
                choices.append(len(predicates))
                predicates.append(text_predicate(predicate.field, pattern, "c" in predicate.flags))
                lines.append(rule.lines[number])
            put[number] = disj(choices)
        if missing:
            blind[rule.id] = both("rules.no_value", names=", ".join(f"%{name}%" for name in sorted(missing)))
            ready.append(rule)
            continue
        condition = rewrite(rule.condition, lambda number, put=put: put.get(number, number))  # type: ignore[misc]
        rule = replace(rule, predicates=tuple(predicates), lines=tuple(lines), selections=tuple(selections))
        ready.append(replace(rule, condition=condition))
    return ready, blind


def _filled(pattern: str, placeholders: Mapping[str, Sequence[str]]) -> list[str]:
    parts = pattern.split(HOLE)
    filled = [parts[0]]
    for name, after in zip(parts[1::2], parts[2::2], strict=True):
        values = [value.replace("*", MANY).replace("?", ONE) for value in placeholders.get(name, ())]
        filled = [before + value + after for before in filled for value in values]
    return filled
