"""What has an order in the index is asked natively; that it finds the right events is held by test_to_dsl.py."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from core.query.dsl_bounds import NEVER, Dict, network, strictest, typed, within
from core.query.leaf import Bounds
from core.query.tree import Cidr, Range


@pytest.mark.parametrize(
    ("leaf", "wanted"),
    [
        (Range("source.port", gt="22", lte="443"), {"range": {"source.port": {"gte": 23, "lte": 443}}}),
        (Range("source.ip", gte="10.0.0.1"), {"range": {"source.ip": {"gte": "::ffff:a00:1"}}}),
        (
            Range("event.created", gt="1970-01-01T00:00:00.000000Z", lt="2026-11-25T00:00:00.000000Z"),
            {"range": {"kydai.index.time.event.created": {"gte": 1, "lte": 1_795_564_799_999_999}}},
        ),
        (Range("user.name", gt=5), None),
    ],
)
def test_a_range_is_asked_where_the_index_has_an_order(leaf: Range, wanted: Dict | None) -> None:
    assert within(leaf) == wanted


def test_values_are_asked_as_the_index_holds_them() -> None:
    assert typed("source.ip", [f"{'0' * 20}ffff0a000001"]) == {"terms": {"source.ip": ["::ffff:a00:1"]}}
    assert typed("event.created", ["2026-11-25T00:00:00.000000Z", "no time"]) == {
        "terms": {"kydai.index.time.event.created": [1_795_564_800_000_000]}
    }
    assert typed("event.created", ["no time"]) == NEVER


def test_a_network_is_a_range_of_addresses() -> None:
    low, high = "::ffff:a00:0", "::ffff:a00:ff"
    assert network(Cidr("source.ip", ip_network("10.0.0.0/24"))) == {"range": {"source.ip": {"gte": low, "lte": high}}}
    digits = f"{'0' * 20}ffff0a0000"
    bounds = {"gte": f"client.address\x01{digits}00", "lte": f"client.address\x01{digits}ff"}
    assert network(Cidr("client.address", ip_network("10.0.0.0/24"))) == {"range": {"kydai.index.kv": bounds}}


def test_of_two_bounds_of_a_side_the_stricter_is_asked() -> None:
    assert strictest(Bounds(gt=5, gte=6, lt=9, lte=9)) == {"gte": 6, "lt": 9}
    assert strictest(Bounds(gt=6, gte=6)) == {"gt": 6}
