"""Files of every kind are read in bounds, and reading goes on where it ended."""

from __future__ import annotations

import contextlib
import gzip
import io
import sys
from pathlib import Path

import pytest
import zstandard

from collectors.files import HELD_FOR, MAX_LINE, FileReader, fingerprint
from collectors.parsers.iis import LAYOUTS
from core.errors import BadInput
from core.event import FrameKind
from tests.collectors.decoders.craft import ip_packet, pcap, v5
from tests.samples import sample

LINES = [f"dòng {i} sshd[{i}]: x".encode() for i in range(500)]
PLAIN = b"\n".join(LINES) + b"\n"


def compressed(kind: str) -> bytes:
    if kind == "gz":
        return gzip.compress(PLAIN[:3000]) + gzip.compress(PLAIN[3000:])
    if kind == "zst":
        packer = zstandard.ZstdCompressor()
        return packer.compress(PLAIN[:3000]) + packer.compress(PLAIN[3000:])
    return PLAIN


@pytest.mark.parametrize("kind", ["plain", "gz", "zst"])
def test_lines_of_plain_and_compressed_files(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(compressed(kind))
    raws = list(FileReader(str(file)).raws())
    assert [r.data for r in raws] == LINES
    half = raws[250]
    again = FileReader(str(file))
    assert [r.data for r in again.raws(half.position)] == LINES[251:]
    tail = FileReader(str(file)).tail_before(half.position)
    reader = FileReader(str(file))
    stream = reader.raws()
    for _ in range(251):
        next(stream)
    assert tail is not None
    assert fingerprint(tail) == fingerprint(reader.tail)
    assert FileReader(str(file)).tail_before(len(PLAIN) + 1) is None


def test_a_line_beyond_the_bound_is_cut_off_with_the_reason_and_the_rest_is_read(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"before\n" + b"x" * (MAX_LINE + 100) + b"\nafter\n")
    raws = list(FileReader(str(file)).raws())
    assert [(r.data[:6], r.reason) for r in raws] == [(b"before", ""), (b"xxxxxx", "too_long"), (b"after", "")]
    assert raws[-1].position == file.stat().st_size


@pytest.mark.parametrize(
    ("more", "then"),
    [(b"tail\nnext\n", [b"half tail", b"next"]), (b"\nnext\n", [b"next"]), (b"\r\n", []), (b"", [])],
)
def test_a_line_that_was_being_written_comes_again_whole(more: bytes, then: list[bytes], tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"one\nhalf ")
    first = list(FileReader(str(file)).raws())
    assert [r.data for r in first] == [b"one", b"half "]
    file.write_bytes(b"one\nhalf " + more)
    assert [r.data for r in FileReader(str(file)).raws(first[-1].position)] == then


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(PLAIN)[:-20],
        zstandard.ZstdCompressor().compress(PLAIN)[:200] + b"junk" * 20,
        b"ElfFile\0" + b"\1" * 5000,
    ],
    ids=["gz", "zst", "evtx"],
)
def test_a_broken_file_is_one_clear_error(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(data)
    with pytest.raises(BadInput, match="x: "):
        list(FileReader(str(file)).raws())
    with pytest.raises(BadInput, match="x: "):
        FileReader(str(file)).tail_before(1 << 20)


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(PLAIN)

    monkeypatch.setattr(sys, "stdin", Stdin)
    assert [r.data for r in FileReader("-").raws()] == LINES


def test_evtx_records_and_flow_datagrams(tmp_path: Path) -> None:
    evtx = next(sample("evtx-attack").rglob("*.evtx"))
    raws = list(FileReader(str(evtx)).raws())
    assert raws
    assert all(r.data.startswith(b"{") for r in raws)
    assert [r.data for r in FileReader(str(evtx)).raws(1)] == [r.data for r in raws[1:]]
    cut = tmp_path / "cut.evtx"
    cut.write_bytes(evtx.read_bytes()[:-1])
    with pytest.raises(BadInput, match="not a whole EVTX"):
        list(FileReader(str(cut)).raws())
    flows = list(FileReader(str(sample("flows/vendor-datagrams/netflow5_test_juniper_mx80.dat"))).raws())
    assert [r.kind for r in flows] == [FrameKind.FLOW]


@pytest.mark.parametrize(
    ("payloads", "cut", "said"),
    [
        ([v5(), b"dns"], 0, ""),
        ([v5(), v5()], 10, "1 packet cannot be read"),
        ([b"dns", b"dns"], 0, "holds 2 packets"),
        ([], 0, "holds 0 packets"),
    ],
)
def test_a_capture_says_what_of_it_is_lost_or_that_it_holds_no_flows(
    payloads: list[bytes], cut: int, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "x.pcap"
    got: list[FrameKind] = []
    data = pcap(101, *map(ip_packet, payloads))
    file.write_bytes(data[: len(data) - cut])
    with pytest.raises(BadInput, match=said) if said else contextlib.nullcontext():
        got.extend(raw.kind for raw in FileReader(str(file)).raws())
    assert got == [FrameKind.FLOW] * (v5() in payloads)


def test_an_archive_of_another_kind_is_named(tmp_path: Path) -> None:
    file = tmp_path / "logs.zip"
    file.write_bytes(b"PK\x03\x04\x14\0")
    with pytest.raises(BadInput, match="zip"):
        FileReader(str(file))


@pytest.mark.parametrize(
    ("data", "documents"),
    [
        pytest.param('{\n  "a": 1,\n  "b": "đ"\n}\n'.encode(), ['{\n  "a": 1,\n  "b": "đ"\n}'.encode()], id="one"),
        pytest.param(b'[{"a":1.50},{"b": [1, {}]}]', [b'{"a":1.50}', b'{"b": [1, {}]}'], id="list"),
        pytest.param(b'[\n  {"a": 1},\n  {"b": 2}\n]\n[{"c":3}]', [b'{"a": 1}', b'{"b": 2}', b'{"c":3}'], id="lists"),
        pytest.param(b'\xef\xbb\xbf[\n{"a": "\xff\xed\xa0\x80"}]', [b'{"a": "\xff\xed\xa0\x80"}'], id="no UTF-8"),
    ],
)
def test_json_spread_over_lines_is_read_by_documents_as_they_stand(
    data: bytes, documents: list[bytes], tmp_path: Path
) -> None:
    file = tmp_path / "x.json"
    file.write_bytes(data)
    assert [r.data for r in FileReader(str(file)).raws()] == documents
    assert [r.data for r in FileReader(str(file)).raws(1)] == documents[1:]
    for broken in (data.rstrip()[:-1], b"[\n" + b"1" * 5000, b"[\n" * 100_000):
        file.write_bytes(broken)
        with pytest.raises(BadInput, match="JSON"):
            list(FileReader(str(file)).raws())


def audit(serial: int, *kinds: str) -> list[bytes]:
    return [f"type={kind} msg=audit(1764000000.123:{serial}): x".encode() for kind in kinds]


def test_a_place_to_go_on_from_is_not_behind_lines_that_are_held(tmp_path: Path) -> None:
    lines = [
        *audit(1, "SYSCALL"), b"between", *audit(1, "EXECVE", "EOE"), b"after", *audit(2, "SYSCALL"), *audit(3, "PATH")
    ]  # fmt: skip
    file = tmp_path / "x"
    file.write_bytes(b"\n".join(lines) + b"\n")
    raws = list(FileReader(str(file)).raws())
    assert [(r.data.count(b"\n"), r.is_behind) for r in raws] == [
        (0, True), (1, False), (0, False), (0, True), (0, False),
    ]  # fmt: skip


def test_there_is_a_place_to_go_on_from_though_records_never_end(tmp_path: Path) -> None:
    lines = [line for n in range(5 * HELD_FOR) for line in audit(n, "SYSCALL", "EXECVE")]
    file = tmp_path / "x"
    file.write_bytes(b"\n".join(lines) + b"\n")
    raws = list(FileReader(str(file)).raws())
    assert {r.data.count(b"\n") for r in raws} == {1}, "no record is cut"
    safe = [n for n, r in enumerate(raws) if not r.is_behind]
    assert max(b - a for a, b in zip([0, *safe], safe, strict=False)) <= HELD_FOR
    middle = raws[safe[1]]
    again = [r.data for r in FileReader(str(file)).raws(middle.position)]
    assert again == [r.data for r in raws[safe[1] + 1 :]]


def test_what_is_held_is_given_before_a_file_breaks_off(tmp_path: Path) -> None:
    file = tmp_path / "x.gz"
    whole = gzip.compress(b"\n".join([*audit(1, "SYSCALL", "EXECVE"), b"y" * 5000]), 0)
    file.write_bytes(whole[:3000])
    got = []
    with pytest.raises(BadInput):
        for raw in FileReader(str(file)).raws():
            got.append(raw)
    assert b"\n".join(audit(1, "SYSCALL", "EXECVE")) in [r.data for r in got]
    assert not got[-1].is_behind


CUSTOM = b"#Fields: date time c-ip cs-method cs-uri-stem sc-status"
ROWS = [b"2026-11-25 01:26:0%d 192.0.2.7 GET /a 200" % n for n in range(3)]


def test_the_columns_of_a_w3c_log_go_with_its_lines(tmp_path: Path) -> None:
    file = tmp_path / "u_ex.log"
    file.write_bytes(b"\n".join([b"#Software: x", CUSTOM, *ROWS]) + b"\n")
    raws = list(FileReader(str(file)).raws())
    assert [r.data for r in raws] == [b"#Software: x", CUSTOM, *(CUSTOM + b"\n" + row for row in ROWS)]
    assert [r.data for r in FileReader(str(file)).raws(raws[2].position)] == [r.data for r in raws[3:]]
    text = "\ufeff" + b"\n".join([CUSTOM, *ROWS]).decode()
    for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
        file.write_bytes(text.encode(encoding))
        assert [r.data for r in FileReader(str(file)).raws()][1:] == [CUSTOM + b"\n" + row for row in ROWS]
    usual = b"#Fields: " + " ".join(LAYOUTS[0]).encode()
    file.write_bytes(b"\n".join([CUSTOM, usual, *ROWS]) + b"\n")
    assert [r.data for r in FileReader(str(file)).raws()] == [CUSTOM, usual, *ROWS]
