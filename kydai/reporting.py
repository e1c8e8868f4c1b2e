"""What reports read from: the data folder's database and store, and its rules once a report asks for them."""

from __future__ import annotations

from functools import cache

from core.words import LANGUAGES
from detections.coverage import Coverage
from detections.ruleset import RuleSet
from kydai.context import Context
from kydai.covering import coverage_of
from kydai.detector import load_rules
from reports.document import Text
from reports.gather import Services


def services_of(context: Context) -> Services:
    """The services of a data folder; rules and coverage weigh much and are told once."""

    @cache
    def rules() -> RuleSet:
        with context.database.read() as session:
            return load_rules(context.settings, session)

    @cache
    def states() -> list[Coverage]:
        ruleset = rules()
        with context.database.read() as session:
            return coverage_of(ruleset, session, context.clock.now())

    def title(rule_id: str) -> Text:
        found = rules().every.get(rule_id)
        return rule_id if found is None else {lang: found.text("title", lang) for lang in LANGUAGES}

    return Services(context.database, context.store, context.clock, context.settings.zone, states, title)
