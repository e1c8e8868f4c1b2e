"""``POST /ingest``: JSON lines with a token; the answer comes when they are on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from api import intake
from api.deps import Sender, Services, Svc
from api.errors import TooLarge, TooMany, TooSlow
from api.resends import Key, Met, Resends
from api.shapes import Shape
from core.clock import SECOND, Micros
from core.errors import Refused, Unavailable, failure
from core.event import Frame
from core.spool import GroupCommit

router = APIRouter(tags=["ingest"])

IN_FLIGHT_BYTES = 192 << 20
"""Of bodies that are being read or wait for the disk, all senders together."""
READ_SECONDS = 60
"""A body that takes longer to arrive is given up: it holds room that others need."""
_INLINE_BYTES = 256 << 10


class Rejected(Shape):
    """A line that was not taken, counted from 1."""

    line: int
    reason: str
    """``not_json``, ``not_an_object``, ``too_long`` (over 16 MiB) or ``bad_id``."""


class Ingested(Shape):
    """What became of the lines; those accepted are on disk."""

    accepted: int
    duplicates: int
    rejected: list[Rejected]


class Door:
    """The state of HTTP intake in one process: what was handed in, what is on its way to the disk."""

    def __init__(self, commit: GroupCommit) -> None:
        self.commit = commit
        self.resends = Resends()
        self.in_flight = 0
        self._writing: dict[Key, asyncio.Future[None]] = {}

    def load(self) -> None:
        """Remember the last hour's ids from the spool."""
        self.resends.load(self.commit.spool.folder, self._ticks())

    def _ticks(self) -> Micros:
        return round(self.commit.spool.clock.monotonic() * SECOND)

    async def take(
        self, lines: Sequence[intake.Line], rejects: Sequence[intake.Reject], source: str, now: int
    ) -> list[Met]:
        """Write to the spool; says of each line whether it was handed in before. Raises Refused, Unavailable."""
        keys = intake.keys_of(lines, source)
        # the same id may be on its way in another request: what is a duplicate shows when that one has ended
        while waiting := {self._writing[key] for key in keys if key is not None and key in self._writing}:
            await asyncio.wait(waiting)
        seen = iter(self.resends.seen([key for key in keys if key is not None]))
        fresh: dict[Key, None] = {}
        fresh_ids: set[bytes] = set()
        met = []
        for key in keys:
            was = Met.NEW
            if key is not None:
                was = next(seen)
                if key in fresh:
                    was = Met.AGAIN
                elif was is Met.NEW and key[:8] in fresh_ids:
                    was = Met.REUSED
                if was is not Met.AGAIN:
                    fresh[key] = None
                    fresh_ids.add(key[:8])
            met.append(was)
        made = intake.frames(lines, met, rejects, source, now)
        if not made:
            return met
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._writing.update(dict.fromkeys(fresh, done))
        try:
            await self._write(made)
            self.resends.add(list(fresh), self._ticks())
        finally:
            for key in fresh:
                del self._writing[key]
            done.set_result(None)
        return met

    async def _write(self, frames: Sequence[Frame]) -> None:
        await asyncio.wrap_future(self.commit.submit(frames))


def open_door(svc: Services) -> Door | None:
    """The door of a process that takes data; None where it takes none."""
    if svc.intake is None:
        return None
    door = Door(svc.intake)
    door.load()
    return door


@router.post(
    "/ingest",
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": 'JSON lines, each an ECS object or {"message": …}; gzip or plain.',
            "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
        }
    },
)
async def ingest(request: Request, caller: Sender, svc: Svc) -> Ingested:
    """Take events. 429 with Retry-After when the disk or the spool is full: nothing of the body was taken then."""
    door: Door | None = request.app.state.door
    if door is None:
        raise failure(Unavailable, "api.intake_off")
    length = request.headers.get("content-length", "")
    announced = int(length) if length.isdecimal() else 1 << 20
    if announced > intake.BODY_BYTES:
        raise failure(TooLarge, "api.body_limit", limit=f"{intake.BODY_BYTES >> 20} MiB")
    if door.in_flight + announced > IN_FLIGHT_BYTES:
        raise failure(TooMany, "api.intake_busy")
    held = announced
    door.in_flight += held
    try:
        async with asyncio.timeout(READ_SECONDS):
            body = await intake.read_body(request.stream(), request.headers.get("content-encoding", "").lower())
        door.in_flight += len(body) - held
        held = len(body)
        if len(body) > _INLINE_BYTES:
            lines, rejects = await run_in_threadpool(intake.read_lines, body)
        else:
            lines, rejects = intake.read_lines(body)
        met = await door.take(lines, rejects, f"token:{caller.token_name}", svc.clock.now())
    except TimeoutError as error:
        raise failure(TooSlow, "api.too_slow", seconds=READ_SECONDS) from error
    except Refused as error:
        # the spool's own refusal (disk, quota) passes: the sender may come again
        raise TooMany(error.message, remedy=error.remedy, said=error.said) from error
    finally:
        door.in_flight -= held
    return Ingested(
        accepted=len(lines) - met.count(Met.AGAIN),
        duplicates=met.count(Met.AGAIN),
        rejected=[Rejected(line=r.number, reason=r.reason) for r in rejects],
    )
