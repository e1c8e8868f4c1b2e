"""Lines of web servers look like the servers' own."""

from __future__ import annotations

import orjson

from core.clock import to_micros
from kydai.demo.lines_web import IIS_FIELDS, access, iis, iis_header, keycloak
from kydai.demo.world import load_world

AT = to_micros("2026-11-25T01:26:00.123456Z")


def test_combined_format_is_in_local_time_with_its_offset() -> None:
    line = access(load_world().host("tthc-web01"), AT, "nginx", "192.0.2.140", "GET", "/", 200, 5, "UA").data.decode()
    assert line.endswith('nginx: 192.0.2.140 - - [25/Nov/2026:08:26:00 +0700] "GET / HTTP/1.1" 200 5 "-" "UA"')


def test_iis_is_in_utc_and_has_as_many_columns_as_it_names() -> None:
    host = load_world().host("cong-web01")
    values = iis(host, AT, "192.0.2.140", "GET", "/a.aspx", "", 404, 7, "A B").data.decode().split("iis: ")[1].split()
    assert len(values) == len(IIS_FIELDS.split()) - 1
    assert values[:3] == ["2026-11-25", "01:26:00", "10.20.3.10"]
    assert values[9] == "A+B"
    assert iis_header(host, AT).data.decode().endswith(IIS_FIELDS)


def test_keycloak_event_is_the_message_of_a_json_line() -> None:
    body = orjson.loads(
        keycloak(
            load_world().host("sso01"),
            AT,
            5,
            "LOGIN_ERROR",
            client="vanban",
            account="annv",
            user_id="u",
            address="10.20.32.11",
            error="invalid_user_credentials",
        ).data
    )
    assert body["timestamp"] == "2026-11-25T08:26:00.123+07:00"
    assert body["message"].startswith('type="LOGIN_ERROR", realmId="')
    assert 'error="invalid_user_credentials"' in body["message"]
