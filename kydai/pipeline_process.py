"""The pipeline: takes what the gateway and the API spooled through parse, judge and commit.

At most one commit a second unless 5,000 raws are waiting, so that the store gets few files and an alert is still
visible within two seconds.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from collectors.parser import ParserSet
from core.clock import SECOND, Clock
from core.errors import BadConfig, KydaiError, Unavailable, reason
from core.lag import SPOOLS, UNCOMMITTED
from core.words import Text
from kydai import memory
from kydai.context import Context
from kydai.detector import Detector
from kydai.log import logger
from kydai.pipeline import BATCH_FRAMES, Parts, Pipeline
from kydai.process import HEARTBEAT_SECONDS, Pulse, Stop, beat, is_due, ready

COMMIT_EVERY = 1.0
IDLE_SECONDS = 0.1
RETRY_SECONDS = 2.0
GIVE_BACK_SECONDS = 5.0
"""What batches took is given back so often, when there is nothing to do."""


def parts_of(context: Context) -> Parts:
    """What a pipeline works with; loads the rules."""
    settings = context.settings
    detector = Detector.open(settings, context.database, context.clock)
    return Parts(context.database, context.store, context.clock, ParserSet.load(), detector, settings.zone)


@dataclass(slots=True)
class _Pace:
    """Whether a spool's next batch is due."""

    clock: Clock
    last: int = 0
    was_full: bool = False

    @property
    def is_due(self) -> bool:
        return self.was_full or self.clock.now() - self.last >= COMMIT_EVERY * SECOND or self.clock.now() < self.last

    def took(self, frames: int) -> None:
        self.was_full = frames >= BATCH_FRAMES
        if frames:
            self.last = self.clock.now()


def _meet_store(context: Context) -> None:
    """Raises BadConfig when the store is none that we can use; one that is away is waited for."""
    try:
        context.store.stats()
    except Unavailable as error:
        logger.warning("The event store does not answer yet.", error=str(error))


def run(context: Context, stop: Stop) -> None:
    """Follow the spools until told to stop; a batch that was begun is finished. Raises BadConfig when the store cannot
    be used from the start."""
    _meet_store(context)
    with memory.settled():
        parts = parts_of(context)
        spools = [Pipeline(name, context.settings.spool_folder / name, parts) for name in SPOOLS]
    memory.keep()
    paces = {name: _Pace(context.clock) for name in SPOOLS}
    facts = parts.detector.facts()
    ready(rules=facts["rules"], ruleset=facts["ruleset"], rule_errors=facts["errors"])
    waiting: dict[str, Text] = {}

    def say_behind() -> None:
        for pipeline in spools:
            with suppress(Unavailable, SQLAlchemyError, OSError):
                pipeline.say_behind()

    def say() -> None:
        facts = parts.detector.facts() | context.unheard() | {UNCOMMITTED: next(iter(waiting.values()), None)}
        beat(context.database, "pipeline", "pipeline", context.clock.now(), facts)

    beaten, given, told = 0, 0, False
    with Pulse(context.database, context.clock, "pipeline", busy=say_behind) as pulse:
        while not stop.asked():
            taken = 0
            for pipeline in spools:
                pulse.turn()
                pace = paces[pipeline.spool]
                if not pace.is_due:
                    continue
                try:
                    frames = pipeline.step()
                # a key revoked or a certificate run out is put right in the cluster or the key's file: no new start
                except (BadConfig, Unavailable, SQLAlchemyError, OSError) as error:
                    logger.warning(
                        "The batch was not committed and is tried again.", spool=pipeline.spool, error=str(error)
                    )
                    waiting[pipeline.spool] = error.said if isinstance(error, KydaiError) else reason(error)
                    say_behind()
                    stop.wait(RETRY_SECONDS)
                    continue
                waiting.pop(pipeline.spool, None)
                pace.took(frames)
                taken += frames
            if is_due(beaten, context.clock.now(), HEARTBEAT_SECONDS) or told is not bool(waiting):
                beaten, told = context.clock.now(), bool(waiting)
                try:
                    say()
                except (Unavailable, SQLAlchemyError, OSError) as error:
                    logger.warning("The heartbeat was not written.", error=str(error))
            if not taken:
                if is_due(given, context.clock.now(), GIVE_BACK_SECONDS):
                    given = context.clock.now()
                    memory.give_back()
                stop.wait(IDLE_SECONDS)
