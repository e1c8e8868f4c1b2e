"""The hand-over over HTTP: read, taken as a file, a note left and taken back, and mailed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from api.deps import Services
from core.db.models import Audit, Notice
from tests.api.conftest import Client
from tests.core.test_handover import MAIL

SHIFT = "/api/v1/shift"


def actions(services: Services) -> list[str]:
    with services.database.read() as session:
        return list(session.scalars(select(Audit.action).where(Audit.action.not_like("%user%")).order_by(Audit.seq)))


def test_a_note_is_in_the_hand_over_until_it_is_taken_back(client: Client, services: Services) -> None:
    asked = client("analyst")
    entry = asked.post(f"{SHIFT}/note", json={"text": "Trông giúp web01"}).json()["entry"]
    found = asked.get(SHIFT, params={"format": "json"}).json()
    assert found["sections"][0]["table"]["rows"][0][2] == "Trông giúp web01"
    assert "report.export" not in actions(services), "reading a page takes nothing away"
    assert client("auditor").post(f"{SHIFT}/note/undo", json={"entry": entry}).status_code == 403
    assert asked.post(f"{SHIFT}/note/undo", json={"entry": entry}).status_code == 200
    assert asked.get(SHIFT, params={"format": "json"}).json()["sections"][0]["table"] is None


def test_a_file_is_an_entry(client: Client, services: Services) -> None:
    answer = client("analyst").get(SHIFT, params={"language": "en"})
    assert answer.content.startswith(b"%PDF")
    assert actions(services)[-1] == "report.export"


def test_mail_goes_to_the_list(client: Client, services: Services) -> None:
    asked = client("analyst")
    assert asked.post(f"{SHIFT}/mail", json={}).status_code == 409
    assert asked.get(f"{SHIFT}/began").json()["addresses"] == []


def test_mail_is_a_notice_with_the_text(client: Client, services: Services) -> None:
    asked = client("analyst")
    asked.app.state.services = replace(services, notices=lambda: MAIL)  # type: ignore[attr-defined]
    began = asked.get(f"{SHIFT}/began").json()
    assert (began["on_duty"], began["addresses"]) == (["truc@lhp.example"], ["truc@lhp.example", "soc@lhp.example"])
    assert asked.post(f"{SHIFT}/mail", json={"language": "en"}).json() == {"to": ["truc@lhp.example"]}
    with services.database.read() as session:
        notice = session.scalars(select(Notice)).one()
        entry = session.scalars(select(Audit).where(Audit.action == "shift.mail")).one()
    assert notice.matter == f"shift:{entry.seq}"
    assert notice.path.startswith("/shift?from=")
    assert entry.after is not None
    assert "NOTES THAT WERE LEFT" in entry.after["text"]


@pytest.mark.parametrize(
    ("body", "status"),
    [({"to": "a@b.example"}, 400), ({"start": "hôm qua"}, 400), ({"start": "now", "end": "now-1h"}, 400)],
)
def test_wrong_input_sends_nothing(client: Client, services: Services, body: dict[str, str], status: int) -> None:
    asked = client("analyst")
    asked.app.state.services = replace(services, notices=lambda: MAIL)  # type: ignore[attr-defined]
    assert asked.post(f"{SHIFT}/mail", json=body).status_code == status
    assert "shift.mail" not in actions(services)
