"""Events as documents and back, types included; what the index is given of them."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings

from core.errors import BadInput
from core.event import Event
from core.store.elastic_document import document, event_of, micros
from core.store.elastic_fields import INDEX, KEYS, KV, MISFIT, RECORD, SEGMENT, TIMESTAMP, WHOLE, N
from tests.core.query.worlds import events

ID = "01JDGVB8R0ABCDEFGHJKMNPQRS.7.2"
AT = "2026-11-25T01:26:00.123456Z"


def made(**fields: Any) -> dict[str, Any]:
    return document({"@timestamp": AT, "event.id": ID} | {name.replace("__", "."): v for name, v in fields.items()})


def source(doc: dict[str, Any]) -> dict[str, Any]:
    """What the server gives back of a document."""
    kept: dict[str, Any] = json.loads(orjson.dumps({k: v for k, v in doc.items() if not k.startswith(INDEX)}))
    return kept


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events)
def test_an_event_comes_back_with_its_types(event: Event) -> None:
    back = event_of(source(document(event)))
    assert repr(sorted(back.items())) == repr(sorted(event.items()))


def test_names_that_no_document_can_have_come_back() -> None:
    event: Event = {"@timestamp": AT, "event.id": ID, "": 1, "_id": ["x"], "kydai.whole": "w", f"{INDEX}kv": None}
    assert event_of(source(document(event))) == event


def test_the_parts_of_the_id_and_the_time_are_for_ordering() -> None:
    doc = made()
    assert (doc[SEGMENT], doc[RECORD], doc[N]) == (ID[:26], 7, 2)
    assert doc[TIMESTAMP] == micros(AT) == 1_795_569_960_123_456
    assert micros("2026-11-25 01:26:00.123456Z") is micros("") is None
    assert document({"@timestamp": "1969-12-31T23:59:59.9Z", "event.id": ID})[TIMESTAMP] == -100_000


def test_what_fits_the_type_stands_as_it_is() -> None:
    doc = made(user__name="Root", source__ip="192.0.2.7", source__port=22, tags=["a", "b"])
    assert (doc["user.name"], doc["source.ip"], doc["source.port"]) == ("Root", "192.0.2.7", 22)
    assert doc["kydai.index.ip.source.ip"] == "192.0.2.7"
    assert WHOLE not in doc
    assert KV not in doc


def test_what_does_not_fit_is_indexed_as_it_is_compared_and_kept_whole() -> None:
    doc = made(source__port=["22", "https", 443.0, None], source__ip=["fe80::1%eth0", "x", 5])
    assert doc["source.port"] == [22, 443]
    assert doc["source.ip"] == ["fe80::1"]
    assert doc["kydai.index.ip.source.ip"] == ["fe80::1%eth0", "x", "5"]
    assert doc[MISFIT] == ["source.port=https"]
    whole = {"source.port": ["22", "https", 443.0, None], "source.ip": ["fe80::1%eth0", "x", 5]}
    assert orjson.loads(doc[WHOLE]) == whole
    assert "source.port" not in made(source__port="https")


def test_long_texts_are_cut_in_the_index_only() -> None:
    doc = made(user__name="ế" * 9_000, vendor__x="y" * 9_000)
    assert doc["user.name"] == "ế" * 8_000
    assert doc[KV] == ["vendor.x=" + "y" * 8_000]
    assert event_of(source(doc))["user.name"] == "ế" * 9_000


def test_fields_without_a_mapping_are_lowered_and_addresses_among_them_found() -> None:
    doc = made(vendor__code=["A", 7, 10.0, True], SourceIp="10.0.0.5", client__address="::1", user__name="10.0.0.6")
    address = "00000000000000000000ffff0a0000"
    assert sorted(doc[KV]) == sorted([
        "vendor.code=a", "vendor.code=7", "vendor.code=10.0", "vendor.code=true",
        "SourceIp=10.0.0.5", f"SourceIp\x01{address}05", f"client.address\x01{'0' * 31}1", f"user.name\x01{address}06",
    ])  # fmt: skip


def test_words_and_folded_texts() -> None:
    doc = made(message="Đăng nhập", rule__name=["Huế", "X"], host__name="MÁY")
    assert doc["kydai.index.words.message"] == "dang nhap"
    assert doc["kydai.index.fold.rule.name"] == ["hue", "x"]
    assert doc["kydai.index.words.host.name"] == "máy"
    assert doc["kydai.folded"] == [["message", "dang nhap"], ["rule.name", "hue", "x"]]
    assert "kydai.folded" not in made(message="plain")


def test_the_keys_are_the_fields_that_are_there() -> None:
    doc = made(a=None, b=[], c=[None], d=[None, 1], e="")
    assert doc[KEYS] == ['["@timestamp","event.id","d","e"]']
    many = document({"@timestamp": AT, "event.id": ID} | {f"field{i}.{'x' * 90}": 1 for i in range(1_000)})
    assert max(map(len, many[KEYS])) <= 30_100
    assert sum(len(json.loads(keys)) for keys in many[KEYS]) == 1_002


@pytest.mark.parametrize("fields", [{"@timestamp": "yesterday"}, {"@timestamp": None}, {"x": float("nan")}])
def test_what_cannot_be_stored_is_refused(fields: Event) -> None:
    with pytest.raises(BadInput):
        document({"@timestamp": AT, "event.id": ID, **fields})
