"""What helps where a log, an event id or a field is missing, for every log source in use."""

from __future__ import annotations

from pathlib import Path

import pytest

import detections
from core.words import both
from detections.remedies import audits_of, beside, comes_by_itself, ids_of_role, is_a_role, remedy
from detections.rule import Logsource, is_flow_rule
from detections.ruleset import RuleSet, RuleSource, load
from detections.taxonomy import data

OWN = Path(next(iter(detections.__path__)))


@pytest.mark.parametrize(
    ("source", "fields", "ids", "words"),
    [
        (Logsource("windows", "process_creation"), (), (), "Sysmon (event 1)"),
        (Logsource("windows", "process_creation"), ("Image", "CommandLine"), (), "Include command line"),
        (Logsource("windows", "process_creation"), ("Hashes",), (), "HashAlgorithms"),
        (Logsource("windows", "image_load"), ("Hashes",), (), "ImageLoad"),
        (Logsource("windows", "ps_script"), (), (), "Script Block Logging"),
        (Logsource("windows", service="security"), (), ("4625",), '/subcategory:"Logon" /failure:enable'),
        (Logsource("windows", service="security"), (), ("4769",), "/success:enable /failure:enable"),
        (Logsource("windows", service="security"), (), ("1102",), "Forward the Security channel"),
        (Logsource("windows", service="system"), (), (), "Forward the channel"),
        (Logsource("linux", "process_creation"), ("CommandLine",), (), "-S execve,execveat"),
        (Logsource("linux", service="auditd"), (), (), "active = yes"),
        (Logsource("linux", service="auditd"), ("type=EXECVE",), (), "-S execve,execveat"),
        (Logsource("linux", service="auditd"), ("type=PATH",), (), "-w /etc"),
        (Logsource("fortigate", service="event"), (), (), "config log syslogd setting"),
        (Logsource("", "webserver"), ("cs-referer",), (), "combined"),
        (Logsource("azure", service="auditlogs"), ("TargetResources",), (), "there is no such field"),
        (Logsource("azure", service="auditlogs"), ("Category",), (), "Event Hub"),
        (Logsource("django", "application"), (), (), "error log"),
        (Logsource("acme", "door"), (), (), "Forward this log"),
    ],
)
def test_the_closest_entry_counts(source: Logsource, fields: tuple[str, ...], ids: tuple[str, ...], words: str) -> None:
    found = remedy(source, fields, ids)
    assert words in found["en"]
    assert found["vi"] != found["en"]


def test_every_log_source_of_our_own_rules_has_its_own_words() -> None:
    rules = load([RuleSource(OWN / "rules", "kydai")]).rules
    none = both("rules.remedy.none")
    without = {rule.logsource for rule in rules if not is_flow_rule(rule) and remedy(rule.logsource) == none}
    assert not without


def test_every_log_source_of_sigmahq_has_its_own_words(sigmahq: RuleSet) -> None:
    none = both("rules.remedy.none")
    assert not {rule.logsource for rule in sigmahq.rules if remedy(rule.logsource) == none}


def test_every_windows_category_has_its_own_words() -> None:
    general = remedy(Logsource("windows"))
    categories = {*data("windows.yml")["categories"]} - {"ps_classic_provider_start", "ps_classic_script"}
    assert not {name for name in categories if remedy(Logsource("windows", name)) == general}


def test_what_needs_no_switch() -> None:
    assert comes_by_itself(Logsource("linux", service="sudo"))
    assert not comes_by_itself(Logsource("linux", service="auditd"))
    assert is_a_role(Logsource("windows", service="dhcp"))
    assert not is_a_role(Logsource("windows", service="security"))
    assert beside(Logsource("windows", "driver_load")) == Logsource("windows", service="sysmon")
    assert beside(Logsource("windows", "image_load")) is None


def test_an_event_id_belongs_to_one_switch() -> None:
    every = [str(id_) for each in data("remedies.yml")["audit"]["subcategories"] for id_ in each["ids"]]
    assert len(every) == len(set(every))
    assert audits_of(Logsource("windows", service="system"), ("4625",)) == ()
    assert {"4769", "5136"} < ids_of_role("domain")
