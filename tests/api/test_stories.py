"""A sentence says only what its alerts say."""

from __future__ import annotations

from api.stories import story
from core.clock import MINUTE
from enrichment.incident_words import sentence
from tests.api.conftest import NOW
from tests.api.rows import alert


def test_facts_are_told_gravest_first_and_outside_first() -> None:
    made = story(
        [
            alert(id=1, at=NOW - MINUTE, count=40,
                  summary={"from": ["10.20.1.5", "198.51.100.23"], "user": ["crawler"]}),
            alert(id=2, rule_id="shell", rule_title={"vi": "b", "en": "Shell"}, level="critical", host="db01",
                  summary={"to": ["203.0.113.9", "10.20.1.9"], "user": "root"}),
        ]
    )  # fmt: skip
    assert [r["en"] for r in made.rules] == ["Shell", "SSH password guessing"]
    assert (made.hosts, made.origins, made.targets) == (["db01", "web01"], ["198.51.100.23"], ["203.0.113.9"])
    assert (made.users, made.alerts, made.events) == (["root", "crawler"], 2, 41)
    assert "198.51.100.23" in sentence(made)["en"]


def test_one_alert_alone() -> None:
    text = sentence(story([alert(id=1)]))
    assert "web01: Dò mật khẩu SSH (1 cảnh báo, 1 sự kiện)" in text["vi"]
