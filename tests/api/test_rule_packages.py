"""Packages that are sent, and previews as they are told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from api.deps import Services
from api.rule_packages import packages_folder, previewed, uploaded
from core.clock import DAY
from core.errors import BadInput, Unavailable
from core.store.contract import Span
from detections.coverage import Coverage, State
from detections.package_records import Package
from detections.rule import RuleError
from detections.ruleset import RuleSet, RuleSource, load
from tests.api.conftest import NOW
from tests.api.test_why import ID, RULE, rules

PACKAGE = Package("p", "console:p.zip", "", 2, (RuleError("x.yml", 2, "wrong"),), sha256="ab")


@pytest.mark.parametrize(("data", "file"), [(b"", "a.zip"), (b"x", "a.exe"), (b"x", "zip")])
def test_what_is_no_package_is_refused(data: bytes, file: str) -> None:
    with pytest.raises(BadInput), uploaded(data, file):
        pass


@pytest.mark.parametrize("file", ["../../x.yml", "a\0b.zip", "đ" * 300 + ".yml", "C:\\x\\r.YML"])
def test_a_name_leads_nowhere(file: str) -> None:
    with uploaded(b"x", file) as path:
        assert path.read_bytes() == b"x"
        assert path.parent.name.startswith("kydai-package-")


def test_where_nothing_can_be_changed_it_is_said(services: Services) -> None:
    with pytest.raises(Unavailable):
        packages_folder(services)
    with pytest.raises(Unavailable):
        previewed(services, RuleSet(()), PACKAGE, None, Span(NOW - DAY, NOW), lambda now: None, "vi")


def test_a_preview_tells_rules_by_weight_and_what_goes_blind(services: Services, tmp_path: Path) -> None:
    before = rules(tmp_path)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "r.yml").write_text(RULE.replace("event.outcome: failure", "event.outcome: success"))
    asked: list[object] = []

    def instead(packages: object) -> RuleSet:
        asked.append(packages)
        return load([RuleSource(tmp_path / "new", "p")])

    def coverage_of(ruleset: RuleSet, session: object, now: int) -> list[Coverage]:
        is_old = ruleset is before
        return [Coverage(ID, State.LIVE if is_old else State.BLIND, {"vi": "mù", "en": "blind"})]

    ready = replace(services, rules_instead=instead, coverage_of=coverage_of)
    found = previewed(ready, before, PACKAGE, tmp_path, Span(NOW - DAY, NOW), lambda now: None, "vi")
    assert asked == [{"p": tmp_path}]
    assert (found.added, found.removed, found.changed, found.more, found.fewer) == (0, 0, 1, 0, 0)
    assert [(row.id, row.change, [kind.en for kind in row.kinds]) for row in found.rows] == [
        (ID, "changed", ["condition"])
    ]
    assert [(each.title.vi, each.reason.vi) for each in found.blind] == [("Sign-in failure", "mù")]
    assert (found.uncounted, found.error_count, found.errors) == (0, 1, ["x.yml:2: wrong"])
    assert found.is_whole
