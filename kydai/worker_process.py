"""The worker: due rows of the outbox, the correlations of live input, and what must be looked after."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from sqlalchemy.exc import SQLAlchemyError

from core.errors import Unavailable
from detections.correlate_worker import CorrelationWorker
from kydai import memory
from kydai.context import Context
from kydai.log import logger
from kydai.maintenance import Maintenance
from kydai.messenger import Sending, owner_of
from kydai.process import HEARTBEAT_SECONDS, Pulse, Stop, beat, is_due, ready
from kydai.roll import sign_in
from kydai.working import Shop, shop_of, step

IDLE_SECONDS = 0.3
AT_ONCE = 20
RETRY_SECONDS = 2.0


def run(context: Context, stop: Stop, *, announce: Callable[..., None] = ready) -> None:
    """Work until told to stop; what was taken is finished. ``announce`` says that it has begun."""
    with memory.settled():
        shop = shop_of(context)
        correlation = _correlation(shop)
    name = f"worker:{shop.leases.owner}"
    maintenance = Maintenance(context, shop.rule_title)
    beaten = 0

    def bury(owners: Sequence[str]) -> None:
        rows = shop.leases.end_those_of([*owners, *map(owner_of, owners)])
        correlation.end_those_of(owners)
        logger.warning("Workers had died; what they had taken goes on.", workers=len(owners), rows=rows)

    life = sign_in(context.settings.data / "workers", shop.leases.owner, bury)
    announce(owner=shop.leases.owner)
    pulse, sending = Pulse(context.database, context.clock, name), Sending(context, owner_of(shop.leases.owner))
    with pulse, sending:
        while not stop.asked():
            pulse.turn()
            try:
                now = context.clock.now()
                if is_due(beaten, now, HEARTBEAT_SECONDS):
                    beat(context.database, name, "worker", now, _facts(correlation) | context.unheard())
                    beaten = now
                maintenance.step()
                busy = correlation.step()
                if correlation.is_outdated:
                    correlation.release()
                    correlation, busy = _correlation(shop), True
                taken = step(shop, AT_ONCE)
                if taken == AT_ONCE:
                    context.ring()
                if not taken and not busy:
                    stop.wait(IDLE_SECONDS)
            except (Unavailable, SQLAlchemyError, OSError) as error:
                logger.warning("The worker waits for the database.", error=str(error))
                stop.wait(RETRY_SECONDS)
    maintenance.close()
    correlation.release()
    (context.settings.data / "workers" / shop.leases.owner).unlink(missing_ok=True)
    os.close(life)


def _correlation(shop: Shop) -> CorrelationWorker:
    context, owner, ruleset = shop.context, shop.leases.owner, shop.rules()[0]
    return CorrelationWorker(
        context.database, ruleset, context.clock, owner, version=shop.rules_version, folder=context.settings.data
    )


def _facts(correlation: CorrelationWorker) -> dict[str, int]:
    stats = correlation.stats
    groups, resting = correlation.groups()
    return {
        "blocks": stats.blocks,
        "damaged": stats.damaged,
        "alarms": stats.alarms,
        "waiting": correlation.lag(),
        "groups": groups,
        "resting": resting,
        "forgotten": stats.forgotten,
        "anew": stats.anew,
        "ahead": stats.ahead,
    }
