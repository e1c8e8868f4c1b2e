"""Tending the store: compaction, deletion of what is older than its class allows, sealing of the hours.

``python -m kydai.tending`` is started by the worker and leaves when it is done: the libraries of the store weigh more
than all that the worker does.
"""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError

from core import rejected, storage, tended
from core.clock import HOUR, iso
from core.errors import KydaiError, Refused
from core.keeping import MAINTENANCE
from core.keys import Keys
from core.steady import steady_now
from kydai import sealed
from kydai.beside import beside
from kydai.context import Context
from kydai.log import logger

ROUNDS = 10


def tend(context: Context) -> tuple[int, list[str]]:
    """Compact and retain; how many files were replaced, and the segments deleted (in the journal too; none here where
    some could not be). What could not be compacted or deleted keeps nothing else waiting."""
    replaced = 0
    refused: Refused | None = None
    for _ in range(ROUNDS):
        try:
            files = context.store.compact()
        except Refused as error:
            refused = error
            break
        replaced += files
        if not files:
            break
    with context.database.write() as session:
        now = steady_now(session, context.clock)
    if context.clock.now() - now > HOUR:
        logger.warning("The clock went ahead: for a day nothing is deleted by what it says.", by=iso(now))
    house = (context.database, context.store, context.settings.store.policy)
    gone: list[str] = []
    try:
        gone = storage.retain(*house, MAINTENANCE, now, Keys(context.settings.keys_folder))
    except Refused as error:
        refused = refused or error
    seen = storage.look(*house, context.settings.spool.reserve_mb << 20, now)
    trouble = refused or tended.lacking(context.store)
    with context.database.write() as session:
        storage.note_outlook(session, seen, context.clock.now())
        tended.note(session, trouble)
    return replaced, gone


def main() -> int:
    """Tend the store of the environment's data folder, at low priority; ends with the worker."""
    with beside("tending") as context:
        try:
            replaced, gone = tend(context)
            rejected.offer_barred(context.database, context.store, MAINTENANCE, context.clock.now())
            done = sealed.seal(context)
        except (KydaiError, OSError) as error:
            logger.warning("The store was not tended.", error=str(error))
            with suppress(KydaiError, SQLAlchemyError, OSError), context.database.write() as session:
                tended.note(session, error)
            return 1
    if replaced or gone:
        logger.info("The store was tended.", replaced=replaced, deleted=len(gone))
    if done.trees:
        logger.info("Hours were sealed.", trees=done.trees, events=done.events)
    if done.foreign:
        logger.warning("Sealed hours hold events that no pipeline has judged: kydai store verify.", count=done.foreign)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
