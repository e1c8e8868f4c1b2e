"""What was backed up under way goes on as if it had been killed then; what lies between is said, and nothing is done
twice."""

from __future__ import annotations

import io
import re
import shutil
import signal
import socket
import tarfile
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard
from sqlalchemy import select

from core import accounts, audit
from core.audit import Actor
from core.clock import DAY, StillClock
from core.db.models import Alert, Audit, Effect, Outbox, Run, SignInLink, SpoolPosition, StepRun
from core.db.models import Session as SignedIn
from core.errors import BadInput, Conflict, KydaiError, Refused, Unavailable, recalled
from core.lag import SPOOLS
from core.query.language import parse
from core.spool import Spool
from core.store.contract import Query
from core.store.segments import SegmentStore
from kydai import gateway_process, restoring
from kydai.backup import part_of, take
from kydai.cli.output import Output
from kydai.context import Context
from kydai.pipeline import Parts, Pipeline
from kydai.pipeline_process import parts_of
from kydai.restoring import Restored, restore
from tests.killing import killed_at_each_step
from tests.kydai.running import running, until
from tests.kydai.test_pipeline import FAILED, balances, count, failed, run, spool_of

WHO = Actor("os:an", "cli")


def ignore(*_: object) -> None:
    pass


def into(context: Context, file: Path, folder: str = "again") -> tuple[Context, Restored]:
    """The backup restored into another folder, and that folder."""
    made = Context(file.parent / folder, None, context.output)
    made.clock = context.clock
    return made, restore(made, file, WHO, ignore)


def go_on(context: Context) -> Parts:
    """All spools are read to their ends, as the pipeline's process does."""
    parts = parts_of(context)
    for name in SPOOLS:
        pipeline = Pipeline(name, context.settings.spool_folder / name, parts)
        while pipeline.step():
            pass
    return parts


@pytest.fixture
def file(context: Context, parts: Parts, tmp_path: Path) -> Iterator[Path]:
    run(context, parts, failed(1), failed(2))
    yield tmp_path / "a.tar.zst"


def test_what_came_in_while_it_was_taken_is_there_once_and_judged(
    context: Context, parts: Parts, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = SegmentStore.snapshot

    def busy(store: SegmentStore, place: str, told: Any) -> Any:
        """Between the control data and the events a batch is committed, and behind the events another is received."""
        run(context, parts, failed(3), failed(4))
        copied = snapshot(store, place, told)
        spool = spool_of(context)
        spool.append([failed(5)])
        spool.close()
        return copied

    monkeypatch.setattr(SegmentStore, "snapshot", busy)
    take(context, file, WHO, events=True)
    again, done = into(context, file)
    assert (done.has_events, count(again)) == (True, 4)
    go_on(again)
    assert count(again) == 5
    with again.database.read() as session:
        alerts = session.scalars(select(Alert).where(Alert.kind == "rule")).all()
        assert [(a.count, len(set(a.event_ids))) for a in alerts] == [(5, 5)]
        assert audit.verify_stored(session).is_whole
    assert all(b.holds for b in balances(again).values())
    assert sum(b.events["stored"] for b in balances(again).values()) == 5
    assert again.store.verify() == []
    again.close()


def test_the_old_spools_bring_back_what_came_after_the_backup(context: Context, parts: Parts, file: Path) -> None:
    take(context, file, WHO, events=True)
    run(context, parts, failed(3))
    spool = spool_of(context)
    spool.append([failed(4)])
    spool.close()
    again, _ = into(context, file)
    shutil.rmtree(again.settings.spool_folder)
    shutil.copytree(context.settings.spool_folder, again.settings.spool_folder)
    go_on(again)
    assert count(again) == 4
    with again.database.read() as session:
        assert session.scalars(select(Alert.count).where(Alert.kind == "rule")).all() == [4]
    assert all(b.holds for b in balances(again).values())
    again.close()


def test_it_says_what_is_missing_and_numbers_go_on(context: Context, file: Path) -> None:
    clock = StillClock(context.clock.now())
    context.clock = clock
    take(context, file, WHO, events=True)
    clock.advance(3 * 86400)
    again, done = into(context, file)
    answer = again.store.count(Query(parse("", now=clock.now())))
    assert (answer.count, answer.truth.complete) == (2, False)
    assert [(m.what, m.end) for m in answer.truth.missing] == [("restored", clock.now())]
    with again.database.read() as session:
        alert = session.get_one(Alert, done.alert)
        assert (alert.rule_id, alert.level) == ("self:restored", "high")
        assert alert.last_at - alert.first_at == 3 * DAY
        entry = session.scalars(select(Audit).where(Audit.action == "backup.restore")).one()
        assert entry.actor == "os:an"
    again.close()


def test_without_events_the_store_is_empty_until_it_is_filled(context: Context, file: Path) -> None:
    take(context, file, WHO)
    again, done = into(context, file)
    assert not done.has_events
    answer = again.store.count(Query(parse("", now=context.clock.now())))
    assert (answer.count, [m.what for m in answer.truth.missing]) == (0, ["restored"])
    assert answer.truth.missing[0].start is None
    again.close()


def test_what_comes_in_is_named_behind_what_was_read_though_the_clock_is_behind(context: Context, file: Path) -> None:
    take(context, file, WHO)
    context.clock = StillClock(context.clock.now() - 2 * DAY)
    again, _ = into(context, file)
    spool = gateway_process.open_spool(again, "gateway")
    spool.reserve_bytes = 0
    spool.append([failed(7)])
    spool.close()
    go_on(again)
    assert count(again) == 1
    with again.database.read() as session:
        assert session.get_one(SpoolPosition, "gateway").record == 1
    again.close()


def test_a_spool_counts_on_from_where_its_reader_stands(tmp_path: Path) -> None:
    first = Spool(tmp_path / "a", StillClock(5 * DAY), reserve_bytes=0)
    (stored,) = first.append([failed(1)])
    behind = Spool(tmp_path / "b", StillClock(DAY), reserve_bytes=0, after=stored.segment)
    assert behind.append([failed(1)])[0].segment > stored.segment


def test_sessions_end_and_runs_are_cancelled(context: Context, file: Path) -> None:
    now = context.clock.now()
    with context.database.write() as session:
        assert accounts.first_link(session, now=now)
        session.add(SignedIn(hash="h", user_id=1, created_at=now, seen_at=now, expires_at=now + DAY))
        facts: dict[str, Any] = {"version": "1", "definition": {}, "created_at": now, "updated_at": now}
        session.add_all(Run(key=f"k{n}", playbook="p", status=s, **facts) for n, s in enumerate(("running", "failed")))
        session.flush()
        steps = (("sent", "succeeded"), ("sending", "running"), ("deciding", "running"), ("later", "queued"))
        session.add_all(StepRun(run_id=1, step=s, position=n, status=st) for n, (s, st) in enumerate(steps))
        session.add(
            Effect(
                key="e", run_id=1, step="sending", action="notify.email", arguments={}, effect_class="once",
                intended_at=now,
            )
        )  # fmt: skip
    take(context, file, WHO)
    again, done = into(context, file)
    assert done.runs == 1
    with again.database.read() as session:
        assert not session.scalars(select(SignedIn)).all()
        assert not session.scalars(select(SignInLink)).all()
        states = {s.step: s.status for s in session.scalars(select(StepRun))}
        assert "how far it went on" in recalled(session.get_one(Run, 1).error)["en"]
        work = session.scalars(select(Outbox).where(Outbox.kind == "run_step")).one()
    assert states == {"sent": "succeeded", "sending": "running", "deciding": "cancelled", "later": "cancelled"}
    assert work.payload == {"run": 1}
    again.close()


def altered(file: Path, **changes: Any) -> Path:
    """The same backup, saying something else of itself."""
    other = file.with_name("other")
    with (
        zstandard.open(file, "rb") as plain,
        tarfile.open(mode="r|", fileobj=plain) as tar,
        zstandard.open(other, "wb") as out,
        tarfile.open(mode="w|", fileobj=out) as made,
    ):
        for info in tar:
            source = tar.extractfile(info)
            assert source is not None
            data = source.read()
            if info.name == "kydai-backup.json":
                data = orjson.dumps(orjson.loads(data) | changes)
                info.size = len(data)
            made.addfile(info, io.BytesIO(data))
    return other


def test_what_cannot_be_restored_leaves_the_folder_empty(context: Context, file: Path, small_disk: Path) -> None:
    take(context, file, WHO)
    data = file.parent / "again"

    def refused(given: Path, kind: type[KydaiError], words: str) -> None:
        with pytest.raises(kind, match=words):
            into(context, given)
        assert not data.exists() or list(data.iterdir()) == []

    refused(altered(file, schema="9999", version="9.0"), Refused, r"newer version \(9\.0\)")
    cut = file.with_name("cut")
    cut.write_bytes(file.read_bytes()[:-100])
    refused(cut, BadInput, "cut off|damaged")
    full = Context(small_disk, None, context.output)
    with pytest.raises(Unavailable, match="No space left on device"):
        restore(full, file, WHO, ignore)
    assert list(small_disk.iterdir()) == []
    (data / "mine").write_text("x")
    with pytest.raises(Conflict, match=r"not empty: it has mine\. Restoring never replaces anything"):
        into(context, file)
    assert [p.name for p in data.iterdir()] == ["mine"]


def test_an_interruption_at_the_last_moment_takes_all_back(
    context: Context, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(context, file, WHO, events=True)

    def interrupted(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(restoring, "sync_folder", interrupted)
    with pytest.raises(KeyboardInterrupt):
        into(context, file)
    assert list((file.parent / "again").iterdir()) == []


def test_killed_anywhere_there_is_nothing_or_the_whole(context: Context, file: Path) -> None:
    take(context, file, WHO, events=True)
    context.close()
    data = file.parent / "again"
    kills = 0
    for number in killed_at_each_step(lambda: into(context, file)[0].close()):
        kills += number > 0
        if (data / "control.sqlite").exists():
            assert {"store", "rules"} <= {p.name for p in data.iterdir()}
            left = Context(data, None, context.output)
            assert count(left) == 2
            left.close()
            break
        moved = {p.name for p in data.iterdir()} - {"restoring"} if data.exists() else set()
        if moved:  # a kill between two of the last renames: the sentence says to name another folder
            with pytest.raises(Conflict):
                into(context, file)
            for name in moved:
                (data / name).rename(file.parent / f"{number}.{name}")
    assert kills > 20


def test_a_real_system_is_backed_up_under_intake_and_goes_on_elsewhere(tmp_path: Path) -> None:
    """All that was stored when it began is there once, and what came meanwhile up to some line without a hole."""
    over = threading.Event()
    sent = 0

    def send(port: int) -> None:
        nonlocal sent
        with socket.create_connection(("127.0.0.1", port)) as line:
            while not over.wait(0.2):
                line.sendall(b"".join(f"{FAILED.format(n=1)} line {sent + n}\n".encode() for n in range(5)))
                sent += 5

    file = tmp_path / "a.tar.zst"
    with running(tmp_path / "data") as system:
        sender = threading.Thread(target=send, args=(system.syslog,))
        sender.start()
        try:
            until(lambda: system.count("sshd") > 100)
            stored = system.count("sshd")
            ran = system.kydai("backup", str(file), "--events", "--json")
        finally:
            over.set()
            sender.join()
        assert ran.returncode == 0, ran.stderr
        names = {path.name for path in system.data.iterdir()}
        in_store = {path.name for path in (system.data / "store").iterdir()}
        system.process.send_signal(signal.SIGKILL)
        system.process.wait()
        ran = system.kydai("restore", str(file), "--data", str(tmp_path / "again"))
    assert ran.returncode == 0, ran.stderr
    assert {name for name in names if part_of(name) is None} == {"up.log"}, "taken or named as left out"
    # of the store a snapshot takes the catalog and the files at the two levels
    assert in_store - {"catalog.sqlite", "l0", "l1"} <= {
        "catalog.lock", "catalog.sqlite-shm", "catalog.sqlite-wal", "marks", "readers",
    }  # fmt: skip
    again = Context(tmp_path / "again", None, Output(True, "en"))
    go_on(again)
    found = again.store.search(Query(parse("sshd", now=again.clock.now())), limit=10_000).events
    numbers = Counter(int(re.search(r"line (\d+)", str(e["event.original"]))[1]) for e in found)  # type: ignore[index]
    assert set(numbers.values()) == {1}
    assert stored <= len(numbers) <= sent
    assert max(numbers) == len(numbers) - 1
    assert all(b.holds for b in balances(again).values())
    assert again.store.verify() == []
    with again.database.read() as session:
        assert audit.verify_stored(session).is_whole
    again.close()
