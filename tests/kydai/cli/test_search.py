"""Search answers in tables, JSON and files, and every search is in the journal."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import orjson
import pytest
from openpyxl import load_workbook

from core.store import segments_group, segments_read
from core.store.contract import Count, Truth
from kydai.cli import search
from kydai.cli.main import INCOMPLETE
from tests.kydai.cli.conftest import LINE, Run


@pytest.fixture
def filled(kydai: Run, log: Path) -> Run:
    kydai("ingest", str(log))
    return kydai


ALL = ("--from", "2020-01-01")


def test_events_as_json_lines_newest_first(filled: Run) -> None:
    found = filled("search", "source.ip: 203.0.113.0/24", *ALL, "--json").documents
    times = [e["@timestamp"] for e in found]
    assert len(times) == 3
    assert times == sorted(times, reverse=True)
    assert found[0]["user.name"] == "root"


def test_a_very_long_value_is_cut_in_a_table_and_says_so(kydai: Run, tmp_path: Path) -> None:
    (tmp_path / "x.log").write_text("y" * 100_000 + "\n")
    kydai("ingest", str(tmp_path / "x.log"))
    ran = kydai("search", "*", *ALL, "--fields", "event.original")
    assert "98,000 more characters" in " ".join(ran.out.split())
    assert len(ran.out) < 5_000
    assert (
        len(kydai("search", "*", *ALL, "--fields", "event.original", "--json").documents[0]["event.original"])
        == 100_000
    )


def test_a_table_with_chosen_fields_and_a_limit(filled: Run) -> None:
    ran = filled("search", "sshd", *ALL, "--fields", "user.name,source.ip", "--limit", "2")
    assert ran.out.split() == ["user.name", "source.ip", "root", "203.0.113.5", "root", "203.0.113.5"]
    assert "3" in ran.err, "it says how many there are in all"


@pytest.mark.parametrize("asked", [("sshd", "--count"), ("sshd | count",), ("sshd", "--limit", "1")])
def test_a_terminal_is_told_how_far_a_long_count_is(
    filled: Run, monkeypatch: pytest.MonkeyPatch, asked: tuple[str, ...]
) -> None:
    assert "Counting" not in filled("search", *asked, *ALL).err
    monkeypatch.setenv("FORCE_COLOR", "1")  # standard error is a terminal, says rich
    monkeypatch.setattr(search, "LONG_SECONDS", 60)
    assert "Counting" not in filled("search", *asked, *ALL).err
    monkeypatch.setattr(search, "LONG_SECONDS", 0)
    ran = filled("search", *asked, *ALL)
    assert "Counting… 100 % · at least 3 events" in ran.err
    assert "Counting" not in ran.out


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".json", ".jsonl"])
def test_files(filled: Run, suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"out{suffix}"
    assert filled("search", "sshd", *ALL, "-o", str(file)).status == 0
    data = file.read_bytes()
    if suffix == ".csv":
        assert data.startswith(b"\xef\xbb\xbf")
        rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
        assert rows[0][:2] == ["Time (Asia/Ho_Chi_Minh)", "Time (UTC)"]
        assert [row[0][:6] for row in rows[1:4]] == ["25/11/"] * 3
        assert rows[4][0] == "End: 3 rows, as many as the query counts."
        assert filled("evidence", "verify", str(file)).status == 0
    elif suffix == ".xlsx":
        assert load_workbook(io.BytesIO(data)).active.max_row == 5  # type: ignore[union-attr]  # it has a sheet
    elif suffix == ".json":
        assert len(orjson.loads(data)) == 3
    else:
        assert len(data.splitlines()) == 3


def test_an_incomplete_answer_says_what_is_missing_and_what_to_do(filled: Run, tmp_path: Path) -> None:
    for file in (tmp_path / "data" / "store").rglob("*.parquet"):
        file.write_bytes(file.read_bytes()[:-100])
    ran = filled("search", "sshd", *ALL)
    assert ran.status == 3
    assert "INCOMPLETE: Part of the data is quarantined as damaged" in ran.err
    assert "kydai store verify --mend" in ran.err
    again = filled("search", "sshd", *ALL, "--count", "--json")
    assert (again.status, again.documents[0]["complete"]) == (3, False)
    assert again.err.count("kydai store verify --mend") == 1


def test_what_is_missing_does_not_end_the_pages(filled: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    more = tmp_path / "more.log"
    more.write_text("<38>Nov 25 09:00:00 web02 sshd[8]: Failed password for an from 203.0.113.6 port 1 ssh2\n")
    before = set((tmp_path / "data" / "store").rglob("*.parquet"))
    filled("ingest", str(more))
    (lost,) = set((tmp_path / "data" / "store").rglob("*.parquet")) - before
    lost.write_bytes(lost.read_bytes()[:-100])
    monkeypatch.setattr(search, "PAGE", 1)
    ran = filled("search", "sshd", *ALL, "--json")
    assert (ran.status, len(ran.documents)) == (3, 3)
    assert ran.err.count("quarantined as damaged") == 1


def test_what_only_the_count_behind_a_cut_answer_lacked_is_told(
    filled: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (damaged,) = (tmp_path / "data" / "store").rglob("*.parquet")
    later = tmp_path / "later.log"
    later.write_text("".join(LINE.format(n).replace("08:00", "09:00") for n in range(3)))
    filled("ingest", str(later))
    damaged.write_bytes(b"\xff" * damaged.stat().st_size)
    monkeypatch.setattr(segments_read, "_FIRST_ROWS", 1)  # the rows come from the newest file, and no other is read
    ran = filled("search", "user.name: r*t", *ALL, "--limit", "2")
    assert ran.status == INCOMPLETE
    assert "2 of at least 3 are shown; more with --limit" in ran.err
    assert "INCOMPLETE: Part of the data is quarantined as damaged" in ran.err
    assert "At least 3 events match." in filled("search", "user.name: r*t", *ALL, "--count").out


def test_a_total_that_is_not_exact_is_the_least(filled: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_count", lambda *_: Count(3, Truth(exact=False)))
    ran = filled("search", "sshd", *ALL, "--count")
    assert (ran.status, ran.out) == (INCOMPLETE, "At least 3 events match.\n")


def test_an_unknown_kind_of_file_is_refused(filled: Run, tmp_path: Path) -> None:
    assert filled("search", "sshd", *ALL, "-o", str(tmp_path / "x.doc")).status == 2


@pytest.mark.parametrize("wrong", [("*", "--from", "now", "--to", "now-1h"), ("a:[5 TO 1]",), ('source.ip: "::/200"',)])
def test_what_can_find_nothing_is_refused(filled: Run, wrong: tuple[str, ...]) -> None:
    ran = filled("search", *wrong)
    assert (ran.status, ran.out) == (2, "")


def test_nothing_found_is_said_and_is_no_failure(filled: Run) -> None:
    ran = filled("search", "nobody_says_this", *ALL)
    assert (ran.status, ran.out) == (0, "")
    assert ran.err


def test_a_wrong_query_points_at_the_place(filled: Run) -> None:
    ran = filled("search", 'message: "open', *ALL)
    assert ran.status == 2
    assert "^" in ran.err


@pytest.mark.parametrize("more", [(), ("--count",), ("--json",), ("--count", "--json")])
def test_a_field_that_nothing_has_is_named_with_what_may_have_been_meant(filled: Run, more: tuple[str, ...]) -> None:
    ran = filled("search", "sorce.ip: 203.0.113.5", *ALL, *more)
    assert ran.status == 0
    assert "sorce.ip" in ran.err
    assert "source.ip" in ran.err
    assert "sorce.ip" not in ran.out
    assert "source.ip" not in filled("search", "source.ip: 203.0.113.5", *ALL, *more).err


@pytest.mark.parametrize("more", [(), ("--json",), ("-o", "cut.jsonl")])
def test_an_answer_that_is_cut_says_so(
    filled: Run, more: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "2 of 3" in filled("search", "sshd", *ALL, *more, "--limit", "2").err
    assert " of 3" not in filled("search", "sshd", *ALL, *more, "--limit", "3").err


def test_groups_in_a_table_and_as_json(filled: Run) -> None:
    ran = filled("search", "sshd | count by user.name, source.ip | sort -count", *ALL)
    assert ran.status == 0
    assert ran.out.split()[:3] == ["user.name", "source.ip", "count"]
    documents = filled("search", "sshd | top 1 user.name", *ALL, "--json").documents
    assert documents == [{"user.name": "root", "count": 3}]


def test_groups_that_are_not_all_say_how_large_the_others_are(filled: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments_group, "MAX_GROUPS", 1)
    ran = filled("search", "* | count by event.original", *ALL)
    assert ran.status == INCOMPLETE
    assert "Events in any of those left out: at most 1." in ran.err


def test_a_chart_of_time_has_bars(filled: Run) -> None:
    ran = filled("search", "sshd | timechart 1d", *ALL, "--to", "now")
    counted = [line for line in ran.out.splitlines() if "█" in line]
    assert ran.status == 0
    assert counted
    (document,) = [d for d in filled("search", "sshd | timechart 1d", *ALL, "--json").documents if d["count"]]
    assert document["time"].endswith("Z")


@pytest.mark.parametrize("suffix", ["--json", ".csv", ".xlsx", ".json", ".jsonl"])
def test_a_sum_of_more_bits_than_a_number_of_json_has(kydai: Run, suffix: str, tmp_path: Path) -> None:
    line = (
        "<4>Nov 25 08:00:0{} fw01 kernel: IN=eth0 OUT= SRC=203.0.113.5 DST=192.0.2.1 LEN=9000000000000000000 PROTO=TCP"
    )
    (tmp_path / "fw.log").write_text("".join(line.format(n) + " SPT=1 DPT=22\n" for n in range(3)))
    kydai("ingest", str(tmp_path / "fw.log"))
    query = ("search", "* | stats sum(network.bytes)", *ALL)
    if suffix == "--json":
        assert kydai(*query, "--json").documents == [{"sum(network.bytes)": 2.7e19}]
    else:
        assert kydai(*query, "-o", str(tmp_path / f"out{suffix}")).status == 0


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".json", ".jsonl"])
def test_groups_in_files(filled: Run, suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"out{suffix}"
    assert filled("search", "sshd | stats count, distinct(source.ip) by user.name", *ALL, "-o", str(file)).status == 0
    data = file.read_bytes()
    if suffix == ".csv":
        assert data.startswith(b"\xef\xbb\xbfuser.name,count,distinct(source.ip)\r\nroot,3,")
    elif suffix == ".xlsx":
        assert load_workbook(io.BytesIO(data)).active.max_row == 3  # type: ignore[union-attr]  # it has a sheet
    else:
        assert b'"distinct(source.ip)":' in data


def test_the_other_stages_shape_events(filled: Run) -> None:
    found = filled("search", "sshd | table @timestamp, user.name | sort @timestamp | limit 2", *ALL, "--json").documents
    assert [set(e) for e in found] == [{"@timestamp", "user.name"}] * 2
    assert found[0]["@timestamp"] < found[1]["@timestamp"]


def test_a_wrong_stage_is_shown_with_its_place(filled: Run) -> None:
    ran = filled("search", "sshd | count user.name", *ALL)
    assert ran.status == 2
    assert " ^\n" in ran.err
    assert filled("search", "sshd | count", "--count", *ALL).status == 2


def test_a_search_is_kept_and_run_by_its_name(filled: Run) -> None:
    question = ("user.name: root", *ALL, "--fields", "user.name")
    assert filled("search", *question, "--save", "Đăng nhập root").status == 0
    again = filled("search", "--saved", "Đăng nhập root")
    assert (again.status, again.out.split().count("root")) == (0, 3)
    assert filled("search", "--saved", "Đăng nhập root", "--count", "--json").documents[0]["count"] == 3
    assert filled("search", "--saved", "Đăng nhập root", "--from", "2999-01-01", "--count", "--json").status == 2
    assert filled("search", *question, "--save", "Đăng nhập root").status == 1, "the name is taken"
    missing = filled("search", "--saved", "dang nhap root")
    assert (missing.status, "near to it: Đăng nhập root" in " ".join(missing.err.split())) == (2, True)


def test_either_a_query_or_a_name_is_asked(filled: Run) -> None:
    assert filled("search").status == 2
    assert filled("search", "*", "--saved", "x").status == 2
