"""``kydai sources maintain``: sources that will be silent, with a reason, an owner and an end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from sqlalchemy import select

from core import planned
from core.db.models import Source
from core.errors import BadInput, failure
from core.times import read_time
from core.words import moment, say
from kydai.cli.main import LANG
from kydai.cli.sources_inventory import tell_undo
from kydai.context import Context
from kydai.people import cli_actor


def maintain(
    ctx: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME...]", help=say("planned.names", LANG))] = None,
    until: Annotated[str, typer.Option("--until", metavar="T", help=say("planned.until", LANG))] = "",
    reason: Annotated[str, typer.Option("--reason", help=say("planned.reason", LANG))] = "",
    owner: Annotated[str, typer.Option("--owner", help=say("planned.owner", LANG))] = "",
    system: Annotated[str, typer.Option("--system", help=say("planned.system", LANG))] = "",
    agency: Annotated[str, typer.Option("--agency", help=say("planned.agency", LANG))] = "",
    place: Annotated[str, typer.Option("--place", help=say("planned.place", LANG))] = "",
    is_over: Annotated[bool, typer.Option("--end", help=say("planned.end", LANG))] = False,
) -> None:
    context: Context = ctx.obj
    context.need_data()
    now, zone = context.clock.now(), context.settings.zone
    group = {column: text for column, text in (("system", system), ("agency", agency), ("place", place)) if text}
    end = now if is_over else read_time(until, now, zone)
    with context.database.write() as session:
        meant = list(names or ())
        if group:
            query = select(Source.name).where(Source.is_declared, Source.is_relay.is_(False)).filter_by(**group)
            meant += session.scalars(query.order_by(Source.name))
        if is_over and group:  # those of the group that are under maintenance
            under_way = planned.current(session, now)
            meant = [name for name in meant if name in under_way]
        if not meant:
            raise failure(BadInput, "planned.nobody")
        if is_over:
            entry = planned.finish(session, cli_actor(), meant, now)
        else:
            answers = owner or _owner(session.scalars(select(Source.owner).where(Source.name.in_(meant))).all())
            entry = planned.begin(session, cli_actor(), meant, end, reason, answers, now)
    count = len(set(meant))
    key = "planned.ended" if is_over else "planned.begun"
    text = say(key, LANG, count=count, end=moment(end, LANG, zone))
    context.output.one({"sources": sorted(set(meant)), "entry": entry}, text)
    tell_undo(context, entry)


def _owner(owners: Sequence[str]) -> str:
    """The one owner that the inventory names for all of them, else who runs this."""
    return owners[0] if len(set(owners)) == 1 and owners[0] else cli_actor().name
