"""What happens in the province, through the real parsers and all rules: the alerts of it, by their titles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from collectors.parser import ParserSet
from core.clock import LOCAL_ZONE, iso
from detections.alerting import RuleHit, event_time, fold_key
from detections.correlation import Hit, match_all
from detections.correlation_rules import resolve
from detections.explain import lookup
from detections.match import Matcher
from detections.rule import Mode
from detections.ruleset import RuleSet
from kydai.demo.day import to_frame
from kydai.demo.emission import Flow, Given
from kydai.demo.world import World

PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp"}


def events(world: World, given: Iterable[Given]) -> Iterator[dict[str, Any]]:
    parsers = ParserSet.load()
    for each in given:
        if isinstance(each, Flow):
            yield flow(each)
            continue
        parsed = parsers.parse(to_frame(world, each, replay=False), zone=LOCAL_ZONE)
        assert not parsed.unparsed, each.data
        yield from (dict(event) for event in parsed.events)


def flow(given: Flow) -> dict[str, Any]:
    return {
        "@timestamp": iso(given.at),
        "event.dataset": "netflow.flow",
        "host.name": given.exporter,
        "source.ip": given.src,
        "source.port": given.sport,
        "destination.ip": given.dst,
        "destination.port": given.dport,
        "network.transport": PROTOCOLS.get(given.proto, str(given.proto)),
        "network.bytes": given.octets,
        "network.packets": given.packets,
    }


def alerts(rules: RuleSet, happened: Iterable[dict[str, Any]]) -> Counter[str]:
    """Alerts by the titles of their rules, folded as the queue folds them."""
    patterns = resolve(rules.rules, rules.correlations)
    matcher = Matcher(rules)
    folded: dict[str, str] = {}
    kept: list[Hit] = []
    for batch in batches(happened):
        for event, hits in matcher.judge(batch):
            calling = [rule for rule in hits if rules.mode(rule) is Mode.ALERT and rule not in patterns.quiet]
            folded |= {fold_key(RuleHit(rules.by_id[rule], dict(event))): rules.by_id[rule].title for rule in calling}
            if wanted := [rule for rule in hits if rule in patterns.readers]:
                kept.append(Hit(event, wanted, event_time(event), str(len(kept))))
    found = match_all(kept, patterns, lambda event, rule, name: lookup(rules.by_id[rule], event, name))
    called = [each.pattern.heading for each in found if rules.mode(each.pattern.id) is Mode.ALERT]
    return Counter([*folded.values(), *called])


def batches(happened: Iterable[dict[str, Any]], size: int = 512) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for event in happened:
        batch.append(event)
        if len(batch) == size:
            yield batch
            batch = []
    yield batch
