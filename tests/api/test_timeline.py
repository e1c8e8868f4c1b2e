"""The timeline tells alerts by their telling facts, and steps by who approved them."""

from __future__ import annotations

from typing import Any

import pytest

from api import timeline
from api.scope import WHOLE
from core.db.database import Database
from core.db.models import Audit, Incident, Run, StepRun
from tests.api.conftest import NOW
from tests.api.rows import alert


@pytest.mark.parametrize(
    ("summary", "detail"),
    [
        ({"from": ["198.51.100.1", "198.51.100.2"], "user": "root"}, "198.51.100.1 +1 · root"),
        ({"command": ["bash -i"], "outcome": ["success"]}, "bash -i"),
        ({"port": 3333, "to": []}, "3333"),
        ({"file": ""}, ""),
        ({"command": "x" * 900}, "x" * 500),
    ],
)
def test_an_alert_is_told_by_its_facts(summary: dict[str, Any], detail: str) -> None:
    (item,) = timeline.items([alert(id=1, status="new", summary=summary)], [], [], [])
    assert (item.kind, item.detail, item.title.vi) == ("alert", detail, "Dò mật khẩu SSH")


def test_changes_have_words_or_their_own_name() -> None:
    changes = [
        Audit(seq=n, at=NOW, actor="hanhnt", action=f"incident.{what}", reason="")
        for n, what in enumerate(("assign", "x"))
    ]
    assert [i.title.vi for i in timeline.items([], [], [], changes)] == ["nhận xử lý", "x"]


@pytest.mark.parametrize(
    ("action", "actor", "before", "after", "vi", "en"),
    [
        ("assign", "hanhnt", {}, {"assignee": "hanhnt"}, "nhận xử lý", "took it"),
        ("assign", "hanhnt (token:x)", {}, {"assignee": "hanhnt"}, "nhận xử lý", "took it"),
        ("assign", "os:root", {}, {"assignee": "hanhnt"}, "giao cho hanhnt xử lý", "assigned to hanhnt"),
        ("assign", "hanhnt", {}, {"assignee": None}, "bỏ người xử lý", "assigned to nobody"),
        ("tag", "hanhnt", {"tags": ["a"]}, {"tags": ["a", "b"]}, "gắn nhãn: b", "tagged: b"),
        ("untag", "hanhnt", {"tags": ["a"]}, {"tags": []}, "gỡ nhãn: a", "took a tag off: a"),
    ],
)
def test_a_change_says_to_whom_and_what(
    action: str, actor: str, before: dict[str, Any], after: dict[str, Any], vi: str, en: str
) -> None:
    entry = Audit(seq=1, at=NOW, actor=actor, action=f"incident.{action}", before=before, after=after, reason="")
    (item,) = timeline.items([], [], [], [entry])
    assert (item.title.vi, item.title.en) == (vi, en)


def test_steps_tell_who_approved_and_how_they_ended(database: Database) -> None:
    title = {"vi": "Chặn", "en": "Block"}
    with database.write() as session:
        incident = Incident(number="1", title={}, level="low", first_at=0, last_at=0, created_at=0, updated_at=0)
        session.add(incident)
        session.flush()
        run = Run(
            key="k", playbook="p", version="1", definition={"steps": [{"name": "block", "title": title}]},
            incident_id=incident.id, created_at=NOW, updated_at=NOW,
        )  # fmt: skip
        session.add(run)
        session.flush()
        session.add(
            StepRun(run_id=run.id, step="block", position=0, status="failed", approved_by="admin", approved_at=NOW,
                    is_self_approved=True, ended_at=NOW + 1, error="nft: no")
        )  # fmt: skip
        session.add(
            StepRun(
                run_id=run.id,
                step="tried",
                position=1,
                status="succeeded",
                ended_at=NOW + 2,
                result={"is_dry": True, "undone_at": NOW + 3, "undone_by": "baotq"},
            )
        )
        dry = Run(
            key="d", playbook="p", version="1", definition={}, incident_id=incident.id, is_dry=True,
            created_at=NOW, updated_at=NOW,
        )  # fmt: skip
        session.add(dry)
        session.flush()
        session.add(StepRun(run_id=dry.id, step="block", position=0, status="succeeded", ended_at=NOW + 3))
    with database.read() as session:
        found = timeline.steps(session, 1, WHOLE)
    assert [(i.title.vi, i.actor, i.status, i.error.vi) for i in found] == [
        ("tự phê duyệt: Chặn", "admin", "", ""),
        ("Chặn", "", "failed", "nft: no"),
        ("hoàn tác: tried", "baotq", "", ""),
        ("tried · chạy thử (không tác động)", "", "succeeded", ""),
    ]
