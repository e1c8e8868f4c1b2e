"""``kydai notify`` against a real relay: what went, what was refused and why, and what is not set."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kydai.cli.conftest import Run
from tests.kydai.relay import Relay, relaying
from tests.kydai.running import free_port


@pytest.fixture
def relay(monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    with relaying() as made:
        for name, value in {
            "HOST": "127.0.0.1", "PORT": str(made.port), "TLS": "none", "RECIPIENTS": '["soc@example.gov.vn"]',
        }.items():  # fmt: skip
            monkeypatch.setenv(f"KYDAI_MAIL_{name}", value)
        yield made


def test_a_test_arrives_and_is_listed(kydai: Run, relay: Relay) -> None:
    ran = kydai("notify", "test")
    assert (ran.status, ran.out) == (0, "")
    assert f"Mail: 127.0.0.1:{relay.port} has taken the message to soc@example.gov.vn." in ran.err
    assert relay.subjects == ["[Kỳ Đài] Test of notices"]
    (row,) = kydai("notify", "list", "--json").documents
    assert (row["matter"], row["state"], row["to"]) == ("test", "sent", ["soc@example.gov.vn"])
    told = kydai("notify", "list")
    assert "Mail goes now to: soc@example.gov.vn" in told.err
    assert "Test of notices" in told.out


def test_a_refused_sender_is_one_sentence_and_not_tried_again(kydai: Run, relay: Relay) -> None:
    relay.sender = "553 sender not allowed"
    ran = kydai("notify", "test")
    assert ran.status == 1
    assert "it did not go by" in ran.err
    assert "the mail relay refused it: 553 sender not allowed." in ran.err
    (row,) = kydai("notify", "list", "--json").documents
    assert row["state"] == "failed"


def test_a_relay_that_is_away_or_speaks_no_tls_is_one_sentence(
    kydai: Run, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KYDAI_MAIL_TLS", "starttls")
    ran = kydai("notify", "test", "--json")
    assert (ran.status, ran.documents[0]["state"]) == (1, "failed")
    monkeypatch.setenv("KYDAI_MAIL_PORT", str(free_port()))
    ran = kydai("notify", "test")
    assert ran.status == 1
    assert "cannot be reached: connection refused" in ran.err.lower()


def test_nothing_is_sent_until_it_is_set(kydai: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = kydai("notify", "test")
    assert ran.status == 1
    assert "Neither mail nor a webhook is set. Set [mail] host" in ran.err
    monkeypatch.setenv("KYDAI_MAIL_HOST", "127.0.0.1")
    ran = kydai("notify", "test")
    assert (ran.status, "nobody to send to" in ran.err) == (1, True)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("KYDAI_MAIL_RECIPIENTS", '["Bcc: x\\nall"]', "an address of mail"),
        ("KYDAI_NOTICES_WEBHOOK", "file:///etc/passwd", "begins with http"),
        ("KYDAI_NOTICES_DUTY", '[{"to": ["a@x"], "hours": "7-17"}]', "07:30-17:00"),
        ("KYDAI_NOTICES_DUTY", '[{"to": ["a@x"], "days": ["thứ hai"]}]', "mon-fri"),
        ("KYDAI_NOTICES_DUTY", '[{"to": []}]', "at least 1"),
        ("KYDAI_NOTICES_HOLIDAYS", '["30/4"]', "2027-02-05"),
    ],
)
def test_what_is_set_wrongly_is_named(
    kydai: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    ran = kydai("notify", "test")
    assert (ran.status, name in ran.err, told in ran.err) == (2, True, True)
