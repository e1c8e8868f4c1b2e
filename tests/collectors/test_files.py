"""Files of every kind are read in bounds, and reading goes on where it ended."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path

import pytest
import zstandard

from collectors.files import MAX_LINE, FileReader, fingerprint
from core.errors import BadInput
from core.event import FrameKind
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
    "text",
    [
        '{\n  "a": 1,\n  "b": "đ"\n}\n',
        '[{"a":1,"b":"đ"}]',
        '[\n  {"a": 1,\n "b": "đ"}\n]',
    ],
)
def test_json_spread_over_lines_is_read_by_documents(text: str, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    raws = list(FileReader(str(file)).raws())
    assert [r.data for r in raws] == ['{"a":1,"b":"đ"}'.encode()]
    assert list(FileReader(str(file)).raws(1)) == []
    file.write_text(text[:-2])
    with pytest.raises(BadInput, match="not JSON"):
        list(FileReader(str(file)).raws())
