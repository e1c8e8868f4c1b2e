"""What a file is packed in comes off, in bounds; what is cut off is an error behind all that could be read."""

from __future__ import annotations

import codecs
import gzip
import io

import pytest
import zstandard

from collectors.unpacking import BREAKS, HEAD_BYTES, PART, archive, head, unpacked

TEXT = "".join(f"{n}: Sở Y tế 😀\r\n" for n in range(PART))
PLAIN = TEXT.encode()


def utf16(text: str, order: str = "le") -> bytes:
    return ("\ufeff" + text).encode(f"utf-16-{order}", "surrogatepass")


@pytest.mark.parametrize(
    ("data", "plain"),
    [
        pytest.param(PLAIN, PLAIN, id="plain"),
        pytest.param(b"", b"", id="empty"),
        pytest.param(gzip.compress(PLAIN[:3000]) + gzip.compress(PLAIN[3000:]), PLAIN, id="gz"),
        pytest.param(zstandard.compress(PLAIN[:3000]) + zstandard.compress(PLAIN[3000:]), PLAIN, id="zst"),
        pytest.param(utf16(TEXT), codecs.BOM_UTF8 + PLAIN, id="utf-16-le"),
        pytest.param(utf16(TEXT, "be"), codecs.BOM_UTF8 + PLAIN, id="utf-16-be"),
        pytest.param(gzip.compress(utf16(TEXT)), codecs.BOM_UTF8 + PLAIN, id="utf-16 in gz"),
        pytest.param(utf16("a\ud800b"), b"\xef\xbb\xbfa\xed\xa0\x80b", id="half a pair"),
    ],
)
def test_what_is_inside(data: bytes, plain: bytes) -> None:
    stream = unpacked(io.BytesIO(data))
    assert head(stream) == plain[:HEAD_BYTES]
    assert stream.read() == plain


TWO_FRAMES = zstandard.compress(PLAIN[:3000]) + zstandard.compress(PLAIN[3000:])


@pytest.mark.parametrize("data", [gzip.compress(PLAIN), TWO_FRAMES, utf16(TEXT)], ids=["gz", "zst", "utf-16"])
def test_what_is_cut_off_gives_what_it_has_and_then_an_error(data: bytes) -> None:
    stream, got = unpacked(io.BytesIO(data[: len(data) // 4 * 2 + 1])), b""
    with pytest.raises(BREAKS):
        while part := stream.read1(100):
            got += part
    assert got.removeprefix(codecs.BOM_UTF8)
    assert PLAIN.startswith(got.removeprefix(codecs.BOM_UTF8))


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"PK\x03\x04\x14\0", "zip"), (b"\xfd7zXZ\0\0", "xz"), (b"BZh91AY&SY", "bzip2"), (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"Rar!\x1a\x07\x01", "rar"), (b"a.log".ljust(257, b"\0") + b"ustar\x0000", "tar"), (b"PK is said", ""),
        (b"", ""),
    ],
)  # fmt: skip
def test_archives_that_are_not_read_are_named(start: bytes, kind: str) -> None:
    assert archive(start) == kind
