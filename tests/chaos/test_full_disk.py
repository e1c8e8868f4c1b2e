"""A disk that fills stops intake, in clear words, before it stops the console; intake goes on by itself.

Nothing that its policy keeps is deleted to make room, and what UDP loses meanwhile is counted.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx2 as httpx
import orjson
import pytest
from sqlalchemy import update

from core import accounts
from core.accounts import TokenScope
from core.clock import DAY, StillClock
from core.db.models import Heartbeat, Token
from core.errors import Unavailable
from core.event import new_ulid
from core.store.contract import Batch, Query
from kydai.cli.output import Output
from kydai.context import Context
from kydai.people import cli_actor
from kydai.tending import tend
from tests.core.store.conformance import START, event
from tests.kydai.running import Running, running, until
from tests.services import missing, program

DISK_MB, RESERVE_MB = 160, 64
LOST = 40


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of which ``kydai`` is to keep ``RESERVE_MB`` free."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = [program("mount"), "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        missing("the right to mount a tmpfs")
    try:
        yield folder
    finally:
        subprocess.run([program("umount"), "--lazy", str(folder)], check=True)


def fill(disk: Path, left_mb: int) -> Path:
    """Leave so much free."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        while (more := os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize - (left_mb << 20)) > 0:
            with suppress(OSError):  # the system itself took some meanwhile
                os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, more)
    return ballast


def tokens(data: Path) -> tuple[str, str]:
    """To hand in events, and to do what the console does."""
    context = Context(data, None, Output(True, "en"))
    with context.database.write() as session:
        accounts.first_person(session, now=context.clock.now())
        user = accounts.find_user(session, "admin")
        made = [
            accounts.make_token(session, cli_actor(), user, str(scope), scope, now=context.clock.now())[1]
            for scope in (TokenScope.INGEST, TokenScope.API)
        ]
    context.close()
    return made[0], made[1]


def forget_use(data: Path) -> None:
    """As a minute later: when the tokens were last used is due to be written again, which a full disk refuses."""
    context = Context(data, None, Output(True, "en"))
    with context.database.write() as session:
        session.execute(update(Token).values(used_at=0))
    context.close()


def say(port: int, text: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(text.encode(), ("127.0.0.1", port))


def turned_away(data: Path) -> int:
    """How much the receiver of syslog says that the spool refused."""
    context = Context(data, None, Output(True, "en"))
    with context.database.read() as session:
        beat = session.get(Heartbeat, "gateway")
        found = 0 if beat is None else beat.data["syslog"].get("refused", 0)
    context.close()
    return int(found)


class Client:
    def __init__(self, system: Running, ingest: str, console: str) -> None:
        self.url = f"{system.url}/api/v1"
        self.ingest, self.console = ({"authorization": f"Bearer {token}"} for token in (ingest, console))

    def post(self, key: str) -> httpx.Response:
        line = orjson.dumps({"event.id": key, "message": f"said {key}"})
        return httpx.post(f"{self.url}/ingest", headers=self.ingest, content=line, timeout=30)

    def count(self, key: str) -> int:
        """A search of the console, which is written to the journal before it is answered."""
        query = {"query": f"kydai.sender_id: {key}"}
        answer = httpx.get(f"{self.url}/events/count", headers=self.console, params=query, timeout=30)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["count"])

    def ledger(self) -> dict[str, int]:
        """What receivers lost, by cause."""
        query = {"from": "now-24h"}
        answer = httpx.get(f"{self.url}/sources/ledger", headers=self.console, params=query, timeout=30).json()
        return {"refused": answer["refused"], "kernel_drops": answer["kernel_drops"]}

    def ailments(self) -> dict[str, str]:
        said = httpx.get(f"{self.url}/health", timeout=30).json()
        return {ailment["key"]: ailment["text"]["en"] for ailment in said["ailments"]}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_full_disk_stops_intake_before_the_console(disk: Path) -> None:
    data = disk / "data"
    made = tokens(data)
    with running(data, KYDAI_SPOOL_RESERVE_MB=str(RESERVE_MB)) as system:
        client = Client(system, *made)
        assert client.post("a").status_code == 200
        until(lambda: client.count("a") == 1)
        assert "disk" not in client.ailments()

        ballast = fill(disk, RESERVE_MB // 2)
        refused = until(lambda: (answer := client.post("b")).status_code != 200 and answer)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 0
        assert f"{RESERVE_MB} MB" in refused.json()["detail"], "it says why"
        assert client.ailments()["disk"].endswith("MB of disk left: intake has stopped")
        assert client.count("a") == 1, "the console goes on"

        for n in range(LOST):
            say(system.syslog, f"<13>Nov 25 08:00:00 web01 app: lost {n}")
        until(lambda: turned_away(data) == LOST)
        ballast.unlink()
        until(lambda: client.post("b").status_code == 200)
        until(lambda: client.count("b") == 1)
        assert "disk" not in client.ailments()
        until(lambda: client.ledger()["refused"] > 0)
        assert client.ledger() == {"refused": LOST, "kernel_drops": 0}, "what UDP lost is counted"

        forget_use(data)
        ballast = fill(disk, 0)
        # the spool looks at the disk once a second; before that it meets the full disk itself
        assert set(iter(lambda: client.post("c").status_code, 429)) <= {200, 503}
        assert client.ailments()["disk"] == "0 MB of disk left: intake has stopped"
        ballast.unlink()
        until(lambda: client.post("c").status_code == 200)
        until(lambda: client.count("c") == 1)
        assert [client.count(key) for key in "abc"] == [1, 1, 1]


@pytest.mark.slow
def test_a_full_disk_deletes_nothing_that_its_policy_keeps(disk: Path) -> None:
    context = Context(disk / "data", None, Output(True, "en"))
    context.clock = clock = StillClock(START)
    kept, due = new_ulid(START - 170 * DAY), new_ulid(START - 200 * DAY)
    context.store.append(Batch([event(n, segment=kept) for n in range(20)]))
    context.store.append(Batch([event(n, segment=due) for n in range(5)]))
    assert len(tend(context)[1]) == 1, "of level 3 half a year is kept"
    before = [part.name for part in context.store.parts()]

    ballast = fill(disk, 0)
    large = [event(n, 0, {"message": os.urandom(4_000).hex()}) for n in range(100, 300)]
    with pytest.raises(Unavailable):
        context.store.append(Batch(large))
    for _ in range(3):
        with suppress(Unavailable):  # the catalog cannot be written either
            tend(context)
        clock.advance(3_600)
    assert [part.name for part in context.store.parts()] == before
    assert context.store.count(Query()).count == 20

    ballast.unlink()
    assert context.store.append(Batch(large)).stored == len(large)
    assert tend(context)[1] == []
    assert context.store.verify() == []
    context.close()
