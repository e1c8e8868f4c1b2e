"""The worker: takes due rows of the outbox by lease."""

from __future__ import annotations

from sqlalchemy.exc import SQLAlchemyError

from core.errors import Unavailable
from kydai.context import Context
from kydai.log import logger
from kydai.process import HEARTBEAT_SECONDS, Stop, beat, is_due, ready
from kydai.working import leases_of, step

IDLE_SECONDS = 0.3
RETRY_SECONDS = 2.0


def run(context: Context, stop: Stop) -> None:
    """Work until told to stop; what was taken is finished."""
    leases = leases_of(context)
    name = f"worker:{leases.owner}"
    beaten = 0
    ready(owner=leases.owner)
    while not stop.asked():
        try:
            now = context.clock.now()
            if is_due(beaten, now, HEARTBEAT_SECONDS):
                beat(context.database, name, "worker", now, {})
                beaten = now
            if not step(context, leases):
                stop.wait(IDLE_SECONDS)
        except (Unavailable, SQLAlchemyError, OSError) as error:
            logger.warning("The worker waits for the database.", error=str(error))
            stop.wait(RETRY_SECONDS)
