"""Who is signed in is listed on the server, and ended."""

from __future__ import annotations

from core import accounts
from kydai.cli.output import Output
from kydai.context import Context
from tests.kydai.cli.conftest import Run


def test_sessions_are_listed_and_ended(kydai: Run) -> None:
    kydai("users", "add", "hanhnt", "--role", "analyst")
    assert kydai("users", "sessions").err == "Nobody is signed in.\n"
    context = Context(None, None, Output(True, "en"))
    with context.database.write() as session:
        user = accounts.find_user(session, "hanhnt")
        for _ in range(2):
            accounts.open_session(session, user, now=context.clock.now(), address="192.0.2.9", way="password")
    context.close()
    one, other = kydai("users", "sessions", "--json").documents
    assert (one["name"], one["address"]) == ("hanhnt", "192.0.2.9")
    assert "192.0.2.9" in kydai("users", "sessions", "hanhnt").out
    assert kydai("users", "sessions", "--end", one["id"]).status == 2, "whose?"
    assert kydai("users", "sessions", "nobody").status == 2
    assert kydai("users", "sessions", "hanhnt", "--end", "zz").status == 2
    assert kydai("users", "sessions", "hanhnt", "--end", one["id"]).err == "1 session of hanhnt ended.\n"
    assert [s["id"] for s in kydai("users", "sessions", "--json").documents] == [other["id"]]
    assert kydai("users", "sessions", "hanhnt", "--end", "all").status == 0
    assert kydai("users", "sessions", "--json").documents == []
