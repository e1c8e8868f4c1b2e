"""Events as shippers and our parsers make them meet the rules of their log source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from collectors.parser import ParserSet
from core.clock import StillClock, to_micros
from core.event import Event, Frame
from detections.ecs_binding import EcsBinding
from detections.hunting import Hunter
from detections.rule import Logsource, Rule
from detections.ruleset import RuleSet
from detections.taxonomy import data

SHIPPED: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "shipped.yml").read_text(encoding="utf-8"))
CREATED = to_micros("2026-11-25T01:26:00Z")
PARSERS = ParserSet.load()


def _event(shipped: dict[str, Any]) -> Event:
    raw = shipped["raw"].encode() if "raw" in shipped else orjson.dumps(shipped["document"])
    (made,) = PARSERS.parse(Frame("token:x", CREATED, raw), zone="Asia/Ho_Chi_Minh").events
    return made


@pytest.fixture(scope="module")
def by_title(sigmahq: RuleSet) -> dict[str, Rule]:
    return {rule.title: rule for rule in sigmahq.rules}


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda each: each["rule"])
def test_a_shipped_event_meets_the_rule(shipped: dict[str, Any], by_title: dict[str, Rule]) -> None:
    rule, event = by_title[shipped["rule"]], _event(shipped)
    hunter = Hunter([rule], clock=StillClock(CREATED))
    assert [ids for _, ids in hunter.judge([event])] == [(rule.id,)]
    assert (hunter.extra, hunter.lacking) == ({}, {}), "the tree of the hunt says what the engine does"
    assert hunter.hunts[rule.id].test(event)


def test_every_log_source_is_shipped(sigmahq: RuleSet, by_title: dict[str, Rule]) -> None:
    shipped = {by_title[each["rule"]].logsource for each in SHIPPED}
    described = {Logsource(**entry["logsource"]) for entry in data("products.yml")["sources"]}
    assert described <= shipped


def test_every_log_source_of_sigmahq_is_described(sigmahq: RuleSet) -> None:
    binding = EcsBinding()
    sources = {rule.logsource for rule in sigmahq.rules if not rule.logsource.is_flow}
    assert {source for source in sources if not binding.knows(source)} == set()
    assert len(sources) > 100
