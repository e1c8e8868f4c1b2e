"""The work of the outbox: one handler a kind, taken by lease.

A handler that raises gives its row back for a later attempt; after the last it is dead and shown. ``drain`` is for
commands that leave when their own work is done.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping

from sqlalchemy.exc import SQLAlchemyError

from core.db.outbox import Leases, Work
from core.errors import KydaiError
from enrichment import incidents
from enrichment.observables import House
from kydai.context import Context
from kydai.log import logger

Handler = Callable[[Context, Leases, Work], None]


def group(context: Context, leases: Leases, work: Work) -> None:
    """An alert joins or makes an incident."""
    with context.database.write() as session:
        incidents.group(session, int(work.key), context.clock.now(), House())
        leases.done(session, work)


HANDLERS: Mapping[str, Handler] = {"group": group}


def leases_of(context: Context) -> Leases:
    """Leases in the name of this process."""
    return Leases(context.database, context.clock, f"{socket.gethostname()}:{os.getpid()}")


def step(context: Context, leases: Leases, limit: int = 20) -> int:
    """Do what is due, up to ``limit`` rows; returns how many were taken."""
    taken = leases.take(list(HANDLERS), limit)
    for work in taken:
        try:
            HANDLERS[work.kind](context, leases, work)
        except (KydaiError, SQLAlchemyError, OSError) as error:
            logger.warning("Work failed and is tried again.", kind=work.kind, key=work.key, error=str(error))
            leases.failed(work, str(error))
        except Exception as error:  # noqa: BLE001 - the boundary of handlers: logged, counted in the row, buried at last
            logger.exception("Work broke.", kind=work.kind, key=work.key)
            leases.failed(work, f"{type(error).__name__}: {error}")
    return len(taken)


def drain(context: Context) -> None:
    """Work until nothing is due."""
    leases = leases_of(context)
    while step(context, leases):
        pass
