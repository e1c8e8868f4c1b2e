"""The journal over HTTP: read, checked, taken away; a forged entry is found."""

from __future__ import annotations

import csv
import io

from sqlalchemy import delete, update

from api.deps import Services
from core import audit
from core.audit import Actor
from core.db.models import Audit
from tests.api.conftest import Client

URL = "/api/v1/audit"


def test_it_is_read_in_pages_with_filters(client: Client) -> None:
    auditor = client("auditor")
    client("analyst").get("/api/v1/events", params={"query": "x"})
    first = auditor.get(URL, params={"limit": 2}).json()
    assert [e["action"] for e in first["items"]] == ["events.search", "sign_in"]
    second = auditor.get(URL, params={"limit": 10, "cursor": first["cursor"]}).json()
    assert [e["action"] for e in second["items"]] == ["user.add", "sign_in", "user.add"]
    assert second["cursor"] is None

    def count(**params: str) -> int:
        return len(auditor.get(URL, params=params).json()["items"])

    assert (count(action="user"), count(action="us"), count(action="user.add")) == (2, 0, 2)
    assert (count(actor="analyst2"), count(object="events"), count(channel="cli")) == (2, 1, 2)
    assert (count(**{"from": "now-1h"}), count(**{"from": "now+1h"}), count(to="now-1h")) == (5, 0, 0)
    refused = auditor.get(URL, params={"channel": "ssh"}).json()
    assert "'cli'" in refused["detail"]


def test_a_forged_entry_is_found(client: Client, services: Services) -> None:
    auditor = client("auditor")
    assert auditor.get(f"{URL}/verify").json()["is_whole"] is True
    with services.database.write() as session:
        session.execute(update(Audit).where(Audit.seq == 2).values(actor="somebody else"))
    found = auditor.get(f"{URL}/verify").json()
    assert (found["is_whole"], found["bad_seq"], found["problem"]) == (False, 2, "hash")
    checks = auditor.get(URL, params={"action": "audit.verify"}).json()["items"]
    assert [check["after"]["is_whole"] for check in checks] == [False, True]


def test_a_check_of_a_journal_that_was_cut_hides_nothing_of_it(client: Client, services: Services) -> None:
    auditor = client("auditor")
    with services.database.write() as session:
        audit.record(session, Actor("an", "console"), "rule.mode", now=services.clock.now())
        session.execute(delete(Audit).where(Audit.action == "rule.mode"))
    for _ in range(2):
        assert auditor.get(f"{URL}/verify").json()["problem"] == "cut"


def test_the_export_is_safe_and_an_entry_itself(client: Client) -> None:
    admin = client("admin")
    admin.post("/api/v1/users", json={"name": "x", "role": "auditor", "full_name": "=1+1"})
    data = admin.get(f"{URL}/export", params={"action": "user", "language": "en"}).content
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert [r["Action"] for r in rows[:3]] == ["user.add", "user.add", "user.link"]
    assert rows[3]["No."] == "End: 3 rows, as many as the query counts."
    assert all(not value.startswith("=") for row in rows[:3] for value in row.values())
    entry = admin.get(URL).json()["items"][0]
    assert (entry["action"], entry["after"]["rows"]) == ("audit.export", 3)
    assert entry["after"]["sha256"] in data.decode()
