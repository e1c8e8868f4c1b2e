"""A period's numbers are what their queries give; incidents and sources stand in the order of what matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from core.clock import DAY, HOUR
from core.db.models import Incident, Ledger
from core.store.contract import Batch, Query, Span
from reports import period
from reports.document import Section, Text, said, value_of
from reports.gather import Reading, Services
from reports.numbers import numbers_of
from reports.report import definitions
from tests.api.conftest import NOW
from tests.api.rows import alert, events
from tests.reports.conftest import END, START


def reading(services: Services, start: int = START, end: int = END) -> Reading:
    return Reading(services, definitions()["period"], start, end)


def rows(section: Section) -> Sequence[Sequence[Text]]:
    return section.table.rows if section.table is not None else ()


def again(services: Services, query: str, span: Span) -> int:
    """A number by its query, asked of the store afresh."""
    return services.store.count(Query(reading(services).tree(query), span)).count


def test_every_number_over_events_is_what_its_query_gives(house: Services) -> None:
    shown = {said(r[-1], "en"): value_of(r[1]) for r in rows(period.counts(reading(house)))}
    events_ = {q: n for q, n in shown.items() if not q.startswith("GET ")}
    assert len(events_) == len(definitions()["period"].counts)
    assert events_ == {q: again(house, q, Span(START, END)) for q in events_}
    assert events_["*"] == 12


def test_every_number_of_every_part_has_what_gives_it_again(house: Services) -> None:
    asked = reading(house)
    for part in (period.summary, period.counts, period.alert_rules, period.incidents, period.sources):
        section = part(asked)
        for cell in (c for row in rows(section) for c in row):
            assert "rerun" in cell or not isinstance(value_of(cell), int), cell
        told = [n["rerun"] for text in (section.lead, *section.lines) for n in numbers_of(text)]
        assert all(rerun.startswith("GET /api/v1/") for rerun in told)
        assert told or section.key == "counts"


def test_the_period_before_stands_beside_once_there_was_one(house: Services) -> None:
    first = period.counts(reading(house))
    assert first.table is not None
    assert len(first.table.columns) == 3
    assert "No period before" in said(first.lines[0], "en")
    with house.database.write() as session:
        session.add(Ledger(source="a", hour=START - 9 * DAY, balance="raws", bucket="received", reason="", count=1))
    house.store.append(Batch(events(3, START - HOUR)))
    whole = next(r for r in rows(period.counts(reading(house))) if said(r[-1], "en") == "*")
    assert [value_of(cell) for cell in whole[1:3]] == [12, 3]


def test_frequent_values_have_queries_of_their_own(house: Services) -> None:
    seen = {"event.category": ["authentication"], "event.outcome": "failure", "source.ip": "203.0.113.5"}
    house.store.append(Batch(events(4, NOW - HOUR, **seen, **{"user.name": 'a"b (c)'})))
    found = rows(period.tops(reading(house)))
    assert any(said(r[1], "en") == 'a"b (c)' for r in found)
    for row in found:
        assert value_of(row[2]) == again(house, said(row[3], "en"), Span(START, END)), row


def _incident(number: str, level: str, priority: int, **changes: Any) -> Incident:
    title = {"vi": number, "en": number}
    at = NOW - HOUR
    values: dict[str, Any] = {"first_at": at, "last_at": at, "created_at": at, "updated_at": at, "title": title}
    return Incident(number=number, level=level, priority=priority, **values | changes)


def test_incidents_stand_by_priority_with_what_was_decided(house: Services) -> None:
    with house.database.write() as session:
        declared = {"declared_at": NOW, "declared_by": "hanhnt", "is_replay": True, "verdict": "true_positive"}
        session.add(_incident("VV-2026-0002", "critical", 90, **declared, assignee="baotq"))
        session.add(_incident("VV-2026-0003", "low", 1, declared_at=NOW, withdrawn_at=NOW))
        session.add(_incident("VV-2026-0004", "low", 1, merged_into=1))
        session.add(_incident("VV-2026-0005", "low", 1, first_at=START - HOUR, last_at=START - 1))
    section = period.incidents(reading(house))
    found = rows(section)
    assert [said(r[0], "en").split("\n")[0] for r in found] == ["VV-2026-0002", "VV-2026-0001", "VV-2026-0003"]
    assert said(found[0][0], "vi").endswith("phát lại")
    assert said(found[0][4], "en").split("\n") == ["New", "true positive", "declared security incident", "baotq"]
    assert "declared" not in said(found[2][4], "en")
    assert said(section.lead, "en").startswith("3 of 3")
    assert rows(period.incidents(reading(house, START - 9 * DAY, START - 8 * DAY))) == ()


def test_the_summary_counts_what_the_parts_show(house: Services) -> None:
    with house.database.write() as session:
        session.add(Ledger(source="web01", hour=NOW - HOUR, balance="raws", bucket="received", reason="", count=1500))
        session.add(Ledger(source="web01", hour=NOW - HOUR, balance="events", bucket="stored", reason="", count=12))
        session.add(alert(is_replay=True, level="low"))
    told = [said(line, "vi") for line in period.summary(reading(house)).lines]
    assert told[0].startswith("Nhận 1.500 bản ghi từ 1 nguồn; lưu 12 sự kiện")
    assert told[1] == "2 cảnh báo (1 mức cao hoặc nghiêm trọng), gom thành 1 vụ việc."
    assert told[2].startswith("0 vụ việc được xác nhận là sự cố an ninh mạng; 0 đã đóng; 1 còn mở")
    assert told[3].startswith("1 bước ứng phó hoàn tất, 0 đã hoàn tác")
    assert told[4].startswith("1 trong 2 cảnh báo")


def test_rules_are_counted_with_their_false_alarms(house: Services) -> None:
    with house.database.write() as session:
        session.add(alert(verdict="false_positive", status="closed", count=4))
        session.add(alert(rule_id="other", rule_title={"vi": "Khác", "en": "Other"}))
    found = rows(period.alert_rules(reading(house)))
    assert [value_of(cell) for cell in found[0][2:]] == [2, 5, 1]
    assert said(found[1][0], "en") == "Other\nother"


def test_sources_that_want_attention_stand_first_with_their_balance(house: Services) -> None:
    with house.database.write() as session:
        session.add(Ledger(source="new", hour=NOW - HOUR, balance="raws", bucket="received", reason="", count=3))
        session.add(Ledger(source="web01", hour=NOW - HOUR, balance="raws", bucket="received", reason="", count=3))
    found = rows(period.sources(reading(house)))
    assert [said(r[0], "en") for r in found] == ["rt-xa14", "web01"]
    assert [said(r[-1], "en") for r in found] == ["holds", "OFF BY 3"]


@dataclass
class Rule:
    rule: str
    state: str
    reason: Mapping[str, str] = field(default_factory=lambda: {"vi": "thiếu", "en": "lacks"})
    missing: tuple[str, ...] = ()


def test_rules_that_cannot_fire_are_listed_by_title_with_the_reason(house: Services) -> None:
    rules = [Rule("a", "unproven"), Rule("b", "blind"), Rule("c", "live"), Rule("d", "partly_blind")]
    rules += [Rule("e", "not_here")]
    told = replace(house, coverage=lambda: rules, rule_title=lambda rule: {"vi": f"V{rule}", "en": f"E{rule}"})
    found = rows(period.blind_rules(reading(told)))
    assert [[said(cell, "en") for cell in row] for row in found] == [
        ["Eb", "lacks"],
        ["Ed", "lacks"],
        ["Ea", "lacks"],
    ]
    assert rows(period.blind_rules(reading(house))) == ()
