"""Each kind has its word and, where Sigma does not have it, says in words what it asks for."""

from __future__ import annotations

from detections.correlation_rules import Pattern
from detections.rule import Correlation
from detections.rule_kinds import RuleKind, asks, counted, kind_of
from detections.ruleset import load, own_sources
from tests.detections.correlation_cases import document, pattern_set, rule
from tests.detections.test_beacon import pattern as beacon
from tests.detections.test_first_seen import novelty, pattern_of

MANY = document("many", type="event_count", rules=["a"], timespan="1m", condition={"gte": 3})


def said(pattern: Pattern, lang: str) -> str:
    found = asks(pattern)
    assert found is not None
    return found[lang]


def test_kinds_and_their_number() -> None:
    own = load(own_sources())
    kinds = {kind_of(each) for each in own.every.values()}
    assert kinds == set(RuleKind)
    assert (kind_of(rule("a")), kind_of(MANY), kind_of(novelty())) == ("rule", "correlation", "first_seen")
    damaged = Correlation("x", "x", MANY.level, "", (), {"correlation": {"type": ["beacon"]}})
    assert kind_of(damaged) is RuleKind.CORRELATION
    assert (
        counted([rule("a"), MANY, novelty(), novelty()], "en") == "4 rules, of them 1 correlation, 2 values never seen"
    )
    assert counted([rule("a")], "vi") == "1 quy tắc"


def test_what_a_value_never_seen_asks_for() -> None:
    text = said(pattern_of(novelty(learn="14d", forget="90d")), "en")
    assert text.startswith("Alerts when host has a value of user that it did not have in the 90 d before.")
    assert "learnt for 14 d" in text
    house = pattern_of(novelty(group_by=[], fields=["user", "country"]))
    assert "giá trị user, country" in said(house, "vi") and "toàn bộ hệ thống" in said(house, "vi")


def test_what_a_beacon_asks_for_and_that_others_say_nothing() -> None:
    text = said(beacon(), "en")
    for part in ("at least 24 times", "at least 6 h", "of the 1 d before", "at least 80 %", "within 20 %"):
        assert part in text, text
    assert asks(pattern_set(MANY).by_id["id-many"]) is None
