"""Who calls, and the header that a foreign page cannot send."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event
from starlette.requests import Request

from api.deps import Caller, Services, bearer, check_header
from core.accounts import SEEN_GRAIN, Role, TokenScope
from core.clock import SECOND, StillClock
from core.errors import Refused
from tests.api.conftest import Client


def request(**headers: str) -> Request:
    raw = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    return Request({"type": "http", "headers": raw, "method": "POST", "path": "/"})


@pytest.mark.parametrize(
    ("header", "text"),
    [("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("Basic abc", None), ("", None), ("Bearer", "")],
)
def test_bearer_tokens_are_read(header: str, text: str | None) -> None:
    assert bearer(request(authorization=header)) == text


def test_the_header_must_be_there() -> None:
    check_header(request(x_kydai="1"))
    for wrong in (request(), request(x_kydai="0")):
        with pytest.raises(Refused):
            check_header(wrong)


def test_the_journal_names_the_way() -> None:
    person = Caller("hanhnt", Role.ANALYST, session_hash="ab" * 32, is_demo=True).actor
    assert (person.name, person.channel, person.session, person.is_demo) == ("hanhnt", "console", "ab" * 8, True)
    script = Caller("duclm", Role.ADMIN, channel="api", token_name="tool", token_scope=TokenScope.API).actor
    assert (script.name, script.channel, script.session) == ("duclm (token:tool)", "api", "")


def test_who_cannot_be_noted_as_seen_comes_in_all_the_same(
    client: Client, token: Callable[..., str], services: Services, clock: StillClock
) -> None:
    browser, script = client("analyst"), client()
    holder = {"authorization": f"Bearer {token('api', 'analyst')}"}
    clock.advance(SEEN_GRAIN // SECOND + 1)
    services.database.engine.dispose()

    @event.listens_for(services.database.engine, "connect")
    def _refuse(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA query_only=ON")  # as on a full disk: every write is an OperationalError

    assert browser.post("/api/v1/auth/sign-out").status_code == 503, "what must be kept is refused"
    assert browser.get("/api/v1/auth/me").json()["name"].startswith("analyst")
    assert script.get("/api/v1/auth/me", headers=holder).json()["name"].startswith("api-")
