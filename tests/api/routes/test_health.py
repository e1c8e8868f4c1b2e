"""Health is open to all and says what is not as it should be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fastapi.testclient import TestClient

from api.app import create_app
from api.deps import Services
from api.house import Ailment
from core.clock import SECOND
from core.db.models import Heartbeat, SpoolPosition
from tests.api.conftest import NOW, Client

URL = "/api/v1/health"


def beat(services: Services, lag: int = 0) -> None:
    with services.database.write() as session:
        session.add(SpoolPosition(spool="api", heartbeat_at=NOW, arrival_at=NOW - SECOND, lag=lag))
        for kind in ("gateway", "api", "pipeline", "worker"):
            session.add(Heartbeat(name=kind, kind=kind, at=NOW))


def test_without_a_pipeline_it_is_not_ready(client: Client) -> None:
    answer = client().get(URL)
    assert answer.status_code == 503
    assert answer.json()["status"] == "not_ready"
    assert {a["key"] for a in answer.json()["ailments"]} == {"pipeline", "gateway", "worker"}
    assert answer.json()["data_until"] is None


def test_with_everything_alive_it_is_ready(client: Client, services: Services) -> None:
    beat(services, lag=2 * SECOND)
    answer = client().get(URL)
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "ailments": [],
        "now": "2026-11-25T01:52:08.000000Z",
        "data_until": "2026-11-25T01:52:07.000000Z",
        "lag_seconds": 2.0,
        "lags": {"api": 2.0},
        "dead_work": 0,
        "is_demo": False,
        "version": "0",
    }


def test_what_the_house_adds_is_told(services: Services) -> None:
    beat(services)
    ailing = replace(services, ailments=lambda: [Ailment("disk", {"vi": "Đĩa đầy", "en": "Disk full"})])
    found = TestClient(create_app(ailing)).get(URL).json()
    assert (found["status"], found["ailments"][0]["text"]["vi"]) == ("degraded", "Đĩa đầy")


def test_where_the_store_is_strangers_are_not_told(
    client: Client, services: Services, token: Callable[..., str]
) -> None:
    beat(services)
    why = dict.fromkeys(("vi", "en"), "http://store.example.vn:9200")
    with services.database.write() as session:
        session.get_one(Heartbeat, "pipeline").data = {"uncommitted": why}

    def told(caller: TestClient, **headers: str) -> str:
        answer = caller.get(URL, headers=headers)
        assert [a["key"] for a in answer.json()["ailments"]] == ["uncommitted"]
        return answer.text

    assert "store.example.vn" in told(client("analyst"))
    assert "store.example.vn" in told(client(), authorization=f"Bearer {token('api')}")
    for stranger in ({}, {"authorization": "Bearer x"}, {"authorization": f"Bearer {token('ingest')}"}):
        said = told(client(), **stranger)
        assert "store.example.vn" not in said
        assert "Sign in to see why" in said
