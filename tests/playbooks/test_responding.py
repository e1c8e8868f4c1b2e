"""Runs from trigger to undo, and a kill at every point: no action of class once repeats, no run hangs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from sqlalchemy import select

from core.audit import Actor
from core.clock import HOUR, StillClock
from core.db.database import Database
from core.db.models import Alert, Audit, Effect, Incident, Note, Outbox, Run, RunStatus, StepRun, User
from core.errors import Conflict, KydaiError, Refused, Unavailable, recalled
from core.words import both
from playbooks import action as action_module
from playbooks import control, effects, responding
from playbooks.action import Action, EffectClass, Outcome, Parameters, State, Unsure, World
from playbooks.control import Person
from playbooks.playbook import load, read
from tests.playbooks.conftest import FakeNft

ANALYST = Person(Actor("hanhnt", "console"), "analyst", "192.0.2.50")
ADMIN = Person(Actor("admin", "console"), "admin")


def begin(world: World, incident: Incident, name: str = "block_guessing_source", *, is_dry: bool = False) -> int:
    playbook = load()[0][name]
    with world.database.write() as session:
        run = control.start(
            session, Actor("playbook:x", "playbook"), playbook, incident, now=world.clock.now(), is_dry=is_dry
        )
    responding.advance(world, run.id)
    return run.id


def decide(world: World, function: Callable[..., Any], person: Person, run_id: int, step: str, **more: str) -> None:
    with world.database.write() as session:
        function(session, person, run_id, step, now=world.clock.now(), **more)
    responding.advance(world, run_id)


def state(world: World, run_id: int) -> tuple[str, dict[str, str]]:
    with world.database.read() as session:
        return session.get_one(Run, run_id).status, {s.step: s.status for s in control.steps_of(session, run_id)}


def journal(database: Database) -> list[str]:
    with database.read() as session:
        return [a.action for a in session.scalars(select(Audit).order_by(Audit.seq))]


def test_the_whole_story(world: World, incident: Incident, nft: FakeNft, clock: StillClock) -> None:
    with world.database.write() as session:
        started = responding.trigger(session, load()[0], incident.id, clock.now())
        assert responding.trigger(session, load()[0], incident.id, clock.now()) == started, "once an incident"
    (run_id,) = started
    responding.advance(world, run_id)
    assert state(world, run_id)[0] == RunStatus.WAITING_APPROVAL
    with world.database.read() as session:
        preview = session.get_one(StepRun, (run_id, "block")).preview
    assert preview["block"] == ["203.0.113.7"]
    assert preview["refused"]["203.0.113.99"] == both("playbook.protected.declared")
    assert nft.blocked == set()
    decide(world, control.approve, ANALYST, run_id, "block")
    assert nft.blocked == {"203.0.113.7"}
    assert state(world, run_id) == (
        RunStatus.WAITING_PERSON,
        {"block": "succeeded", "note": "succeeded", "border": "waiting_person", "border_ipv6": "queued"},
    )
    with world.database.read() as session:
        note = session.scalars(select(Note)).one().text
        commands = session.get_one(StepRun, (run_id, "border")).result["commands"]
    assert note == "Nguồn dò mật khẩu: đã chặn 203.0.113.7 trong 60 phút."
    assert "set subnet 203.0.113.7 255.255.255.255" in commands
    decide(world, control.done, ANALYST, run_id, "border")
    run_status, steps = state(world, run_id)
    assert (run_status, steps["border_ipv6"]) == ("succeeded", "skipped"), "nothing of IPv6 was blocked"
    with world.database.write() as session:
        effects = control.undo(session, ANALYST, run_id, None, now=clock.now(), reason="nhầm")
    for effect in effects:
        responding.undo_effect(world, effect, "hanhnt", lambda session: True)
    assert nft.blocked == set()
    run_status, steps = state(world, run_id)
    assert (run_status, steps["border"]) == ("waiting_person", "waiting_person"), "what a person did, a person undoes"
    with world.database.read() as session:
        step = session.get_one(StepRun, (run_id, "border"))
    assert "delete kydai-203.0.113.7" in step.result["commands"]
    assert step.result["instruction"]["en"].startswith("Undo what was done: ")
    with pytest.raises(Conflict), world.database.write() as session:
        control.undo(session, ANALYST, run_id, None, now=clock.now())
    decide(world, control.done, ANALYST, run_id, "border")
    assert state(world, run_id)[0] == RunStatus.SUCCEEDED
    with world.database.read() as session:
        assert {e.state for e in session.scalars(select(Effect)) if e.inverse} == {"undone"}
        step = session.get_one(StepRun, (run_id, "border"))
    assert "set subnet 203.0.113.7 255.255.255.255" in step.result["commands"], "what was done stands there again"
    assert step.result["undone_by"] == "hanhnt"
    assert journal(world.database) == [
        "run.start", "run.approve", "action.firewall.block_ip", "incident.note", "action.incident.note",
        "action.person.do", "run.done", "run.undo", "action.undo", "action.undo", "run.done",
    ]  # fmt: skip


def test_a_dry_run_touches_nothing(world: World, incident: Incident, nft: FakeNft) -> None:
    run_id = begin(world, incident, is_dry=True)
    assert state(world, run_id)[0] == RunStatus.SUCCEEDED
    assert (nft.scripts, nft.blocked) == ([], set())
    with world.database.read() as session:
        assert session.scalars(select(Note)).all() == []
        assert session.scalars(select(Effect)).all() == []
        assert session.get_one(StepRun, (run_id, "block")).result["dry_run"]["block"] == ["203.0.113.7"]
        assert "lẽ ra chặn 203.0.113.7" in session.get_one(StepRun, (run_id, "note")).result["dry_run"]["text"]
        commands = session.get_one(StepRun, (run_id, "border")).result["dry_run"]["commands"]
        assert session.get_one(StepRun, (run_id, "block")).result["is_dry"] is False, "conditions read what will be"
    assert "edit kydai-203.0.113.7" in commands, "what follows from a step is shown too"


def test_a_refusal_and_a_time_limit_end_the_run(
    world: World, incident: Incident, clock: StillClock, nft: FakeNft
) -> None:
    refused, late = begin(world, incident), begin(world, incident)
    decide(world, control.refuse, ANALYST, refused, "block", reason="khách hàng")
    assert state(world, refused)[0] == RunStatus.CANCELLED
    clock.advance(4 * HOUR / 1e6 + 1)
    responding.advance(world, late)
    assert state(world, late)[0] == RunStatus.TIMED_OUT
    assert nft.blocked == set()
    with pytest.raises(Conflict), world.database.write() as session:
        control.approve(session, ANALYST, late, "block", now=clock.now())


def test_who_may_approve(world: World, incident: Incident) -> None:
    run_id = begin(world, incident)
    for role in ("auditor", "sysadmin"):
        with pytest.raises(Refused), world.database.write() as session:
            control.approve(session, Person(Actor("x", "api"), role), run_id, "block", now=1)
    playbook = load()[0]["block_guessing_source"]
    with world.database.write() as session:
        own = control.start(session, ADMIN.actor, playbook, incident, now=world.clock.now()).id
    responding.advance(world, own)
    with world.database.write() as session:
        session.add(User(name="hanhnt", role="analyst", created_at=1, scope=""))
    with pytest.raises(Refused, match="started"), world.database.write() as session:
        control.approve(session, ADMIN, own, "block", now=1)
    with world.database.write() as session:
        session.scalars(select(User)).one().is_disabled = True
    decide(world, control.approve, ADMIN, own, "block")
    with world.database.read() as session:
        assert session.get_one(StepRun, (own, "block")).is_self_approved


def test_the_approvers_own_address_is_protected(world: World, incident: Incident, nft: FakeNft) -> None:
    run_id = begin(world, incident)
    decide(world, control.approve, Person(Actor("x", "console"), "analyst", "203.0.113.7"), run_id, "block")
    assert nft.blocked == set()
    assert state(world, run_id)[0] == RunStatus.FAILED


def test_a_firewall_that_refuses_ends_the_run_with_its_words(world: World, incident: Incident, nft: FakeNft) -> None:
    run_id = begin(world, incident)
    nft.fails = True
    decide(world, control.approve, ANALYST, run_id, "block")
    with world.database.read() as session:
        run = session.get_one(Run, run_id)
    assert run.status == RunStatus.FAILED
    said = recalled(run.error)
    assert "nft từ chối: nguyên văn “" in said["vi"]
    assert "not permitted" in said["en"]
    assert "nguyên văn" not in said["en"]


def test_replays_start_nothing(world: World, incident: Incident) -> None:
    with world.database.write() as session:
        session.get_one(Incident, incident.id).is_replay = True
        assert responding.trigger(session, load()[0], incident.id, 1) == []


class Killed(BaseException):
    """The process died."""


class Nothing(Parameters):
    pass


def acting(effect_class: EffectClass, done: list[str], check: bool) -> Action[Nothing]:
    def perform(parameters: Nothing, world: World, doing: Any) -> Outcome:
        done.append(doing.step)
        return Outcome(State.DONE)

    def look(parameters: Nothing, world: World, doing: Any) -> Outcome | None:
        return Outcome(State.DONE) if done else None

    def preview(parameters: Nothing, world: World, doing: Any) -> Mapping[str, Any]:
        return {}

    return Action(
        "test.act", both("playbook.action.note"), effect_class, Nothing, preview, perform, look if check else None
    )


PLAYBOOK = """\
name: t
title: {vi: T, en: T}
reason: {vi: T, en: T}
trigger: {for: manual}
steps:
  - {name: one, title: {vi: T, en: T}, action: test.act}
"""


@pytest.mark.parametrize("point", ["before the intent", "between intent and effect", "between effect and result"])
@pytest.mark.parametrize("effect_class", list(EffectClass))
def test_a_kill_at_every_point(
    world: World, incident: Incident, monkeypatch: pytest.MonkeyPatch, effect_class: EffectClass, point: str
) -> None:
    done: list[str] = []
    acts = acting(effect_class, done, effect_class is EffectClass.CHECKABLE)
    monkeypatch.setattr(action_module, "actions", lambda: {"test.act": acts})
    monkeypatch.setattr("playbooks.playbook.actions", lambda: {"test.act": acts})
    playbook = read(PLAYBOOK, "t.yml")
    with world.database.write() as session:
        run_id = control.start(session, ADMIN.actor, playbook, incident, now=world.clock.now()).id

    def die(*args: object, **kwargs: object) -> Any:
        raise Killed

    places = {
        "before the intent": "playbooks.responding.effects.intend",
        "between intent and effect": "playbooks.responding._done",
        "between effect and result": "playbooks.responding._settle",
    }
    with monkeypatch.context() as patch:
        patch.setattr(places[point], die)
        with pytest.raises(Killed):
            responding.advance(world, run_id)
    responding.advance(world, run_id)
    status, _ = state(world, run_id)
    happened = point == "between effect and result"
    if effect_class is EffectClass.ONCE and point != "before the intent":
        assert status == RunStatus.UNKNOWN
        assert len(done) == happened, "never again by itself"
        decide(world, control.done if happened else control.not_done, ADMIN, run_id, "one", reason="đã xem")
        status, _ = state(world, run_id)
        assert status == (RunStatus.SUCCEEDED if happened else RunStatus.FAILED)
    else:
        assert status == RunStatus.SUCCEEDED
        assert len(done) == (2 if happened and effect_class in (EffectClass.READ, EffectClass.IDEMPOTENT) else 1)


@pytest.mark.parametrize("error", [Unsure("cut"), RuntimeError("broke"), Unavailable("away")])
def test_an_action_that_raises(
    world: World, incident: Incident, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def perform(*args: object) -> Outcome:
        raise error

    acts = Action("test.act", both("playbook.action.note"), EffectClass.ONCE, Nothing, lambda p, w, d: {}, perform)
    monkeypatch.setattr(action_module, "actions", lambda: {"test.act": acts})
    monkeypatch.setattr("playbooks.playbook.actions", lambda: {"test.act": acts})
    playbook = read(PLAYBOOK, "t.yml")
    with world.database.write() as session:
        run_id = control.start(session, ADMIN.actor, playbook, incident, now=world.clock.now()).id
    responding.advance(world, run_id)
    is_known = isinstance(error, KydaiError) and not isinstance(error, Unsure)
    assert state(world, run_id)[0] == (RunStatus.FAILED if is_known else RunStatus.UNKNOWN)


def test_a_block_that_ended_by_itself_stands_so_in_the_ledger(
    world: World, incident: Incident, clock: StillClock
) -> None:
    run_id = begin(world, incident)
    decide(world, control.approve, ANALYST, run_id, "block")
    with world.database.read() as session:
        effect = session.scalars(select(Effect).where(Effect.action == "firewall.block_ip")).one()
        work = session.scalars(select(Outbox).where(Outbox.kind == "effect_expire")).one()
    assert effect.expires_at == clock.now() + HOUR
    assert work.due_at > effect.expires_at
    with world.database.write() as session:
        responding.expire_effect(session, effect.id, work.due_at)
    with world.database.read() as session:
        assert session.get_one(Effect, effect.id).state == "undone"


ALERT_PLAYBOOK = """\
name: t
title: {vi: T, en: T}
reason: {vi: T, en: T}
trigger: {for: alert, where: "alert.level: high and alert.attackers: 203.0.113.0/24"}
steps:
  - {name: note, title: {vi: T, en: T}, action: incident.note, with: {text: "${alert.title.vi} ${incident.number}"}}
"""


def test_an_alert_starts_its_playbook_once(world: World, incident: Incident, clock: StillClock) -> None:
    playbooks = {"t": read(ALERT_PLAYBOOK, "t.yml"), **load()[0]}
    with world.database.write() as session:
        alert = session.scalars(select(Alert)).one()
        (run_id,) = responding.trigger_alert(session, playbooks, alert.id, clock.now())
        assert responding.trigger_alert(session, playbooks, alert.id, clock.now()) == [run_id]
        assert responding.trigger_alert(session, load()[0], alert.id, clock.now()) == []
        assert session.get_one(Run, run_id).alert_id == alert.id
    responding.advance(world, run_id)
    with world.database.read() as session:
        assert session.scalars(select(Note)).one().text == "x VV-2026-0001"
    with world.database.write() as session:
        session.scalars(select(Alert)).one().is_replay = True
    with world.database.write() as session:
        assert responding.trigger_alert(session, playbooks, alert.id, clock.now()) == []


@pytest.mark.parametrize("place", ["_done", "next_move"])
def test_a_person_who_cancels_meanwhile_is_obeyed(
    world: World, incident: Incident, monkeypatch: pytest.MonkeyPatch, nft: FakeNft, place: str
) -> None:
    run_id = begin(world, incident)
    with world.database.write() as session:
        control.approve(session, ANALYST, run_id, "block", now=world.clock.now())
    honest = getattr(responding, place)

    def slow(*args: Any, **more: Any) -> Any:
        monkeypatch.setattr(responding, place, honest)
        with world.database.write() as session:
            control.cancel(session, ANALYST, run_id, now=world.clock.now(), reason="nhầm")
        return honest(*args, **more)

    monkeypatch.setattr(responding, place, slow)
    responding.advance(world, run_id)
    status, steps = state(world, run_id)
    assert status == RunStatus.CANCELLED
    assert steps["note"] == RunStatus.CANCELLED
    assert nft.blocked == ({"203.0.113.7"} if place == "_done" else set()), "what had begun is done, and can be undone"


@pytest.mark.parametrize(("effect_class", "status"), [(EffectClass.ONCE, "unknown"), (EffectClass.READ, "failed")])
def test_a_run_whose_work_is_dead_does_not_hang(
    world: World,
    incident: Incident,
    monkeypatch: pytest.MonkeyPatch,
    clock: StillClock,
    effect_class: EffectClass,
    status: str,
) -> None:
    acts = acting(effect_class, [], False)
    monkeypatch.setattr(action_module, "actions", lambda: {"test.act": acts})
    monkeypatch.setattr("playbooks.playbook.actions", lambda: {"test.act": acts})
    monkeypatch.setattr(responding, "_done", lambda *a, **k: (_ for _ in ()).throw(Killed))
    with world.database.write() as session:
        run_id = control.start(session, ADMIN.actor, read(PLAYBOOK, "t.yml"), incident, now=clock.now()).id
    with pytest.raises(Killed):
        responding.advance(world, run_id)
    clock.advance(120)
    with world.database.write() as session:
        assert responding.rescue(session, clock.now()) == [], "its work is still there"
        work = session.scalars(select(Outbox).where(Outbox.kind == "run_step")).one()
        work.state, work.error = "dead", "killed"
    with world.database.write() as session:
        assert responding.rescue(session, clock.now()) == [run_id]
    responding.advance(world, run_id)
    with world.database.read() as session:
        assert session.get_one(Run, run_id).status == status
        assert session.get_one(StepRun, (run_id, "one")).error == "killed"


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("point", ["effects.intend", "_done", "_settle"])
def test_a_kill_at_each_step_of_a_real_playbook(
    world: World, incident: Incident, monkeypatch: pytest.MonkeyPatch, nft: FakeNft, point: str, number: int
) -> None:
    run_id = begin(world, incident)
    with world.database.write() as session:
        control.approve(session, ANALYST, run_id, "block", now=world.clock.now())
    owner, _, name = f"responding.{point}".rpartition(".")
    module = {"responding": responding, "responding.effects": effects}[owner]
    honest, calls = getattr(module, name), []

    def die(*args: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == number:
            raise Killed
        return honest(*args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, die)
        with pytest.raises(Killed):
            responding.advance(world, run_id)
    responding.advance(world, run_id)
    decide(world, control.done, ANALYST, run_id, "border")
    assert state(world, run_id)[0] == RunStatus.SUCCEEDED
    assert nft.blocked == {"203.0.113.7"}
    with world.database.read() as session:
        assert len(session.scalars(select(Note)).all()) == 1, "a note is written once"
        block = session.scalars(select(Effect).where(Effect.action == "firewall.block_ip")).one()
    assert block.inverse == {"addresses": ["203.0.113.7"], "is_dry": False}, "it can be undone whatever happened"
    assert block.expires_at is not None
