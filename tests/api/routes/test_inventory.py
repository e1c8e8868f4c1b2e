"""The inventory over the API: taken whole or not at all, edited in place, undone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import FastAPI
from sqlalchemy import select

from api.deps import Services
from api.feed import ailing_sources
from api.scope import WHOLE
from core.db.models import Audit, Source
from core.export import csv_bytes
from core.sources import Heards
from tests.api.conftest import Client

URL = "/api/v1/sources"


def test_an_inventory_is_taken_whole_or_not_at_all(client: Client, services: Services) -> None:
    sysadmin = client("sysadmin")

    def post(rows: list[list[str]], **params: Any) -> Any:
        data = csv_bytes(["name", "addresses", "level"], rows)
        answer = sysadmin.post(f"{URL}/import", params={"name": "a.csv", **params}, content=data)
        assert answer.status_code == 200, answer.text
        return answer.json()

    good = [["web01", "10.20.1.10", "2"], ["db01", "10.20.1.11", "3"]]
    assert post(good)["is_applied"] is False
    wrong = post([*good, ["x", "not an address", "9"]], preview=False)
    assert wrong["is_applied"] is False
    assert {(w["row"], w["column"]) for w in wrong["wrong"]} == {(4, "addresses"), (4, "level")}
    assert wrong["wrong"][0]["title"]["vi"]
    assert post(good, preview=False)["added"] == ["web01", "db01"]
    again = post([["web01", "10.20.1.10", "3"], good[1]], preview=False)
    assert (again["changed"], again["unchanged"]) == ({"web01": ["level"]}, 1)
    with services.database.read() as session:
        assert session.scalars(select(Source.name).order_by(Source.id)).all() == ["web01", "db01"]
        actors = session.scalars(select(Audit.actor).where(Audit.action == "source.add")).all()
        assert set(actors) == {"sysadmin1"}
    for name, content in (("a.xlsx", b"no"), ("a.csv", b"\xff\xfe"), ("a.csv", b"a,b")):
        assert sysadmin.post(f"{URL}/import", params={"name": name}, content=content).status_code == 400
    assert sysadmin.post(f"{URL}/import").status_code == 400


def test_the_template_can_be_handed_in_again(client: Client) -> None:
    sysadmin = client("sysadmin")
    for form in ("csv", "xlsx"):
        data = sysadmin.get(f"{URL}/template", params={"format": form}).content
        found = sysadmin.post(f"{URL}/import", params={"name": f"t.{form}"}, content=data).json()
        assert (found["added"], found["wrong"]) == (["web01", "relay01"], [])


def declare(services: Services, *names: str, system: str = "") -> None:
    with services.database.write() as session:
        session.add_all(
            [Source(name=n, keys=[f"host:{n}"], is_declared=True, product="nginx", system=system) for n in names]
        )


def test_sources_are_edited_in_place_and_that_is_undone(client: Client, services: Services) -> None:
    declare(services, "web01", "web02")
    sysadmin = client("sysadmin")

    def edit(names: list[str], **changes: str) -> Any:
        return sysadmin.post(f"{URL}/edit", json={"sources": names, "changes": changes})

    def cells(name: str) -> dict[str, str]:
        found = sysadmin.get(f"{URL}/declared").json()["items"]
        return next(item["cells"] for item in found if item["name"] == name)

    done = edit(["web01", "web02"], place="Phòng máy 2", zone="UTC").json()
    assert done["changed"] == {"web01": ["place", "zone"], "web02": ["place", "zone"]}
    assert (cells("web02")["place"], cells("web02")["zone"]) == ("Phòng máy 2", "UTC")
    wrong = edit(["web01"], zone="Mars", level="9").json()
    assert [(cell["column"], cell["value"]) for cell in wrong["wrong"]] == [("level", "9"), ("zone", "Mars")]
    assert (wrong["is_applied"], cells("web01")["zone"]) == (False, "UTC")
    assert edit(["web01"], name="other").status_code == 400
    assert edit(["nobody"], zone="UTC").status_code == 404
    undone = sysadmin.post(f"{URL}/undo", json={"entry": done["entry"]})
    assert (undone.json()["sources"], cells("web01")["place"]) == (2, "")
    assert sysadmin.post(f"{URL}/undo", json={"entry": done["entry"]}).status_code == 409


def test_a_source_is_taken_out_and_put_back(client: Client, services: Services) -> None:
    declare(services, "web01", system="Cổng")
    sysadmin = client("sysadmin")
    gone = sysadmin.post(f"{URL}/remove", json={"sources": ["web01"]}).json()
    assert sysadmin.get(URL).json()["items"] == []
    assert sysadmin.post(f"{URL}/undo", json={"entry": gone["entry"]}).status_code == 200
    assert [s["system"] for s in sysadmin.get(URL).json()["items"]] == ["Cổng"]


def test_what_is_declared_is_shown_within_a_scope_and_changed_without_one(client: Client, services: Services) -> None:
    declare(services, "web01", system="Cổng")
    declare(services, "db01", system="Hộ tịch")
    scoped = client("sysadmin", scope="kydai.system: Cổng")
    assert [i["name"] for i in scoped.get(f"{URL}/declared").json()["items"]] == ["web01"]
    filled = scoped.get(f"{URL}/template", params={"format": "csv", "filled": True}).text
    assert ("web01" in filled, "db01" in filled) == (True, False)
    assert scoped.post(f"{URL}/edit", json={"sources": ["web01"], "changes": {"zone": "UTC"}}).status_code == 403


def test_maintenance_is_shown_and_not_counted_among_what_ails(client: Client, services: Services) -> None:
    declare(services, "web01")
    sysadmin = client("sysadmin")
    body = {"sources": ["web01"], "until": "now+4h", "reason": "Thay nguồn"}
    with services.database.read() as session:
        assert ailing_sources(session, services.clock.now(), WHOLE) == 1
    done = sysadmin.post(f"{URL}/maintenance", json=body).json()
    shown = sysadmin.get(URL).json()["items"][0]["maintenance"]
    assert (shown["reason"], shown["owner"], shown["by"]) == ("Thay nguồn", "sysadmin1", "sysadmin1")
    with services.database.read() as session:
        assert ailing_sources(session, services.clock.now(), WHOLE) == 0
    assert sysadmin.post(f"{URL}/maintenance/end", json={"sources": ["web01"]}).status_code == 200
    assert sysadmin.get(URL).json()["items"][0]["maintenance"] is None
    assert sysadmin.post(f"{URL}/undo", json={"entry": done["entry"]}).status_code == 409, "it was ended since"
    assert sysadmin.post(f"{URL}/maintenance", json=body | {"until": "now-1h"}).status_code == 400


def test_strangers_are_adopted_as_the_person_changed_them(client: Client, services: Services) -> None:
    heards = Heards()
    heards.add("udp:10.20.1.9", "fw01", "fortinet.firewall", services.clock.now(), None)
    with services.database.write() as session:
        heards.save(session, {})
    sysadmin = client("sysadmin")
    (row,) = sysadmin.get(f"{URL}/strangers").json()["items"]
    assert (row["senders"], row["cells"]["product"]) == (["udp:10.20.1.9"], "FortiGate")
    assert client("auditor", scope="kydai.system: x").get(f"{URL}/strangers").json()["items"] == []
    wrong = sysadmin.post(f"{URL}/adopt", json={"rows": [row["cells"] | {"level": "9"}]}).json()
    assert [(w["row"], w["column"]) for w in wrong["wrong"]] == [(2, "level")]
    declare(services, "dc01")
    taken = sysadmin.post(f"{URL}/adopt", json={"rows": [row["cells"] | {"name": "dc01"}]}).json()
    assert [(w["column"], w["value"]) for w in taken["wrong"]] == [("name", "dc01")], "nothing is overwritten"
    assert sysadmin.post(f"{URL}/adopt", json={"rows": [{"colour": "red"}]}).status_code == 400
    done = sysadmin.post(f"{URL}/adopt", json={"rows": [row["cells"] | {"name": "fw-tinh"}]}).json()
    assert (done["added"], done["is_applied"]) == (["fw-tinh"], True)
    shown = {each["name"]: each["state"] for each in sysadmin.get(URL).json()["items"]}
    assert shown == {"dc01": "never", "fw-tinh": "sending"}


def test_configurations_are_handed_out(client: Client, services: Services, shared_app: FastAPI) -> None:
    reader = client("analyst")
    shared_app.state.services = replace(
        services,
        source_products={"rsyslog": False, "fluent-bit-windows": True},
        source_config=lambda product, address, lang: f"{product} to {address} in {lang}",
    )
    assert [c["product"] for c in reader.get(f"{URL}/configurations").json()] == ["fluent-bit-windows", "rsyslog"]
    answer = reader.get(
        f"{URL}/configuration", params={"product": "rsyslog", "address": "10.20.1.50", "language": "en"}
    )
    assert answer.json()["text"] == "rsyslog to 10.20.1.50 in en"


def test_a_preview_waits_for_no_writer(client: Client, services: Services) -> None:
    sysadmin = client("sysadmin")
    data = csv_bytes(["name", "addresses", "level"], [["web01", "10.20.1.10", "2"]])
    sysadmin.post(f"{URL}/import", params={"name": "a.csv"}, content=data)  # the session's last use is noted here
    with services.database.write():
        answer = sysadmin.post(f"{URL}/import", params={"name": "a.csv"}, content=data)
    assert answer.json()["added"] == ["web01"]
