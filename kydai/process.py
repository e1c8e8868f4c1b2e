"""One process of ``kydai up``: ``python -m kydai.process gateway|pipeline|api|worker``.

The supervisor hands settings down by the environment, reads ``{"ready": …}`` or ``{"error": …}`` as the first line
on standard output, and ends a process with SIGTERM. A process whose supervisor died ends by itself.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

import orjson
from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from core.clock import SECOND, Clock
from core.db.database import Database
from core.db.models import Heartbeat
from core.errors import KydaiError, Unavailable
from core.words import LANGUAGES, language
from kydai.cli.output import Output
from kydai.context import Context
from kydai.log import configure, logger

SUPERVISOR = "KYDAI_SUPERVISOR"
"""The variable that hands down the supervisor's process number; in a container that may be 1."""
NAMES = ("gateway", "api", "pipeline", "worker")
_PR_SET_PDEATHSIG = 1
HEARTBEAT_SECONDS = 5.0
PULSE_SECONDS = 3.0
PATIENCE = 120.0


class Stop:
    """Set by SIGTERM or SIGINT; every loop looks at it."""

    def __init__(self) -> None:
        self.event = threading.Event()

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.event.set()

    def asked(self) -> bool:
        """Whether it is time to stop."""
        return self.event.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep, or return True at once when it is time to stop."""
        return self.event.wait(seconds)


def ready(**facts: Any) -> None:
    """Tell the supervisor that everything is bound and opened."""
    sys.stdout.buffer.write(orjson.dumps({"ready": facts}, option=orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()


def beat(database: Database, name: str, kind: str, now: int, data: Mapping[str, Any]) -> None:
    """Write this process's heartbeat row."""
    with database.write() as session:
        session.merge(Heartbeat(name=name, kind=kind, at=now, data=dict(data)))


class Pulse:
    """Keeps a heartbeat fresh from a thread of its own: a loop may be busy with one thing for long and yet live.

    But not for ever: a loop that does not come round (``turn``) in ``PATIENCE`` seconds hangs, and is shown as gone.
    ``busy`` is called again and again, in that thread, while it is late.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        name: str,
        seconds: float = PULSE_SECONDS,
        busy: Callable[[], None] = lambda: None,
    ) -> None:
        self._database, self._clock, self._name, self._seconds = database, clock, name, seconds
        self._busy = busy
        self._turned = clock.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go, name="pulse", daemon=True)

    def __enter__(self) -> Pulse:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def turn(self) -> None:
        """The loop has come round."""
        self._turned = self._clock.monotonic()

    def _go(self) -> None:
        while not self._over.wait(self._seconds):
            late = self._clock.monotonic() - self._turned
            if late > PATIENCE:
                continue
            if late > self._seconds:
                self._busy()
            # who cannot write is as good as gone, and is shown so
            with suppress(Unavailable, SQLAlchemyError), self._database.write() as session:
                fresh = update(Heartbeat).where(Heartbeat.name == self._name).values(at=self._clock.now())
                session.execute(fresh)


def is_due(last: int, now: int, seconds: float) -> bool:
    """Whether ``seconds`` have passed since ``last`` (or the wall clock went back)."""
    return now - last >= seconds * SECOND or now < last


def main(name: str) -> NoReturn:
    """Run one process until it is told to stop."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.environ.pop(SUPERVISOR, parent := str(os.getppid())) != parent:
        sys.exit(1)  # it died before we asked to be told of that
    stop = Stop()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    configure(name)
    context = Context(None, None, Output(True, language()))
    try:
        importlib.import_module(f"kydai.{name}_process").run(context, stop)
    except KydaiError as error:
        sys.stdout.buffer.write(
            orjson.dumps({"error": {lang: error.told(lang) for lang in LANGUAGES}}, option=orjson.OPT_APPEND_NEWLINE)
        )
        logger.error("The process stopped.", process=name, error=str(error))
        sys.exit(1)
    finally:
        context.close()
    sys.exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
