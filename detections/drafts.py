"""Texts of rules that are not in force yet: read and checked as they would be from their file."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import BadInput, Conflict, Place, failure
from detections.dependents import orphaned
from detections.lint import TITLE, Finding, Weight, lint
from detections.rule import LOCAL_PACKAGE, Correlation, Rule
from detections.ruleset import RuleSet, RuleSource, load
from detections.samples import FOLDER, read_samples

_NAME = re.compile(r"[a-z][a-z0-9_]{0,79}")
_FILE = "rule.yml"


@dataclass(frozen=True, slots=True)
class Draft:
    """A text as it was read: its rules with the values of the site, and what is to be said of it."""

    loaded: RuleSet
    findings: list[Finding]
    path: Path
    samples_error: BadInput | None
    """Why its samples cannot be read."""

    @property
    def rules(self) -> list[Rule | Correlation]:
        """In the order of the text."""
        return sorted(self.loaded.every.values(), key=lambda each: each.line)

    def usable(self) -> list[Rule | Correlation]:
        """The rules, when all of the text can be used. Raises BadInput with the place of what is wrong first."""
        for each in self.findings:
            if each.weight is Weight.ERROR:
                place = Place(each.file, each.line, each.column)
                raise BadInput(each.said["en"], place=place, said=each.said)
        if self.loaded.filters:
            raise failure(BadInput, "local.filter", place=Place(self.path.name, self.loaded.filters[0].line))
        if not self.loaded.every:
            raise failure(BadInput, "local.no_rule", place=Place(self.path.name, 1))
        return self.rules


@contextmanager
def drafted(
    text: str,
    samples: str,
    in_force: Callable[[], RuleSet],
    placeholders: Mapping[str, Sequence[str]],
    file: str = _FILE,
    about: str | None = None,
) -> Iterator[Draft]:
    """A text in a folder of its own, gone afterwards; ``file`` is its name below the local rules, and ``about`` the id
    of the rule that it is to change: what other rules would lose by that is among the findings."""
    with tempfile.TemporaryDirectory(prefix="kydai-draft-") as folder:
        path = Path(folder) / file
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, text)
        wrong = _laid(path.parent / FOLDER, path.name, samples) if samples else None
        loaded, findings = lint(path, in_force=in_force, placeholders=placeholders, bilingual=TITLE)
        if about in loaded.every and (rule := in_force().every.get(about)) is not None:
            findings += orphaned([*loaded.every.values()], rule, in_force())
        yield Draft(loaded, findings, path, wrong)


def rules_of(text: str, file: str) -> list[Rule | Correlation]:
    """The rules of a text that can be read, by the name of its file."""
    with tempfile.TemporaryDirectory(prefix="kydai-draft-") as folder:
        path = Path(folder) / file
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, text)
        return [*load([RuleSource(Path(folder), LOCAL_PACKAGE)]).every.values()]


def _laid(folder: Path, name: str, samples: str) -> BadInput | None:
    folder.mkdir()
    _write(folder / name, samples)
    try:
        read_samples(folder / name)
    except BadInput as error:
        if error.place is not None:  # the folder says nothing to anybody
            error.place = replace(error.place, file=f"{FOLDER}/{name}")
        return error
    return None


def _write(path: Path, text: str) -> None:
    path.write_text(text, "utf-8", "replace", newline="")


def refuse_ids(rules: Sequence[Rule | Correlation], in_force: RuleSet, about: Rule | Correlation | None) -> None:
    """Raise BadInput for a rule with the id of another that is in force, or when the one that the text is ``about``
    (None: it is new) is no longer in it: that would be another rule."""
    own = set() if about is None else {about.id, *_beside(about, in_force)}
    for each in rules:
        if each.id not in own and (other := in_force.every.get(each.id)) is not None:
            place = Place(each.file, each.line)
            raise failure(BadInput, "rules.twice", place=place, id=each.id, file=f"{other.package}/{other.file}")
    if about is not None and about.id not in {each.id for each in rules}:
        place = Place(rules[0].file, rules[0].line)
        raise failure(BadInput, "local.other_id", place=place, id=about.id)


def _beside(about: Rule | Correlation, in_force: RuleSet) -> Iterator[str]:
    """Ids of the rules of its file, and of the file for which that stands."""
    packaged = in_force.overridden.get(about.id)
    for which, every in ((about, in_force.every), (packaged, {**in_force.every, **in_force.overridden})):
        if which is not None:
            yield from (i for i, e in every.items() if (e.package, e.file) == (which.package, which.file))


def file_of(about: Rule | Correlation, local: Path) -> str:
    """The local file of a rule: its own, or a free one for its copy, under Sigma's folder, by which it alerts or
    records."""
    if about.package == LOCAL_PACKAGE:
        return about.file
    stem = about.file.rpartition("/")[2].rpartition(".")[0]
    below = "" if about.folder == "rules" else f"{about.folder}/"
    name = f"{below}{stem}.yml"
    return f"{below}{stem}_{about.id[:8]}.yml" if (local / name).exists() else name


def new_file(rules: Sequence[Rule | Correlation], local: Path) -> str:
    """A name for the file of new rules, from the first one's ``name`` or title. Raises Conflict when it is taken."""
    first = rules[0]
    name = first.name if isinstance(first, Rule) else str(first.document.get("name") or "")
    if not _NAME.fullmatch(name):
        name = re.sub(r"[^a-z0-9]+", "_", first.title.lower()).strip("_")[:80]
    if not _NAME.fullmatch(name):
        name = f"rule_{re.sub(r'[^a-z0-9]', '', first.id.lower())[:12]}"
    if (local / f"{name}.yml").exists():
        raise failure(Conflict, "local.name_taken", name=name)
    return f"{name}.yml"
