"""Reports are folders of definitions; page one comes first in each, and every export is an entry of the journal."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import select

from core.audit import Actor
from core.clock import iso
from core.db.models import Audit, Meta
from core.errors import BadConfig, BadInput, NotFound
from core.words import LANGUAGES
from reports.document import said
from reports.gather import Services
from reports.report import PARTS, build, build_incident, build_period, definitions, read_definition, write_entry
from tests.reports.conftest import END, START

WHOLE: dict[str, Any] = {"title": {"vi": "a", "en": "b"}, "about": "period", "sections": ["counts"]}


@pytest.mark.parametrize("name", sorted(definitions()))
def test_every_definition_is_whole_and_builds(name: str, house: Services) -> None:
    definition = definitions()[name]
    made = build(name, house, "hanhnt", start=START, end=END, number="vv-2026-0001")
    assert [s.key for s in made.sections] == ["unseen", *definition.sections]
    assert all(said(made.title, lang) and said(s.title, lang) for lang in LANGUAGES for s in made.sections)
    assert made.is_complete


def test_every_part_is_used_or_may_be_used(house: Services) -> None:
    used = {part for d in definitions().values() for part in d.sections}
    assert used == {part for parts in PARTS.values() for part in parts}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"about": "week"}, "about is one of"),
        ({"about": ["period"]}, "about is one of"),
        ({"sections": ["facts"]}, "sections are some of"),
        ({"sections": "counts"}, "sections are some of"),
        ({"title": {"vi": "a"}}, "both languages"),
        ({"counts": [{"title": {"en": "a"}, "query": "*"}]}, "both languages"),
        ({"colour": "red"}, "its keys are"),
    ],
)
def test_a_wrong_definition_says_what_is_wrong(change: dict[str, Any], what: str) -> None:
    with pytest.raises(BadConfig, match=f"definitions/x/report.yml: .*{what}"):
        read_definition("x", WHOLE | change)


def test_a_definition_that_is_whole_is_read() -> None:
    assert read_definition("x", WHOLE).sections == ("counts",)
    with pytest.raises(BadConfig):
        read_definition("x", ["no", "mapping"])


def test_wrong_names_and_numbers_are_said(house: Services) -> None:
    with pytest.raises(BadInput, match="no report nope"):
        build("nope", house, "hanhnt")
    with pytest.raises(NotFound):
        build_incident(house, "VV-2026-9999", "hanhnt")


def test_a_document_says_by_whom_of_what_and_whether_it_is_a_demonstration(house: Services) -> None:
    made = build_period(house, START, END, "hanhnt")
    assert (made.made_by, made.is_demo) == ("hanhnt", False)
    assert made.parameters == {"from": iso(START), "to": iso(END)}
    with house.database.write() as session:
        session.merge(Meta(key="demo", value="1"))
    assert build_incident(house, "VV-2026-0001", "hanhnt").is_demo


def test_an_export_is_written_into_the_journal_with_the_print_of_its_bytes(house: Services) -> None:
    document = build_period(house, START, END, "hanhnt")
    write_entry(house, Actor("hanhnt", "cli"), document, "pdf", "vi", b"bytes")
    with house.database.read() as session:
        (entry,) = session.scalars(select(Audit)).all()
    assert (entry.action, entry.object, entry.actor) == ("report.export", "report:period", "hanhnt")
    facts = {"format": "pdf", "language": "vi", "bytes": 5, "sha256": sha256(b"bytes").hexdigest()}
    assert entry.after == facts | dict(document.parameters)


def test_the_guides_example_is_a_definition_and_its_commands_have_the_parts_that_there_are() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "reports.md").read_text("utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
    assert read_definition("shift", yaml.safe_load(example)).about == "period"
    for about, parts in PARTS.items():
        named = " ".join(re.findall(rf"{about}: `([^`]+)`", guide, re.DOTALL)).split()
        assert set(named) == set(parts), about
