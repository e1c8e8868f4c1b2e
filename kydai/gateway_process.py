"""The gateway: receivers into its own spool, and nothing else.

It holds no pipeline, so a slow rule never makes it lose a datagram. Committed segments are deleted an hour after
their last frame.
"""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from collectors.receivers.netflow import NetflowReceiver
from collectors.receivers.syslog import Outlet, SyslogReceiver
from core.db.models import SpoolPosition
from core.errors import KydaiError
from core.lag import SPOOLS
from core.spool import GroupCommit, Position, Spool
from kydai.context import Context
from kydai.listening import syslog_of
from kydai.log import logger
from kydai.process import HEARTBEAT_SECONDS, Stop, beat, ready

SPOOL = SPOOLS[0]


def open_spool(context: Context, name: str) -> Spool:
    """The spool of this process. Raises Refused when another process has it."""
    limits = context.settings.spool
    with context.database.read() as session:
        row = session.get(SpoolPosition, name)
    return Spool(
        context.settings.spool_folder / name,
        context.clock,
        after=row.segment if row is not None else "",
        quota_bytes=limits.quota_mb << 20,
        reserve_bytes=limits.reserve_mb << 20,
    )


def tidy(context: Context, spool: Spool, name: str) -> None:
    """Delete what is committed and old enough."""
    with context.database.read() as session:
        row = session.get(SpoolPosition, name)
    if row is not None and row.segment:
        spool.delete_before(Position(row.segment, row.record))


def run(context: Context, stop: Stop) -> None:
    """Receive until told to stop; what was received is on disk before this returns."""
    spool = open_spool(context, SPOOL)
    commit = GroupCommit(spool)
    try:
        asyncio.run(_receive(context, stop, commit))
    finally:
        commit.close()
        spool.close()


async def _receive(context: Context, stop: Stop, commit: GroupCommit) -> None:
    settings = context.settings
    loop = asyncio.get_running_loop()
    outlet = Outlet(commit.submit, context.clock, loop)
    syslog = SyslogReceiver(outlet, limit=settings.syslog.max_frame_bytes)
    tcp, udp = syslog_of(settings)
    is_one = (tcp.address, tcp.port) == (udp.address, udp.port)
    await syslog.start(tcp.address, tcp.port, None if is_one else (udp.address, udp.port))
    flows = NetflowReceiver(commit.submit, context.clock)
    try:
        flows.start(settings.netflow.address, settings.netflow.port)
        listening = {
            "syslog_udp": [udp.address, syslog.udp_port],
            "syslog_tcp": [tcp.address, syslog.port],
            "netflow": [settings.netflow.address, flows.port],
        }
        ready(syslog=syslog.port, netflow=flows.port, listening=listening, cut_bytes=commit.spool.cut_bytes)
        while not stop.asked():
            facts: dict[str, Any] = {
                "syslog": dict(outlet.counts),
                "netflow": dict(flows.counts),
                "listening": listening,
                "error": outlet.last_error,
                "cut_bytes": commit.spool.cut_bytes,
            }
            try:
                await loop.run_in_executor(None, _housekeeping, context, commit.spool, facts)
            except (KydaiError, SQLAlchemyError, OSError) as error:
                logger.warning("Housekeeping failed; receiving goes on.", error=str(error))
            for _ in range(int(HEARTBEAT_SECONDS * 10)):
                if stop.asked():
                    break
                await asyncio.sleep(0.1)
    finally:
        flows.stop()
        await syslog.stop()


def _housekeeping(context: Context, spool: Spool, facts: dict[str, Any]) -> None:
    beat(context.database, SPOOL, "gateway", context.clock.now(), facts)
    tidy(context, spool, SPOOL)
