"""One's own change to alerts can be undone for ten minutes, if nothing came after."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import select, update

from api.deps import Services
from core.clock import StillClock
from core.db.models import Alert, Audit
from tests.api.conftest import Client
from tests.api.rows import alert

URL = "/api/v1/alerts"


def put(services: Services) -> list[int]:
    rows = [alert(), alert(status="acknowledged", assignee="baotq"), alert(status="closed", verdict="benign")]
    with services.database.write() as session:
        session.add_all(rows)
        session.flush()
        return [row.id for row in rows]


def states(services: Services) -> list[tuple[str, str | None, str | None]]:
    with services.database.read() as session:
        return [(a.status, a.assignee, a.verdict) for a in session.scalars(select(Alert).order_by(Alert.id))]


def post(client: TestClient, path: str, status: int = 200, **body: Any) -> Any:
    answer = client.post(f"{URL}/{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_closing_many_is_undone_to_what_each_was(client: Client, services: Services) -> None:
    ids, analyst = put(services), client("analyst")
    before = states(services)
    changed = post(analyst, "close", ids=ids, verdict="false_positive", reason="thử")
    assert [a["id"] for a in changed["alerts"]] == ids[:2]
    assert {a["status"] for a in changed["alerts"]} == {"closed"}
    undone = post(analyst, "undo", entry=changed["entry"])
    assert len(undone["alerts"]) == 2
    assert states(services) == before
    with services.database.read() as session:
        assert session.scalars(select(Audit.action).order_by(Audit.seq.desc())).first() == "alert.undo"
        assert {a.verdict_reason for a in session.scalars(select(Alert).where(Alert.id.in_(ids[:2])))} == {""}


def test_an_undo_can_be_undone(client: Client, services: Services) -> None:
    ids, analyst = put(services), client("analyst")
    changed = post(analyst, "acknowledge", ids=ids[:1])
    undone = post(analyst, "undo", entry=changed["entry"])
    post(analyst, "undo", entry=undone["entry"])
    assert states(services)[0][0] == "acknowledged"


def test_an_entry_is_undone_once_though_others_chose_the_same_since(client: Client, services: Services) -> None:
    ids, analyst, other = put(services), client("analyst"), client("analyst")
    entry = post(analyst, "acknowledge", ids=ids[:1])["entry"]
    post(other, "reopen", ids=ids[:1])
    post(other, "acknowledge", ids=ids[:1])
    said = post(analyst, "undo", 409, entry=entry)
    assert "changed since" in said["detail"]
    entry = post(other, "reopen", ids=ids[:1])["entry"]
    post(other, "undo", entry=entry)
    post(analyst, "reopen", ids=ids[:1])
    post(other, "undo", 409, entry=entry)
    assert states(services)[0][0] == "new", "what another chose stands"


def test_an_undone_reopening_has_its_reason_again(client: Client, services: Services) -> None:
    ids, analyst = put(services), client("analyst")
    post(analyst, "close", ids=ids[:1], verdict="benign", reason="máy quét của ta")
    entry = post(analyst, "reopen", ids=ids[:1])["entry"]
    post(analyst, "undo", entry=entry)
    with services.database.read() as session:
        assert session.get_one(Alert, ids[0]).verdict_reason == "máy quét của ta"


def test_it_is_refused_for_others_later_and_after_a_change(
    client: Client, services: Services, clock: StillClock
) -> None:
    ids, analyst = put(services), client("analyst")
    entry = post(analyst, "acknowledge", ids=ids[:1])["entry"]
    post(client("analyst"), "undo", 403, entry=entry)
    post(analyst, "undo", 403, entry=1)
    with services.database.write() as session:
        session.execute(update(Alert).values(assignee="somebody"))
    post(analyst, "undo", 409, entry=entry)
    clock.advance(601)
    post(analyst, "undo", 403, entry=entry)


def test_an_entry_about_something_else_puts_no_search_back(client: Client, services: Services) -> None:
    ids, analyst = put(services), client("analyst")
    entry = post(analyst, "close", ids=ids, verdict="benign", reason="thử")["entry"]
    assert analyst.post("/api/v1/searches/undo", json={"entry": entry}).status_code == 403
