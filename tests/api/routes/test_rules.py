"""Rules over HTTP, with our own rule files as they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

import detections
from api.app import create_app
from api.deps import COOKIE, Services
from core import accounts
from core.accounts import Role
from core.clock import DAY
from core.db.models import Audit, RuleMode, User
from core.words import both
from detections import hit_days
from detections.coverage import Coverage, State
from detections.rule import Mode
from detections.ruleset import RuleSet, RuleSource, load
from tests.api.conftest import CLI
from tests.api.rows import alert

URL = "/api/v1/rules"
OWN = Path(next(iter(detections.__path__)))


@pytest.fixture(scope="module")
def ruleset() -> RuleSet:
    folders = (OWN / "rules" / "linux" / "sshd", OWN / "correlations")
    return load([RuleSource(folder, "kydai") for folder in folders])


@pytest.fixture
def analyst(services: Services, ruleset: RuleSet) -> Iterator[TestClient]:
    first = ruleset.rules[0]
    blind = Coverage(
        first.id,
        State.PARTLY_BLIND,
        both("rules.disabled"),
        ("auditd",),
        both("rules.remedy.none"),
        5,
        ("db01", "db02"),
    )
    some = Coverage(
        ruleset.rules[1].id, State.LIVE, both("rules.live.hosts", count=2, hosts=3), hosts=3, seeing_hosts=2
    )
    every = Coverage(ruleset.rules[2].id, State.LIVE, both("rules.live"), hosts=3, seeing_hosts=3)

    def rules() -> RuleSet:
        with services.database.read() as session:
            modes = {row.rule_id: Mode(row.mode) for row in session.scalars(select(RuleMode))}
        return replace(ruleset, modes=modes)

    svc = replace(
        services, rules=rules, coverage=lambda: [blind, some, every],
        rule_text=lambda package, file: next(OWN.rglob(file)).read_text("utf-8"),
    )  # fmt: skip
    with services.database.write() as session:
        user = accounts.add_user(session, CLI, "hanhnt", Role.ANALYST, now=0)
        user.password_hash = "-"
        now = services.clock.now()
        secret = accounts.open_session(session, user, now=now, address="127.0.0.1", way="link")
        session.add_all([alert(rule_id=first.id), alert(rule_id=first.id, host="db01")])
    headers = {"x-kydai": "1", "accept-language": "en"}
    with TestClient(create_app(svc), client=("127.0.0.1", 5), headers=headers, cookies={COOKIE: secret}) as client:
        yield client


def get(client: TestClient, path: str = "", **params: Any) -> Any:
    answer = client.get(URL + path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_list_tells_modes_coverage_and_alerts(analyst: TestClient, ruleset: RuleSet) -> None:
    page = get(analyst)
    assert page["total"] == len(ruleset.rules) + len(ruleset.correlations)
    first = page["items"][0]
    assert (first["id"], first["alerts"], first["coverage"]) == (ruleset.rules[0].id, 2, "partly_blind")
    assert (first["blind_hosts"], first["hosts"]) == (2, 5)
    assert first["why"]["vi"]
    told = {row["id"]: row for row in page["items"]}
    some, every = (told[rule.id] for rule in ruleset.rules[1:3])
    assert (some["coverage"], some["seeing_hosts"], some["hosts"]) == ("live", 2, 3)
    assert some["why"]["en"].startswith("live: 2 of 3 hosts sent such events")
    assert (every["coverage"], every["seeing_hosts"], every["hosts"], every["why"]) == ("live", 3, 3, None)
    assert first["logsource"] == "linux/sshd"
    kinds = {row["kind"] for row in page["items"]}
    assert kinds == {"rule", "correlation", "first_seen", "beacon"}
    assert all(row["title"]["vi"] and row["title"]["en"] for row in page["items"])
    assert page["packages"] == {"kydai": page["total"]}
    assert sum(page["modes"].values()) == page["total"]
    read = get(analyst, mode="correlation")
    assert read["total"] == page["modes"]["correlation"] > 0, "read by a correlation only: no alert of its own"
    assert {(row["mode"], row["effect"]) for row in read["items"]} == {("alert", "correlation")}
    assert {row["default_effect"] for row in read["items"]} == {"correlation"}
    assert all(row["alert_effect"] == ("correlation" if row["kind"] == "rule" else "alert") for row in read["items"])
    assert all(row["id"] not in {r["id"] for r in read["items"]} for row in get(analyst, mode="alert")["items"])


def test_hits_of_thirty_days_are_told_to_who_sees_the_house(
    analyst: TestClient, services: Services, ruleset: RuleSet
) -> None:
    rule, now = ruleset.rules[1].id, services.clock.now()
    with services.database.write() as session:
        hit_days.save(session, {rule: 3}, services.zone, now - DAY)
        hit_days.save(session, {rule: 2}, services.zone, now)
    page = get(analyst, text=rule)
    assert page["items"][0]["hits"] == [0] * 28 + [3, 2]
    assert (len(page["days"]), page["counted_from"]) == (30, page["days"][-2])
    assert get(analyst, f"/{rule}")["hits"][-2:] == [3, 2]
    with services.database.write() as session:
        session.query(User).update({"scope": 'kydai.agency: "Sở Y tế"'})
    assert [row["hits"] for row in get(analyst, text=rule)["items"]] == [None]


def test_filters_and_pages(analyst: TestClient, ruleset: RuleSet) -> None:
    assert get(analyst, fired=True)["total"] == 1
    assert [row["kind"] for row in get(analyst, kind="beacon")["items"]] == ["beacon"]
    assert get(analyst, coverage="partly_blind")["total"] == 1
    assert get(analyst, coverage="partly_blind")["uncovered"] == get(analyst)["total"] - 3, "they are told of three"
    refused = analyst.get(URL, params={"package": "sigmahq"})
    assert (refused.status_code, refused.json()["remedy"]) == (400, "The packages are: kydai.")
    assert "'blind'" in analyst.get(URL, params={"coverage": "foo"}).json()["detail"]
    assert get(analyst, text="linux SSHD")["total"] == len(ruleset.rules)
    seen: list[str] = []
    cursor = None
    while True:
        page = get(analyst, limit=1, **({"cursor": cursor} if cursor else {}))
        seen += [row["id"] for row in page["items"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert len(set(seen)) == len(seen) == page["total"]
    assert get(analyst, "/errors") == []


def test_one_rule_with_its_text(analyst: TestClient, ruleset: RuleSet) -> None:
    rule = ruleset.rules[0]
    found = get(analyst, f"/{rule.id}")
    assert f"id: {rule.id}" in found["text"]
    assert found["missing"] == ["auditd"]
    assert found["remedy"]["vi"]
    assert found["blind_on"] == ["db01", "db02"]
    assert found["reason"]["vi"]
    assert found["decided_by"] is None
    assert analyst.get(f"{URL}/nothing").status_code == 404


def test_an_alert_carries_the_advice_of_its_rule(analyst: TestClient) -> None:
    found = analyst.get("/api/v1/alerts/1").json()
    assert found["advice"]["reason"]["vi"]
    assert set(found["advice"]) == {"reason", "falsepositives", "remediation"}


def test_a_choice_of_mode_takes_hold_at_once(analyst: TestClient, ruleset: RuleSet, services: Services) -> None:
    rule = ruleset.rules[0].id
    before = get(analyst)["ruleset"]
    changed = analyst.put(f"{URL}/{rule}/mode", json={"mode": "disabled", "reason": "máy quét"}).json()
    assert (changed["mode"], changed["decided_by"], changed["decided_reason"]) == ("disabled", "hanhnt", "máy quét")
    assert get(analyst, mode="disabled")["total"] == 1
    assert get(analyst)["ruleset"] != before
    assert analyst.put(f"{URL}/nothing/mode", json={"mode": "alert"}).status_code == 404
    with services.database.read() as session:
        assert session.scalars(select(Audit.action).order_by(Audit.seq.desc())).first() == "rule.mode"


def test_a_choice_of_mode_is_undone_once(analyst: TestClient, ruleset: RuleSet) -> None:
    rule = ruleset.rules[0].id
    before = get(analyst, f"/{rule}")["mode"]
    changed = analyst.put(f"{URL}/{rule}/mode", json={"mode": "disabled", "reason": "thử"}).json()
    back = analyst.post(URL + "/undo", json={"entry": changed["entry"]})
    assert back.status_code == 200, back.text
    assert (back.json()["mode"], back.json()["decided_by"]) == (before, None)
    assert analyst.post(URL + "/undo", json={"entry": changed["entry"]}).status_code == 409
    assert analyst.post(URL + "/undo", json={"entry": 1}).status_code == 403
