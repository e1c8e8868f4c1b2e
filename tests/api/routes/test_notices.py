"""Notices over the API: what is set, who may do what, and that a person's doings are journaled and taken back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from api.deps import Services
from core import notices
from core.db.models import Audit, Notice, NoticeState
from core.duty import ALL_DAYS, Duty, Shift, read_days
from core.errors import Unavailable, failure, kept
from core.notices import Matter, Setup
from tests.api.conftest import Client

URL = "/api/v1/notices"
DUTY = Duty((Shift(("ca@x.vn",), read_days(ALL_DAYS), 0, 24 * 60, "Ca trực"),))
SET = Setup("relay:587", "kydai@x.vn", "starttls", "chat", DUTY)


@pytest.fixture
def services(services: Services) -> Services:
    return replace(services, notices=lambda: SET)


def lost(services: Services) -> int:
    """A mail of which nobody knows whether it arrived."""
    with services.database.write() as session:
        title = {"vi": "Dò mật khẩu", "en": "Guessing"}
        number = notices.tell(session, "mail", Matter("incident:1", "high", title), services.clock.now())
        assert number is not None
        why = kept(failure(Unavailable, "notices.cut_off"))
        row = session.get_one(Notice, number)
        notices.settle(session, row, NoticeState.UNKNOWN, services.clock.now(), why)
        return number


def test_it_says_who_is_told_now_and_what_did_not_go(client: Client, services: Services) -> None:
    number = lost(services)
    shown = client("auditor").get(URL).json()
    assert shown["mail"] == {
        "relay": "relay:587", "tls": "starttls", "sender": "kydai@x.vn", "to": ["ca@x.vn"], "shifts": ["Ca trực"],
    }  # fmt: skip
    assert (shown["webhook"], shown["is_incomplete"]) == ("chat", False)
    (row,) = shown["items"]
    assert (row["id"], row["state"], row["is_failing"]) == (number, "unknown", True)
    assert "not known whether it arrived" in row["error"]["en"]


def test_a_test_goes_over_each_channel_and_is_for_who_keeps_the_house(client: Client, services: Services) -> None:
    assert client("analyst").post(f"{URL}/test").status_code == 403
    numbers = client("sysadmin").post(f"{URL}/test").json()
    rows = {row["id"]: row for row in client("sysadmin").get(URL).json()["items"]}
    assert [rows[n]["channel"] for n in numbers] == ["mail", "webhook"]


def test_who_is_on_a_shift_sends_again_or_knows_and_takes_it_back(client: Client, services: Services) -> None:
    number = lost(services)
    auditor, analyst = client("auditor"), client("analyst")
    assert auditor.post(f"{URL}/{number}/seen", json={}).status_code == 403
    seen: Any = analyst.post(f"{URL}/{number}/seen", json={}).json()
    assert (seen["is_failing"], seen["seen_by"]) == (False, "analyst2")
    assert analyst.post(f"{URL}/{number}/seen", json={"undo": True}).json()["is_failing"] is True
    assert analyst.post(f"{URL}/{number}/again").json()["state"] == "waiting"
    assert analyst.post(f"{URL}/{number}/again").status_code == 409
    assert analyst.post(f"{URL}/999/again").status_code == 404
    with services.database.read() as session:
        told = [row.action for row in session.query(Audit).order_by(Audit.seq) if row.action.startswith("notice")]
    assert told == ["notice.seen", "notice.seen", "notice.again"]


def test_without_a_channel_a_test_is_one_sentence(client: Client, services: Services) -> None:
    object.__setattr__(services, "notices", Setup)
    answer = client("admin").post(f"{URL}/test")
    assert (answer.status_code, "Neither mail nor a webhook" in answer.text or "Chưa cài đặt" in answer.text) == (
        409,
        True,
    )
    assert client("admin").get(URL).json()["mail"] is None
