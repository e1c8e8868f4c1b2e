"""What a rule can do here, on which hosts, why not, and what helps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from detections.coverage import Coverage, State, coverage
from detections.coverage_hosts import Declared, Seen
from detections.rule import Mode
from detections.ruleset import RuleSource, load
from tests.detections.seen_samples import seen_of_events
from tests.detections.sigma_samples import rule_id, rule_text, ruleset_of

SYSMON = {"winlog.channel": "Microsoft-Windows-Sysmon/Operational", "event.code": "1", "kydai.parser": "windows"}
EVENTS: list[dict[str, Any]] = [
    {**SYSMON, "winlog.event_data.Image": "x", "winlog.event_data.CommandLine": "y", "winlog.event_data.Empty": None},
    {"winlog.channel": "Security", "event.code": "4624", "kydai.parser": "windows"},
    {"event.module": "nginx", "event.dataset": "nginx.access", "url.original": "/", "event.category": ["web"]},
]
PROCESS = "{product: windows, category: process_creation}"
SYSTEM = "{product: windows, service: system}"
EXCHANGE = "{product: windows, service: msexchange-management}"
SECURITY = "{product: windows, service: security}"


@pytest.mark.parametrize(
    ("detection", "logsource", "state", "words"),
    [
        ("s:\n  Image: x\n  CommandLine: y\ncondition: s\n", PROCESS, State.LIVE, "live"),
        ("s:\n  Image: x\nf:\n  ParentImage: y\ncondition: s and not f\n", PROCESS, State.LIVE, "live"),
        ("s:\n  Image: x\n  Hashes: y\ncondition: s\n", PROCESS, State.BLIND, "the fields Hashes are missing (h)"),
        ("s:\n  Empty: x\ncondition: s\n", PROCESS, State.BLIND, "fields Empty"),
        ("s:\n  - Image: x\n  - Hashes: y\ncondition: s\n", PROCESS, State.LIVE, "live"),
        ("s:\n  - Empty: x\n  - Hashes: y\ncondition: s\n", PROCESS, State.BLIND, "fields Empty, Hashes"),
        ("s:\n  Image: x\n  Hashes: null\ncondition: s\n", PROCESS, State.LIVE, "live"),
        ("s:\n  EventID: 4625\ncondition: s\n", SECURITY, State.BLIND, "no event 4625 was seen (h)"),
        ("s:\n  EventID: 4648\ncondition: s\n", SECURITY, State.UNPROVEN, "windows/security"),
        ("s:\n  EventID: 1102\ncondition: s\n", SECURITY, State.UNPROVEN, "windows/security"),
        ("s:\n  EventID: 4624\ncondition: s\n", SECURITY, State.LIVE, "live"),
        ("k: [mimikatz]\ncondition: k\n", "{product: windows}", State.LIVE, "live"),
        ("s:\n  F: 1\ncondition: s\n", SYSTEM, State.BLIND, "no events of windows/system come (h)"),
        ("s:\n  F: 1\ncondition: s\n", "{product: okta, service: okta}", State.NOT_HERE, "no okta/okta"),
        ("s:\n  F: 1\ncondition: s\n", "{category: proxy}", State.NOT_HERE, "no proxy"),
        ("s:\n  F: 1\ncondition: s\n", EXCHANGE, State.NOT_HERE, "msexchange"),
        ("s:\n  cs-uri-query: x\ncondition: s\n", "{category: webserver}", State.LIVE, "live"),
        ("s:\n  sc-status: 200\ncondition: s\n", "{category: webserver}", State.BLIND, "fields sc-status"),
        ("s:\n  Image|expand: '%x%'\ncondition: s\n", PROCESS, State.BLIND, "value is given for %x%"),
        ("s:\n  dst_port: 22\ncondition: s\n", "{category: flow}", State.LIVE, "live"),
        ("s:\n  dst_port: 22\n  network.name: x\ncondition: s\n", "{category: flow}", State.BLIND, "network.name"),
        ("s:\n  '@timestamp|week': 2\ncondition: s\n", "{category: flow}", State.BLIND, "cannot run on flows"),
    ],
)  # fmt: skip
def test_states(tmp_path: Path, detection: str, logsource: str, state: State, words: str) -> None:
    seen = seen_of_events(EVENTS)
    seen.flow_fields = {"destination.port"}
    (found,) = coverage(ruleset_of(tmp_path, [rule_text(1, detection, logsource)]), seen)
    assert (found.rule, found.state) == (rule_id(1), state)
    assert words in found.reason["en"]
    assert found.reason["vi"]


COMMAND = "s:\n  CommandLine: y\ncondition: s\n"


def of_hosts(tmp_path: Path, *without: str) -> Coverage:
    """A rule that needs the command line, with five hosts of which some do not send it."""
    whole = {**SYSMON, "winlog.event_data.Image": "x", "winlog.event_data.CommandLine": "y"}
    bare = {**SYSMON, "winlog.event_data.Image": "x"}
    events = [{**(bare if host in without else whole), "host.name": host} for host in "abcde"]
    (found,) = coverage(ruleset_of(tmp_path, [rule_text(1, COMMAND, PROCESS)]), seen_of_events(events))
    return found


def test_hosts_are_told_apart(tmp_path: Path) -> None:
    assert of_hosts(tmp_path).state is State.LIVE
    found = of_hosts(tmp_path, "b", "c", "e")
    assert found.seeing_hosts == 2
    assert (found.state, found.hosts, found.blind_hosts) == (State.PARTLY_BLIND, 5, ("b", "c", "e"))
    assert found.missing == ("CommandLine",)
    assert found.reason["en"] == "partly blind on 3 of 5 hosts: the fields CommandLine are missing (b, c, e)"
    assert found.reason["vi"].startswith("thiếu dữ liệu 3/5 máy: ")
    assert found.remedy["en"].startswith("b, c, e: Switch on the GPO: ")
    assert "Include command line" in found.remedy["vi"]
    assert of_hosts(tmp_path, *"abcde").state is State.BLIND


def test_live_says_how_many_hosts_were_quiet(tmp_path: Path) -> None:
    rules = ruleset_of(tmp_path, [rule_text(1, "s:\n  user: x\ncondition: s\n", "{product: linux, service: sudo}")])
    line = {"event.module": "system", "event.dataset": "system.syslog", "host.os.type": "linux"}
    sudo = {**line, "event.dataset": "system.auth", "process.name": "sudo", "user.name": "x"}
    quiet = [{**line, "host.name": host} for host in "cde"]
    (found,) = coverage(rules, seen_of_events([{**sudo, "host.name": "a"}, {**sudo, "host.name": "b"}, *quiet]))
    assert (found.state, found.seeing_hosts, found.hosts, found.blind_hosts) == (State.LIVE, 2, 5, ())
    assert found.reason["en"].startswith("live: 2 of 5 hosts sent such events")
    assert found.reason["vi"].startswith("phát hiện được: 2/5 máy đã gửi")
    (found,) = coverage(rules, seen_of_events([{**sudo, "host.name": "a"}]))
    assert (found.state, found.seeing_hosts, found.hosts, found.reason["en"]) == (State.LIVE, 1, 1, "live")


def test_what_was_declared_and_does_not_come_is_blind(tmp_path: Path) -> None:
    rules = ruleset_of(tmp_path, [rule_text(1, "s:\n  F: 1\ncondition: s\n", "{category: proxy}")])
    (found,) = coverage(rules, Seen(declared=(Declared("Squid", ("squid.access",)),)))
    assert found.state is State.BLIND
    assert "access log" in found.remedy["en"]


def test_a_log_source_nobody_described_and_that_came_is_told(tmp_path: Path) -> None:
    rules = ruleset_of(tmp_path, [rule_text(1, "s:\n  F: 1\ncondition: s\n", "{product: acme, service: door}")])
    (found,) = coverage(rules, seen_of_events([], [{"event.module": "acme", "event.dataset": "acme.other"}]))
    assert (found.state, "not known here" in found.reason["en"]) == (State.BLIND, True)


def test_nothing_seen_disabled_suspended(tmp_path: Path) -> None:
    text = "s:\n  Image: x\ncondition: s\n"
    ruleset_of(
        tmp_path, [rule_text(1, text, PROCESS), rule_text(2, text, PROCESS), rule_text(3, text, "{category: flow}")]
    )
    loaded = load([RuleSource(tmp_path / "rules", "own")], modes={rule_id(2): Mode.DISABLED})
    assert [each.state for each in coverage(loaded, Seen())] == [State.NOT_HERE, State.DISABLED, State.NOT_HERE]
    (first, *_) = coverage(loaded, Seen(), {rule_id(1): "too slow"})
    assert (first.state, first.missing) == (State.BLIND, ("too slow",))


CORRELATION = """title: C
id: 00000000-0000-4000-8000-00000000000{number}
name: c{number}
status: test
level: high
correlation:
  type: {type}
  rules: [{rules}]
  group-by: [host.name]
  timespan: 10m
{more}"""


@pytest.mark.parametrize(
    ("kind", "rules", "state", "words"),
    [
        ("event_count", "live, blind", State.LIVE, "live"),
        ("event_count", "blind", State.BLIND, "reads is blind or disabled (Rule 2)"),
        ("event_count", "unproven, blind", State.UNPROVEN, "unproven (Rule 3)"),
        ("event_count", "quiet", State.BLIND, "disabled (Rule 4)"),
        ("event_count", "partly, blind", State.PARTLY_BLIND, "partly blind (Rule 5)"),
        ("event_count", "elsewhere", State.NOT_HERE, "not for this site (Rule 6)"),
        ("event_count", "elsewhere, blind", State.BLIND, "(Rule 2)"),
        ("temporal", "live, unproven", State.UNPROVEN, "unproven (Rule 3)"),
        ("temporal", "live, unproven, blind", State.BLIND, "disabled (Rule 2)"),
        ("temporal_ordered", "live, live", State.LIVE, "live"),
    ],
)
def test_a_correlation_can_do_what_its_rules_can(
    tmp_path: Path, kind: str, rules: str, state: State, words: str
) -> None:
    more_hosts = [{**EVENTS[2], "host.name": "two", "http.version": "1"}]
    bodies = (
        ("live", "s:\n  Image: x\n", PROCESS),
        ("blind", "s:\n  Hashes: x\n", PROCESS),
        ("unproven", "s:\n  EventID: 1102\n", SECURITY),
        ("quiet", "s:\n  Image: x\n", PROCESS),
        ("partly", "s:\n  cs-version: x\n", "{category: webserver}"),
        ("elsewhere", "s:\n  F: x\n", "{product: okta}"),
    )
    texts = [
        rule_text(number, f"{body}condition: s\n", source, f"name: {name}\n")
        for number, (name, body, source) in enumerate(bodies, 1)
    ]
    more = "  condition: {gte: 2}\n" if kind == "event_count" else ""
    texts.append(CORRELATION.format(number=8, type=kind, rules=rules, more=more))
    more = "  condition: {gte: 2}\n"
    texts.append(CORRELATION.format(number=9, type="event_count", rules="c8", more=more))
    ruleset_of(tmp_path, texts)
    loaded = load([RuleSource(tmp_path / "rules", "own")], modes={rule_id(4): Mode.DISABLED})
    *_, one, above = coverage(loaded, seen_of_events([*EVENTS, *more_hosts]))
    assert (one.rule, one.state) == (rule_id(8), state)
    assert words in one.reason["en"]
    assert one.reason["vi"]
    assert above.state is state, "and so can one that reads it"


def test_what_matched_lately_is_for_this_site(tmp_path: Path) -> None:
    rules = ruleset_of(tmp_path, [rule_text(1, "s:\n  F: 1\ncondition: s\n", "{product: okta, service: okta}")])
    (unknown,) = coverage(rules, seen_of_events(EVENTS))
    (hit,) = coverage(rules, seen_of_events(EVENTS), hit={rule_id(1)})
    assert (unknown.state, hit.state) == (State.NOT_HERE, State.UNPROVEN)
    assert "from files" in hit.reason["en"]
