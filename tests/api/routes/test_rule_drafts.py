"""Rules written over HTTP: saved where they load, refused where not, seen by who may, undone by who did it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from api.app import create_app
from api.deps import COOKIE, Services
from core import accounts
from core.accounts import Role
from core.clock import HOUR, StillClock
from core.db.models import Audit
from core.store.contract import Batch
from detections.ruleset import RuleSet, RuleSource, load
from detections.samples import Sheet
from tests.api.conftest import CLI, NOW
from tests.api.rows import events
from tests.api.test_why import ID, RULE

URL = "/api/v1/rules"
TEXT = RULE.partition("---")[0]
NEW = TEXT.replace(ID, "33333333-3333-4333-8333-333333333333").replace("title: ", "name: moi\ntitle: Our ")
NEW_ID = "33333333-3333-4333-8333-333333333333"

People = Callable[..., TestClient]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Rules of a package, and none of one's own."""
    made = tmp_path / "rules"
    (made / "packages" / "p" / "rules").mkdir(parents=True)
    (made / "packages" / "p" / "rules" / "a.yml").write_text(RULE)
    return made


@pytest.fixture
def people(services: Services, folder: Path, clock: StillClock) -> Iterator[People]:
    """``people("analyst")``: one more of a role, signed in; each request is a second later."""

    def rules() -> RuleSet:
        sources = [RuleSource(folder / "packages" / "p", "p"), RuleSource(folder / "local", "local")]
        return load([each for each in sources if each.path.is_dir()])

    def path(package: str, file: str) -> Path | None:
        found = folder / ("local" if package == "local" else f"packages/{package}") / file
        return found if found.is_file() else None

    ready = replace(
        services, rules=rules, rule_path=path, rules_folder=folder, draft_samples=lambda _: Sheet(None),
        rule_text=lambda package, file: p.read_text() if (p := path(package, file)) else None,
    )  # fmt: skip

    def tick(request: object) -> None:
        clock.advance(1)

    hooks = {"request": [tick]}
    with TestClient(create_app(ready), client=("127.0.0.1", 5)) as first:
        made: list[str] = []

        def make(role: str, scope: str = "") -> TestClient:
            made.append(role)
            with services.database.write() as session:
                user = accounts.add_user(session, CLI, f"{role}{len(made)}", Role(role), now=NOW, scope=scope)
                user.password_hash = "-"
                now = services.clock.now()
                secret = accounts.open_session(session, user, now=now, address="127.0.0.1", way="link")
            headers = {"x-kydai": "1", "accept-language": "en"}
            made_client = TestClient(first.app, client=("127.0.0.1", 5), headers=headers, cookies={COOKIE: secret})
            made_client.event_hooks = hooks
            return made_client

        yield make


def put(client: TestClient, text: str, version: str, status: int = 200, **more: str) -> Any:
    answer = client.put(f"{URL}/{ID}/text", json={"text": text, "version": version} | more)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_a_packages_rule_becomes_a_copy_and_comes_back(people: People, folder: Path, services: Services) -> None:
    an, binh = people("analyst"), people("analyst")
    source = an.get(f"{URL}/{ID}/text").json()
    assert (source["package"], source["file"], source["text"]) == ("p", "rules/a.yml", RULE)
    changed = RULE.replace("level: high", "level: low", 1)
    saved = put(an, changed, source["version"], reason="ồn")
    assert saved["file"] == "a.yml"
    assert binh.get(f"{URL}/{ID}").json()["package"] == "local"
    assert sorted(r["level"] for r in binh.get(URL).json()["items"]) == ["high", "low"], "no restart, none twice"
    assert put(binh, changed + "# x\n", source["version"], 409)["remedy"]
    assert binh.post(f"{URL}/text/undo", json={"entry": saved["entry"]}).status_code == 403, "another's"
    undone = an.post(f"{URL}/text/undo", json={"entry": saved["entry"]}).json()
    assert undone["is_there"]
    assert an.get(f"{URL}/{ID}").json()["package"] == "p"
    with services.database.read() as session:
        rows = session.scalars(select(Audit).where(Audit.object == f"rule:{ID}").order_by(Audit.seq)).all()
    assert [(row.action, row.reason) for row in rows] == [("rule.save", "ồn"), ("rule.undo", "")]
    told = an.get(f"{URL}/{ID}/changes/{saved['entry']}").json()
    assert told["text"] == changed
    assert "+level: low\n" in told["difference"]
    back = an.get(f"{URL}/{ID}/changes/{undone['entry']}").json()
    assert (back["kind"], back["text"]) == ("removed", None)
    assert an.get(f"{URL}/{ID}/changes/999").status_code == 404


def test_a_local_rule_is_made_changed_taken_away_and_undone(people: People, folder: Path, services: Services) -> None:
    an = people("analyst")
    made = an.post(f"{URL}/new", json={"text": NEW, "samples": "match: [{a: 1}]\n"}).json()
    assert (made["id"], made["file"]) == (NEW_ID, "moi.yml")
    detail = an.get(f"{URL}/{NEW_ID}").json()
    assert (detail["package"], detail["effect"], detail["decided_by"]) == ("local", "alert", None)
    source = an.get(f"{URL}/{NEW_ID}/text").json()
    assert source["samples"] == "match: [{a: 1}]\n"
    gone = an.delete(f"{URL}/{NEW_ID}/text", params={"version": source["version"]}).json()
    assert an.get(f"{URL}/{NEW_ID}").status_code == 404
    assert an.post(f"{URL}/text/undo", json={"entry": gone["entry"]}).json()["is_there"]
    assert an.get(f"{URL}/{NEW_ID}/text").json() == source
    assert an.post(f"{URL}/text/undo", json={"entry": made["entry"]}).status_code == 409, "something came after"
    assert an.delete(f"{URL}/{ID}/text", params={"version": "x"}).status_code == 400, "a package's"


def test_an_undo_has_its_time(people: People, clock: StillClock) -> None:
    an = people("analyst")
    made = an.post(f"{URL}/new", json={"text": NEW}).json()
    assert not an.post(f"{URL}/text/undo", json={"entry": made["entry"]}).json()["is_there"]
    made = an.post(f"{URL}/new", json={"text": NEW}).json()
    clock.advance(11 * 60)
    assert an.post(f"{URL}/text/undo", json={"entry": made["entry"]}).status_code == 403


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (NEW.replace("level: high", "level: hihg"), "rule.yml:5:1"),
        (NEW.replace("condition: selection", "conditoin: selection"), "rule.yml:7:1"),
        (TEXT, "rule.yml:1"),
        ("", "rule.yml:1"),
    ],
    ids=["a slip", "no condition", "an id in force", "nothing"],
)
def test_what_does_not_load_is_refused_at_its_line(people: People, folder: Path, text: str, place: str) -> None:
    answer = people("analyst").post(f"{URL}/new", json={"text": text})
    assert answer.status_code == 400
    assert answer.json()["place"].startswith(place)
    assert not (folder / "local").exists()


def test_only_those_who_change_rules_of_the_house_change_texts(people: People, folder: Path) -> None:
    for caller in (people("auditor"), people("sysadmin"), people("analyst", 'kydai.agency: "Sở Y tế"')):
        version = caller.get(f"{URL}/{ID}/text").json()["version"]
        put(caller, RULE + "# x\n", version, 403)
        assert caller.post(f"{URL}/new", json={"text": NEW}).status_code == 403
        assert caller.delete(f"{URL}/{ID}/text", params={"version": version}).status_code == 403
        assert caller.post(f"{URL}/text/undo", json={"entry": 1}).status_code == 403
        assert caller.post(f"{URL}/check", json={"text": NEW}).status_code == 200
    assert not (folder / "local").exists()


def test_a_check_says_where_and_keeps_nothing(people: People) -> None:
    an = people("analyst")
    told = an.post(f"{URL}/check", json={"text": "title: x\nlogsource: {}\ndetection: {}\n"}).json()
    assert told["rules"] == 0
    assert told["remarks"][0]["weight"] == "error"
    assert told["remarks"][0]["line"] is not None
    assert an.post(f"{URL}/check", json={"text": "x" * 2_000_001}).status_code == 422
    begun = an.get(f"{URL}/template", params={"logsource": "linux/sudo"}).json()
    assert (begun["text"].startswith("title: "), begun["logsource"]) == (True, "linux/sudo")
    usual = an.get(f"{URL}/template").json()
    assert usual["logsource"] in usual["logsources"]
    assert "kydai " not in usual["text"].replace("kydai:", ""), "whoever writes in the console has no commands"


def test_a_draft_is_tried_and_run_over_the_past(people: People, services: Services) -> None:
    (one,) = events(1, NOW - HOUR)
    services.store.append(Batch([one | {
        "event.module": "system", "event.dataset": "system.auth", "process.name": "sshd", "event.outcome": "failure",
        "source.ip": "192.0.2.9", "host.name": "web01",
    }]))  # fmt: skip
    an = people("analyst")
    tried = an.post(f"{URL}/try", json={"text": NEW}).json()
    assert (tried["stored"]["looked"], tried["stored"]["hits"]) == (1, 1)
    answer = an.post(f"{URL}/backtest/stream", json={"text": NEW}, params={"from": "now-2d"})
    last = orjson.loads(answer.text.strip().split("\n\n")[-1].split("\ndata: ")[1])
    assert (last["hits"], last["alerts"]) == (1, 1)
    assert an.post(f"{URL}/try", json={"text": "title: x\n"}).status_code == 400
    assert an.post(f"{URL}/backtest/stream", json={"text": RULE.split("---")[1]}).status_code == 400
    assert people("auditor").post(f"{URL}/try", json={"text": NEW}).status_code == 403


CHAIN = """title: Chain
id: 44444444-4444-4444-8444-444444444444
level: high
correlation:
  type: event_count
  rules: [moi]
  group-by: [host.name]
  timespan: 5m
  condition: {gte: 3}
"""


def test_a_name_that_another_rule_needs_stays(people: People, folder: Path) -> None:
    admin = people("admin")
    admin.post(f"{URL}/new", json={"text": NEW})
    assert admin.post(f"{URL}/new", json={"text": CHAIN}).status_code == 200
    source = admin.get(f"{URL}/{NEW_ID}/text").json()
    renamed = {**source, "text": NEW.replace("name: moi", "name: khac")}
    (remark,) = [
        each
        for each in admin.post(f"{URL}/check", params={"rule": NEW_ID}, json=renamed).json()["remarks"]
        if each["code"] == "orphan"
    ]
    assert remark["weight"] == "error"
    refused = admin.put(f"{URL}/{NEW_ID}/text", json=renamed)
    assert (refused.status_code, "“Chain” needs “moi”" in refused.text) == (400, True), refused.text
    kept = admin.delete(f"{URL}/{NEW_ID}/text", params={"version": source["version"]})
    assert kept.status_code == 400
    assert (folder / "local" / "moi.yml").read_text() == NEW


def test_an_undo_takes_nothing_that_another_rule_needs_since(people: People, folder: Path) -> None:
    admin = people("admin")

    def undone(entry: int) -> int:
        return admin.post(f"{URL}/text/undo", json={"entry": entry}).status_code

    admin.post(f"{URL}/new", json={"text": NEW.replace("name: moi\n", "")})
    source = admin.get(f"{URL}/{NEW_ID}/text").json()
    named = admin.put(f"{URL}/{NEW_ID}/text", json={**source, "text": NEW}).json()["entry"]
    chain = admin.post(f"{URL}/new", json={"text": CHAIN}).json()["entry"]
    assert undone(named) == 400
    assert admin.get(f"{URL}/{NEW_ID}/text").json()["text"] == NEW
    assert (undone(chain), undone(named)) == (200, 200)
    made = admin.post(f"{URL}/new", json={"text": NEW.replace("3333", "5555")}).json()
    admin.post(f"{URL}/new", json={"text": CHAIN.replace("[moi]", f"[{made['id']}]")})
    assert undone(made["entry"]) == 400
    assert (folder / "local" / made["file"]).is_file()


def test_an_undo_brings_back_no_rule_that_stands_in_another_file_since(people: People, folder: Path) -> None:
    admin = people("admin")
    other = NEW.replace("3333", "4444").replace("name: moi", "name: hai")
    admin.post(f"{URL}/new", json={"text": f"{NEW}\n---\n{other}"})
    source = admin.get(f"{URL}/{NEW_ID}/text").json()
    parted = admin.put(f"{URL}/{NEW_ID}/text", json={**source, "text": NEW}).json()["entry"]
    again = admin.post(f"{URL}/new", json={"text": other}).json()["entry"]
    refused = admin.post(f"{URL}/text/undo", json={"entry": parted})
    assert (refused.status_code, "local/hai.yml" in refused.text) == (400, True), refused.text
    assert (folder / "local" / "moi.yml").read_text() == NEW
    assert [admin.post(f"{URL}/text/undo", json={"entry": n}).status_code for n in (again, parted)] == [200, 200]
    assert (folder / "local" / "moi.yml").read_text() == f"{NEW}\n---\n{other}"
