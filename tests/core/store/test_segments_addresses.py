from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.clock import StillClock
from core.event import Value
from core.query.language import parse
from core.query.meaning import FREE_ADDRESS, FREE_TEXT
from core.query.to_match import compile_match
from core.query.tree import Node
from core.store import segments_addresses
from core.store.catalog_rows import State
from core.store.contract import Batch, Query
from core.store.segments import SegmentStore
from core.store.segments_addresses import asks_addresses, rows_by_addresses, with_addresses
from core.store.segments_files import encode
from core.store.segments_lookup import DAMAGED, narrowed
from core.store.segments_plan import plan_of
from core.store.segments_rows import flatten
from core.store.segments_sql import group
from tests.core.store.conformance import START, event
from tests.core.store.test_segments_plan import documents, nodes

OCTETS = ("1", "11", "111", "2", "25", "255", "256", "0", "00", "01")
GAPS = (".", ".", ".", ".", ".", "..", "-", " ", "x", "_", "®", "ế", "\n", ". ")
chains = st.lists(st.tuples(st.sampled_from(OCTETS), st.sampled_from(GAPS)), max_size=12).map(
    lambda found: "".join(octet + gap for octet, gap in found)
)
asked = st.tuples(*[st.sampled_from(("1", "11", "2", "25", "255", "0"))] * 4).map(".".join)
written = st.one_of(chains, asked, st.tuples(chains, asked, st.sampled_from(GAPS), chains).map("".join))


def of(text: str) -> Node:
    return parse(text, now=START, zone="UTC")


def told(path: Path, found: list[dict[str, Value]], node: Node) -> tuple[Any, Any] | None:
    """The rows that match for certain, and those that may, of a file of these events; None where it says nothing."""
    table = flatten([event(i, i, fields) for i, fields in enumerate(found)]).table
    path.write_bytes(with_addresses(encode(table), table))
    plan = plan_of(node)
    return rows_by_addresses(path, len(found), plan) if plan is not None and asks_addresses(plan) else None


def check(path: Path, found: list[dict[str, Value]], node: Node) -> tuple[Any, Any] | None:
    rows = told(path, found, node)
    if rows is not None:
        match = compile_match(node)
        truth = np.array([match(event(i, i, fields)) for i, fields in enumerate(found)])
        assert not (rows[0] & ~truth).any(), node
        assert not (truth & ~rows[1]).any(), node
    return rows


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(found=documents, queries=st.lists(nodes, min_size=1, max_size=8))
def test_what_is_known_is_true(tmp_path: Path, found: list[dict[str, Value]], queries: list[Node]) -> None:
    for node in queries:
        check(tmp_path / "file", found, node)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    found=st.lists(
        st.dictionaries(st.sampled_from((*FREE_TEXT[:3], *FREE_ADDRESS)), written, min_size=1, max_size=3), min_size=1
    ),
    addresses=st.lists(asked, min_size=1, max_size=4),
)
def test_of_numbers_and_dots_too(tmp_path: Path, found: list[dict[str, Value]], addresses: list[str]) -> None:
    for address in addresses:
        assert check(tmp_path / "file", found, of(address)) is not None


@pytest.mark.parametrize(
    ("fields", "sure", "may"),
    [
        ({"message": "from 203.0.113.7: no"}, True, True),
        ({"event.original": "203.0.113.7"}, True, True),
        ({"message": "Huế 203.0.113.7"}, True, True),
        ({"related.ip": ["192.0.2.1", "203.0.113.7"]}, True, True),
        ({"source.ip": "::ffff:203.0.113.7"}, True, True),
        ({"source.ip": "203.0.113.7%eth0"}, True, True),
        ({"user.name": ["a", "203.0.113.7"]}, False, True),
        ({"message": "203.0.113.71, 203-0-113-7"}, False, True),
        ({"message": "203.0.113.7ế"}, False, True),
        ({"message": "1.203.0.113.7.1"}, True, True),
        ({"message": "203-0-113-7 203.00.113.7 203.0.1133.7 203.0 .113.7"}, False, False),
        ({"message": "3.0.113.7"}, False, False),
        ({"message": "a"}, False, False),
        ({}, False, False),
    ],
)
def test_an_address_is_found_as_it_is_written(tmp_path: Path, fields: dict[str, Value], sure: bool, may: bool) -> None:
    rows = told(tmp_path / "file", [{"message": "192.0.2.1"}, fields], of("203.0.113.7"))
    assert rows is not None
    assert [mask.tolist() for mask in rows] == [[False, sure], [False, may]]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("203.0.113.7 OR 192.0.2.1", True),
        ("NOT 203.0.113.7", True),
        ("203.0.113.7 source.port: 1", True),
        ("message: 203.0.113.7", False),
        ("failed", False),
        ("203.0.113.7 failed", False),
        ('"2001:db8::1"', False),
        ('"::ffff:203.0.113.7"', False),
    ],
)
def test_it_says_nothing_of_words(tmp_path: Path, text: str, says: bool) -> None:
    assert (told(tmp_path / "file", [{"message": "203.0.113.7"}], of(text)) is not None) is says


def test_files_without_it_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = flatten([event(0, 0, {"message": "203.0.113.7"})]).table
    path, plan = tmp_path / "file", plan_of(of("203.0.113.7"))
    assert plan is not None
    path.write_bytes(encode(table))
    assert rows_by_addresses(path, 1, plan) is None
    with monkeypatch.context() as patch:
        patch.setattr(segments_addresses, "_SUM", 1)  # of other fields
        path.write_bytes(with_addresses(encode(table), table))
    assert rows_by_addresses(path, 1, plan) is None
    path.write_bytes(with_addresses(encode(table), table))
    assert rows_by_addresses(path, 1, plan) is not None


def test_a_bit_that_flips_is_told(tmp_path: Path) -> None:
    table = flatten([event(i, i, {"message": f"192.0.2.{i} 203.0.113.7"}) for i in range(40)]).table
    whole, plain = with_addresses(encode(table), table).to_pybytes(), encode(table).to_pybytes()
    start = next(i for i, (a, b) in enumerate(zip(whole, plain, strict=False)) if a != b)
    path, plan, told, silent = tmp_path / "file", plan_of(of("192.0.2.7")), 0, 0
    assert plan is not None
    for at in range(start, len(whole) - (len(plain) - start)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        try:
            rows = rows_by_addresses(path, 40, plan)  # None: the mark is gone
            silent += rows is not None and [np.flatnonzero(mask).tolist() for mask in rows] != [[7], [7]]
        except DAMAGED:
            told += 1
    assert told > 10
    assert not silent


@pytest.fixture
def store(tmp_path: Path) -> Any:
    store = SegmentStore(tmp_path, StillClock(START))
    for number, text in enumerate(("a", "from 203.0.113.7", "203.0.113.71 203-0-113-7", "203.0.113.7", "b")):
        store.append(Batch([event(number, number, {"message": text})]))
    yield store
    store.close()


@pytest.mark.parametrize(
    ("counting", "replaced", "files"),
    [
        # files of a group, and how many rows are known without a look
        (True, False, [(1, 1), (1, 1), (1, None)]),
        (False, False, [(3, None)]),
        (True, True, [(3, None)]),
    ],
)
def test_of_files_as_they_came_only_those_are_read_that_may_match(
    store: SegmentStore, counting: bool, replaced: bool, files: list[tuple[int, int | None]]
) -> None:
    query = Query(of("203.0.113.7"))
    plan = plan_of(query.where)
    assert plan is not None
    groups = group(store.folder, store.catalog.segments(State.LIVE), query, replaced=replaced)
    with store._engine.read() as read:
        found = [part for each in groups for part in narrowed(read, each, plan, counting=counting)]
    assert [(len(each.segments), each.known) for each in found] == files
    assert store.count(query).count == 3


def test_damage_of_it_is_told_by_the_answer(store: SegmentStore) -> None:
    query = Query(of("203.0.113.7"))
    path = store.folder / store.catalog.segments(State.LIVE)[1].name
    data = bytearray(path.read_bytes())
    data[data.rindex(b"KDADDRS1") - 6] ^= 1  # one of its checksums
    path.write_bytes(data)
    found = store.count(query)
    assert found.count == 2
    assert [missing.what for missing in found.truth.missing] == ["quarantined"]
