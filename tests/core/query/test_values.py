"""Scalars read as the type of their field."""

from __future__ import annotations

import math
from ipaddress import ip_network

import duckdb
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ecs import FieldType
from core.event import Scalar
from core.query.values import (
    coerce,
    ip_bounds,
    looks_like_network,
    to_boolean,
    to_date,
    to_double,
    to_ip,
    to_long,
    to_text,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"),
        (None, None),
        (True, "true"),
        (False, "false"),
        (443, "443"),
        (2**64 - 1, "18446744073709551615"),
        (2**64, None),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (1e16, "10000000000000000.0"),
        (1e21, "1e21"),
        (1.5e-5, "0.000015"),
        (1e-7, "1e-7"),
        (-2.5e300, "-2.5e300"),
        (math.nan, None),
        (math.inf, None),
    ],
)
def test_to_text(value: Scalar, text: str | None) -> None:
    assert to_text(value) == text


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=50))
def test_to_text_is_what_duckdb_reads_from_json(values: list[float]) -> None:
    row = duckdb.execute("SELECT CAST(? AS JSON) ->> '$[*]'", [orjson.dumps(values).decode()]).fetchone()
    assert row is not None
    assert [to_text(value) for value in values] == row[0]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5),
        ("443", 443),
        ("-1", -1),
        ("443.0", 443),
        (443.0, 443),
        (443.5, None),
        ("443.5", None),
        (" 443", None),
        ("٤٤٣", None),
        (True, None),
        ("", None),
        (2**63, None),
        ("9223372036854775808", None),
        (None, None),
    ],
)
def test_to_long(value: Scalar, number: int | None) -> None:
    assert to_long(value) == number
    assert to_long(value) is not True


@pytest.mark.parametrize(
    ("value", "number"),
    [(5, 5.0), ("1.5", 1.5), ("1e3", 1000.0), ("1e999", None), ("inf", None), ("1_0", None), (True, None), ("-", None)],
)
def test_to_double(value: Scalar, number: float | None) -> None:
    assert to_double(value) == number


def test_to_boolean() -> None:
    assert [to_boolean(v) for v in (True, "false", "True", 1, None)] == [True, False, None, None, None]


def test_to_date() -> None:
    assert to_date("2026-11-25T01:26:00.123456Z") == "2026-11-25T01:26:00.123456Z"
    assert [to_date(v) for v in ("2026-11-25", 5, None)] == [None, None, None]


@pytest.mark.parametrize(
    ("value", "digits"),
    [
        ("192.0.2.7", "00000000000000000000ffffc0000207"),
        ("::ffff:192.0.2.7", "00000000000000000000ffffc0000207"),
        ("2001:DB8::1", "20010db8000000000000000000000001"),
        ("fe80::1%eth0", "fe800000000000000000000000000001"),
        ("010.0.0.1", None),
        ("192.0.2", None),
        ("", None),
        ("a\x00b", None),
        ("1" * 100, None),
        (7, None),
    ],
)
def test_to_ip(value: Scalar, digits: str | None) -> None:
    assert to_ip(value) == digits


def test_ip_bounds() -> None:
    assert ip_bounds(ip_network("10.0.0.0/8")) == (to_ip("10.0.0.0"), to_ip("10.255.255.255"))
    assert ip_bounds(ip_network("2001:db8::/32"))[1] == "20010db8ffffffffffffffffffffffff"


def test_coerce() -> None:
    assert coerce(FieldType.LONG, "443") == 443
    assert coerce(FieldType.KEYWORD, 4624) == "4624"
    assert coerce(FieldType.BOOLEAN, "x") is None
    assert coerce(FieldType.IP, "not an address") == "not an address"
    assert coerce(FieldType.DOUBLE, 3) == 3.0
    assert coerce(FieldType.DATE, "x") is None


def test_what_was_meant_as_a_network() -> None:
    assert all(map(looks_like_network, ("10.0.0.0/8", "2001:db8::/200", "10.0.0.300/8", "::/0", "10.0.0.0/255.0.0.0")))
    assert not any(map(looks_like_network, ("10.0.0.300", "10.0.0.5:443", "/24", "web/01", "10.0.0.0/x", "")))
