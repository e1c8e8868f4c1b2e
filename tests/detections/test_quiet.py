"""Nothing happens in the province, and few alerts come: at most 5 a day of all rules that alert by default.

A short part of a day is judged; ``--quiet-days 4`` judges whole ones: an ordinary day, Tết, a Wednesday of
patches, a Sunday. The house's own exceptions are in force, as they are in the demonstration.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import detections
from core.clock import DAY, HOUR, MINUTE, SECOND, Micros, iso, to_micros
from detections.ruleset import RuleSet
from kydai.demo import stage
from kydai.demo.background import HABITS, background
from kydai.demo.emission import Flow
from kydai.demo.world import load_world
from tests.detections.happenings import alerts, events, flow
from tests.detections.quiet_days import PATCH_WEDNESDAY, TET

OWN = Path(detections.__file__).parent
HOUSE = Path(stage.__file__).with_name(stage.HOUSE_RULES)
MOST_A_DAY = 5
PART = 15 * MINUTE
TUESDAY, SUNDAY = to_micros("2026-11-24T00:00:00+07:00"), to_micros("2026-11-29T00:00:00+07:00")
TET_DAY, PATCH_DAY = to_micros("2027-02-06T00:00:00+07:00"), to_micros("2026-12-09T00:00:00+07:00")
DAYS = ((TUESDAY, HABITS), (TET_DAY, TET), (PATCH_DAY, PATCH_WEDNESDAY), (SUNDAY, HABITS))
ACCESS_LIST = "/etc/postgresql/16/main/pg_hba.conf"


def test_a_day_without_an_attack_is_quiet(all_rules: RuleSet, request: pytest.FixtureRequest) -> None:
    days: int = request.config.getoption("--quiet-days")
    seed = random.randrange(2**32)
    world = load_world()
    for number in range(max(days, 1)):
        start, habits = DAYS[number % len(DAYS)] if days else random.choice(DAYS)
        length = DAY if days else PART
        if not days:
            start += random.randrange(DAY // HOUR) * HOUR
        print("seed", seed + number, "from", iso(start))
        called = alerts(
            all_rules, events(world, background(world, seed + number, start, start + length, habits=habits))
        )
        assert called.total() <= (MOST_A_DAY if days else 1), called


def test_what_is_counted_is_there_to_be_counted(all_rules: RuleSet) -> None:
    """The same reckoning calls for an attack: folded within an hour, from flows and by correlations, too."""
    begin: Micros = TUESDAY + 9 * HOUR
    edit = {
        "event.module": "auditd",
        "event.dataset": "auditd.log",
        "event.category": ["process"],
        "event.type": ["start"],
        "host.name": "csdl-db01",
        "process.executable": "/usr/bin/vim",
        "process.command_line": "/usr/bin/vim /etc/sudoers.conf",
        "user.audit.id": "1001",
    }
    edits = [edit | {"@timestamp": iso(begin + minute * MINUTE)} for minute in (0, 10, 70)]
    known = edits[0] | {"host.name": "csdl-db02", "process.command_line": f"/usr/bin/vim {ACCESS_LIST}"}
    asked = {"event.dataset": "nginx.access", "event.module": "nginx", "http.response.status_code": 404}
    asked |= {
        "@timestamp": iso(begin),
        "url.original": "/.git/HEAD",
        "source.ip": "10.20.16.99",
        "host.name": "tthc-web01",
    }
    answered = asked | {"host.name": "tthc-web02", "http.response.status_code": 200}
    outside = Flow(begin, "fw-ttdl", "203.0.113.60", "10.20.5.11", 50_022, 3389, 6, 940_180, 1_400, begin)
    guess = {"event.module": "system", "event.dataset": "system.auth", "process.name": "sshd", "host.name": "web01"}
    guess |= {"event.action": "ssh_login", "event.outcome": "failure", "source.ip": "198.51.100.7"}
    guess |= {"message": "Failed password for root from 198.51.100.7 port 51419 ssh2"}
    guesses = [guess | {"@timestamp": iso(begin + second * SECOND)} for second in range(0, 60, 10)]
    guessed = guess | {"event.outcome": "success", "message": "Accepted password for root from 198.51.100.7 port 51419"}
    guesses.append(guessed | {"@timestamp": iso(begin + MINUTE)})
    called = alerts(all_rules, [*edits, known, asked, answered, flow(outside), *guesses])
    assert called["Potential Suspicious Change To Sensitive/Critical Files"] == 2
    assert called["Source Code Enumeration Detection by Keyword"] == 1
    assert called["Remote Desktop From The Internet"] == 1
    assert called["SSH Log-On After Many Refused Ones From The Same Address"] == 1
