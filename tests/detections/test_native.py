"""Windows records and plain JSON: shapes, names, routes."""

from __future__ import annotations

from typing import Any

import pytest

from detections.binding import FieldMap
from detections.native import NativeBinding, flatten
from detections.rule import Logsource

EVTX: dict[str, Any] = {
    "Event": {
        "#attributes": {"xmlns": "x"},
        "System": {
            "Provider": {"#attributes": {"Name": "Microsoft-Windows-Eventlog", "Guid": "{1}"}},
            "EventID": {"#attributes": {"Qualifiers": ""}, "#text": 104},
            "TimeCreated": {"#attributes": {"SystemTime": "2023-01-01T00:00:00Z"}},
            "Execution": {"#attributes": {"ProcessID": 4, "ThreadID": 5}},
            "Correlation": None,
            "Channel": "System",
            "Computer": "PC",
            "Security": {"#attributes": {"UserID": "S-1-5-18"}},
        },
        "UserData": {
            "LogFileCleared": {"#attributes": {"xmlns": "y"}, "Channel": "Security", "SubjectUserName": "eve"}
        },
    }
}


def test_evtx_keeps_envelope_and_data_apart() -> None:
    flat = flatten(EVTX)
    assert flat == {
        "Provider_Name": "Microsoft-Windows-Eventlog",
        "EventID": 104,
        "TimeCreated": "2023-01-01T00:00:00Z",
        "Execution_ProcessID": 4,
        "Execution_ThreadID": 5,
        "Channel": "System",
        "Computer": "PC",
        "Security_UserID": "S-1-5-18",
        "EventData.Channel": "Security",
        "SubjectUserName": "eve",
    }


def test_event_data_lists_and_texts() -> None:
    event = {"Event": {"System": {"EventID": 1}, "EventData": {"Data": {"#text": ["a", "b"]}, "X": None, "Y": ""}}}
    assert flatten(event) == {"EventID": 1, "Data": ["a", "b"], "Y": ""}


@pytest.mark.parametrize(
    ("record", "flat"),
    [
        ({"a": 1, "b": "x"}, {"a": 1, "b": "x"}),
        ({"a": {"b": {"c": 1}}, "d": [1, 2]}, {"a.b.c": 1, "d": [1, 2]}),
        ({"a": [{"b": 1}, {"b": [2, 3]}, {"c": 4}]}, {"a.b": [1, 2, 3], "a.c": 4}),
        ({"a": [], "b": [1, {"c": 2}]}, {"a": [], "b.c": 2, "b": [1]}),
    ],
)
def test_plain_json(record: dict[str, Any], flat: dict[str, Any]) -> None:
    assert flatten(record) == flat


PROCESS = Logsource("windows", "process_creation")


@pytest.mark.parametrize(
    ("key", "source", "applies"),
    [
        (("Microsoft-Windows-Sysmon/Operational", "1", "x"), PROCESS, True),
        (("microsoft-windows-sysmon/operational", "1", None), PROCESS, True),
        (("Microsoft-Windows-Sysmon/Operational", "3", "x"), PROCESS, False),
        (("Security", "4688", "x"), PROCESS, True),
        (("Security", "4688", "x"), Logsource("windows", "", "security"), True),
        (("Security", "4688", "x"), Logsource("windows", "", "system"), False),
        (("Security", "4688", "x"), Logsource("windows"), True),
        (("Security", "4688", "x"), Logsource("linux"), False),
        (("Security", "4688", "x"), Logsource("windows", "unheard_of"), False),
        (("Security", "4688", "x"), Logsource("", "process_creation"), True),
        ((None, "1", None), PROCESS, True),
        ((None, "4625", None), Logsource("windows", "", "security"), True),
        ((None, None, None), Logsource("aws", "", "cloudtrail"), True),
        (("Microsoft-Windows-Sysmon/Operational", "1", "x"), Logsource("windows", "process_creation", "sysmon"), True),
    ],
)
def test_routes(key: tuple[str | None, ...], source: Logsource, applies: bool) -> None:
    assert bool(NativeBinding().route(key).places(source)) is applies


def test_names_by_place() -> None:
    binding = NativeBinding()
    audit = binding.route(("Security", "4688", "x"))
    assert audit.places(PROCESS)[0].fields.keys("Image") == ("NewProcessName",)
    assert audit.constants == {"Channel": ("Security",), "EventID": ("4688",), "Provider_Name": ("x",)}
    cleared = binding.route(("System", "104", "x"))
    assert "Channel" not in cleared.constants
    (place,) = cleared.places(Logsource("windows", "", "system"))
    assert place.fields.keys("Channel") == ("EventData.Channel", "Channel")
    registry = binding.route(("Microsoft-Windows-Sysmon/Operational", "12", "x"))
    (place,) = registry.places(Logsource("windows", "registry_add"))
    assert place.where == (("EventType", ("createkey", "addkey")),)
    defender = binding.route(("Microsoft-Windows-Windows Defender/Operational", "1116", "x"))
    assert defender.view is not None
    assert defender.view({"Threat Name": "x"}) == {"ThreatName": "x"}


def test_plain_records_may_have_other_names() -> None:
    binding = NativeBinding(FieldMap({"Image": ("Image", "process.executable")}))
    (place,) = binding.route((None, None, None)).places(PROCESS)
    assert place.fields.keys("Image") == ("Image", "process.executable")
    assert place.fields.keys("Other") == ("Other",)
