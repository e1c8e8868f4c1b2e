"""Copies of packages' rules that people of this site changed: they stand in the place of the packaged rule, and stay
when the package is updated.

A copy lies in ``<rules>/local``, and the text that it was made of in ``<rules>/copied`` under the same name: so it can
be said when the package's rule has changed since.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from core.errors import NotFound, failure
from core.words import LANGUAGES
from detections.rule import LOCAL_PACKAGE, Correlation, Rule
from detections.ruleset import RuleSet

MADE_OF = "copied"

ReadText = Callable[[str, str], str | None]
"""The YAML of a rule by its package and file; None where it is no longer there."""


@dataclass(frozen=True, slots=True)
class LocalCopy:
    """A local rule and what it stands for, each as the YAML of its file; ``made_of`` is None for a file that was
    written by hand, ``packaged`` where the package's file cannot be read."""

    rule: Rule | Correlation
    own: str
    made_of: str | None
    packaged: str | None

    @property
    def is_behind(self) -> bool:
        """Whether the package's rule has changed since it was copied."""
        return self.made_of is not None and self.packaged is not None and self.made_of != self.packaged


def local_copies(rules_folder: Path, ruleset: RuleSet, read: ReadText) -> list[LocalCopy]:
    """The local rules that stand in the place of packaged ones."""
    found = []
    for rule_id, packaged in ruleset.overridden.items():
        rule = ruleset.every[rule_id]
        made_of = rules_folder / MADE_OF / rule.file
        own = read(LOCAL_PACKAGE, rule.file)
        if own is not None:
            before = made_of.read_text("utf-8", "replace") if made_of.is_file() else None
            found.append(LocalCopy(rule, own, before, read(packaged.package, packaged.file)))
    return found


def copy_of(copies: list[LocalCopy], rule: Rule | Correlation) -> LocalCopy:
    """Raises NotFound when the rule is no local copy."""
    for each in copies:
        if each.rule.id == rule.id:
            return each
    raise failure(NotFound, "copies.none_of_it", title={lang: rule.text("title", lang) for lang in LANGUAGES})


def differences(old: str, new: str, old_name: str, new_name: str) -> str:
    """As ``diff -u`` tells them; empty when there is none."""
    return "".join(unified_diff(old.splitlines(True), new.splitlines(True), old_name, new_name))
