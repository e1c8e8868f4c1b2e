"""The table of Windows' log sources."""

from __future__ import annotations

from detections.rule import Logsource
from detections.ruleset import RuleSet
from detections.taxonomy import squeezed, windows

# No channel is known for these: kernel file events come from a trace session, not from an event log.
WITHOUT_A_LOG = {"file_access", "file_rename"}


def test_names_are_lower_case_and_places_are_complete() -> None:
    table = windows()
    for name, place in table.services.items():
        assert name == name.lower()
        assert place.channels
    for places in table.categories.values():
        assert places
        assert all(place.event_ids and place.channels for place in places)


def test_a_service_narrows_a_category() -> None:
    source = Logsource("windows", "registry_set", "security")
    assert len(windows().places(source, "security", "4657")) == 1
    assert windows().places(source, "microsoft-windows-sysmon/operational", "13") == []


def test_every_log_source_of_sigmahq_has_a_place(sigmahq: RuleSet) -> None:
    sources = {rule.logsource for rule in sigmahq.rules if rule.logsource.product == "windows"}
    unknown = {source for source in sources if not windows().places(source, None, None)}
    assert {source.category for source in unknown} <= WITHOUT_A_LOG
    assert len(sources) > 60


def test_squeezed() -> None:
    assert squeezed({"Threat Name": 1, "x": 2}) == {"ThreatName": 1, "x": 2}
