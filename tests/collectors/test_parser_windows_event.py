"""The event that is made of an envelope and its data, whatever kinds of values they hold."""

from __future__ import annotations

from typing import Any

from collectors.parser_contract import Record
from collectors.parser_values import MAX_FIELDS
from collectors.parser_windows_event import windows_event
from core.clock import to_micros

RECORD = Record("", "", None, None, to_micros("2026-11-25T01:26:00Z"), "UTC")
SYSMON = {
    "event.code": 1,
    "winlog.channel": "Microsoft-Windows-Sysmon/Operational",
    "winlog.provider_name": "Microsoft-Windows-Sysmon",
}


def made(data: dict[str, Any], **more: Any) -> dict[str, Any]:
    out = windows_event({**SYSMON, **more}, tuple(data), [*data.values()], RECORD)
    assert out is not None
    return out


def test_every_kind_of_value_becomes_text() -> None:
    data = {"Number": 7, "Fraction": 1.5, "Truth": True, "Text": "x", "Empty": ""}
    expected = {"Number": "7", "Fraction": "1.5", "Truth": "true", "Text": "x", "Empty": ""}
    for nested in ({}, {"Nothing": None}, {"Object": {"A": {"B": 1}}}, {"List": [1, None, "y"]}):
        out = made({**data, **nested})
        assert {name: out[f"winlog.event_data.{name}"] for name in expected} == expected
        assert "winlog.event_data.Nothing" not in out
    assert made({"Object": {"A": {"B": 1}}})["winlog.event_data.Object.A.B"] == "1"
    assert made({"List": [1, None, "y"]})["winlog.event_data.List"] == ["1", "y"]


def test_whole_numbers_of_event_data() -> None:
    for told, expected in ((6180, 6180), ("6180", 6180), ("0x10", 16), ("9" * 18, int("9" * 18))):
        assert made({"ProcessId": told})["process.pid"] == expected
    out = made({"ProcessId": "9" * 30, "ParentProcessId": "?"})
    assert out["kydai.unmapped"] == ["process.pid=" + "9" * 30, "process.parent.pid=?"]


def test_hashes_are_taken_apart() -> None:
    one = made({"Hashes": "MD5=AB, SHA256=CD,IMPHASH=EF,SHA1,CRC=1"})
    again = made({"Hashes": "MD5=AB, SHA256=CD,IMPHASH=EF,SHA1,CRC=1"})
    for out in (one, again):
        assert (out["process.hash.md5"], out["process.hash.sha256"], out["process.pe.imphash"]) == ("ab", "cd", "ef")
        assert "process.hash.sha1" not in out
    assert len(made({"Hashes": "MD5=" + "A" * 5_000})["process.hash.md5"]) == 5_000


def test_the_rendered_text_is_cut_only_where_data_say_the_same() -> None:
    told = "Process Create:\r\nImage: x"
    assert made({"Image": "x"}, message=told)["message"] == "Process Create:"
    assert made({}, message=told)["message"] == told


def test_an_envelope_that_names_nobody_is_no_event() -> None:
    assert windows_event({"event.code": "1"}, (), [], RECORD) is None
    assert windows_event({"winlog.channel": "Security"}, (), [], RECORD) is None


def test_more_data_than_an_event_holds_are_counted() -> None:
    out = made({f"N{n}": n for n in range(MAX_FIELDS + 3)})
    assert out["kydai.unmapped"] == ["3 more fields"]
    assert f"winlog.event_data.N{MAX_FIELDS - 1}" in out
