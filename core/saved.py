"""Searches kept under names: one's own, and those that their owners share.

Who sees the whole house sees all that are shared. Within a scope only those are seen whose owners have the same scope:
a query names hosts and people of its owner's systems. Every change writes its entry of the journal in the caller's
transaction.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.audit import Actor
from core.clock import Micros
from core.db.models import SavedSearch, User
from core.errors import BadInput, Conflict, NotFound, failure
from core.query.pipes import parse_piped
from core.query.problems import QueryError
from core.times import read_span

MAX_NAME, MAX_COLUMNS = 100, 50
TEXT = "*"
"""The column of the console that shows the text that tells most of an event."""
MAX_OF_ONE = 500
"""Searches that one owner may keep."""

_STATE = ("name", "owner", "query", "start", "end", "columns", "is_shared")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories of characters that show nothing, or turn what stands beside them around."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: a query text with its stages, from when to when as written, and the columns to show."""

    query: str
    start: str
    end: str
    columns: Sequence[str] = ()


def version_of(row: SavedSearch) -> int:
    """Another one after each change."""
    return row.updated_at


def _check(row: SavedSearch, version: int) -> None:
    if version != version_of(row):
        raise failure(Conflict, "api.saved.changed", name=row.name)


def state_of(row: SavedSearch) -> dict[str, Any]:
    """What the journal keeps of a search."""
    return {name: getattr(row, name) for name in _STATE}


def clean_name(text: str) -> str:
    """A name as it is kept. Raises BadInput for one that is empty, too long, or holds characters that are not seen."""
    name = " ".join(unicodedata.normalize("NFC", text).split(" ")).strip()
    if not 0 < len(name) <= MAX_NAME or any(unicodedata.category(c) in _HIDDEN for c in name):
        raise failure(BadInput, "api.saved.bad_name", limit=MAX_NAME)
    return name


def problem_of(row: SavedSearch, now: Micros, zone: str) -> QueryError | None:
    """What is wrong with a query that was right when it was saved."""
    try:
        parse_piped(row.query, now=now, zone=zone)
    except QueryError as error:
        return error
    return None


def visible(session: Session, name: str, scope: str) -> list[SavedSearch]:
    """What a person of this name and scope sees: their own first, each part by name."""
    rows = session.execute(
        select(SavedSearch, User.scope)
        .outerjoin(User, User.name == SavedSearch.owner)
        .order_by(SavedSearch.owner != name, SavedSearch.name, SavedSearch.id)
    )
    return [row for row, theirs in rows if row.owner == name or (row.is_shared and (not scope or theirs == scope))]


def find(session: Session, text: str) -> SavedSearch:
    """The search of a name, or of ``OWNER/NAME``. Raises NotFound, and Conflict when several owners have that name."""
    rows = session.scalars(select(SavedSearch).order_by(SavedSearch.owner)).all()
    name = unicodedata.normalize("NFC", text).strip()
    found = [row for row in rows if name in (row.name, f"{row.owner}/{row.name}")]
    if not found:
        near = get_close_matches(name, sorted({row.name for row in rows}), n=3, cutoff=0.5)
        raise failure(
            NotFound, "api.saved.none_near" if near else "api.saved.none", name=name[:100], near=", ".join(near)
        )
    if len(found) > 1:
        names = ", ".join(f"{row.owner}/{row.name}" for row in found)
        raise failure(Conflict, "api.saved.several", name=name[:100], names=names)
    return found[0]


def add(
    session: Session,
    actor: Actor,
    owner: str,
    name: str,
    question: Question,
    *,
    is_shared: bool,
    now: Micros,
    zone: str,
) -> tuple[SavedSearch, int]:
    """Keep a search; returns it and the journal's entry. Raises BadInput, QueryError, and Conflict when the owner has
    one of that name."""
    row = SavedSearch(owner=owner, is_shared=is_shared, created_at=now, updated_at=now)
    _fill(session, row, name, question, now, zone)
    if len(session.scalars(select(SavedSearch.id).where(SavedSearch.owner == owner)).all()) >= MAX_OF_ONE:
        raise failure(BadInput, "api.saved.too_many", limit=MAX_OF_ONE)
    session.add(row)
    session.flush()
    return row, audit.record(session, actor, "search.save", f"search:{row.id}", now=now, after=state_of(row))


def change(
    session: Session, actor: Actor, row: SavedSearch, *, name: str, question: Question, is_shared: bool, now: Micros,
    zone: str, version: int,
) -> int:  # fmt: skip
    """Rename, change or share a search; returns the journal's entry. Raises as ``add`` does, and Conflict when it is
    no longer of the ``version`` that the person saw."""
    _check(row, version)
    before = state_of(row)
    _fill(session, row, name, question, now, zone)
    row.is_shared, row.updated_at = is_shared, max(now, row.updated_at + 1)
    session.flush()
    return audit.record(
        session, actor, "search.change", f"search:{row.id}", now=now, before=before, after=state_of(row)
    )


def remove(session: Session, actor: Actor, row: SavedSearch, *, now: Micros, version: int) -> int:
    """Delete a search; returns the journal's entry, from which ``put_back`` makes it again. Raises Conflict as
    ``change`` does."""
    _check(row, version)
    before = state_of(row)
    session.delete(row)
    session.flush()
    return audit.record(session, actor, "search.remove", f"search:{row.id}", now=now, before=before)


def put_back(
    session: Session, actor: Actor, number: int, before: Mapping[str, Any], after: Mapping[str, Any] | None, now: Micros
) -> SavedSearch:
    """Undo a change or removal that the journal tells of. Raises Conflict when the search has changed since, or another
    has its name by now."""
    row = session.get(SavedSearch, number)
    if (None if row is None else state_of(row)) != after:
        raise failure(Conflict, "api.saved.undo_changed")
    _free(session, before["owner"], before["name"], number)
    if row is None:
        row = SavedSearch(id=number, created_at=now)
        session.add(row)
    for name in _STATE:
        setattr(row, name, before[name])
    row.updated_at = max(now, (row.updated_at or 0) + 1)
    session.flush()
    audit.record(
        session, actor, "search.undo", f"search:{number}", now=now, before=dict(after or {}), after=state_of(row)
    )
    return row


def _fill(session: Session, row: SavedSearch, name: str, question: Question, now: Micros, zone: str) -> None:
    parse_piped(question.query, now=now, zone=zone)
    read_span(question.start, question.end, now, zone)
    name = clean_name(name)
    _free(session, row.owner, name, row.id)
    row.name, row.query, row.start, row.end = name, question.query.strip(), question.start, question.end
    row.columns = list(dict.fromkeys(question.columns))[:MAX_COLUMNS]


def _free(session: Session, owner: str, name: str, number: int | None) -> None:
    with session.no_autoflush:
        there = session.scalar(select(SavedSearch.id).where(SavedSearch.owner == owner, SavedSearch.name == name))
    if there is not None and there != number:
        raise failure(Conflict, "api.saved.taken", name=name)
