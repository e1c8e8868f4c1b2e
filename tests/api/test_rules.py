"""The rule set is loaded once, and again when somebody chose a mode."""

from __future__ import annotations

from dataclasses import replace

import pytest

from api.deps import Services
from api.rules import RuleBook, find
from core.audit import Actor
from core.clock import StillClock
from core.errors import NotFound, Unavailable
from detections.coverage import Coverage, State
from detections.rule import Mode
from detections.rule_modes import choose
from detections.ruleset import RuleSet


def test_it_is_loaded_when_first_needed_and_when_it_changed(services: Services) -> None:
    loaded = []

    def load() -> RuleSet:
        loaded.append(1)
        return RuleSet(())

    book = RuleBook(replace(services, rules=load))
    for _ in range(3):
        with services.database.read() as session:
            book.rules(session)
    assert len(loaded) == 1
    with services.database.write() as session:
        choose(session, Actor("a", "cli"), "r", Mode.RECORD, "", now=5)
    with services.database.read() as session:
        book.rules(session)
    assert len(loaded) == 2
    assert book.coverage() == {}


def test_coverage_is_told_again_when_it_is_old_or_rules_changed(
    services: Services, clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.rules.PATIENCE_SECONDS", 10)
    told = []

    def coverage() -> list[Coverage]:
        told.append(1)
        if len(told) == 2:
            raise Unavailable("the store did not answer")
        return [Coverage("r", State.LIVE, {}, (str(len(told)),))]

    book = RuleBook(replace(services, rules=lambda: RuleSet(()), coverage=coverage))
    assert book.coverage()["r"].missing == ("1",)
    assert book.coverage()["r"].missing == ("1",)
    clock.advance(31)
    assert book.coverage()["r"].missing == ("1",), "the last one, when it cannot be told"
    with services.database.write() as session:
        choose(session, Actor("a", "cli"), "r", Mode.RECORD, "", now=5)
    with services.database.read() as session:
        book.rules(session)
    assert book.coverage()["r"].missing == ("3",)
    assert len(told) == 3


def test_a_process_without_rules_says_so(services: Services) -> None:
    with services.database.read() as session, pytest.raises(Unavailable):
        RuleBook(services).rules(session)


def test_an_unknown_rule_is_not_found() -> None:
    with pytest.raises(NotFound):
        find(RuleSet(()), "r")
