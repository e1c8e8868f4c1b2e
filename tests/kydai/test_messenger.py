"""Notices over a real relay and a real webhook: once a matter, twenty an hour, tried again, never lost in silence."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from api import house
from core import notices
from core.clock import HOUR, MINUTE, StillClock
from core.db.database import Database
from core.db.models import Alert, Heartbeat, Incident, Notice, NoticeState
from core.db.outbox import Leases
from core.notices import SETTLING
from detections.alerting import self_alert
from kydai import messenger, noticing
from kydai.cli.output import Output
from kydai.context import Context
from kydai.messenger import Messenger, Sending, Watch
from tests.kydai.relay import Relay, relaying
from tests.kydai.running import free_port, until

CONFIG = """
[mail]
host = "127.0.0.1"
port = {port}
tls = "none"
sender = "kydai@example.gov.vn"
recipients = ["soc@example.gov.vn", "chief@example.gov.vn"]
"""


@pytest.fixture
def relay() -> Iterator[Relay]:
    with relaying() as made:
        yield made


@pytest.fixture
def still(tmp_path: Path, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    monkeypatch.setenv("KYDAI_LANG", "vi")
    (tmp_path / "data").mkdir()
    configure(tmp_path / "data", CONFIG.format(port=relay.port))
    made = Context(tmp_path / "data", None, Output(True, "en"))
    made.clock = StillClock()
    yield made
    made.close()


def configure(data: Path, text: str) -> None:
    (data / "kydai.toml").write_text(text)


@pytest.fixture
def sender(still: Context) -> Messenger:
    """One that has looked once: what comes now is news."""
    made = Messenger(still)
    made.step()
    advance(still, 5)
    return made


def advance(context: Context, seconds: float) -> None:
    assert isinstance(context.clock, StillClock)
    context.clock.advance(seconds)


def incident(context: Context, number: int = 1, level: str = "high", host: str = "web01") -> int:
    now = context.clock.now()
    with context.database.write() as session:
        row = Incident(
            number=f"VV-2026-{number:04d}", title={"vi": f"Dò mật khẩu từ 203.0.113.{number}", "en": "Guessing"},
            level=level, first_at=now, last_at=now, created_at=now, updated_at=now,
        )  # fmt: skip
        session.add(row)
        session.flush()
        session.add(
            Alert(
                fold_key=f"{number}", rule_id="r", rule_title={"vi": "Dò", "en": "Guessing"}, level=level, host=host,
                first_at=now, last_at=now, received_at=now, created_at=now, updated_at=now, incident_id=row.id,
                matched=[{"field": "message", "value": "RAW-LOG-LINE", "line": 3}],
            )
        )  # fmt: skip
        return row.id


def change(context: Context, number: int, **values: Any) -> None:
    with context.database.write() as session:
        row = session.get_one(Incident, number)
        for name, value in (values | {"updated_at": context.clock.now()}).items():
            setattr(row, name, value)


def run(context: Context, sender: Messenger, seconds: float = SETTLING / 1e6 + 5) -> None:
    """Look, let it settle, and send all that is due."""
    advance(context, messenger.LOOK_SECONDS)
    while sender.step():
        pass
    advance(context, seconds)
    while sender.step():
        pass


def states(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(Notice.state).order_by(Notice.id)))


def ailment(context: Context) -> str:
    with context.database.read() as session:
        found = {a.key: a for a in house.look(session, context.clock.now()).ailments}
    return found["notices"].text["en"] if "notices" in found and found["notices"].is_urgent else ""


def test_a_grave_incident_is_one_mail_with_title_host_count_and_link(
    still: Context, sender: Messenger, relay: Relay
) -> None:
    with still.database.write() as session:
        beat = {"urls": ["https://127.0.0.1:8470", "https://siem.example.gov.vn:8470"]}
        session.add(Heartbeat(name="api", kind="api", at=still.clock.now(), data=beat))
    incident(still, 7)
    incident(still, 8, level="medium")
    run(still, sender)
    run(still, sender)
    assert relay.subjects == ["[Kỳ Đài][Cao] VV-2026-0007: Dò mật khẩu từ 203.0.113.7"]
    assert relay.to == [["soc@example.gov.vn", "chief@example.gov.vn"]]
    (text,) = relay.texts
    assert "https://siem.example.gov.vn:8470/incidents/VV-2026-0007" in text
    assert "Máy: web01" in text
    assert "Số lượng: 1" in text
    assert "RAW-LOG-LINE" not in str(relay.received[0])
    assert states(still.database) == ["sent"]


def test_what_rises_is_told_again_and_what_is_over_before_it_goes_is_not(
    still: Context, sender: Messenger, relay: Relay
) -> None:
    number, other = incident(still, 1), incident(still, 2)
    sender.step()
    advance(still, 5)
    change(still, number, level="critical")
    change(still, other, status="closed")
    run(still, sender)
    assert [s[:24] for s in relay.subjects] == ["[Kỳ Đài][Nghiêm trọng] V"], "it had not gone: one mail says it"
    assert sorted(states(still.database)) == ["over", "sent"]
    third = incident(still, 3)
    run(still, sender)
    change(still, third, level="critical")
    run(still, sender)
    assert [s.split("]")[1] for s in relay.subjects[1:]] == ["[Cao", "[Nghiêm trọng"]


def test_nothing_is_told_of_the_past_when_notices_are_switched_on(still: Context, relay: Relay, tmp_path: Path) -> None:
    configure(still.settings.data, "")
    off = Messenger(still)
    old = incident(still, 1)
    run(still, off)
    assert states(still.database) == []
    advance(still, HOUR / 1e6)
    configure(still.settings.data, CONFIG.format(port=relay.port))
    run(still, off)
    change(still, old, assignee="hanhnt")
    incident(still, 2)
    run(still, off)
    assert [s.partition("] ")[2][:12] for s in relay.subjects] == ["VV-2026-0002"]


def test_matters_about_ourselves_are_told_whatever_their_level(still: Context, sender: Messenger, relay: Relay) -> None:
    for key in ("silence:1", "imbalance:fw01", "lag:hits", "suspended:x"):
        with still.database.write() as session:
            self_alert(session, key, {"vi": key, "en": key}, "medium", {}, still.clock.now())
    run(still, sender)
    assert relay.subjects == [f"[Kỳ Đài][Trung bình] {key}" for key in ("silence:1", "imbalance:fw01", "lag:hits")]
    advance(still, 2 * HOUR / 1e6)
    with still.database.write() as session:
        self_alert(session, "lag:hits", {"vi": "x", "en": "x"}, "medium", {}, still.clock.now())
    run(still, sender)
    assert len(relay.subjects) == 3, "it lasts, and was told today"


def test_twenty_an_hour_and_the_rest_in_one(still: Context, sender: Messenger, relay: Relay) -> None:
    for number in range(1, 36):
        incident(still, number, level="critical" if number == 30 else "high")
    run(still, sender)
    assert len(relay.received) == notices.AN_HOUR
    assert "các thông báo tiếp theo sẽ gộp" in relay.texts[-1]
    assert "các thông báo tiếp theo sẽ gộp" not in relay.texts[-2]
    run(still, sender, HOUR / 1e6)
    assert len(relay.received) == notices.AN_HOUR + 1
    assert relay.subjects[-1] == "[Kỳ Đài][Nghiêm trọng] 15 thông báo gộp"
    shown = [line for line in relay.texts[-1].splitlines() if line.startswith("- ")]
    assert len(shown) == 15
    assert shown[0].startswith("- [Nghiêm trọng] VV-2026-0030")
    assert set(states(still.database)) == {"sent"}


def test_a_relay_that_refuses_the_sender_is_red_until_it_takes_it(
    still: Context, sender: Messenger, relay: Relay
) -> None:
    relay.sender = "553 sender not allowed"
    incident(still)
    run(still, sender)
    assert states(still.database) == ["waiting"]
    assert ailment(still) == "1 notice has not gone: the mail relay refused it: 553 sender not allowed."
    relay.sender = ""
    run(still, sender, 60)
    assert len(relay.received) == 1
    assert ailment(still) == ""
    assert states(still.database) == ["sent"]


def test_what_was_given_up_goes_in_one_when_the_relay_is_back(
    still: Context, sender: Messenger, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "ATTEMPTS", 2)
    relay.data = "554 no"
    incident(still, 1)
    incident(still, 2)
    run(still, sender)
    run(still, sender, 60)
    assert states(still.database)[:2] == ["failed", "failed"]
    assert ailment(still)
    relay.data = "250 OK"
    run(still, sender, 600)
    run(still, sender)
    assert any("2 thông báo gộp" in subject for subject in relay.subjects)
    assert any("Thông báo qua thư không gửi được" in subject for subject in relay.subjects), "its loss is a matter too"
    assert ailment(still) == ""


def test_receivers_that_the_relay_refuses_are_named(still: Context, sender: Messenger, relay: Relay) -> None:
    relay.refused = {"chief@example.gov.vn"}
    incident(still)
    run(still, sender)
    assert relay.to == [["soc@example.gov.vn"]]
    assert "chief@example.gov.vn (550 no such user)" in ailment(still)
    assert states(still.database) == ["sent"]


def test_what_a_process_died_over_is_unknown_and_not_sent_twice(
    still: Context, sender: Messenger, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Killed

    incident(still)
    sender.step()
    advance(still, 30)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Messenger, "_end", die)
        sender.step()
    assert len(relay.received) == 1
    advance(still, messenger.LEASE_SECONDS + 1)
    while Messenger(still).step():
        pass
    assert len(relay.received) == 1
    assert states(still.database)[0] == NoticeState.UNKNOWN
    assert "not known whether it arrived" in ailment(still)
    run(still, Messenger(still))
    assert [s.partition("] ")[2][:40] for s in relay.subjects[1:]] == ["Thông báo qua thư không gửi được: Tiến t"]


def test_the_duty_list_is_read_anew_and_nobody_on_duty_is_said(still: Context, sender: Messenger, relay: Relay) -> None:
    base = CONFIG.format(port=relay.port).replace('["soc@example.gov.vn", "chief@example.gov.vn"]', "[]")
    shift = '[[notices.duty]]\nto = ["ca@example.gov.vn"]\nhours = "{}"\n'
    local = (still.clock.now() // (60 * MINUTE) + 7) % 24
    configure(still.settings.data, base + shift.format(f"{local:02d}:00-{(local + 2) % 24:02d}:00"))
    advance(still, 5)
    sender.step()
    incident(still, 1)
    run(still, sender)
    assert relay.to == [["ca@example.gov.vn"]]
    configure(still.settings.data, base + shift.format(f"{(local + 6) % 24:02d}:00-{(local + 8) % 24:02d}:00"))
    advance(still, 5)
    incident(still, 2)
    run(still, sender)
    assert "Nobody is on duty now" in ailment(still)
    (still.settings.data / "kydai.toml").write_text("[mail")  # somebody is writing it
    advance(still, 5)
    sender.step()


@contextmanager
def hooked(status: int = 200) -> Iterator[tuple[int, list[Any]]]:
    got: list[Any] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(orjson.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port, got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_webhook_is_told_too_and_each_channel_goes_its_own_way(
    still: Context, sender: Messenger, relay: Relay
) -> None:
    relay.data = "554 no"
    with hooked() as (port, got):
        hook = f'[notices]\nwebhook = "http://127.0.0.1:{port}/x?token=secret"\n'
        configure(still.settings.data, CONFIG.format(port=relay.port) + hook)
        advance(still, 5)
        sender.step()
        incident(still, 4)
        run(still, sender)
    (body,) = got
    assert body["text"].startswith("[Kỳ Đài][Cao] VV-2026-0004")
    assert (body["matter"], body["host"], body["count"]) == ("incident:1", "web01", 1)
    with still.database.read() as session:
        rows = session.execute(select(Notice.channel, Notice.state, Notice.to).order_by(Notice.id)).tuples().all()
    assert [(c, s) for c, s, _ in rows] == [("mail", "waiting"), ("webhook", "sent")]
    assert "secret" not in str(rows)


def test_who_watches_sends_only_while_no_worker_lives(still: Context, relay: Relay) -> None:
    watch = Watch(still)
    assert not watch()
    advance(still, 120)
    with still.database.write() as session:
        session.add(Heartbeat(name="worker:x", kind="worker", at=still.clock.now(), data={}))
    assert not watch()
    alone = Messenger(still)
    alone.step()
    advance(still, 120)
    assert watch()
    run(still, alone)
    assert relay.subjects == ["[Kỳ Đài][Cao] Tiến trình nền đã dừng: tương quan, vụ việc và kịch bản đứng yên"]
    with still.database.write() as session:
        session.get_one(Heartbeat, "worker:x").at = still.clock.now()
    advance(still, 20)
    assert not watch()


def test_the_thread_sends_by_itself_and_ends(still: Context, relay: Relay) -> None:
    with Sending(still):
        until(lambda: noticing.SINCE in _meta(still), 10)
        assert isinstance(still.clock, StillClock)
        incident(still)
        advance(still, 5)
        until(lambda: states(still.database), 10)
        advance(still, 20)
        until(lambda: relay.received, 10)
    assert not [t for t in threading.enumerate() if t.name == "notices"]


def _meta(context: Context) -> set[str]:
    from core.db.models import Meta

    with context.database.read() as session:
        return set(session.scalars(select(Meta.key)))


def test_a_relay_that_is_away_holds_only_notices_up(still: Context, sender: Messenger) -> None:
    configure(still.settings.data, CONFIG.format(port=free_port()))
    incident(still)
    run(still, sender)
    assert "cannot be reached" in ailment(still)
    owner = Leases(still.database, still.clock, "worker:1")
    assert owner.take(["group", "playbook_trigger"], 5) == []
