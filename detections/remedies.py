"""What to switch on when a log, an event id or a field is missing;
the facts are ``taxonomy/remedies.yml`` and ``remedies_products.yml``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from core.words import LANGUAGES, both
from detections.rule import Logsource
from detections.taxonomy import data


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """What to do about a log source, or about one of its fields."""

    logsource: Logsource
    fields: frozenset[str]
    text: Mapping[str, str]
    comes_by_itself: bool
    """Silence is usual: it speaks when something happens, and needs no switch."""
    is_role: bool
    """Not every host of the product has it."""
    beside: str = ""
    """A service: where that speaks, nothing of this has happened yet."""

    def weight(self, source: Logsource) -> int | None:
        """How closely it is about a log source; None when it is not."""
        mine = self.logsource
        parts = ((mine.product, source.product), (mine.category, source.category), (mine.service, source.service))
        if any(part and part != wanted for part, wanted in parts):
            return None
        return sum(bool(part) for part, _ in parts)


@dataclass(frozen=True, slots=True, eq=False)
class Audit:
    """Event ids that one switch of Windows makes come or not."""

    service: str
    ids: frozenset[str]
    text: Mapping[str, str]
    role: str = ""
    """Only hosts of this role send them."""


def remedy(source: Logsource, fields: Iterable[str] = (), event_ids: Iterable[str] = ()) -> dict[str, str]:
    """What a system administrator can do, in both languages."""
    texts = [each.text for each in audits_of(source, tuple(event_ids))]
    if not texts:
        wanted = frozenset(fields)
        about = [each for each in _entries() if each.fields and not each.fields.isdisjoint(wanted)]
        texts = [each.text for each in _closest(source, about) or _closest(source, _of_sources())]
    if not texts:
        return both("rules.remedy.none")
    return {lang: " ".join(text[lang] for text in texts) for lang in LANGUAGES}


@cache
def comes_by_itself(source: Logsource) -> bool:
    """Whether silence of a log source says nothing about its being switched on."""
    return any(each.comes_by_itself for each in _closest(source, _of_sources()))


@cache
def beside(source: Logsource) -> Logsource | None:
    """The log source whose events show that this one would come if there were anything to tell."""
    services = (each.beside for each in _closest(source, _of_sources()) if each.beside)
    return next((Logsource(source.product, service=service) for service in services), None)


@cache
def is_a_role(source: Logsource) -> bool:
    """Whether only some hosts of the product give the log source, those that have the role."""
    return any(each.is_role for each in _closest(source, _of_sources()))


@cache
def audits_of(source: Logsource, event_ids: tuple[str, ...]) -> tuple[Audit, ...]:
    """The switches that make any of these event ids come; none where nobody can switch them off."""
    return tuple(each for each in _audits() if each.service == source.service and not each.ids.isdisjoint(event_ids))


@cache
def ids_of_role(role: str) -> frozenset[str]:
    """The event ids by which a host shows that it has a role."""
    return frozenset[str]().union(*(each.ids for each in _audits() if each.role == role))


def _closest(source: Logsource, entries: Iterable[Entry]) -> list[Entry]:
    weighed = [(weight, each) for each in entries if (weight := each.weight(source)) is not None]
    most = max((weight for weight, _ in weighed), default=0)
    return [each for weight, each in weighed if weight == most]


@cache
def _of_sources() -> tuple[Entry, ...]:
    return tuple(each for each in _entries() if not each.fields)


@cache
def _entries() -> tuple[Entry, ...]:
    table = data("remedies.yml")
    said = tuple(
        Entry(
            Logsource(**each["logsource"]),
            frozenset(each.get("fields", ())),
            _text(each),
            each.get("comes_by_itself", False),
            each.get("is_role", False),
        )
        for each in (*table["sources"], *data("remedies_products.yml")["sources"])
    )
    of_sysmon = tuple(
        Entry(
            Logsource("windows", category),
            frozenset(),
            both("rules.remedy.sysmon", element=each["element"]),
            comes_by_itself=False,
            is_role=False,
            beside="" if each.get("often") else "sysmon",
        )
        for each in table["sysmon"]
        for category in each["categories"]
    )
    return said + of_sysmon


@cache
def _audits() -> tuple[Audit, ...]:
    table = data("remedies.yml")["audit"]
    subcategories = (
        Audit(
            "security",
            frozenset(map(str, each["ids"])),
            both(f"rules.remedy.audit.{each['side']}", name=each["subcategory"]),
            each.get("role", ""),
        )
        for each in table["subcategories"]
    )
    others = (Audit(each["service"], frozenset(map(str, each["ids"])), _text(each)) for each in table["others"])
    return (*subcategories, *others)


def _text(entry: Mapping[str, Any]) -> dict[str, str]:
    return {lang: entry[lang] for lang in LANGUAGES}
