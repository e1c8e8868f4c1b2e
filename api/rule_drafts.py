"""Rules as they are written in the console: the text to begin with, what it would match, what versions there were."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from api.deps import Services
from api.rule_page import SamplesTried, samples
from api.scope import Sight
from api.shapes import Shape, Time, Truth
from core.clock import DAY, iso
from core.db.models import Audit
from core.errors import NotFound, Unavailable, failure
from core.event import Event
from core.store.contract import Query, Span
from core.words import say
from detections import local_rules
from detections.coverage import source_text
from detections.drafts import Draft, file_of
from detections.explain import explain
from detections.hunting import Hunter
from detections.local_copies import differences
from detections.local_rules import Written
from detections.new_rules import USUAL, logsource_named, new_rule
from detections.rule import LOCAL_PACKAGE, Correlation, Rule
from detections.samples import Sheet
from detections.slips import known_sources

MAX_TEXT = 2_000_000
"""Characters; what is longer than a rule file may be is said by the check itself."""
TRIED = 5_000
"""Stored events of the log source that are tried, the newest."""
TRIED_SPAN = 7 * DAY
SHOWN = 20
MAX_LINE = 1_000
_NAME = "quy_tac_moi"
_WORDS = {
    "about_source": "local.about_source",
    "about_fields": "local.about_fields",
    "about_samples": "samples.new.about_samples",
}
"""The comments of a template; those of the command name commands."""


class RuleText(BaseModel):
    text: str = Field(max_length=MAX_TEXT)
    samples: str = Field("", max_length=MAX_TEXT)
    """Events that it must match and must not, as in its file of samples."""


class SavedText(RuleText):
    version: str | None = Field(None, max_length=64)
    """Of the text that it was made from; None for a new rule."""
    reason: str = Field("", max_length=2000)


class RuleSource(Shape):
    """A file of rules as it is now, to be changed."""

    file: str
    package: str
    """``local``, or the package's whose rule it is: saved, it becomes a local copy."""
    text: str
    samples: str
    version: str


class Template(Shape):
    """A rule and its samples to begin with."""

    text: str
    samples: str
    logsource: str
    logsources: list[str]
    """Those that can be asked for."""


class TextSaved(Shape):
    """What was saved; ``entry`` of the journal undoes it within ten minutes."""

    id: str
    """Of the rule: the first of the text, when it is new."""
    file: str
    entry: int


class Undone(Shape):
    """``is_there``: whether the rule is in force after it."""

    id: str
    is_there: bool
    entry: int


class Match(Shape):
    """A stored event that a draft matches."""

    id: str
    at: str
    rule: str
    """The title of the rule."""
    line: str
    matched: list[str]
    """``selection: field = value``."""


class Stored(Shape):
    """What a draft makes of the newest stored events of its log source."""

    looked: int
    start: Time
    end: Time
    hits: int
    matches: list[Match]
    """The newest 20."""
    doubtful: int
    """Events on which query and engine disagree: the hits are not all there."""
    truth: Truth


class DraftTried(Shape):
    """A draft tried on its samples and on what is stored; ``stored`` is None for correlations alone."""

    samples: SamplesTried
    stored: Stored | None


class TextChange(Shape):
    """What an entry of the journal changed of a text."""

    difference: str
    """As ``diff -u`` tells it, the samples behind the rule."""
    text: str | None
    """The text after it; None: it was taken away."""
    samples: str
    kind: Literal["saved", "removed"]


def folder_of(svc: Services) -> Path:
    """Where local rules lie. Raises Unavailable where this process changes none."""
    if svc.rules_folder is None:
        raise failure(Unavailable, "api.no_rules")
    return svc.rules_folder


def written(svc: Services, rule: Rule | Correlation) -> Written:
    """The file of a rule as it is now, under the name that it has or would have among the local ones. Raises
    NotFound."""
    path = svc.rule_path(rule.package, rule.file)
    found = None if path is None else local_rules.read_rule(path, file_of(rule, folder_of(svc) / LOCAL_PACKAGE))
    if found is None:
        raise failure(NotFound, "copies.gone")
    return found


def template(svc: Services, logsource: str | None, lang: str) -> Template:
    """A rule to begin with. Raises BadInput with the nearest log source that there is."""
    words = {name: say(key, lang) for name, key in _WORDS.items()}
    source = logsource_named(logsource) if logsource else USUAL
    (_, text), (_, sheet) = new_rule(_NAME, iso(svc.clock.now())[:10], words, source)
    return Template(
        text=text,
        samples=sheet,
        logsource=source_text(source),
        logsources=sorted({source_text(each) for each in known_sources()}),
    )


def about(draft: Draft, rule_id: str | None) -> Rule | Correlation:
    """The rule of a draft that it is about: the one that is changed, else the first. Raises BadInput."""
    rules = draft.usable()
    return next((each for each in rules if each.id == rule_id), rules[0])


def tried(svc: Services, draft: Draft, rule: Rule | Correlation, sight: Sight) -> DraftTried:
    """A draft on its samples, and on the newest stored events that the caller sees."""
    if svc.draft_samples is None:
        raise failure(Unavailable, "api.no_rules")
    wrong = draft.samples_error
    sheet = samples(svc.draft_samples(draft.path) if wrong is None else Sheet(draft.path.name, error=wrong), rule)
    rules = [each for each in draft.loaded.rules if each.id not in draft.loaded.blind]
    return DraftTried(samples=sheet, stored=_stored(svc, rules, sight) if rules else None)


def _stored(svc: Services, rules: Sequence[Rule], sight: Sight) -> Stored:
    now = svc.clock.now()
    hunter = Hunter(rules, svc.clock)
    span = Span(now - TRIED_SPAN, now)
    rows = svc.store.search(Query(hunter.sources, span, sight.node), limit=TRIED)
    hits = 0
    matches: list[Match] = []
    for event, found in hunter.judge(rows.events):
        hits += len(found)
        matches += [_match(hunter.rules[rule], event) for rule in found[: SHOWN - len(matches)]]
    return Stored(
        looked=len(rows.events),
        start=now - TRIED_SPAN,
        end=now,
        hits=hits,
        matches=matches,
        doubtful=sum(hunter.lacking.values()) + len(hunter.suspended),
        truth=Truth.of(rows.truth),
    )


def _match(rule: Rule, event: Event) -> Match:
    line = event.get("message") or event.get("event.original") or event.get("process.command_line") or ""
    told = [f"{each['selection']}: {each['field']} = {each['value']}"[:MAX_LINE] for each in explain(rule, event)[:5]]
    return Match(
        id=str(event.get("event.id", "")),
        at=str(event.get("@timestamp", "")),
        rule=rule.title,
        line=str(line)[:MAX_LINE],
        matched=told,
    )


def text_change(session: Session, folder: Path, rule: Rule | Correlation, entry: int) -> TextChange:
    """What an entry changed of the rule's text. Raises NotFound when it is no such entry, or its texts are gone."""
    row = session.get(Audit, entry)
    if row is None or row.object != f"rule:{rule.id}" or row.action not in local_rules.ACTIONS:
        raise failure(NotFound, "local.no_change")
    before, after = (local_rules.version_of(folder, facts) for facts in (row.before, row.after))
    file = (after or before or Written(rule.file, "")).file
    before = before or local_rules.made_of(folder, row.after)
    told = [
        differences(getattr(before, name, ""), getattr(after, name, ""), f"{file}{of}", f"{file}{of}")
        for name, of in (("text", ""), ("samples", " (samples)"))
    ]
    return TextChange(
        difference="".join(told),
        text=after.text if after else None,
        samples=after.samples if after else "",
        kind="saved" if after else "removed",
    )
