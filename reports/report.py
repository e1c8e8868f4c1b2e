"""The reports there are, as folders of ``reports/definitions``, and building one.

A definition (``report.yml``) has the titles, what it is about, its parts in order, and its numbers: each number is a
query of the query language, so that anybody can run it again. A new report is a new folder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

import yaml
from sqlalchemy import select

from core import audit
from core.audit import Actor
from core.clock import MINUTE, Micros, iso
from core.db.models import Audit, Incident
from core.errors import BadConfig, BadInput, NotFound, failure
from core.words import LANGUAGES
from reports import incident, period
from reports.actions import actions
from reports.document import Document, Section, Text
from reports.gather import Definition, Reading, Services, is_demo, title_of
from reports.numbers import texts, when
from reports.unseen import unseen

Part = Callable[[Reading], Section]

PERIOD_PARTS: Mapping[str, Part] = {
    "summary": period.summary,
    "counts": period.counts,
    "tops": period.tops,
    "incidents": period.incidents,
    "alert_rules": period.alert_rules,
    "actions": actions,
    "sources": period.sources,
    "blind_rules": period.blind_rules,
}
INCIDENT_PARTS: Mapping[str, Part] = {
    "facts": incident.facts,
    "entities": incident.entities,
    "alerts": incident.alerts,
    "actions": actions,
    "notes": incident.notes,
    "journal": incident.journal,
    "evidence": incident.evidence,
}
PARTS: Mapping[str, Mapping[str, Part]] = {"period": PERIOD_PARTS, "incident": INCIDENT_PARTS}
"""The parts that a definition may name, by what the report is about; ``unseen`` stands before them always."""
_KEYS = {"title", "about", "sections", "counts", "tops"}


@cache
def definitions() -> dict[str, Definition]:
    """Every report by name. Raises BadConfig for a definition that is not whole."""
    found = {}
    for folder in sorted(files("reports.definitions").iterdir(), key=lambda f: f.name):
        file = folder.joinpath("report.yml")
        if file.is_file():
            found[folder.name] = read_definition(folder.name, yaml.safe_load(file.read_text("utf-8")))
    return found


def read_definition(name: str, value: Any) -> Definition:
    """A definition as YAML has it. Raises BadConfig."""

    def wrong(what: str) -> BadConfig:
        return BadConfig(f"reports/definitions/{name}/report.yml: {what}.")

    if not isinstance(value, dict) or not set(value) <= _KEYS:
        raise wrong(f"its keys are {', '.join(sorted(_KEYS))}")
    about, sections = value.get("about"), value.get("sections")
    if not isinstance(about, str) or about not in PARTS:
        raise wrong(f"about is one of {', '.join(PARTS)}")
    if not isinstance(sections, list) or not set(sections) <= set(PARTS[about]):
        raise wrong(f"sections are some of {', '.join(PARTS[about])}")
    counts, tops = value.get("counts", ()), value.get("tops", ())
    for titled in (value, *counts, *tops):
        if set(titled.get("title", ())) != set(LANGUAGES):
            raise wrong("each title is in both languages")
    return Definition(name, value["title"], about, tuple(sections), tuple(counts), tuple(tops))


def build(
    name: str, services: Services, made_by: str, *, start: Micros = 0, end: Micros = 0, number: str = ""
) -> Document:
    """A report by name: of [start, end), or of the incident of a number. Raises BadInput, NotFound."""
    definition = definitions().get(name)
    if definition is None:
        known = ", ".join(definitions())
        raise failure(BadInput, "report.error.unknown", name=name[:40], names=known)
    if definition.about == "period":
        return build_period(services, start, end, made_by, name)
    return build_incident(services, number, made_by, name)


def build_period(services: Services, start: Micros, end: Micros, made_by: str, name: str = "period") -> Document:
    """What happened in [start, end): on page one what could not be seen, then what was."""
    reading = Reading(services, definitions()[name], start, end)
    ends = when(start, services.zone, seconds=False), when(end, services.zone, seconds=False)
    subtitle = texts("report.period_of", start=ends[0], end=ends[1])
    return _document(reading, reading.definition.title, subtitle, made_by, {"from": iso(start), "to": iso(end)})


def build_incident(services: Services, number: str, made_by: str, name: str = "incident") -> Document:
    """One vụ việc: what is known and not known, alerts with reasons, events, what was done. Raises NotFound."""
    with services.database.read() as session:
        found = session.scalar(select(Incident).where(Incident.number == number.upper()))
        if found is None:
            raise failure(NotFound, "cli.incidents.unknown", number=number[:40])
    # what was blind in the minutes around it matters as much as what was blind within it
    reading = Reading(services, definitions()[name], found.first_at - 5 * MINUTE, found.last_at + 5 * MINUTE, found)
    title = {lang: f"{reading.definition.title[lang]} {found.number}" for lang in LANGUAGES}
    return _document(reading, title, title_of(found.title, found.number), made_by, {"number": found.number})


def _document(reading: Reading, title: Text, subtitle: Text, made_by: str, parameters: Mapping[str, str]) -> Document:
    services, definition = reading.services, reading.definition
    with services.database.read() as session:
        demo = is_demo(session)
        newest = session.execute(select(Audit.seq, Audit.hash).order_by(Audit.seq.desc()).limit(1)).first()
    parts = [PARTS[definition.about][key](reading) for key in definition.sections]
    first = unseen(reading)  # read last: it tells what the answers of the others lacked
    made_at = when(services.clock.now(), services.zone)
    return Document(
        name=definition.name,
        title=title,
        subtitle=subtitle,
        parameters=parameters,
        made_at=made_at,
        made_by=made_by,
        is_demo=demo,
        sections=[first, *parts],
        missing=reading.told_missing(),
        anchor=None if newest is None else {"seq": newest.seq, "hash": newest.hash},
    )


def entry_facts(document: Document, form: str, language: str, data: bytes) -> dict[str, Any]:
    """What the journal keeps of an export: enough to tell later whether a file is the one that was made."""
    return {
        "format": form,
        "language": language,
        **document.parameters,
        "bytes": len(data),
        "sha256": sha256(data).hexdigest(),
    }


def write_entry(services: Services, actor: Actor, document: Document, form: str, language: str, data: bytes) -> None:
    """The export's entry in the journal, committed before the answer."""
    with services.database.write() as session:
        now, after = services.clock.now(), entry_facts(document, form, language, data)
        audit.record(session, actor, "report.export", f"report:{document.name}", now=now, after=after)
