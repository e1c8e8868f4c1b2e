"""Packages over HTTP: previewed, installed, taken back, removed; copies of their rules beside them."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from api.deps import Services
from core.db.models import Audit
from detections.ruleset import RuleSet, RuleSource, load
from tests.api.routes.test_rule_drafts import People, folder, people
from tests.api.test_why import ID, RULE

__all__ = ["folder", "people"]

URL = "/api/v1/rules"
NEWER = RULE.replace("event.outcome: failure", "event.outcome: success")


def zipped(text: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("rules/b.yml", text)
    return made.getvalue()


@pytest.fixture
def an(people: People, folder: Path) -> TestClient:
    """An analyst of a house that loads the packages that are installed."""
    made = people("analyst")
    app: Any = made.app
    base = folder / "packages"
    (base / "p" / "rules" / "a.yml").unlink()
    (base / "p" / "rules").rmdir()
    (base / "p").rmdir()

    def rules(instead: Mapping[str, Path | None] | None = None) -> RuleSet:
        found: dict[str, Path | None] = {path.name: path for path in base.glob("[!.]*")}
        sources = [RuleSource(path, name) for name, path in (found | dict(instead or {})).items() if path]
        local = folder / "local"
        return load([*sources, *([RuleSource(local, "local")] if local.is_dir() else [])])

    services = app.state.services
    for name, value in (("rules", rules), ("rules_instead", rules), ("coverage_of", lambda *_: [])):
        object.__setattr__(services, name, value)
    return made


def sent(client: TestClient, path: str, data: bytes, status: int = 200, **params: str) -> Any:
    answer = client.post(f"{URL}/packages/{path}", content=data, params={"name": "q", "file": "q.zip"} | params)
    assert answer.status_code == status, answer.text
    return last(answer.text) if path.endswith("stream") and status == 200 else answer.json()


def last(text: str) -> Any:
    return orjson.loads(text.strip().split("\n\n")[-1].split("\ndata: ")[1])


def did(client: TestClient, what: str) -> Any:
    answer = client.post(f"{URL}/packages/q/{what}", json={"reason": "thử"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_package_is_previewed_installed_taken_back_and_removed(an: TestClient, services: Services) -> None:
    data = zipped(RULE)
    seen = sent(an, "preview/stream", data)
    assert (seen["added"], seen["rules"], seen["sha256"]) == (2, 2, hashlib.sha256(data).hexdigest())
    assert an.get(f"{URL}/packages").json()["packages"] == [], "a preview installs nothing"
    assert sent(an, "install", zipped(NEWER), 400, sha256=seen["sha256"])["detail"]
    assert sent(an, "install", data, sha256=seen["sha256"], version="1") == {"name": "q", "rules": 2, "undo": "remove"}
    (row,) = an.get(f"{URL}/packages").json()["packages"]
    assert (row["origin"], row["version"], row["by"], row["can_go_back"]) == ("console:q.zip", "1", "analyst1", False)
    assert an.get(f"{URL}/{ID}").json()["package"] == "q"
    assert sent(an, "install", zipped(NEWER))["undo"] == "rollback"
    back = last(an.get(f"{URL}/packages/q/rollback/preview/stream").text)
    assert (back["changed"], [row["kinds"][0]["en"] for row in back["rows"]]) == (1, ["condition"])
    assert did(an, "rollback")["undo"] == "rollback"
    assert "failure" in an.get(f"{URL}/{ID}").json()["text"]
    gone = last(an.get(f"{URL}/packages/q/remove/preview/stream").text)
    assert (gone["removed"], gone["added"]) == (2, 0)
    assert did(an, "remove")["undo"] == "rollback"
    assert an.get(f"{URL}/packages").json()["removed"] == ["q"]
    assert did(an, "rollback")["undo"] == "remove"
    with services.database.read() as session:
        rows = session.scalars(select(Audit).where(Audit.object == "package:q").order_by(Audit.seq)).all()
    assert [row.action for row in rows if row.action != "rules.preview"] == [
        "rules.install", "rules.install", "rules.rollback", "rules.remove", "rules.rollback",
    ]  # fmt: skip
    assert {row.actor for row in rows} == {"analyst1"}


def test_what_the_package_changes_under_a_copy_is_told_until_somebody_looked(an: TestClient) -> None:
    sent(an, "install", zipped(RULE))
    source = an.get(f"{URL}/{ID}/text").json()
    own = source["text"].replace("level: high", "level: low", 1)
    assert an.put(f"{URL}/{ID}/text", json={"text": own, "version": source["version"]}).status_code == 200
    (copy, _) = an.get(f"{URL}/packages").json()["copies"]
    assert (copy["package"], copy["is_behind"]) == ("q", False)
    assert an.post(f"{URL}/{ID}/copy/merged").status_code == 409
    assert sent(an, "preview/stream", zipped(NEWER))["held"] == 1
    sent(an, "install", zipped(NEWER))
    told = an.get(f"{URL}/{ID}/copy").json()
    assert told["is_behind"] and "+    event.outcome: success\n" in told["upstream"]
    assert "+level: low\n" in told["own"]
    noted = an.post(f"{URL}/{ID}/copy/merged").json()
    assert not noted["is_behind"]
    assert an.post(f"{URL}/text/undo", json={"entry": noted["entry"]}).json()["is_there"]
    assert an.get(f"{URL}/{ID}/copy").json()["is_behind"], "it was not looked at after all"
    assert an.post(f"{URL}/text/undo", json={"entry": noted["entry"]}).status_code == 409
    assert not an.post(f"{URL}/{ID}/copy/merged").json()["is_behind"]


def test_who_may_not_change_rules_changes_no_packages(an: TestClient, people: People) -> None:
    auditor = people("auditor")
    assert auditor.get(f"{URL}/packages").status_code == 200
    for path in ("install", "preview/stream"):
        sent(auditor, path, zipped(RULE), 403)
    assert auditor.post(f"{URL}/packages/q/remove", json={}).status_code == 403
    assert an.post(f"{URL}/packages/q/remove", json={}).status_code == 404
    assert sent(an, "install", b"no zip", 400)["place"] == "q.zip"
    assert sent(an, "install", zipped(RULE), 400, name="kydai")["detail"]
    assert sent(an, "install", zipped(RULE), 400, file="q.txt")["detail"]
