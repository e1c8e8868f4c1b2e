"""What is declared of sources is changed here: imported, edited, removed, and put back as it was before.

Each source has an entry in the journal; a change of several at once has one more that covers them, so that it is undone
as one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit, planned
from core.clock import DAY, Micros
from core.db.models import Audit, Meta, Source
from core.errors import BadInput, Conflict, Refused, failure
from core.heard_before import take_over
from core.inventory import COLUMNS, STORED, Plan, cells_of, plan
from core.query.fold import fold
from core.store.retention import DEFAULT_POLICY

EDITABLE = tuple(column for column in COLUMNS if column != "name")
"""A source keeps its name: events, balances and silences go by it."""
UNDO_FOR = DAY
ADD, CHANGE, REMOVE = "source.add", "source.change", "source.remove"
_SINGLE = (ADD, CHANGE, REMOVE)
_TOLD = (*STORED, "keys", "expected")


def apply(session: Session, actor: audit.Actor, the_plan: Plan, now: Micros, what: str = "sources.import") -> int:
    """Write a plan without wrong cells, in the caller's transaction; returns the entry of the journal that undoes it,
    0 when nothing changed. Raises BadInput when cells are wrong."""
    if the_plan.wrong:
        first = the_plan.wrong[0]
        raise failure(BadInput, "inventory.wrong_cell", row=first.row, column=first.title, reason=first.reason)
    known = {row.name: row for row in session.scalars(select(Source))}
    entries = []
    for row in the_plan.rows:
        if row.name not in the_plan.unchanged:
            stored = {name: getattr(row, name) for name in STORED}
            declared = stored | {"keys": list(row.keys), "expected": list(row.expected)}
            entries.append(_put(session, actor, known.get(row.name), row.name, declared, now))
    return _finish(session, actor, what, entries, now)


def edit(
    session: Session,
    actor: audit.Actor,
    names: Sequence[str],
    changes: Mapping[str, str],
    now: Micros,
    *,
    classes: Collection[str] = DEFAULT_POLICY.months,
    agencies: Mapping[str, str] = {},
) -> tuple[Plan, int]:
    """Put other texts into columns (``EDITABLE``) of declared sources, checked as an import is: nothing is changed
    while a cell of the plan is wrong. Returns the plan and the entry that undoes it.

    Raises NotFound for a name that is not declared, BadInput for a column that there is not.
    """
    if strange := [column for column in changes if column not in EDITABLE]:
        raise failure(BadInput, "inventory.not_editable", column=strange[0][:40], columns=", ".join(EDITABLE))
    rows = _declared(session, names)
    cells = [[*COLUMNS], *([*(cells_of(row) | dict(changes)).values()] for row in rows)]
    the_plan = plan(session, cells, classes=classes, agencies=agencies)
    return the_plan, 0 if the_plan.wrong else apply(session, actor, the_plan, now, "sources.edit")


def remove(session: Session, actor: audit.Actor, names: Sequence[str], now: Micros) -> int:
    """Take sources out of the inventory: what they send from now on is of an undeclared sender. Their events and
    balances stay. Returns the entry that undoes it. Raises NotFound."""
    rows = _declared(session, names)
    return _finish(session, actor, "sources.remove", [_put(session, actor, r, r.name, None, now) for r in rows], now)


def undo(session: Session, actor: audit.Actor, entry: int, now: Micros) -> tuple[int, int]:
    """Put back what an entry changed, if it is of the last day and nothing came after; the undo can be undone.

    Returns how many sources that were, and the entry of the undo. Raises Refused for an entry that is no change of
    the inventory or too old, Conflict when a source has changed since, or another has by now what would come back.
    """
    row = session.get(Audit, entry)
    if row is not None and row.action in planned.ACTIONS and now - row.at <= UNDO_FOR:
        return planned.put_back(session, actor, row, now)
    if row is None or now - row.at > UNDO_FOR or not (row.action in _SINGLE or row.action.startswith("sources.")):
        raise failure(Refused, "inventory.undo_over")
    changed = [row]
    if row.action not in _SINGLE:
        first, last = (row.after or {})["entries"]
        changed = list(session.scalars(select(Audit).where(Audit.seq.between(first, last), Audit.action.in_(_SINGLE))))
    known = {source.name: source for source in session.scalars(select(Source))}
    for each in changed:
        name = each.object.partition(":")[2]
        there = known.get(name)
        if (None if there is None else told(there)) != each.after:
            raise failure(Conflict, "inventory.undo_changed", name=name)
    entries = []
    for each in reversed(changed):
        name = each.object.partition(":")[2]
        entries.append(_put(session, actor, known.get(name), name, each.before, now))
    _refuse_clash(session, {each.object.partition(":")[2] for each in changed})
    return len(entries), _finish(session, actor, "sources.undo", entries, now, always=True)


def _refuse_clash(session: Session, back: Collection[str]) -> None:
    """What was put back must fit beside all others as if it were imported: no address twice, one spelling each."""
    session.flush()
    owners: dict[str, str] = {}
    spelt: dict[tuple[str, str], str] = {}
    for source in sorted(session.scalars(select(Source)), key=lambda source: source.name in back):
        mine = (source.name.lower(), *source.keys)
        taken = [(key, other) for key in mine if (other := owners.get(key, source.name)) != source.name]
        for column in ("system", "agency", "place"):
            text = getattr(source, column)
            if text and (other := spelt.setdefault((column, fold(text)), text)) != text:
                taken.append((text, other))
        if taken and source.name in back:
            raise failure(Conflict, "inventory.undo_taken", name=source.name, value=taken[0][0], other=taken[0][1])
        owners |= dict.fromkeys(mine, source.name)


def last_change(session: Session, now: Micros) -> int | None:
    """The entry of the newest change of the inventory, if it can still be undone."""
    several = Audit.action.startswith("sources.")
    newest = select(Audit).where(Audit.action.in_((*_SINGLE, *planned.ACTIONS)) | several, Audit.at >= now - UNDO_FOR)
    row = session.scalar(newest.order_by(Audit.seq.desc()).limit(1))
    return None if row is None else row.seq


def told(source: Source) -> dict[str, Any]:
    """A source as the journal tells it: what an undo puts back."""
    return {name: getattr(source, name) for name in _TOLD}


def touch(session: Session, now: Micros) -> None:
    """Tell pipelines that the sources changed."""
    session.merge(Meta(key="sources", value=str(now)))


def _declared(session: Session, names: Iterable[str]) -> list[Source]:
    wanted = planned.declared(session, names)
    found = {row.name: row for row in session.scalars(select(Source).where(Source.name.in_(wanted)))}
    return [found[name] for name in wanted]


def _put(
    session: Session, actor: audit.Actor, there: Source | None, name: str, wanted: Mapping[str, Any] | None, now: Micros
) -> int:
    """Make a source what is wanted of it (None: not declared), with its entry."""
    before = None if there is None else told(there)
    if wanted is None:
        session.delete(there)
        return audit.record(session, actor, REMOVE, f"source:{name}", now=now, before=before)
    source = there or Source(name=name, created_at=now, is_replay=False)
    for key, value in wanted.items():
        setattr(source, key, value)
    source.is_declared = True
    session.add(source)
    action = ADD if there is None else CHANGE
    return audit.record(session, actor, action, f"source:{name}", now=now, before=before, after=told(source))


def _finish(
    session: Session, actor: audit.Actor, what: str, entries: Sequence[int], now: Micros, *, always: bool = False
) -> int:
    if not entries:
        return 0
    session.flush()
    take_over(session)
    touch(session, now)
    if len(entries) == 1 and not always:
        return entries[0]
    after = {"entries": [min(entries), max(entries)]}
    return audit.record(session, actor, what, f"sources:{len(entries)}", now=now, after=after)
