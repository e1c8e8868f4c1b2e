"""The doorbell: with a broker, a message says "look now" to workers elsewhere; the rows stay the queue.

A message carries a row's id and nothing else, and may be lost, doubled or late: whoever hears it takes what is due by
lease. No results, no countdowns, no chords; JSON only.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

from core.clock import Clock
from kydai.log import logger
from kydai.working import Shop, step

LOOK = "kydai.look"
QUEUE = "kydai"
STALE_SECONDS = 60
"""A bell that nobody heard for so long is not worth hearing: the lease loop has looked many times since."""
KNOCK_SECONDS = 1.0
SULK_SECONDS = 30.0
"""How long a broker that is away is left alone."""


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
    """Rings for work that this worker alone does not get done at once. Never raises: the rows are there anyway."""

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


def listen(shop: Shop, broker: str) -> None:
    """Work whenever the bell rings, until SIGTERM; a look that was begun is finished."""
    app = make_app(broker)
    app.task(name=LOOK)(looking(shop))
    name = f"kydai@{socket.gethostname()}-{os.getpid()}"
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    app.worker_main(["worker", "--pool", "solo", "--loglevel", "WARNING", "--hostname", name, *quiet])


def looking(shop: Shop) -> Callable[[Any], None]:
    """The task: take what is due until nothing is, whatever row the message names."""

    def look(row: Any) -> None:
        while step(shop):
            pass

    return look
