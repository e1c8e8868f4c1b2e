"""What an older version wrote is written anew, where the engine needs that (core/reindexing.py).

``python -m kydai.reindexing`` is started by the worker and leaves when nothing is left to be done, beside the tending.
"""

from __future__ import annotations

import secrets
import signal
import sys
from contextlib import suppress

from core import reindexing
from core.errors import KydaiError
from core.keeping import MAINTENANCE
from core.reindexing import Run
from core.store.reindex import Reindexing
from kydai.beside import beside
from kydai.context import Context
from kydai.log import logger

TELL_SECONDS = 2.0


class _Teller:
    """Writes down how far it is, every two seconds and at each new stage."""

    def __init__(self, context: Context, run: Run) -> None:
        self._context = context
        self.run = run
        self._told_at = 0.0

    def __call__(self, state: Reindexing) -> None:
        now, last = self._context.clock.monotonic(), self.run.state
        is_same = last is not None and (last.part, last.stage) == (state.part, state.stage)
        if is_same and now - self._told_at < TELL_SECONDS:
            return
        with self._context.database.write() as session:
            self.run = reindexing.note(session, MAINTENANCE, self.run, state, self._context.clock.now())
        self._told_at = now


def reindex(context: Context) -> int:
    """Write anew what is to be; how many parts. Raises Conflict while another process is at it, else as the store."""
    with context.database.write() as session:
        run = reindexing.begin(session, secrets.token_hex(8), context.clock.now())
    error: Exception | None = None
    is_done = False
    try:
        parts = context.store.reindex(_Teller(context, run))
        is_done = True
    except Exception as raised:
        error = raised
        raise
    finally:
        with suppress(KydaiError), context.database.write() as session:
            reindexing.end(session, run, context.clock.now(), error, is_done=is_done)
    return parts


def leave(*_: object) -> None:
    """End at a signal. What keeps writers waiting is undone on the way out, and a second signal does not bar that."""
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    sys.exit(1)


def main() -> int:
    """Look after the store of the environment's data folder, at low priority; ends with the worker."""
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, leave)
    with beside("reindexing") as context:
        try:
            parts = reindex(context)
        except (KydaiError, OSError) as error:
            logger.warning("What an older version wrote could not be written anew.", error=str(error))
            return 1
    if parts:
        logger.info("What an older version wrote was written anew.", parts=parts)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
