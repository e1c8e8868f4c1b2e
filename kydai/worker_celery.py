"""The doorbell: with a broker, a message says "look now" to workers elsewhere; the rows stay the queue.

A message carries a row's id and nothing else, and may be lost, doubled or late: whoever hears it takes what is due by
lease. No results, no countdowns, no chords; JSON only. Who listens also looks by itself from time to time, so that no
work hangs on a bell that was not heard.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError
from sqlalchemy.exc import SQLAlchemyError

from core.clock import Clock
from core.errors import Unavailable
from kydai.context import Context
from kydai.log import logger
from kydai.working import Shop, step, waiting

LOOK = "kydai.look"
QUEUE = "kydai"
STALE_SECONDS = 60
"""A bell that nobody heard for so long is not worth hearing: the lease loop has looked many times since."""
LOOK_SECONDS = 5.0
"""How often a listener looks although nobody rang."""
KNOCK_SECONDS = 1.0
CLOSE_SECONDS = 2.0
SULK_SECONDS = 30.0
"""How long a broker that is away is left alone."""
RINGS_AT_ONCE = 8


def make_app(broker: str) -> Celery:
    """The Celery app over this broker (``redis://…``, ``amqp://…``)."""
    app = Celery("kydai", broker=broker, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_default_queue=QUEUE,
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options={"socket_connect_timeout": 2, "socket_timeout": 5, "confirm_publish": True},
    )
    return app


class Bell:
    """Rings for rows that are due. Never raises: the rows are there anyway."""

    def __init__(self, broker: str, clock: Clock) -> None:
        self._app = make_app(broker)
        self._clock = clock
        self._quiet_until = 0.0

    def ring(self, rows: Iterable[int]) -> bool:
        """Say "look now" once for each row; False when the broker is away."""
        if self._clock.monotonic() < self._quiet_until:
            return False
        try:
            self._knock()
            for row in rows:
                self._app.send_task(LOOK, args=[row], expires=STALE_SECONDS, retry=False, ignore_result=True)
        except (OperationalError, OSError) as error:
            self._quiet_until = self._clock.monotonic() + SULK_SECONDS
            logger.warning("The broker is away; the worker finds its work alone.", error=str(error))
            return False
        return True

    def _knock(self) -> None:
        # the broker's client itself tries for many seconds before it gives up
        with self._app.connection_for_write() as connection:
            where = connection.info()
        socket.create_connection((where["hostname"], where["port"]), KNOCK_SECONDS).close()

    def close(self) -> None:
        self._app.close()


class Ringer:
    """Rings from a thread of its own, so that a broker that hangs holds nobody up."""

    def __init__(self, context: Context) -> None:
        self.unheard = 0
        """How often it was to ring and the broker, or the database, was away."""
        self._context = context
        self._bell = Bell(context.settings.worker.broker, context.clock)
        self._asked, self._is_wanted, self._is_over = threading.Event(), False, False
        self._thread = threading.Thread(target=self._run, name="bell", daemon=True)
        self._thread.start()

    def soon(self) -> None:
        """Ring for what is due now; returns at once. Call it behind the commit."""
        self._is_wanted = True
        self._asked.set()

    def _run(self) -> None:
        while self._asked.wait():
            self._asked.clear()
            is_over = self._is_over
            if self._is_wanted:
                self._is_wanted = False
                self.unheard += not self._is_heard()
            if is_over:
                return

    def _is_heard(self) -> bool:
        try:
            return self._bell.ring(waiting(self._context, RINGS_AT_ONCE))
        except Exception as error:  # noqa: BLE001 - the boundary of the thread: who put the work is not to suffer
            logger.warning("The bell was not rung.", error=f"{type(error).__name__}: {error}")
            return False

    def close(self) -> None:
        """End; what was asked for is rung first."""
        self._is_over = True
        self._asked.set()
        self._thread.join(CLOSE_SECONDS)  # a broker that hangs does not keep the process
        self._bell.close()


def listen(shop: Shop, broker: str) -> None:
    """Work whenever the bell rings, until SIGTERM; a look that was begun is finished."""
    app = make_app(broker)
    look = looking(shop)
    app.task(name=LOOK)(look)
    name = f"kydai@{socket.gethostname()}-{os.getpid()}"
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    over = threading.Event()
    alone = threading.Thread(target=_look_alone, args=(look, over), name="alone", daemon=True)
    alone.start()
    try:
        app.worker_main(["worker", "--pool", "solo", "--loglevel", "WARNING", "--hostname", name, *quiet])
    finally:
        over.set()
        alone.join()


def _look_alone(look: Callable[[Any], None], over: threading.Event) -> None:
    while not over.wait(LOOK_SECONDS):
        try:
            look(None)
        except (Unavailable, SQLAlchemyError, OSError) as error:
            logger.warning("The worker waits for the database.", error=str(error))


def looking(shop: Shop) -> Callable[[Any], None]:
    """The task: take what is due until nothing is, whatever row the message names; one look at a time."""
    one = threading.Lock()

    def look(row: Any) -> None:
        with one:
            while step(shop):
                pass

    return look
