"""Sources and balances taken away: the rows, their scope, and what a person filtered."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.deps import Services
from core.clock import HOUR
from core.db.models import Source
from core.ledger import Events, Raws, Tally
from tests.api.conftest import NOW, Client


@pytest.fixture
def house(services: Services) -> None:
    tally = Tally()
    for source, at, lost in (("web01", NOW, 0), ("web01", NOW - HOUR, 1), ("fw", NOW, 0), ("fw", NOW - 30 * HOUR, 0)):
        tally.raws(source, at, Raws.RECEIVED, 10)
        tally.raws(source, at, Raws.PARSED, 10 - lost)
        tally.events(source, at, Events.MADE, 9)
        tally.events(source, at, Events.WAITING, 9)
    with services.database.write() as session:
        tally.save(session)
        session.add(Source(name="web01", is_declared=True, system="x", owner="=cmd()"))
        session.add(Source(name="fw", is_declared=True))


def table(client: TestClient, path: str, **params: Any) -> list[dict[str, str]]:
    answer = client.get(f"/api/v1/sources{path}", params={"language": "en", **params})
    assert (answer.status_code, answer.headers["x-kydai-complete"]) == (200, "true"), answer.text
    rows = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))
    found: list[dict[str, str]] = []
    for row in rows:
        if row["Source"].startswith("End:"):
            return found
        found.append(row)
    raise AssertionError("no last line")


def test_sources(client: Client, house: None) -> None:
    found = table(client("auditor"), "/export")
    assert [(row["Source"], row["State"], row["Received"], row["Off by"]) for row in found] == [
        ("fw", "never sent", "10", "0"), ("web01", "never sent", "20", "1"),
    ]  # fmt: skip
    assert found[1]["Owner"] == "'=cmd()"
    assert [row["Source"] for row in table(client("auditor"), "/export", text="web")] == ["web01"]
    assert table(client("auditor"), "/export", state="sending") == []


def test_balances_by_hour_and_source(client: Client, house: None) -> None:
    auditor = client("auditor")
    found = table(auditor, "/ledger/export")
    assert [(row["Source"], row["Raws off by"], row["Events waiting"]) for row in found] == [
        ("web01", "1", "9"), ("fw", "0", "9"), ("web01", "0", "9"),
    ]  # fmt: skip
    assert len(table(auditor, "/ledger/export", source="fw", **{"from": "now-2d"})) == 2
    assert auditor.get("/api/v1/sources/ledger/export", params={"source": "none"}).status_code == 404


def test_a_scope_holds_for_both(client: Client, house: None) -> None:
    observer = client("auditor", scope="kydai.system: x")
    assert {row["Source"] for row in table(observer, "/export")} == {"web01"}
    assert {row["Source"] for row in table(observer, "/ledger/export")} == {"web01"}
