"""What an alert offers for an exception, and what may be asked of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.deps import Caller, Services
from api.exceptions import asked, looked, offer, row_of, shown
from core.accounts import Role
from core.clock import DAY
from core.db.models import Alert, RuleException
from core.errors import BadInput
from core.store.contract import Batch
from detections.ruleset import RuleSet
from tests.api.conftest import NOW
from tests.api.rows import alert
from tests.detections.excepting import ID, curl_rules, hit, keep
from tests.detections.sigma_samples import rule_id

ME = Caller("hanhnt", Role.ANALYST)


@pytest.fixture
def ruleset(tmp_path: Path) -> RuleSet:
    return curl_rules(tmp_path)


def kept(services: Services, ruleset: RuleSet) -> Alert:
    with services.database.write() as session:
        (number,) = keep(session, services.store, ruleset, [hit(NOW - DAY, 1), hit(NOW - DAY, 2)], NOW)
        row = session.get_one(Alert, number)
        session.expunge(row)
        return row


def test_the_narrowest_condition_is_ticked(services: Services, ruleset: RuleSet) -> None:
    found = asked(services, ME, ruleset, kept(services, ruleset), None)
    made = offer(found, ME, services)
    assert (made.rule.id, made.events, made.owner) == (ID, 2, "hanhnt")
    assert [each.field for each in made.fields if each.is_ticked][:1] == ["process.command_line"]
    assert made.expires_at == NOW + 90 * DAY
    conditions, seen = looked(services, ruleset, found, ["host.name"])
    assert conditions == {"host.name": ["web01"]}
    assert (seen.removed, seen.alerts) == (1, 1)
    assert "bỏ 1 trong 1 cảnh báo" in shown(seen).sentence.vi


def test_an_alert_of_a_correlation_offers_its_rules(services: Services, ruleset: RuleSet) -> None:
    events = [hit(NOW - DAY, 1), hit(NOW - DAY, 2, kydai__rules=["other"])]
    services.store.append(Batch(events))
    row = alert(kind="correlation", rule_id=rule_id(9), event_ids=[str(each["event.id"]) for each in events])
    found = asked(services, ME, ruleset, row, None)
    assert ([rule.id for rule in found.rules], found.rule.id, found.events) == ([ID], ID, 1)
    with pytest.raises(BadInput, match="does not come from rule x"):
        asked(services, ME, ruleset, row, "x")


def test_alerts_that_offer_nothing_say_why(services: Services, ruleset: RuleSet) -> None:
    with pytest.raises(BadInput, match="about the system itself"):
        asked(services, ME, ruleset, alert(kind="self"), None)
    with pytest.raises(BadInput, match="No event"):
        asked(services, ME, ruleset, alert(rule_id=ID), None)


def test_only_another_person_may_approve() -> None:
    row = RuleException(
        id=1, rule_id=ID, rule_title={"vi": "a", "en": "a"}, conditions={}, text="", reason="r", owner="o",
        expires_at=NOW, state="pending", created_by="hanhnt", created_at=NOW, decided_by="", decision_reason="",
        consequence={"start": NOW - DAY, "end": NOW}, taken=0,
    )  # fmt: skip
    for maker in ("hanhnt", "hanhnt (token:x)", "os:hanhnt"):
        row.created_by = maker
        may = [row_of(row, Caller(name, Role.ANALYST), True).may_approve for name in ("hanhnt", "baotq")]
        assert may == [False, True]
    assert not row_of(row, Caller("baotq", Role.ANALYST), False).may_approve
