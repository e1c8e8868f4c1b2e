"""An incident of SSH guessing, and a world whose firewall is a list."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson
import pytest

from core.clock import StillClock
from core.db.database import Database
from core.db.models import Alert, Incident, IncidentEntity
from playbooks.action import World
from playbooks.protected import reason_of


@dataclass
class FakeNft:
    """Stands in for ``nft``: remembers scripts and what is in the sets."""

    scripts: list[str] = field(default_factory=list)
    blocked: set[str] = field(default_factory=set)
    fails: bool = False

    def __call__(self, words: Sequence[str], data: bytes) -> subprocess.CompletedProcess[bytes]:
        if self.fails:
            return subprocess.CompletedProcess(list(words), 1, b"", b"Operation not permitted")
        if "-j" in words:
            six = words[-1].endswith("6")
            elements = [{"elem": {"val": a, "timeout": 3600}} for a in sorted(self.blocked) if (":" in a) == six]
            return subprocess.CompletedProcess(
                list(words), 0, orjson.dumps({"nftables": [{"set": {"elem": elements}}]}), b""
            )
        self.scripts.append(data.decode())
        for line in data.decode().splitlines():
            if line.startswith("add element"):
                self.blocked.add(line.split("{")[1].split()[0])
            elif line.startswith("delete element"):
                self.blocked.discard(line.split("{")[1].split()[0])
        return subprocess.CompletedProcess(list(words), 0, b"", b"")


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def nft() -> FakeNft:
    return FakeNft()


@pytest.fixture
def world(database: Database, clock: StillClock, nft: FakeNft) -> World:
    def protected(address: str, approver: str | None) -> str | None:
        return reason_of(address, approver, own=(), infrastructure=(), declared=("203.0.113.99",), extra=(), targets=())

    return World(database, clock, enforce=True, protected=protected, command=nft)


@pytest.fixture
def incident(database: Database, clock: StillClock) -> Incident:
    now = clock.now()
    common = {"first_at": now, "last_at": now, "created_at": now, "updated_at": now}
    with database.write() as session:
        row = Incident(
            number="VV-2026-0001",
            title={"vi": "Dò mật khẩu", "en": "Guessing"},
            sentence={"vi": "Câu.", "en": "Sentence."},
            level="high",
            **common,
        )
        session.add(row)
        session.flush()
        session.add(
            Alert(
                fold_key="k",
                rule_id="625df790-cbea-4dbf-8769-9d49529c594a",
                rule_title={"vi": "x", "en": "x"},
                level="high",
                tags=["attack.t1110.001"],
                received_at=now,
                summary={"from": ["203.0.113.7", "10.0.0.5", "203.0.113.99"]},
                incident_id=row.id,
                **common,
            )
        )
        for kind, value in (("host", "web01"), ("user", "root"), ("ip", "203.0.113.7"), ("ip", "198.51.100.9")):
            session.add(IncidentEntity(incident_id=row.id, kind=kind, value=value, first_at=now, last_at=now))
    return row
