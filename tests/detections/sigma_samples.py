"""Records of real events, and small makers of rules for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from textwrap import dedent, indent

from evtx import PyEvtxParser

from detections.ruleset import RuleSet, RuleSource, load


def evtx_records(path: Path) -> list[str]:
    """The records of an EVTX file as JSON texts."""
    return [record["data"] for record in PyEvtxParser(str(path)).records_json() if record is not None]


def rule_text(number: int, detection: str, logsource: str = "{product: windows}", more: str = "") -> str:
    """A rule whose id ends in ``number``."""
    return (
        f"title: Rule {number}\nid: 00000000-0000-4000-8000-{number:012d}\nstatus: test\nlevel: high\n"
        f"logsource: {logsource}\n{more}detection:\n" + indent(dedent(detection), "  ")
    )


def rule_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def ruleset_of(folder: Path, texts: Iterable[str], package: str = "own") -> RuleSet:
    """Rules written to files of a folder and loaded; what cannot be loaded fails the test."""
    (folder / "rules").mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(texts):
        (folder / "rules" / f"r{number}.yml").write_text(text, encoding="utf-8")
    loaded = load([RuleSource(folder / "rules", package)])
    assert not loaded.errors, loaded.errors
    return loaded
