"""The table of Windows names: sound, and every target a declared field or a name of Windows."""

from __future__ import annotations

import pytest

from collectors.parser_windows import data_field, inserts, table
from core.ecs import is_declared

EVENTS = [
    pytest.param(provider, code, event, id=f"{provider}-{code}")
    for provider, family in table().families.items()
    for code, event in family["events"].items()
]
CATEGORIES = {
    "api", "authentication", "configuration", "database", "driver", "email", "file", "host", "iam",
    "intrusion_detection", "library", "malware", "network", "package", "process", "registry", "session",
    "threat", "vulnerability", "web",
}  # fmt: skip
TYPES = {
    "access", "admin", "allowed", "change", "connection", "creation", "deletion", "denied", "end", "error",
    "group", "indicator", "info", "installation", "protocol", "start", "user", "device",
}  # fmt: skip


@pytest.mark.parametrize(("provider", "code", "event"), EVENTS)
def test_every_event_compiles_and_is_categorised(provider: str, code: int, event: dict[str, object]) -> None:
    plan = table().plan(provider, str(code))
    constants = dict(plan.constants)
    assert set(constants["event.category"]) <= CATEGORIES
    assert set(constants["event.type"]) <= TYPES
    assert constants["event.action"]


def test_targets_are_declared_or_windows_own() -> None:
    own = ("winlog.", "powershell.", "service.name", "user", "process", "file", "dll", "dns", "object", "rule.")
    for family in table().families.values():
        specs = [*family["data"].values()]
        for event in family["events"].values():
            specs += event.get("data", {}).values()
        for spec in filter(None, specs):
            target = spec.partition(" ")[0]
            assert is_declared(target) or target.startswith(own), target


def test_an_unknown_provider_has_an_empty_plan() -> None:
    plan = table().plan("Contoso", "1")
    assert plan.targets == {}
    assert plan.constants == (("event.kind", "event"),)


def test_names_of_event_data() -> None:
    assert data_field["Threat Name"] == "winlog.event_data.Threat Name"
    assert len(data_field["x" * 10_000]) < 250


def test_the_order_of_logon_data() -> None:
    names = inserts()[("Microsoft-Windows-Security-Auditing", "4624")]
    assert names[5] == "TargetUserName"
    assert names[18] == "IpAddress"
