"""What a rule's tree finds in the store is what the engine matches, by log source and for whole rules."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from collectors.decoders.flow_table import DATASET as FLOW_DATASET
from collectors.parser import ParserSet
from core.clock import StillClock
from core.event import Event, Frame, Value
from core.query.language import parse
from core.query.to_match import compile_match
from core.query.tree import FALSE, Equals, Node
from core.store.contract import Batch, EventStore, Query
from core.store.segments import SegmentStore
from detections.converting import convert
from detections.ecs_binding import ATTRIBUTES, EcsBinding, sources
from detections.engine import Engine
from detections.hunting import MAX_ASKED, MAX_PATTERNS, Hunter, Part, hunt_of, is_large, parts_of
from detections.match import Matcher
from detections.native import DEFENDER
from detections.predicates import texts_of
from detections.rule import Level, Logsource, Mode, Rule, is_flow_rule
from detections.ruleset import RuleSet
from detections.taxonomy import windows
from tests.core.store.conformance import START, event
from tests.core.store.elastic_stores import new_prefix, open_store, remove
from tests.detections.sigma_samples import evtx_records, rule_id, rule_text, ruleset_of
from tests.detections.taxonomy.filling import RECEIVED
from tests.detections.test_own_rules import ROOT, RULE_FILES, SAMPLES, event_of, own
from tests.samples import sample
from tests.services.elasticsearch import Node as Cluster

IN_MEMORY = 200
"""Rules of SigmaHQ, drawn anew in each long run, whose trees are tried on events in memory."""


# --- log sources -------------------------------------------------------------------------------------------


def _rule(source: Logsource) -> Rule:
    return Rule("r", "r", Level.LOW, "test", source, ("&",), (), ())


def _windows_event(dice: random.Random) -> Event:
    places = [p for group in windows().categories.values() for p in group if p.channels]
    place = dice.choice(places)
    channels = [*place.channels, "Security", "security", "System", DEFENDER, "Other/Operational"]
    codes: list[str | int] = [*place.event_ids, "104", 1, "4624"]
    parsers: list[str | None] = ["windows", "json", None]
    made: Event = {
        "winlog.channel": dice.choice(channels),
        "event.code": dice.choice(codes),
        "kydai.parser": dice.choice(parsers),
        "event.module": "windows",
        "event.dataset": "windows.security",
    }
    if dice.random() < 0.5:
        kinds: list[Value] = ["CreateKey", "DeleteKey", "other", ["x", "AddKey"]]
        made["winlog.event_data.EventType"] = dice.choice(kinds)
    return made


def _other_event(dice: random.Random) -> Event:
    """Attributes of one entry of ``ecs.yml``, some of them changed; few or none now and then."""
    entry = dice.choice(sources())
    values = {
        name: sorted({v for each in sources() for m in each.events for v in m.get(name, ())}) for name in ATTRIBUTES
    }
    made: Event = {ATTRIBUTES[name]: dice.choice(sorted(v)) for name, v in dice.choice(entry.events).items()}
    for name, field in ATTRIBUTES.items():
        if dice.random() < 0.15 and values.get(name):
            made[field] = dice.choice(values[name])
        elif dice.random() < 0.1:
            made[field] = dice.choice(["json", "aws", "aws.cloudtrail", "okta", "", "x.sshd", None])
    for field in ("event.category", "event.type"):
        if field in made and dice.random() < 0.5:
            made[field] = [made[field], "more"]  # type: ignore[list-item]
    if dice.random() < 0.1:
        made["process.name"] = dice.choice(["SSHD", "sudo", "vim"])
    return made if dice.random() < 0.95 else {"message": "says nothing"}


def _engine_says(binding: EcsBinding, source: Logsource, event: Event) -> set[tuple[tuple[str, ...], ...]]:
    """The names under which the engine would look, one entry a place."""
    (key,) = binding.keys([event])
    route = binding.route(tuple(part if part is None or isinstance(part, tuple) else str(part) for part in key))
    met = set()
    for place in route.places(source):
        held = True
        for name, values in place.where:
            texts: list[str] = next((t for k in place.fields.keys(name) if (t := texts_of(event.get(k)))), [])
            held &= not texts or any(text.lower() in values for text in texts)
        if held:
            met.add(tuple(place.fields.keys(name) for name in NAMES))
    return met


NAMES = ("Image", "User", "c-uri", "EventType", "src_ip", "Made.Up")


def test_log_sources(sigmahq: RuleSet) -> None:
    dice = random.Random(5)
    every = sorted({r.logsource for r in (*sigmahq.rules, *own().rules) if not is_flow_rule(r)}, key=repr)
    every += [
        Logsource("", "process_creation"),
        Logsource("", "", "sshd"),
        Logsource("json"),
        Logsource("acme", "", "x"),
    ]
    parts = {source: [(compile_match(p.where), p) for p in parts_of(_rule(source))] for source in every}
    binding = EcsBinding()
    met = 0
    for at in range(250):
        made: Event = {
            k: v for k, v in (_windows_event(dice) if at % 3 == 0 else _other_event(dice)).items() if v is not None
        }
        for source in every:
            wanted = _engine_says(binding, source, made)
            found = [part for test, part in parts[source] if test(made)]
            assert bool(found) is bool(wanted), (source, made)
            if wanted and all(p.fields is not None and not p.is_renamed for p in found):
                assert {_names(p) for p in found} == wanted, (source, made)
            met += bool(wanted)
    assert met > 1000


def _names(part: Part) -> tuple[tuple[str, ...], ...]:
    assert part.fields is not None
    return tuple(part.fields.keys(name) for name in NAMES)


# --- whole rules --------------------------------------------------------------------------------------------


@cache
def _events() -> tuple[Event, ...]:
    """All our samples and the records of the regression samples, as our parsers make them."""
    made = []
    for file in RULE_FILES:
        samples: dict[str, list[dict[str, Any]]] = yaml.safe_load((SAMPLES / file).read_text("utf-8"))
        for each in (*samples["match"], *samples["no_match"]):
            flow = {"event.dataset": FLOW_DATASET} if "raw" not in each and file.parts[0] == "flow" else {}
            made.append({**event_of(each), **flow})
    parsed = ParserSet.load()
    for path in sorted(sample("sigmahq-regression").rglob("*.evtx")):
        made += [
            dict(parsed.parse(Frame("file:x", RECEIVED, record.encode()), zone="UTC").events[0])
            for record in evtx_records(path)
        ]
    return tuple(event(at, 0, each) | {"event.id": event(at)["event.id"]} for at, each in enumerate(made))


def _drawn(sigmahq: RuleSet, count: int, request: pytest.FixtureRequest) -> list[Rule]:
    usable = [rule for rule in sigmahq.rules if rule.id not in sigmahq.blind]
    return random.Random(request.config.getoption("--hunted-rules")).sample(usable, count)


def _wanted(rules: Sequence[Rule], events: Sequence[Event]) -> dict[str, set[str]]:
    """Rule → the events that the engine finds."""
    wanted: dict[str, set[str]] = {rule.id: set() for rule in rules}
    flows = Matcher(RuleSet(tuple(rule for rule in rules if is_flow_rule(rule))))
    engine = Engine(RuleSet(tuple(rules), modes=dict.fromkeys(wanted, Mode.RECORD)), EcsBinding())
    for made, hits, (_, flow_hits) in zip(events, engine.judge(events), flows.judge(events), strict=True):
        for hit in (*hits, *flow_hits):
            wanted[hit].add(str(made["event.id"]))
    assert sum(map(len, wanted.values())) > len(rules) // 20, "hits, or nothing is shown"
    return wanted


def _differences(rules: Sequence[Rule], events: Sequence[Event], find: Any) -> list[tuple[str, str]]:
    """Rules whose tree finds less than what the engine matches, or claims more. One of more predicates than a hunt asks
    for is hunted as hunts do it."""
    wanted = _wanted(rules, events)
    found = []
    for rule in rules:
        hunt = hunt_of(rule)
        here = find(hunt.source if is_large([rule]) else hunt.tree)
        if not here >= wanted[rule.id]:
            found.append((rule.file, f"lacks {len(wanted[rule.id] - here)}"))
        claimed: set[str] = set()
        if not is_large([rule]) and hunt.exact != FALSE:
            claimed = here if hunt.exact == hunt.tree else find(hunt.exact)
        if not claimed <= wanted[rule.id]:
            found.append((rule.file, f"claims {len(claimed - wanted[rule.id])} more"))
    return found


def test_trees_find_what_the_engine_does(sigmahq: RuleSet, request: pytest.FixtureRequest) -> None:
    events = _events()

    def find(tree: Node) -> set[str]:
        test = compile_match(tree)
        return {str(each["event.id"]) for each in events if test(each)}

    assert _differences(own().rules, events, find) == []
    assert _differences(_drawn(sigmahq, IN_MEMORY, request), events, find) == []


def _found_in(store: EventStore, tree: Node) -> set[str]:
    return {str(each["event.id"]) for batch in store.scan(Query(tree), fields=["event.id"]) for each in batch}


def _fill(store: EventStore) -> None:
    events = list(_events())
    assert store.append(Batch(events)).stored == len(events)


def _stored(store: EventStore) -> list[Event]:
    stored = [each for batch in store.scan(Query()) for each in batch]
    assert len(stored) == len(_events())
    return stored


def test_segments_find_what_the_engine_does(tmp_path: Path, sigmahq: RuleSet, request: pytest.FixtureRequest) -> None:
    store = SegmentStore(tmp_path, StillClock(START), memory_mb=256)
    try:
        _fill(store)
        rules = [*own().rules, *_drawn(sigmahq, request.config.getoption("--hunted-rules"), request)]
        assert _differences(rules, _stored(store), lambda tree: _found_in(store, tree)) == []
    finally:
        store.close()


@pytest.fixture(scope="module")
def cluster(elastic: Cluster) -> Iterator[EventStore]:
    prefix = new_prefix()
    store = open_store(elastic.url, prefix)
    _fill(store)
    yield store
    store.close()
    remove(elastic.url, prefix)


@pytest.mark.slow
def test_elasticsearch_finds_what_the_engine_does(
    cluster: EventStore, sigmahq: RuleSet, request: pytest.FixtureRequest
) -> None:
    rules = [*own().rules, *_drawn(sigmahq, request.config.getoption("--hunted-rules"), request)]
    assert _differences(rules, _stored(cluster), lambda tree: _found_in(cluster, tree)) == []


@pytest.mark.slow
def test_converted_queries_find_in_elasticsearch_what_the_engine_does(
    cluster: EventStore, sigmahq: RuleSet, request: pytest.FixtureRequest
) -> None:
    count: int = request.config.getoption("--hunted-rules")
    ours = random.Random(count).sample(own().rules, min(2 * count, len(own().rules)))
    rules = {rule.id: rule for rule in (*ours, *_drawn(sigmahq, count, request))}
    wanted, differ, compared = _wanted(list(rules.values()), _stored(cluster)), [], 0
    folders = {rule.file: ROOT / "rules" for rule in ours}
    for file in sorted({rule.file for rule in rules.values()}):
        for each in convert((folders.get(file, sample("sigmahq")) / file).read_bytes(), file):
            if each.id in rules and each.error is None:
                trees = [parse(query, now=START, zone="UTC") for query in each.queries]
                compared += 1
                if set().union(*(_found_in(cluster, tree) for tree in trees)) != wanted[each.id]:
                    differ.append((file, each.queries))
    assert differ == []
    assert compared > 0.9 * len(rules), "those without a query are few"


# --- the hunter ---------------------------------------------------------------------------------------------

AWS: Event = {"event.module": "aws", "event.dataset": "aws.cloudtrail"}


def _hunter(folder: Path, *detections: str, source: str = "{product: aws}") -> Hunter:
    texts = [rule_text(at, text, source) for at, text in enumerate(detections, 1)]
    return Hunter(ruleset_of(folder, texts).rules, StillClock(START))


def test_what_cannot_be_asked_is_read_and_judged(tmp_path: Path) -> None:
    hunter = _hunter(
        tmp_path,
        "k: [Whoami]\ns: {eventName: b}\ncondition: k and s\n",
        "s: {eventTime|week: 48}\nn: {eventName: a}\ncondition: s and not n\n",
    )
    events: list[Event] = [
        AWS | {"any.field": "x whoami", "eventName": "b"},
        AWS | {"any.field": "x", "eventName": "b", "eventTime": "2026-11-25 08:00:00Z"},
        {"event.module": "okta", "any.field": "whoami", "eventName": "b"},
    ]
    read = compile_match(hunter.where)
    assert [read(each) for each in events] == [True, True, False]
    found = hunter.judge([each for each in events if read(each)])
    assert [rules for _, rules in found] == [(rule_id(1),), (rule_id(2),)]
    assert not hunter.extra
    assert not hunter.lacking


def test_a_fault_of_the_translation_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    silent: list[Event] = [{"x": "a"}, {"x": "b"}, {"x": "b"}]
    with monkeypatch.context() as wrong:
        wrong.setattr("detections.hunting.to_tree", lambda rule, fields: Equals("x", "b"))
        hunter = _hunter(tmp_path, "s: {x: a}\ncondition: s\n")
        found = hunter.judge(silent)
    assert [rules for _, rules in found] == [(rule_id(1),)], "hits are the engine's, whatever was asked"
    assert (hunter.extra, hunter.lacking) == ({rule_id(1): 2}, {rule_id(1): 1})
    hunter = _hunter(tmp_path, "s: {x: a}\ncondition: s\n")
    hunter.judge(silent)
    assert not hunter.extra
    assert not hunter.lacking


def test_a_large_set_reads_its_log_sources(tmp_path: Path) -> None:
    values = ", ".join(f"v{n}" for n in range(MAX_ASKED))
    small, large = (
        _hunter(tmp_path, f"s: {{x: [{values}]}}\ncondition: s\n", *more)
        for more in ((), ("s: {x: w}\ncondition: s\n",))
    )
    made: Event = AWS | {"aws.cloudtrail.x": "other"}
    other: Event = {"event.module": "okta", "x": "v1"}
    assert not small.reads_sources
    assert large.reads_sources
    assert [compile_match(large.where)(each) for each in (made, other)] == [True, False]
    assert large.judge([made, made | {"aws.cloudtrail.x": "w"}])[0][1] == (rule_id(2),)


def test_long_patterns_are_not_asked_of_a_store(tmp_path: Path) -> None:
    short, long = (
        _hunter(tmp_path / kind, f"s: {{x|contains: ['{'a' * MAX_PATTERNS}'{more}]}}\ncondition: s\n")
        for kind, more in (("short", ""), ("long", ", b"))
    )
    assert (short.reads_sources, long.reads_sources) == (False, True)


def test_defenders_names_with_spaces_and_a_cleared_log(tmp_path: Path) -> None:
    hunter = _hunter(
        tmp_path,
        "s: {EventID: 1116, ThreatName|contains: eicar}\ncondition: s\n",
        "s: {EventID: 104, Channel: Application}\ncondition: s\n",
        "s: {Channel: System, EventID: 7}\ncondition: s\n",
        source="{product: windows}",
    )
    ours: Event = {"kydai.parser": "windows", "event.module": "windows"}
    events: list[Event] = [
        ours | {"winlog.channel": DEFENDER, "event.code": "1116", "winlog.event_data.Threat Name": "EICAR-Test"},
        ours | {"winlog.channel": "System", "event.code": "104", "winlog.event_data.Channel": "Application"},
        ours | {"winlog.channel": "system", "event.code": "7", "winlog.event_data.Channel": "other"},
    ]
    read = compile_match(hunter.where)
    assert [read(each) for each in events] == [True] * 3
    assert [rules for _, rules in hunter.judge(events)] == [(rule_id(1),), (rule_id(2),), (rule_id(3),)]
    assert not hunter.extra
    assert not hunter.lacking
