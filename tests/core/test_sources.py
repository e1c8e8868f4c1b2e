"""Who sent it, and whether it still speaks."""

from __future__ import annotations

import pytest

from core.clock import DAY, HOUR, MINUTE, SECOND
from core.db.database import Database
from core.db.models import Activity, Silence, Source
from core.listed import OTHERS
from core.sources import Heards, SourceBook, SourceState, SourceView, clock_offset, views, wrong_zone

T0 = 1_764_000_000 * SECOND


def source(
    name: str, *keys: str, relay: bool = False, limit: int | None = None, expected: tuple[str, ...] = ()
) -> Source:
    return Source(
        name=name, keys=list(keys), is_declared=True, is_relay=relay, silence_limit_s=limit, zone="UTC",
        system="", agency="", level=2, retention="default", expected=list(expected), is_replay=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("key", "host", "expected"),
    [
        pytest.param("udp:10.20.1.5", "", "dc01", id="address"),
        pytest.param("tcp:10.20.1.5", "forged", "dc01", id="a named host never overrides the peer"),
        pytest.param("udp:10.20.1.9", "web01.example", "web01", id="behind a relay"),
        pytest.param("relay:10.20.1.9:web01", "", "web01", id="behind a relay, named by the frame"),
        pytest.param("udp:10.20.1.9", "other", "relay:10.20.1.9:other", id="undeclared behind a relay"),
        pytest.param("udp:10.20.1.9", "", "relay01", id="a relay that names nobody"),
        pytest.param("udp:192.0.2.77", "x", "udp:192.0.2.77", id="undeclared"),
        pytest.param("udp:10.20.1.9", "h" * 255, "relay:10.20.1.9:" + "h" * 184, id="a long name behind a relay"),
        pytest.param("file:" + "f" * 255, "", "file:" + "f" * 195, id="a long name of a file"),
        pytest.param("token:apps", "", "apps", id="token"),
    ],
)
def test_resolving(key: str, host: str, expected: str) -> None:
    book = SourceBook(
        [
            source("dc01", "10.20.1.5"),
            source("relay01", "10.20.1.9", relay=True),
            source("web01"),
            source("apps", "token:apps"),
        ]
    )
    assert book.resolve(key, host).name == expected


def hear(
    database: Database, name: str, *times: int, offset: int = 0, limits: dict[str, int | None] | None = None
) -> None:
    heards = Heards()
    for at in times:
        heards.add(name, "h", "sshd", at, offset)
    with database.write() as session:
        heards.save(session, limits if limits is not None else {name: None})


def state(database: Database, name: str, now: int) -> SourceState:
    with database.read() as session:
        return next(v.state for v in views(session, now) if v.name == name)


def test_the_four_states(database: Database) -> None:
    with database.write() as session:
        session.add_all([source("a"), source("never"), source("strict", limit=60)])
    hear(database, "a", *range(T0, T0 + HOUR, 10 * SECOND))
    hear(database, "strict", T0, limits={"strict": 60})
    hear(database, "udp:192.0.2.1", T0, limits={})
    now = T0 + HOUR
    assert state(database, "a", now) is SourceState.SENDING
    assert state(database, "a", now + 16 * MINUTE) is SourceState.SILENT
    assert state(database, "never", now) is SourceState.NEVER
    assert state(database, "strict", T0 + 61 * SECOND) is SourceState.SILENT
    assert state(database, "udp:192.0.2.1", now) is SourceState.UNDECLARED


def test_a_slow_source_may_be_silent_for_five_of_its_gaps(database: Database) -> None:
    with database.write() as session:
        session.add(source("slow"))
    hear(database, "slow", *range(T0, T0 + DAY, 12 * MINUTE))
    last = T0 + DAY - 12 * MINUTE
    assert state(database, "slow", last + 59 * MINUTE) is SourceState.SENDING
    assert state(database, "slow", last + 61 * MINUTE) is SourceState.SILENT


def test_a_silence_that_ended_is_remembered_and_does_not_become_the_rhythm(database: Database) -> None:
    with database.write() as session:
        session.add(source("fw"))
    before = list(range(T0, T0 + HOUR, SECOND * 3))
    after = list(range(before[-1] + 50 * MINUTE, before[-1] + 60 * MINUTE, SECOND * 30))
    hear(database, "fw", *before)
    hear(database, "fw", *after)
    with database.read() as session:
        silences = session.query(Silence).all()
        assert [(s.source, s.start_at, s.end_at) for s in silences] == [("fw", before[-1], after[0])]
    assert state(database, "fw", after[-1] + 16 * MINUTE) is SourceState.SILENT


def test_senders_that_anyone_can_make_up_take_so_many_rows(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.sources.ACTIVITY_KEYS", 4)
    hear(database, "udp:192.0.2.1", T0, limits={})
    for n in range(20):
        hear(database, f"udp:198.51.100.{n}", T0 + n, limits={})
    hear(database, "fw", T0)
    with database.read() as session:
        rows = [(a.source, a.host, a.dataset, a.count) for a in session.query(Activity).order_by(Activity.source)]
    own = [(name, *part, 1) for name in ("udp:192.0.2.1", "udp:198.51.100.0") for part in (("", ""), ("h", "sshd"))]
    assert sorted(rows) == sorted(
        [*own, (OTHERS, "", "", 19), (OTHERS, "other", "other", 19), ("fw", "", "", 1), ("fw", "other", "other", 1)]
    )


def test_expected_data_sets_that_stopped_are_named(database: Database) -> None:
    with database.write() as session:
        session.add(source("db", expected=("sshd", "auditd")))
    hear(database, "db", T0)
    with database.read() as session:
        view = views(session, T0 + MINUTE)[0]
    assert view.missing_datasets == ("auditd",)


@pytest.mark.parametrize(
    ("offset", "minutes"),
    [(7 * HOUR + 40 * SECOND, 420), (-7 * HOUR, -420), (7 * MINUTE, None), (5 * HOUR + 30 * MINUTE, 330), (None, None)],
)
def test_a_wrong_zone_is_a_constant_offset_near_half_hours(offset: int | None, minutes: int | None) -> None:
    assert wrong_zone(offset) == minutes


def view_of(database: Database, name: str) -> SourceView:
    with database.read() as session:
        return next(v for v in views(session, T0 + HOUR) if v.name == name)


def test_a_few_events_say_nothing_about_a_clock(database: Database) -> None:
    for number in range(9):
        hear(database, "udp:192.0.2.1", T0 + number * SECOND, offset=-11 * HOUR)
    one = view_of(database, "udp:192.0.2.1")
    assert (one.offset, one.wrong_zone_minutes) == (None, None)
    hear(database, "udp:192.0.2.1", T0 + 9 * SECOND, offset=-11 * HOUR)
    one = view_of(database, "udp:192.0.2.1")
    assert (one.offset, one.wrong_zone_minutes) == (-11 * HOUR, -660)


@pytest.mark.parametrize(
    ("offsets", "found"),
    [
        pytest.param([7 * HOUR] * 9, None, id="too few"),
        pytest.param([7 * HOUR] * 10, 7 * HOUR, id="enough"),
        pytest.param([-n * MINUTE * 11 for n in range(21)], None, id="late events, sent together"),
        pytest.param([0] * 15 + [-11 * HOUR] * 6, 0, id="some came late"),
        pytest.param([-SECOND, SECOND] * 8, SECOND, id="jitter"),
    ],
)
def test_a_clock_is_off_by_what_its_events_agree_on(offsets: list[int], found: int | None) -> None:
    assert clock_offset(offsets) == found


def test_a_clock_that_was_set_right_is_right_soon(database: Database) -> None:
    hear(database, "udp:a", *range(T0, T0 + 30 * SECOND, SECOND), offset=7 * HOUR, limits={})
    hear(database, "udp:a", *range(T0 + MINUTE, T0 + 81 * SECOND, SECOND), offset=0, limits={})
    assert view_of(database, "udp:a").offset == 0
