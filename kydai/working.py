"""The work of the outbox: one handler a kind, taken by lease.

A handler that raises gives its row back for a later attempt; after the last it is dead and shown. What was taken is
held on to while it is worked on, so that slow work is not begun a second time elsewhere. ``drain`` is for commands
that leave when their own work is done.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from core.clock import SECOND
from core.db.models import Meta, Outbox, OutboxState, Run
from core.db.outbox import Leases, Work
from core.errors import KydaiError
from core.words import LANGUAGES
from detections.alerting import rule_title
from detections.correlate_replay import correlate_replay, drafted_replay, save_replay
from detections.correlation_rules import PatternSet, resolve
from detections.ruleset import RuleSet
from enrichment import incidents
from enrichment.observables import read_house
from kydai.context import Context
from kydai.detector import load_rules
from kydai.log import logger
from kydai.world import playbooks_folder, world_of
from playbooks import newcomers, responding
from playbooks.playbook import Playbook
from playbooks.playbook import load as load_playbooks


@dataclass(slots=True)
class Shop:
    """What handlers work with: the context, the leases of this worker, and the rules (loaded when first needed)."""

    context: Context
    leases: Leases
    _rules: tuple[str, RuleSet, PatternSet] | None = None
    _playbooks: tuple[list[tuple[str, int]], dict[str, Playbook]] | None = None

    def playbooks(self) -> dict[str, Playbook]:
        """The playbooks in force; read anew when the site's folder changed, broken ones are logged then."""
        folder = playbooks_folder(self.context)
        stamp = sorted((f.name, f.stat().st_mtime_ns) for f in folder.glob("*.yml")) if folder.is_dir() else []
        if self._playbooks is None or self._playbooks[0] != stamp:
            found, errors = load_playbooks(folder)
            for error in errors:
                logger.error("A playbook cannot be used.", error=str(error))
            self._playbooks = stamp, found
        return self._playbooks[1]

    def rules(self) -> tuple[RuleSet, PatternSet]:
        """The rules in force and their correlations; loaded anew when a person changed them."""
        with self.context.database.read() as session:
            marked = session.get(Meta, "rules")
            version = marked.value if marked else ""
            if self._rules is None or self._rules[0] != version:
                ruleset = load_rules(self.context.settings, session)
                self._rules = (version, ruleset, resolve(ruleset.rules, ruleset.correlations))
        return self._rules[1:]

    @property
    def rules_version(self) -> str:
        """At which version the rules were loaded."""
        return self._rules[0] if self._rules is not None else ""

    def rule_title(self, rule_id: str) -> Mapping[str, str]:
        """What a rule is called, in both languages; its id when it is no longer there."""
        rule = self.rules()[0].by_id.get(rule_id)
        return dict.fromkeys(LANGUAGES, rule_id) if rule is None else rule_title(rule)


Handler = Callable[[Shop, Work], None]


def group(shop: Shop, work: Work) -> None:
    """An alert joins or makes an incident; the playbooks that are for it start."""
    alert_id, now = int(work.key), shop.context.clock.now()
    playbooks = shop.playbooks()  # read from files: not while the database is locked
    with shop.context.database.write() as session:
        incidents.group(session, alert_id, now, read_house(session, shop.context.settings.site.shared))
        responding.trigger_alert(session, playbooks, alert_id, now)
        shop.leases.done(session, work)


def replay_end(shop: Shop, work: Work) -> None:
    """A replay is whole: its correlations are judged by event time."""
    ruleset, patterns = shop.rules()
    drafts = drafted_replay(correlate_replay(shop.context.database, patterns, work.key), patterns, ruleset)
    with shop.context.database.write() as session:
        if shop.leases.done(session, work):
            save_replay(session, drafts, work.key, shop.context.clock.now())


def playbook_trigger(shop: Shop, work: Work) -> None:
    """An incident is new or changed: its runs follow it, and the playbooks that are for it start, each once."""
    with shop.context.database.read() as session:
        has_runs = newcomers.has_runs(session, int(work.key))
    if has_runs:
        newcomers.keep_up(world_of(shop.context), int(work.key))
    playbooks = shop.playbooks()
    with shop.context.database.write() as session:
        responding.trigger(session, playbooks, int(work.key), shop.context.clock.now())
        shop.leases.done(session, work)


def run_step(shop: Shop, work: Work) -> None:
    """Move a run on until it ends or must wait, and bring the runs of its incident up; one worker at a time."""
    run_id = int(work.payload["run"])
    with shop.context.database.write() as session:
        if not _claim(session, shop.leases, work, run_id):
            return
    world = world_of(shop.context)
    responding.advance(world, run_id)
    newcomers.keep_up_run(world, run_id)
    with shop.context.database.write() as session:
        shop.leases.done(session, work)


def _claim(session: Session, leases: Leases, work: Work, run_id: int) -> bool:
    """Take the run for this row; when another row's worker is at it, this row waits a second."""
    session.get(Run, run_id, with_for_update=True)  # claims come one after the other
    rows = session.scalars(select(Outbox).where(Outbox.kind == work.kind, Outbox.state == OutboxState.LEASED)).all()
    row = next((r for r in rows if r.id == work.id), None)
    if row is None:
        return False
    others = [r for r in rows if r.id != work.id and r.payload.get("run") == run_id and r.payload.get("claimed")]
    if any(leases.is_held(r) for r in others):
        row.state, row.owner, row.attempts = OutboxState.READY, "", row.attempts - 1
        row.due_at = leases.clock.now() + SECOND
        return False
    row.payload = {**row.payload, "claimed": True}
    return True


def effect_undo(shop: Shop, work: Work) -> None:
    """A person wants an effect undone."""
    world = world_of(shop.context)
    by = str(work.payload.get("by", ""))
    responding.undo_effect(world, int(work.key), by, lambda session: shop.leases.done(session, work))


def effect_expire(shop: Shop, work: Work) -> None:
    """An effect that ends by itself has ended."""
    with shop.context.database.write() as session:
        responding.expire_effect(session, int(work.key), shop.context.clock.now())
        shop.leases.done(session, work)


HANDLERS: Mapping[str, Handler] = {
    "group": group,
    "replay_end": replay_end,
    "playbook_trigger": playbook_trigger,
    "run_step": run_step,
    "effect_undo": effect_undo,
    "effect_expire": effect_expire,
}


def shop_of(context: Context) -> Shop:
    """Leases in the name of this process, which nobody had before."""
    owner = f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"
    return Shop(context, Leases(context.database, context.clock, owner))


def step(shop: Shop, limit: int = 20) -> int:
    """Do what is due, up to ``limit`` rows; returns how many were taken."""
    taken = shop.leases.take(list(HANDLERS), limit)
    if not taken:
        return 0
    with _held(shop.leases, taken):
        for work in taken:
            _do(shop, work)
    return len(taken)


def _do(shop: Shop, work: Work) -> None:
    try:
        HANDLERS[work.kind](shop, work)
    except (KydaiError, SQLAlchemyError, OSError) as error:
        logger.warning("Work failed and is tried again.", kind=work.kind, key=work.key, error=str(error))
        shop.leases.failed(work, error)
    except Exception as error:  # noqa: BLE001 - the boundary of handlers: logged, counted in the row, buried at last
        logger.exception("Work broke.", kind=work.kind, key=work.key)
        shop.leases.failed(work, error)


@contextmanager
def _held(leases: Leases, taken: Sequence[Work]) -> Iterator[None]:
    """Hold on to leases until left: the last of many, and slow work, would else be taken by another."""
    over = threading.Event()

    def hold() -> None:
        while not over.wait(leases.lease_seconds / 3):
            try:
                for work in taken:
                    leases.extend(work)
            except (KydaiError, SQLAlchemyError) as error:
                logger.warning("A lease could not be extended.", error=str(error))

    keeper = threading.Thread(target=hold, name="leases", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


def waiting(context: Context, limit: int) -> list[int]:
    """Rows that are due and that nobody has taken."""
    due = Outbox.state == OutboxState.READY, Outbox.due_at <= context.clock.now()
    with context.database.read() as session:
        return list(session.scalars(select(Outbox.id).where(*due).order_by(Outbox.due_at).limit(limit)))


def drain(context: Context) -> None:
    """Work until nothing is due."""
    shop = shop_of(context)
    while step(shop):
        pass
