"""The check of the whole store that somebody asked for in the console.

``python -m kydai.checking`` is started by the worker and leaves when it is done, beside the tending: files are merged
and old ones deleted meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from core import checks, reindexing
from core.errors import KydaiError
from core.keeping import MAINTENANCE
from core.proving import Prover
from core.sealing import counts_sealed
from kydai import sealed
from kydai.beside import beside
from kydai.context import Context
from kydai.log import logger

TELL_SECONDS = 2.0


@contextmanager
def under_way(context: Context, by: str, prover: Prover, *, is_partial: bool = False) -> Iterator[None]:
    """The one check that runs; how far the prover has come is told until left. Raises Conflict."""
    with context.database.write() as session:
        checks.begin(session, by, context.clock.now(), is_partial=is_partial)
        total = sum(counts_sealed(session).values())
    over = threading.Event()

    def tell() -> None:
        while not over.wait(TELL_SECONDS):
            try:
                with context.database.write() as session:
                    has_begun = prover.sealed_to is not None
                    checks.tell(session, prover.events, total if has_begun else 0, context.clock.now())
            except (KydaiError, SQLAlchemyError) as error:
                logger.warning("How far the check has come could not be told.", error=str(error))

    teller = threading.Thread(target=tell, name="checking", daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()
        with context.database.write() as session:
            checks.end(session)


def check(context: Context) -> None:
    """Check what somebody asked for; nothing when it was made meanwhile. Raises Conflict while another check runs."""
    with context.database.read() as session:
        asked = checks.asked(session)
    if asked is None:
        return
    prover = sealed.prover(context)
    with under_way(context, asked.by, prover):
        found = context.store.verify()
        with context.database.read() as session:
            findings = reindexing.besides(session, found, context.clock.now())
        wrong, unread = sealed.wrong(context, prover)
        findings += wrong
        parts = context.store.stats().segments
        with context.database.write() as session:
            checks.note(session, MAINTENANCE, findings, parts, context.clock.now(), asked.by, unread=unread)


def main() -> int:
    """Check the store of the environment's data folder, at low priority; ends with the worker."""
    with beside("checking") as context:
        try:
            check(context)
        except (KydaiError, OSError) as error:
            logger.warning("The store was not checked.", error=str(error))
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
