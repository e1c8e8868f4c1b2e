"""``kydai doctor``: what is wrong with machine, settings and data, each finding with its remedy."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import typer
from rich.text import Text
from sqlalchemy import func, select

from core import backups, lag, rejected, tended
from core.clock import MINUTE
from core.db.models import DeadLetter, Heartbeat, LetterStage, Outbox, OutboxState
from core.errors import KydaiError, recalled
from core.ledger import read_balances
from core.words import duration, say, size
from detections import beacon_marks, local_rules
from detections.package_remains import remains
from kydai.cli.doctor_ports import Finding, ports
from kydai.cli.main import FAILED, LANG
from kydai.cli.output import safe
from kydai.context import Context, make_folder
from kydai.listening import Listener, listeners, told
from kydai.settings import Settings
from kydai.showing import days_left, ending
from kydai.world import broken_playbooks

WANTED_BUFFER = 32 << 20
WORK_SHOWN = 10


def register(app: typer.Typer) -> None:
    app.command("doctor", help=say("cli.doctor.help", LANG))(doctor)


def doctor(ctx: typer.Context) -> int:
    context: Context = ctx.obj
    findings = list(examine(context))
    bad = [f for f in findings if not f.ok]
    if context.output.as_json:
        context.output.lines(asdict(f) for f in findings)
        return FAILED if bad else 0
    for finding in findings:
        mark = Text("✓ ", style="green") if finding.ok else Text("✗ ", style="bold red")
        context.output.err.print(mark + Text(finding.text), soft_wrap=True)
        if finding.remedy:
            context.output.err.print(Text(f"  {say('cli.doctor.remedy', LANG)}: {finding.remedy}"), soft_wrap=True)
    if not bad:
        context.output.tell(say("cli.doctor.ok", LANG))
    return FAILED if bad else 0


def examine(context: Context) -> Iterator[Finding]:
    """All checks, the machine first."""
    settings = context.settings
    yield _python()
    try:
        make_folder(settings.data)
    except KydaiError as error:
        yield Finding("folder", False, error.said[LANG], error.remedy[LANG] if error.remedy else "")
        return
    yield Finding("folder", True, say("cli.doctor.folder_ok", LANG, folder=settings.data))
    if settings.data.stat().st_mode & 0o077:
        remedy = say("cli.doctor.folder_open_remedy", LANG, folder=settings.data)
        yield Finding("others", False, say("cli.doctor.folder_open", LANG, folder=settings.data), remedy)
    yield _disk(settings)
    yield from ports(settings, running=_listening(context))
    yield from _certificate(context)
    yield _clock()
    yield _buffer()
    has_data = (settings.data / "control.sqlite").is_file()
    if has_data or settings.store.engine == "elastic":
        yield _store(context)
    if settings.store.engine == "elastic" and (hosts := settings.elastic.unprotected):
        text = safe(say("cli.up.unprotected", LANG, hosts=", ".join(hosts)))
        yield Finding("unprotected", False, text, say("cli.doctor.unprotected_remedy", LANG))
    if has_data:
        yield from _data(context)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info >= (3, 11)
    text = say("cli.doctor.python", LANG, version=version)
    return Finding("python", good, text, "" if good else say("cli.doctor.python_old", LANG))


def _disk(settings: Settings) -> Finding:
    free, reserve = shutil.disk_usage(settings.data).free, settings.spool.reserve_mb << 20
    good = free > 4 * reserve
    remedy = "" if good else say("cli.doctor.disk_low", LANG, reserve=size(reserve, LANG))
    return Finding("disk", good, say("cli.doctor.disk", LANG, free=size(free, LANG)), remedy)


def _is_running(context: Context) -> bool:
    if not (context.settings.data / "control.sqlite").is_file():
        return False
    with context.database.read() as session:
        newest = session.scalar(select(func.max(Heartbeat.at)))
    return newest is not None and context.clock.now() - newest < MINUTE


def _certificate(context: Context) -> Iterator[Finding]:
    try:
        days = days_left(context.settings, context.clock.now())
    except KydaiError as error:
        yield Finding("certificate", False, error.said[LANG], error.remedy[LANG] if error.remedy else "")
        return
    if days is not None:
        yield Finding("certificate", False, ending(days)[LANG], say("tls.own_in_use.remedy", LANG))


def _listening(context: Context) -> list[Listener]:
    """What the running processes listen on; nothing where none run."""
    if not _is_running(context):
        return []
    live = select(Heartbeat.data).where(Heartbeat.at > context.clock.now() - MINUTE)
    with context.database.read() as session:
        return told(session.scalars(live)) or listeners(context.settings)


def _clock() -> Finding:
    if (timedatectl := shutil.which("timedatectl")) is not None:
        told = subprocess.run(
            [timedatectl, "show", "-p", "NTPSynchronized", "--value"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
        if told.stdout.strip() == "yes":
            return Finding("clock", True, say("cli.doctor.clock_ok", LANG))
    return Finding("clock", False, say("cli.doctor.clock_bad", LANG), say("cli.doctor.clock_remedy", LANG))


def _buffer() -> Finding:
    largest = int(Path("/proc/sys/net/core/rmem_max").read_text("ascii"))
    if largest >= WANTED_BUFFER:
        return Finding("buffer", True, say("cli.doctor.buffer_ok", LANG, size=size(largest, LANG)))
    text = say("cli.doctor.buffer_small", LANG, size=size(largest, LANG))
    return Finding("buffer", False, text, say("cli.doctor.buffer_remedy", LANG))


def _store(context: Context) -> Finding:
    """Whether the event store answers; which engine it is, is its own matter."""
    try:
        found = context.store.stats()
    except KydaiError as error:
        remedy = error.remedy[LANG] if error.remedy else say("cli.doctor.store_remedy", LANG)
        return Finding("store", False, safe(error.said[LANG]), remedy)
    return Finding("store", True, say("cli.doctor.store", LANG, records=found.events + found.flows))


def _data(context: Context) -> Iterator[Finding]:
    now = context.clock.now()
    for error in broken_playbooks(context):
        yield Finding("playbook", False, safe(error.told(LANG)), say("cli.doctor.playbook_remedy", LANG))
    with context.database.read() as session:
        spools = lag.spool_lags(session, now)
        letters = select(func.count(), func.sum(func.length(DeadLetter.raw)))
        dead, dead_bytes = session.execute(letters.where(DeadLetter.stage != LetterStage.STORED)).tuples().one()
        first, barred = rejected.first_barred(session), rejected.barred(session)
        off = [b.source for b in read_balances(session).values() if not b.holds]
        trouble, wanting, backed = tended.trouble(session), backups.trouble(session, now), backups.last(session)
        waiting = lag.waits(session, now) if _is_running(context) else {}
        correlated = lag.correlated(session, now)
        anew, ahead = lag.begun_anew(session, now)
        lacking = beacon_marks.lacking(session, now)
        left = remains(session, context.settings.rules_folder / "packages")
        unwritten = local_rules.waiting(session)
        buried = session.scalars(
            select(Outbox).where(Outbox.state == OutboxState.DEAD).order_by(Outbox.id.desc())
        ).all()
    for spool, age in spools.items():
        if age > MINUTE:
            text = say("cli.doctor.lag", LANG, spool=spool, lag=duration(age, LANG))
            yield Finding("lag", False, text, say("cli.doctor.lag_remedy", LANG))
    see_worker = say("cli.doctor.worker_remedy", LANG)
    for name, age in waiting.items():
        if age > MINUTE:
            yield Finding("lag", False, say(f"upkeep.lag.{name}", LANG, lag=duration(age, LANG)), see_worker)
    if groups := correlated["groups"]:
        text = say("correlation.groups", LANG, count=groups, resting=correlated["resting"])
        yield Finding("correlation", True, text)
    if lost := correlated["forgotten"] + correlated["damaged"]:
        text = say("correlation.lost", LANG, count=lost)
        yield Finding("correlation", False, text, say("correlation.lost_remedy", LANG))
    if anew:
        text = say("correlation.anew", LANG, count=anew, ahead=duration(ahead, LANG))
        yield Finding("clock", False, text, say("correlation.anew_remedy", LANG))
    if lacking:
        text = say("kinds.beacon.ailment", LANG, **beacon_marks.sums(lacking))
        yield Finding("beacon", False, text, say("kinds.beacon.remedy", LANG))
    for each in left:
        text = safe(say(f"packages.left.{each.how}", LANG, name=each.name))
        yield Finding("package", False, text, say(f"packages.left_remedy.{each.how}", LANG))
    for file in unwritten:
        text = safe(say("local.waiting", LANG, file=file))
        yield Finding("rule", False, text, say("local.waiting.remedy", LANG))
    for row in buried[:WORK_SHOWN]:
        why = safe(recalled(row.error)[LANG])
        told = {"kind": row.kind, "key": safe(row.key), "attempts": str(row.attempts), "error": why}
        yield Finding("dead work", False, say("cli.doctor.dead_work", LANG, **told), see_worker)
    if len(buried) > WORK_SHOWN:
        more = say("cli.doctor.dead_work_more", LANG, count=len(buried) - WORK_SHOWN)
        yield Finding("dead work", False, more, see_worker)
    if trouble is not None:
        text = safe(say("upkeep.store", LANG, why=trouble[LANG]))
        yield Finding("tending", False, text, say("upkeep.store_remedy", LANG))
    if wanting is not None:
        yield Finding("backup", False, safe(wanting[LANG]), say("backup.trouble.remedy", LANG))
    elif backed is not None and backed.at is not None:
        text = say("backup.fresh", LANG, age=duration(now - backed.at, LANG), file=safe(backed.file))
        yield Finding("backup", True, text)
    if first is not None:
        text = say("api.health.barred", LANG, count=barred, why=safe(first.reason))
        yield Finding("store", False, text, say("store.elastic.blocked.remedy", LANG))
    if dead:
        text = say("cli.doctor.dead", LANG, count=dead, size=size(int(dead_bytes or 0), LANG))
        yield Finding("dead letters", False, text, say("cli.doctor.dead_remedy", LANG))
    if off:
        text = say("cli.doctor.balance", LANG, sources=", ".join(off[:10]))
        yield Finding("balance", False, text, say("cli.doctor.balance_remedy", LANG))
    else:
        yield Finding("balance", True, say("cli.doctor.balance_ok", LANG))
