"""Who comes while a run waits is on its list before it is approved; who comes behind the approval is told of beside it,
and is blocked by another run and by nothing else."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from core.db.models import Alert, Effect, Incident, IncidentEntity, Run, StepRun
from core.errors import Conflict
from playbooks import control, newcomers, responding
from playbooks.action import World
from tests.playbooks.conftest import FakeNft
from tests.playbooks.test_responding import ADMIN, ANALYST, begin, decide, state


def comes(world: World, incident: Incident, *addresses: str, system: str = "") -> None:
    now = world.clock.now()
    common = dict.fromkeys(("first_at", "last_at", "created_at", "updated_at", "received_at"), now)
    with world.database.write() as session:
        for address in addresses:
            session.add(
                Alert(
                    fold_key=f"{incident.id}{address}", rule_id="r", rule_title={}, level="high", system=system,
                    summary={"from": [address]}, incident_id=incident.id, **common,
                )
            )  # fmt: skip
            session.merge(IncidentEntity(incident_id=incident.id, kind="ip", value=address, first_at=now, last_at=now))
    newcomers.keep_up(world, incident.id)


def block(world: World, run_id: int) -> StepRun:
    with world.database.read() as session:
        return session.get_one(StepRun, (run_id, "block"))


def test_while_it_waits_the_list_follows_and_an_approval_names_what_was_seen(
    world: World, incident: Incident, nft: FakeNft
) -> None:
    run_id = begin(world, incident)
    newcomers.keep_up(world, incident.id)
    assert block(world, run_id).preview_version == 1, "nothing has changed"
    comes(world, incident, "203.0.113.8", system="Cổng")
    row = block(world, run_id)
    assert (row.preview_version, row.preview["block"]) == (2, ["203.0.113.7", "203.0.113.8"])
    with world.database.read() as session:
        assert session.get_one(Run, run_id).about == '[["",""],["Cổng",""]]'
    with pytest.raises(Conflict, match="changed"), world.database.write() as session:
        control.approve(session, ANALYST, run_id, "block", now=1)
    with world.database.write() as session:
        control.approve(session, ANALYST, run_id, "block", preview=2, now=1)
    comes(world, incident, "203.0.113.9")  # approved, and not carried out yet
    responding.advance(world, run_id)
    assert nft.blocked == {"203.0.113.7", "203.0.113.8"}, "what was seen, and nothing silently more"
    newcomers.keep_up_run(world, run_id)
    assert block(world, run_id).newcomers == ["203.0.113.9"]


def test_while_it_waits_later_steps_tell_of_the_incident_as_it_is(world: World, incident: Incident) -> None:
    run_id = begin(world, incident)
    said = {"vi": "Nay có 9 cảnh báo.", "en": "9 alerts by now."}
    with world.database.write() as session:
        session.get_one(Incident, incident.id).sentence = said
    newcomers.keep_up(world, incident.id)
    with world.database.read() as session:
        run = session.get_one(Run, run_id)
    assert run.context["incident.sentence.en"] == said["en"]
    assert block(world, run_id).preview_version == 1, "whom it touches is as it was shown"
    newcomers.keep_up(world, incident.id)
    with world.database.read() as session:
        assert session.get_one(Run, run_id).updated_at == run.updated_at, "nothing has changed since"


def test_another_run_is_the_way_to_newcomers(world: World, incident: Incident, nft: FakeNft) -> None:
    run_id = begin(world, incident)
    decide(world, control.approve, ANALYST, run_id, "block")
    comes(world, incident, "203.0.113.8", "203.0.113.99", "10.0.0.9")
    assert block(world, run_id).newcomers == ["203.0.113.8"], "neither what is protected nor what is inside"
    assert block(world, run_id).preview["block"] == ["203.0.113.7"]
    second = begin(world, incident)
    decide(world, control.approve, ANALYST, second, "block")
    newcomers.keep_up_run(world, second)
    assert nft.blocked == {"203.0.113.7", "203.0.113.8"}
    assert block(world, run_id).newcomers == block(world, second).newcomers == []
    with world.database.write() as session:
        (effect,) = session.scalars(select(Effect).where(Effect.run_id == second, Effect.step == "block"))
    responding.undo_effect(world, effect.id, "hanhnt", lambda session: True)
    newcomers.keep_up_run(world, second)
    assert block(world, run_id).newcomers == ["203.0.113.8"], "it stands open again"
    assert block(world, second).newcomers == [], "of what was undone nobody came behind"


def test_a_merge_brings_the_attackers_of_the_other(world: World, incident: Incident) -> None:
    run_id = begin(world, incident)
    now = world.clock.now()
    with world.database.write() as session:
        common = {"first_at": now, "last_at": now, "created_at": now, "updated_at": now}
        other = Incident(number="VV-2026-0002", title={}, level="high", **common)
        session.add(other)
        session.flush()
        session.get_one(Incident, incident.id).merged_into = other.id
        for alert in session.scalars(select(Alert).where(Alert.incident_id == incident.id)):
            alert.incident_id = other.id
    comes(world, other, "203.0.113.7", "203.0.113.77")
    assert block(world, run_id).preview["block"] == ["203.0.113.7", "203.0.113.77"]


def test_what_is_closed_dry_or_left_with_nothing_stays_as_it_was_shown(world: World, incident: Incident) -> None:
    run_id, dry = begin(world, incident), begin(world, incident, is_dry=True)
    with world.database.write() as session:
        for alert in session.scalars(select(Alert)):
            alert.summary = {}
    newcomers.keep_up(world, incident.id)
    assert block(world, run_id).preview_version == 1, "a person decides about what nothing is left of"
    with world.database.write() as session:
        session.get_one(Incident, incident.id).status = "closed"
    comes(world, incident, "203.0.113.8")
    newcomers.keep_up_run(world, dry)
    assert (block(world, run_id).preview_version, block(world, dry).newcomers) == (1, [])
    with world.database.read() as session:
        assert newcomers.has_runs(session, incident.id)
        assert not newcomers.has_runs(session, 99)


def test_an_approval_that_comes_between_wins(world: World, incident: Incident, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = begin(world, incident)
    find = newcomers._find

    def slow(world: World, incident_id: int) -> list[newcomers._Change]:
        found = find(world, incident_id)
        monkeypatch.setattr(newcomers, "_find", find)
        with world.database.write() as session:
            control.approve(session, ADMIN, run_id, "block", now=1)
        return found

    monkeypatch.setattr(newcomers, "_find", slow)
    comes(world, incident, "203.0.113.8")
    assert block(world, run_id).preview["block"] == ["203.0.113.7"]
    assert state(world, run_id)[1]["block"] == "queued"
