"""Windows events in every shape: the same event must come out of each."""

from __future__ import annotations

import io
from typing import Any

import orjson
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.parser import ParserSet
from core.clock import to_micros
from core.event import Event, Frame
from tests.samples import sample

PARSERS = ParserSet.load()
CREATED = to_micros("2026-11-25T01:26:00Z")
LOGON_DATA = {
    "SubjectUserSid": "S-1-5-18", "SubjectUserName": "DC01$", "SubjectDomainName": "BACHVAN", "SubjectLogonId": "0x3e7",
    "TargetUserSid": "S-1-5-21-1-2-3-1104", "TargetUserName": "hanhnt", "TargetDomainName": "BACHVAN",
    "TargetLogonId": "0x8dcdc", "LogonType": "10", "LogonProcessName": "User32 ", "WorkstationName": "PC-0031",
    "ProcessId": "0x44c", "ProcessName": "C:\\Windows\\System32\\svchost.exe", "IpAddress": "::ffff:192.0.2.7",
    "IpPort": "49801",
}  # fmt: skip


def event(document: dict[str, Any] | str, zone: str = "Asia/Ho_Chi_Minh") -> Event:
    raw = document if isinstance(document, str) else orjson.dumps(document).decode()
    found = PARSERS.parse(Frame("tcp:192.0.2.1", CREATED, raw.encode()), zone=zone)
    assert found.parser == "windows", found.why
    assert not PARSERS.counts.errors
    return found.events[0]


def system(code: int, channel: str, provider: str) -> dict[str, Any]:
    return {
        "Provider": {"#attributes": {"Name": provider, "Guid": "{54849625-5478-4994-A5BA-3E3B0328C30D}"}},
        "EventID": code, "Version": 2, "Level": 0, "Task": 12544, "Opcode": 0, "Keywords": "0x8020000000000000",
        "TimeCreated": {"#attributes": {"SystemTime": "2026-11-25T01:25:59.123456Z"}}, "EventRecordID": 4711,
        "Correlation": None, "Execution": {"#attributes": {"ProcessID": 744, "ThreadID": 812}},
        "Channel": channel, "Computer": "dc01.bachvan.example", "Security": None,
    }  # fmt: skip


EVTX = {
    "Event": {
        "#attributes": {"xmlns": "http://schemas.microsoft.com/win/2004/08/events/event"},
        "System": system(4624, "Security", "Microsoft-Windows-Security-Auditing"),
        "EventData": {**LOGON_DATA, "LogonType": 10, "IpPort": 49801},
    }
}
FLAT = {
    "Provider_Name": "Microsoft-Windows-Security-Auditing", "Channel": "Security", "EventID": 4624,
    "Computer": "dc01.bachvan.example", "TimeCreated": "2026-11-25T01:25:59.123456Z", "EventRecordID": 4711,
    "Keywords": "0x8020000000000000", "Level": "0", **LOGON_DATA,
}  # fmt: skip
NXLOG = {
    "EventTime": "2026-11-25 08:25:59.123456", "Hostname": "dc01.bachvan.example", "Keywords": -9214364837600034816,
    "EventType": "AUDIT_SUCCESS", "SeverityValue": 2, "Severity": "INFO", "EventID": 4624,
    "SourceName": "Microsoft-Windows-Security-Auditing", "ProviderGuid": "{54849625-5478-4994-A5BA-3E3B0328C30D}",
    "Version": 2, "Task": 12544, "OpcodeValue": 0, "RecordNumber": 4711, "ProcessID": 744, "ThreadID": 812,
    "Channel": "Security", "Message": "An account was successfully logged on.\r\n\r\nSubject:", "Category": "Logon",
    "Opcode": "Info", **LOGON_DATA, "EventReceivedTime": "2026-11-25 08:26:00", "SourceModuleName": "in",
    "SourceModuleType": "im_msvistalog",
}  # fmt: skip
FLUENT_BIT = {
    "ProviderName": "Microsoft-Windows-Security-Auditing", "ProviderGuid": "{54849625-5478-4994-A5BA-3E3B0328C30D}",
    "Qualifiers": "", "EventID": 4624, "Version": 2, "Level": 0, "Task": 12544, "Opcode": 0,
    "Keywords": "0x8020000000000000", "TimeCreated": "2026-11-25 08:25:59 +0700", "EventRecordID": 4711,
    "ActivityID": "", "RelatedActivityID": "", "ProcessID": 744, "ThreadID": 812, "Channel": "Security",
    "Computer": "dc01.bachvan.example", "UserID": "", "Message": "An account was successfully logged on.",
    "StringInserts": [
        "S-1-5-18", "DC01$", "BACHVAN", "0x3e7", "S-1-5-21-1-2-3-1104", "hanhnt", "BACHVAN", "0x8dcdc", "10",
        "User32 ", "Negotiate", "PC-0031", "{00000000-0000-0000-0000-000000000000}", "-", "-", "0", "0x44c",
        "C:\\Windows\\System32\\svchost.exe", "::ffff:192.0.2.7", "49801",
    ],
}  # fmt: skip
WINLOGBEAT = {
    "@timestamp": "2026-11-25T01:25:59.123Z", "@metadata": {"beat": "winlogbeat"}, "ecs": {"version": "8.0.0"},
    "agent": {"type": "winlogbeat", "name": "dc01"}, "host": {"name": "dc01.bachvan.example"},
    "event": {"code": "4624", "kind": "event", "provider": "Microsoft-Windows-Security-Auditing",
              "outcome": "success", "action": "Logon", "created": "2026-11-25T01:26:00.000Z"},
    "message": "An account was successfully logged on.\n\nSubject:", "log": {"level": "information"},
    "winlog": {"channel": "Security", "event_id": "4624", "computer_name": "dc01.bachvan.example", "record_id": 4711,
               "provider_name": "Microsoft-Windows-Security-Auditing", "keywords": ["Audit Success"],
               "process": {"pid": 744, "thread": {"id": 812}}, "event_data": LOGON_DATA},
}  # fmt: skip
XML = (
    '<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System>'
    '<Provider Name="Microsoft-Windows-Security-Auditing" Guid="{x}"/><EventID>4624</EventID><Level>0</Level>'
    '<Keywords>0x8020000000000000</Keywords><TimeCreated SystemTime="2026-11-25T01:25:59.1234560Z"/>'
    '<EventRecordID>4711</EventRecordID><Execution ProcessID="744" ThreadID="812"/><Channel>Security</Channel>'
    "<Computer>dc01.bachvan.example</Computer><Security/></System><EventData>"
    + "".join(f'<Data Name="{name}">{value}</Data>' for name, value in LOGON_DATA.items())
    + "</EventData></Event>"
)
SHAPES = {
    "evtx": EVTX, "flat": FLAT, "nxlog": NXLOG, "fluent bit": FLUENT_BIT, "winlogbeat": WINLOGBEAT, "xml": XML,
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_one_event_in_every_shape(shape: str) -> None:
    made = event(SHAPES[shape])  # type: ignore[arg-type]
    expected = {
        "event.code": "4624", "event.action": "logged-in", "event.outcome": "success",
        "event.category": ["authentication"], "event.dataset": "windows.security", "winlog.channel": "Security",
        "winlog.record_id": "4711", "winlog.provider_name": "Microsoft-Windows-Security-Auditing",
        "host.name": "dc01.bachvan.example", "user.name": "hanhnt", "user.domain": "BACHVAN",
        "user.id": "S-1-5-21-1-2-3-1104", "source.ip": "192.0.2.7", "source.port": 49801,
        "winlog.logon.type": "RemoteInteractive", "winlog.event_data.LogonType": "10",
        "winlog.event_data.SubjectUserName": "DC01$", "process.pid": 0x44C, "process.name": "svchost.exe",
    }  # fmt: skip
    assert {field: made.get(field) for field in expected} == expected
    assert str(made["@timestamp"]).startswith("2026-11-25T01:25:59")
    assert "user.target.name" not in made


def test_the_rendered_text_keeps_its_first_line() -> None:
    made = event(NXLOG)
    assert made["message"] == "An account was successfully logged on."
    assert "Subject:" in str(made["event.original"])


def test_nxlog_process_and_event_type() -> None:
    made = event(NXLOG)
    assert made["winlog.process.pid"] == "744"
    assert made["winlog.event_type"] == "AUDIT_SUCCESS"
    newer = {**NXLOG, "ExecutionProcessID": 744, "ProcessID": "4021", "EventID": 5156, "Application": "\\device\\a.exe"}
    del newer["ProcessId"]
    made = event(newer)
    assert made["winlog.process.pid"] == "744"
    assert made["process.pid"] == 4021


def test_nxlog_inside_syslog() -> None:
    raw = "<13>Nov 25 08:26:00 dc01 Microsoft-Windows-Security-Auditing[744]: " + orjson.dumps(NXLOG).decode()
    made = event(raw)
    assert made["host.name"] == "dc01.bachvan.example"
    assert made["user.name"] == "hanhnt"
    assert made["log.syslog.priority"] == 13


def test_sysmon_process() -> None:
    document = {
        "Channel": "Microsoft-Windows-Sysmon/Operational", "EventID": 1, "Computer": "pc-0031",
        "Provider_Name": "Microsoft-Windows-Sysmon", "ProcessGuid": "0197231E-F943-69E5-A527-000000000800",
        "ProcessId": 6180, "Image": "C:\\Windows\\System32\\cmd.exe", "CommandLine": 'cmd.exe /c "whoami"',
        "User": "BACHVAN\\hanhnt", "Hashes": "MD5=AB,SHA256=CD,IMPHASH=EF", "Company": "-",
        "ParentImage": "C:\\inetpub\\w3wp.exe", "ParentProcessId": "77",
    }  # fmt: skip
    made = event(document)
    expected = {
        "process.executable": "C:\\Windows\\System32\\cmd.exe", "process.name": "cmd.exe", "process.pid": 6180,
        "process.command_line": 'cmd.exe /c "whoami"', "process.parent.name": "w3wp.exe", "process.parent.pid": 77,
        "process.hash.sha256": "cd", "process.pe.imphash": "ef", "user.domain": "BACHVAN", "user.name": "hanhnt",
        "process.entity_id": "{0197231E-F943-69E5-A527-000000000800}", "event.category": ["process"],
        "event.type": ["start"], "winlog.event_data.Company": "-", "winlog.event_data.ProcessId": "6180",
        "related.hash": ["cd", "ab", "ef"],
    }  # fmt: skip
    assert {field: made.get(field) for field in expected} == expected
    assert "process.pe.company" not in made


def test_sysmon_registry_network_dns() -> None:
    base = {"Channel": "Microsoft-Windows-Sysmon/Operational", "Provider_Name": "Microsoft-Windows-Sysmon"}
    made = event(
        {**base, "EventID": 13, "TargetObject": "HKLM\\Software\\Run\\x", "Details": "y", "EventType": "SetValue"}
    )
    assert (made["registry.hive"], made["registry.key"], made["registry.value"]) == ("HKLM", "Software\\Run\\x", "x")
    assert made["registry.data.strings"] == ["y"]
    assert made["winlog.event_data.EventType"] == "SetValue"
    made = event({**base, "EventID": 3, "SourceIp": "10.20.1.5", "DestinationIp": "192.0.2.7", "DestinationPort": 443,
                  "Protocol": "TCP", "Initiated": True})  # fmt: skip
    assert made["network.direction"] == "egress"
    assert (made["destination.port"], made["network.transport"]) == (443, "tcp")
    assert made["winlog.event_data.Initiated"] == "true"
    made = event(
        {**base, "EventID": 22, "QueryName": "a.example", "QueryResults": "type:  5 b.example;::ffff:192.0.2.7;"}
    )
    assert made["dns.resolved_ip"] == ["192.0.2.7"]
    assert made["dns.answers.data"] == ["b.example", "192.0.2.7"]


def test_a_cleared_log_does_not_collide_with_the_envelope() -> None:
    made = event(
        {
            "Event": {
                "System": system(104, "System", "Microsoft-Windows-Eventlog"),
                "UserData": {
                    "LogFileCleared": {
                        "#attributes": {"xmlns": "x"}, "SubjectUserName": "user01", "SubjectDomainName": "EXAMPLE",
                        "Channel": "Windows PowerShell", "BackupPath": None,
                    }
                },
            }
        }
    )  # fmt: skip
    assert made["winlog.channel"] == "System"
    assert made["winlog.event_data.Channel"] == "Windows PowerShell"
    assert made["event.action"] == "event-log-cleared"
    assert made["user.name"] == "user01"


def test_unnamed_data_stay_a_list() -> None:
    made = event(
        {"Event": {"System": system(400, "Windows PowerShell", "PowerShell"),
                   "EventData": {"Data": {"#text": ["Available", "None", "HostName=ConsoleHost"]}}}}
    )  # fmt: skip
    assert made["winlog.event_data.Data"] == ["Available", "None", "HostName=ConsoleHost"]
    assert made["event.dataset"] == "windows.powershell"


def test_a_new_process_and_its_creator() -> None:
    made = event(
        {**FLAT, "EventID": 4688, "NewProcessName": "C:\\Windows\\cmd.exe", "NewProcessId": "0x10", "ProcessId": "0x20"}
    )
    assert (made["process.pid"], made["process.parent.pid"]) == (16, 32)
    assert (made["user.name"], made["user.target.name"]) == ("DC01$", "hanhnt")


@pytest.mark.parametrize("without", ["provider_name", "event_id"])
def test_winlogbeat_may_name_provider_and_code_in_ecs_only(without: str) -> None:
    winlog = {name: value for name, value in WINLOGBEAT["winlog"].items() if name != without}  # type: ignore[attr-defined]  # it is a dictionary
    made = event({**WINLOGBEAT, "winlog": winlog})
    whole = event(WINLOGBEAT)
    del made["event.original"], whole["event.original"]
    assert made == whole


def test_no_provider_is_no_empty_field() -> None:
    made = event({"winlog": {"channel": "Security", "event_id": "4624"}})
    assert "event.provider" not in made


def test_the_sender_cannot_write_our_own_fields() -> None:
    made = event(
        {**WINLOGBEAT, "kydai": {"system": "tthc"}, "event": {"code": "4624", "created": "2019-01-01T00:00:00Z"}}
    )
    assert "kydai.system" not in made
    assert made["sender.kydai.system"] == "tthc"
    assert made["event.created"] == "2026-11-25T01:26:00.000000Z"


@pytest.mark.parametrize(
    "raw",
    [
        '<Event><!DOCTYPE x [<!ENTITY a "b">]></Event>',
        "<!DOCTYPE x><Event/>",
        "<Event ",
        "<Event><System/></Event>",
        '{"Event": {"System": 1}}',
        '{"Event": {"System": {"EventID": {}}}}',
        '{"EventID": null, "Channel": null}',
        '{"winlog": 7}',
        '{"Event": []}',
    ],
)
def test_what_is_not_an_event_is_left(raw: str) -> None:
    found = PARSERS.parse(Frame("x", CREATED, raw.encode()), zone="UTC")
    assert found.parser != "windows"
    assert not PARSERS.counts.errors


def test_real_traffic() -> None:
    """Every one of the first 3,000 events of OTRF is read whole: nothing unmapped, nothing without a time."""
    path = sample("windows/otrf-100k.jsonl.zst")
    with path.open("rb") as file:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
        for _, line in zip(range(3000), lines, strict=False):
            raw = line.rstrip("\n")
            made = event(raw)
            assert "kydai.unmapped" not in made, made["kydai.unmapped"]
            assert made["kydai.time_flag"] == "past"
            document = orjson.loads(raw)
            texts = {str(v) for v in made.values() if isinstance(v, str)}
            missing = [n for n, v in document.items() if isinstance(v, str) and v and v not in texts and len(v) < 400]
            assert [n for n in missing if n not in ("TimeCreated", "EventTime", "Message")] == []


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(["evtx", "flat", "nxlog", "fluent bit", "winlogbeat"]), st.data())
@settings(max_examples=200, deadline=None)
def test_any_value_anywhere(shape: str, data: st.DataObject) -> None:
    document = orjson.loads(orjson.dumps(SHAPES[shape]))
    here = document
    while True:
        key = data.draw(st.sampled_from(sorted(here)))
        if isinstance(here[key], dict) and here[key] and data.draw(st.booleans()):
            here = here[key]
            continue
        here[key] = data.draw(ANYTHING)
        break
    PARSERS.counts.errors.clear()
    found = PARSERS.parse(Frame("x", CREATED, orjson.dumps(document)), zone="UTC")
    assert not PARSERS.counts.errors
    for name, value in found.events[0].items():
        members = value if isinstance(value, list) else [value]
        assert all(isinstance(m, str | int | float | bool) for m in members), (name, value)
