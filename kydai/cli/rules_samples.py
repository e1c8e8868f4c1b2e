"""``kydai rules test`` and ``kydai rules new``: rules tried on their samples, and a rule to begin with."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from core.clock import iso
from core.errors import BadInput, Place, cause, failure
from core.words import say
from detections.match import Matcher
from detections.new_rules import USUAL, logsource_named, new_correlation, new_rule
from detections.rule import LOCAL_PACKAGE, Correlation, Rule
from detections.ruleset import RuleSet, RuleSource
from detections.samples import Trial, read_samples, samples_of
from kydai.cli.main import FAILED, INCOMPLETE, LANG, WRONG
from kydai.cli.output import safe
from kydai.context import Context
from kydai.trying import Trier

_NAME = re.compile(r"[a-z][a-z0-9_]{0,79}")
_WORST = ("bad", "none", "good")
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_WORDS = ("about_source", "about_fields", "about_samples", "about_correlation", "about_streams")


@dataclass(slots=True)
class _Tested:
    """The rules of one file, and what became of its samples."""

    file: str
    rules: list[Rule | Correlation]
    samples: Path | None
    trials: list[Trial] = field(default_factory=list)
    error: BadInput | None = None

    @property
    def result(self) -> str:
        """The worst of its rules."""
        return min((self.of(rule) for rule in self.rules), key=_WORST.index)

    def _own(self, rule: Rule | Correlation) -> list[Trial]:
        """Streams say something of correlations, single events of rules."""
        return [each for each in self.trials if bool(each.sample.steps) is isinstance(rule, Correlation)]

    def of(self, rule: Rule | Correlation) -> str:
        """A rule is good when a sample meets it and none is wrong for it."""
        own = self._own(rule)
        if self.error is not None or any(trial.wrong_for(rule.id) for trial in own):
            return "bad"
        return "good" if any(rule.id in trial.hits for trial in own) else "none"

    def share(self, rule: Rule | Correlation, is_match: bool) -> str:
        """How many samples of a kind are as they should be for a rule, of how many that concern it."""
        own = [each for each in self._own(rule) if each.sample.is_match is is_match and each.concerns(rule.id)]
        return f"{sum(not trial.wrong_for(rule.id) for trial in own)}/{len(own)}" if own else ""


def try_rules(
    ctx: typer.Context, path: Annotated[Path, typer.Argument(metavar="[PATH]", help=say("samples.path", LANG))] = Path()
) -> int:
    """0 all are good; 1 a sample is not as it should be; 2 a rule cannot be read; 3 no sample meets a rule."""
    context: Context = ctx.obj
    trier = Trier(context.settings, context.clock)
    loaded = trier.load([RuleSource(path, LOCAL_PACKAGE)])
    ruleset = trier.with_what_is_read(loaded, path)
    unusable = ruleset.patterns.unusable
    errors = [*loaded.errors, *(unusable[each.id] for each in loaded.correlations if each.id in unusable)]
    for error in errors:
        context.output.tell(safe(error.told(LANG)))
    if not loaded.every and not errors:
        raise failure(BadInput, "samples.no_rule", place=Place(str(path)))
    by_file: dict[str, list[Rule | Correlation]] = {}
    for rule in (each for each in loaded.every.values() if each.id not in unusable):
        by_file.setdefault(rule.file, []).append(rule)
    tested = [
        _Tested(file, rules, samples_of(path / file if path.is_dir() else path)) for file, rules in by_file.items()
    ]
    _run(context, tested, trier, ruleset)
    _show(context, tested)
    results = [each.result for each in tested]
    if errors:
        return WRONG
    return FAILED if "bad" in results else INCOMPLETE if "none" in results else 0


def _run(context: Context, tested: Sequence[_Tested], trier: Trier, ruleset: RuleSet) -> None:
    matcher = Matcher(ruleset, context.clock)
    console = context.output.err
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=len(tested))
        for each in tested:
            bar.update(task, description=say("samples.progress", LANG, file=safe(each.file)))
            try:
                samples = read_samples(each.samples) if each.samples else []
                each.trials = [trier.trial(each.rules, ruleset, matcher, sample) for sample in samples]
            except BadInput as error:
                each.error = error
            bar.advance(task)


def _show(context: Context, tested: Sequence[_Tested]) -> None:
    out = context.output
    if out.as_json:
        out.lines(_documents(tested))
        return
    rows = [
        (
            rule.text("title", LANG),
            each.file,
            each.share(rule, True),
            each.share(rule, False),
            say(f"samples.{each.of(rule)}", LANG),
        )
        for each in tested
        for rule in each.rules
    ]
    heads = ("rule", "file", "match", "no_match", "result")
    out.table([say(f"samples.column.{c}", LANG) for c in heads], rows, right=(2, 3), wrap=(0, 1))
    for each in tested:
        if each.error is not None:
            out.tell(safe(each.error.told(LANG)))
        for trial in each.trials:
            if trial.wrong is not None:
                out.tell(safe(f"{trial.sample.place}: {trial.wrong[LANG]}"))
    counts = Counter(each.of(rule) for each in tested for rule in each.rules)
    out.tell(say("samples.count", LANG, rules=len(rows), **{name: counts[name] for name in _WORST}))


def _documents(tested: Sequence[_Tested]) -> Iterable[dict[str, Any]]:
    for each in tested:
        wrong = [
            {"place": str(trial.sample.place), "match": trial.sample.is_match, "reason": trial.wrong["en"]}
            for trial in each.trials
            if trial.wrong is not None
        ]
        error = each.error.told("en") if each.error is not None else None
        told = {"file": each.file, "rules": {rule.id: each.of(rule) for rule in each.rules}, "result": each.result}
        yield told | {"samples": len(each.trials), "wrong": wrong, "error": error}


def new(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help=say("samples.new.name", LANG))],
    source: Annotated[str | None, typer.Option("--logsource", help=say("samples.new.logsource", LANG))] = None,
    rules: Annotated[list[str] | None, typer.Option("--correlation", help=say("samples.new.correlation", LANG))] = None,
    folder: Annotated[Path, typer.Option("--folder", help=say("samples.new.folder", LANG))] = Path(),
) -> None:
    context: Context = ctx.obj
    if not _NAME.fullmatch(name):
        raise failure(BadInput, "samples.new.bad_name", name=name[:100])
    if source and rules:
        raise failure(BadInput, "samples.new.either")
    for each in rules or ():
        if not _REFERENCE.fullmatch(each):
            raise failure(BadInput, "samples.new.bad_rule", name=each[:100])
    words = {key: say(f"samples.new.{key}", LANG) for key in _WORDS}
    date = iso(context.clock.now())[:10]
    chosen = logsource_named(source) if source else USUAL
    made = new_correlation(name, date, words, rules) if rules else new_rule(name, date, words, chosen)
    texts = [(folder / path, text) for path, text in made]
    for path, _ in texts:
        if path.exists():
            raise failure(BadInput, "samples.new.exists", place=Place(str(path)))
    for path, text in texts:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise failure(BadInput, "common.error.write", place=Place(str(path)), why=cause(error)) from error
    rule, samples = (str(path) for path, _ in texts)
    told = say("samples.new.written", LANG, rule=rule, samples=samples)
    context.output.one({"rule": rule, "samples": samples}, told)
