"""Bodies are bounded, lines sorted into what is taken and what is not, and any bytes get an answer."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import intake
from api.errors import TooLarge, WrongKind
from api.resends import Met
from core.errors import BadInput
from core.event import FrameKind


def read(data: bytes, encoding: str = "", size: int = 1000) -> bytes:
    async def parts() -> AsyncIterator[bytes]:
        for at in range(0, len(data), size):
            yield data[at : at + size]

    return asyncio.run(intake.read_body(parts(), encoding))


def test_plain_and_gzip_bodies_in_any_parts() -> None:
    text = b"".join(b'{"message":"line %d"}\n' % i for i in range(500))
    twice = gzip.compress(text[:5000]) + gzip.compress(text[5000:])
    for size in (1, 7, 1 << 20):
        assert read(text, "", size) == text
        assert read(gzip.compress(text), "gzip", size) == text
        assert read(twice, "gzip", size) == text
    assert read(b"", "gzip") == b""


@pytest.mark.parametrize(
    "data",
    [b"not gzip", gzip.compress(b"x" * 5000)[:-9], gzip.compress(b"x") + b"tail"],
    ids=["not gzip", "cut off", "with a tail"],  # what is compressed holds the time
)
def test_damaged_gzip_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput):
        read(data, "gzip")


def test_other_encodings_are_refused() -> None:
    with pytest.raises(WrongKind):
        read(b"", "br")


def test_a_bomb_is_stopped_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "PLAIN_BYTES", 1 << 20)
    with pytest.raises(TooLarge):
        read(gzip.compress(bytes(64 << 20)), "gzip")
    monkeypatch.setattr(intake, "BODY_BYTES", 100)
    with pytest.raises(TooLarge):
        read(b"x" * 101)


def test_lines_are_kept_as_they_came_and_envelopes_opened() -> None:
    ecs = '{"@timestamp":"2026-11-25T01:26:00Z","message":"Sở Y tế","event.id":7}'.encode()
    body = b"\n".join(
        [
            ecs + b"\r", b"", b"  ", b'{"message":"<34>su: x"}', b'{"message":"m","event":{"id":"a"}}',
            b'{"message":"m","event":{"id":"b","code":1}}', b'{"message":"m","host":"h"}',
        ]
    )  # fmt: skip
    lines, rejects = intake.read_lines(body)
    assert rejects == []
    assert [(line.data, line.sender_id) for line in lines] == [
        (ecs, "7"),
        (b"<34>su: x", ""),
        (b"m", "a"),
        (b'{"message":"m","event":{"id":"b","code":1}}', "b"),
        (b'{"message":"m","host":"h"}', ""),
    ]


@pytest.mark.parametrize(
    "line",
    [
        b'{"message":"bad \xff","event.id":"7"}', b'\xef\xbb\xbf{"message":"x","event.id":"7"}',
        rb'{"message":"\ud800","event.id":"7"}',
    ],
)  # fmt: skip
def test_what_is_json_but_for_its_encoding_is_taken_as_it_came(line: bytes) -> None:
    assert intake.read_lines(line) == ([intake.Line(line, "7")], [])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"plain text", "not_json"), (b"[1]", "not_an_object"), (b"null", "not_an_object"), (b'{"a":1', "not_json"),
        (b'{"event.id":""}', "bad_id"), (b'{"event.id":true}', "bad_id"), (b'{"event":{"id":[1]}}', "bad_id"),
        (orjson.dumps({"event.id": "x" * 201}), "bad_id"), (b'{"a":"\xff"', "not_json"),
        (b'{"message":"' + b"x" * intake.LINE_BYTES + b'"}', "too_long"), (b'{"a":' * 2000, "not_json"),
        (b"x" * 10_000_000, "not_json"),
    ],
)  # fmt: skip
def test_what_is_not_taken_says_why(line: bytes, reason: str) -> None:
    lines, rejects = intake.read_lines(b'{"message":"ok"}\n' + line)
    assert len(lines) == 1
    assert [(r.number, r.reason) for r in rejects] == [(2, reason)]
    (door,) = intake.frames([], [], rejects, "token:a", 5)
    assert (door.kind, door.meta["reason"], door.data) == (FrameKind.DOOR, reason, line[: intake.LINE_BYTES])


def test_too_many_lines_are_refused_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "LINES", 2)
    with pytest.raises(TooLarge):
        intake.read_lines(b"{}\n{}\n{}")


def test_frames_carry_the_id_and_the_reason() -> None:
    lines = [intake.Line(b"a", "1"), intake.Line(b"b"), intake.Line(b"a", "1")]
    made = intake.frames(lines, [Met.REUSED, Met.NEW, Met.AGAIN], [], "token:web", 9)
    assert [(f.kind, f.data, f.meta.get("sender_id"), f.meta.get("reason")) for f in made] == [
        (FrameKind.LOG, b"a", "1", None),
        (FrameKind.LOG, b"b", None, None),
        (FrameKind.DOOR, b"", "1", "duplicate"),
    ]
    assert ["id_reused" in f.meta for f in made] == [True, False, False]
    assert {(f.source, f.created_at, f.meta["receiver"]) for f in made} == {("token:web", 9, "http")}


@given(st.binary(max_size=300))
def test_any_bytes_get_an_answer(body: bytes) -> None:
    lines, rejects = intake.read_lines(body)
    kept = [part for part in body.split(b"\n") if part and not part.isspace()]
    assert len(lines) + len(rejects) == len(kept)
