"""A rule as a question to the event store: which stored events its log source is, and what it asks of them.

What ``ecs_binding.py`` decides event by event is said here as a query tree, and a test holds the two together. Where a
tree cannot say what the rule says (keywords look into every value, for one) it asks for more, never for less: every
event that a hunt finds is judged by the engine again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property

from core.clock import Clock
from core.ecs import FieldType, type_of
from core.event import Event
from core.query.to_match import compile_match
from core.query.tree import FALSE, TRUE, And, Comparison, Equals, Exists, Like, Node, Not, Or, Wild
from detections import ir
from detections.binding import FieldMap
from detections.ecs_binding import (
    ATTRIBUTES,
    EVENT_DATA,
    OUR_PARSER,
    UNNAMED,
    EcsBinding,
    Matches,
    best,
    of_product,
    plain_names,
    product_marks,
)
from detections.engine import Engine
from detections.flow_rules import flow_fields
from detections.ir import Expr, Kind, Predicate, children, conj, disj, neg
from detections.native import DEFENDER, LOG_CLEARED
from detections.rule import Logsource, Mode, Rule, is_flow_rule
from detections.ruleset import RuleSet
from detections.taxonomy import WindowsPlace, windows
from detections.to_tree import leaf, node_of, to_tree

MAX_ASKED = 300
"""Predicates of one question: a larger set of rules is hunted by reading its log sources whole."""
MAX_PATTERNS = 4_000
"""Characters of its patterns: in all parts of a question, each costs Elasticsearch up to 50 KB of the memory of its
requests."""
CHANNEL = "winlog.channel"
CODE = "event.code"
MODULE = "event.module"
DATASET = "event.dataset"
PROGRAM = "process.name"
FLOWS = ("netflow", "ipfix", "sflow")
"""How the data sets of flows begin."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Some of a log source's events, and what a rule's fields are called in them."""

    where: Node
    fields: FieldMap | None
    """None: that depends on the event, so nothing can be asked of them."""
    is_renamed: bool = False
    """The engine renames event data before it judges (``Route.view``): their stored names are not known."""


@dataclass(frozen=True, eq=False)
class Hunt:
    """One rule as a question."""

    rule: Rule
    source: Node
    """The events of its log source."""
    tree: Node
    """Those of them that it can match."""
    exact: Node
    """Of the tree the part that finds what the rule matches and nothing else; where a store cannot be asked that, the
    rest finds more."""

    @cached_property
    def test(self) -> Callable[[Event], bool]:
        """Whether the tree finds an event."""
        return compile_match(self.tree)

    @cached_property
    def claims(self) -> Callable[[Event], bool]:
        """Whether it says that the rule matches an event."""
        return compile_match(self.exact)


def hunt_of(rule: Rule) -> Hunt:
    """The question of a rule."""
    parts = parts_of(rule)
    asked = [_asked(rule, part) for part in parts]
    trees = [(_all((part.where, node)), is_exact) for part, (node, is_exact) in zip(parts, asked, strict=True)]
    exact = _any(tree for tree, is_exact in trees if is_exact)
    return Hunt(rule, _any(part.where for part in parts), _any(tree for tree, _ in trees), exact)


def parts_of(rule: Rule) -> list[Part]:
    """The log source of a rule: every event that the engine would judge by it is in one of the parts."""
    if is_flow_rule(rule):
        return [Part(_any(_begins(DATASET, name) for name in FLOWS), flow_fields())]
    asks_channel = any(predicate.field == "Channel" for predicate in rule.predicates)
    return [*_windows(rule.logsource, asks_channel), *_elsewhere(rule.logsource)]


def is_large(rules: Iterable[Rule], most: int = MAX_ASKED) -> bool:
    """Whether rules are more than one question may ask (``most`` predicates): all events of their log sources are
    read."""
    asked = [predicate for rule in rules for predicate in rule.predicates]
    patterns = (each.value for each in asked if each.kind in (Kind.CONTAINS, Kind.ENDS, Kind.LIKE))
    return len(asked) > most or sum(map(len, patterns)) > MAX_PATTERNS


class Hunter:
    """Rules over stored events: ``where`` is what to read, ``judge`` says which of it they match."""

    def __init__(self, rules: Sequence[Rule], clock: Clock, most: int = MAX_ASKED) -> None:
        """``most``: as for ``is_large``."""
        self.rules = {rule.id: rule for rule in rules}
        self.hunts = {rule.id: hunt_of(rule) for rule in rules}
        self.reads_sources = is_large(rules, most)
        """The set is large: what the trees find is not compared with what the engine does."""
        self.sources = _any(dict.fromkeys(hunt.source for hunt in self.hunts.values()))
        """Every event of their log sources."""
        self.where = self.sources if self.reads_sources else _any(dict.fromkeys(h.tree for h in self.hunts.values()))
        self.extra: Counter[str] = Counter()
        """Rule → events that its tree found and the engine did not: a fault of the translation."""
        self.lacking: Counter[str] = Counter()
        """Rule → hits among events read for others that its own tree did not find: a fault as well."""
        chosen = RuleSet(tuple(rules), modes=dict.fromkeys(self.rules, Mode.RECORD))
        self._engine = Engine(chosen, EcsBinding(), clock=clock)
        self._flow_rules = [rule.id for rule in rules if is_flow_rule(rule)]

    @property
    def suspended(self) -> dict[str, str]:
        """Rules that were taken out while running, with the reason: their hits are not all there."""
        return self._engine.suspended

    def judge(self, events: Sequence[Event]) -> list[tuple[Event, tuple[str, ...]]]:
        """Events with the ids of the rules that match them; those without any are left out."""
        found = []
        for event, judged in zip(events, self._engine.judge(events), strict=True):
            hits = (*judged, *(rule for rule in self._flow_rules if self.hunts[rule].test(event)))
            self._compare(event, hits)
            if hits:
                found.append((event, hits))
        return found

    def _compare(self, event: Event, hits: Sequence[str]) -> None:
        for rule in hits:
            if not self.hunts[rule].test(event):
                self.lacking[rule] += 1
        if not self.reads_sources:
            for rule, hunt in self.hunts.items():
                if rule not in hits and rule not in self.suspended and hunt.claims(event):
                    self.extra[rule] += 1


# --- what is asked of the events of a log source ---------------------------------------------------------


def _asked(rule: Rule, part: Part) -> tuple[Node, bool]:
    """The condition over the part's names, and whether it says all that the rule does."""
    fields = part.fields
    if fields is None:
        return TRUE, False
    known = [_is_askable(predicate, fields, part.is_renamed) for predicate in rule.predicates]
    if all(known):
        return to_tree(rule, fields), True

    return node_of(_widened(rule.condition, known), rule.predicates, fields), False


def _is_askable(predicate: Predicate, fields: FieldMap, is_renamed: bool) -> bool:
    # Lucene has no form for some regular expressions and takes others for too complex
    if predicate.field is None or predicate.kind in (Kind.EXPAND, Kind.REGEX):
        return False
    names = fields.keys(predicate.field)
    if predicate.kind is Kind.PART:
        # other texts of time than ours are read by the engine only
        return not predicate.value.startswith("week:") and all(type_of(name) is FieldType.DATE for name in names)
    if predicate.kind is Kind.FIELD:
        names += fields.keys(predicate.value)
    return not (is_renamed and any(name.startswith(EVENT_DATA) for name in names))


def _widened(expr: Expr, known: Sequence[bool], unknown: Expr = ir.TRUE) -> Expr:
    """An expression that holds wherever the other does; what cannot be asked may be either."""
    if isinstance(expr, int):
        return expr if known[expr] else unknown
    if expr[0] == "!":
        return neg(_widened(children(expr)[0], known, neg(unknown)))
    parts = [_widened(child, known, unknown) for child in children(expr)]
    return conj(parts) if expr[0] == "&" else disj(parts)


# --- Windows -----------------------------------------------------------------------------------------------


@cache
def _binding() -> EcsBinding:
    return EcsBinding()


def _windows(source: Logsource, asks_channel: bool) -> Iterator[Part]:
    for place in windows().places(source, None, None):
        for part in _of_place(place):
            where = _all((_stands(source, place), part.where))
            yield from _by_channel(replace(part, where=where), place) if asks_channel else [replace(part, where=where)]


def _stands(source: Logsource, place: WindowsPlace) -> Node:
    """Channel and event id."""
    service = windows().services.get(source.service) if source.category else None
    channels = [place.channels] if service is None else [place.channels, service.channels]
    return _all(
        (
            Exists(CHANNEL),
            *(_is(CHANNEL, each, Comparison.CI) for each in channels if each),
            *([_is(CODE, place.event_ids)] if place.event_ids else []),
        )
    )


def _of_place(place: WindowsPlace) -> Iterator[Part]:
    """By who took the event apart; Defender's events are told apart where they can stand here."""
    ours = Equals("kydai.parser", OUR_PARSER, Comparison.EXACT)
    defender = Equals(CHANNEL, DEFENDER)
    if not place.channels or DEFENDER in place.channels:
        yield _narrowed(Part(defender, _binding().windows_fields(place, True), is_renamed=True), place)
    if place.channels != {DEFENDER}:
        for is_ours, by in ((True, ours), (False, Not(ours))):
            where = by if place.channels else And((by, Not(defender)))
            yield _narrowed(Part(where, _binding().windows_fields(place, is_ours)), place)


def _narrowed(part: Part, place: WindowsPlace) -> Part:
    """``where`` of a place: fields that must be missing or equal one of the values."""
    assert part.fields is not None
    wanted = []
    for name, values in place.where:
        asked = [Predicate(name, Kind.NULL), *(Predicate(name, Kind.EQUALS, value) for value in values)]
        if all(_is_askable(each, part.fields, part.is_renamed) for each in asked):
            wanted.append(_any(leaf(each, part.fields) for each in asked))
    return replace(part, where=_all((part.where, *wanted)))


def _by_channel(part: Part, place: WindowsPlace) -> Iterator[Part]:
    """``Channel`` is the envelope's, but for the event that a log was cleared, which tells of another's."""
    assert part.fields is not None
    cleared = Equals(CODE, LOG_CLEARED, Comparison.EXACT)
    if not place.event_ids or LOG_CLEARED in place.event_ids:
        yield replace(part, where=_all((part.where, cleared)))
    fields = FieldMap({**part.fields.table, "Channel": (CHANNEL,)}, part.fields.prefixes)
    yield replace(part, where=_all((part.where, Not(cleared))), fields=fields)


# --- everything else -----------------------------------------------------------------------------------------


def _elsewhere(source: Logsource) -> Iterator[Part]:
    others = Not(Exists(CHANNEL))
    # what does not say what it is meets every rule
    yield Part(_all((others, *_silent())), FieldMap(plain_names(), ("",)))
    entries = best(source)
    before: list[Node] = []
    for entry in entries:
        here = _all((_meets(entry.events), _meets(product_marks(source, entry))))
        yield Part(_all((others, here, *map(Not, before))), entry.fields)
        before.append(here)
    if not entries and (source.product or source.service):
        yield from _by_name(source, others)


def _silent() -> Iterator[Node]:
    for name in ("category", "type"):
        yield Not(Exists(ATTRIBUTES[name]))
    for name in ("module", "dataset", "os"):
        yield Or((Not(Exists(ATTRIBUTES[name])), Equals(ATTRIBUTES[name], "", Comparison.EXACT)))
    yield Not(_is(PROGRAM, _binding().programs, Comparison.CI))


def _meets(matches: Matches) -> Node:
    return _any(
        _all(
            _is(ATTRIBUTES[name], values, Comparison.CI if name == "program" else Comparison.EXACT)
            for name, values in match.items()
        )
        for match in matches
    )


def _by_name(source: Logsource, others: Node) -> Iterator[Part]:
    """Log sources nobody described: by the names of module and data set."""
    unnamed = _is(MODULE, [UNNAMED])
    if source.product in _binding().unnamed:
        yield Part(_all((others, unnamed)), FieldMap({}, (UNNAMED + ".", "")))
    named = []
    if product := source.product:
        named.append(
            _any(
                (
                    *(_is(name, [product]) for name in (MODULE, DATASET)),
                    _begins(DATASET, product + "."),
                    *(_meets(each.events) for each in of_product(product)),
                )
            )
        )
    if service := source.service:
        ends = Like(DATASET, (Wild.MANY, "." + service), Comparison.EXACT)
        named.append(Or((*(_is(name, [service]) for name in (MODULE, DATASET)), ends)))
    yield Part(_all((others, Not(unnamed), *named)), None)


# --- small trees ---------------------------------------------------------------------------------------------


def _is(name: str, values: Iterable[str], comparison: Comparison = Comparison.EXACT) -> Node:
    return _any(Equals(name, value, comparison) for value in sorted(values))


def _begins(name: str, text: str) -> Node:
    return Like(name, (text, Wild.MANY), Comparison.EXACT)


def _all(nodes: Iterable[Node]) -> Node:
    kept: list[Node] = []
    for node in nodes:
        if node == FALSE:
            return FALSE
        kept += node.children if isinstance(node, And) else [node]
    return kept[0] if len(kept) == 1 else And(tuple(kept))


def _any(nodes: Iterable[Node]) -> Node:
    kept: list[Node] = []
    for node in nodes:
        if node == TRUE:
            return TRUE
        kept += node.children if isinstance(node, Or) else [node]
    return kept[0] if len(kept) == 1 else Or(tuple(kept))
