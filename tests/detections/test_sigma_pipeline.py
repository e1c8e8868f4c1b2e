"""Rules converted with our pipeline find, in our own language, the events that the engine finds."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from sigma.backends.elasticsearch.elasticsearch_lucene import LuceneBackend
from sigma.collection import SigmaCollection

from collectors.parser import ParserSet
from core.event import Frame
from core.query.language import parse
from core.query.to_match import compile_match
from detections.converting import convert
from detections.ecs_binding import EcsBinding
from detections.engine import Engine
from detections.rule import Logsource
from detections.ruleset import RuleSet
from detections.sigma_pipeline import kydai, names, ways
from tests.detections.sigma_samples import evtx_records
from tests.detections.test_ecs_binding import CREATED
from tests.detections.test_own_rules import ROOT, RULE_FILES, SAMPLES, event_of, matcher, own
from tests.samples import sample

PLUGINS = Path(__file__).parents[2] / "detections" / "pysigma"
SIGMAHQ_RULES = 40

Event = Mapping[str, Any]


def found_by(queries: Sequence[str], events: Sequence[Event]) -> set[int]:
    """The numbers of the events that one of the queries finds."""
    tests = [compile_match(parse(query, now=0, zone="UTC")) for query in queries]
    return {number for number, event in enumerate(events) if any(test(event) for test in tests)}


def own_events() -> list[Event]:
    found: list[Event] = []
    for file in RULE_FILES:
        for samples in yaml.safe_load((SAMPLES / file).read_text("utf-8")).values():
            events = [event_of(each) for each in samples]
            # what the decoders of flows say of each
            found += [{**e, "event.dataset": "netflow.flow"} if file.parts[0] == "flow" else e for e in events]
    return found


def test_own_rules_find_what_the_engine_finds() -> None:
    events = own_events()
    hits = [found for _, found in matcher().judge(events)]
    refused = []
    for file in RULE_FILES:
        for each in convert((ROOT / "rules" / file).read_bytes(), str(file)):
            if each.error:
                refused.append(each.error["en"])
                continue
            wanted = {number for number, found in enumerate(hits) if each.id in found}
            assert found_by(each.queries, events) == wanted, f"{file}: {each.queries}"
    print(f"{len(own().rules)} rules, {len(events)} events; {len(refused)} rules without a query")
    assert all(r"\b" in error for error in refused), "Lucene has no borders of words; nothing else is refused"
    assert len(refused) < 10


def test_sigmahq_rules_find_what_the_engine_finds(sigmahq: RuleSet) -> None:
    parsers = ParserSet.load()
    events: list[Event] = own_events()
    for path in sorted(sample("sigmahq-regression").rglob("*.evtx")):
        for record in evtx_records(path):
            events += parsers.parse(Frame("file:x", CREATED, record.encode()), zone="UTC").events
    hits = Engine(sigmahq, EcsBinding()).judge([dict(event) for event in events])
    firing = sorted({rule for found in hits for rule in found})
    seed = random.randrange(1 << 30)
    chosen = set(random.Random(seed).sample(firing, min(SIGMAHQ_RULES, len(firing))))
    folder, refused, compared = sample("sigmahq"), 0, 0
    for file in sorted({rule.file for rule in sigmahq.rules if rule.id in chosen}):
        for each in convert((folder / file).read_bytes(), file):
            if each.error:
                refused += 1
                continue
            wanted = {number for number, found in enumerate(hits) if each.id in found}
            assert found_by(each.queries, events) == wanted, f"seed {seed}: {file}: {each.queries}"
            compared += len(events)
    print(f"seed {seed}: {compared} pairs of rule and event; {refused} rules without a query")
    assert compared > 30 * len(events)


def query_of(logsource: str, detection: str) -> str:
    text = f"title: T\nlogsource: {logsource}\ndetection:\n  sel: {detection}\n  condition: sel\n"
    (query,) = LuceneBackend(kydai()).convert(SigmaCollection.from_yaml(text))
    return str(query)


@pytest.mark.parametrize(
    ("logsource", "detection", "wanted"),
    [
        ("{product: windows, service: system}", "{EventID: 104}", "winlog.channel:system AND event.code:104"),
        ("{category: flow}", "{destination.port: 22}", "event.dataset:netflow.flow AND destination.port:22"),
        ("{product: acme, service: acme}", "{eventtype: x}", 'event.module:acme OR (event.dataset:(acme OR acme.*))'),
        ("{product: m365}", "{Operation: x}", "event.dataset:(m365.threat_management OR o365.audit)"),
        ("{product: okta, service: okta}", "{eventType: x}", "event.action:x OR okta.event_type:x OR okta.eventType:x"),
        ("{product: windows, category: process_creation}", "{Image: null}",
         "(NOT _exists_:winlog.event_data.Image) AND (NOT _exists_:winlog.event_data.NewProcessName)"),
        ("{product: windows, category: registry_add}", "{TargetObject: a}",
         "winlog.event_data.EventType:(createkey OR addkey)"),
        ("{product: windows, service: windefend}", "{EventID: 1}", '"microsoft-windows-windows defender/operational"'),
        ("{product: linux, service: sudo}", "{process.command_line|re: '(^|/)id\\s'}",
         "process.command_line:/(a{0,0}id[\\s](.)*|(.)*\\/id[\\s](.)*)/"),
        ("{product: windows, service: security}", r"{F: 'C:\My Files\user'}",
         r"winlog.event_data.F:C\:\\My\ Files\\user"),
        ("{product: windows, service: security}", "{F: 'my files: a'}", 'winlog.event_data.F:"my files: a"'),
        ("{product: linux, service: sudo}", "{process.command_line|re: '(?i)^ab$'}", ":/([Aa][Bb])/"),
        ("{product: linux, service: sudo}", "{process.command_line|re: '^\\Sb\\W$'}", ":/([^\\s]b[^\\w])/"),
    ],
)  # fmt: skip
def test_queries(logsource: str, detection: str, wanted: str) -> None:
    query = query_of(logsource, detection)
    assert wanted in query
    parse(query, now=0, zone="UTC")


def test_a_condition_over_them_does_not_take_the_log_source_for_one() -> None:
    text = (
        "title: T\nlogsource: {product: windows, service: system}\n"
        "detection: {a: {EventID: 1}, b: {EventID: 2}, condition: 1 of them}"
    )
    (query,) = LuceneBackend(kydai()).convert(SigmaCollection.from_yaml(text))
    assert query.count("winlog.channel") == 1


def test_a_rule_about_one_product_finds_no_events_of_another() -> None:
    query = query_of("{product: nginx, category: webserver}", "{cs-method: GET}")
    apache, nginx = (
        {
            "event.module": name,
            "event.dataset": f"{name}.access",
            "event.category": ["web"],
            "http.request.method": "GET",
        }
        for name in ("apache", "nginx")
    )
    assert found_by([query], [apache, nginx]) == {1}


def test_names_of_fields() -> None:
    found = ways(Logsource("windows", "process_creation"))
    assert names(found, "Image") == ["winlog.event_data.Image", "winlog.event_data.NewProcessName"]
    assert names(found, "process.name") == ["process.name"]


def test_sigma_cli_gives_the_queries_that_we_do(tmp_path: Path) -> None:
    found = [each for file in RULE_FILES for each in convert((ROOT / "rules" / file).read_bytes(), str(file))]
    command = [
        sys.executable,
        "-c",
        "from sigma.cli.main import main; main()",
        "convert",
        "-t",
        "lucene",
        "-p",
        "kydai",
        "--skip-unsupported",
    ]
    # where our sources lie, a folder has the pipeline's name, and files of YAML in it
    (tmp_path / "kydai").mkdir()
    (tmp_path / "kydai" / "other.yml").write_text("name: other\n---\nname: another\n")
    path = os.pathsep.join([str(PLUGINS), str(PLUGINS.parents[1]), os.environ.get("PYTHONPATH", "")])
    ran = subprocess.run(
        [*command, str(ROOT / "rules")],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        check=True,
    )
    queries = {query for each in found for query in each.queries}
    assert {line for line in ran.stdout.splitlines() if line} == queries
