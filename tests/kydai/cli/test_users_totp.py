"""A second factor is shown on the server, and taken off."""

from __future__ import annotations

from core import accounts, second_factor
from core.audit import Actor
from kydai.cli.output import Output
from kydai.context import Context
from tests.core.test_second_factor import code_at
from tests.kydai.cli.conftest import Run


def test_a_second_factor_is_shown_and_taken_off(kydai: Run) -> None:
    kydai("users", "add", "hanhnt", "--role", "analyst")
    assert kydai("users", "totp", "hanhnt").out == "hanhnt has no second factor.\n"
    assert kydai("users", "totp", "hanhnt", "--off").status == 1
    context = Context(None, None, Output(True, "en"))
    with context.database.write() as session:
        user, now = accounts.find_user(session, "hanhnt"), context.clock.now()
        code = code_at(second_factor.begin(session, user), now)
        second_factor.confirm(session, Actor("hanhnt", "console"), user, code, now)
        accounts.open_session(session, user, now=now, address="192.0.2.9", way="password")
    context.close()
    assert "10 recovery codes left" in kydai("users", "totp", "hanhnt").out
    assert kydai("users", "sessions", "--json").documents
    assert kydai("users", "totp", "hanhnt", "--off").status == 0
    assert kydai("users", "sessions", "--json").documents == [], "whoever has the device may hold one"
    assert kydai("users", "totp", "hanhnt", "--json").documents[0]["since"] is None
