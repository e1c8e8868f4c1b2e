"""Tables as files to take away: made whole beside the answer, so that one that failed is never handed out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, Any, Literal

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from api.deps import Caller, Services
from core.clock import iso
from core.errors import Unavailable, cause, failure
from core.extract import Asked, Counted, Extract, Form, Made
from core.store.contract import Span
from core.words import say

Language = Literal["vi", "en"]
EXPORT_SECONDS = 3_600.0
"""Millions of rows take minutes; who leaves ends it."""

_KINDS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
CONTENT: dict[int | str, dict[str, Any]] = {200: {"content": {kind: {} for kind in _KINDS.values()}}}
_FORM = frozenset({"format", "language", "from", "to", "fields"})
"""Parameters that are no part of what was asked, or stand elsewhere on the slip."""
_AT_ONCE = 1 << 18


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be taken away: ``name`` goes into the file's, ``what`` is a key of ``extract.what``, ``head`` has the
    titles of columns, ``query`` is what was asked (None: the parameters of the request)."""

    name: str
    what: str
    form: Form
    lang: Language
    head: Sequence[str]
    span: Span
    query: str | None = None


async def taken(
    request: Request, caller: Caller, svc: Services, order: Order, fill: Callable[[Extract], Counted]
) -> Response:
    """The answer that a browser saves, once its entry (with SHA-256 and rows) is in the journal.

    ``X-Kydai-Complete`` and the file's name say when something is missing. Raises Unavailable when it cannot be
    written.
    """
    now, query = svc.clock.now(), _query(request) if order.query is None else order.query
    asked = Asked(
        say(f"extract.what.{order.what}", order.lang), query, order.span.start, order.span.end, svc.zone,
        caller.actor.name, now, svc.is_demo,
    )  # fmt: skip
    file, made = await request.app.state.exports.run(request, lambda: _made(order, asked, fill))
    facts = {"rows": made.rows, "sha256": made.sha256, "complete": not made.missing}
    after = dict(request.query_params) | facts
    await asyncio.wrap_future(request.app.state.journal.note(caller.actor, f"{order.name}.export", order.name, after))
    stamp = iso(now)[:10] + ("-incomplete" if made.missing else "")
    headers = {
        "content-disposition": f'attachment; filename="kydai-{order.name}-{stamp}.{order.form}"',
        "content-length": str(file.seek(0, 2)),
        "x-kydai-complete": str(not made.missing).lower(),
    }
    return StreamingResponse(_chunks(file), media_type=_KINDS[order.form], headers=headers)


def _query(request: Request) -> str:
    return "; ".join(f"{name}: {value}" for name, value in request.query_params.multi_items() if name not in _FORM)


def _made(order: Order, asked: Asked, fill: Callable[[Extract], Counted]) -> tuple[IO[bytes], Made]:
    file = TemporaryFile()  # noqa: SIM115 - the answer closes it
    try:
        with Extract(file, order.form, order.head, order.lang) as extract:
            made = extract.close(asked, fill(extract))
        file.flush()
    except BaseException as error:
        with suppress(OSError):  # what waits to be written does not fit either
            file.close()
        if isinstance(error, OSError):
            raise failure(Unavailable, "extract.error.write", why=cause(error)) from error
        raise
    return file, made


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while data := file.read(_AT_ONCE):
            yield data
