"""Every rule is mapped to what our parsers fill, waits for a shipper, or names the field that nobody fills."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from detections.ruleset import RuleSet
from detections.static_coverage import Standing, Static, static_coverage
from detections.taxonomy import data
from tests.detections.sigma_samples import rule_text, ruleset_of
from tests.detections.taxonomy.filling import filled
from tests.detections.test_own_rules import own

DOCS = Path(__file__).parents[2] / "docs"
LINUX = "{product: linux, category: process_creation}"


def one(tmp_path: Path, detection: str, logsource: str) -> Static:
    (found,) = static_coverage(ruleset_of(tmp_path, [rule_text(1, detection, logsource)]).rules)
    return found


def test_our_parsers_fill_what_is_said_of_them() -> None:
    """New samples may fill more; `python -m tests.detections.taxonomy.filling` writes it down."""
    said, made = data("filled.yml"), filled()
    fields = {_name(kind): set(kind["fields"].split()) for kind in made["kinds"]}
    gone = {_name(kind): set(kind["fields"].split()) - fields.get(_name(kind), set()) for kind in said["kinds"]}
    assert {kind: names for kind, names in gone.items() if names} == {}
    assert (said["flows"], said["windows"]) == (made["flows"], made["windows"])


def _name(kind: dict[str, Any]) -> str:
    return repr({name: part for name, part in kind.items() if name != "fields"})


@pytest.mark.parametrize(
    ("detection", "logsource", "standing", "missing"),
    [
        ("s: {Image: x, CommandLine: y}\ncondition: s\n", LINUX, Standing.MAPPED, ()),
        ("s: {Image: x, ParentImage: y}\ncondition: s\n", LINUX, Standing.NEEDS_FIELD, ("ParentImage",)),
        ("s: {Image: x}\nf: {ParentImage: y}\ncondition: s and not f\n", LINUX, Standing.MAPPED, ()),
        ("s: {Image: x}\nt: {ParentImage: y}\ncondition: s or t\n", LINUX, Standing.MAPPED, ()),
        ("s: {EventID: 4697, ClientProcessId: 1}\ncondition: s\n", "{product: windows, service: security}",
         Standing.MAPPED, ()),
        ("s: {EventID: 4625, ClientProcessId: 1}\ncondition: s\n", "{product: windows, service: security}",
         Standing.NEEDS_FIELD, ("ClientProcessId",)),
        ("s: {CommandLine: x}\ncondition: s\n", "{product: windows, category: file_event}",
         Standing.NEEDS_FIELD, ("CommandLine",)),
        ("s: {EventID: 3008, QueryName: x}\ncondition: s\n", "{product: windows, service: dns-client}",
         Standing.MAPPED, ()),
        ("s: {eventName: x}\ncondition: s\n", "{product: aws, service: cloudtrail}",
         Standing.SHIPPED, ("aws/cloudtrail",)),
        ("s: {ActivityDetails: x}\ncondition: s\n", "{product: azure, service: signinlogs}",
         Standing.NEEDS_FIELD, ("ActivityDetails",)),
        ("s: {dst_port: 22}\ncondition: s\n", "{category: flow}", Standing.MAPPED, ()),
        ("s: {user.name: x}\ncondition: s\n", "{category: flow}", Standing.NEEDS_FIELD, ("user.name",)),
        ("s: {x: y}\ncondition: s\n", "{product: acme, service: door}", Standing.UNKNOWN, ("acme/door",)),
    ],
)  # fmt: skip
def test_standing(tmp_path: Path, detection: str, logsource: str, standing: Standing, missing: tuple[str, ...]) -> None:
    found = one(tmp_path, detection, logsource)
    assert (found.standing, found.missing) == (standing, missing)
    assert bool(found.remedy) is (standing is not Standing.MAPPED)


def test_every_rule_is_told_and_the_docs_say_how_many(sigmahq: RuleSet) -> None:
    found = static_coverage(sigmahq.rules)
    assert [each.rule for each in found] == [rule.id for rule in sigmahq.rules]
    counts = Counter(each.standing for each in found)
    assert counts[Standing.UNKNOWN] == 0
    assert all(each.missing and each.remedy["vi"] for each in found if each.standing is not Standing.MAPPED)
    told = (counts[Standing.MAPPED], counts[Standing.SHIPPED], counts[Standing.NEEDS_FIELD])
    for page in ("detections.md", "vi/detections.md"):
        row = re.search(r"^\| SigmaHQ \| (.+) \|$", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE)
        assert row is not None, page
        assert tuple(int(re.sub(r"[.,]", "", each)) for each in row[1].split(" | ")) == (len(found), *told)


def test_no_rule_of_our_own_needs_what_nobody_fills() -> None:
    lacking = {each.rule: each.missing for each in static_coverage(own().rules) if each.standing is not Standing.MAPPED}
    assert set(lacking.values()) <= {("source.geo.country_iso_code",)}, "but for the country, which enrichment adds"
