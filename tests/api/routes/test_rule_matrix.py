"""The matrix over HTTP, and the rules of one of its cells."""

from __future__ import annotations

from fastapi.testclient import TestClient

from tests.api.routes.test_rules import analyst, get, ruleset

__all__ = ["analyst", "ruleset"]


def test_a_cell_and_its_rules(analyst: TestClient) -> None:
    told = get(analyst, "/matrix")
    assert told["is_told"]
    guessing = told["techniques"]["T1110"]
    assert (guessing["sight"], guessing["rules"]["recorded"]) == ("recorded", 1), "of most nothing is known yet"
    listed = get(analyst, technique="T1110")
    assert 1 <= listed["total"] < get(analyst)["total"]
    assert all(any(tag.startswith("attack.t1110") for tag in row["tags"]) for row in listed["items"])
    narrower = get(analyst, technique="T1110.001")["total"]
    assert 0 < narrower <= listed["total"]
    assert get(analyst, technique="T9999")["total"] == 0


def test_a_technique_that_is_none_is_refused(analyst: TestClient) -> None:
    assert analyst.get("/api/v1/rules", params={"technique": "1110"}).status_code == 422
