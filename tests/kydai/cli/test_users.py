"""People and tokens on the server."""

from __future__ import annotations

from tests.kydai.cli.conftest import Run


def test_people_are_added_with_a_link_and_listed(kydai: Run) -> None:
    ran = kydai("users", "add", "hanhnt", "--role", "analyst", "--full-name", "Nguyễn Thị Hạnh", "--json")
    assert ran.status == 0
    assert "/sign-in#" in ran.documents[0]["link"]
    assert [(u["name"], u["role"]) for u in kydai("users", "list", "--json").documents] == [("hanhnt", "analyst")]
    assert kydai("users", "link", "hanhnt").status == 0
    assert kydai("users", "add", "hanhnt", "--role", "analyst").status == 1
    assert kydai("users", "add", "x", "--role", "king").status == 2


def test_tokens_are_shown_once_and_revoked(kydai: Run) -> None:
    (token,) = kydai("users", "token", "web", "--json").documents
    assert token["token"].startswith("kydai_")
    assert kydai("users", "token", "web", "--json").status == 1, "a name is used once"
    revoked = kydai("users", "token", "web", "--revoke")
    assert (revoked.status, revoked.err) == (0, "The token web is revoked.\n")


def test_scope_and_disable(kydai: Run) -> None:
    kydai("users", "add", "sonhv", "--role", "auditor")
    scoped = kydai("users", "scope", "sonhv", "kydai.system: cong")
    assert (scoped.status, scoped.err) == (0, "sonhv may see from now on: kydai.system: cong\n")
    assert kydai("users", "disable", "sonhv").status == 0
    (user,) = kydai("users", "list", "--json").documents
    assert (user["scope"], user["disabled"]) == ("kydai.system: cong", True)
    assert kydai("users", "disable", "nobody").status == 2
    assert kydai("users", "disable", "sonhv", "--undo").status == 0
    assert kydai("users", "list", "--json").documents[0]["disabled"] is False
    changes = [a for a in kydai("audit", "list", "--json").documents if a["object"] == "user:sonhv"]
    assert {"is_disabled": False} in [a["after"] for a in changes]
    assert kydai("users", "scope", "sonhv", "").err == "sonhv may see everything from now on.\n"
