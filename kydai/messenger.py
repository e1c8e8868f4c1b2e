"""Sends notices: looks for what is new, and takes due ones from the outbox, in a thread of its own.

A relay that does not answer holds nothing else up. The worker's messenger does it all; that of the API process only
while no worker lives, which it tells of. Settings are read anew each time, so a change of the duty list needs no
restart; what cannot be read leaves the last good ones in force.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from core import duty, handover, notices
from core.clock import SECOND, Micros
from core.db import outbox
from core.db.models import Heartbeat, Level, Notice, NoticeState
from core.db.outbox import Leases, Work
from core.errors import KydaiError, Refused, Unavailable, cause, failure, kept, recalled
from core.lag import LIVE, is_live
from core.notices import DIGEST, TEST, WORK, Setup
from core.words import LANGUAGES, Text, both, language, say
from detections.alerting import self_alert
from kydai import noticing
from kydai.context import Context
from kydai.log import logger
from kydai.process import is_due
from kydai.showing import console_urls
from kydai.world import mail_of
from playbooks.action import Doing, Outcome, Unsure, World
from playbooks.actions import notify_email, notify_webhook

BIND = "notice_digest"
"""Work that binds what a channel holds into one message."""
LOOK_SECONDS = 3.0
IDLE_SECONDS = 1.0
RETRY_SECONDS = 5.0
LEASE_SECONDS = 300.0
"""Longer than a relay may take for all its answers together."""
MAX_SUBJECT, MAX_TEXT = 200, 8000


@dataclass(frozen=True, slots=True)
class Going:
    """A notice whose intent is committed."""

    number: int
    channel: str
    to: tuple[str, ...]
    message: noticing.Message
    key: str


def owner_of(worker: str) -> str:
    """The name under which the messenger of a worker takes work."""
    return f"{worker}:notices"


class Messenger:
    """Looks and sends, under the name ``owner``, which nobody had before."""

    def __init__(self, context: Context, owner: str = "") -> None:
        self.context = context
        owner = owner or owner_of(f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}")
        self._leases = Leases(context.database, context.clock, owner, lease_seconds=LEASE_SECONDS)
        self._settings = context.settings
        self._looked = 0

    def step(self) -> bool:
        """Look for what is new, and send what is due; whether anything was sent or tried."""
        now = self.context.clock.now()
        if is_due(self._looked, now, LOOK_SECONDS):
            self._looked = now
            self._settings = self.context.settings_now(self._settings)
            self._look(noticing.setup_of(self._settings), now)
        setup = noticing.setup_of(self._settings)
        taken = self._leases.take([WORK, BIND], 1)
        for work in taken:
            self._do(work, setup)
        return bool(taken)

    def send(self, numbers: Sequence[int]) -> None:
        """Send some that are due and nothing else: for a command, which leaves the rest to the worker."""
        for work in self._leases.take([WORK], 1, [str(number) for number in numbers]):
            self._do(work, noticing.setup_of(self._settings))

    def _look(self, setup: Setup, now: Micros) -> None:
        with self.context.database.read() as session:
            if not noticing.has_news(session, setup.channels, now):
                return
        with self.context.database.write() as session:
            noticing.take_notice(session, setup.channels, now)

    def _do(self, work: Work, setup: Setup) -> None:
        try:
            if work.kind == BIND:
                self._bind(work)
            else:
                self._deliver(work, setup)
        except (KydaiError, SQLAlchemyError, OSError) as error:
            logger.warning("A notice did not go.", key=work.key, error=str(error))
            self._leases.failed(work, error)
        except Exception as error:  # noqa: BLE001 - the boundary: logged and counted in the row, as in kydai/working.py
            logger.exception("A notice broke.", key=work.key)
            self._leases.failed(work, error)

    def _bind(self, work: Work) -> None:
        now = self.context.clock.now()
        with self.context.database.write() as session:
            title = noticing.digest_title(len(notices.held(session, work.key)))
            notices.bind(session, "mail" if work.key == "mail" else "webhook", title, now)
            self._leases.done(session, work)

    def _deliver(self, work: Work, setup: Setup) -> None:
        with self.context.database.write() as session:
            going = self._intend(session, work, setup, self.context.clock.now())
        if going is None:
            return
        try:
            outcome = self._perform(going)
        except Unsure as error:
            self._end(work, going.number, NoticeState.UNKNOWN, error)
            return
        except (KydaiError, ValueError, OSError) as error:
            self._failed(work, going, _told(error))
            return
        refused: Mapping[str, str] = outcome.result.get("refused", {})
        shown = ", ".join(f"{address} ({answer})" for address, answer in refused.items())
        partly = failure(Unavailable, "notices.partly", refused=shown) if refused else None
        self._end(work, going.number, NoticeState.SENT, partly)

    def _intend(self, session: Session, work: Work, setup: Setup, now: Micros) -> Going | None:
        """Commit the intent; None when there is nothing to send."""
        row = session.get(Notice, int(work.key))
        if row is None or row.state not in (NoticeState.WAITING, NoticeState.SENDING):
            self._leases.done(session, work)
            return None
        if row.state == NoticeState.SENDING:
            cut = failure(Unsure, "notices.cut_off")
            notices.settle(session, row, NoticeState.UNKNOWN, now, kept(cut))
            _tell_lost(session, row, now)
            self._leases.done(session, work)
            return None
        if noticing.is_over(session, row):
            notices.settle(session, row, NoticeState.OVER, now)
            self._leases.done(session, work)
            return None
        full = None if row.matter in (TEST, DIGEST) else notices.full_until(session, row.channel, now)
        if full is not None:
            row.is_held = True
            outbox.put(session, BIND, row.channel, now=now, due_at=full)
            self._leases.done(session, work)
            return None
        noticing.refresh(session, row)
        row.state, row.attempts, row.updated_at = NoticeState.SENDING, row.attempts + 1, now
        carried = handover.mailed(session, row)
        if not (carried and row.to):  # a hand-over may be for somebody by name
            row.to = duty.recipients(setup.duty, now) if row.channel == "mail" else [setup.webhook]
        is_last = row.matter not in (TEST, DIGEST) and notices.room(session, row.channel, now) == 1
        inside = notices.parts(session, row.id) if row.matter == DIGEST else ()
        base = _best_url(console_urls(session, self._settings))
        text = noticing.message(row, inside, base, language(), self._settings.zone, is_last=is_last, text=carried)
        # the same however often it is tried: who gets it twice can tell
        key = hashlib.sha256(f"{row.id}:{row.created_at}".encode()).hexdigest()
        return Going(row.id, row.channel, tuple(row.to), text, key)

    def _perform(self, going: Going) -> Outcome:
        settings, message = self._settings, going.message
        hosts = tuple(settings.playbooks.webhook_hosts)
        if going.channel == "webhook" and settings.notices.webhook:
            hosts = (settings.webhook_name, *hosts)
        world = World(self.context.database, self.context.clock, mail=mail_of(settings), webhook_hosts=hosts)
        doing = Doing(0, "notice", going.key, None, "kydai")
        if going.channel == "webhook":
            if not settings.notices.webhook:
                raise failure(Refused, "notices.off")
            return notify_webhook.perform(
                notify_webhook.Webhook(url=settings.notices.webhook, body=message.body), world, doing
            )
        if not world.mail.host:
            raise failure(Refused, "notices.off")
        if not going.to:
            raise failure(Refused, "notices.nobody_now")
        mail = notify_email.Email(
            to=list(going.to)[:50], subject=message.subject[:MAX_SUBJECT], text=message.text[:MAX_TEXT]
        )
        return notify_email.perform(mail, world, doing)

    def _failed(self, work: Work, going: Going, error: KydaiError) -> None:
        """It did not go: tried again later, given up after the last attempt."""
        with self.context.database.read() as session:
            is_test = session.get_one(Notice, going.number).matter == TEST
        if work.attempts >= (1 if is_test else notices.ATTEMPTS):
            self._end(work, going.number, NoticeState.FAILED, error)
            return
        with self.context.database.write() as session:
            row = session.get_one(Notice, going.number)
            row.state, row.error, row.updated_at = NoticeState.WAITING, kept(error), self.context.clock.now()
        self._leases.failed(work, error)

    def _end(self, work: Work, number: int, state: NoticeState, error: KydaiError | None) -> None:
        now = self.context.clock.now()
        with self.context.database.write() as session:
            row = session.get_one(Notice, number)
            notices.settle(session, row, state, now, "" if error is None else kept(error))
            if state is not NoticeState.SENT and row.matter != TEST:
                _tell_lost(session, row, now)
            if state is NoticeState.SENT and notices.recall(session, row.channel, now):
                outbox.put(session, BIND, row.channel, now=now, due_at=now)
            self._leases.done(session, work)


def _told(error: KydaiError | ValueError | OSError) -> KydaiError:
    """Any error as one with words."""
    if isinstance(error, KydaiError):
        return error
    return failure(Unavailable, "notices.broken", why=cause(error))


def _tell_lost(session: Session, row: Notice, now: Micros) -> None:
    """A notice that is lost is a matter of its own, which the next message tells."""
    why: Text = recalled(row.error)
    title = {lang: say(f"notices.lost.{row.channel}", lang, why=why[lang]) for lang in LANGUAGES}
    self_alert(session, f"notice:{row.channel}", title, Level.HIGH, {"notice": row.id}, now)


def _best_url(urls: list[str]) -> str:
    """The address that a person elsewhere can open, if there is one."""
    return next((url for url in urls if "127.0.0.1" not in url and "localhost" not in url), urls[0])


class Sending:
    """A thread that runs a messenger until it is closed; ``is_wanted`` is asked before each step."""

    def __init__(self, context: Context, owner: str = "", is_wanted: Callable[[], bool] = lambda: True) -> None:
        self._context, self._owner, self._is_wanted = context, owner, is_wanted
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go, name="notices", daemon=True)

    def __enter__(self) -> Sending:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._over.set()
        self._thread.join(2 * RETRY_SECONDS)  # what is being sent has its intent written

    def _go(self) -> None:
        messenger: Messenger | None = None
        while not self._over.is_set():
            pause = IDLE_SECONDS
            try:
                if self._is_wanted():
                    messenger = messenger or Messenger(self._context, self._owner)
                    pause = 0 if messenger.step() else IDLE_SECONDS
            except (KydaiError, SQLAlchemyError, OSError) as error:
                logger.warning("Notices wait for the database.", error=str(error))
                pause = RETRY_SECONDS
            self._over.wait(pause)


class Watch:
    """For the API process: whether no worker lives, which it tells of, so that somebody sends that."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._began = self._looked = context.clock.now()
        self._is_alone = False

    def __call__(self) -> bool:
        now = self._context.clock.now()
        if is_due(self._looked, now, LIVE / SECOND / 4):
            self._looked = now
            self._look(now)
        return self._is_alone

    def _look(self, now: Micros) -> None:
        lives = select(Heartbeat.name).where(Heartbeat.kind == "worker", is_live(Heartbeat.at, now)).limit(1)
        with self._context.database.read() as session:
            is_alone = now - self._began > LIVE and session.scalar(lives) is None
        if is_alone and not self._is_alone:
            with self._context.database.write() as session:
                title = both("upkeep.process.worker")
                self_alert(session, "process:worker", title, Level.HIGH, {}, now)
        self._is_alone = is_alone
