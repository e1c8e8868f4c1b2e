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

from core.durable import write_durably
from core.errors import BadInput, NotFound, Place, cause, failure
from detections.rule import LOCAL_PACKAGE, Correlation, Rule
from detections.ruleset import RuleSet

MADE_OF = "copied"
REMOVED = ".removed"

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


def copy_rule(rules_folder: Path, rule: Rule | Correlation, text: str) -> Path:
    """Write a local copy of a packaged rule's file. Raises BadInput when it is a local rule or there is one already."""
    if rule.package == LOCAL_PACKAGE:
        raise failure(BadInput, "copies.is_local", place=Place(rule.file))
    name = _name(rule)
    place = rules_folder / LOCAL_PACKAGE / name
    if place.exists():
        raise failure(BadInput, "samples.new.exists", place=Place(str(place)))
    try:
        write_durably(rules_folder / MADE_OF / name, text.encode())
        write_durably(place, text.encode())
    except OSError as error:
        raise failure(BadInput, "common.error.write", place=Place(str(place)), why=cause(error)) from error
    return place


def _name(rule: Rule | Correlation) -> str:
    """Under Sigma's folder, by which a rule alerts or records."""
    file = rule.file.rpartition("/")[2]
    return file if rule.folder == "rules" else f"{rule.folder}/{file}"


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
    raise failure(NotFound, "copies.none_of_it", title=rule.title)


def settle(rules_folder: Path, copy: LocalCopy) -> None:
    """Note that a person has looked at what the package changed: the copy now stands for that."""
    write_durably(rules_folder / MADE_OF / copy.rule.file, (copy.packaged or "").encode())


def take_away(rules_folder: Path, copy: LocalCopy) -> Path:
    """Let the package's rule be in force again; the copy is kept under another name, which is returned."""
    place = rules_folder / LOCAL_PACKAGE / copy.rule.file
    kept = place.with_name(place.name + REMOVED)
    place.replace(kept)
    return kept


def differences(old: str, new: str, old_name: str, new_name: str) -> str:
    """As ``diff -u`` tells them; empty when there is none."""
    return "".join(unified_diff(old.splitlines(True), new.splitlines(True), old_name, new_name))
