"""``kydai rules convert``: rules as queries that Hunt, ``kydai search`` and Elasticsearch take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from core.errors import BadInput, NotFound, failure
from core.words import say
from detections.converting import TARGETS, Converted, convert
from detections.rule_files import rule_files
from detections.ruleset import RuleSet
from kydai.cli.main import INCOMPLETE, LANG
from kydai.cli.output import safe
from kydai.cli.rules_why import rule_named, rules_of
from kydai.context import Context
from kydai.detector import rule_text

Given = Annotated[list[str], typer.Argument(metavar="RULE...", help=say("convert.rules", LANG))]
Target = Annotated[
    str, typer.Option("--target", "-t", help=say("convert.target_option", LANG, targets=", ".join(TARGETS)))
]


def convert_rules(ctx: typer.Context, given: Given, target: Target = TARGETS[0]) -> int:
    """Print the queries; 3 when some rules have none."""
    context: Context = ctx.obj
    done: Counter[bool] = Counter()
    for data, file, wanted in files_of(context, given):
        for each in convert(data, file, target):
            if wanted is None or each.id == wanted:
                done[not each.error] += 1
                _show(context, each)
    context.output.tell(say("convert.done", LANG, done=done[True], failed=done[False]))
    return INCOMPLETE if done[False] else 0


def _show(context: Context, each: Converted) -> None:
    if context.output.as_json:
        error = each.error and each.error["en"]
        context.output.one({"id": each.id, "title": each.title, "queries": each.queries, "error": error})
        return
    context.output.tell(f"# {each.title} ({each.id})")
    if each.error:
        context.output.tell("# " + say("convert.failed", LANG, reason=each.error[LANG]))
    for query in each.queries:
        context.output.one(None, safe(query))


def files_of(context: Context, given: list[str]) -> Iterator[tuple[bytes, str, str | None]]:
    """The YAML of what was named, a file each, and the id of the rule that is meant there (None: all). Raises NotFound
    for what is neither a rule in force nor a file, BadInput for a file that cannot be read."""
    found: RuleSet | None = None
    for name in given:
        path = Path(name)
        if path.exists():
            for file in rule_files(path):
                if isinstance(file, BadInput):
                    raise file
                yield file.data, file.name, None
            continue
        if found is None:
            found = rules_of(context)
        rule = rule_named(found, name)
        text = rule_text(context.settings.rules_folder, rule.package, rule.file)
        if text is None:
            raise failure(NotFound, "cli.rules.unknown", id=name[:100])
        yield text.encode(), rule.file, rule.id
