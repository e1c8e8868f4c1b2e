"""Every story of the province is told through the real parsers, and the alerts that must come of it come.

Printed with ``-s``: what a story holds that no parser understands, and so no rule can judge.
"""

from __future__ import annotations

from random import Random

import pytest

from core.clock import to_micros
from detections.ruleset import RuleSet
from kydai.demo import stories
from kydai.demo.story import Story
from kydai.demo.world import load_world
from tests.detections.happenings import alerts, events

START = to_micros("2026-11-25T09:00:00+07:00")
STORIES = (*stories.PAST, *stories.MORE, *stories.APART, stories.LIVE)
MUST = {
    "ssh": (
        "SSH Guessing Against One Host From Many Addresses",
        "SSH Log-On After Many Refused Ones From The Same Address",
        "Cron File Written By Sudo",
        "Coin Miner On A Command Line",
        "Jump Host Entered From Another Server",
    ),
    "webshell": (
        "Script In An Upload Folder Used After The Server Was Probed",
        "Shell Started By The Web Server On Windows",
        "Web Page Rewritten By The Web Server's Process",
        "Many Tables Copied Out By One Client",
        "Large Transfer Out After A Database Was Dumped",
    ),
    "mail": (
        "Office Program Started A Shell",
        "PowerShell With An Encoded Command",
        "Connections To Outside In A Steady Rhythm",
        "Service Ticket With Weak Encryption",
        "File Sharing Or Remote Desktop Opened With Many Hosts",
    ),
    "ransom": (
        "Everything That Could Restore Is Removed",
        "Services Stopped On Several Hosts",
        "PsExec Service Installed",
    ),
    "camera": ("Telnet From The Internet", "Scan From Inside", "UDP Flood To Outside"),
    "dam": ("Industrial Control Protocol Spoken",),
    "citizen": (
        "Many Accounts Tried On A Web Application",
        "Log-On Accepted After Many Accounts Were Tried",
        "One Account Inside And Outside At The Same Time",
    ),
    "insider": ("Citizens' Records Read In Bulk", "Archive With A Password Made"),
    "deface": (
        "Guessing At A Site's Administration",
        "Template Changed After Guessing",
        "Web Page Rewritten By The Web Server's Process",
    ),
    "dns": ("DNS Tunnel From One Machine", "Many Text Or Null Records Asked By One Machine"),
    "vpn": ("VPN Session From Abroad", "VPN Session After Many Refused Log-Ons", "One Account In Two Countries"),
    "supply": ("Updater Started A Shell", "The Same Updater Started A Shell On Several Hosts"),
}
UNHEARD = {
    "mail": "attachments and texts of mails (Postfix logs senders, recipients and sizes only)",
    "camera": "log-ons of recorders (each maker's own text; kept as plain syslog)",
    "dam": "the control system's own log and the gauges' values (plain syslog; Mosquitto logs no payload)",
    "supply": "the vendor's update server (not ours) and what is in the file",
}


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_its_alerts_come(all_rules: RuleSet, story: Story) -> None:
    world = load_world()
    told = sorted(story.play(world, Random("7"), START), key=lambda given: given.at)
    called = alerts(all_rules, events(world, told))
    print(f"{story.name}: {len(called)} alerting rules; not heard: {UNHEARD.get(story.name, 'nothing')}")
    assert [title for title in MUST[story.name] if not called[title]] == []
