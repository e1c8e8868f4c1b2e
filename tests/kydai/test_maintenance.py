"""What the worker tells about ourselves: once, while it lasts, and again when it comes back."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core import backups, checks, reindexing
from core.audit import Actor
from core.clock import DAY, HOUR, MINUTE, SECOND, StillClock
from core.db import outbox
from core.db.models import (
    Activity,
    Alert,
    Audit,
    DeadLetter,
    Heartbeat,
    Outbox,
    RuleException,
    Run,
    Source,
    SpoolPosition,
)
from core.ledger import Raws, Tally
from core.store.catalog import Catalog
from core.store.catalog_rows import New, State
from kydai.cli.output import Output
from kydai.context import Context
from kydai.maintenance import Maintenance
from kydai.supervisor import MEMORY
from playbooks import control
from playbooks.playbook import load
from tests.core.store.test_catalog import segment


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    made = Context(tmp_path / "data", None, Output(True, "en"))
    made.clock = StillClock(1_764_000_000 * SECOND // HOUR * HOUR)
    yield made
    made.close()


@pytest.fixture
def keeper(context: Context, monkeypatch: pytest.MonkeyPatch) -> Maintenance:
    monkeypatch.setattr(backups, "is_due", lambda *_: False)  # it starts a process
    made = Maintenance(context, lambda rule: {"vi": f"luật {rule}", "en": f"rule {rule}"})
    made.step()
    return made


def put(context: Context, *rows: Any) -> None:
    with context.database.write() as session:
        for row in rows:
            session.merge(row)


def spool(context: Context, lag: int = 0) -> SpoolPosition:
    return SpoolPosition(spool="gateway", segment="", record=0, arrival_at=0, heartbeat_at=context.clock.now(), lag=lag)


def after(context: Context, keeper: Maintenance, seconds: float, lag: int = 0) -> list[tuple[str, int]]:
    """Time goes by, the pipeline beats, the worker looks: (rule, count) of the alerts about ourselves."""
    assert isinstance(context.clock, StillClock)
    context.clock.advance(seconds)
    put(context, Heartbeat(name="gateway", kind="gateway", at=context.clock.now(), data={}), spool(context, lag))
    keeper.step()
    with context.database.read() as session:
        return [(a.rule_id, a.count) for a in session.scalars(select(Alert).order_by(Alert.id))]


def source(name: str, at: int, **more: Any) -> tuple[Source, Activity]:
    heard = Activity(source=name, host="", dataset="", first_at=at - DAY, last_at=at, count=5000, gaps=[], fields=[])
    return Source(name=name, keys=[name], is_declared=True, created_at=0, **more), heard


def test_silent_sources_are_looked_for(context: Context, keeper: Maintenance) -> None:
    now = context.clock.now()
    put(context, *source("fw", now), *source("replayed", now, is_replay=True))
    assert after(context, keeper, 14 * 60) == []
    assert after(context, keeper, 120) == [("self:silence", 2)], "it counts what its title counts: sources"
    told_at = context.clock.now()
    assert after(context, keeper, 40) == [("self:silence", 2)]
    with context.database.read() as session:
        alert = session.scalars(select(Alert)).one()
    assert alert.summary["source"] == ["fw", "replayed"]
    assert alert.updated_at == told_at, "told once"


def test_time_in_which_we_did_not_listen_is_nobodys_silence(context: Context, keeper: Maintenance) -> None:
    put(context, *source("fw", context.clock.now() - 3 * HOUR))
    assert after(context, keeper, 60) == [], "we were not there"
    assert after(context, keeper, 20 * 60, lag=2 * MINUTE) == [("self:lag", 1)], "it may be in the spool"
    assert after(context, keeper, 40) == [("self:lag", 1), ("self:silence", 1)]


def test_lag_is_told_once_an_hour_while_it_lasts_and_again_when_it_returns(
    context: Context, keeper: Maintenance
) -> None:
    assert after(context, keeper, 30, lag=61 * SECOND) == [("self:lag", 1)]
    assert after(context, keeper, 30, lag=90 * SECOND) == [("self:lag", 1)]
    assert after(context, keeper, 30, lag=0) == [("self:lag", 1)]
    assert after(context, keeper, 30, lag=2 * MINUTE) == [("self:lag", 2)]
    assert after(context, keeper, 3600, lag=2 * MINUTE) == [("self:lag", 2), ("self:lag", 1)]


def test_a_replay_is_old_by_nature(context: Context, keeper: Maintenance) -> None:
    past = {"segment": "", "record": 0, "arrival_at": 0, "lag": 9 * HOUR}
    put(context, SpoolPosition(spool="demo-past", heartbeat_at=context.clock.now() + 30 * SECOND, **past))
    assert after(context, keeper, 30) == []


def test_what_stands_is_told_of_again_when_it_changes_and_daily(context: Context, keeper: Maintenance) -> None:
    def dead(key: str) -> Outbox:
        return Outbox(kind="group", key=key, state="dead", due_at=0, created_at=0)

    put(context, dead("1"))
    assert after(context, keeper, 61) == [("self:dead", 1)]
    assert after(context, keeper, 3600) == [("self:dead", 1)], "unchanged"
    put(context, dead("2"))
    assert after(context, keeper, 3600) == [("self:dead", 1), ("self:dead", 1)]
    another = Maintenance(context, lambda rule: {})
    another.step()
    assert after(context, another, 61) == [("self:dead", 1)] * 2, "another worker knows what was told"
    assert after(context, keeper, 25 * 3600) == [("self:dead", 1)] * 3


def test_every_kind_of_matter_becomes_an_alert(context: Context, keeper: Maintenance) -> None:
    now = context.clock.now()
    tally = Tally()
    tally.raws("fw", now, Raws.RECEIVED, 5)
    with context.database.write() as session:
        tally.save(session)
        outbox.put(session, "group", "1", now=now)
    put(context, DeadLetter(event_id="x", source="fw", stage="store", reason="no", raw=b"", at=now))
    put(context, Heartbeat(name="api", kind="api", at=now + 290 * SECOND, data={}))
    put(context, Heartbeat(name="pipeline", kind="pipeline", at=now + 290 * SECOND, data={"suspended": {"r": "slow"}}))
    told = after(context, keeper, 301)
    assert sorted(told) == [(f"self:{k}", 1) for k in ("imbalance", "lag", "rejected", "stalled", "stopped")]
    with context.database.read() as session:
        titles = {a.rule_id: a.rule_title["en"] for a in session.scalars(select(Alert))}
    assert titles["self:stopped"] == "Rule “rule r” was suspended for being too slow"
    assert titles["self:stalled"] == "Nobody processes what comes in through api: last done 5 min 01 s ago"


def test_work_done_long_ago_is_swept_and_dead_runs_end(context: Context, keeper: Maintenance) -> None:
    now = context.clock.now()
    playbook = load()[0]["tell_by_mail"]
    with context.database.write() as session:
        run = control.start(session, Actor("x", "cli"), playbook, None, now=now)
        session.scalars(select(Outbox)).one().state = "dead"
    put(context, Outbox(kind="group", key="1", state="done", due_at=now - 8 * DAY, created_at=now))
    put(context, Outbox(kind="group", key="2", state="done", due_at=now, created_at=now))
    after(context, keeper, 3601)
    with context.database.read() as session:
        assert {(w.kind, w.key, w.state) for w in session.scalars(select(Outbox)) if w.kind == "group"} == {
            ("group", "2", "done")
        }
        assert session.scalars(select(Outbox).where(Outbox.kind == "run_step", Outbox.state == "ready")).one()
        assert session.get_one(Run, run.id).updated_at == context.clock.now()


def test_beacons_are_looked_for_once_an_hour_and_again_after_a_failure(
    context: Context, keeper: Maintenance, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    status: list[int | None] = [None]

    class Looking:
        def __init__(self, command: list[str], **more: Any) -> None:
            started.append(command[-1])

        def poll(self) -> int | None:
            return status[0]

    monkeypatch.setattr(subprocess, "Popen", Looking)
    after(context, keeper, 961)
    context.settings.store_folder.mkdir(parents=True)
    Catalog(context.settings.store_folder / "catalog.sqlite")

    def looked(seconds: float) -> int:
        after(context, keeper, seconds)
        return started.count("kydai.beaconing")

    assert looked(301) == 1
    assert looked(301) == 1, "it still runs"
    status[0] = 1
    assert looked(301) == 2
    status[0] = 0
    assert looked(301) == 2
    assert looked(3600) == 3


def test_the_store_is_tended_when_files_have_gathered(
    context: Context, keeper: Maintenance, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []

    class Tending:
        def __init__(self, command: list[str], **more: Any) -> None:
            if command[-1] == "kydai.beaconing":
                return
            started.append(command)
            assert more["env"]["KYDAI_DATA"] == str(context.settings.data)
            assert "MALLOC_TRIM_THRESHOLD_" not in more["env"]
            assert more["env"]["ARROW_DEFAULT_MEMORY_POOL"] == "system"

        def poll(self) -> int:
            return 0

        def terminate(self) -> None:
            started.append(["ended"])

        def wait(self) -> None:
            pass

    monkeypatch.setattr(subprocess, "Popen", Tending)
    for name, value in MEMORY.items():
        monkeypatch.setenv(name, value)
    context.settings.store_folder.mkdir(parents=True)
    after(context, keeper, 61)
    assert started == [], "there is no store yet"
    catalog = Catalog(context.settings.store_folder / "catalog.sqlite")

    def come(*names: int, rows: int = 10) -> list[int]:
        return [catalog.publish([New(replace(segment(f"{n}"), rows=rows), ())], 0) for n in names]

    def taken(files: list[int]) -> None:
        catalog.publish([], 0, retiring=files)

    files = come(*range(19))
    after(context, keeper, 3601)
    assert len(started) == 1, "hourly, for retention"
    files += come(19)
    after(context, keeper, 61)
    assert len(started) == 2, "20 are there, whenever they came"
    after(context, keeper, 61)
    come(*range(20, 39))
    after(context, keeper, 61)
    assert len(started) == 2, "once for the same files, if they stay"
    come(39)
    after(context, keeper, 61)
    assert len(started) == 3
    taken([s.id for s in catalog.segments(State.LIVE)])
    files = come(*range(100, 139), rows=3_200)
    after(context, keeper, 61)
    assert len(started) == 3, "they wait for a full one"
    files += come(139, rows=3)
    after(context, keeper, 61)
    assert len(started) == 4, "40 wait for nothing"
    catalog.close()
    keeper.close()
    assert started[-1] == ["ended"]


def test_a_check_that_was_asked_for_is_begun_once_and_again_when_it_failed(
    context: Context, keeper: Maintenance, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []

    def start(module: str) -> subprocess.Popen[bytes]:
        begun.append(module)
        process = subprocess.Popen(["false"])
        process.wait()
        return process

    monkeypatch.setattr(keeper, "_start", start)
    monkeypatch.setattr(keeper, "_has_store", lambda: True)
    now = context.clock.now()
    keeper._check(now)
    assert begun == [], "nobody asked"
    with context.database.write() as session:
        checks.ask(session, Actor("duclm", "console"), now)
    for seconds in (0, 5, 59, 60):
        keeper._check(now + seconds * SECOND)
    assert begun == ["kydai.checking"] * 2, "what failed is tried again a minute later"
    with context.database.write() as session:
        checks.begin(session, "duclm", now + 200 * SECOND)
    keeper._check(now + 200 * SECOND)
    assert len(begun) == 2, "one at a time"


def test_a_clock_that_jumps_ahead_sweeps_nothing(context: Context, keeper: Maintenance) -> None:
    clock = context.clock
    assert isinstance(clock, StillClock)
    put(context, Activity(source="udp:192.0.2.1", host="", dataset="", first_at=0, last_at=clock.now() - 80 * DAY))
    clock.advance(HOUR / SECOND)
    keeper.step()
    clock.at += 1000 * DAY
    keeper.step()
    with context.database.read() as session:
        assert session.scalars(select(Activity)).all()


def test_what_an_older_version_wrote_is_looked_for_hourly_and_gone_on_with_after_a_kill(
    context: Context, keeper: Maintenance, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    statuses = [0, -9, 1, 0, 0]

    class Ended:
        def poll(self) -> int:
            return statuses[len(begun) - 1]

    def start(module: str) -> Ended:
        begun.append(module)
        return Ended()

    monkeypatch.setattr(keeper, "_start", start)
    now = context.clock.now()
    keeper._reindex(now)
    assert begun == [], "files of older versions are read as they are"
    elastic = context.settings.store.model_copy(update={"engine": "elastic"})
    context.__dict__["settings"] = context.settings.model_copy(update={"store": elastic})
    for seconds, count in ((0, 1), (30, 1), (3600, 2), (3630, 3), (3660, 3), (3900, 3), (3960, 4), (4000, 4)):
        keeper._reindex(now + seconds * SECOND)
        assert len(begun) == count, seconds
    later = now + 9 * HOUR
    with context.database.write() as session:
        reindexing.begin(session, "another machine's", later)
    for seconds, count in ((0, 4), (60, 4), (61, 5)):
        keeper._reindex(later + seconds * SECOND)
        assert len(begun) == count, seconds


def test_an_exception_whose_day_has_come_says_so_in_the_journal(context: Context, keeper: Maintenance) -> None:
    now = context.clock.now()
    put(
        context,
        RuleException(
            rule_id="r", rule_title={}, text="", conditions={}, reason="", owner="me", expires_at=now + HOUR,
            state="active", created_by="me", created_at=now,
        ),
    )  # fmt: skip
    for hours, state in ((0.5, "active"), (0.6, "expired")):
        after(context, keeper, hours * 3600)
        with context.database.read() as session:
            assert [row.state for row in session.scalars(select(RuleException))] == [state]
    with context.database.read() as session:
        (entry,) = session.scalars(select(Audit).where(Audit.action == "exception.expire"))
        assert (entry.actor, entry.object) == ("maintenance", "exception:1")


def test_the_days_backup_is_begun_once_and_told_of_when_it_is_wanting(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []

    class Backing:
        def __init__(self, command: list[str], **_: Any) -> None:
            started.append(command[1:])

        def poll(self) -> int:
            return -9

    monkeypatch.setattr(subprocess, "Popen", Backing)
    keeper = Maintenance(context, lambda rule: {"vi": rule, "en": rule})
    keeper.step()
    after(context, keeper, 61)
    assert started == [], "it is not begun at once"
    after(context, keeper, 61)
    after(context, keeper, 61)
    assert started == [["-m", "kydai.backing"]], "it died and is not begun again each minute"
    with context.database.write() as session:
        backups.failed(session, OSError(28, "full"), context.clock.now())
    told = after(context, keeper, 61)
    assert ("self:backup", 1) in told
    assert after(context, keeper, 61) == told
    with context.database.read() as session:
        alert = session.scalars(select(Alert).where(Alert.rule_id == "self:backup")).one()
    assert (alert.level, alert.rule_title["en"]) == ("high", "The daily backup failed: No space left on device")
