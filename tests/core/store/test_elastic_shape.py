"""What is done at one stroke gives what each field gives alone."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.event import Event
from core.query.fold import MAX_CHARS
from core.store.elastic_document import document
from core.store.elastic_fields import FOLDED_TEXTS, KV
from core.store.elastic_shape import Texts, shape_of
from tests.core.query.worlds import events

AT = "2026-11-25T01:26:00.123456Z"
ID = "01JDGVB8R0ABCDEFGHJKMNPQRS.7.2"
ADDRESSES = (
    "10.0.0.7",
    "::1",
    "fe80::1%eth0",
    "2001:db8:0:0:0:0:0:1",
    "1.2.3",
    "::",
    "...",
    "10.0.0.7 ",
    "::ffff:1.2.3.4",
)
NAMES = ("vendor.a", "vendor.b", "process.command_line", "host.name", "event.action", "client.address", "user.name")


def named(fields: dict[str, str]) -> Event:
    return {"@timestamp": AT, "event.id": ID, **fields}


texts = st.one_of(
    st.sampled_from(ADDRESSES), st.text(max_size=5), st.sampled_from(["İ", "Σς", "a\0b", "\0", "x" * 8_001])
)
plain: st.SearchStrategy[Event] = st.dictionaries(st.sampled_from(NAMES), texts).map(named)


def told(event: Event) -> dict[str, Any]:
    """The document of an event, without an order where there is none."""
    made = document(event)
    return made | {name: sorted(made[name]) for name in (KV, FOLDED_TEXTS) if name in made}


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.one_of(events, plain))
def test_together_and_alone_give_the_same(event: Event) -> None:
    together = told(event)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Texts, "write", lambda *_: None)
        assert told(event) == together


@pytest.mark.parametrize("odd", ["a\0b", ["a"], None, 7, "x" * (MAX_CHARS - 2)])
def test_what_is_no_short_text_is_left_to_be_done_alone(odd: Any) -> None:
    doc = document({"@timestamp": AT, "event.id": ID, "vendor.a": "B", "vendor.c": odd, "source.address": "10.0.0.7"})
    assert "vendor.a=b" in doc[KV]
    assert f"source.address\x01{'0' * 20}ffff0a000007" in doc[KV]


def test_lists_of_names_that_nobody_repeats_do_not_fill_the_memory() -> None:
    names = [f"vendor.n{i}" for i in range(1_000)]
    shape_of(tuple(names))
    tracemalloc.start()
    try:
        for i in range(30):
            shape_of((*names[i:], *names[:i]))
        assert tracemalloc.get_traced_memory()[0] < 0.3e6, "what is large is not kept at all"
        for i in range(500):
            shape_of(tuple(names[i : i + 100]))
        assert tracemalloc.get_traced_memory()[0] < 1.8e6, "and of others not all"
    finally:
        tracemalloc.stop()


def test_what_is_known_of_few_names_is_found_out_once() -> None:
    shape = shape_of(("host.name", "user.name"))
    assert shape_of(("host.name", "user.name")) is shape
