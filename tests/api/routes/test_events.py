"""Hunting over the real store: answers, their truth, the caller's scope, and the journal before the answer."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from openpyxl import load_workbook
from sqlalchemy import select

from api.deps import Services
from core.clock import HOUR, MINUTE, iso
from core.db.models import Activity, Audit
from core.errors import Unavailable
from core.export import BOM
from core.store import segments_group
from core.store.contract import Batch
from tests.api.conftest import NOW, Client
from tests.api.rows import events

URL = "/api/v1/events"
START = NOW - HOUR


@pytest.fixture
def analyst(client: Client, services: Services) -> TestClient:
    made = events(30, START, MINUTE, **{"kydai.system": "Cổng TTĐT", "source.ip": "192.0.2.7"})
    made += events(5, START, MINUTE, **{"event.dataset": "kydai.unparsed", "url.original": "=cmd()"})
    services.store.append(Batch(made))
    return client("analyst")


def get(client: TestClient, path: str = "", **params: Any) -> Any:
    answer = client.get(URL + path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_pages_follow_each_other_and_say_what_they_are(analyst: TestClient) -> None:
    first = get(analyst, query="source.ip: 192.0.2.0/24", limit=20)
    assert len(first["events"]) == 20
    assert first["truth"]["exact"] is True
    assert first["truth"]["complete"] is True
    assert first["truth"]["missing"] == []
    second = get(analyst, query="source.ip: 192.0.2.0/24", limit=20, cursor=first["cursor"])
    assert second["cursor"] is None
    times = [e["@timestamp"] for e in first["events"] + second["events"]]
    assert times == sorted(times, reverse=True)
    assert len({e["event.id"] for e in first["events"] + second["events"]}) == 30


def test_order_fields_and_range(analyst: TestClient) -> None:
    end = iso(START + 3 * MINUTE)
    found = get(analyst, query="su kien", fields="message,host.name", order="oldest", to=end)
    assert [e["message"] for e in found["events"]][::2] == [f"sự kiện {i}" for i in range(3)]
    assert {"message", "host.name"} <= set(found["events"][0])
    assert "source.ip" not in found["events"][0]
    assert get(analyst, "/count", **{"from": "now-24h", "to": "now"})["count"] == 35
    assert get(analyst, "/count", **{"from": "2026-11-26"})["count"] == 0


def test_terms_and_fields(analyst: TestClient) -> None:
    terms = get(analyst, "/terms", field="host.name")
    assert sum(v["count"] for v in terms["values"]) == 35
    assert terms["values"][0]["value"] == "web00"
    assert (terms["truth"]["exact"], terms["bound"]) == (True, 0)
    assert {"name": "source.ip", "type": "ip", "count": 30} in get(analyst, "/fields")["fields"]


def test_groups_are_a_table(analyst: TestClient) -> None:
    table = get(analyst, "/groups", query="source.ip: * | stats count, max(@timestamp) by source.ip")
    assert table["columns"] == ["source.ip", "count", "max(@timestamp)"]
    assert table["keys"] == ["source.ip"]
    assert table["rows"] == [["192.0.2.7", 30, iso(START + 29 * MINUTE)]]
    assert (table["total"], table["truth"]["exact"], table["bound"]) == (1, True, 0)
    chart = get(analyst, "/groups", query="* | timechart 1h", **{"from": iso(START), "to": iso(NOW)})
    assert sum(row[1] for row in chart["rows"]) == 35
    assert all(row[0].endswith("Z") for row in chart["rows"])
    part = get(analyst, "/groups", query="* | count by message", limit=2)
    assert (len(part["rows"]), part["total"]) == (2, 30)


def test_groups_that_are_not_all_say_how_large_the_others_are(
    analyst: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments_group, "MAX_GROUPS", 1)
    table = get(analyst, "/groups", query="* | count by message")
    assert (len(table["rows"]), table["truth"]["exact"], table["bound"]) == (1, False, 2)


def test_each_group_says_what_finds_its_events(analyst: TestClient) -> None:
    for query in (
        "* | count by host.name, source.ip",
        "* | timechart 10m by host.name",
        "* | timechart 20m | table count",
    ):
        table = get(analyst, "/groups", query=query, **{"from": iso(START), "to": iso(NOW)})
        assert len(table["groups"]) == len(table["rows"])
        for row, group in zip(table["rows"], table["groups"], strict=True):
            ends = {"from": group["start"] or iso(START), "to": group["end"] or iso(NOW)}
            assert get(analyst, "/count", query=group["query"], **ends)["count"] == row[-1]


def test_groups_are_within_the_callers_scope(analyst: TestClient, client: Client) -> None:
    scoped = client("auditor", scope='kydai.system: "Cổng TTĐT"')
    assert get(scoped, "/groups", query="* | count")["rows"] == [[30]]
    assert get(analyst, "/groups", query="* | count")["rows"] == [[35]]


@pytest.mark.parametrize("query", ["source.ip: *", "source.ip: * | table source.ip", "* | count by", "* | top 5"])
def test_a_question_that_makes_no_groups_is_refused(analyst: TestClient, query: str) -> None:
    answer = analyst.get(f"{URL}/groups", params={"query": query})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


def test_stages_are_refused_where_events_are_listed(analyst: TestClient) -> None:
    answer = analyst.get(URL, params={"query": "* | count"})
    assert (answer.status_code, answer.json()["position"]) == (400, 2)


def test_one_event_by_its_id(analyst: TestClient, tmp_path: Path) -> None:
    event = get(analyst, limit=1)["events"][0]
    assert get(analyst, "/" + event["event.id"])["event"] == event
    missing = event["event.id"].rsplit(".", 2)[0] + ".999.0"
    assert analyst.get(f"{URL}/{missing}").status_code == 404
    for file in (tmp_path / "store").rglob("*.parquet"):
        file.unlink()
    unread = analyst.get(f"{URL}/{event['event.id']}")
    assert unread.status_code == 503
    assert "kydai store verify --mend" in unread.json()["remedy"]
    assert analyst.get(f"{URL}/nonsense").status_code == 400


@pytest.mark.parametrize(
    ("params", "position"),
    [({"query": 'message: "x'}, 9), ({"query": "host.name: (a or"}, 16), ({"query": "a", "from": "soon"}, None)],
)
def test_a_wrong_question_says_where(analyst: TestClient, params: dict[str, str], position: int | None) -> None:
    answer = analyst.get(URL, params=params)
    assert answer.status_code == 400
    assert answer.json().get("position") == position


def test_what_lies_outside_the_scope_is_not_there(analyst: TestClient, client: Client) -> None:
    observer = client("auditor", scope='kydai.system: "Cổng TTĐT"')
    stranger = client("auditor", scope='kydai.system: "Một cửa"')
    assert get(observer, "/count")["count"] == 30
    assert get(stranger, "/count")["count"] == 0
    hidden = get(analyst, query="event.dataset: kydai.unparsed", limit=1)["events"][0]["event.id"]
    assert observer.get(f"{URL}/{hidden}").status_code == 404
    assert get(stranger)["events"] == []


def test_searches_are_in_the_journal_once_a_minute(analyst: TestClient, services: Services) -> None:
    get(analyst, query="su kien")
    get(analyst, "/count", query="su kien")
    get(analyst, "/terms", field="host.name")
    get(analyst, query="su kien", **{"from": "now-1h"})
    with services.database.read() as session:
        found = session.scalars(select(Audit).where(Audit.action == "events.search")).all()
        said = [e.after for e in found]
        assert {e.actor for e in found} == {"analyst1"}
    assert said == [
        {"query": "su kien", "from": "", "to": ""},
        {"query": "", "from": "", "to": ""},
        {"query": "su kien", "from": "now-1h", "to": ""},
    ]


def test_no_answer_without_its_entry(analyst: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise Unavailable("the control database did not answer")

    monkeypatch.setattr("core.audit.record", lambda *a, **k: fail())
    assert analyst.get(URL, params={"query": "web01"}).status_code == 503


def test_an_export_is_a_safe_file_and_an_entry(analyst: TestClient, services: Services) -> None:
    answer = analyst.get(f"{URL}/export", params={"fields": "host.name,url.original", "query": "url.original: *"})
    assert answer.content.startswith(BOM)
    assert answer.content.decode().splitlines()[1:6] == [f"web0{i % 3},'=cmd()" for i in (4, 3, 2, 1, 0)]
    assert answer.content.decode().splitlines()[6] == '"Hết: 5 dòng, bằng số kết quả của truy vấn.",'
    assert "Truy vấn,url.original: *" in answer.content.decode()
    assert answer.headers["x-kydai-complete"] == "true"
    assert answer.headers["content-disposition"].startswith('attachment; filename="kydai-events-2026')
    some = analyst.get(f"{URL}/export", params={"format": "jsonl", "limit": 3})
    assert some.headers["x-kydai-complete"] == "false"
    assert some.headers["content-disposition"].endswith('-incomplete.jsonl"'), "a part says so in its name"
    assert len(some.content.splitlines()) == 3
    with services.database.read() as session:
        entries = session.scalars(select(Audit).where(Audit.action == "events.export").order_by(Audit.seq)).all()
    told = [(entry.after["rows"], entry.after["complete"]) for entry in entries if entry.after]
    assert told == [(5, True), (3, False)], "what left, not what was asked for"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", " =", "\n=", "\uff1d"])
def test_no_cell_of_an_export_is_a_formula(client: Client, services: Services, start: str) -> None:
    hostile = f"{start}HYPERLINK(0)"
    services.store.append(Batch(events(1, START, MINUTE, **{"message": hostile, "=x": "1"})))
    analyst = client("analyst")
    asked = {"fields": "message,=x", "from": iso(START)}
    table = analyst.get(f"{URL}/export", params=asked).content.decode("utf-8-sig")
    assert table.startswith("message,'=x\r\n")
    assert next(csv.reader(io.StringIO(table.partition("\r\n")[2], newline="")))[0].startswith("'")
    sheet = load_workbook(io.BytesIO(analyst.get(f"{URL}/export", params=asked | {"format": "xlsx"}).content)).active
    assert sheet is not None
    assert str(sheet.cell(2, 1).value).startswith("'")
    assert {c.data_type for row in sheet.iter_rows() for c in row if c.value is not None} == {"s"}
    (document,) = analyst.get(f"{URL}/export", params=asked | {"format": "json"}).json()
    assert document["message"] == hostile, "JSON holds what was received"


def test_an_unknown_field_gets_a_hint(analyst: TestClient, services: Services) -> None:
    with services.database.write() as session:
        session.add(
            Activity(source="a", host="", dataset="", first_at=0, last_at=0, gaps=[], fields=["app.verdict", "x"])
        )
    assert get(analyst, query="app.verdct: 1")["hints"] == [{"field": "app.verdct", "near": ["app.verdict"]}]
    assert get(analyst, query="app.verdict: 1 and host.name: a")["hints"] == []
