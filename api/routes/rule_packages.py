"""Packages of rules over HTTP: listed, previewed, installed, rolled back, removed; local copies beside them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from api import rules
from api.asking import Progress, streamed
from api.deps import Caller, Reader, Ruling, Services, Svc
from api.errors import Problem, language_of
from api.rule_packages import (
    CopyDifference,
    Done,
    PackageList,
    PreviewOf,
    difference_of,
    listed,
    packages_folder,
    previewed,
    uploaded,
)
from api.times import From, To, past
from core.clock import iso
from core.errors import Conflict, failure
from core.store.contract import Span
from core.store.telling import TellCount
from detections import local_rules, packages
from detections.local_copies import copy_of, local_copies
from detections.local_rules import Written
from detections.package_changes import noted, taken_ids
from detections.package_records import installed, known
from detections.package_remains import INSTALL, REMOVE, ROLLBACK
from detections.packages import Staged
from detections.ruleset import RuleSet

router = APIRouter(prefix="/rules", tags=["rules"])

PREVIEW_DAYS = 7
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
Name = Annotated[str, Query(max_length=61, description="Of the package")]
File = Annotated[str, Query(max_length=300, description="Name of the file that is the body: .zip or .yml")]
Checksum = Annotated[str | None, Query(max_length=64, description="SHA-256 that the file must have")]


class PreviewMessage(BaseModel):
    """What the stream of a preview says, by the name of its event; progress counts minutes of the past and hits."""

    progress: Progress
    answer: PreviewOf
    problem: Problem


class PackageChange(BaseModel):
    reason: str = Field("", max_length=2000)


@contextmanager
def _staged(
    svc: Services, before: RuleSet, caller: Caller, data: bytes, file: str, name: str, sha256: str | None, version: str
) -> Iterator[Staged]:
    taken, now = taken_ids(before, name), svc.clock.now()
    with (
        uploaded(data, file) as path,
        packages.staged(
            path, packages_folder(svc), now, name,
            sha256=sha256, version=version, by=caller.actor.name, taken=taken, origin=f"console:{file}",
        ) as ready,
    ):  # fmt: skip
        yield ready


async def _streamed(
    request: Request, caller: Caller, name: str, within: Span, ask: Callable[[TellCount], PreviewOf]
) -> Response:
    facts = {"from": iso(within.start or 0), "to": iso(within.end or 0)}
    written = request.app.state.journal.note(caller.actor, "rules.preview", f"package:{name}", facts)
    return await streamed(request, asyncio.wrap_future(written), request.app.state.backtests, ask, lambda told: told)


@router.get("/packages")
def list_packages(request: Request, _: Reader, svc: Svc) -> PackageList:
    """Installed packages with where they came from, local copies of their rules, and what is not as it should be."""
    ruleset = rules.book_of(request).in_force()
    with svc.database.read() as session:
        return listed(session, svc, ruleset, language_of(request))


@router.post(
    "/packages/preview/stream",
    response_class=Response,
    responses={200: {"model": PreviewMessage, "content": {"text/event-stream": {}}}},
    openapi_extra=BODY,
)
async def preview_package(
    request: Request, caller: Ruling, svc: Svc, name: Name, file: File,
    sha256: Checksum = None, start: From = None, end: To = None,
) -> Response:  # fmt: skip
    """What a package that is sent would change, and its alerts of the last seven days; who leaves ends it."""
    data, lang, within = await request.body(), language_of(request), past(svc, start, end, PREVIEW_DAYS)

    def ask(tell: TellCount) -> PreviewOf:
        before = rules.book_of(request).in_force()
        with _staged(svc, before, caller, data, file, name, sha256, "") as ready:
            return previewed(svc, before, ready.change.package, ready.folder, within, tell, lang)

    return await _streamed(request, caller, name, within, ask)


@router.get(
    "/packages/{name}/{what}/preview/stream",
    response_class=Response,
    responses={200: {"model": PreviewMessage, "content": {"text/event-stream": {}}}},
)
async def preview_package_change(
    name: str, what: packages.Way, request: Request, caller: Ruling, svc: Svc, start: From = None, end: To = None
) -> Response:
    """What rolling back or removing a package would change; who leaves ends it."""
    lang, within, folder = language_of(request), past(svc, start, end, PREVIEW_DAYS), packages_folder(svc)
    is_removal = what is packages.Way.REMOVE
    package, place = (known(folder, name), None) if is_removal else packages.version_before(folder, name)

    def ask(tell: TellCount) -> PreviewOf:
        return previewed(svc, rules.book_of(request).in_force(), package, place, within, tell, lang)

    return await _streamed(request, caller, name, within, ask)


@router.post("/packages/install", openapi_extra=BODY)
async def install_package(
    request: Request, caller: Ruling, svc: Svc, name: Name, file: File, sha256: Checksum = None,
    version: Annotated[str, Query(max_length=100)] = "",
) -> Done:  # fmt: skip
    """Put a package that is sent in its place; with the checksum of a preview it is what was looked at."""
    data = await request.body()

    def put() -> Done:
        with _staged(svc, rules.book_of(request).in_force(), caller, data, file, name, sha256, version) as ready:
            change = ready.put(noted(svc.database, svc.clock, caller.actor, INSTALL))
        undo = "rollback" if change.package.previous else "remove"
        return Done.model_validate({"name": name, "rules": change.package.rules, "undo": undo})

    return await asyncio.to_thread(put)


@router.post("/packages/{name}/rollback")
def roll_package_back(name: str, body: PackageChange, caller: Ruling, svc: Svc) -> Done:
    """Put back the version before, or a package that was removed; once more undoes that."""
    was_there = installed(packages_folder(svc), name) is not None
    writes = noted(svc.database, svc.clock, caller.actor, ROLLBACK, body.reason)
    change = packages.roll_back(packages_folder(svc), name, svc.clock.now(), writes)
    return Done(name=name, rules=change.package.rules, undo="rollback" if was_there else "remove")


@router.post("/packages/{name}/remove")
def remove_package(name: str, body: PackageChange, caller: Ruling, svc: Svc) -> Done:
    """Take a package away; rolling back brings it back."""
    writes = noted(svc.database, svc.clock, caller.actor, REMOVE, body.reason)
    gone = packages.remove(packages_folder(svc), name, svc.clock.now(), writes)
    return Done(name=name, rules=gone.rules, undo="rollback")


@router.get("/{rule_id}/copy")
def compare_copy(rule_id: str, request: Request, _: Reader, svc: Svc) -> CopyDifference:
    """Where a local copy differs from the package's rule, and what the package changed since."""
    ruleset = rules.book_of(request).in_force()
    copies = local_copies(packages_folder(svc).parent, ruleset, svc.rule_text)
    return difference_of(ruleset, copy_of(copies, rules.find(ruleset, rule_id)))


@router.post("/{rule_id}/copy/merged")
def settle_copy(rule_id: str, request: Request, caller: Ruling, svc: Svc) -> CopyDifference:
    """Note that somebody looked at what the package changed; the copy goes on to count."""
    ruleset, folder, now = rules.book_of(request).in_force(), packages_folder(svc).parent, svc.clock.now()
    found = copy_of(local_copies(folder, ruleset, svc.rule_text), rules.find(ruleset, rule_id))
    if not found.is_behind:
        raise failure(Conflict, "packages.not_behind")
    packaged = Written(found.rule.file, found.packaged or "")
    with local_rules.changing(svc.database, folder, now) as session:
        entry = local_rules.merged(session, caller.actor, folder, rule_id, found.rule.file, packaged, now=now)
    again = copy_of(local_copies(folder, ruleset, svc.rule_text), found.rule)
    return difference_of(ruleset, again).model_copy(update={"entry": entry})
