"""Whatever the document allows to be sent, no route answers with a failure of our own."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.core.result import Ok

from api.deps import COOKIE, Services
from api.openapi import document
from tests.api.conftest import Client
from tests.api.rows import alert

# these end the session, never end, or ask for the password that nobody here has; the body of intake is not JSON
# (tests/api/test_intake.py fuzzes it)
LEFT_OUT = ("/stream", "/sign-out", "/end-others", "/sessions/{session_id}", "/password", "/totp", "/off", "/ingest")

FOUND = [found for found in schemathesis.openapi.from_dict(document()).get_all_operations() if isinstance(found, Ok)]
OPERATIONS = [found.ok() for found in FOUND if not found.ok().path.endswith(LEFT_OUT)]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: f"{o.method} {o.path}")
def test_no_route_fails(operation: Any, client: Client, services: Services) -> None:
    browser = client("admin")
    secret = browser.cookies[COOKIE]
    with services.database.write() as session:
        session.add(alert())

    @settings(
        max_examples=3, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        derandomize=True,
    )  # fmt: skip
    @given(case=operation.as_strategy())
    def run(case: Case[Any]) -> None:
        sent = case.as_transport_kwargs(base_url="http://testserver")
        wanted = {name: sent[name] for name in ("method", "url", "params", "json") if sent.get(name) is not None}
        browser.cookies.clear()
        browser.cookies.set(COOKIE, secret)
        status = browser.request(**wanted).status_code
        assert status < 500 or status == 503, f"{wanted}: {status}"

    run()
