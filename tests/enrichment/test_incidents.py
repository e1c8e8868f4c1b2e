"""Alerts that share something meet in one incident, with the reason of each link."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.audit import Actor
from core.clock import DAY, HOUR, MINUTE, SECOND
from core.db.database import migrate, open_database, sqlite_url
from core.db.models import Alert, AlertStatus, Incident, IncidentEntity, IncidentLink, Outbox, Source
from enrichment.incident_actions import assign
from enrichment.incidents import COMMON, group, next_number, refresh, would_join
from tests.enrichment.incident_cases import HOUSE, NOW, alert


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    database = open_database(sqlite_url(tmp_path))
    migrate(database)
    with database.write() as opened:
        yield opened


def put(session: Session, made: Alert) -> int | None:
    return group(session, made.id, NOW, HOUSE)


def reasons(session: Session, made: Alert) -> list[tuple[str, str, int]]:
    return [(r["kind"], r["value"], r["alert"]) for r in session.get_one(IncidentLink, made.id).reason]


def incidents(session: Session) -> list[Incident]:
    return list(session.scalars(select(Incident).where(Incident.merged_into.is_(None)).order_by(Incident.id)))


def test_a_medium_alert_alone_stays_an_alert_and_a_high_one_opens(session: Session) -> None:
    assert put(session, alert(session, "sudo", host="web01")) is None
    assert put(session, alert(session, "sudo", host="web01", at=NOW + MINUTE)) is None
    opened = put(session, alert(session, "shadow", level="high", host="db01"))
    assert opened is not None
    assert put(session, alert(session, "scan", kind="correlation", level="medium", origin="203.0.113.7"))
    assert len(incidents(session)) == 2
    assert [i.number for i in incidents(session)] == ["VV-2025-0001", "VV-2025-0002"]


def test_two_medium_alerts_of_different_rules_that_share_a_user_open(session: Session) -> None:
    one = alert(session, "vpn-abroad", user="lannt", at=NOW - 5 * HOUR)
    assert put(session, one) is None
    two = alert(session, "bulk-read", user="lannt", host="csdl-db01")
    opened = put(session, two)
    assert opened is not None
    assert one.incident_id == two.incident_id == opened
    assert reasons(session, two) == []
    assert reasons(session, one) == [("user", "lannt", two.id)]


def test_the_ssh_story_is_one_incident_across_hosts(session: Session) -> None:
    session.add(Source(name="baochi-crawl01", level=2, is_declared=True))
    session.add(Source(name="jump01", level=3, is_declared=True, system="ha-tang"))
    attacker, crawler = "203.0.113.77", "baochi-crawl01"
    rows: list[Alert] = []
    for number, given in enumerate(
        [
            {
                "rule": "guessing",
                "level": "high",
                "kind": "correlation",
                "host": crawler,
                "user": "baochi",
                "origin": attacker,
                "tags": ("attack.t1110",),
                "facts": {"outcome": ["failure", "success"]},
            },
            {"rule": "shadow", "host": crawler, "user": "baochi", "tags": ("attack.t1003.008",)},
            {"rule": "miner", "level": "high", "origin": "10.20.6.21", "to": "203.0.113.9", "tags": ("attack.t1496",)},
            {"rule": "jump", "host": "jump01", "user": "khanh", "origin": "10.20.6.21", "tags": ("attack.t1021.004",)},
        ]
    ):
        rows.append(alert(session, at=NOW + number * SECOND, **given))  # type: ignore[arg-type]
        put(session, rows[-1])
    assert len({row.incident_id for row in rows}) == 1
    assert reasons(session, rows[1]) == [("host", crawler, rows[0].id), ("user", "baochi", rows[0].id)]
    assert reasons(session, rows[2]) == [("host", crawler, rows[0].id)]
    assert ("host", crawler, rows[0].id) in reasons(session, rows[3])
    assert ("ip", "10.20.6.21", rows[2].id) in reasons(session, rows[3])
    (incident,) = incidents(session)
    assert incident.title == {
        "vi": "Dấu hiệu guessing trên baochi-crawl01, jump01",
        "en": "Sign guessing on baochi-crawl01, jump01",
    }
    assert incident.sentence["vi"].startswith("Từ 203.0.113.77 nhằm vào baochi-crawl01, jump01 dùng tài khoản baochi")
    assert "tới 203.0.113.9 (4 cảnh báo, 4 sự kiện)" in incident.sentence["vi"]
    assert "Chưa rõ: " in incident.sentence["vi"]
    assert "Not known: " in incident.sentence["en"]
    assert incident.level == "high"
    assert incident.priority == sum(part["points"] for part in incident.priority_sum) == 30 + 12 + 10 + 5 + 15
    work = session.scalars(select(Outbox).where(Outbox.kind == "playbook_trigger")).all()
    assert [w.key for w in work] == [str(incident.id)]


def test_any_order_gives_the_same_groups(session: Session) -> None:
    for turn, order in enumerate(permutations(range(4))):
        shift = turn * 10 * DAY
        rows = [
            alert(session, "a", host="h1", user="u1", at=NOW + shift),
            alert(session, "b", level="high", user="u1", origin="203.0.113.1", at=NOW + shift + MINUTE),
            alert(session, "c", host="h2", origin="203.0.113.1", at=NOW + shift + 2 * MINUTE),
            alert(session, "d", level="high", host="h3", at=NOW + shift),
        ]
        for index in order:
            put(session, rows[index])
        for work in session.scalars(select(Outbox).where(Outbox.kind == "group")):
            group(session, int(work.key), NOW, HOUSE)
        assert rows[0].incident_id == rows[1].incident_id == rows[2].incident_id, order
        assert rows[3].incident_id not in (None, rows[0].incident_id)


def test_what_is_shared_by_many_incidents_joins_nothing(session: Session) -> None:
    for number in range(COMMON + 1):
        put(session, alert(session, f"r{number}", level="high", host=f"h{number}", at=NOW + number * HOUR))
    for incident in incidents(session):
        session.add(
            IncidentEntity(
                incident_id=incident.id, kind="ip", value="198.51.100.1", first_at=NOW, last_at=NOW + 6 * HOUR
            )
        )
    session.flush()
    made = alert(session, "x", level="high", origin="198.51.100.1", at=NOW + 2 * HOUR)
    before = {incident.id for incident in incidents(session)}
    assert put(session, made) not in before


def test_time_bounds_a_link(session: Session) -> None:
    first = put(session, alert(session, "a", level="high", host="h1", user="u1"))
    near = put(session, alert(session, "b", level="high", host="h1", at=NOW + HOUR))
    assert near == first
    far = put(session, alert(session, "c", level="high", host="h1", at=NOW + 4 * HOUR))
    assert far != first
    by_user = put(session, alert(session, "d", level="high", host="h9", user="u1", at=NOW + 20 * HOUR))
    assert by_user == first
    too_late = put(session, alert(session, "e", level="high", host="h8", user="u1", at=NOW + 70 * HOUR))
    assert too_late not in (first, far)


def test_the_same_sign_on_several_hosts_within_minutes_is_one(session: Session) -> None:
    first = put(session, alert(session, "psexec", level="high", host="dc01"))
    made = alert(session, "psexec", level="high", host="dc02", at=NOW + 2 * MINUTE)
    assert put(session, made) == first
    assert reasons(session, made)[0][:2] == ("technique", "psexec")
    assert put(session, alert(session, "psexec", level="high", host="dc03", at=NOW + HOUR)) != first


def test_a_bridge_makes_one_of_untouched_incidents_only(session: Session) -> None:
    one = alert(session, "a", level="high", host="h1")
    two = alert(session, "b", level="high", host="h2")
    three = alert(session, "c", level="high", host="h3")
    for row in (one, two, three):
        put(session, row)
    touched = three.incident_id
    assert touched is not None
    assign(session, Actor("hanhnt", "console"), touched, "hanhnt", version=None, now=NOW)
    bridge = alert(session, "d", level="high", host="h1", user="u9")
    bridge.entities = [*bridge.entities, ["host", "h2"], ["host", "h3"]]
    joined = put(session, bridge)
    assert joined == two.incident_id == one.incident_id == bridge.incident_id or joined == touched
    assert three.incident_id == touched
    merged = session.scalars(select(Incident).where(Incident.merged_into.is_not(None))).all()
    assert all(incident.status == "closed" and incident.verdict == "duplicate" for incident in merged)
    assert one.incident_id == two.incident_id


def test_replays_meet_only_replays_and_start_nothing(session: Session) -> None:
    live = put(session, alert(session, "a", level="high", host="h1"))
    replay = put(session, alert(session, "b", level="high", host="h1", is_replay=True))
    assert replay not in (None, live)
    keys = {w.key for w in session.scalars(select(Outbox).where(Outbox.kind == "playbook_trigger"))}
    assert keys == {str(live)}


def test_closed_and_own_matters_are_left_alone(session: Session) -> None:
    assert put(session, alert(session, "self:lag", kind="self", level="high")) is None
    closed = alert(session, "a", level="high", host="h1", status=AlertStatus.CLOSED)
    assert put(session, closed) is None
    assert group(session, 9999, NOW, HOUSE) is None


def test_doing_it_again_changes_nothing(session: Session) -> None:
    made = alert(session, "a", level="high", host="h1", user="u1")
    first = put(session, made)
    told = [(i.title, i.sentence, i.priority, i.first_at) for i in incidents(session)]
    assert put(session, made) == first
    assert [(i.title, i.sentence, i.priority, i.first_at) for i in incidents(session)] == told
    assert len(session.scalars(select(IncidentLink)).all()) == 1


def test_known_signs_are_not_new_and_entities_follow(session: Session) -> None:
    alert(session, "a", level="high", host="h1", at=NOW - 5 * DAY)
    made = alert(session, "a", level="high", host="h1")
    incident_id = put(session, made)
    assert incident_id is not None
    (incident,) = incidents(session)
    assert next(p for p in incident.priority_sum if p["key"] == "new")["points"] == 0
    made.entities = [["host", "h2"]]
    refresh(session, incident_id, NOW, HOUSE)
    found = session.execute(select(IncidentEntity.kind, IncidentEntity.value)).all()
    assert [tuple(row) for row in found] == [("host", "h2")]


def test_numbers_count_on_within_the_year(session: Session) -> None:
    session.add(
        Incident(number="VV-2025-9999", title={}, level="low", first_at=0, last_at=0, created_at=0, updated_at=0)
    )
    session.flush()
    assert next_number(session, NOW) == "VV-2025-10000"
    assert next_number(session, NOW + 400 * DAY) == "VV-2026-0001"


def test_a_joined_alert_leaves_its_incident_to_the_survivor(session: Session) -> None:
    first = alert(session, "burst", kind="correlation", level="high", host="h1")
    second = alert(session, "burst", kind="correlation", level="high", host="h1", at=NOW + MINUTE)
    assert put(session, second) == second.incident_id == first.incident_id
    (incident,) = incidents(session)
    second.joined_to = first.id
    assert put(session, second) is None
    assert (first.incident_id, second.incident_id) == (incident.id, None)
    assert "1 alert," in incident.sentence["en"]


def test_an_incident_that_lost_its_only_alert_lives_on_in_the_survivors(session: Session) -> None:
    first = alert(session, "burst", kind="correlation", level="high", host="h1")
    second = alert(session, "burst", kind="correlation", level="high", host="h1", at=NOW + 9 * HOUR)
    survivor, lost = put(session, first), put(session, second)
    assert survivor != lost
    second.joined_to = first.id
    put(session, second)
    assert session.get_one(Incident, lost).merged_into == survivor


def test_where_an_alert_of_the_past_would_have_gone_is_where_it_goes(session: Session) -> None:
    first = alert(session, "shadow", level="high", host="db01", user="lannt")
    opened = put(session, first)
    twin = alert(session, "sudo", host="db01", at=NOW + MINUTE)
    session.flush()
    seen = would_join(session, twin, HOUSE)
    assert seen is not None
    assert (twin.incident_id, seen[0]) == (None, opened), "nothing was changed"
    assert [(link.kind, link.value, link.alert) for link in seen[1]] == [("host", "db01", first.id)]
    assert put(session, twin) == opened
    assert would_join(session, alert(session, "sudo", host="other"), HOUSE) is None


def test_an_incident_closed_later_was_open_then(session: Session) -> None:
    opened = put(session, alert(session, "shadow", level="high", host="db01"))
    incident = session.get_one(Incident, opened)
    incident.status, incident.closed_at = "closed", NOW + HOUR
    session.flush()
    for minutes, joins in ((30, True), (90, False)):
        late = alert(session, "sudo", host="db01", at=NOW + minutes * MINUTE)
        assert (would_join(session, late, HOUSE) is not None) is joins
        assert put(session, late) is None
