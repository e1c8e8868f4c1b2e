"""What persons do is checked, written down in the same transaction, and can be taken back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.audit import Actor, verify
from core.clock import MINUTE, SECOND
from core.db.database import migrate, open_database, sqlite_url
from core.db.models import Alert, Audit, Incident, IncidentLink, Note, Outbox, OutboxState
from core.errors import BadInput, Conflict, NotFound, Refused
from enrichment import incident_actions as act
from enrichment.incidents import group, refresh
from tests.enrichment.incident_cases import HOUSE, NOW, alert

HANH = Actor("hanhnt", "console")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    database = open_database(sqlite_url(tmp_path))
    migrate(database)
    with database.write() as opened:
        yield opened


def opened(session: Session, host: str = "h1", *, alerts: int = 1, is_replay: bool = False) -> Incident:
    ids = set()
    for number in range(alerts):
        made = alert(session, f"{host}-r{number}", level="high", host=host, is_replay=is_replay)
        ids.add(group(session, made.id, NOW, HOUSE))
    (incident_id,) = ids
    return session.get_one(Incident, incident_id)


def entries(session: Session) -> list[Audit]:
    return list(session.scalars(select(Audit).order_by(Audit.seq)))


def test_assigning_opens_and_a_stale_version_is_a_conflict(session: Session) -> None:
    incident = opened(session)
    act.assign(session, HANH, incident.id, "hanhnt", version=1, now=NOW)
    assert (incident.assignee, incident.status, incident.version) == ("hanhnt", "open", 2)
    with pytest.raises(Conflict) as stale:
        act.assign(session, HANH, incident.id, "baotq", version=1, now=NOW)
    assert stale.value.said is not None
    assert "tải lại" in stale.value.said["vi"]
    with pytest.raises(NotFound):
        act.assign(session, HANH, 999, "baotq", version=None, now=NOW)
    (entry,) = entries(session)
    assert (entry.action, entry.object) == ("incident.assign", f"incident:{incident.number}")
    assert entry.before == {"assignee": None, "status": "new"}
    assert entry.after == {"assignee": "hanhnt", "status": "open"}


def test_closing_takes_the_alerts_along_and_reopening_brings_them_back(session: Session) -> None:
    incident = opened(session, alerts=3)
    rows = session.scalars(select(Alert)).all()
    rows[0].status, rows[0].verdict_reason = "closed", "earlier"
    with pytest.raises(BadInput):
        act.close(session, HANH, incident.id, "maybe", "", version=None, now=NOW)
    act.close(session, HANH, incident.id, "true_positive", "đã xử lý", version=1, now=NOW)
    assert {row.status for row in rows} == {"closed"}
    assert rows[1].verdict_reason == f"{incident.number}: đã xử lý"
    assert incident.closed_at == NOW
    again = act.close(session, HANH, incident.id, "benign", "", version=2, now=NOW)
    assert (again.version, again.verdict) == (2, "true_positive"), "what is closed stays as it is"
    act.reopen(session, HANH, incident.id, "còn nữa", version=2, now=NOW)
    assert [row.status for row in rows] == ["closed", "new", "new"]
    assert (str(incident.status), incident.verdict) == ("new", None)
    assert act.reopen(session, HANH, incident.id, "", version=None, now=NOW).version == 3
    assert [entry.action for entry in entries(session)] == ["incident.close", "incident.reopen"]


def test_only_a_person_declares_and_may_withdraw(session: Session) -> None:
    incident = opened(session)
    incident.first_at = NOW - MINUTE

    def declare(reason: str = "mã độc", detected: int = NOW - SECOND, category: str = "malware") -> Incident:
        return act.declare(
            session, HANH, incident.id, detected_at=detected, category=category, reason=reason, version=None, now=NOW
        )

    with pytest.raises(BadInput):
        declare(detected=NOW + MINUTE)
    with pytest.raises(BadInput, match="before the first event"):
        declare(detected=incident.first_at - MINUTE)
    with pytest.raises(BadInput, match="There is no category “Mã độc”") as unknown:
        declare(category="Mã độc")
    assert unknown.value.remedy is not None
    assert "intrusion, malware" in unknown.value.remedy["vi"]
    with pytest.raises(BadInput, match="category is empty"):
        declare(category=" ")
    with pytest.raises(BadInput):
        declare(reason="  ")
    declare()
    assert incident.detected_at == (NOW - SECOND) // MINUTE * MINUTE
    assert (incident.declared_at, incident.declared_by, incident.status) == (NOW, "hanhnt", "open")
    with pytest.raises(Refused):
        declare()
    act.withdraw(session, HANH, incident.id, "diễn tập", version=2, now=NOW + 1)
    assert (incident.declared_at, incident.withdrawn_at, incident.withdrawn_by) == (NOW, NOW + 1, "hanhnt")
    with pytest.raises(Refused):
        act.withdraw(session, HANH, incident.id, "nữa", version=None, now=NOW)
    declare()
    assert incident.withdrawn_at is None
    assert [entry.action for entry in entries(session)] == [
        "incident.declare",
        "incident.withdraw",
        "incident.declare",
    ]


def test_an_incident_of_a_clock_ahead_can_be_declared(session: Session) -> None:
    incident = opened(session)
    incident.first_at = NOW + 7 * MINUTE
    act.declare(session, HANH, incident.id, detected_at=NOW, category="other", reason="y", version=None, now=NOW)
    assert incident.detected_at == NOW - NOW % MINUTE


def test_merging_moves_alerts_and_notes_and_splitting_undoes_it(session: Session) -> None:
    one, two = opened(session, "h1"), opened(session, "h2")
    act.note(session, HANH, two.id, "xem máy h2", now=NOW)
    act.merge(session, HANH, one.id, [two.id], "cùng một vụ", HOUSE, version=1, now=NOW)
    assert (two.merged_into, two.status, two.verdict) == (one.id, "closed", "duplicate")
    assert "h1, h2" in one.title["en"]
    assert session.scalars(select(Note)).one().incident_id == one.id
    rows = session.scalars(select(Alert).order_by(Alert.id)).all()
    assert [row.incident_id for row in rows] == [one.id, one.id]
    assert session.get_one(IncidentLink, rows[1].id).reason[-1]["kind"] == "person"
    with pytest.raises(Refused):
        act.reopen(session, HANH, two.id, "", version=None, now=NOW)
    made = act.split(session, HANH, one.id, [rows[1].id], "khác vụ", HOUSE, version=2, now=NOW)
    assert (rows[1].incident_id, made.number) == (made.id, "VV-2025-0003")
    assert "h2" in made.title["en"]
    assert "h2" not in one.title["en"]
    for wrong in ([], [rows[1].id], [rows[0].id]):
        with pytest.raises(BadInput):
            act.split(session, HANH, one.id, wrong, "", HOUSE, version=None, now=NOW)
    merged = entries(session)[1]
    assert merged.after == {"moved": {two.number: [rows[1].id]}}


def test_what_cannot_be_merged(session: Session) -> None:
    one, two = opened(session, "h1"), opened(session, "h2")
    replay = opened(session, "h3", is_replay=True)
    act.declare(session, HANH, two.id, detected_at=NOW, category="other", reason="y", version=None, now=NOW)
    for others, error in (([one.id], BadInput), ([], BadInput), ([replay.id], Refused), ([two.id], Refused)):
        with pytest.raises(error):
            act.merge(session, HANH, one.id, others, "", HOUSE, version=None, now=NOW)


def test_tags_of_ones_own_outlive_what_is_derived(session: Session) -> None:
    incident = opened(session)
    act.tag(session, HANH, incident.id, ["diễn tập"], now=NOW)
    refresh(session, incident.id, NOW, HOUSE)
    assert incident.tags == ["diễn tập"]


def test_only_tags_of_ones_own_are_taken_off(session: Session) -> None:
    incident = opened(session)
    incident.tags = ["attack.t1110"]
    act.tag(session, HANH, incident.id, ["diễn tập", "ca đêm"], now=NOW)
    act.untag(session, HANH, incident.id, ["ca đêm"], now=NOW)
    assert incident.tags == ["attack.t1110", "diễn tập"]
    for tag in ("attack.t1110", "ca đêm"):
        with pytest.raises(BadInput, match=tag):
            act.untag(session, HANH, incident.id, ["diễn tập", tag], now=NOW)
    assert incident.tags == ["attack.t1110", "diễn tập"]
    entry = session.scalars(select(Audit).where(Audit.action == "incident.untag")).one()
    assert entry.before == {"tags": ["attack.t1110", "ca đêm", "diễn tập"]}
    assert entry.after == {"tags": ["attack.t1110", "diễn tập"]}


def test_every_change_rings_the_playbooks_and_stands_in_a_whole_chain(session: Session) -> None:
    incident, replay = opened(session, "h1"), opened(session, "h3", is_replay=True)
    for work in session.scalars(select(Outbox)):
        work.state = OutboxState.DONE
    act.note(session, HANH, incident.id, "ghi chú", now=NOW)
    act.note(session, HANH, replay.id, "phát lại", now=NOW)
    with pytest.raises(BadInput):
        act.note(session, HANH, incident.id, " \n", now=NOW)
    ready = session.scalars(select(Outbox).where(Outbox.state == OutboxState.READY)).all()
    assert [(work.kind, work.key) for work in ready] == [("playbook_trigger", str(incident.id))]
    assert verify(entries(session)).is_whole
