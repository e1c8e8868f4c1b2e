"""Sigma's log sources and field names, and what they are called in the events we see; the facts are YAML here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from detections.rule import Logsource


@dataclass(frozen=True, slots=True, eq=False)
class WindowsPlace:
    """Where events of a Windows log source stand: channels (lowered) and event ids; empty means any."""

    channels: frozenset[str]
    event_ids: frozenset[str]
    fields: Mapping[str, str]
    where: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Services and categories of product windows, and products beside it."""

    services: Mapping[str, WindowsPlace]
    categories: Mapping[str, tuple[WindowsPlace, ...]]
    products: Mapping[str, tuple[WindowsPlace, ...]]
    """Products that write a log of their own into Windows'."""

    def places(self, source: Logsource, channel: str | None, event_id: str | None) -> list[WindowsPlace]:
        """Where rules of a log source apply in a channel (lowered) and event id; None excludes nothing."""
        if source.product in self.products:
            return [place for place in self.products[source.product] if _fits(place, channel, event_id)]
        if source.product not in ("windows", ""):
            return []
        if source.category:
            found = list(self.categories.get(source.category, ()))
        elif source.service:
            service = self.services.get(source.service)
            found = [service] if service else []
        else:
            found = [ANYWHERE] if source.product else []
        service = self.services.get(source.service) if source.category and source.service else None
        return [
            place
            for place in found
            if _fits(place, channel, event_id) and (service is None or _fits(service, channel, None))
        ]


def _fits(place: WindowsPlace, channel: str | None, event_id: str | None) -> bool:
    return (not place.channels or channel is None or channel in place.channels) and (
        not place.event_ids or event_id is None or event_id in place.event_ids
    )


ANYWHERE = WindowsPlace(frozenset(), frozenset(), {}, ())


def data(name: str) -> Any:
    """One of the YAML files of this folder."""
    return yaml.load(files(__name__).joinpath(name).read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


@cache
def windows() -> Windows:
    """The table in ``windows.yml``."""
    table = data("windows.yml")
    services = {
        name: WindowsPlace(frozenset(channel.lower() for channel in channels), frozenset(), {}, ())
        for name, channels in table["services"].items()
    }
    categories = {name: tuple(map(_place, entries)) for name, entries in table["categories"].items()}
    products = {name: tuple(map(_place, entries)) for name, entries in table["products"].items()}
    return Windows(services, categories, products)


@cache
def windows_names() -> frozenset[str]:
    """Names that event data of Windows are known to have."""
    own = {name for places in windows().categories.values() for place in places for name in place.fields}
    return frozenset({*own, *data("windows.yml")["ecs"], *data("names.yml")["windows"].split()})


def _place(entry: Mapping[str, Any]) -> WindowsPlace:
    where = tuple((name, tuple(value.lower() for value in values)) for name, values in entry.get("where", {}).items())
    return WindowsPlace(
        frozenset((entry["channel"].lower(),)),
        frozenset(entry.get("event_ids", ())),
        entry.get("fields", {}),
        where,
    )


def squeezed(event: Mapping[str, Any]) -> dict[str, Any]:
    """Names without spaces: Defender writes ``Threat Name`` where rules say ``ThreatName``."""
    return {name.replace(" ", ""): value for name, value in event.items()}
