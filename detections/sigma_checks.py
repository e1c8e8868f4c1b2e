"""The checks of pySigma and of the SigmaHQ project, for rules that are to be shared.

Those that fetch lists from the Internet (tags, references, names of fields, files and log sources) are left out:
nothing here asks another machine.
"""

from __future__ import annotations

import importlib
import inspect
from dataclasses import fields
from functools import cache
from pathlib import Path

from sigma.rule import SigmaRule
from sigma.validation import SigmaValidator
from sigma.validators.base import SigmaRuleValidator, SigmaValidationIssue

from core.errors import BadInput
from detections.lint import Finding, Weight
from detections.rule import Rule
from detections.rule_files import rule_files
from detections.sigma_reader import read_document
from detections.strict_yaml import Document, documents

MODULES = (
    "core.condition", "core.logsources", "core.metadata", "core.modifiers", "core.values", "sigmahq.author",
    "sigmahq.condition", "sigmahq.correlation", "sigmahq.date", "sigmahq.description", "sigmahq.falsepositive",
    "sigmahq.fields", "sigmahq.level", "sigmahq.modifier", "sigmahq.status", "sigmahq.title",
)  # fmt: skip


@cache
def checks() -> tuple[type[SigmaRuleValidator], ...]:
    """The checks that are run, by module and name."""
    return tuple(
        kind
        for name in MODULES
        for _, kind in inspect.getmembers(importlib.import_module(f"sigma.validators.{name}"), inspect.isclass)
        if kind.__module__ == f"sigma.validators.{name}"
        and issubclass(kind, SigmaRuleValidator)
        and not inspect.isabstract(kind)
    )


def sigma_findings(path: Path) -> list[Finding]:
    """What the checks say of the rules of a file, folder or zip, in English, as they say it. What is no rule is left
    to ``lint``. Raises BadConfig when ``path`` is not there."""
    found: list[Finding] = []
    for file in rule_files(path):
        try:
            if isinstance(file, BadInput):
                continue
            read = documents(file.data, file.name)
        except BadInput:
            continue
        whole = [SigmaRule.from_dict(each.value) for each in read if _is_rule(each, file.name)]
        # names and ids are compared within a file only, and lint compares all
        issues = SigmaValidator(set(checks())).validate_rules(iter(whole))
        found += [_finding(file.name, issue) for issue in issues]
    return sorted(found, key=lambda each: (each.file, each.code))


def _is_rule(document: Document, file: str) -> bool:
    try:
        return isinstance(read_document(document, file), Rule)
    except BadInput:
        return False


def _finding(file: str, issue: SigmaValidationIssue) -> Finding:
    more = {each.name: getattr(issue, each.name) for each in fields(issue) if each.name != "rules"}
    told = ", ".join(f"{name} {value}" for name, value in more.items() if value is not None)
    text = f"{issue.description} ({told})" if told else issue.description
    return Finding(Weight.WARNING, file, None, type(issue).__name__, {"vi": text, "en": text})
