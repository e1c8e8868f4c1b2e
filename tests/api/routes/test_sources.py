"""Sources: states and balances as the list, the hours and the check tell them."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.deps import Services
from core.clock import HOUR, MINUTE, SECOND
from core.db.models import Activity, Silence, Source
from core.ledger import Events, Raws, Tally
from core.said import Numbered, SaidTally, Unit
from core.store.contract import Batch
from tests.api.conftest import NOW, Client
from tests.api.rows import events

URL = "/api/v1/sources"


@pytest.fixture
def house(services: Services) -> None:
    """web01 sends and is 7 h off, fw is silent, pay never sent, 192.0.2.9 is unknown."""
    tally = Tally()
    for source, at, unparsed in (("web01", NOW, 2), ("web01", NOW - 3 * HOUR, 0), ("fw", NOW - 5 * HOUR, 0)):
        tally.raws(source, at, Raws.RECEIVED, 10)
        tally.raws(source, at, Raws.PARSED, 10 - unparsed)
        tally.raws(source, at, Raws.UNPARSED, unparsed)
        tally.events(source, at, Events.MADE, 10)
        tally.events(source, at, Events.STORED, 10)
    tally.raws("udp:192.0.2.9", NOW, Raws.RECEIVED, 3)
    tally.raws("udp:192.0.2.9", NOW, Raws.IGNORED, 1, "not_json")

    def heard(source: str, at: int, host: str = "", dataset: str = "", offset: int = 0) -> Activity:
        return Activity(
            source=source, host=host, dataset=dataset, first_at=NOW - 9 * HOUR, last_at=at, count=5, gaps=[],
            offset=offset, fields=[],
        )  # fmt: skip

    with services.database.write() as session:
        tally.save(session)
        session.add_all(
            [
                Source(name="web01", is_declared=True, system="Cổng", level=2, product="nginx", expected=["a.b"]),
                Source(name="fw", is_declared=True, product="FortiGate"),
                Source(name="pay", is_declared=True, agency="Sở Y tế"),
                heard("web01", NOW, offset=-7 * HOUR),
                heard("web01", NOW, "web01", "nginx.access"),
                heard("fw", NOW - 5 * HOUR),
                heard("udp:192.0.2.9", NOW, offset=90 * SECOND),
            ]
        )
    raw = {"event.dataset": "kydai.unparsed", "kydai.source": "web01", "event.original": "lạ \x00 quá"}
    services.store.append(Batch(events(5, NOW - MINUTE, **raw)))


def get(client: TestClient, path: str = "", **params: Any) -> Any:
    answer = client.get(URL + path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_list(client: Client, house: None) -> None:
    found = get(client("sysadmin"))
    assert [(s["name"], s["state"]) for s in found["items"]] == [
        ("fw", "silent"), ("pay", "never"), ("udp:192.0.2.9", "undeclared"), ("web01", "sending"),
    ]  # fmt: skip
    totals = found["totals"]
    assert (totals["declared"], totals["sending"], totals["silent"], totals["never"], totals["undeclared"]) == (
        3, 1, 1, 1, 1,
    )  # fmt: skip
    assert totals["balance"]["raws"]["received"] == 33
    assert (totals["balance"]["holds"], totals["balance"]["raws_off_by"]) == (False, 2)
    web = found["items"][-1]
    assert (web["spark"][-1], web["spark"][-4], sum(web["spark"])) == (10, 10, 20)
    assert (web["offset_seconds"], web["wrong_zone_minutes"], web["balance"]["holds"]) == (-25200.0, -420, True)
    assert found["items"][0]["silent_seconds"] == 5 * 3600
    assert [s["name"] for s in get(client("auditor"), state=["never", "silent"])["items"]] == ["fw", "pay"]
    assert [s["name"] for s in get(client("auditor"), text="FORTI")["items"]] == ["fw"]


def test_a_scope_hides_other_sources(client: Client, house: None) -> None:
    observer = client("auditor", scope="kydai.system: Cổng")
    found = get(observer)
    assert [s["name"] for s in found["items"]] == ["web01"]
    assert found["totals"]["declared"] == 1
    assert get(observer, "/ledger")["total"]["raws"]["received"] == 20
    assert observer.get(f"{URL}/check", params={"source": "fw"}).status_code == 404
    assert observer.get(f"{URL}/ledger", params={"source": "fw"}).status_code == 404


def test_the_ledger_by_hours(client: Client, house: None) -> None:
    whole = get(client("sysadmin"), "/ledger")
    assert [h["balance"]["raws"]["received"] for h in whole["hours"]] == [10, 10, 13]
    assert whole["hours"][-1]["reasons"] == [{"balance": "raws", "bucket": "ignored", "reason": "not_json", "count": 1}]
    one = get(client("sysadmin"), "/ledger", source="web01", **{"from": "now-90m"})
    assert {b: n for b, n in one["total"]["raws"].items() if n} == {"received": 10, "parsed": 8, "unparsed": 2}
    assert (one["total"]["raws"]["waiting"], one["total"]["events"]["rejected"]) == (0, 0)
    assert (one["total"]["holds"], one["senders"], whole["senders"]) == (True, 1, 3)


def test_what_was_lost_on_the_way_stands_beside_the_ledger(client: Client, house: None, services: Services) -> None:
    tally = SaidTally()
    tally.add("fw", NOW - 5 * HOUR, "ipfix 7", Unit.RECORDS, Numbered(checked=9, lost=40, jumps=1))
    tally.add("web01", NOW, "syslog", Unit.MESSAGES, Numbered(checked=2))
    tally.add("netflow:2055", NOW, "kernel", Unit.DATAGRAMS, Numbered(checked=90, lost=3), is_receiver=True)
    with services.database.write() as session:
        tally.save(session)
    whole = get(client("sysadmin"), "/ledger")
    assert whole["said"] == {
        "is_known": True, "checked": 11, "lost": {"records": 40, "messages": 0}, "is_doubtful": False
    }  # fmt: skip
    assert (whole["numbering"], whole["senders"], whole["streams"], whole["kernel_drops"]) == (2, 3, [], 3)
    assert whole["receivers"] == [{"name": "netflow:2055", "taken": 90, "kernel_drops": 3, "refused": 0}]
    assert [h["said"]["lost"].get("records") for h in whole["hours"]] == [40, None, None]
    one = get(client("sysadmin"), "/ledger", source="fw")
    assert [(s["stream"], s["unit"], s["lost"]) for s in one["streams"]] == [("ipfix 7", "records", 40)]
    unknown = get(client("sysadmin"), "/ledger", source="udp:192.0.2.9")
    assert (unknown["said"]["is_known"], unknown["said"]["lost"], unknown["numbering"]) == (False, {}, 0)
    observer = get(client("auditor", scope="kydai.system: Cổng"), "/ledger")
    assert (observer["said"]["lost"], observer["numbering"]) == ({"messages": 0}, 1)
    assert observer["receivers"] == [{"name": "netflow:2055", "taken": None, "kernel_drops": 3, "refused": 0}]
    check = get(client("analyst"), "/check", source="fw")
    assert (check["said"]["lost"], check["receivers"][0]["kernel_drops"]) == ({"records": 40}, 3)


def test_a_ledger_too_long_is_refused_and_not_cut(client: Client, house: None) -> None:
    sysadmin = client("sysadmin")
    assert get(sysadmin, "/ledger", **{"from": "now-366d"})["total"]["raws"]["received"] == 33
    refused = sysadmin.get(f"{URL}/ledger", params={"from": "now-400d"})
    assert refused.status_code == 400
    assert "366" in refused.text


def test_the_check_says_what_is_wrong_and_shows_samples(client: Client, house: None) -> None:
    analyst = client("analyst")
    web = get(analyst, "/check", source="web01")
    assert [p["key"] for p in web["problems"]] == ["wrong_zone", "missing", "unparsed"]
    assert web["problems"][0]["text"]["vi"] == "Giờ lệch đều -7,0 giờ: sai múi giờ; sửa múi giờ của nguồn."
    assert web["heard"][0]["dataset"] == "nginx.access"
    assert web["unparsed"] == ["lạ \x00 quá"] * 3
    assert [p["key"] for p in get(analyst, "/check", source="fw")["problems"]] == ["silent"]
    assert [p["key"] for p in get(analyst, "/check", source="pay")["problems"]] == ["never"]
    unknown = get(analyst, "/check", source="udp:192.0.2.9")["problems"]
    assert [p["key"] for p in unknown] == ["undeclared", "skew", "refused", "imbalance"]


def test_silences_of_a_time_and_of_what_one_may_see(client: Client, house: None, services: Services) -> None:
    with services.database.write() as session:
        for source, start, end in (("fw", 9, 8), ("web01", 7, 6), ("fw", 5, None)):
            row = Silence(source=source, start_at=NOW - start * HOUR, limit=MINUTE)
            row.end_at = None if end is None else NOW - end * HOUR
            session.add(row)
    whole = get(client("sysadmin"), "/silences")["items"]
    assert [(row["source"], row["end_at"] is None) for row in whole] == [("fw", False), ("web01", False), ("fw", True)]
    assert whole[0]["limit_seconds"] == 60
    late = get(client("sysadmin"), "/silences", source="fw", **{"from": "now-7h"})["items"]
    assert [row["start_at"] for row in late] == ["2026-11-24T20:52:08.000000Z"]
    observer = client("auditor", scope='kydai.system: "Cổng"')
    assert [row["source"] for row in get(observer, "/silences")["items"]] == ["web01"]
    assert observer.get(f"{URL}/silences", params={"source": "fw"}).status_code == 404


def test_what_was_heard_of_one_data_set_with_its_gaps(client: Client, house: None, services: Services) -> None:
    with services.database.write() as session:
        row = session.get_one(Activity, ("web01", "web01", "nginx.access"))
        row.gaps = [[2 * HOUR, NOW - HOUR]]
    (heard,) = get(client("sysadmin"), "/check", source="web01", dataset="nginx.access")["heard"]
    assert heard["gaps"] == [{"start_at": "2026-11-24T22:52:08.000000Z", "end_at": "2026-11-25T00:52:08.000000Z"}]
    assert get(client("sysadmin"), "/check", source="web01", dataset="x")["heard"] == []


def test_the_newest_event_is_judged_when_asked_for(client: Client, house: None) -> None:
    assert get(client("analyst"), "/check", source="web01")["arrived"] is None
    found = get(client("analyst"), "/check", source="web01", newest=True)["arrived"]
    assert (found["finding"], found["dataset"]) == ("unparsed", "kydai.unparsed")
    assert found["original"] == "lạ \x00 quá"
    assert {"name": "kydai.source", "value": "web01"} in found["fields"]
    assert get(client("analyst"), "/check", source="pay", newest=True)["arrived"]["finding"] == "nothing"
    scoped = client("auditor", scope="kydai.system: x")
    assert scoped.get(f"{URL}/check", params={"source": "web01", "newest": True}).status_code == 404
