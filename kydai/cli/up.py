"""``kydai up``: everything on this machine, on the user's own data."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import Annotated

import typer
from sqlalchemy.exc import SQLAlchemyError

from core import accounts
from core.words import say
from kydai.cli.main import LANG
from kydai.cli.output import safe
from kydai.cli.users_links import link_lines, links, tunnel
from kydai.context import Context, make_folder
from kydai.listening import by_options, listeners, refuse_foreign
from kydai.process import Stop
from kydai.supervisor import WITH_STORE, Supervisor
from kydai.systemd import notify
from kydai.world import broken_playbooks

Listen = Annotated[list[str] | None, typer.Option("--listen", help=say("listen.option", LANG), metavar="ADDR")]

LOOK_SECONDS = 5.0
"""Between two looks at whether the events were moved to another engine."""


def register(app: typer.Typer) -> None:
    app.command("up", help=say("cli.up.help", LANG))(up)


def up(ctx: typer.Context, listen: Listen = None) -> None:
    context: Context = ctx.obj
    os.environ |= by_options(listen or [])  # for the processes, and for the settings, which are not read yet
    settings, out = context.settings, context.output
    refuse_foreign(listeners(settings))
    make_folder(settings.data)
    supervisor = Supervisor(settings, context.config)
    stop = Stop()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with context.database.write() as session:
        secret = accounts.first_link(session, now=context.clock.now())
    if settings.store.engine == "elastic" and (hosts := settings.elastic.unprotected):
        out.tell(safe(say("cli.up.unprotected", LANG, hosts=", ".join(hosts))))
    facts = supervisor.start()
    urls = [str(each) for each in facts["api"]["urls"]]
    out.tell(say("cli.up.started", LANG, url="  ".join(urls)))
    if fingerprint := facts["api"].get("fingerprint"):
        out.tell(say("cli.up.fingerprint", LANG, print=fingerprint))
    found = [] if secret is None else links(urls, secret)
    if found:
        out.tell(link_lines(accounts.FIRST, found))
    if (way := tunnel(urls[0])) is not None:
        out.tell(way)
    doors = {**facts["api"]["listening"], **facts["gateway"]["listening"]}
    out.tell(say("listen.head", LANG))
    for name, (address, port) in doors.items():
        out.tell(f"  {say(f'listen.name.{name}', LANG)}: {f'[{address}]' if ':' in address else address}:{port}")
    out.tell(say("listen.data", LANG, folder=settings.data))
    if broken := facts["pipeline"]["rule_errors"]:
        out.tell(say("cli.up.broken_rules", LANG, count=broken))
    for error in broken_playbooks(context):
        out.tell(safe(error.told(LANG)))
    out.tell(say("cli.up.stop", LANG))
    if out.as_json:
        out.one({"url": urls[0], "link": found[0] if found else None, "links": found, **facts})
    notify("READY=1")
    engine, looked_at = settings.store.engine, 0.0
    while not stop.wait(1.0):
        supervisor.watch()
        if context.clock.monotonic() - looked_at < LOOK_SECONDS:
            continue
        looked_at = context.clock.monotonic()
        with suppress(SQLAlchemyError):  # the next look sees
            if (moved_to := context.new_engine(engine)) is not None:
                out.tell(say("cli.up.follows", LANG, engine=moved_to))
                engine = moved_to
                supervisor.renew(WITH_STORE)
    notify("STOPPING=1")
    out.tell(say("cli.up.stopping", LANG))
    supervisor.stop()
