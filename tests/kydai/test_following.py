"""Each entry of the journal is one event, whatever is killed when; and nothing of it comes back to the journal."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from sqlalchemy import select, text

from core import audit, followed, lag
from core.audit import Actor
from core.clock import MINUTE
from core.db.models import Alert, Audit, Meta, Source
from core.errors import Unavailable, failure
from core.event import Frame
from core.query.language import parse
from core.sources import SourceState, views
from core.spool import GroupCommit
from core.store.contract import Query
from detections.coverage import State
from kydai.context import Context
from kydai.covering import coverage_of
from kydai.following import AT_ONCE, Follower, Following
from kydai.gateway_process import open_spool
from kydai.pipeline import Parts, Pipeline
from tests.kydai.running import until

AN = Actor("an (token:soar)", "api", "6f1c")


class House:
    """A spool with its follower and its pipeline; each can be begun anew, as after a kill."""

    def __init__(self, context: Context, parts: Parts) -> None:
        self.context, self.parts = context, parts
        self.spool = open_spool(context, "api")
        self.follower = self.new()

    def new(self, append: Any = None) -> Follower:
        return Follower(self.context.database, self.context.clock, self.spool.folder, append or self.spool.append)

    def note(self, *actions: str, actor: Actor = AN, **facts: Any) -> None:
        with self.context.database.write() as session:
            for action in actions:
                audit.record(session, actor, action, "rule:x", now=self.context.clock.now(), **facts)

    def judge(self) -> None:
        pipeline = Pipeline("api", self.spool.folder, self.parts)
        while pipeline.step():
            pass

    def found(self, query: str = "event.dataset:kydai.audit") -> list[dict[str, Any]]:
        rows = self.context.store.search(Query(parse(query, now=self.context.clock.now())), limit=2000)
        return sorted(rows.events, key=lambda event: int(str(event["kydai.audit.seq"])))

    def actions(self) -> list[Any]:
        return [event["event.action"] for event in self.found()]


@pytest.fixture
def house(context: Context, parts: Parts) -> House:
    made = House(context, parts)
    made.note("user.add")  # before anybody followed
    assert made.follower.step() == 1  # that the source is there
    return made


def test_it_begins_with_its_own_source_and_goes_on_with_what_people_do(house: House) -> None:
    house.note("rule.mode", after={"mode": "record"}, reason="ồn")
    assert house.follower.step() == 1
    assert house.follower.step() == 0
    house.judge()
    begun, event = house.found()
    assert (begun["event.action"], begun["kydai.audit.object"]) == ("source.add", "source:kydai:journal")
    assert event["kydai.source"] == followed.SOURCE
    assert (event["user.name"], event["kydai.audit.actor"], event["event.reason"]) == ("an", "an (token:soar)", "ồn")
    assert (event["rule.id"], event["kydai.audit.after.mode"], event["event.outcome"]) == ("x", "record", "success")
    with house.context.database.read() as session:
        entry = session.scalars(select(Audit).order_by(Audit.seq.desc())).first()
        assert entry is not None
        assert orjson.loads(str(event["event.original"])) == audit.document(entry)
        assert event["@timestamp"] == audit.document(entry)["at"]


def test_a_kill_between_spool_and_commit_repeats_nothing_and_one_before_loses_nothing(house: House) -> None:
    house.note("rule.mode")
    house.follower.step()
    house.note("keys.rotate")
    again = house.new()
    assert again.step() == 1, "rule.mode stands in the spool"
    house.judge()
    assert house.new().step() == 0, "the control database knows"

    def full(frames: Sequence[Frame]) -> None:
        raise failure(Unavailable, "store.spool.write", folder="x", why="x")

    house.note("user.disable")
    broken = house.new(full)
    with pytest.raises(Unavailable):
        broken.step()
    house.new().step()
    house.judge()
    assert house.actions() == ["source.add", "rule.mode", "keys.rotate", "user.disable"]


def test_a_turn_is_bounded(house: House) -> None:
    house.note(*["rule.mode"] * (AT_ONCE + 3))
    assert [house.follower.step() for _ in range(3)] == [AT_ONCE, 3, 0]


def test_searches_and_what_playbooks_do_come_to_no_event_and_nothing_waits(house: House) -> None:
    house.note("events.search", "events.export")
    house.note("run.start", actor=Actor("playbook:chan", "playbook"))
    assert house.follower.step() == 3
    house.judge()
    assert house.actions() == ["source.add", "events.export"]
    with house.context.database.read() as session:
        assert "journal" not in lag.waits(session, house.context.clock.now())
    house.note("rule.mode")
    with house.context.database.read() as session:
        assert lag.waits(session, house.context.clock.now() + MINUTE)["journal"] >= MINUTE


def test_an_alert_of_it_writes_nothing_into_the_journal(house: House) -> None:
    house.note("keys.rotate")
    house.follower.step()
    house.judge()
    with house.context.database.read() as session:
        (alert,) = session.scalars(select(Alert))
        assert alert.rule_title["en"] == "The key that signs sealed hours was replaced"
    assert house.follower.step() == 0


def test_who_alters_the_journal_is_told_of(house: House) -> None:
    house.note("rule.mode", "keys.rotate", "user.add")
    with house.context.database.write() as session:
        session.execute(text("UPDATE audit SET reason = 'x' WHERE action = 'rule.mode'"))
        session.execute(text("UPDATE audit SET after = '{' WHERE action = 'keys.rotate'"))
    while house.follower.step():
        pass
    house.judge()
    said = {str(e["event.action"]): e.get("kydai.audit.problem") for e in house.found()}
    assert said == {"source.add": None, "rule.mode": "hash", "keys.rotate": "hash", "user.add": None}
    with house.context.database.read() as session:
        titles = [alert.rule_title["en"] for alert in session.scalars(select(Alert))]
    assert "The journal was altered" in titles


def test_a_journal_that_was_cut_is_told_of_once_and_followed_from_its_end(house: House) -> None:
    house.note("rule.mode", "keys.rotate", "user.add")
    house.follower.step()
    house.judge()
    with house.context.database.write() as session:
        session.execute(text("DELETE FROM audit WHERE action = 'user.add' AND seq > 1"))
    again = house.new()
    assert again.step() == 1
    assert again.step() == 0
    assert house.new().step() == 0
    house.note("token.add")
    again.step()
    house.judge()
    assert sorted(house.actions()) == sorted(
        ["source.add", "rule.mode", "keys.rotate", "user.add", "audit.cut", "token.add"]
    )
    (cut,) = house.found("event.action:audit.cut")
    assert (cut["kydai.audit.problem"], cut["event.outcome"]) == ("cut", "failure")


@pytest.mark.parametrize("change", ["DELETE FROM meta", "UPDATE meta SET value = 'x'"])
def test_who_spoils_the_mark_hides_nothing(house: House, change: str) -> None:
    house.follower.step()
    house.judge()
    house.note("keys.rotate")
    with house.context.database.write() as session:
        session.execute(text(f"{change} WHERE key = '{followed.MARK}'"))
    assert house.new().step() == 1
    house.judge()
    (cut,) = house.found("event.action:audit.cut")
    assert str(cut["kydai.audit.after.seq"]) == "3"
    assert house.new().step() == 0


def test_a_database_from_a_backup_is_followed_from_where_it_was(house: House) -> None:
    """The spool knows entries that the database has lost: they are not taken for its own."""
    house.note("rule.mode")
    house.follower.step()
    house.judge()
    with house.context.database.read() as session:
        kept = session.get_one(Meta, followed.MARK).value
    house.note("keys.rotate")
    house.follower.step()
    with house.context.database.write() as session:
        session.execute(text("DELETE FROM audit WHERE action = 'keys.rotate'"))
        session.execute(text("UPDATE meta SET value = :kept WHERE key = :key"), {"kept": kept, "key": followed.MARK})
    house.note("token.add")
    house.new().step()
    house.judge()
    assert sorted(house.actions()) == ["keys.rotate", "rule.mode", "source.add", "token.add"]


def test_its_source_is_declared_and_never_silent_and_no_name_leads_to_it(house: House) -> None:
    house.follower.step()
    house.judge()
    house.spool.append([Frame("token:kydai:journal", house.context.clock.now(), b"x")])
    house.judge()
    with house.context.database.read() as session:
        (row,) = session.scalars(select(Source))
        assert (row.is_declared, row.expected) == (True, [followed.DATASET])
        (view,) = [v for v in views(session, house.context.clock.now() + 365 * 24 * 60 * MINUTE) if v.is_declared]
    assert (view.state, view.limit, view.silent_for) == (SourceState.SENDING, None, None)
    assert len(house.found(f'kydai.source:"{followed.SOURCE}"')) == 1


def test_a_quiet_week_lacks_nothing_and_neither_does_what_was_never_done(house: House) -> None:
    week = house.context.clock.now() + 8 * 24 * 60 * MINUTE
    with house.context.database.read() as session:
        known = {each.rule: each.state for each in coverage_of(house.parts.detector.ruleset, session, week)}
        assert "journal" not in lag.waits(session, week) or house.follower.step() == 0
    own = [rule.id for rule in house.parts.detector.ruleset.rules if rule.name.startswith("kydai_self_")]
    assert len(own) >= 20
    assert {known[rule] for rule in own} == {State.LIVE}


def test_the_thread_follows_and_survives_what_fails(house: House) -> None:
    commit = GroupCommit(house.spool)
    is_failing = threading.Event()
    is_failing.set()

    def append(frames: Sequence[Frame]) -> None:
        if is_failing.is_set():
            is_failing.clear()
            raise failure(Unavailable, "store.spool.write", folder="x", why="x")
        commit.append(frames)

    house.note("rule.mode")
    following = Following(house.new(append))
    try:
        until(lambda: not is_failing.is_set())

        def is_there() -> bool:
            house.judge()
            return len(house.found()) == 2

        until(is_there)
    finally:
        following.close()
        commit.close()
