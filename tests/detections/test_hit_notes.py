"""Notes are small, repeated ones are one, and joined ones keep what is common."""

from __future__ import annotations

from collections import Counter

from core.event import Event
from detections.alert_entities import MOST
from detections.correlation_items import Item
from detections.hit_notes import Note, base_events, joined_note, note_of, read_note, together, write_note

EVENT: Event = {
    "host.name": "Web01.bachvan.example",
    "user.name": "lannt",
    "source.ip": "192.0.2.1",
    "process.name": "sshd",
    "process.pid": 712,
    "url.full": "https://x.example/",
    "kydai.system": "cong-ttdt",
    "kydai.source": "web01",
    "event.dataset": "linux.auth",
    "event.category": ["authentication"],
    "event.outcome": "failure",
    "event.id": "a",
}


def test_a_note_leaves_out_what_differs_from_event_to_event() -> None:
    one, two = note_of(EVENT), note_of(EVENT | {"process.pid": 713, "event.id": "b", "url.full": "https://y.example/"})
    assert one == two
    note = read_note(one)
    assert set(note.entities) == {("host", "web01"), ("user", "lannt"), ("ip", "192.0.2.1")}
    assert note.facts == {"from": ["192.0.2.1"], "user": ["lannt"], "outcome": ["failure"]}
    assert (note.host, note.system, note.source, note.dataset) == (
        "Web01.bachvan.example",
        "cong-ttdt",
        "web01",
        "linux.auth",
    )
    assert note_of(EVENT | {"event.category": "authentication"}) == one
    assert read_note(b"") == Note()


def test_a_note_that_is_remembered_is_the_event_s_own() -> None:
    numbers = [read_note(note_of(EVENT | {"user.name": name})).user for name in (1, True, 1.5, 2**70, 1)]
    assert numbers == ["1", "True", "1.5", str(2**70), "1"], "equal in Python is not the same text"
    assert note_of(EVENT | {"source.ip": ["192.0.2.1"]}) == note_of(EVENT)


def test_a_firewall_stays_an_observer() -> None:
    seen: Event = {"host.name": "fw-ttdl", "observer.vendor": "Fortinet", "event.category": ["network"]}
    assert read_note(note_of(seen)).entities == (("observer", "fw-ttdl"),)


def test_joined_notes() -> None:
    one = Note(entities=(("host", "h1"),), facts={"from": ["b", "a"]}, host="h1", system="s1", dataset="d")
    two = Note(entities=(("host", "h2"),), facts={"from": ["c"]}, host="", system="", dataset="d")
    both = joined_note([one, two], ["e1"])
    assert both.facts == {"from": ["a", "b", "c"]}
    assert (both.host, both.system, both.dataset, both.ids) == ("h1", "", "d", ("e1",))
    assert joined_note([]).entities == ()
    flood = [Note(entities=(("ip", f"192.0.2.{n}"), ("user", f"u{n % 25}"))) for n in range(250)]
    many = joined_note(flood)
    assert Counter(kind for kind, _ in many.entities) == {"ip": MOST["ip"], "user": 25}, "a flood crowds nobody out"
    assert many.facts == {"cut": ["entities.ip"]}


def test_what_another_correlation_gave_stands_for_its_events() -> None:
    items = [Item(n, f"01KB00000000000000000000AA.{n}.0", 1) for n in range(150)]
    given = Item(200, "pattern|group|200", 1, note=write_note(together(items)))
    assert len(base_events([given])) == 100
    assert base_events([given, items[0]]) == [item.id for item in items[:100]]
    assert base_events([Item(1, "", 0)]) == []
