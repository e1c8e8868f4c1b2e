"""The work of the outbox: done once, tried again, buried and shown at last, and held on to while it is worked on."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.audit import Actor
from core.clock import HOUR, StillClock
from core.db import outbox
from core.db.models import Alert, Effect, Incident, Note, Outbox, Run, StepRun
from core.db.outbox import Leases, Work
from core.errors import Unavailable
from kydai import working
from kydai.cli.output import Output
from kydai.context import Context
from kydai.working import Shop, drain, shop_of, step
from kydai.world import world_of
from playbooks import control, responding
from playbooks.control import Person
from playbooks.playbook import Playbook, load

ANALYST = Person(Actor("hanhnt", "console"), "analyst")


@pytest.fixture
def still(tmp_path: Path) -> Iterator[Context]:
    made = Context(tmp_path / "data", None, Output(True, "en"))
    made.clock = StillClock()
    yield made
    made.close()


def alert(context: Context, address: str = "203.0.113.7", **more: Any) -> int:
    """A strong alert of guessing that got in, waiting to be grouped."""
    now = context.clock.now()
    with context.database.write() as session:
        row = Alert(
            fold_key=f"{now} {address}",
            rule_id="r",
            rule_title={"vi": "Dò mật khẩu", "en": "Guessing"},
            level="high",
            tags=["attack.t1110.001"],
            first_at=now,
            last_at=now,
            received_at=now,
            created_at=now,
            updated_at=now,
            host="web01",
            entities=[["host", "web01"], ["ip", address]],
            summary={"from": [address]},
            **more,
        )
        session.add(row)
        session.flush()
        outbox.put(session, "group", str(row.id), now=now)
        return row.id


def rows(context: Context, kind: str) -> list[Outbox]:
    with context.database.read() as session:
        return list(session.scalars(select(Outbox).where(Outbox.kind == kind).order_by(Outbox.id)))


def test_files_are_read_before_the_database_is_locked(still: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Shop.playbooks

    def playbooks(shop: Shop) -> dict[str, Playbook]:
        other = sqlite3.connect(still.settings.data / "control.sqlite", timeout=0)
        other.execute("BEGIN IMMEDIATE")
        other.close()
        return read(shop)

    monkeypatch.setattr(Shop, "playbooks", playbooks)
    alert(still)
    drain(still)
    done = [*rows(still, "group"), *rows(still, "playbook_trigger")]
    assert {row.kind for row in done} == {"group", "playbook_trigger"}
    assert {row.error for row in done} == {""}


def test_an_alert_becomes_an_incident_and_its_playbook_waits_for_approval(still: Context) -> None:
    alert(still)
    drain(still)
    with still.database.read() as session:
        incident = session.scalars(select(Incident)).one()
        run = session.scalars(select(Run)).one()
    assert (run.playbook, run.incident_id, run.status) == ("block_guessing_source", incident.id, "waiting_approval")
    with still.database.write() as session:
        control.approve(session, ANALYST, run.id, "block", now=still.clock.now())
    drain(still)
    with still.database.read() as session:
        assert session.get_one(StepRun, (run.id, "block")).result["is_dry"] is True, "nothing is blocked by default"
        note = session.scalars(select(Note)).one()
        effect = session.scalars(select(Effect).where(Effect.action == "firewall.block_ip")).one()
    assert note.author == "playbook:block_guessing_source"
    assert "chạy thử (không tác động)" in note.text, "a note never says that something was done that was not"
    with still.database.write() as session:
        control.undo(session, ANALYST, run.id, "block", now=still.clock.now())
    drain(still)
    with still.database.read() as session:
        assert session.get_one(Effect, effect.id).state == "undone"
    assert {r.state for kind in ("group", "run_step", "effect_undo") for r in rows(still, kind)} == {"done", "ready"}


def test_a_block_ends_in_the_ledger_after_its_hour(still: Context) -> None:
    alert(still)
    drain(still)
    with still.database.write() as session:
        control.approve(session, ANALYST, 1, "block", now=still.clock.now())
    drain(still)
    assert isinstance(still.clock, StillClock)
    still.clock.advance(HOUR / 1e6 + 2)
    drain(still)
    with still.database.read() as session:
        effect = session.scalars(select(Effect).where(Effect.action == "firewall.block_ip")).one()
    assert "expired_at" in effect.result


def newcomers_of(context: Context) -> list[str]:
    with context.database.read() as session:
        return session.get_one(StepRun, (1, "block")).newcomers


@pytest.mark.parametrize("end", ["undone", "expired"])
def test_who_came_behind_a_block_is_told_until_it_ends_though_the_worker_dies_there(still: Context, end: str) -> None:
    alert(still)
    drain(still)
    with still.database.write() as session:
        control.approve(session, ANALYST, 1, "block", now=still.clock.now())
    drain(still)
    alert(still, "198.51.100.9")
    drain(still)
    assert newcomers_of(still) == ["198.51.100.9"]
    if end == "undone":
        responding.undo_effect(world_of(still), 1, "hanhnt", lambda session: True)
    else:
        with still.database.write() as session:
            responding.expire_effect(session, 1, still.clock.now())
    drain(still)
    assert newcomers_of(still) == []


def test_the_sites_playbooks_are_read_anew_when_they_change(still: Context) -> None:
    shop = shop_of(still)
    assert "mine" not in shop.playbooks()
    folder = still.settings.data / "playbooks"
    folder.mkdir(parents=True)
    (folder / "broken.yml").write_text("name: [")
    (folder / "mine.yml").write_text(
        "name: mine\ntitle: {vi: M, en: M}\nreason: {vi: M, en: M}\n"
        "trigger: {for: alert, where: 'alert.host: web01'}\n"
        "steps: [{name: note, title: {vi: M, en: M}, action: incident.note, with: {text: '${alert.host}'}}]\n"
    )
    assert "mine" in shop.playbooks()
    alert(still)
    while step(shop):
        pass
    with still.database.read() as session:
        assert "web01" in [n.text for n in session.scalars(select(Note))]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    errors: list[Exception] = []

    def handle(shop: Shop, work: Work) -> None:
        if errors:
            raise errors[0]
        with shop.context.database.write() as session:
            shop.leases.done(session, work)

    monkeypatch.setattr(working, "HANDLERS", {"thing": handle, "other": handle})
    return errors


@pytest.mark.parametrize("error", [Unavailable("away"), RuntimeError("broke"), KeyError("x"), OSError("disk")])
def test_what_fails_is_tried_again_and_buried_at_last(
    still: Context, failing: list[Exception], error: Exception
) -> None:
    failing.append(error)
    with still.database.write() as session:
        outbox.put(session, "thing", "1", now=still.clock.now(), max_attempts=2)
    shop = shop_of(still)
    assert (step(shop), step(shop)) == (1, 0), "a pause comes between"
    assert isinstance(still.clock, StillClock)
    still.clock.advance(10)
    assert step(shop) == 1
    still.clock.advance(1000)
    assert step(shop) == 0
    (row,) = rows(still, "thing")
    assert (row.state, row.attempts) == ("dead", 2)
    assert str(error.args[0]) in row.error


def test_one_that_always_fails_holds_up_no_other(still: Context, failing: list[Exception]) -> None:
    shop = shop_of(still)

    def handle(shop: Shop, work: Work) -> None:
        raise RuntimeError

    working.HANDLERS["thing"] = handle  # type: ignore[index]  # the fixture's own dict
    with still.database.write() as session:
        for n in range(10):
            outbox.put(session, "thing" if n % 2 else "other", str(n), now=still.clock.now())
    step(shop)
    assert {r.state for r in rows(still, "other")} == {"done"}


def test_slow_work_keeps_its_lease(still: Context, failing: list[Exception]) -> None:
    shop = shop_of(still)
    shop.leases.lease_seconds = 0.03
    extended = threading.Event()
    extend = shop.leases.extend

    def told(work: Work) -> bool:
        kept = extend(work)
        extended.set()
        return kept

    shop.leases.extend = told  # type: ignore[method-assign]
    kept = []

    def handle(shop: Shop, work: Work) -> None:
        assert isinstance(still.clock, StillClock)
        still.clock.advance(60)
        extended.clear()
        assert extended.wait(10)
        other = Leases(still.database, still.clock, "other")
        kept.append(other.take(["thing"]))

    working.HANDLERS["thing"] = handle  # type: ignore[index]  # the fixture's own dict
    with still.database.write() as session:
        outbox.put(session, "thing", "1", now=still.clock.now())
    step(shop)
    assert kept == [[]]


def test_a_run_is_moved_by_one_worker_at_a_time(still: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    now = still.clock.now()
    playbook = load()[0]["tell_by_mail"]
    with still.database.write() as session:
        run = control.start(session, ANALYST.actor, playbook, None, now=now)
    mine = shop_of(still)
    other = Shop(still, Leases(still.database, still.clock, "other"))
    moved: list[str] = []

    def advance(world: object, run_id: int) -> None:
        moved.append("mine")
        with still.database.write() as session:
            control.wake(session, run_id, now)
        monkeypatch.setattr(responding, "advance", lambda *a: moved.append("other"))
        step(other)

    monkeypatch.setattr(responding, "advance", advance)
    step(mine)
    assert moved == ["mine"]
    second = rows(still, "run_step")[1]
    assert (second.state, second.attempts) == ("ready", 0), "it waits, and that counts as no attempt"
    assert isinstance(still.clock, StillClock)
    still.clock.advance(1.5)
    step(other)
    assert moved == ["mine", "other"]
    assert run.id == second.payload["run"]
    assert {r.state for r in rows(still, "run_step")} == {"done"}


def test_a_replay_that_is_whole_is_judged(still: Context) -> None:
    with still.database.write() as session:
        outbox.put(session, "replay_end", "ingest-1", now=still.clock.now())
    drain(still)
    assert [r.state for r in rows(still, "replay_end")] == ["done"]


def test_a_rule_is_called_by_its_title_or_its_id(context: Context) -> None:
    shop = shop_of(context)
    assert shop.rule_title("11111111-1111-4111-8111-111111111111")["vi"] == "Test sign-in failure"
    assert shop.rule_title("gone") == {"vi": "gone", "en": "gone"}
