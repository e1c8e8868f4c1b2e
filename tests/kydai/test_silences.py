"""Sources that fall silent together are one alert, which says what they share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import select

from core import planned
from core.audit import Actor
from core.clock import DAY, HOUR, MINUTE, SECOND
from core.db.database import Database
from core.db.models import Activity, Alert, AlertStatus, Heartbeat, Silence, Source, SpoolPosition
from core.sources import Heards
from detections.alerting import self_alert
from kydai import silences
from kydai.silences import Begun, Told, shared, waves

NOW = 1_764_000_000 * SECOND // HOUR * HOUR


def declare(database: Database, name: str, heard: int | None = NOW, *, count: int = 5000, **more: Any) -> None:
    with database.write() as session:
        session.add(Source(**({"name": name, "keys": [name], "is_declared": True, "created_at": 0} | more)))
        if heard is not None:
            times = {"first_at": heard - DAY if count > 1000 else heard, "last_at": heard}
            session.add(Activity(source=name, host="", dataset="", count=count, gaps=[], fields=[], **times))


def look(database: Database, now: int, *, began: int = NOW - DAY, lag: int = 0) -> list[Alert]:
    """The pipeline beats, the worker looks."""
    with database.write() as session:
        session.merge(Heartbeat(name="gateway", kind="gateway", at=now, data={}))
        row = {"segment": "", "record": 0, "arrival_at": 0, "heartbeat_at": now, "lag": lag}
        session.merge(SpoolPosition(spool="gateway", **row))
    with database.read() as session:
        found = silences.find(session, now, began)
    with database.write() as session:
        silences.save(session, found, now)
    with database.read() as session:
        return list(session.scalars(select(Alert).order_by(Alert.id)))


def hear(database: Database, name: str, at: int, limits: Mapping[str, int | None]) -> None:
    heards = Heards()
    heards.add(name, "", "", at, None)
    with database.write() as session:
        heards.save(session, limits)


def ends(database: Database) -> dict[str, int | None]:
    with database.read() as session:
        return {s.source: s.end_at for s in session.scalars(select(Silence))}


def test_fourteen_communes_that_lose_power_are_one_alert(database: Database) -> None:
    for n in range(14):
        name, at = f"rt-xa{n + 1:02}", NOW + n * 10 * SECOND
        limit = 40 * 60 if n in (3, 9) else None  # these may be silent for longer, and are found later
        place: dict[str, Any] = {
            "system": "Mạng truyền số liệu",
            "agency": f"Xã {n}",
            "keys": [f"10.40.{n}.1", f"host:{name}"],
        }
        declare(database, name, at, silence_limit_s=limit, **place)
    declare(database, "web01", NOW + 50 * MINUTE, system="Cổng thông tin điện tử", keys=["10.20.1.5"])
    declare(database, "relay", NOW - DAY, is_relay=True)
    declare(database, "never", None)
    declare(database, "stranger", NOW - DAY, is_declared=False)
    assert look(database, NOW + 15 * MINUTE) == []
    look(database, NOW + 16 * MINUTE)
    (alert,) = look(database, NOW + 18 * MINUTE)
    assert len(alert.summary["source"]) == alert.count == 12
    (alert,) = look(database, NOW + 45 * MINUTE)
    assert len(alert.summary["source"]) == alert.count == 14, "one number in its title and beside it"
    assert alert.summary["system"] == "Mạng truyền số liệu"
    assert alert.summary["block"] == "10.40.0.0/20"
    assert "agency" not in alert.summary
    assert alert.rule_title["vi"] == (
        "Mất tín hiệu 14 nguồn cùng lúc (cùng hệ thống thông tin Mạng truyền số liệu, cùng dải địa chỉ 10.40.0.0/20): "
        "rt-xa01, rt-xa02, rt-xa03, rt-xa04, rt-xa05 …"
    )
    assert "together (all of information system Mạng" in alert.rule_title["en"]
    assert alert.first_at == NOW
    _, other = look(database, NOW + 70 * MINUTE)
    assert other.rule_title["en"] == "Source web01 fell silent", "another hour, another matter"
    assert set(ends(database)) == {*alert.summary["source"], "web01"}
    assert len(look(database, NOW + 75 * MINUTE)) == 2


def test_the_pipeline_ends_a_silence_when_it_hears_again(database: Database) -> None:
    declare(database, "fw")
    declare(database, "new", count=5)  # its rhythm is not known: the pipeline does not note its gaps
    look(database, NOW + 16 * MINUTE)
    assert ends(database) == {"fw": None, "new": None}
    limits = {"fw": None, "new": None}
    for name in ("fw", "new"):
        hear(database, name, NOW + 50 * MINUTE, limits)
        hear(database, name, NOW + 51 * MINUTE, limits)
    assert ends(database) == {"fw": NOW + 50 * MINUTE, "new": None}
    look(database, NOW + 51 * MINUTE)
    assert ends(database) == {"fw": NOW + 50 * MINUTE, "new": NOW + 51 * MINUTE}


def test_a_wave_that_was_closed_is_told_of_anew_when_another_joins(database: Database) -> None:
    declare(database, "a", NOW)
    declare(database, "b", NOW + 2 * MINUTE)
    (alert,) = look(database, NOW + 16 * MINUTE)
    with database.write() as session:
        session.get_one(Alert, alert.id).status = AlertStatus.CLOSED
    first, second = look(database, NOW + 18 * MINUTE)
    assert (first.summary["source"], second.summary["source"]) == (["a"], ["a", "b"])
    assert second.rule_title["vi"] == "Mất tín hiệu 2 nguồn: a, b"


def test_what_was_silent_when_we_began_is_one_wave(database: Database) -> None:
    for hours in range(4):
        declare(database, f"s{hours}", NOW - hours * HOUR)
    assert look(database, NOW + 14 * MINUTE, began=NOW) == []
    (alert,) = look(database, NOW + 16 * MINUTE, began=NOW)
    assert len(alert.summary["source"]) == 4


def test_an_alert_of_an_older_version_is_no_wave(database: Database) -> None:
    declare(database, "fw")
    with database.write() as session:
        self_alert(session, "silence", {"vi": "x", "en": "x"}, "medium", {"source": ["fw"]}, NOW)
    assert [a.summary["key"] for a in look(database, NOW + 16 * MINUTE)] == ["silence", f"silence:{NOW}"]


def test_while_we_lag_nobody_is_silent(database: Database) -> None:
    declare(database, "fw")
    assert look(database, NOW + HOUR, lag=61 * SECOND) == []
    assert len(look(database, NOW + HOUR, lag=0)) == 1


def begun(name: str, at: int) -> Begun:
    return Begun(name, at, at, 15 * MINUTE)


def test_waves_are_cut_where_minutes_lie_between() -> None:
    ones = [begun("c", 20 * MINUTE), begun("a", 0), begun("b", 5 * MINUTE), begun("d", 26 * MINUTE)]
    told = Told("silence:1", 28 * MINUTE, 40 * MINUTE, ("x",))
    found = [(wave and wave.key, [b.source for b in group]) for wave, group in waves(ones, [told])]
    assert found == [(None, ["a", "b"]), (None, ["c"]), ("silence:1", ["d"])]


def source(*keys: str, system: str = "", agency: str = "") -> Source:
    return Source(name=keys[0], keys=list(keys), system=system, agency=agency)


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ([source("10.1.1.1", system="A")], {}),
        ([source("10.1.1.1", system="A"), source("10.1.1.200", system="A")], {"system": "A", "block": "10.1.1.0/24"}),
        ([source("10.1.1.1", agency="S"), source("10.9.1.1", agency="S")], {"agency": "S"}),
        ([source("10.1.1.1"), source("token:web")], {}),
        ([source("syslog:10.1.1.1"), source("host:b", "10.1.3.1")], {"block": "10.1.0.0/22"}),
        ([source("2001:db8::1"), source("2001:db8:0:1::9")], {"block": "2001:db8::/63"}),
        ([source("2001:db8::1"), source("10.1.1.1")], {}),
        ([source("10.1.1.1", system="A"), source("10.1.1.2", system="B")], {"block": "10.1.1.0/24"}),
    ],
)
def test_what_sources_share(sources: list[Source], expected: dict[str, str]) -> None:
    assert shared(sources) == expected


def test_maintenance_is_no_alert_until_it_is_over(database: Database) -> None:
    declare(database, "fw")
    with database.write() as session:
        planned.begin(session, Actor("duclm", "cli"), ["fw"], NOW + 2 * HOUR, "Thay nguồn", "An", NOW)
    assert look(database, NOW + HOUR) == []
    assert look(database, NOW + 2 * HOUR + 14 * MINUTE) == [], "its limit begins anew"
    (alert,) = look(database, NOW + 2 * HOUR + 16 * MINUTE)
    assert alert.summary["source"] == ["fw"]


def test_those_of_one_room_and_one_make_say_so(database: Database) -> None:
    for name in ("a", "b"):
        declare(database, name, system="", agency="", place="Phòng máy 2", product="Huawei", keys=[])
    (alert,) = look(database, NOW + 16 * MINUTE)
    assert alert.rule_title["en"].startswith("2 sources fell silent together (all at Phòng máy 2, all of them Huawei)")
