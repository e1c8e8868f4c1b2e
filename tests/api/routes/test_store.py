"""How the store stands, and the shortening of what is kept, as the sysadmin's page asks for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select

from api.deps import Services
from core import checks, engines, reindexing, storage
from core.clock import DAY, SECOND, StillClock, iso
from core.db.models import Audit
from core.errors import Refused, failure
from core.keeping import MAINTENANCE
from core.keys import Keys
from core.store.contract import Batch, Finding, Span
from core.store.reindex import Reindexing, ReindexStage
from core.store.retention import DEFAULT_POLICY, Policy
from tests.api.conftest import NOW, Client
from tests.api.rows import events

PREFIX = "/api/v1/store"
SHORTER = Policy({**DEFAULT_POLICY.months, "default": 3}, DEFAULT_POLICY.otherwise)


@pytest.fixture
def house(client: Client, services: Services) -> TestClient:
    """A sysadmin's browser: 120 days old and new events are kept, the settings were shortened."""
    storage.settle(services.database, services.store, DEFAULT_POLICY, NOW)
    services.store.append(Batch(events(3, NOW - 120 * DAY)))
    services.store.append(Batch(events(2, NOW - 2 * DAY)))
    made = client("sysadmin")
    assert isinstance(made.app, FastAPI)
    made.app.state.services = replace(services, policy=SHORTER, reserve_bytes=1 << 20)
    return made


def test_the_store_says_what_it_keeps(house: TestClient, services: Services) -> None:
    services.store.hold("vu-1", Span(NOW - 121 * DAY, NOW - 119 * DAY), "điều tra")
    with services.database.write() as session:
        checks.note(session, MAINTENANCE, [Finding("a", "checksum")], 2, NOW)
    found = house.get(PREFIX).json()
    assert (found["engine"], found["events"], found["segments"], found["reserve"]) == ("segments", 5, 2, 1 << 20)
    assert 0 < found["free"] < found["total"]
    assert found["bytes_per_day"] > 0
    kept = next(each for each in found["classes"] if each["name"] == "default")
    assert (kept["wished"], kept["months"], kept["may_shorten"], kept["waiting"]) == (3, 6, True, None)
    assert (kept["oldest"][:10], kept["amount"]["events"]) == (iso(NOW - 120 * DAY)[:10], 5)
    (hold,) = found["holds"]
    assert (hold["name"], hold["reason"], hold["keeps"]["events"]) == ("vu-1", "điều tra", 3)
    assert (hold["placed_by"], hold["lifting"]) == ("", None), "it was found in the store"
    assert (found["verified"]["found"], found["verified"]["open"], found["verified"]["unread"]) == (1, 1, 0)
    with services.database.write() as session:
        checks.note(session, MAINTENANCE, [], 2, NOW, unread=3, span=Span(NOW - DAY, None))
    found = house.get(PREFIX).json()["verified"]
    assert (found["unread"], found["start"], found["end"]) == (3, iso(NOW - DAY), None)


def test_a_move_says_how_far_it_is_and_when_nobody_is_at_it(house: TestClient, services: Services) -> None:
    assert house.get(PREFIX).json()["move"] is None
    with services.database.write() as session:
        move = engines.begin(session, MAINTENANCE, "segments", "elastic", "run", NOW)
        engines.note(session, replace(move, events=5, copied=3), NOW)
    found = house.get(PREFIX).json()["move"]
    assert (found["source"], found["target"], found["by"]) == ("segments", "elastic", MAINTENANCE.name)
    assert (found["stage"], found["events"], found["copied"], found["is_alive"]) == ("copying", 5, 3, True)
    assert isinstance(services.clock, StillClock)
    services.clock.advance(engines.CLOSED_FOR / SECOND)
    assert house.get(PREFIX).json()["move"]["is_alive"] is False


def test_what_is_written_anew_says_how_far_it_is_and_what_is_in_its_way(house: TestClient, services: Services) -> None:
    assert house.get(PREFIX).json()["reindexing"] is None
    with services.database.write() as session:
        run = reindexing.begin(session, "a", NOW)
    assert house.get(PREFIX).json()["reindexing"] is None, "nothing may be to do"
    with services.database.write() as session:
        state = Reindexing("kydai-level3-2026.w48", ReindexStage.COPYING, 5, 9, 2)
        run = reindexing.note(session, MAINTENANCE, run, state, NOW)
    found = house.get(PREFIX).json()["reindexing"]
    assert (found["part"], found["stage"], found["left"]) == (state.part, "copying", 2)
    assert (found["done"], found["total"], found["is_alive"], found["error"]) == (5, 9, True, None)
    with services.database.write() as session:
        reindexing.end(session, run, NOW, failure(Refused, "store.reindex.busy", name="x"))
    found = house.get(PREFIX).json()["reindexing"]
    assert (found["is_alive"], found["done"]) == (False, 5)
    assert "written to faster" in found["error"]["en"]


def test_a_shortening_is_previewed_confirmed_and_cancelled(
    house: TestClient, services: Services, tmp_path: Path
) -> None:
    seen = house.get(f"{PREFIX}/shortening", params={"name": "default", "months": 3}).json()
    assert (seen["at"], seen["total"]["events"]) == (iso(NOW + DAY), 3)
    assert [each["classes"] for each in seen["goes"]] == [["default"]]
    body = {"name": "default", "months": 3, "reason": "đĩa nhỏ", "confirm": "default"}
    for wrong in ({"reason": " "}, {"confirm": "x"}, {"months": 7}):
        assert house.post(f"{PREFIX}/shortenings", json=body | wrong).status_code == 400
    assert house.post(f"{PREFIX}/shortenings", json=body | {"months": 2}).status_code == 403
    assert house.post(f"{PREFIX}/shortenings", json=body | {"name": "x", "confirm": "x"}).status_code == 404
    state = house.post(f"{PREFIX}/shortenings", json=body).json()
    waiting = next(each["waiting"] for each in state["classes"] if each["name"] == "default")
    assert (waiting["months"], waiting["at"], waiting["reason"]) == (3, iso(NOW + DAY), "đĩa nhỏ")
    assert waiting["asked_by"].startswith("sysadmin")
    assert house.post(f"{PREFIX}/shortenings", json=body).status_code == 409
    cancel = {"name": "default", "reason": "nhầm"}
    state = house.post(f"{PREFIX}/shortenings/cancel", json=cancel).json()
    assert [each["waiting"] for each in state["classes"] if each["waiting"]] == []
    assert house.post(f"{PREFIX}/shortenings/cancel", json=cancel).status_code == 404
    assert isinstance(services.clock, StillClock)
    services.clock.advance(2 * 86_400)
    house_of = services.database, services.store, SHORTER
    assert storage.retain(*house_of, MAINTENANCE, services.clock.now(), Keys(tmp_path / "keys")) == []


def test_a_hold_is_placed_and_lifted_with_a_day_between(house: TestClient, services: Services) -> None:
    holds, lift = f"{PREFIX}/holds", f"{PREFIX}/holds/lift"
    body = {"name": "vụ 7", "start": iso(NOW - 300 * DAY), "end": iso(NOW - DAY), "reason": "công văn 12"}
    for wrong in ({"name": " "}, {"reason": "  "}, {"start": "hôm qua"}, {"start": iso(NOW)}, {"name": "x" * 101}):
        assert house.post(holds, json=body | wrong).status_code in (400, 422)
    (placed,) = house.post(holds, json=body).json()["holds"]
    assert (placed["name"], placed["end"], placed["keeps"]["events"]) == ("vụ 7", iso(NOW - DAY), 5)
    assert placed["placed_by"].startswith("sysadmin")
    assert house.post(holds, json=body).status_code == 409
    seen = house.get(lift, params={"name": "vụ 7"}).json()
    assert (seen["at"], seen["total"]["events"]) == (iso(NOW + DAY), 0), "nothing is past its time yet"
    assert house.get(lift, params={"name": "vụ 8"}).status_code == 404
    asked = {"name": "vụ 7", "reason": "xong", "confirm": "vụ 7"}
    assert house.post(lift, json=asked | {"confirm": "vụ"}).status_code == 400
    assert house.post(lift, json=asked | {"reason": ""}).status_code == 400
    (waiting,) = house.post(lift, json=asked).json()["holds"]
    assert (waiting["lifting"]["at"], waiting["lifting"]["reason"]) == (iso(NOW + DAY), "xong")
    assert house.post(lift, json=asked).status_code == 409
    (kept,) = house.post(f"{holds}/keep", json={"name": "vụ 7"}).json()["holds"]
    assert kept["lifting"] is None
    assert house.post(f"{holds}/keep", json={"name": "vụ 7"}).status_code == 404
    house.post(lift, json=asked)
    assert isinstance(services.clock, StillClock)
    services.clock.advance(86_400)
    assert storage.look(services.database, services.store, SHORTER, 0, services.clock.now()).holds == []


def test_what_is_looked_at_writes_nothing(house: TestClient, services: Services) -> None:
    with services.database.read() as session:
        before = len(session.scalars(select(Audit)).all())
    url = str(services.database.engine.url)
    changed = Path(url.removeprefix("sqlite:///") + "-wal").stat().st_mtime_ns
    for path in ("", "/shortening?name=default&months=3"):
        assert house.get(PREFIX + path).status_code == 200
    assert Path(url.removeprefix("sqlite:///") + "-wal").stat().st_mtime_ns == changed
    with services.database.read() as session:
        assert len(session.scalars(select(Audit)).all()) == before


def test_a_check_is_asked_for_once_until_it_has_ended(house: TestClient, services: Services) -> None:
    assert house.get(PREFIX).json()["asked"] is None
    assert house.post(f"{PREFIX}/verify").json()["asked"]["at"] == iso(NOW)
    assert isinstance(services.clock, StillClock)
    services.clock.advance(5)
    assert house.post(f"{PREFIX}/verify").json()["asked"]["at"] == iso(NOW)
    with services.database.write() as session:
        checks.note(session, MAINTENANCE, [], 2, services.clock.now())
        asked = session.scalars(select(Audit).where(Audit.action == "store.verify_ask")).all()
    assert len(asked) == 1
    found = house.get(PREFIX).json()
    assert (found["asked"], found["verified"]["open"], found["verified"]["by"]) == (None, 0, "maintenance")
