from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import iso
from core.errors import BadInput
from core.event import Event, EventId
from core.store.admission import Rejection
from core.store.segments_layout import IDENTITY, PROMOTED, SCHEMA, TIMES
from core.store.segments_rows import builder, flatten

SPOOL = "01K8Z3N9QWERTYASDFGHJKMNPQ"

_scalars = st.one_of(
    st.text(max_size=12),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
    st.sampled_from(["192.0.2.7", "2001:db8::1", "Huế", "22", "2026-11-25T01:26:00.123456Z", ""]),
)
_names = st.one_of(
    st.sampled_from([*PROMOTED, "event.created", "event.ingested"]),
    st.text(min_size=1, max_size=12).filter(lambda name: name not in ("event.id", "@timestamp")),
)
_times = st.one_of(
    st.integers(-(10**15), 10**16).map(iso),
    st.sampled_from(["2026-11-25T08:26:00+07:00", "2026-11-25", "2026-11-25T01:26:00.1234+07"]),
)


@st.composite
def events(draw: st.DrawFn) -> list[Event]:
    made: list[Event] = []
    for record in range(draw(st.integers(1, 5))):
        event: Event = draw(st.dictionaries(_names, st.one_of(_scalars, st.lists(_scalars, max_size=3)), max_size=8))
        event["event.id"] = f"{SPOOL}.{record}.0"
        event["@timestamp"] = draw(_times)
        made.append(event)
    return made


def back(table: Any) -> list[Event]:
    columns = (*IDENTITY, *TIMES.values(), *PROMOTED, "doc")
    rows = zip(*(table.column(name).to_pylist() for name in columns), strict=True)
    return [builder(tuple(PROMOTED))(row) for row in rows]


def typed(event: Event) -> dict[str, object]:
    """1, 1.0 and True are equal in Python; events keep them apart."""
    return {
        name: [(type(m), m) for m in value] if isinstance(value, list) else (type(value), value)
        for name, value in event.items()
    }


@settings(max_examples=150, deadline=None)
@given(events())
def test_what_is_flattened_comes_back_exactly(given_events: list[Event]) -> None:
    flat = flatten(given_events)
    assert flat.rejected == []
    assert [typed(event) for event in back(flat.table)] == [typed(event) for event in given_events]
    assert flat.table.schema.equals(SCHEMA)


def event(record: int = 0, /, **fields: Any) -> Event:
    return {"event.id": f"{SPOOL}.{record}.0", "@timestamp": "2026-11-25T01:26:00.123456Z"} | fields


def test_promoted_fields_leave_the_document() -> None:
    flat = flatten([event(**{"source.ip": "192.0.2.7", "source.port": 22, "vendor.x": 1, "host.ip": ["10.0.0.1"]})])
    row = {name: flat.table.column(name)[0].as_py() for name in SCHEMA.names}
    assert row["doc"] == '{"vendor.x":1}'
    assert (row["source.ip"], row["source.port"], row["host.ip"]) == ("192.0.2.7", 22, ["10.0.0.1"])
    assert row["source.ip#ip"] == "00000000000000000000ffffc0000207"
    assert (row["segment"], row["record"], row["n"]) == (SPOOL, 0, 0)
    assert flat.ignored == flat.overridden == frozenset()


def test_a_value_of_another_type_is_compared_by_the_columns_type_and_kept_as_it_is() -> None:
    flat = flatten([event(**{"source.port": "22", "event.code": 4624, "event.category": "web"})])
    row = {name: flat.table.column(name)[0].as_py() for name in SCHEMA.names}
    assert (row["source.port"], row["event.code"], row["event.category"]) == (22, "4624", ["web"])
    assert row["_ignored"] is None
    assert flat.ignored == frozenset()
    assert flat.overridden == {"source.port", "event.code", "event.category"}


def test_what_the_column_cannot_say_is_ignored_there() -> None:
    flat = flatten([event(**{"source.port": "ssh", "source.ip": ["192.0.2.7", "192.0.2.8"]})])
    row = {name: flat.table.column(name)[0].as_py() for name in SCHEMA.names}
    assert (row["source.port"], row["source.ip"]) == (None, None)
    assert row["_ignored"] == ["source.port", "source.ip"]
    assert flat.ignored == {"source.port", "source.ip"}


def test_the_names_of_the_fields_that_are_not_null_are_listed() -> None:
    flat = flatten([event(**{"a": None, 'b\n"': 1}), event(1, **{"source.port": None})])
    names = ["event.id", "@timestamp"]
    assert [json.loads(keys) for keys in flat.table.column("keys").to_pylist()] == [[*names, 'b\n"'], names]


def test_folded_columns_are_null_for_ascii() -> None:
    flat = flatten([event(0, message="Failed"), event(1, message="Đăng nhập THẤT BẠI")])
    assert flat.table.column("message#fold").to_pylist() == [None, "dang nhap that bai"]


def test_a_long_text_is_cut_in_the_column_only() -> None:
    long = "x" * 9000
    flat = flatten([event(message=long)])
    assert flat.table.column("message")[0].as_py() == "x" * 8000
    assert back(flat.table)[0]["message"] == long
    assert flat.overridden == {"message"}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"x": math.nan}, "x is not a number"),
        ({"x": [1.0, math.inf]}, "x is not a number"),
        ({"x": 2**70}, "Integer exceeds 64-bit range"),
        ({"x": "\ud800"}, "str is not valid UTF-8: surrogates not allowed"),
        ({"message": "\ud800"}, "str is not valid UTF-8: surrogates not allowed"),
        ({"@timestamp": "yesterday"}, "no readable @timestamp"),
        ({"@timestamp": None}, "no readable @timestamp"),
    ],
)
def test_what_cannot_be_stored_is_rejected_alone(bad: Event, reason: str) -> None:
    wrong = event(1) | bad
    flat = flatten([event(0, message="kept"), wrong, event(2)])
    assert flat.rejected == [Rejection(EventId(SPOOL, 1, 0), reason, wrong)]
    assert flat.table.column("record").to_pylist() == [0, 2]


@pytest.mark.parametrize("id_", [None, "x.1.0", f"{SPOOL}.01.0", f"{SPOOL}.1", f"{SPOOL}.1.9999999999"])
def test_an_event_without_a_usable_id_is_the_callers_fault(id_: str | None) -> None:
    with pytest.raises(BadInput):
        flatten([event() | {"event.id": id_}])
