"""Hits become alerts, blocks for correlations and marks on events."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy import select

from core.audit import Actor
from core.db.models import Alert, HitBlock, Meta
from core.event import Event
from core.query.tree import TRUE
from core.store.contract import Query
from detections.hit_days import hit_days
from detections.packages import install
from detections.rule import Mode
from detections.rule_modes import VERSION_KEY, choose
from detections.ruleset import load
from kydai.context import Context
from kydai.detector import Detector, load_rules, rule_sources
from kydai.flow_columns import dress
from kydai.pipeline import Parts
from tests.kydai.conftest import RULE
from tests.kydai.test_pipeline import failed, run, spool_of

ID = "11111111-1111-4111-8111-111111111111"
CORRELATION = """\
title: Many failures
id: 22222222-2222-4222-8222-222222222222
status: test
level: high
correlation:
  type: event_count
  rules: [test_sign_in_failure]
  group-by: [host.name]
  timespan: 10m
  condition: {gte: 3}
"""


def event(outcome: str) -> Event:
    return {
        "event.id": "01M886PR2G1KTC05G41979E6AJ.0.0",
        "@timestamp": "2026-11-25T01:00:00.000000Z",
        "event.created": "2026-11-25T01:00:00.000000Z",
        "event.module": "system",
        "event.dataset": "system.auth",
        "process.name": "sshd",
        "host.name": "web01",
        "event.outcome": outcome,
    }


def test_marks_say_which_rules_matched_and_which_rule_set_judged(parts: Parts) -> None:
    events = [event("failure"), event("success")]
    judged = parts.detector.judge(events, 1)
    assert ID in events[0].get("kydai.rules", [])  # type: ignore[operator]  # a list here
    assert ID not in events[1].get("kydai.rules", [])  # type: ignore[operator]  # a list here
    assert {e["kydai.ruleset"] for e in events} == {parts.detector.ruleset.hash}
    assert [h.rule.id for h in judged.hits if h.rule.id == ID] == [ID]


def test_a_rule_that_only_a_correlation_reads_does_not_alert_but_feeds_it(context: Context) -> None:
    (context.settings.rules_folder / "local" / "many.yml").write_text(CORRELATION)
    detector = Detector.open(context.settings, context.database, context.clock)
    judged = detector.judge([event("failure")], 7)
    assert ID not in [h.rule.id for h in judged.hits]
    with context.database.write() as session:
        judged.save(session, "gateway", 9)
    with context.database.read() as session:
        assert [b.arrival_at for b in session.query(HitBlock)] == [7] * len(judged.cuts)
    assert judged.cuts


def test_hits_are_counted_by_day_of_rules_that_only_record_too(context: Context) -> None:
    with context.database.write() as session:
        choose(session, Actor("x", "cli"), ID, Mode.RECORD, "", now=1)
    detector = Detector.open(context.settings, context.database, context.clock)
    judged = detector.judge([event("failure"), event("success"), event("failure")], 7)
    now = context.clock.now()
    with context.database.write() as session:
        judged.save(session, "gateway", now)
    with context.database.read() as session:
        assert hit_days(session, context.settings.zone, now).of(ID)[-1] == 2
        assert session.query(Alert).where(Alert.rule_id == ID).count() == 0


def test_correlations_that_cannot_be_used_are_counted_once(context: Context) -> None:
    (context.settings.rules_folder / "local" / "many.yml").write_text(CORRELATION.replace("[test_sign", "[no_sign"))
    detector = Detector.open(context.settings, context.database, context.clock)
    assert detector.facts()["errors"] == 1
    with context.database.read() as session:
        assert [(e.file, e.line) for e in load_rules(context.settings, session).errors] == [("many.yml", 1)]


def test_values_of_the_site_fill_placeholders(context: Context) -> None:
    rule = (
        "title: An Administrator\nid: 33333333-3333-4333-8333-333333333333\nstatus: test\nlevel: high\n"
        "logsource: {product: linux, service: sshd}\n"
        "detection:\n  s:\n    user.name|expand: '%admins%'\n  condition: s\n"
    )
    (context.settings.rules_folder / "local" / "admins.yml").write_text(rule)
    site = context.settings.site.model_copy(update={"values": {"admins": ["adm-*", "tamnt"]}})
    filled = context.settings.model_copy(update={"site": site})
    seen = []
    for settings in (context.settings, filled):
        detector = Detector.open(settings, context.database, context.clock)
        event_ = event("success") | {"user.name": "ADM-7"}
        detector.judge([event_], 1)
        seen.append("33333333-3333-4333-8333-333333333333" in event_.get("kydai.rules", []))  # type: ignore[operator]
    assert seen == [False, True]


def test_rules_are_loaded_anew_only_when_their_version_changed(context: Context, parts: Parts) -> None:
    before = parts.detector.ruleset
    with context.database.read() as session:
        parts.detector.refresh(session, "")
        assert parts.detector.ruleset is before
        parts.detector.refresh(session, "2")
        assert parts.detector.ruleset is not before


def test_packages_and_local_rules_stand_beside_ours(context: Context) -> None:
    for name in ("sigmahq", ".sigmahq@01KB", ".other@before"):  # an installation was cut off
        (context.settings.rules_folder / "packages" / name).mkdir(parents=True)
    names = [s.package for s in rule_sources(context.settings.rules_folder)]
    assert names == ["kydai", "kydai", "sigmahq", "local"]


def test_a_package_that_is_replaced_while_it_is_read_is_read_as_it_was(context: Context, tmp_path: Path) -> None:
    ids = [ID.replace("1111-4111", f"111{n}-4111") for n in range(4)]
    folder = context.settings.rules_folder / "packages"
    for version, own in enumerate((ids[:2], ids[2:])):
        release = tmp_path / str(version)
        release.mkdir()
        for each in own:
            (release / f"{each}.yml").write_text(RULE.replace(ID, each))
    install(tmp_path / "0", folder, context.clock.now(), "p")
    sources = rule_sources(context.settings.rules_folder)
    assert {s.package for s in sources} > {"p"}
    install(tmp_path / "1", folder, context.clock.now(), "p")
    now, before = (load(s).packaged for s in (rule_sources(context.settings.rules_folder), sources))
    assert [set(ids) & found.keys() for found in (before, now)] == [set(ids[:2]), set(ids[2:])]


def test_packages_replaced_while_events_flow_lose_and_double_no_hit(
    context: Context, parts: Parts, tmp_path: Path
) -> None:
    """Two versions in turn, each with a rule of its own beside the one that both have."""
    both, versions = "41111111-1111-4111-8111-111111111111", ["5", "6"]
    for version in versions:
        (tmp_path / version).mkdir()
        (tmp_path / version / "both.yml").write_text(
            RULE.replace(ID, both).replace("high", "low" * (version == "6") or "high")
        )
        (tmp_path / version / "own.yml").write_text(RULE.replace(ID, version + ID[1:]))
    found: list[tuple[str, set[str]]] = []
    pipeline = run(context, parts)
    for number in range(8):
        version = versions[number % 2]
        folder, now = context.settings.rules_folder / "packages", context.clock.now()
        install(tmp_path / version, folder, now, "p")
        with context.database.write() as session:
            session.merge(Meta(key=VERSION_KEY, value=str(number)))
        spool = spool_of(context)
        spool.append([failed(number)])
        spool.close()
        while pipeline.step():
            pass
        found.append((version, {both, version + ID[1:], ID}))
    events = context.store.search(Query(TRUE), limit=100).events
    told = {str(e["source.ip"]): {*e["kydai.rules"]} for e in events}  # type: ignore[misc]  # a list here
    ids = {both, ID, *(version + ID[1:] for version in versions)}
    assert {address: rules & ids for address, rules in told.items()} == {
        f"203.0.113.{number}": rules for number, (_, rules) in enumerate(found)
    }
    with context.database.read() as session:
        counts = Counter[str]()
        for alert in session.scalars(select(Alert)):
            counts[alert.rule_id] += alert.count
    assert {rule: count for rule, count in counts.items() if rule in ids} == {
        ID: 8,
        both: 4,
        **{version + ID[1:]: 4 for version in versions},
    }, "the rule of both alerts in every other version"


@pytest.mark.parametrize("port", [443, 3333])
def test_flow_rules_mark_rows(context: Context, parts: Parts, port: int) -> None:
    local = context.settings.rules_folder / "local" / "flow.yml"
    local.write_text(
        "title: Miner\nid: 33333333-3333-4333-8333-333333333333\nstatus: test\nlevel: high\n"
        "logsource: {category: flow}\ndetection:\n  s: {destination.port: 3333}\n  condition: s\n"
    )
    detector = Detector.open(context.settings, context.database, context.clock)
    pipeline = run(context, parts)
    pipeline._refresh()
    from collectors.decoders.netflow import Datagram, decode
    from collectors.decoders.templates import TemplateCache
    from tests.kydai.test_pipeline import data, template

    payload = data(0).replace((443).to_bytes(2, "big"), port.to_bytes(2, "big"))
    grams = [Datagram("192.0.2.1", p, 1, "01M886PR2G1KTC05G41979E6AJ", i) for i, p in enumerate((template(), payload))]
    table = dress(decode(grams, TemplateCache()).table, pipeline._books.book, 5)
    judged, ruled = detector.judge_flows(table, 1)
    assert isinstance(ruled, pa.Table)
    assert [bool(r) for r in ruled.column("kydai.rules").to_pylist()] == [port == 3333]
    assert len(judged.hits) == (port == 3333)


def test_alerts_of_a_run_carry_the_line_of_the_rule(context: Context, parts: Parts) -> None:
    from core.db.models import Alert

    run(context, parts, failed(1))
    with context.database.read() as session:
        alert = session.query(Alert).filter(Alert.rule_id == ID).one()
    assert alert.rule_line == 9
    assert alert.matched[0]["field"] == "event.outcome"


def excepted(context: Context, parts: Parts, conditions: dict[str, list[str]], expires_at: int) -> int:
    from core.audit import Actor
    from core.db.models import Alert
    from detections import exception_book
    from detections.consequence import Consequence

    with context.database.write() as session:
        rule, alert = parts.detector.ruleset.by_id[ID], Alert(id=1, system="", agency="")
        row, _ = exception_book.create(
            session, Actor("me", "cli"), rule, alert, conditions, Consequence(0, 1),
            reason="r", owner="me", expires_at=expires_at, now=context.clock.now(),
        )  # fmt: skip
        return row.id


def test_an_exception_takes_hits_until_it_ends_and_counts_them(context: Context, parts: Parts) -> None:
    from core.clock import DAY, StillClock
    from core.db.models import Alert, HitBlock, Meta, RuleException

    (context.settings.rules_folder / "local" / "many.yml").write_text(CORRELATION.replace("title:", "title: x"))
    number = excepted(context, parts, {"host.name": ["WEB01"]}, context.clock.now() + DAY)
    with context.database.read() as session:
        parts.detector.refresh(session, session.get_one(Meta, "rules").value)
    taken, left = event("failure"), event("failure") | {"host.name": "db01"}
    judged = parts.detector.judge([taken, left], 1)
    assert ID in taken.get("kydai.rules", []), "it stays on the event"  # type: ignore[operator]  # a list here
    with context.database.write() as session:
        judged.save(session, "gateway", 9)
    with context.database.read() as session:
        row = session.get_one(RuleException, number)
        assert (row.taken, row.last_taken_at) == (1, 1_795_568_400_000_000)
        assert {each.host for each in session.query(Alert)} == set(), "only the correlation reads it"
        assert session.query(HitBlock).count() == 1
        assert len(judged.cuts) == 1
    parts.detector.clock = StillClock(context.clock.now() + 2 * DAY)
    assert not parts.detector.judge([event("failure")], 1).taken.hits
