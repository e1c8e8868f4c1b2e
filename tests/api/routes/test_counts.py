"""Counts over the real store, at once and as a stream."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from api.deps import Services
from api.routes.counts import interval
from core.clock import DAY, HOUR, MINUTE, SECOND, iso
from core.db.models import Audit
from core.errors import BadInput
from core.store.contract import Batch, Span
from tests.api.conftest import NOW, Client
from tests.api.rows import events

URL = "/api/v1/events"
START = NOW - HOUR
RANGE = {"from": iso(START), "to": iso(NOW)}


@pytest.fixture
def analyst(client: Client, services: Services) -> TestClient:
    for _ in range(3):
        services.store.append(Batch(events(10, START, MINUTE, **{"kydai.system": "Cổng TTĐT"})))
    services.store.append(Batch(events(5, START, MINUTE)))
    return client("analyst")


def get(client: TestClient, path: str, **params: Any) -> Any:
    answer = client.get(URL + path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def followed(client: TestClient, path: str, **params: Any) -> list[tuple[str, Any]]:
    """The events of a stream: name and data."""
    answer = client.get(f"{URL}{path}/stream", params=params)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    said = []
    for text in answer.text.split("\n\n")[:-1]:
        name, data = text.split("\n")
        said.append((name.removeprefix("event: "), orjson.loads(data.removeprefix("data: "))))
    return said


@pytest.mark.parametrize(("path", "number"), [("/count", "count"), ("/histogram", "total")])
def test_a_stream_says_how_far_a_count_is_and_ends_with_its_answer(
    analyst: TestClient, client: Client, services: Services, path: str, number: str
) -> None:
    asked = RANGE | {"query": "su kien"}
    *told, (last, answer) = followed(analyst, path, **asked)
    assert last == "answer"
    assert answer[number] == 35
    plain = get(analyst, path, **asked)
    assert answer | {"truth": None} == plain | {"truth": None}
    assert (answer["truth"]["exact"], answer["truth"]["complete"]) == (True, True)
    assert {name for name, _ in told} == {"progress"}
    found = [now["found"] for _, now in told]
    assert len(found) > 1
    assert found == sorted(found)
    assert told[-1][1] == {"done": 35, "whole": 35, "found": 35}
    observer = client("auditor", scope='kydai.system: "Cổng TTĐT"')
    assert max(now.get("found", 0) for _, now in followed(observer, path, **asked)) == 30
    with services.database.read() as session:
        entries = session.scalars(select(Audit).where(Audit.action == "events.search")).all()
        assert {entry.actor[:7] for entry in entries} == {"analyst", "auditor"}


def test_what_is_wrong_with_a_question_is_no_stream(analyst: TestClient, client: Client) -> None:
    wrong = analyst.get(f"{URL}/count/stream", params={"query": 'message: "x'})
    assert (wrong.status_code, wrong.json()["position"]) == (400, 9)
    assert analyst.get(f"{URL}/histogram/stream").status_code == 400
    assert client().get(f"{URL}/count/stream").status_code == 401


def test_bars_stand_on_the_clock(analyst: TestClient) -> None:
    bars = get(analyst, "/histogram", **RANGE, seconds=600)
    assert [b["count"] for b in bars["bars"]][:3] == [29, 6, 0]
    assert bars["total"] == 35
    assert bars["bars"][0]["at"].endswith("Z")


def test_a_histogram_is_bounded(analyst: TestClient) -> None:
    assert analyst.get(f"{URL}/histogram").status_code == 400
    long: dict[str, str | int] = {"from": "now-30d", "to": "now", "seconds": 1}
    assert analyst.get(f"{URL}/histogram", params=long).status_code == 400
    assert len(get(analyst, "/histogram", **{"from": "now-30d", "to": "now"})["bars"]) <= 81


@pytest.mark.parametrize(
    ("length", "step"),
    [(MINUTE, SECOND), (15 * MINUTE, 30 * SECOND), (DAY, 30 * MINUTE), (30 * DAY, 12 * HOUR), (4000 * DAY, 50 * DAY)],
)
def test_bars_are_of_round_lengths(length: int, step: int) -> None:
    assert interval(Span(0, length), None) == step


def test_a_bar_of_no_range_is_refused() -> None:
    with pytest.raises(BadInput):
        interval(Span(5, 5), None)
