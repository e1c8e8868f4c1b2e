"""The Arrow mask: the same rows as the predicate, over the columns of flows."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.clock import iso
from core.event import Event
from core.query.to_arrow import mask
from core.query.to_match import compile_match
from core.query.tree import And, Cidr, Comparison, Equals, Exists, Like, Node, Not, Or, Range, Wild
from tests.core.query.worlds import as_arrow, events, nodes

TEXT = pa.dictionary(pa.int32(), pa.string())
EVENTS: list[Event] = [
    {
        "@timestamp": iso(1_764_000_000_000_000 + i),
        "source.ip": f"10.0.{i % 3}.{i}" if i % 4 else f"2001:db8::{i}",
        "destination.port": 20 + i % 5,
        "network.transport": "tcp" if i % 2 else "udp",
        "network.bytes": i * 100 if i % 6 else None,
    }
    for i in range(40)
]


def flow_table(rows: list[Event]) -> Any:
    addresses = [str(row["source.ip"]) for row in rows]
    numbers = [None if ":" in text else int.from_bytes(bytes(map(int, text.split(".")))) for text in addresses]
    ports: list[Any] = [row["destination.port"] for row in rows]
    sizes: list[Any] = [row["network.bytes"] for row in rows]
    table = pa.table(
        {
            "@timestamp": pa.array([1_764_000_000_000_000 + i for i in range(len(rows))], pa.int64()),
            "source.ip": pa.array(addresses).dictionary_encode(),
            "source.ip#v4": pa.array(numbers, pa.int64()),
            "destination.port": pa.array(ports, pa.uint16()),
            "network.transport": pa.array([str(row["network.transport"]) for row in rows]).dictionary_encode(),
            "network.bytes": pa.array(sizes, pa.uint64()),
        }
    )
    return pa.concat_tables([table.slice(0, 13), table.slice(13)])


@pytest.mark.parametrize(
    "node",
    [
        Cidr("source.ip", ip_network("10.0.1.0/24")),
        Cidr("source.ip", ip_network("2001:db8::/32")),
        Cidr("source.ip", ip_network("::/0")),
        Equals("source.ip", "10.0.1.1"),
        Equals("source.ip", "2001:db8::4"),
        Like("source.ip", ("10.0.2.", Wild.MANY)),
        Equals("destination.port", 22),
        Equals("destination.port", 99999),
        Equals("destination.port", "ssh"),
        Range("destination.port", gte=22, lt=24),
        Range("destination.port", gt=24, lt=24),
        Or((Equals("destination.port", 22), Equals("destination.port", 24), Equals("destination.port", "ssh"))),
        Or((Equals("network.bytes", 0), Equals("network.bytes", 500), Like("network.bytes", ("1", Wild.MANY)))),
        Or((Equals("network.bytes", 0), Equals("network.bytes", 500))),
        Range("network.bytes", gt=1500),
        Exists("network.bytes"),
        Not(Range("network.bytes", gt=1500)),
        Range("@timestamp", gte=iso(1_764_000_000_000_010)),
        Equals("@timestamp", iso(1_764_000_000_000_010)),
        Equals("network.transport", "TCP"),
        Equals("network.transport", "TCP", Comparison.EXACT),
        Or((Equals("network.transport", "tcp"), Equals("network.transport", "icmp"), Equals("destination.port", 20))),
        And((Equals("absent", "x"), Exists("absent"))),
        Not(Exists("absent")),
    ],
)
def test_flows(node: Node) -> None:
    match = compile_match(node)
    assert mask(node, flow_table(EVENTS)).tolist() == [match(event) for event in EVENTS]


def test_an_empty_table() -> None:
    table = pa.table({"source.ip": pa.array([], TEXT), "destination.port": pa.array([], pa.int64())})
    for node in (Equals("source.ip", "10.0.0.1"), Range("destination.port", gt=5), Not(Exists("x"))):
        found = mask(node, table)
        assert found.dtype == np.bool_
        assert len(found) == 0


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(documents=st.lists(events, min_size=1, max_size=20), queries=st.lists(nodes, min_size=1, max_size=6))
def test_rows_are_those_of_the_predicate(documents: list[Event], queries: list[Node]) -> None:
    table, held = as_arrow(documents)
    for node in queries:
        match = compile_match(node)
        assert mask(node, table).tolist() == [match(row) for row in held], node
