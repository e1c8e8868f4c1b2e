"""Page one names what could not be seen, and says what was looked at and found in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from core.clock import HOUR, MINUTE, Micros, hour_of
from core.db.models import Activity, Heartbeat, Ledger, Outbox, OutboxState, Silence, SpoolPosition
from core.said import Numbered, SaidTally, Unit
from core.store.contract import Missing, Truth
from core.words import say
from reports.document import Section, said
from reports.gather import Reading, Services
from reports.numbers import numbers_of
from reports.report import definitions
from reports.unseen import CHECKS, unseen
from tests.api.conftest import NOW
from tests.api.rows import alert
from tests.reports.conftest import END, START


def look(services: Services, start: Micros = START, end: Micros = END) -> dict[str, str]:
    """What each check found, by its key."""
    section = unseen(Reading(services, definitions()["period"], start, end))
    keys = {say(f"report.check.{key}", "en"): key for key in CHECKS}
    rows = section.table.rows if section.table is not None else ()
    return {keys[said(row[0], "en")]: said(row[1], "en") for row in rows}


def clear(section: Section) -> str:
    return " ".join(said(line, "en") for line in section.lines)


def test_an_empty_house_says_that_nothing_can_be_concluded(empty: Services) -> None:
    found = look(empty)
    assert found["inventory"] == "No inventory declared: coverage cannot be concluded"
    assert "not received any data" in found["before"]
    assert "not running" in found["lag"]


def test_every_check_is_told_whether_it_found_something_or_not(house: Services) -> None:
    section = unseen(Reading(house, definitions()["period"], START, END))
    assert section.table is not None
    told = {said(row[0], "en") for row in section.table.rows}
    for key in CHECKS:
        name = say(f"report.check.{key}", "en")
        assert (name in told) != (name in clear(section)), key


def hear(services: Services, source: str, dataset: str, last: Micros, gaps: list[list[int]], host: str = "") -> None:
    with services.database.write() as session:
        session.add(
            Activity(
                source=source, host=host, dataset=dataset, first_at=START, last_at=last, count=1_000, gaps=gaps,
                fields=[],
            )
        )  # fmt: skip


def receive(services: Services, source: str, bucket: str = "parsed", count: int = 9, balance: str = "raws") -> None:
    whole = "received" if balance == "raws" else "made"
    with services.database.write() as session:
        for name in (whole, bucket):
            row = Ledger(source=source, hour=hour_of(NOW - HOUR), balance=balance, bucket=name, reason="", count=count)
            session.add(row)


@pytest.mark.parametrize("bucket", ["unparsed", "ignored", "waiting"])
def test_raws_that_became_nothing_are_counted(house: Services, bucket: str) -> None:
    receive(house, "web01", bucket, 7)
    assert look(house)[bucket].startswith("7 of 7 ")


def test_rejected_events_and_balances_that_do_not_hold_are_told(house: Services) -> None:
    receive(house, "web01", "rejected", 3, "events")
    with house.database.write() as session:
        session.add(Ledger(source="x", hour=hour_of(NOW - HOUR), balance="raws", bucket="received", reason="", count=5))
    found = look(house)
    assert found["rejected"].startswith("3 of 3 events")
    assert found["balance"].endswith(" for x.")


def test_clocks_and_zones_say_which_way(house: Services) -> None:
    for name, offset in (("web01", 7 * MINUTE), ("rt-xa14", -7 * HOUR)):
        with house.database.write() as session:
            session.add(
                Activity(
                    source=name, host="", dataset="", first_at=START, last_at=NOW, count=9, gaps=[], fields=[],
                    offset=offset,
                )
            )  # fmt: skip
    assert look(house)["clocks"] == "rt-xa14: wrong zone, 7 h behind.\nweb01: its clock is 7 min ahead."


def test_logs_that_were_switched_off_and_alerts_about_ourselves_are_told(house: Services) -> None:
    with house.database.write() as session:
        off = {"vi": "Tắt nhật ký", "en": "Auditing switched off"}
        session.add(alert(tags=["attack.t1562.012"], rule_title=off))
        session.add(alert(kind="self", rule_title={"vi": "Đĩa gần đầy", "en": "Disk nearly full"}))
        session.add(alert(tags=["attack.t1059"]))
    found = look(house)
    assert found["hiding"].startswith("Auditing switched off, ")
    assert found["hiding"].count("\n") == 0
    assert found["ourselves"].startswith("Disk nearly full, ")


def say_lost(
    services: Services, name: str, numbered: Numbered, unit: Unit = Unit.RECORDS, *, of_us: bool = False
) -> None:
    tally = SaidTally()
    tally.add(name, NOW - HOUR, "kernel" if of_us else "ipfix 0", unit, numbered, is_receiver=of_us)
    with services.database.write() as session:
        tally.save(session)


def test_what_was_lost_before_us_is_told_by_unit_with_its_numbers(house: Services) -> None:
    receive(house, "rt01")
    say_lost(house, "rt01", Numbered(checked=9, lost=1200, jumps=1))
    say_lost(house, "rt02", Numbered(checked=9, lost=34, jumps=1))
    say_lost(house, "rt02", Numbered(checked=90, lost=7, jumps=80), Unit.DATAGRAMS)
    say_lost(house, "netflow:2055", Numbered(checked=500, lost=11), Unit.DATAGRAMS, of_us=True)
    assert look(house)["lost"].split("\n") == [
        "1,234 flow records were lost before us by the senders' own numbers (rt01, rt02).",
        "7 datagrams were lost before us by the senders' own numbers (rt02).",
        "Doubtful: most numbers of rt02 do not follow each other; either much is lost or it counts in a way of its"
        " own.",
        "The kernel dropped 11 datagrams that the receiver did not read in time (netflow:2055); of which source is not"
        " known.",
    ]
    section = unseen(Reading(house, definitions()["period"], START, END))
    assert section.table is not None
    numbers = [number for row in section.table.rows for number in numbers_of(row[1]) if "said" in number["rerun"]]
    assert [(n["value"], n["rerun"].partition(" → ")[2]) for n in numbers] == [
        (1234, "said.lost.records"),
        (7, "said.lost.datagrams"),
    ]


def test_who_numbers_nothing_is_unknown(house: Services) -> None:
    receive(house, "web01")
    receive(house, "rt01")
    say_lost(house, "rt01", Numbered(checked=9))
    assert look(house)["lost"] == "Unknown whether anything was lost on the way: web01 number nothing that they send."


def test_lag_undeclared_senders_and_dead_work_are_told(house: Services) -> None:
    with house.database.write() as session:
        session.add(Heartbeat(name="gateway", kind="gateway", at=NOW))
        session.add(SpoolPosition(spool="gateway", heartbeat_at=NOW, lag=5 * MINUTE))
        session.add(Outbox(kind="group", key="1", due_at=NOW - 2 * MINUTE, created_at=0))
        session.add(SpoolPosition(spool="ingest-1", heartbeat_at=NOW, lag=99 * MINUTE))  # a replay is old by nature
        session.add(Outbox(kind="x", key="y", due_at=0, created_at=0, state=OutboxState.DEAD))
    hear(house, "udp:192.0.2.9", "", NOW, [])
    found = look(house)
    assert found["lag"].split("\n") == ["Spool gateway is 5 min behind.", "Lag: the oldest due work has waited 2 min"]
    assert found["undeclared"].endswith("udp:192.0.2.9.")
    assert found["dead"] == "1 piece of work failed in every attempt; see: kydai doctor"


@dataclass
class Rule:
    state: str
    missing: tuple[str, ...] = ()
    rule: str = "r"
    reason: Mapping[str, str] = field(default_factory=dict)


def test_rules_that_cannot_fire_are_counted_with_what_they_lack(house: Services) -> None:
    rules = [Rule("blind", ("sysmon",)), Rule("blind", ("sysmon",)), Rule("unproven"), Rule("live"), Rule("disabled")]
    rules += [Rule("partly_blind"), Rule("not_here", ("okta",))]
    told = look(replace(house, coverage=lambda: rules))["rules"]
    assert told.startswith("2 of 5 rules cannot fire here, 1 cannot on some hosts, 1 are unproven.")
    assert "sysmon" in told
    assert "not known" in look(house)["rules"]
    assert "okta" not in told, "what the site does not have is no lack"
    assert "rules" not in look(replace(house, coverage=lambda: [Rule("live"), Rule("not_here")]))


def test_answers_that_lacked_something_are_told(house: Services) -> None:
    asked = Reading(house, definitions()["period"], START, END)
    asked.note(Truth(complete=False, missing=(Missing("quarantined", "s7"),)))
    table = unseen(asked).table
    assert table is not None
    assert "quarantined as damaged s7" in said(table.rows[-1][1], "en")


def test_a_long_list_is_cut_and_says_so(house: Services) -> None:
    with house.database.write() as session:
        for number in range(30):
            at = NOW - 20 * HOUR + number * 30 * MINUTE
            session.add(Silence(source=f"s{number:02d}", start_at=at, end_at=at + 20 * MINUTE, limit=MINUTE))
    lines = look(house)["silences"].split("\n")
    assert len(lines) == 13
    assert lines[-1] == "… and 19 more."
