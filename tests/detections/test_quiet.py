"""Nothing happens in the province, and few alerts come: at most 5 a day of all rules that alert by default.

A short part of a day is judged; ``--quiet-days 3`` judges whole ones, an ordinary day, a Sunday and one with a tenth of
the people (Tết). The house's own exceptions are in force, as they are in the demonstration.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import detections
from collectors.parser import ParserSet
from core.clock import DAY, HOUR, LOCAL_ZONE, MINUTE, SECOND, Micros, iso, to_micros
from detections.alerting import RuleHit, event_time, fold_key
from detections.correlation import Hit, match_all
from detections.correlation_rules import resolve
from detections.explain import lookup
from detections.match import Matcher
from detections.rule import Mode
from detections.ruleset import RuleSet, RuleSource, load
from kydai.demo import stage
from kydai.demo.background import background
from kydai.demo.day import to_frame
from kydai.demo.emission import Flow, Given
from kydai.demo.world import World, load_world
from tests.samples import sample

OWN = Path(detections.__file__).parent
HOUSE = Path(stage.__file__).with_name(stage.HOUSE_RULES)
MOST_A_DAY = 5
PART = 15 * MINUTE
TUESDAY, SUNDAY = to_micros("2026-11-24T00:00:00+07:00"), to_micros("2026-11-29T00:00:00+07:00")
DAYS = ((TUESDAY, 1.0), (SUNDAY, 1.0), (TUESDAY, 0.1))
ACCESS_LIST = "/etc/postgresql/16/main/pg_hba.conf"
PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp"}


@pytest.fixture(scope="module")
def rules(request: pytest.FixtureRequest) -> RuleSet:
    """All rules there are, as they alert or not when nobody has chosen."""
    folders = [
        (OWN / "rules", "kydai"),
        (OWN / "correlations", "kydai"),
        (sample("sigmahq"), "sigmahq"),
        (HOUSE, "local"),
    ]
    cache = request.config.cache.mkdir("sigma-rules")
    return load([RuleSource(folder, package) for folder, package in folders], cache=cache)


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


def test_a_day_without_an_attack_is_quiet(rules: RuleSet, request: pytest.FixtureRequest) -> None:
    days: int = request.config.getoption("--quiet-days")
    seed = random.randrange(2**32)
    world = load_world()
    for number in range(max(days, 1)):
        start, rate = DAYS[number % len(DAYS)] if days else random.choice(DAYS)
        length = DAY if days else PART
        if not days:
            start += random.randrange(DAY // HOUR) * HOUR
        print("seed", seed + number, "from", iso(start), "rate", rate)
        called = alerts(rules, events(world, background(world, seed + number, start, start + length, rate=rate)))
        assert called.total() <= (MOST_A_DAY if days else 1), called


def test_what_is_counted_is_there_to_be_counted(rules: RuleSet) -> None:
    """The same reckoning calls for an attack: folded within an hour, from flows and by correlations, too."""
    begin: Micros = TUESDAY + 9 * HOUR
    edit = {
        "event.module": "auditd",
        "event.dataset": "auditd.log",
        "event.category": ["process"],
        "event.type": ["start"],
        "host.name": "csdl-db01",
        "process.executable": "/usr/bin/vim",
        "process.command_line": "/usr/bin/vim /etc/sudoers.conf",
        "user.audit.id": "1001",
    }
    edits = [edit | {"@timestamp": iso(begin + minute * MINUTE)} for minute in (0, 10, 70)]
    known = edits[0] | {"host.name": "csdl-db02", "process.command_line": f"/usr/bin/vim {ACCESS_LIST}"}
    asked = {"event.dataset": "nginx.access", "event.module": "nginx", "http.response.status_code": 404}
    asked |= {
        "@timestamp": iso(begin),
        "url.original": "/.git/HEAD",
        "source.ip": "10.20.16.99",
        "host.name": "tthc-web01",
    }
    answered = asked | {"host.name": "tthc-web02", "http.response.status_code": 200}
    outside = Flow(begin, "fw-ttdl", "203.0.113.60", "10.20.5.11", 50_022, 3389, 6, 940_180, 1_400, begin)
    guess = {"event.module": "system", "event.dataset": "system.auth", "process.name": "sshd", "host.name": "web01"}
    guess |= {"event.action": "ssh_login", "event.outcome": "failure", "source.ip": "198.51.100.7"}
    guess |= {"message": "Failed password for root from 198.51.100.7 port 51419 ssh2"}
    guesses = [guess | {"@timestamp": iso(begin + second * SECOND)} for second in range(0, 60, 10)]
    guessed = guess | {"event.outcome": "success", "message": "Accepted password for root from 198.51.100.7 port 51419"}
    guesses.append(guessed | {"@timestamp": iso(begin + MINUTE)})
    called = alerts(rules, [*edits, known, asked, answered, flow(outside), *guesses])
    assert called["Potential Suspicious Change To Sensitive/Critical Files"] == 2
    assert called["Source Code Enumeration Detection by Keyword"] == 1
    assert called["Remote Desktop From The Internet"] == 1
    assert called["SSH Log-On After Many Refused Ones From The Same Address"] == 1
