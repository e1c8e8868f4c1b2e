"""The stories: sample lines of each, so that rules can be written against them, and where they are placed in time."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from core.clock import DAY, HOUR, MINUTE, Micros, to_micros
from kydai.demo import stories
from kydai.demo.emission import Emission, Flow
from kydai.demo.story import Story
from kydai.demo.world import load_world

NOW: Micros = to_micros("2026-11-25T09:00:00+07:00")

SAMPLES = {
    "ssh": (
        "Failed password for root from 198.51.100.141 port ",
        "Failed password for invalid user admin from ",
        "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= "
        "rhost=198.51.100.141  user=root",
        "Accepted password for baochi from 203.0.113.77 port 51544 ssh2",
        "sudo:    baochi : TTY=pts/0 ; PWD=/home/baochi ; USER=root ; COMMAND=/usr/bin/cat /etc/shadow",
        "sudo:    baochi : TTY=pts/0 ; PWD=/home/baochi ; USER=root ; COMMAND=/usr/bin/tee /etc/cron.d/sys",
        "(*system*sys) RELOAD (/etc/cron.d/sys)",
        "(root) CMD (/usr/lib/.sys -o stratum+tcp://203.0.113.9:3333 ",
        "dstip=203.0.113.9 dstport=3333 ",
        "Accepted publickey for duclm from 10.20.6.21 port 50212 ssh2: ED25519 SHA256:",
        "type=EXECVE msg=audit(",
        'a0="/usr/bin/nmap" a1="-sT" a2="-p"',
    ),
    "webshell": (
        "10.20.3.10 GET /.git/config - 443 - 198.51.100.23 python-requests/2.32.3 - 404 0 2 ",
        "UNION%20SELECT",
        "POST /ckfinder/core/connector/aspx/connector.aspx command=FileUpload",
        "POST /userfiles/files/banner.aspx - 443 - 203.0.113.118 ",
        r'"ParentImage":"C:\\Windows\\System32\\inetsrv\\w3wp.exe"',
        r'"CommandLine":"\"C:\\Windows\\System32\\cmd.exe\" /c whoami /all"',
        r'"TargetFilename":"D:\\web\\cong\\xa-tan-phu\\index.html"',
        '"statement: COPY public.cong_dan TO stdout;"',
        "srcip=10.20.3.10 srcport=50931 ",
    ),
    "ransom": (
        'subtype="vpn" level="information" vd="root" logdesc="SSL VPN tunnel up" action="tunnel-up"',
        'remip=203.0.113.45 user="adm.khanhnv"',
        '"CommandLine":"vssadmin.exe delete shadows /all /quiet"',
        '"CommandLine":"wbadmin.exe delete catalog -quiet"',
        '"CommandLine":"bcdedit.exe /set {default} recoveryenabled no"',
        '"ServiceName":"PSEXESVC"',
        '"param1":"SQL Server (MSSQLSERVER)","param2":"stopped"',
        '"event_id":"7036"',
    ),
    "citizen": (
        '"event.outcome":"failure"',
        '"url.path":"/api/v2/dang-nhap","http.response.status_code":401',
        'ipAddress=\\"203.0.113.201\\"',
    ),
    "insider": (
        '"url.path":"/dan-cu/v1/cong-dan/',
        r'"CommandLine":"7z.exe a -p -mhe ',
        "CONNECT drive.luutru.example:443 phucdv",
    ),
    "mail": (
        "from=<vanphong@thongbao-bhxh.example>",
        r'"ParentProcessName":"C:\\Program Files\\Microsoft Office\\root\\Office16\\WINWORD.EXE"',
        '"TicketEncryptionType":"0x17"',
    ),
    "camera": ("user admin logged in from 198.51.100.63 (web)",),
    "dam": ("modbus write unit=3 fc=16 addr=40120 count=2 from 10.20.32.54 ok",),
    "deface": (
        '"POST /quantri/dang-nhap HTTP/1.1" 401',
        '"POST /quantri/giao-dien/sua-mau?tep=trang-chu.php HTTP/1.1" 302',
        r'"TargetFilename":"D:\\web\\cong\\xa-binh-an\\index.html"',
    ),
    "vpn": (
        'action="ssl-login-fail"',
        'remip=203.0.113.66 user="quanglm"',
        'srccountry="Netherlands"',
        '"GET /motcua/ho-so HTTP/1.1" 200',
    ),
    "supply": ("GET http://capnhat.phanmemxa.example/ketoan/7.4.2/CapNhat.dat", r"KeToanXa\\CapNhat.exe"),
    "dns": (".t.dongbo-cdn.example IN TXT +E(0)K (10.20.2.53)", ".t.dongbo-cdn.example IN NULL "),
}


@pytest.mark.parametrize("story", [*stories.PAST, *stories.MORE, *stories.APART, stories.LIVE], ids=lambda s: s.name)
def test_story_says_its_lines(story: Story) -> None:
    given = list(story.play(load_world(), Random("7"), NOW))
    lines = [e.data.decode() for e in given if isinstance(e, Emission)]
    missing = [s for s in SAMPLES[story.name] if not any(s in line for line in lines)]
    assert not missing
    assert all(NOW <= e.at <= NOW + story.lasts for e in given)
    assert {e.story for e in given} == {story.name}


@pytest.mark.parametrize("story", [*stories.PAST, *stories.MORE, *stories.APART, stories.LIVE], ids=lambda s: s.name)
def test_story_is_reproducible_and_inside_the_documentation_ranges(story: Story) -> None:
    world = load_world()
    first = list(story.play(world, Random("7"), NOW))
    assert first == list(story.play(world, Random("7"), NOW))
    for flow in (e for e in first if isinstance(e, Flow)):
        for address in (flow.src, flow.dst):
            assert address.startswith(("10.20.", "192.0.2.", "198.51.100.", "203.0.113."))
    assert {e.host for e in first if isinstance(e, Emission)} <= set(world.hosts)
    assert set(story.truth.hosts) <= set(world.hosts)
    assert all(x.host in world.hosts for x in story.truth.expects)


def test_three_point_two_gigabytes_leave() -> None:
    story = stories.PAST[0]
    out = [e for e in story.play(load_world(), Random("7"), NOW) if isinstance(e, Flow) and e.dst == "198.51.100.200"]
    assert sum(e.octets for e in out) == 3_200_000_000
    assert out[-1].at - out[0].started == 2 * HOUR


@pytest.mark.parametrize("part", range(72))
def test_past_stories_fit_into_the_day_at_any_time(part: int) -> None:
    now = NOW + part * DAY // 72
    placed = stories.past_stories(now)
    spans = sorted((p.start, p.end) for p in placed)
    assert all(now - DAY <= start and end < now for start, end in spans)
    assert all(a[1] < b[0] for a, b in pairwise(spans))
    quiet = stories.silence(now)
    assert quiet[0] > now - DAY + stories.KNOWN_AFTER
    assert now - DAY <= quiet[0] < quiet[1] < now
    assert all(end < quiet[0] or quiet[1] < start for start, end in spans)


def test_stories_keep_their_usual_hours() -> None:
    webshell, ransom = stories.past_stories(NOW)
    assert webshell.start == to_micros("2026-11-24T21:20:00+07:00")
    assert ransom.start == to_micros("2026-11-25T02:31:00+07:00")


@pytest.mark.parametrize("hour", range(0, 24, 3))
def test_the_test_bed_fits_into_the_day_too(hour: int) -> None:
    now = NOW + hour * HOUR + 17 * MINUTE
    spans = sorted((p.start, p.end) for p in stories.past_stories(now, (*stories.PAST, *stories.MORE)))
    assert all(now - DAY <= start and end < now for start, end in spans)
