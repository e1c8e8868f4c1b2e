"""ECS events find the rules of their log source; events of our parsers hit as native records do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from collectors.parser import ParserSet
from core.clock import to_micros
from core.event import Frame
from detections.ecs_binding import EcsBinding, plain_names, sources
from detections.engine import Engine
from detections.native import NativeBinding, flatten
from detections.rule import Logsource
from detections.ruleset import RuleSet
from tests.detections import naive
from tests.detections.sigma_samples import evtx_records, rule_text, ruleset_of
from tests.detections.test_engine import names, windows_events
from tests.samples import sample

LINUX_PROCESS = "linux/process_creation/"
CREATED = to_micros("2026-11-25T01:26:00Z")


def test_parsed_windows_events_hit_as_native_ones(sigmahq: RuleSet, request: pytest.FixtureRequest) -> None:
    raws = [orjson.dumps(event) for event in windows_events(request.config.getoption("--windows-events"))]
    for name in ("evtx-attack", "sigmahq-regression"):
        for path in sorted(sample(name).rglob("*.evtx")):
            raws.extend(record.encode() for record in evtx_records(path))
    parsers = ParserSet.load()
    native = Engine(sigmahq, NativeBinding()).judge([flatten(orjson.loads(raw)) for raw in raws])
    parsed = [parsers.parse(Frame("file:x", CREATED, raw), zone="UTC").events[0] for raw in raws]
    ecs = Engine(sigmahq, EcsBinding())
    assert ecs.judge(parsed) == native
    assert ecs.judge(parsed, raws) == native
    print(f"{len(raws)} events, {sum(map(len, native))} hits, the same in both shapes")
    assert sum(map(len, native)) > 600


@pytest.mark.parametrize(
    ("event", "source", "applies"),
    [
        ({"event.module": "system", "event.dataset": "system.auth", "process.name": "sshd"}, "linux//sshd", True),
        ({"event.module": "system", "event.dataset": "system.auth", "process.name": "SUDO"}, "linux//sudo", True),
        ({"event.module": "system", "event.dataset": "system.auth", "process.name": "sshd"}, "linux//sudo", False),
        ({"event.module": "system", "event.dataset": "system.auth"}, "linux//auth", True),
        ({"event.module": "system", "event.dataset": "system.auth"}, "linux//", True),
        ({"event.module": "system", "event.dataset": "system.auth"}, "linux//auditd", False),
        ({"event.module": "auditd", "event.dataset": "auditd.log"}, "linux//auditd", True),
        ({"event.module": "auditd", "event.category": ["process"], "event.type": ["start"]}, LINUX_PROCESS, True),
        ({"event.module": "auditd", "event.category": ["process"], "event.type": ["end"]}, LINUX_PROCESS, False),
        ({"host.os.type": "linux", "event.category": "process", "event.type": "start"}, LINUX_PROCESS, True),
        ({"event.module": "nginx", "event.dataset": "nginx.access"}, "/webserver/", True),
        ({"event.module": "nginx", "event.dataset": "nginx.access"}, "nginx/webserver/", True),
        ({"event.module": "nginx", "event.dataset": "nginx.access"}, "apache/webserver/", False),
        ({"event.module": "nginx", "event.dataset": "nginx.error"}, "//nginx", True),
        ({"event.module": "nginx", "event.dataset": "nginx.access"}, "/proxy/", False),
        ({"event.module": "squid", "event.dataset": "squid.log"}, "/proxy/", True),
        ({"event.module": "bind", "event.dataset": "bind.query"}, "/dns/", True),
        ({"event.module": "aws", "event.dataset": "aws.cloudtrail"}, "aws//cloudtrail", True),
        ({"event.module": "aws", "event.dataset": "aws.cloudtrail"}, "aws//s3", False),
        ({"event.module": "zeek", "event.dataset": "zeek.http"}, "zeek//http", True),
        ({"event.module": "zeek", "event.dataset": "zeek.http"}, "//", False),
        ({"event.module": "json", "event.dataset": "json.log"}, "aws//cloudtrail", True),
        ({"event.module": "json", "event.dataset": "json.log"}, "django/application/", False),
        ({"event.module": "json", "event.dataset": "json.log"}, "windows//security", False),
        ({"event.module": "json", "event.dataset": "json.log"}, "linux//sshd", False),
        ({"event.module": "netfilter", "event.dataset": "netfilter.log"}, "/firewall/", True),
        ({"event.module": "system", "event.dataset": "system.cron", "process.name": "CRON"}, "linux//cron", True),
        ({"event.kind": "event"}, "anything/at/all", True),
        ({"winlog.channel": "Security", "event.code": "4625"}, "windows//security", True),
        ({"winlog.channel": "Security", "event.code": 4688}, "windows/process_creation/", True),
        ({"winlog.channel": "Security", "event.code": "4625"}, "linux//", False),
    ],
)  # fmt: skip
def test_routes(event: dict[str, Any], source: str, applies: bool) -> None:
    binding = EcsBinding()
    (key,) = binding.keys([event])
    product, category, service = source.split("/")
    assert bool(binding.route(key).places(Logsource(product, category, service))) is applies


RULES = [
    rule_text(1, "s:\n  CommandLine|contains: 'curl'\n  User: root\ncondition: s\n",
              "{product: linux, category: process_creation}"),
    rule_text(2, "k: ['Accepted password', 'Failed password']\ncondition: k\n", "{product: linux, service: sshd}"),
    rule_text(3, "s:\n  cs-uri-query|contains: '../'\n  sc-status: 200\ncondition: s\n", "{category: webserver}"),
    rule_text(4, "s:\n  source.ip|cidr: 192.0.2.0/24\n  event.outcome: failure\ncondition: s\n",
              "{product: linux, service: sshd}"),
    rule_text(5, "s:\n  eventName: StopLogging\ncondition: s\n", "{product: aws, service: cloudtrail}"),
    rule_text(6, "s:\n  Image|endswith: \\cmd.exe\ncondition: s\n",
              "{product: windows, category: process_creation}"),
    rule_text(7, "s:\n  ThreatName: Bad\ncondition: s\n", "{product: windows, service: windefend}"),
    rule_text(8, "s:\n  EventID: 104\nf:\n  Channel: Security\ncondition: s and not f\n",
              "{product: windows, service: system}"),
    rule_text(10, "s:\n  SubjectUserName|fieldref: TargetUserName\ne:\n  EventID: 1\ncondition: e and not s\n",
              "{product: windows, service: security}"),
    rule_text(9, "k: [mimikatz]\ncondition: k\n"),
]  # fmt: skip
SYSMON = "Microsoft-Windows-Sysmon/Operational"
EVENTS: list[tuple[dict[str, Any], list[int]]] = [
    ({"event.module": "auditd", "event.category": ["process"], "event.type": ["start"],
      "process.command_line": "/usr/bin/CURL x", "user.name": "root"}, [1]),
    ({"event.module": "system", "event.dataset": "system.auth", "process.name": "sshd", "source.ip": "192.0.2.9",
      "event.outcome": "failure", "message": "Failed password for root"}, [2, 4]),
    ({"event.module": "nginx", "event.dataset": "nginx.access", "url.original": "/a/../../etc/passwd",
      "url.path": "/etc/passwd", "http.response.status_code": 200}, [3]),
    ({"event.module": "aws", "event.dataset": "aws.cloudtrail", "aws.cloudtrail.eventName": "StopLogging"}, [5]),
    ({"event.module": "aws", "event.dataset": "aws.cloudtrail", "eventName": "StopLogging"}, [5]),
    ({"event.module": "json", "event.dataset": "json.log", "json.eventName": "StopLogging"}, [5]),
    ({"winlog.channel": SYSMON, "event.code": "1", "process.executable": "C:\\cmd.exe"}, [6]),
    ({"winlog.channel": SYSMON, "event.code": "1", "process.executable": "C:\\cmd.exe", "kydai.parser": "windows"}, []),
    ({"winlog.channel": "Security", "event.code": "4688", "winlog.event_data.NewProcessName": "C:\\cmd.exe"}, [6]),
    ({"winlog.channel": "Microsoft-Windows-Windows Defender/Operational", "event.code": "1116",
      "winlog.event_data.Threat Name": "bad"}, [7]),
    ({"winlog.channel": "System", "event.code": "104", "winlog.event_data.Channel": "Security"}, []),
    ({"winlog.channel": "System", "event.code": "104", "winlog.event_data.Channel": "Other"}, [8]),
    ({"winlog.channel": "System", "event.code": "7", "event.original": "{mimikatz}", "kydai.parser": "windows",
      "message": "run mimikatz"}, [9]),
    ({"winlog.channel": "System", "event.code": "7", "event.original": '{"mimikatz": 1}',
      "kydai.parser": "windows"}, []),
    ({"winlog.channel": "System", "event.code": "7", "message": "run MIMIKATZ"}, [9]),
    ({"Image": "C:\\cmd.exe"}, [6]),
    ({"process.executable": "C:\\cmd.exe"}, [6]),
    ({"winlog.channel": "Security", "event.code": "1", "winlog.event_data.SubjectUserName": "a", "user.name": "b",
      "winlog.event_data.TargetUserName": "b", "user.target.name": "a"}, [10]),
    ({"winlog.channel": "Security", "event.code": "1", "user.name": "b", "user.target.name": "b"}, []),
    ({"@timestamp": "x"}, []),
]  # fmt: skip


def test_judges_ecs_events(tmp_path: Path) -> None:
    ruleset = ruleset_of(tmp_path, RULES)
    binding = EcsBinding()
    engine = Engine(ruleset, binding)
    events = [event for event, _ in EVENTS]
    assert names(engine.judge(events)) == [expected for _, expected in EVENTS]
    assert engine.judge(events) == [naive.judge(ruleset, binding, event) for event in events]


def test_the_tables_are_whole() -> None:
    for source in sources():
        assert source.weight > 0
        assert source.events
    assert plain_names()["Image"] == ("Image", "process.executable", "process.name")
