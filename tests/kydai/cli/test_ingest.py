"""Files go in with a balance at the end."""

from __future__ import annotations

import os
from pathlib import Path

from tests.collectors.decoders.craft import flowset, ip_packet, pcap, v9
from tests.kydai.cli.conftest import Run


def test_a_file_in_and_found(kydai: Run, log: Path) -> None:
    ran = kydai("ingest", str(log), "--json")
    assert ran.status == 0, ran.err
    (told,) = ran.documents
    assert (told["files"], told["raws"], told["bad"]) == (1, 3, [])
    assert told["sources"]["file:auth.log"]["holds"]
    assert kydai("search", "sshd", "--from", "2020-01-01", "--count", "--json").documents[0]["count"] == 3


def test_a_second_run_says_that_nothing_is_new(kydai: Run, log: Path) -> None:
    kydai("ingest", str(log))
    ran = kydai("ingest", str(log), "--json")
    assert ran.documents[0]["raws"] == 0
    assert "nothing new" in ran.err or "không có gì mới" in ran.err


def test_unparsed_lines_and_bad_files_end_with_status_3(kydai: Run, tmp_path: Path) -> None:
    (tmp_path / "junk.bin").write_bytes(b"\xff\xfe\xfd nothing known\n")
    assert kydai("ingest", str(tmp_path / "junk.bin")).status == 3
    (tmp_path / "bad.gz").write_bytes(b"\x1f\x8b\x08junk")
    assert kydai("ingest", str(tmp_path / "bad.gz")).status == 3


def test_flows_without_their_template_are_said(kydai: Run, tmp_path: Path) -> None:
    (tmp_path / "x.pcap").write_bytes(pcap(101, ip_packet(v9(flowset(300, bytes(8))))))
    ran = kydai("ingest", str(tmp_path / "x.pcap"), "--json")
    (told,) = ran.documents
    assert (ran.status, told["without_template"]) == (3, 1)
    (source,) = told["sources"].values()
    assert source == {"raws": {"received": 1, "ignored": 1}, "events": {}, "holds": True}
    assert "--again" in ran.err


def test_what_a_folder_leaves_out_is_said(kydai: Run, log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    log.rename(folder / "auth.log")
    (folder / ".h.log").write_text("x")
    ran = kydai("ingest", str(folder), "--json")
    assert (ran.status, ran.documents[0]["hidden"], ran.documents[0]["bad"]) == (0, 1, [])
    assert "1 " in ran.err
    (folder / "linked").symlink_to(tmp_path)
    ran = kydai("ingest", str(folder), "--json")
    assert ran.status == 3
    assert [told.partition(": ")[0] for told in ran.documents[0]["bad"]] == [str(folder / "linked")]


def test_empty_files_are_said_and_archives_that_are_not_read_end_with_status_3(kydai: Run, tmp_path: Path) -> None:
    (tmp_path / "no.evtx").touch()
    ran = kydai("ingest", str(tmp_path / "no.evtx"), "--json")
    assert (ran.status, ran.documents[0]["empty"]) == (0, [str(tmp_path / "no.evtx")])
    assert "no.evtx: " in ran.err
    (tmp_path / "logs.zip").write_bytes(b"PK\x03\x04")
    ran = kydai("ingest", str(tmp_path / "logs.zip"), "--json")
    assert (ran.status, ran.documents[0]["raws"]) == (3, 0)
    assert "logs.zip: " in ran.err


def test_many_files_are_few_lines(kydai: Run, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for n in range(30):
        (folder / f"{n}.log").write_text(f"Nov 25 08:00:00 web{n} sshd[7]: x\n")
        (folder / f"link{n}").symlink_to("nowhere")
    kydai("ingest", str(folder))
    ran = kydai("ingest", str(folder), "--json")
    assert len(ran.err.splitlines()) < 15
    assert (len(ran.documents[0]["unchanged"]), len(ran.documents[0]["bad"])) == (30, 30)


def test_an_unknown_parser_and_a_missing_file_are_wrong_usage(kydai: Run, log: Path) -> None:
    ran = kydai("ingest", str(log), "--parser", "nonsense")
    assert ran.status == 2
    assert "linux_auth" in ran.err, "the parsers there are"
    assert kydai("ingest", "/nowhere/at/all").status == 2


def test_what_a_command_prints_is_read_through_a_pipe(kydai: Run, log: Path) -> None:
    for _ in range(2):  # what a pipe gives is never known again
        reading, writing = os.pipe()
        os.write(writing, log.read_bytes())
        os.close(writing)
        ran = kydai("ingest", f"/dev/fd/{reading}", "--json")  # as a shell's <(command) names it
        os.close(reading)
        assert (ran.status, ran.documents[0]["raws"]) == (0, 3), ran.err
        assert list(ran.documents[0]["sources"]) == ["file:stdin"]
