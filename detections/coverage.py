"""Can this rule fire here, on which hosts, and what to switch on where it cannot.

*Live*: in the last 24 hours hosts that it is about sent events with all that it needs, and no other lacks anything;
others may have been quiet, which the reason says. *Partly blind*: some hosts lack something. *Blind*: all do wholly, or
it cannot be used. *Unproven*: nothing is lacking, but nothing of the kind came for 24 hours. *Not here*: the site has
no such product. A field is *needed* when no branch of the condition can be true without it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from core.words import LANGUAGES, both, say
from detections.correlation_rules import Type, resolve
from detections.coverage_hosts import Lack, Needs, Seen, Sight, Site, View
from detections.flow_rules import FlowRules, flow_fields
from detections.ir import HOLE, Expr, Kind, children
from detections.remedies import remedy
from detections.rule import Logsource, Mode, Rule, is_flow_rule
from detections.ruleset import RuleSet

MAX_NAMED = 8
"""Fields or hosts named in a reason."""
MAX_LACKS = 3
"""Different lacks told of one rule, those of most hosts."""


class State(StrEnum):
    """What a rule can do here."""

    LIVE = "live"
    PARTLY_BLIND = "partly_blind"
    BLIND = "blind"
    UNPROVEN = "unproven"
    NOT_HERE = "not_here"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Coverage:
    """The state of one rule and, unless all its hosts see, why and what to do, in both languages."""

    rule: str
    state: State
    reason: Mapping[str, str]
    missing: tuple[str, ...] = ()
    """Fields as the rule names them, or what else is missing."""
    remedy: Mapping[str, str] = field(default_factory=dict)
    """What a system administrator can switch on; empty when there is nothing."""
    hosts: int = 0
    """How many hosts it is about."""
    blind_hosts: tuple[str, ...] = ()
    """Those of them on which it cannot fire."""
    seeing_hosts: int = 0
    """How many of them sent events with all that it needs."""
    tells_more: bool = False
    """The reason says, too, what the rule has learnt (learning.py) or looked at (beacon_marks.py)."""


def coverage(
    ruleset: RuleSet, seen: Seen, suspended: Mapping[str, str] | None = None, hit: Collection[str] = ()
) -> list[Coverage]:
    """The state of every rule, then of every correlation, in the set's order. ``suspended`` is the engine's; ``hit``
    are those that matched lately, which are for this site whatever arrives now."""
    site = Site(seen)
    flow_errors = FlowRules(ruleset).errors
    found = []
    for rule in ruleset.rules:
        if ruleset.mode(rule.id) is Mode.DISABLED:
            found.append(Coverage(rule.id, State.DISABLED, both("rules.disabled")))
        elif suspended and rule.id in suspended:
            found.append(_blind(rule, "suspended", suspended[rule.id]))
        elif rule.id in ruleset.blind:
            found.append(_blind(rule, "placeholder", ", ".join(_holes(rule))))
        elif is_flow_rule(rule):
            found.append(_of_flows(rule, seen, flow_errors))
        else:
            found.append(_of_events(rule, site))
    found = [_if_hit(each, hit) for each in found]
    return found + _of_correlations(ruleset, {each.rule: each for each in found}, hit)


def _if_hit(found: Coverage, hit: Collection[str]) -> Coverage:
    is_here = found.state is not State.NOT_HERE or found.rule not in hit
    return found if is_here else Coverage(found.rule, State.UNPROVEN, both("rules.unproven.hit"), remedy=found.remedy)


def _of_correlations(ruleset: RuleSet, known: dict[str, Coverage], hit: Collection[str]) -> list[Coverage]:
    """A correlation can do what the rules that it needs can do."""
    patterns = resolve(ruleset.rules, ruleset.correlations)
    for pattern in sorted(patterns.patterns, key=lambda each: each.depth):
        read = [known[reference] for reference in pattern.references]
        needs_all = pattern.type in (Type.TEMPORAL, Type.TEMPORAL_ORDERED) and pattern.expression is None
        state = _joined([each.state for each in read], needs_all)
        if pattern.expression is not None:
            state = _of_expression(pattern.expression, [each.state for each in read])
        known[pattern.id] = _if_hit(_of_pattern(ruleset, pattern.id, state, read), hit)
    unusable = {each.id: Coverage(each.id, State.BLIND, both("rules.blind.unusable")) for each in ruleset.correlations}
    return [known.get(each.id, unusable[each.id]) for each in ruleset.correlations]


_ORDER = (State.NOT_HERE, State.BLIND, State.UNPROVEN, State.PARTLY_BLIND, State.LIVE)


def _joined(states: Iterable[State], needs_all: bool) -> State:
    ranks = [_ORDER.index(State.BLIND if state is State.DISABLED else state) for state in states]
    return _ORDER[min(ranks) if needs_all else max(ranks)]


def _of_expression(expr: Expr, states: Sequence[State]) -> State:
    if isinstance(expr, int):
        return _joined([states[expr]], True)
    if expr[0] == "!":
        return State.LIVE
    return _joined([_of_expression(child, states) for child in children(expr)], expr[0] == "&")


def _of_pattern(ruleset: RuleSet, rule_id: str, state: State, read: Sequence[Coverage]) -> Coverage:
    if ruleset.mode(rule_id) is Mode.DISABLED:
        return Coverage(rule_id, State.DISABLED, both("rules.disabled"))
    if state is State.LIVE:
        return Coverage(rule_id, State.LIVE, both("rules.live"))
    lacking = [ruleset.every[each.rule] for each in read if _joined([each.state], True) is state]
    detail = {lang: _some(tuple(each.text("title", lang) for each in lacking)) for lang in LANGUAGES}
    reason = both(f"rules.{state}.reads", detail=detail)
    remedies = dict.fromkeys(tuple(each.remedy.items()) for each in read if each.remedy)
    helps = {lang: "\n".join(dict(each)[lang] for each in [*remedies][:MAX_LACKS]) for lang in LANGUAGES if remedies}
    return Coverage(rule_id, state, reason, tuple(each.id for each in lacking), helps)


def _of_events(rule: Rule, site: Site) -> Coverage:
    source = rule.logsource
    view = site.view(rule)
    sights = list(view.sees.values())
    if not sights or not (site.is_here(source) or any(sight is Sight.SEES for sight in sights)):
        return _without_hosts(rule, site)
    lacking = sum(sight in (Sight.LACKS, Sight.THIN) for sight in sights)
    if lacking:
        is_blind = all(sight is Sight.LACKS for sight in sights)
        return _lacking(rule, view, State.BLIND if is_blind else State.PARTLY_BLIND, lacking)
    seeing = sights.count(Sight.SEES)
    if seeing:
        some = both("rules.live.hosts", count=seeing, hosts=len(sights))
        reason = some if seeing < len(sights) else both("rules.live")
        return Coverage(rule.id, State.LIVE, reason, hosts=len(sights), seeing_hosts=seeing)
    reason = both("rules.unproven.quiet", detail=source_text(source))
    return Coverage(rule.id, State.UNPROVEN, reason, hosts=len(sights))


def _without_hosts(rule: Rule, site: Site) -> Coverage:
    """Of a log source that no living host gives."""
    source = rule.logsource
    if not site.is_here(source):
        return Coverage(rule.id, State.NOT_HERE, both("rules.not_here", detail=source_text(source)))
    if not site.binding.knows(source):
        return _blind(rule, "unknown_source", source_text(source))
    return _blind(rule, "no_source", source_text(source), remedy=remedy(source))


def _lacking(rule: Rule, view: View, state: State, count: int) -> Coverage:
    told = [*view.lacks.items()][:MAX_LACKS]
    reasons = [_said(lack, hosts, rule.logsource) for lack, hosts in told]
    remedies = [_remedy(lack, hosts, rule.logsource) for lack, hosts in told]
    of = {"count": count, "hosts": len(view.sees)}
    reason = {
        lang: say(f"rules.{state}.hosts", lang, why="; ".join(each[lang] for each in reasons), **of)
        for lang in LANGUAGES
    }
    missing = tuple(dict.fromkeys(name for lack, _ in told for name in _names(lack, rule.logsource)))
    blind = tuple(sorted(host for hosts in view.lacks.values() for host in hosts))
    helps = {lang: "\n".join(each[lang] for each in remedies) for lang in LANGUAGES}
    seeing = [*view.sees.values()].count(Sight.SEES)
    return Coverage(rule.id, state, reason, missing, helps, len(view.sees), blind, seeing)


def _said(lack: Lack, hosts: Sequence[str], source: Logsource) -> dict[str, str]:
    names = _some(lack.missing) if lack.missing else source_text(source)
    return both(f"rules.lack.{lack.why}", names=names, on=_some(hosts))


def _names(lack: Lack, source: Logsource) -> tuple[str, ...]:
    if lack.why == "event_id":
        return tuple(f"event.code {each}" for each in lack.missing)
    return lack.missing or (source_text(source),)


def _remedy(lack: Lack, hosts: Sequence[str], source: Logsource) -> dict[str, str]:
    found = remedy(source, lack.missing, lack.missing if lack.why == "event_id" else ())
    return {lang: say("rules.remedy.on", lang, on=_some(hosts), what=found[lang]) for lang in LANGUAGES}


def _of_flows(rule: Rule, seen: Seen, errors: Mapping[str, str]) -> Coverage:
    if rule.id in errors:
        return _blind(rule, "columns", errors[rule.id])
    if not seen.flow_fields:
        return Coverage(
            rule.id, State.NOT_HERE, both("rules.not_here", detail=source_text(rule.logsource)),
            remedy=remedy(rule.logsource),
        )  # fmt: skip
    columns = frozenset(seen.flow_fields)
    needs = Needs(rule, flow_fields(), {})
    if needs.met(columns):
        return Coverage(rule.id, State.LIVE, both("rules.live"))
    missing = needs.missing(columns)
    return _blind(rule, "fields", _some(missing), missing)


def _blind(
    rule: Rule, why: str, detail: str, missing: tuple[str, ...] = (), remedy: Mapping[str, str] | None = None
) -> Coverage:
    reason = both(f"rules.blind.{why}", detail=detail)
    return Coverage(rule.id, State.BLIND, reason, missing or (detail,), remedy or {})


def source_text(source: Logsource) -> str:
    """A log source as a person writes it: ``windows/process_creation``."""
    return "/".join(part for part in (source.product, source.category, source.service) if part)


def _some(names: Sequence[str]) -> str:
    more = f" (+{len(names) - MAX_NAMED})" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more


def _holes(rule: Rule) -> list[str]:
    names = {name for each in rule.predicates if each.kind is Kind.EXPAND for name in each.value.split(HOLE)[1::2]}
    return sorted(f"%{name}%" for name in names)
