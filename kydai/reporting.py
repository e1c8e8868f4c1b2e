"""What reports read from: the data folder's database and store, and its rules once a report asks for them."""

from __future__ import annotations

from functools import cache

from core.words import LANGUAGES
from detections.coverage import Coverage, coverage
from detections.ruleset import RuleSet
from kydai.context import Context
from kydai.detector import load_rules
from kydai.seen import seen_of
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
        with context.database.read() as session:
            seen = seen_of(session, context.clock.now())
        return coverage(rules(), seen)

    def title(rule_id: str) -> Text:
        found = rules().every.get(rule_id)
        return rule_id if found is None else {lang: found.text("title", lang) for lang in LANGUAGES}

    return Services(context.database, context.store, context.clock, context.settings.zone, states, title)
