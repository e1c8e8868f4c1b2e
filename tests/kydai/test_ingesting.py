"""Files go in once, whatever is killed, and a second run adds only what is new."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
import zstandard
from sqlalchemy import select

from collectors.evtx_records import number
from core.clock import SECOND, StillClock
from core.db.models import IngestedFile, Outbox, SpoolPosition
from core.store.contract import Query, Span
from kydai.context import WAITED, Context, undrained
from kydai.flow_stage import FlowStage
from kydai.ingesting import Ingest, Ingested, take_up
from kydai.pipeline import Parts, Pipeline
from tests.collectors.decoders.craft import BASIC, basic_record, flowset, ip_packet, pcap, v9, v9_template
from tests.collectors.evtx_states import chunks, earlier, ring
from tests.kydai.test_pipeline import balances
from tests.samples import sample

LINE = "Nov 25 08:00:{:02d} web01 sshd[7]: Failed password for root from 203.0.113.5 port 4022 ssh2\n"
WHOLE = "AutomatedTestingTools/PanacheSysmon_vs_AtomicRedTeam01.evtx"
FILTERED = "Privilege Escalation/privesc_unquoted_svc_sysmon_1_11.evtx"


def ingest(context: Context, parts: Parts, file: Path, *, again: bool = False, source: str | None = None) -> Ingested:
    run = Ingest(context, parts, source=source, parser=None, again=again)
    run.take(str(file), lambda count: None)
    return run.finish()


def count(context: Context) -> int:
    return context.store.count(Query()).count


def write(file: Path, lines: int, start: int = 0) -> None:
    with file.open("a") as out:
        out.writelines(LINE.format(n) for n in range(start, start + lines))


def test_a_second_run_adds_only_what_is_new(context: Context, parts: Parts, tmp_path: Path) -> None:
    file = tmp_path / "auth.log"
    write(file, 3)
    assert ingest(context, parts, file).raws == 3
    second = ingest(context, parts, file)
    assert (second.raws, second.unchanged) == (0, [str(file)])
    write(file, 30, start=3)
    assert ingest(context, parts, file).raws == 30
    write(file, 2, start=40)
    renamed = file.rename(tmp_path / "auth.log.1")
    assert ingest(context, parts, renamed).raws == 2
    assert count(context) == 35
    assert ingest(context, parts, renamed, again=True).raws == 35


def test_what_was_read_before_a_file_broke_off_is_taken(context: Context, parts: Parts, tmp_path: Path) -> None:
    file = tmp_path / "auth.log.gz"
    whole = gzip.compress("".join(LINE.format(n % 60) for n in range(3000)).encode(), 0)
    file.write_bytes(whole[: len(whole) // 2])
    first = ingest(context, parts, file)
    assert len(first.bad) == 1
    assert 1000 < first.raws < 2000
    file.write_bytes(whole)
    second = ingest(context, parts, file)
    assert not second.bad
    assert first.raws + second.raws in (3000, 3001)  # the line at the break comes again, whole


def test_a_file_that_only_begins_alike_is_another_and_read_whole(
    context: Context, parts: Parts, tmp_path: Path
) -> None:
    one, other = tmp_path / "one.log", tmp_path / "other.log"
    write(one, 40)
    write(other, 39)
    with other.open("a") as out:
        out.write(LINE.format(59))
    ingest(context, parts, one)
    assert ingest(context, parts, other).raws == 40


def test_a_file_that_begins_with_all_of_another_is_another(context: Context, parts: Parts, tmp_path: Path) -> None:
    one, other = tmp_path / "one.log", tmp_path / "b" / "other.log"
    other.parent.mkdir()
    write(one, 1)
    write(other, 2)
    assert ingest(context, parts, one).raws == 1
    assert ingest(context, parts, other).raws == 2
    copy = tmp_path / "copy.log"
    copy.write_bytes(one.read_bytes())
    assert ingest(context, parts, copy).unchanged == [str(copy)]
    for file, start in ((one, 3), (other, 4)):
        write(file, 1, start)
        assert ingest(context, parts, file).raws == 1


def test_a_rotated_file_that_has_grown_adds_only_its_new_lines(context: Context, parts: Parts, tmp_path: Path) -> None:
    now, rotated, packed = (tmp_path / name for name in ("access.log", "access.log.1", "access.log.2.gz"))
    write(now, 20)
    assert ingest(context, parts, now).raws == 20
    rotated.write_bytes(now.read_bytes())  # kept beside it, or copied from day to day
    write(rotated, 20, 20)
    assert ingest(context, parts, rotated).raws == 20
    packed.write_bytes(gzip.compress(rotated.read_bytes()))
    assert ingest(context, parts, packed).unchanged == [str(packed)]
    write(now, 20, 20)
    write(now, 1, 50)
    assert ingest(context, parts, now).raws == 1
    assert count(context) == 41


def test_two_logs_with_one_header_are_both_read_whole(context: Context, parts: Parts, tmp_path: Path) -> None:
    header = (
        "#Software: Microsoft Internet Information Services 10.0\r\n#Version: 1.0\r\n#Date: 2026-11-25 00:00:00\r\n"
        "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port c-ip cs(User-Agent) sc-status\r\n"
    )
    one, other = tmp_path / "W3SVC1.log", tmp_path / "W3SVC2.log"
    one.write_text(header)
    assert ingest(context, parts, one).raws == 4
    other.write_text(header + "2026-11-25 00:00:01 10.0.0.1 GET / - 80 10.0.0.9 curl 200\r\n")
    assert ingest(context, parts, other).raws == 5


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_a_torn_archive_of_what_was_read_stops_nothing(
    context: Context, parts: Parts, tmp_path: Path, kind: str
) -> None:
    whole, torn, last = tmp_path / "a.log", tmp_path / f"b.{kind}", tmp_path / "c.log"
    whole.write_bytes(os.urandom(300_000).hex(" ", 40).replace(" ", "\n").encode())
    assert not ingest(context, parts, whole).bad
    packed = gzip.compress(whole.read_bytes()) if kind == "gz" else zstandard.compress(whole.read_bytes())
    torn.write_bytes(packed[: len(packed) // 2])
    write(last, 2)
    run = Ingest(context, parts, source=None, parser=None, again=False)
    for file in (torn, last):
        run.take(str(file), lambda count: None)
    result = run.finish()
    assert [str(error.place) for error in result.bad] == [str(torn)]
    assert (result.files, result.raws > 1000) == (2, True), "what can be read is read, and the other file, too"


def test_the_same_lines_of_another_source_are_others(context: Context, parts: Parts, tmp_path: Path) -> None:
    file = tmp_path / "x.log"
    write(file, 2)
    assert ingest(context, parts, file, source="A").raws == 2
    assert ingest(context, parts, file, source="A").raws == 0
    assert ingest(context, parts, file, source="B").raws == 2


def test_files_with_one_head_go_on_each_at_its_own_place(context: Context, parts: Parts, tmp_path: Path) -> None:
    files = [tmp_path / "a.log", tmp_path / "b.log"]
    for n, file in enumerate(files):
        write(file, 40)
        write(file, 20, 20 * n)
        assert ingest(context, parts, file).raws == 60
    for file in files:
        assert ingest(context, parts, file).raws == 0
        write(file, 1, 50)
        assert ingest(context, parts, file).raws == 1


def test_what_follows_a_rotated_file_may_begin_as_it_did(context: Context, parts: Parts, tmp_path: Path) -> None:
    file = tmp_path / "app.log"
    write(file, 1)
    ingest(context, parts, file)
    rotated = file.rename(tmp_path / "app.log.1")
    write(rotated, 1, 1)
    assert ingest(context, parts, rotated).raws == 1
    write(file, 1)
    write(file, 1, 30)
    assert ingest(context, parts, file).raws == 2


def test_a_name_that_is_no_text(context: Context, parts: Parts, tmp_path: Path) -> None:
    file = tmp_path / os.fsdecode(b"t\xean.log")
    write(file, 1)
    assert ingest(context, parts, file).raws == 1
    assert ingest(context, parts, file).raws == 0
    assert context.store.search(Query()).events[0]["kydai.source"] == "file:t\\xean.log"


def test_a_run_hands_its_correlations_over_and_clears_its_spool_away(
    context: Context, parts: Parts, tmp_path: Path
) -> None:
    write(tmp_path / "a.log", 1)
    ingest(context, parts, tmp_path / "a.log")
    assert list(context.settings.spool_folder.iterdir()) == []
    with context.database.read() as session:
        assert [o.kind for o in session.scalars(select(Outbox))].count("replay_end") == 1


class Killed(BaseException):
    pass


@pytest.mark.parametrize("at_step", [1, 2, 3])
def test_a_killed_run_is_taken_up_and_nothing_is_lost_or_doubled(
    context: Context, parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_step: int
) -> None:
    monkeypatch.setattr("kydai.ingesting.CHUNK", 4)
    file = tmp_path / "a.log"
    write(file, 10)
    steps = 0
    real = Pipeline.step

    def step(self: Pipeline, *args: object, **kwargs: object) -> int:
        nonlocal steps
        steps += 1
        if steps == at_step:
            raise Killed
        return real(self)

    monkeypatch.setattr(Pipeline, "step", step)
    run = Ingest(context, parts, source=None, parser=None, again=False)
    with pytest.raises(Killed):
        run.take(str(file), lambda count: None)
    run.spool.close()
    monkeypatch.setattr(Pipeline, "step", real)
    assert take_up(context, parts) == 1
    ingest(context, parts, file)
    assert count(context) == 10
    with context.database.read() as session:
        assert [f.offset for f in session.scalars(select(IngestedFile))] == [file.stat().st_size]


@pytest.mark.parametrize("killed_in", ["shutil.rmtree", "_forget_gone"])
def test_a_run_that_was_killed_at_its_very_end_counts_nothing_again(
    context: Context, parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_in: str
) -> None:
    def die(*args: object, **kwargs: object) -> None:
        raise Killed

    write(tmp_path / "a.log", 10)
    with monkeypatch.context() as patched:
        patched.setattr(f"kydai.ingesting.{killed_in}", die)
        with pytest.raises(Killed):
            ingest(context, parts, tmp_path / "a.log")
    later = StillClock(context.clock.now() + WAITED + SECOND)
    assert not undrained(context.settings.spool_folder, context.database, later, Span())
    assert take_up(context, parts) == (killed_in == "shutil.rmtree")
    ingest(context, parts, tmp_path / "a.log")
    (balance,) = balances(context).values()
    assert {k: n for k, n in balance.raws.items() if n} == {"received": 10, "parsed": 10}
    assert list(context.settings.spool_folder.iterdir()) == []
    with context.database.read() as session:
        assert session.scalars(select(SpoolPosition)).all() == []


@pytest.mark.parametrize("killed_in", ["", "append", "write", "close_run"])
def test_datagrams_whose_template_is_in_no_file_are_given_up_once(
    context: Context, parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_in: str
) -> None:
    lone, file = v9(flowset(300, bytes(8)), sequence=2), tmp_path / "x.pcap"
    both = v9(v9_template(256, BASIC), flowset(256, basic_record()), flowset(257, bytes(8)), sequence=1)
    file.write_bytes(pcap(101, ip_packet(both), ip_packet(lone)))
    run = Ingest(context, parts, source=None, parser=None, again=False)
    run.take(str(file), lambda count: None)
    (balance,) = balances(context).values()
    assert {k: n for k, n in balance.raws.items() if n} == {"received": 2, "waiting": 2}

    def die(*args: object, **kwargs: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        if killed_in == "append":
            patched.setattr(type(context.store), "append", die)
        elif killed_in == "write":  # behind step 1
            patched.setattr(FlowStage, "save", die)
        elif killed_in:
            patched.setattr("kydai.ingesting.close_run", die)
        if killed_in:
            with pytest.raises(Killed):
                run.finish()
            run.spool.close()
        else:
            assert run.finish().without_template == 1
    assert take_up(context, parts) == bool(killed_in)
    (balance,) = balances(context).values()
    assert balance.holds
    assert {k: n for k, n in balance.raws.items() if n} == {"received": 2, "parsed": 1, "ignored": 1}
    assert balance.reasons[("raws", "ignored", "no template")] == 1
    assert dict(balance.events) == {"made": 1, "stored": 1}
    assert count(context) == 1


def test_a_record_that_is_being_joined_outlives_a_kill(
    context: Context, parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kydai.ingesting.CHUNK", 3)
    file = tmp_path / "audit.log"
    with file.open("w") as out:
        for n in range(12):
            head = f"msg=audit(1764000000.123:{n}):"
            out.write(f"type=SYSCALL {head} arch=c000003e syscall=59\n")
            out.writelines(LINE.format(n) for _ in range(3))
            out.write(f'type=EXECVE {head} argc=1 a0="sh"\ntype=EOE {head} \n')
    real = Pipeline.step
    steps = 0

    def step(self: Pipeline, *args: object, **kwargs: object) -> int:
        nonlocal steps
        steps += 1
        if steps == 4:
            raise Killed
        return real(self)

    monkeypatch.setattr(Pipeline, "step", step)
    run = Ingest(context, parts, source=None, parser=None, again=False)
    with pytest.raises(Killed):
        run.take(str(file), lambda count: None)
    run.spool.close()
    monkeypatch.setattr(Pipeline, "step", real)
    take_up(context, parts)
    ingest(context, parts, file)
    assert count(context) == 12 * 4
    joined = context.store.search(Query(), limit=100).events
    assert sum("EXECVE" in str(e["event.original"]) and "SYSCALL" in str(e["event.original"]) for e in joined) == 12


def test_a_bad_file_does_not_stop_the_others(context: Context, parts: Parts, tmp_path: Path) -> None:
    (tmp_path / "bad.gz").write_bytes(b"\x1f\x8b\x08\x00junk")
    write(tmp_path / "good.log", 2)
    run = Ingest(context, parts, source="kho", parser=None, again=False)
    for name in ("bad.gz", "good.log"):
        run.take(str(tmp_path / name), lambda count: None)
    result = run.finish()
    assert (result.raws, len(result.bad)) == (2, 1)
    assert context.store.search(Query()).events[0]["kydai.source"] == "file:kho"


def logged(name: str) -> bytes:
    return (sample("evtx-attack") / name).read_bytes()


def put(file: Path, data: bytes) -> Path:
    file.write_bytes(data)
    return file


def held(chunks: list[bytes]) -> int:
    """Records in these chunks, as their headers say."""
    return sum(int.from_bytes(c[32:40], "little") - int.from_bytes(c[24:32], "little") + 1 for c in chunks)


@pytest.mark.parametrize(
    ("name", "states"),
    [
        pytest.param(WHOLE, [60, 200, 565], id="no record missing"),
        pytest.param(FILTERED, [1, 40, 87], id="records left out by a filter"),
    ],
)
def test_a_windows_log_that_has_grown_adds_only_its_new_records(
    context: Context, parts: Parts, tmp_path: Path, name: str, states: list[int]
) -> None:
    data, read = logged(name), 0
    for turn, records in enumerate(states):
        # exported to the same file or to another: the records are the same ones
        file = put(tmp_path / f"export-{turn // 2}.evtx", earlier(data, records))
        assert ingest(context, parts, file).raws == records - read
        assert ingest(context, parts, file).unchanged == [str(file)]
        read = records
    assert count(context) == states[-1]
    assert ingest(context, parts, file, again=True).raws == states[-1]
    assert ingest(context, parts, file).raws == 0
    assert ingest(context, parts, file, source="other").raws == states[-1]


def test_a_full_windows_log_that_dropped_its_oldest_adds_only_its_new_records(
    context: Context, parts: Parts, tmp_path: Path
) -> None:
    data = logged(WHOLE)
    used, file = chunks(data), tmp_path / "Security.evtx"
    assert ingest(context, parts, put(file, ring(data, used[:4], 0))).raws == held(used[:4])
    # the fifth and sixth chunk stand where the first and second stood
    assert ingest(context, parts, put(file, ring(data, [*used[4:6], *used[2:4]], 0))).raws == held(used[4:6])
    assert ingest(context, parts, put(file, ring(data, used[4:8], 0))).raws == held(used[6:8])
    # all that was read is gone from it
    assert ingest(context, parts, put(file, ring(data, used[9:11], 0))).raws == held(used[9:11])
    seen = [number(str(e["event.original"]).encode()) for e in context.store.search(Query(), limit=1000).events]
    assert len(seen) == len(set(seen))


def test_a_filtered_windows_log_hides_nothing_of_the_whole_one(context: Context, parts: Parts, tmp_path: Path) -> None:
    data = logged(WHOLE)
    used, file = chunks(data), tmp_path / "Security.evtx"
    assert ingest(context, parts, put(file, ring(data, [used[0], used[2]], 0))).raws == held([used[0], used[2]])
    assert ingest(context, parts, put(file, ring(data, used[:3], 0))).raws == held(used[:3])
