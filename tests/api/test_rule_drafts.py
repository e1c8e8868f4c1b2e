"""What a draft makes of stored events, and where no rule can be changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from api.deps import Services
from api.rule_drafts import SHOWN, folder_of, template, tried
from api.scope import sight
from core.clock import HOUR
from core.errors import BadInput, Unavailable
from core.store.contract import Batch
from detections.drafts import drafted
from detections.ruleset import RuleSet
from detections.samples import Sheet
from tests.api.conftest import NOW
from tests.api.rows import events
from tests.api.test_why import RULE

TEXT = RULE.partition("---")[0]


def test_a_draft_is_tried_on_what_is_stored_of_its_source(services: Services) -> None:
    made = []
    for number in range(30):
        (one,) = events(1, NOW - HOUR - number)
        made.append(one | {
            "event.module": "system", "event.dataset": "system.auth", "process.name": "sshd",
            "event.outcome": "failure" if number < 25 else "success", "message": f"<b>{number}",
            "source.ip": "192.0.2.9", "kydai.agency": "A" if number < 3 else "B",
        })  # fmt: skip
    services.store.append(Batch(made))
    ready = replace(services, draft_samples=lambda path: Sheet(None))
    with drafted(TEXT, "", lambda: RuleSet(()), {}) as draft:
        (rule,) = draft.rules
        found = tried(ready, draft, rule, sight("")).stored
        part = tried(ready, draft, rule, sight('kydai.agency: "A"')).stored
    assert found is not None and part is not None
    assert (found.looked, found.hits, len(found.matches), found.doubtful) == (30, 25, SHOWN, 0)
    assert (found.matches[0].line, found.matches[0].matched) == ("<b>0", ["selection: event.outcome = failure"])
    assert (part.looked, part.hits) == (3, 3)


def test_correlations_alone_ask_for_nothing_stored(services: Services) -> None:
    ready = replace(services, draft_samples=lambda path: Sheet(None))
    first, second = RULE.split("---\n")
    with drafted(first, "", lambda: RuleSet(()), {}) as before, drafted(second, "", lambda: before.loaded, {}) as draft:
        assert tried(ready, draft, draft.usable()[0], sight("")).stored is None


def test_samples_that_cannot_be_read_are_told_without_their_folder(services: Services) -> None:
    ready = replace(services, draft_samples=lambda path: Sheet(None))
    with drafted(TEXT, "match: x\n", lambda: RuleSet(()), {}) as draft:
        told = tried(ready, draft, draft.rules[0], sight("")).samples
    assert told.problem is not None and told.problem.en.startswith("tests/rule.yml:1")


def test_a_template_can_be_used_but_for_what_is_to_be_filled_in(services: Services) -> None:
    made = template(services, "windows/process_creation", "vi")
    assert "product: windows, category: process_creation" in made.text
    with drafted(made.text, made.samples, lambda: RuleSet(()), {}) as draft:
        assert len(draft.usable()) == 1
        assert {each.code for each in draft.findings} == {"words"}
    with pytest.raises(BadInput, match="no log source"):
        template(services, "windows/proces_creation", "vi")


def test_where_nothing_can_be_changed_it_is_said(services: Services) -> None:
    with pytest.raises(Unavailable):
        folder_of(services)
