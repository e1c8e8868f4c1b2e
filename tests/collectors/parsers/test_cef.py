"""CEF: header, extension, escapes, custom labels, damaged lines."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from collectors.parser import ParserSet
from core.clock import to_micros
from core.event import Event, Frame

PARSERS = ParserSet.load()
CREATED = to_micros("2026-11-25T01:26:00Z")


def event(raw: str, zone: str = "Asia/Ho_Chi_Minh") -> Event:
    found = PARSERS.parse(Frame("x", CREATED, raw.encode()), zone=zone)
    assert found.parser == "cef", found.why
    return found.events[0]


def test_with_a_syslog_header() -> None:
    made = event(
        "<134>Nov 25 08:26:00 av01 CEF:0|Kaspersky|Security Center|14.2|GNRL_EV_VIRUS_FOUND|Object \\| found|High|"
        "rt=1795569960123 src=10.20.5.31 dhost=pc-0031 suser=BACHVAN\\\\hanhnt fname=báo cáo.docm "
        "filePath=C:\\\\Tai lieu\\\\báo cáo.docm cs1=EICAR cs1Label=Virus name act=blocked "
        "request=http://a.example/x?y\\=1 spt=49801 proto=TCP in=10 out=20 outcome=failure msg=Phát hiện mã độc"
    )
    expected = {
        "@timestamp": "2026-11-25T01:26:00.123000Z", "observer.vendor": "Kaspersky",
        "event.code": "GNRL_EV_VIRUS_FOUND",
        "cef.name": "Object | found", "event.severity": 8, "source.ip": "10.20.5.31", "source.port": 49801,
        "destination.domain": "pc-0031", "user.name": "BACHVAN\\hanhnt", "file.name": "báo cáo.docm",
        "cef.Virus_name": "EICAR", "event.action": "blocked", "url.query": "y=1", "network.transport": "tcp",
        "network.bytes": 30, "event.outcome": "failure", "message": "Phát hiện mã độc", "host.name": "av01",
    }  # fmt: skip
    assert {name: made.get(name) for name in expected} == expected


def test_bare_and_with_a_host_of_its_own() -> None:
    made = event("CEF:0|V|P|1|100|name|5|dvchost=fw1 dvc=192.0.2.1 rt=Nov 25 2026 08:26:00 unknown=kept")
    assert made["@timestamp"] == "2026-11-25T01:26:00.000000Z"
    assert (made["host.name"], made["observer.ip"], made["cef.unknown"]) == ("fw1", "192.0.2.1", "kept")
    assert made["message"] == "name"


def test_a_short_header_is_left() -> None:
    found = PARSERS.parse(Frame("x", CREATED, b"CEF:0|V|P|1"), zone="UTC")
    assert found.unparsed


@given(st.text(max_size=120))
def test_any_extension(tail: str) -> None:
    PARSERS.parse(Frame("x", CREATED, f"CEF:0|V|P|1|100|n|5|{tail}".encode("utf-8", "replace")), zone="UTC")
    assert not PARSERS.counts.errors


def test_a_megabyte_takes_no_time() -> None:
    for body in ("a" * 1_000_000, "a=" * 500_000, "\\" * 1_000_000, " a=" * 300_000, "|" * 1_000_000):
        began = time.process_time()
        PARSERS.parse(Frame("x", CREATED, f"CEF:0|V|P|1|100|n|5|{body}".encode()), zone="UTC")
        assert time.process_time() - began < 2
