"""What each host lets a rule see: needed fields, event ids, logs that do not come, and what counts as being here."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from detections.coverage_hosts import Declared, Group, Lack, Needs, Seen, Sight, Site, View
from detections.ecs_binding import EcsBinding
from detections.rule import Logsource, Rule
from tests.detections.seen_samples import seen_of_events
from tests.detections.sigma_samples import rule_text, ruleset_of

PROCESS = "{product: windows, category: process_creation}"
SECURITY = "{product: windows, service: security}"


def rule(tmp_path: Path, detection: str, logsource: str = PROCESS) -> Rule:
    return ruleset_of(tmp_path, [rule_text(1, detection, logsource)]).rules[0]


def windows(host: str, channel: str, code: str, **fields: Any) -> dict[str, Any]:
    names = {f"winlog.event_data.{name}": value for name, value in fields.items()}
    return {"host.name": host, "winlog.channel": channel, "event.code": code, "kydai.parser": "windows", **names}


def sysmon(host: str, code: str = "1", **fields: Any) -> dict[str, Any]:
    return windows(host, "Microsoft-Windows-Sysmon/Operational", code, **fields)


def view(tmp_path: Path, detection: str, logsource: str, *events: dict[str, Any], quiet: Any = ()) -> View:
    return Site(seen_of_events(events, quiet)).view(rule(tmp_path, detection, logsource))


@pytest.mark.parametrize(
    ("condition", "needed"),
    [
        ("s:\n  A: 1\n  B: 2\ncondition: s\n", {"A", "B"}),
        ("s:\n  - A: 1\n  - B: 2\ncondition: s\n", set()),
        ("s:\n  A: 1\nt:\n  - B: 1\n  - A: 3\ncondition: s and t\n", {"A"}),
        ("s:\n  A: 1\nf:\n  B: 1\ncondition: s and not f\n", {"A"}),
        ("s:\n  A: 1\nf:\n  B: null\ncondition: s and not f\n", {"A", "B"}),
        ("s:\n  A: 1\n  B: null\ncondition: s\n", {"A"}),
        ("k: [x]\ncondition: k\n", set()),
    ],
)
def test_a_field_is_needed_when_no_branch_can_be_true_without_it(
    tmp_path: Path, condition: str, needed: set[str]
) -> None:
    made = rule(tmp_path, condition, "{product: acme}")
    route = EcsBinding().route((None, None, None, None, None, None))
    needs = Needs(made, route.places(made.logsource)[0].fields, {})
    every = frozenset("AB")
    assert {name for name in every if not needs.met(every - {name})} == needed
    assert not needed or set(needs.missing(frozenset())) == needed


@pytest.mark.parametrize(("filled", "sight"), [(20, Sight.SEES), (19, Sight.SEES), (18, Sight.THIN), (0, Sight.LACKS)])
def test_a_field_is_filled_from_95_percent_on(tmp_path: Path, filled: int, sight: Sight) -> None:
    name = "winlog.event_data.Image"
    key = ("Microsoft-Windows-Sysmon/Operational", "1", None, "windows")
    group = Group(key, "a", 500, 20, Counter({"winlog.channel": 20} | ({name: filled} if filled else {})))
    found = Site(Seen((group,))).view(rule(tmp_path, "s:\n  Image: x\ncondition: s\n"))
    assert found.sees == {"a": sight}


def test_both_fields_must_stand_in_one_kind_of_events(tmp_path: Path) -> None:
    """Sysmon's has one and the audit's the other; no event has both."""
    events = sysmon("a", Image="x"), windows("a", "Security", "4688", CommandLine="x")
    found = view(tmp_path, "s:\n  Image: x\n  CommandLine: y\ncondition: s\n", PROCESS, *events)
    assert found.sees == {"a": Sight.LACKS}


def test_a_host_without_the_log_lacks_it_and_a_dead_one_is_left_out(tmp_path: Path) -> None:
    events = sysmon("a", Image="x"), windows("b", "Security", "4624")
    quiet = [windows("dead", "Security", "4624"), sysmon("dead", Image="x")]
    found = view(tmp_path, "s:\n  Image: x\ncondition: s\n", PROCESS, *events, quiet=quiet)
    assert found.sees == {"a": Sight.SEES, "b": Sight.LACKS}
    assert found.lacks == {Lack("no_source"): ("b",)}


def test_a_log_that_was_quiet_for_a_day_is_no_lack(tmp_path: Path) -> None:
    found = view(
        tmp_path, "s:\n  Image: x\ncondition: s\n", PROCESS, windows("a", "Security", "4624"),
        quiet=[sysmon("a", Image="x")],
    )  # fmt: skip
    assert found.sees == {"a": Sight.QUIET}


def test_event_ids_go_by_what_switches_them_on(tmp_path: Path) -> None:
    logon = windows("pc", "Security", "4624")
    failed = "s:\n  EventID: 4625\ncondition: s\n"
    assert view(tmp_path, failed, SECURITY, logon).lacks == {Lack("event_id", ("4625",)): ("pc",)}
    assert view(tmp_path, "s:\n  EventID: 4648\ncondition: s\n", SECURITY, logon).sees == {"pc": Sight.QUIET}
    assert view(tmp_path, "s:\n  EventID: 1102\ncondition: s\n", SECURITY, logon).sees == {"pc": Sight.QUIET}


def test_what_only_a_domain_controller_sends_is_asked_of_no_other(tmp_path: Path) -> None:
    changed = "s:\n  EventID: 5136\ncondition: s\n"
    pc, dc = windows("pc", "Security", "4624"), windows("dc", "Security", "4769")
    assert view(tmp_path, changed, SECURITY, pc).sees == {}
    assert view(tmp_path, changed, SECURITY, pc, dc).sees == {"dc": Sight.LACKS}
    ticket = windows("dc", "Security", "5137")
    assert view(tmp_path, changed, SECURITY, pc, dc, ticket).sees == {"dc": Sight.QUIET}


def test_what_seldom_happens_is_quiet_beside_sysmon(tmp_path: Path) -> None:
    source = "{product: windows, category: create_remote_thread}"
    text = "s:\n  TargetImage: x\ncondition: s\n"
    found = view(tmp_path, text, source, sysmon("a", Image="x"), windows("b", "Security", "4624"))
    assert found.sees == {"a": Sight.QUIET, "b": Sight.LACKS}
    often = view(tmp_path, text, "{product: windows, category: process_access}", sysmon("a", Image="x"))
    assert often.sees == {"a": Sight.LACKS}


def test_a_log_that_comes_by_itself_is_no_lack(tmp_path: Path) -> None:
    line = {"host.name": "a", "event.module": "system", "event.dataset": "system.syslog", "host.os.type": "linux"}
    found = view(tmp_path, "s:\n  user: x\ncondition: s\n", "{product: linux, service: sudo}", line)
    assert found.sees == {"a": Sight.QUIET}
    found = view(tmp_path, "s:\n  type: x\ncondition: s\n", "{product: linux, service: auditd}", line)
    assert found.lacks == {Lack("no_source"): ("a",)}


def test_a_class_of_values_that_never_came_is_lacking(tmp_path: Path) -> None:
    source = "{product: linux, service: auditd}"
    record = {"host.name": "a", "event.module": "auditd", "event.dataset": "auditd.log", "auditd.log.a0": "x"}
    whole = [record | {"auditd.log.type": ["SYSCALL", "EXECVE"]}]
    other = [record | {"auditd.log.type": ["SYSCALL", "PATH"], "host.name": "b"}]
    found = view(tmp_path, "s: {type: EXECVE, a0: x}\ncondition: s\n", source, *whole, *other)
    assert found.sees == {"a": Sight.SEES, "b": Sight.LACKS}
    assert found.lacks == {Lack("fields", ("type=EXECVE",)): ("b",)}
    either = view(tmp_path, "s: {type: [EXECVE, PATH], a0: x}\ncondition: s\n", source, *whole, *other)
    assert set(either.sees.values()) == {Sight.SEES}
    rare = view(tmp_path, "s: {type: ADD_USER, a0: x}\ncondition: s\n", source, *whole, *other)
    assert set(rare.sees.values()) == {Sight.SEES}, "no switch makes these"
    negated = view(tmp_path, "s: {a0: x}\nf: {type: TTY}\ncondition: s and not f\n", source, *whole)
    assert negated.sees == {"a": Sight.SEES}


def test_one_action_that_has_the_field_is_enough(tmp_path: Path) -> None:
    line = {"host.name": "a", "event.module": "system", "event.dataset": "system.auth", "process.name": "sshd"}
    events = {**line, "event.action": "in", "user.name": "x"}, {**line, "event.action": "closed"}
    found = view(tmp_path, "s:\n  user: x\ncondition: s\n", "{product: linux, service: sshd}", *events, *events[1:] * 9)
    assert found.sees == {"a": Sight.SEES}


def test_json_that_does_not_say_whose_it_is_counts_only_where_it_fits(tmp_path: Path) -> None:
    aws = Logsource("aws", service="cloudtrail")
    fits = {"host.name": "a", "event.module": "json", "event.dataset": "json.log", "json.eventName": "x"}
    text, source = "s:\n  eventName: x\ncondition: s\n", "{product: aws, service: cloudtrail}"
    assert view(tmp_path, text, source, fits).sees == {"a": Sight.SEES}
    fits.pop("json.eventName")
    assert view(tmp_path, text, source, fits).sees == {}
    assert not Site(seen_of_events([fits])).is_here(aws)
    assert not Site(Seen(declared=(Declared("JSON", ("app.log",)),))).is_here(aws)


@pytest.mark.parametrize(
    ("declared", "source", "here"),
    [
        (Declared("Windows Server 2022"), Logsource("windows", "process_creation"), True),
        (Declared("Windows Server 2022"), Logsource("windows", service="msexchange-management"), False),
        (Declared("x", ("windows.security",)), Logsource("windows", service="system"), True),
        (Declared("x", ("system.auth",)), Logsource("linux", service="auditd"), True),
        (Declared("FortiGate"), Logsource("fortigate", service="event"), True),
        (Declared("x", ("fortinet.firewall",)), Logsource("", "firewall"), True),
        (Declared("nginx", ("nginx.access",)), Logsource("", "webserver"), True),
        (Declared("nginx", ("nginx.access",)), Logsource("", "proxy"), False),
        (Declared("Okta"), Logsource("okta", service="okta"), True),
        (Declared("Squid"), Logsource("okta", service="okta"), False),
    ],
)
def test_a_declared_product_is_here(declared: Declared, source: Logsource, here: bool) -> None:
    assert Site(Seen(declared=(declared,))).is_here(source) is here
