"""Saved searches: one's own and those that others share."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from api.deps import Caller, Reader, Services, Svc
from api.shapes import Id, Shape, Time, Words
from api.undo import undo_search
from core import saved
from core.accounts import Role
from core.db.models import SavedSearch
from core.errors import NotFound, Refused, failure
from core.words import both

router = APIRouter(prefix="/searches", tags=["searches"])

FieldName = Annotated[str, Field(min_length=1, max_length=300)]


class Wrong(Shape):
    """What is wrong with a query, at which character (from 0), and which fields may have been meant."""

    detail: Words
    position: int
    near: list[str]


class Saved(Shape):
    """A search under a name; ``start`` and ``end`` are as written, relative or absolute."""

    id: int
    name: str
    owner: str
    query: str
    start: str
    end: str
    columns: list[str]
    is_shared: bool
    may_change: bool
    """Whether the caller may rename, change and delete it."""
    updated_at: Time
    version: int
    """Another one after each change."""
    problem: Wrong | None
    """Set when the query, once right, can no longer be understood."""


class SearchChanged(Shape):
    """The search as it is now, null when it is gone; ``entry`` undoes it within ten minutes."""

    search: Saved | None
    entry: int | None


class SearchBody(BaseModel):
    """What is kept."""

    name: str = Field(min_length=1, max_length=400)
    query: str = Field("", max_length=10_000)
    start: str = Field("now-24h", min_length=1, max_length=64)
    end: str = Field("now", min_length=1, max_length=64)
    columns: list[FieldName] = Field(default=[], max_length=saved.MAX_COLUMNS)
    is_shared: bool = False

    @property
    def question(self) -> saved.Question:
        return saved.Question(self.query, self.start, self.end, self.columns)


class SearchChange(SearchBody):
    """What a search becomes."""

    version: Id
    """The one that the person saw: a change in between is a conflict."""


class SearchUndo(BaseModel):
    entry: Id
    """The journal's entry of the change."""


def _may_change(caller: Caller, row: SavedSearch) -> bool:
    return row.owner == caller.name or (caller.role is Role.ADMIN and not caller.scope)


def _shown(svc: Services, caller: Caller, row: SavedSearch) -> Saved:
    error = saved.problem_of(row, svc.clock.now(), svc.zone)
    wrong = error and Wrong(detail=Words(**(error.said or {})), position=error.position, near=list(error.near))
    return Saved(
        **saved.state_of(row), id=row.id, may_change=_may_change(caller, row), updated_at=row.updated_at,
        version=saved.version_of(row), problem=wrong,
    )  # fmt: skip


def _find(session: Session, caller: Caller, number: int) -> SavedSearch:
    found = next((row for row in saved.visible(session, caller.name, caller.scope) if row.id == number), None)
    if found is None:
        raise failure(NotFound, "api.saved.gone")
    if not _may_change(caller, found):
        raise failure(Refused, "api.saved.not_yours", owner=found.owner)
    return found


def _check_sharing(caller: Caller, is_shared: bool) -> None:
    if is_shared and caller.role is Role.AUDITOR:
        raise failure(Refused, "api.need_role", role=both(f"common.role.{caller.role}"))


@router.get("")
def list_searches(caller: Reader, svc: Svc) -> list[Saved]:
    """One's own first, then those that others share; each by name."""
    with svc.database.read() as session:
        return [_shown(svc, caller, row) for row in saved.visible(session, caller.name, caller.scope)]


@router.post("")
def save_search(body: SearchBody, caller: Reader, svc: Svc) -> SearchChanged:
    """Keep a search as one's own. An auditor's is not shared; the journal keeps every one."""
    _check_sharing(caller, body.is_shared)
    with svc.database.write() as session:
        row, entry = saved.add(
            session, caller.actor, caller.name, body.name, body.question, is_shared=body.is_shared,
            now=svc.clock.now(), zone=svc.zone,
        )  # fmt: skip
        return SearchChanged(search=_shown(svc, caller, row), entry=entry)


@router.put("/{search_id}")
def change_search(search_id: Id, body: SearchChange, caller: Reader, svc: Svc) -> SearchChanged:
    """Rename, change or share a search of one's own; an admin changes anybody's that is shared."""
    _check_sharing(caller, body.is_shared)
    with svc.database.write() as session:
        row = _find(session, caller, search_id)
        entry = saved.change(
            session, caller.actor, row, name=body.name, question=body.question, is_shared=body.is_shared,
            now=svc.clock.now(), zone=svc.zone, version=body.version,
        )  # fmt: skip
        return SearchChanged(search=_shown(svc, caller, row), entry=entry)


@router.delete("/{search_id}")
def delete_search(search_id: Id, version: Id, caller: Reader, svc: Svc) -> SearchChanged:
    """Delete a search, of the version that the person saw; it can be put back for ten minutes."""
    with svc.database.write() as session:
        row = _find(session, caller, search_id)
        entry = saved.remove(session, caller.actor, row, now=svc.clock.now(), version=version)
        return SearchChanged(search=None, entry=entry)


@router.post("/undo")
def undo_of_search(body: SearchUndo, caller: Reader, svc: Svc) -> SearchChanged:
    """Put a search back as it was before a change or removal of one's own."""
    with svc.database.write() as session:
        row = undo_search(session, caller.actor, body.entry, now=svc.clock.now())
        return SearchChanged(search=_shown(svc, caller, row), entry=None)
