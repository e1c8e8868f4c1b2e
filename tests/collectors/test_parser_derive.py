"""Derived fields and the conversions that packs name."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.parser_contract import Record
from collectors.parser_derive import AS, DERIVE

RECORD = Record("", "", None, None, 0, "UTC")


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("url", {"url.original": "/a/b.PHP?x=1#top"},
         {"url.path": "/a/b.PHP", "url.query": "x=1", "url.fragment": "top", "url.extension": "php"}),
        ("url", {"url.original": "https://u:p@cong.example:8443/b%C3%A1o"},
         {"url.scheme": "https", "url.domain": "cong.example", "url.port": 8443, "url.path": "/báo"}),
        ("url", {"url.original": "/x?next=http://evil.example"},
         {"url.path": "/x", "url.query": "next=http://evil.example"}),
        ("url", {}, {}),
        ("http", {"http.response.status_code": 404}, {"event.outcome": "failure"}),
        ("http", {"http.response.status_code": 302}, {"event.outcome": "success"}),
        ("file_parts", {"file.path": "C:\\Tài liệu\\báo cáo.DOCX"},
         {"file.directory": "C:\\Tài liệu", "file.name": "báo cáo.DOCX", "file.extension": "docx"}),
        ("file_parts", {"file.path": "/etc/passwd"}, {"file.directory": "/etc", "file.name": "passwd"}),
        ("process_name", {"process.executable": "/usr/bin/sudo"}, {"process.name": "sudo"}),
        ("bytes_sum", {"source.bytes": 1, "destination.bytes": 2}, {"network.bytes": 3}),
        ("transport", {"network.iana_number": "17"}, {"network.transport": "udp"}),
        ("protocol", {"_proto": "TCP"}, {"network.transport": "tcp"}),
        ("forwarded", {"_remote": "10.0.0.2, 10.0.0.1, 85.181.35.98"}, {"source.ip": "85.181.35.98"}),
        ("forwarded", {"_remote": "10.0.0.2, 172.16.0.1"}, {"source.ip": "10.0.0.2"}),
        ("forwarded", {"_remote": "10.2.1.185", "_forwarded": "10.5.1.2, 199.96.1.1"}, {"source.ip": "199.96.1.1"}),
        ("forwarded", {"_remote": "unix:"}, {}),
        ("forwarded", {"_remote": "may.example"}, {"source.domain": "may.example"}),
        ("vhost", {"_vhost": "cong.example"}, {"url.domain": "cong.example", "destination.domain": "cong.example"}),
        ("vhost", {"_vhost": "192.0.2.1"}, {"destination.ip": "192.0.2.1"}),
        ("addresses", {"source.address": "192.0.2.7"}, {"source.ip": "192.0.2.7"}),
        ("netfilter", {"_prefix": "UFW ALLOW"},
         {"event.action": "allow", "event.outcome": "success", "rule.name": "UFW ALLOW"}),
        ("squid", {"_elapsed": "12", "http.request.method": "CONNECT", "url.original": "a.example:443"},
         {"event.duration": 12_000_000, "url.domain": "a.example", "url.port": 443}),
        ("postgresql", {"_duration": "0.5"}, {"event.duration": 500_000}),
        ("ui_address", {"fortinet.firewall.ui": "ssh(192.0.2.9)"}, {"source.ip": "192.0.2.9"}),
    ],
)  # fmt: skip
def test_derivations(name: str, given: dict[str, Any], expected: dict[str, Any]) -> None:
    out = dict(given)
    assert DERIVE[name](out, RECORD)
    assert {field: out.get(field) for field in expected} == expected
    assert not [field for field in out if field.startswith("_")]


@pytest.mark.parametrize("name", DERIVE)
def test_a_derivation_of_nothing_adds_nothing(name: str) -> None:
    out: dict[str, Any] = {}
    assert DERIVE[name](out, RECORD)
    assert out == {}


@pytest.mark.parametrize(
    ("name", "field", "value", "expected"),
    [
        ("lower", "network.protocol", "DNS", {"network.protocol": "dns"}),
        ("upper", "http.request.method", "get", {"http.request.method": "GET"}),
        ("address", "source", "192.0.2.7", {"source.ip": "192.0.2.7"}),
        ("milliseconds", "event.duration", "1.5", {"event.duration": 1_500_000}),
        ("seconds", "event.duration", "2", {"event.duration": 2_000_000_000}),
        ("seconds", "event.duration", "soon", {"kydai.unmapped": ["event.duration=soon"]}),
        ("list", "dns.resolved_ip", "192.0.2.7, 192.0.2.8", {"dns.resolved_ip": ["192.0.2.7", "192.0.2.8"]}),
        ("mac", "source.mac", "00:11:22:33:44:aa", {"source.mac": "00-11-22-33-44-AA"}),
        ("plus", "user_agent.original", "a+b", {"user_agent.original": "a b"}),
        ("domain_user", "user", "BV\\an", {"user.domain": "BV", "user.name": "an"}),
        ("domain_user", "user", "an@bv", {"user.domain": "bv", "user.name": "an"}),
        ("domain_user", "user", "an", {"user.name": "an"}),
        ("append", "tags", "a", {"tags": ["a"]}),
        ("kilobytes", "source.bytes", "2", {"source.bytes": 2048}),
        ("microseconds", "event.duration", "3", {"event.duration": 3000}),
    ],
)  # fmt: skip
def test_conversions(name: str, field: str, value: str, expected: dict[str, Any]) -> None:
    out: dict[str, Any] = {}
    AS[name](out, field, value)
    assert out == expected
