"""Rules are installed, changed and chosen while events flow into real processes: no hit is lost, none counts twice."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import select

from core.clock import SystemClock, iso
from core.db.database import Database, open_database, sqlite_url
from core.db.models import Alert
from tests.kydai.running import Running, running, until

USERS = 20
RULE_ID, KEPT, CHANGING = (f"00000000-0000-4000-8000-00000000000{n}" for n in range(3))

RULE = f"""
title: Refused
id: {RULE_ID}
name: refused
status: test
level: low
logsource: {{product: linux, service: sshd}}
detection:
  refused: {{event.action: ssh_login, event.outcome: failure}}
  condition: refused
"""


def correlation(name: str, rule_id: str, hours: int) -> str:
    return f"""
title: {name}
id: {rule_id}
name: {name}
status: test
level: high
correlation: {{type: event_count, rules: [refused], group-by: [user.name], timespan: {hours}h, condition: {{gte: 3}}}}
"""


class Sender(threading.Thread):
    """Refused log-ons, one user after another, until it is told to stop."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port
        self.sent: Counter[str] = Counter()
        self.over = threading.Event()

    def run(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as tcp:
            number = 0
            while not self.over.is_set() or number % USERS:
                user = f"user{number % USERS}"
                stamp = iso(SystemClock().now())
                words = f"<38>1 {stamp} web01 sshd 7 - - Failed password for {user} from 192.0.2.1 port {number} ssh2\n"
                tcp.sendall(words.encode())
                self.sent[user] += 1
                number += 1
                time.sleep(0.004)


def install(system: Running, folder: Path, hours: int) -> None:
    """The package with one correlation as it always was and one that asks something else each time."""
    folder.mkdir(exist_ok=True)
    (folder / "refused.yml").write_text(RULE)
    (folder / "kept.yml").write_text(correlation("kept", KEPT, 1))
    (folder / "changing.yml").write_text(correlation("changing", CHANGING, hours))
    ran = system.kydai("rules", "install", str(folder), "--name", "mine", "--yes")
    assert ran.returncode == 0, ran.stderr


def alerts(database: Database, rule_id: str) -> list[Alert]:
    with database.read() as session:
        return list(session.scalars(select(Alert).where(Alert.rule_id == rule_id, Alert.joined_to.is_(None))))


def test_rules_change_while_events_flow(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """``--chaos-rounds 20``: ten changes."""
    rounds = max(1, int(pytestconfig.getoption("--chaos-rounds")) // 2)
    with running(tmp_path / "data") as system:
        install(system, tmp_path / "mine", 1)
        database = open_database(sqlite_url(tmp_path / "data"))
        sender = Sender(system.syslog)
        sender.start()
        for number in range(rounds):
            until(lambda: len(alerts(database, KEPT)) == USERS)
            if number % 2:
                assert system.kydai("rules", "record", "kydai_ssh_guessing", "--reason", "test").returncode == 0
            else:
                install(system, tmp_path / "mine", 2 + number)
        sender.over.set()
        sender.join()
        total = sum(sender.sent.values())
        until(lambda: sum(row.count for row in alerts(database, KEPT)) >= total)
        until(lambda: sum(row.count for row in alerts(database, CHANGING)) >= USERS * 3)
        kept = {row.summary["group"]["user.name"]: row.count for row in alerts(database, KEPT)}
        changing = alerts(database, CHANGING)
        database.close()
    assert kept == sender.sent, "as if nobody had changed anything"
    told = Counter(event_id for row in changing for event_id in row.event_ids)
    assert set(told.values()) == {1}, "no event counts for the old question and for the new one"
    assert sum(row.count for row in changing) <= total
