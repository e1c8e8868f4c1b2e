"""Who calls, and the header that a foreign page cannot send."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from api.deps import Caller, bearer, check_header
from core.accounts import Role, TokenScope
from core.errors import Refused


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
