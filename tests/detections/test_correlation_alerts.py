"""Rows follow their alarms: amended, joined, final; never doubled, and what persons did stays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import SECOND
from core.db.database import migrate, open_database, sqlite_url
from core.db.models import Alert, Outbox, RuleMode
from detections.alerting import MAX_ROWS_PER_HOUR
from detections.correlation_alarms import Alarm, Kind
from detections.correlation_alerts import draft_of, drafted, is_reported, save_alarms
from detections.correlation_items import Item
from detections.hit_notes import Note, together, write_note
from detections.rule import Level, Mode
from tests.detections.correlation_cases import BASE, document, pattern_set

PATTERN = pattern_set(
    document(
        "names",
        type="value_count",
        rules=["a"],
        group_by=["source.ip"],
        timespan="1m",
        condition={"gte": 2, "field": "user.name"},
    )
).patterns[0]
NOTE = write_note(
    Note(
        entities=(("host", "web01"), ("ip", "192.0.2.1")),
        facts={"from": ["192.0.2.1"]},
        host="web01",
        system="cong-ttdt",
        dataset="linux.auth",
        source="web01",
    )
)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    database = open_database(sqlite_url(tmp_path))
    migrate(database)
    with database.write() as opened:
        yield opened


def item(number: int, note: bytes = NOTE, user: str = "") -> Item:
    at = BASE + number * SECOND
    return Item(at, f"01KB00000000000000000000AA.{number}.0", 1, user or f"u{number}", at + 7, note)


def alarm(kind: Kind, key: str, *numbers: int, into: str = "", group: str = "192.0.2.1", final: bool = False) -> Alarm:
    items = tuple(item(number) for number in numbers)
    at = items[-1].time if items else BASE
    return Alarm(kind, PATTERN, (group,), key, at, items, is_final=final, into=into)


def rows(session: Session) -> list[Alert]:
    return list(session.scalars(select(Alert).order_by(Alert.id)))


def test_a_row_from_an_alarm(session: Session) -> None:
    (row_id,) = save_alarms(session, drafted([alarm(Kind.RAISED, "k1", 3, 4)], ruleset="hash"), BASE)
    (row,) = rows(session)
    assert (row.id, row.kind, row.rule_id) == (row_id, "correlation", "id-names")
    assert (row.level, row.ruleset) == ("high", "hash")
    assert (row.first_at, row.last_at, row.received_at) == (BASE + 3 * SECOND, BASE + 4 * SECOND, BASE + 3 * SECOND + 7)
    assert (row.count, len(row.event_ids), row.is_final) == (2, 2, False)
    assert (row.host, row.system, row.datasets, row.sources) == ("web01", "cong-ttdt", ["linux.auth"], ["web01"])
    assert row.entities == [["host", "web01"], ["ip", "192.0.2.1"]]
    assert row.summary["distinct"] == 2
    assert row.summary["values"] == ["u3", "u4"]
    assert row.summary["group"] == {"source.ip": "192.0.2.1"}
    assert [work.key for work in session.scalars(select(Outbox))] == [str(row_id)]


def test_moved_final_and_again_keep_the_number_and_what_persons_did(session: Session) -> None:
    save_alarms(session, drafted([alarm(Kind.RAISED, "k1", 3, 4)]), BASE)
    (row,) = rows(session)
    row.status, row.assignee, row.version = "acknowledged", "hanhnt", 2
    steps = [alarm(Kind.MOVED, "k1", 1, 2), alarm(Kind.FINAL, "k1", 0, 1, 2, final=True)]
    for _ in range(2):
        save_alarms(session, drafted(steps), BASE + 1)
        (row,) = rows(session)
        assert (row.count, row.first_at, row.last_at, row.is_final) == (3, BASE, BASE + 2 * SECOND, True)
        assert (row.status, row.assignee, row.version, row.updated_at) == ("acknowledged", "hanhnt", 2, BASE + 1)


def test_a_joined_row_points_to_the_survivor(session: Session) -> None:
    save_alarms(session, drafted([alarm(Kind.RAISED, "k1", 1, 2), alarm(Kind.RAISED, "k2", 8, 9)]), BASE)
    save_alarms(session, drafted([alarm(Kind.JOINED, "k2", into="k1"), alarm(Kind.JOINED, "gone", into="k1")]), BASE)
    one, two = rows(session)
    assert (two.joined_to, two.status, two.verdict) == (one.id, "closed", "duplicate")
    assert one.joined_to is None


def test_replays_have_rows_of_their_own(session: Session) -> None:
    save_alarms(session, drafted([alarm(Kind.RAISED, "k1", 1, 2)]), BASE)
    save_alarms(session, drafted([alarm(Kind.RAISED, "k1", 1, 2)], is_replay=True), BASE, is_replay=True)
    assert [row.is_replay for row in rows(session)] == [False, True]


def test_a_flood_of_groups_is_set_to_record(session: Session) -> None:
    many = [alarm(Kind.RAISED, f"k{n}", 1, 2, group=f"g{n}") for n in range(MAX_ROWS_PER_HOUR + 3)]
    save_alarms(session, drafted(many), BASE)
    save_alarms(session, drafted([alarm(Kind.FINAL, f"k{MAX_ROWS_PER_HOUR + 1}", 1, 2, final=True)]), BASE)
    kinds = [row.kind for row in rows(session)]
    assert (kinds.count("correlation"), kinds.count("self")) == (MAX_ROWS_PER_HOUR, 1)
    assert session.get_one(RuleMode, "id-names").mode == "record"


def test_what_others_gave_stands_for_its_events() -> None:
    given = item(20, write_note(together([item(number) for number in range(12)])))
    draft = draft_of(
        Alarm(Kind.RAISED, PATTERN, ("g",), "k", given.time, (given, item(21))), "k", ruleset="", is_replay=False
    )
    assert (draft.count, len(draft.ids)) == (13, 13)
    flow = Alarm(Kind.RAISED, PATTERN, ("g",), "k", BASE, (item(1), item(2, write_note(Note(dataset="netflow.flow")))))
    draft = draft_of(flow, "k", ruleset="", is_replay=False)
    assert (draft.host, draft.system) == ("web01", "")
    mixed = Alarm(
        Kind.RAISED, PATTERN, ("g",), "k", BASE, (item(1), item(2, write_note(Note(host="web02", system="tthc"))))
    )
    draft = draft_of(mixed, "k", ruleset="", is_replay=False)
    assert (draft.host, draft.system) == ("", "")


def test_who_is_reported() -> None:
    assert is_reported(PATTERN, frozenset(), {})
    assert not is_reported(PATTERN, frozenset({"id-names"}), {})
    assert is_reported(PATTERN, frozenset({"id-names"}), {"id-names": Mode.ALERT})
    assert not is_reported(PATTERN, frozenset(), {"id-names": Mode.RECORD})
    low = pattern_set(document("low", Level.LOW, type="temporal", rules=["a"], timespan="1m")).patterns[0]
    assert not is_reported(low, frozenset(), {})


def grown(*seconds: int, since: int, fresh: int, until: int, is_part: bool = False) -> Alarm:
    """The alarm ``k1``, raised at 2; of its burst the seconds from ``since`` on are kept, those from ``fresh`` new."""
    kept = [item(second) for second in seconds if since <= second <= until]
    items, later = [i for i in kept if i.time <= BASE + 2 * SECOND], [i for i in kept if i.time > BASE + 2 * SECOND]
    new = tuple(i for i in kept if i.time >= BASE + fresh * SECOND)
    return Alarm(
        Kind.GROWN,
        PATTERN,
        ("192.0.2.1",),
        "k1",
        BASE + 2 * SECOND,
        tuple(items),
        later=tuple(later),
        is_part=is_part,
        fresh=new,
    )


def test_the_row_follows_the_burst(session: Session) -> None:
    save_alarms(session, drafted([alarm(Kind.RAISED, "k1", 1, 2)]), BASE)
    times = range(1, 400)
    steps = [grown(*times, since=1, fresh=fresh, until=until) for fresh, until in ((3, 3), (4, 9), (10, 30))]
    save_alarms(session, drafted(steps), BASE + 1)
    (row,) = rows(session)
    assert (row.count, row.last_at, row.summary["at"]) == (30, BASE + 30 * SECOND, BASE + 2 * SECOND)
    assert (row.summary["distinct"], len(row.event_ids)) == (30, 30)
    assert "cut" not in row.summary
    whole = replace(grown(*times, since=1, fresh=3, until=30), kind=Kind.MOVED, fresh=())
    before = {name: getattr(row, name) for name in ("count", "last_at", "event_ids", "entities", "summary", "host")}
    for _ in range(2):  # what is told whole is the same as what was added
        save_alarms(session, drafted([whole]), BASE + 1)
        assert {name: getattr(row, name) for name in before} == before
    save_alarms(session, drafted([grown(*times, since=1, fresh=31, until=300)]), BASE + 2)
    assert (row.count, len(row.event_ids), row.event_ids[0]) == (300, 100, item(1).id)
    # its first events are forgotten: what came behind is added
    save_alarms(session, drafted([grown(*times, since=250, fresh=301, until=350, is_part=True)]), BASE + 3)
    assert (row.count, row.last_at) == (350, BASE + 350 * SECOND)
    assert (row.first_at, row.event_ids[0]) == (BASE + SECOND, item(1).id)
    assert "cut" not in row.summary
    final = replace(grown(*times, since=320, fresh=351, until=350, is_part=True), kind=Kind.FINAL, is_final=True)
    save_alarms(session, drafted([final]), BASE + 4)
    assert (row.count, row.is_final) == (350, True)
