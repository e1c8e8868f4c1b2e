"""The page of a rule over HTTP: history, samples, check, and a backtest that is followed."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi.testclient import TestClient
from sqlalchemy import select

from api.deps import Services
from core import audit
from core.clock import HOUR
from core.db.models import Audit, User
from core.event import Event
from core.store.contract import Batch
from detections.ruleset import RuleSet
from tests.api.conftest import CLI, NOW
from tests.api.routes.test_rules import URL, analyst, get, ruleset
from tests.api.rows import events

__all__ = ["analyst", "ruleset"]


def test_history_tells_who_chose_what_and_nothing_of_others(
    analyst: TestClient, services: Services, ruleset: RuleSet
) -> None:
    first, second = ruleset.rules[0].id, ruleset.rules[1].id
    assert get(analyst, f"/{first}/history") == []
    analyst.put(f"{URL}/{first}/mode", json={"mode": "record", "reason": "máy quét"})
    analyst.put(f"{URL}/{first}/mode", json={"mode": "alert"})
    with services.database.write() as session:
        audit.record(session, CLI, "rules.install", "package:sigmahq", now=NOW, after={"rules": 3})
    told = get(analyst, f"/{first}/history")
    assert [(each["actor"], each["after"]["mode"], each["reason"]) for each in told] == [
        ("hanhnt", "alert", ""), ("hanhnt", "record", "máy quét"),
    ]  # fmt: skip
    assert get(analyst, f"/{second}/history") == []
    assert analyst.get(f"{URL}/nothing/history").status_code == 404


def test_samples_where_none_can_be_tried(analyst: TestClient, ruleset: RuleSet) -> None:
    answer = analyst.get(f"{URL}/{ruleset.rules[0].id}/samples")
    assert answer.status_code == 503


def stream(client: TestClient, rule: str, **params: str) -> list[tuple[str, Any]]:
    answer = client.get(f"{URL}/{rule}/backtest/stream", params=params)
    assert answer.status_code == 200, answer.text
    parts = answer.text.strip().split("\n\n")
    return [(part.split("\n")[0][7:], orjson.loads(part.split("\n")[1][6:])) for part in parts]


def stored(services: Services) -> None:
    made: list[Event] = []
    for number, host in enumerate(("web01", "web01", "db01")):
        (one,) = events(1, NOW - (number + 1) * HOUR)
        made.append(one | {
            "event.module": "system", "event.dataset": "system.auth", "process.name": "sshd", "host.name": host,
            "event.outcome": "failure", "event.action": "ssh_login", "event.category": ["authentication"],
            "message": "Failed password for root", "user.name": "root",
            "kydai.agency": "Sở Y tế" if host == "db01" else "Sở Xây dựng",
        })  # fmt: skip
    services.store.append(Batch(made))


def test_a_backtest_is_followed_to_its_answer(analyst: TestClient, services: Services, ruleset: RuleSet) -> None:
    stored(services)
    rule = next(each.id for each in ruleset.rules if each.file.endswith("failed_password.yml"))
    told = stream(analyst, rule, **{"from": "now-2d"})
    assert {name for name, _ in told[:-1]} == {"progress"}
    name, found = told[-1]
    assert (name, found["hits"], found["doubtful"]) == ("answer", 3, 0)
    assert sum(day["hits"] for day in found["days"]) == 3
    assert {"field": "host.name", "value": "web01", "hits": 2} in found["values"]
    assert found["truth"]["complete"]
    with services.database.write() as session:
        entry = session.scalars(select(Audit).where(Audit.action == "rules.backtest")).one()
        assert entry.object == f"rule:{rule}"
        session.query(User).update({"scope": 'kydai.agency: "Sở Y tế"'})
    assert stream(analyst, rule)[-1][1]["hits"] == 1, "no more than they may see"


def test_what_cannot_be_run_is_said_before_the_stream(analyst: TestClient, ruleset: RuleSet) -> None:
    correlation = analyst.get(f"{URL}/{ruleset.correlations[0].id}/backtest/stream")
    assert correlation.status_code == 400
    assert analyst.get(f"{URL}/nothing/backtest/stream").status_code == 404
    for start, end in (("now", "now-1d"), ("now+3d", None)):
        turned = analyst.get(f"{URL}/{ruleset.rules[0].id}/backtest/stream", params={"from": start, "to": end})
        assert turned.status_code == 400
