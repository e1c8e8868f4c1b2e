"""When nothing came, as page one tells it."""

from __future__ import annotations

from core.clock import HOUR, MINUTE, hour_of
from core.db.models import Activity, Ledger, PlannedSilence, Silence, Source
from core.store.contract import Batch
from reports.gather import Services
from tests.api.conftest import NOW
from tests.api.rows import events
from tests.reports.conftest import END, START
from tests.reports.test_unseen import hear, look, receive


def test_a_period_that_is_not_over_says_so(house: Services) -> None:
    assert "to_come" not in look(house)
    assert look(house, START, END + HOUR)["to_come"].startswith("The period ends after this was made (2026-11-25 ")
    assert look(house, END + HOUR, END + 2 * HOUR)["to_come"]


def test_silences_and_sources_that_never_sent_are_named(house: Services) -> None:
    found = look(house)
    assert found["never"].endswith("rt-xa14, web01.")
    assert found["silences"].startswith("web01: 50 min, from ")


def test_sources_that_fall_silent_together_are_one_line(house: Services) -> None:
    at = NOW - 3 * HOUR
    with house.database.write() as session:
        for number in range(14):
            row = Silence(source=f"rt{number:02d}", start_at=at + number, end_at=at + HOUR, limit=MINUTE)
            session.add(row)
    lines = look(house)["silences"].split("\n")
    assert len(lines) == 2
    assert lines[0].startswith("rt00, rt01")
    assert "(+2)" in lines[0]
    assert "web01" not in look(house, START, NOW - 2 * HOUR)["silences"]


def test_a_silence_that_was_planned_stands_apart_with_its_reason(house: Services) -> None:
    at = NOW - 10 * HOUR
    with house.database.write() as session:
        for name in ("a", "b"):
            session.add(Silence(source=name, start_at=at, end_at=at + HOUR, limit=MINUTE))
        why = {"reason": "Thay nguồn", "owner": "An", "by": "duclm"}
        session.add(PlannedSilence(source="b", start_at=at - HOUR, end_at=at + 3 * HOUR, **why))
    lines = look(house)["silences"].split("\n")
    assert [line for line in lines if line.startswith("b: 1 h") and "planned (An: Thay nguồn)" in line]
    assert [line for line in lines if line.startswith("a: 1 h") and "planned" not in line]


def test_a_log_type_that_stops_while_others_go_on_is_named(house: Services) -> None:
    with house.database.write() as session:
        session.add(Source(name="db02", keys=["db02"], is_declared=True, expected=["auditd.log", "iis.access"]))
    receive(house, "db02")
    ours = {"kydai.source": "db02", "event.dataset": "auditd.log"}
    house.store.append(Batch(events(2, NOW - 20 * HOUR, **ours)))
    hear(house, "db02", "", NOW, [[MINUTE, NOW - HOUR]])
    hear(house, "db02", "auditd.log", NOW - MINUTE, [[9 * HOUR, NOW - 2 * HOUR], [MINUTE, NOW]], "db02")
    never, stopped = look(house)["datasets"].split("\n")
    assert never == "db02: no iis.access in the whole period, while it sent others."
    assert stopped.startswith("db02: no auditd.log for 9 h")
    short = look(house, NOW - 10 * MINUTE, NOW)
    assert "auditd" not in short.get("datasets", ""), "too short a time to say so"


def test_a_silent_source_is_not_told_again_for_each_log_type(house: Services) -> None:
    with house.database.write() as session:
        session.add(Source(name="fw", keys=["fw"], is_declared=True, expected=["fw.log"]))
        session.add(Silence(source="fw", start_at=NOW - 9 * HOUR, end_at=NOW - 6 * HOUR, limit=MINUTE))
    receive(house, "fw")
    house.store.append(Batch(events(2, NOW - 20 * HOUR, **{"kydai.source": "fw", "event.dataset": "fw.log"})))
    hear(house, "fw", "", NOW, [])
    hear(house, "fw", "fw.log", NOW, [[3 * HOUR, NOW - 6 * HOUR]], "fw")
    assert "datasets" not in look(house)


def test_a_quiet_night_is_no_loss(house: Services) -> None:
    with house.database.write() as session:
        for name in ("av01", "db02"):
            session.add(Source(name=name, keys=[name], is_declared=True, expected=["cef.log"]))
    nights = [[5 * HOUR, NOW - 4 * HOUR], *([HOUR // 2, NOW - 2 * HOUR] for _ in range(4))]
    for name in ("av01", "db02"):
        receive(house, name)
        house.store.append(Batch(events(2, NOW - 9 * HOUR, **{"kydai.source": name, "event.dataset": "cef.log"})))
        hear(house, name, "cef.log", NOW, nights, name)
    hear(house, "av01", "", NOW, nights)  # it sends nothing else: then nothing came at all
    hear(house, "db02", "", NOW, [[MINUTE, NOW]])
    with house.database.write() as session:
        row = session.get_one(Activity, ("db02", "db02", "cef.log"))
        row.first_at, row.count = NOW - 23 * HOUR, 260  # too little to know its rhythm by
    assert "datasets" not in look(house)
    with house.database.write() as session:
        session.get_one(Activity, ("db02", "db02", "cef.log")).count = 1_000
    assert look(house)["datasets"].startswith("db02: no cef.log for 5 h")


def test_hours_without_anything_and_time_before_the_first_data_are_told(house: Services) -> None:
    with house.database.write() as session:
        for back in (6, 5, 2, 1):
            at = hour_of(NOW) - back * HOUR
            session.add(Ledger(source="a", hour=at, balance="raws", bucket="received", reason="", count=1))
    found = look(house)
    assert found["before"].startswith("Kỳ Đài has data since ")
    assert found["empty"].startswith("Nothing came from any source for 2 h, from ")
    assert found["empty"].count("\n") == 0
