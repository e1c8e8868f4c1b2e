"""Reports of a period and of one vụ việc, as files; each is an entry in the journal before it is an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request, Response

from api.deps import Caller, Services, Svc, WholeReader
from api.exports import Language
from api.rules import book_of
from api.times import From, To, moment
from core.clock import DAY, iso
from core.times import in_order
from core.words import LANGUAGES
from reports.document import Document, Text
from reports.gather import RuleState
from reports.gather import Services as Sources
from reports.render import FORMATS, render
from reports.report import build_incident, build_period, entry_facts

router = APIRouter(prefix="/reports", tags=["reports"])

Form = Literal["pdf", "xlsx", "csv", "json"]
_CONTENT: dict[int | str, dict[str, Any]] = {200: {"content": {kind: {} for _, kind in FORMATS.values()}}}
USUAL = 7 * DAY


@router.get("/period", response_class=Response, responses=_CONTENT)
async def report_period(
    request: Request,
    caller: WholeReader,
    svc: Svc,
    start: From = None,
    end: To = None,
    format: Form = "pdf",
    language: Language = "vi",
) -> Response:
    """What happened in a period, by default the last seven days; what could not be seen comes first."""
    last = moment(svc, end, is_end=True) or svc.clock.now()
    first = moment(svc, start) or last - USUAL
    in_order(first, last, start, end or "now")
    made = partial(build_period, sources_of(request, svc), first, last, caller.name)
    name = f"period-{iso(first)[:10]}-{iso(last)[:10]}"
    return await _answer(request, caller, made, name, format, language)


@router.get("/incident/{number}", response_class=Response, responses=_CONTENT)
async def report_incident(
    request: Request,
    caller: WholeReader,
    svc: Svc,
    number: Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,32}$")],
    format: Form = "pdf",
    language: Language = "vi",
) -> Response:
    """One vụ việc: what is known and not known, alerts with reasons, events, what was done and who approved it."""
    made = partial(build_incident, sources_of(request, svc), number, caller.name)
    return await _answer(request, caller, made, f"incident-{number.upper()}", format, language)


def sources_of(request: Request, svc: Services) -> Sources:
    """What reports read from, as this process has it."""
    book = book_of(request)

    def states() -> Iterable[RuleState]:
        return list(book.coverage().values()) or svc.coverage()

    def title(rule: str) -> Text:
        if svc.rules is None:
            return rule
        found = book.in_force().by_id.get(rule)
        return rule if found is None else {lang: found.text("title", lang) for lang in LANGUAGES}

    return Sources(svc.database, svc.store, svc.clock, svc.zone, states, title)


async def _answer(
    request: Request,
    caller: Caller,
    make: Callable[[], Document],
    name: str,
    form: Form,
    language: Language,
) -> Response:
    def ask() -> tuple[bytes, str, dict[str, Any]]:
        document = make()
        data = render(document, form, language)
        return data, f"report:{document.name}", entry_facts(document, form, language, data)

    data, about, facts = await request.app.state.searches.run(request, ask)
    await asyncio.wrap_future(request.app.state.journal.note(caller.actor, "report.export", about, facts))
    disposition = f'attachment; filename="kydai-{name}.{form}"'
    return Response(data, media_type=FORMATS[form][1], headers={"content-disposition": disposition})
