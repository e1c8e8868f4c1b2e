"""What the network does on an ordinary day: sessions, flows, switches, routers, the scanner."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from core.clock import MINUTE, SECOND, Micros
from kydai.demo.curve import Curve
from kydai.demo.emission import Flow, Given
from kydai.demo.folk import citizen, machine, port
from kydai.demo.habit import Habit
from kydai.demo.lines_network import (
    cisco,
    fortigate_admin,
    fortigate_traffic,
    fortigate_vpn,
    huawei,
    mikrotik,
)
from kydai.demo.world import World

_PUBLISHED = {
    "tthc-web01": "192.0.2.20",
    "tthc-web02": "192.0.2.20",
    "cong-web01": "192.0.2.21",
    "mail01": "192.0.2.25",
}
_OUTSIDE = ("192.0.2.140", "198.51.100.80", "198.51.100.81", "203.0.113.150", "203.0.113.151", "203.0.113.160")
"""Sites that everybody visits."""


def _session(at: Micros) -> int:
    return 1_000_000 + at // 10_000 % 6_000_000


def officers_out(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """A session of an office machine to the internet, behind the NAT; half of them are seen as a flow too."""
    pc, _ = machine(world, random)
    target, sport, lasts = random.choice(_OUTSIDE), port(random), random.randrange(1, 180)
    sent, got = random.randrange(700, 40_000), int(random.paretovariate(1.1) * 4000) % 30_000_000
    done = at + lasts * SECOND
    if random.random() < 0.6:
        yield fortigate_traffic(
            world.host("fw-ttdl"),
            done,
            src=pc.address,
            sport=sport,
            dst=target,
            dport=443,
            proto=6,
            session=_session(at),
            action="close",
            policy=(5, "CANBO-INTERNET"),
            service="HTTPS",
            sent=sent,
            received=got,
            duration=lasts,
            zones=("lan", "wan1"),
            nat=world.nat,
            app="SSL",
        )
    yield Flow(done, "fw-ttdl", pc.address, target, sport, 443, 6, sent, 1 + sent // 600, at, 0x1B)
    yield Flow(done, "fw-ttdl", target, pc.address, 443, sport, 6, got, 1 + got // 1200, at, 0x1B)


def citizens_in(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """A citizen's session to a published service."""
    name = random.choices(list(_PUBLISHED), (5, 5, 4, 1))[0]
    client, sport, lasts = citizen(random), port(random), random.randrange(1, 60)
    sent, got = random.randrange(900, 20_000), random.randrange(3_000, 900_000)
    service, dport = ("SMTP", 25) if name == "mail01" else ("HTTPS", 443)
    done = at + lasts * SECOND
    if random.random() < 0.5:
        yield fortigate_traffic(
            world.host("fw-ttdl"),
            done,
            src=client,
            sport=sport,
            dst=world.host(name).address,
            dport=dport,
            proto=6,
            session=_session(at),
            action="close",
            policy=(21, "DICHVU-CONG"),
            service=service,
            sent=sent,
            received=got,
            duration=lasts,
            zones=("wan1", "dmz"),
        )
    yield Flow(done, "fw-ttdl", client, world.host(name).address, sport, dport, 6, sent, 1 + sent // 600, at, 0x1B)
    yield Flow(done, "fw-ttdl", world.host(name).address, client, dport, sport, 6, got, 1 + got // 1200, at, 0x1B)


def refused(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """The internet's noise: single knocks at closed ports."""
    dport = random.choice((22, 23, 445, 3389, 5900, 8080, 1433, 6379, 2323, 5060))
    yield fortigate_traffic(
        world.host("fw-ttdl"),
        at,
        src=citizen(random),
        sport=port(random),
        dst=f"192.0.2.{random.randrange(16, 32)}",
        dport=dport,
        proto=6,
        session=_session(at),
        action="deny",
        policy=(0, "implicit-deny"),
        service=f"tcp/{dport}",
        sent=0,
        received=0,
        duration=0,
        zones=("wan1", "dmz"),
    )


def vpn_session(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """An officer works from home for up to fifty minutes; one in eight mistypes the password first."""
    who, fw = random.choice(world.officers), world.host("fw-ttdl")
    remote, inside = citizen(random), f"10.20.250.{random.randrange(20, 200)}"
    number = 1_600_000 + at // SECOND % 90_000
    if random.random() < 0.12:
        yield fortigate_vpn(
            fw,
            at,
            action="ssl-login-fail",
            user=who.account,
            remote=remote,
            tunnel_ip="",
            reason="sslvpn_login_permission_denied",
            level="alert",
        )
    at += 20 * SECOND
    yield fortigate_vpn(
        fw,
        at,
        action="tunnel-up",
        user=who.account,
        remote=remote,
        tunnel_ip=inside,
        reason="login successfully",
        tunnel_id=number,
    )
    lasts = random.randrange(5, 50) * MINUTE
    yield Flow(
        at + lasts,
        "sw-core01",
        inside,
        world.host("vanban-app01").address,
        port(random),
        443,
        6,
        random.randrange(90_000, 4_000_000),
        900,
        at,
        0x1B,
    )
    yield fortigate_vpn(
        fw, at + lasts, action="tunnel-down", user=who.account, remote=remote, tunnel_ip=inside, tunnel_id=number
    )


def firewall_admin(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """The sysadmin signs in to the firewall from the jump host; one in six with a wrong password first."""
    fw, source = world.host("fw-ttdl"), world.host("jump01").address
    if random.random() < 0.16:
        yield fortigate_admin(fw, at, user="duclm", source=source, good=False)
    yield fortigate_admin(fw, at + 9 * SECOND, user="duclm", source=source, good=True)


_EAST_WEST = (
    ("tthc-web01", "motcua-app01", 8080),
    ("tthc-web02", "motcua-app01", 8080),
    ("motcua-app01", "csdl-db01", 5432),
    ("lgsp01", "csdl-db01", 5432),
    ("lgsp01", "csdl-db02", 5432),
    ("phananh-api01", "csdl-db02", 5432),
    ("vanban-app01", "dc01", 389),
    ("sso01", "dc02", 636),
    ("cong-web01", "dns01", 53),
    ("mail01", "dns01", 53),
    ("hodap-scada01", "hodap-gw01", 502),
    ("cam-vms01", "cam-nvr01", 554),
    ("cam-vms01", "cam-nvr05", 554),
    ("csdl-db02", "csdl-db01", 5432),
    ("proxy01", "dns01", 53),
    ("tauca-vms01", "csdl-db02", 5432),
)


def inside(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """A conversation between servers, seen by the core."""
    source, target, dport = random.choice(_EAST_WEST)
    proto = 17 if dport == 53 else 6
    octets = random.randrange(80, 900) if dport == 53 else random.randrange(600, 400_000)
    done = at + random.randrange(1, 40) * SECOND
    src, dst, sport = world.host(source).address, world.host(target).address, port(random)
    yield Flow(
        done, "sw-core01", src, dst, sport, dport, proto, octets, 1 + octets // 700, at, 0x1B if proto == 6 else 0
    )
    yield Flow(
        done, "sw-core01", dst, src, dport, sport, proto, octets * 3, 1 + octets // 400, at, 0x1B if proto == 6 else 0
    )


def desks(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """An office machine talks to the domain, the resolver, the proxy or a printer."""
    pc, _ = machine(world, random)
    target, dport = random.choice(
        (
            (world.host("dc01").address, 88),
            (world.host("dc02").address, 445),
            (world.host("dns01").address, 53),
            (world.host("proxy01").address, 3128),
            (world.others["printer"], 9100),
            (world.host("vanban-app01").address, 443),
        )
    )
    proto = 17 if dport == 53 else 6
    octets = random.randrange(120, 200_000) if proto == 6 else random.randrange(60, 240)
    yield Flow(
        at + SECOND,
        "sw-core01",
        pc.address,
        target,
        port(random),
        dport,
        proto,
        octets,
        1 + octets // 700,
        at,
        0x1B if proto == 6 else 0,
    )


def nightly_copy(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """A backup stream by night: gigabytes, and all of them inside."""
    source = world.host(random.choice(("csdl-db01", "csdl-db02", "vanban-app01", "motcua-app01")))
    octets = random.randrange(200_000_000, 900_000_000)
    yield Flow(
        at + 5 * MINUTE,
        "sw-core01",
        source.address,
        world.host("backup01").address,
        port(random),
        10006,
        6,
        octets,
        octets // 1400,
        at,
        0x18,
    )


def scanner(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """The allowed vulnerability scanner tries a dozen ports of one server."""
    target = random.choice([h for h in world.hosts.values() if h.address.startswith(("10.20.3.", "10.20.4."))])
    for number, dport in enumerate((21, 22, 23, 25, 80, 110, 139, 443, 445, 3306, 3389, 8080)):
        when = at + number * 120_000
        yield Flow(
            when,
            "sw-core01",
            world.others["scanner"],
            target.address,
            45000 + number,
            dport,
            6,
            120,
            2,
            when - 50_000,
            0x02,
        )


def switch_port(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """A desk's port goes down and comes back."""
    switch, number = random.choice(world.named("sw-acc")), random.randrange(1, 49)
    name = f"GigabitEthernet0/0/{number}"
    yield huawei(
        switch, at, "IFNET/4/LINK_STATE", f"The line protocol IP on the interface {name} has entered the DOWN state."
    )
    yield huawei(
        switch,
        at + 8 * SECOND,
        "IFNET/4/LINK_STATE",
        f"The line protocol IP on the interface {name} has entered the UP state.",
    )


def switch_poll(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """The monitoring system reads every access switch."""
    for number, switch in enumerate(world.named("sw-acc")):
        when = at + number * 300_000
        yield huawei(switch, when, "SNMP/6/SNMP_GET", f"SNMP GET request from {world.others['monitor']}, result ok.")


def core_switch(world: World, random: Random, at: Micros) -> Iterator[Given]:
    switch = random.choice(world.named("sw-core"))
    number = at // MINUTE % 900_000
    what = random.randrange(3)
    if what == 0:
        yield cisco(
            switch,
            at,
            number,
            "LINEPROTO-5-UPDOWN",
            f"Line protocol on Interface TenGigabitEthernet1/0/{random.randrange(1, 25)}, changed state to up",
        )
    elif what == 1:
        yield cisco(
            switch,
            at,
            number,
            "SYS-6-LOGGINGHOST_STARTSTOP",
            "Logging to host 10.20.16.51 port 514 started - CLI initiated",
            6,
        )
    else:
        yield cisco(
            switch,
            at,
            number,
            "SEC_LOGIN-5-LOGIN_SUCCESS",
            f"Login Success [user: duclm] [Source: {world.host('jump01').address}] [localport: 22] at 08:12:11 ICT",
        )


def commune(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """A commune's router gives a lease, drops a knock, or is signed in to."""
    router = random.choice(world.named("rt-xa"))
    kind = random.random()
    if kind < 0.6:
        src, dst = citizen(random), f"192.0.2.{100 + int(router.name[-2:])}"
        yield mikrotik(
            router,
            at,
            "firewall,info",
            f"drop-wan input: in:ether1-WAN out:(unknown 0), connection-state:new src-mac "
            f"00:17:10:88:bc:02, proto TCP (SYN), "
            f"{src}:{port(random)}->{dst}:{random.choice((23, 8291, 445, 22))}, len 40",
        )
    elif kind < 0.95:
        yield mikrotik(
            router,
            at,
            "dhcp,info",
            f"dhcp-lan assigned 10.20.110.{random.randrange(20, 200)} for "
            f"D8:5E:D3:{random.randrange(16, 255):02X}:1A:{random.randrange(16, 255):02X} PC-XA",
        )
    else:
        yield mikrotik(
            router, at, "system,info,account", f"user duclm logged in from {world.host('jump01').address} via winbox"
        )


HABITS = (
    Habit("officers-out", 5600, Curve.OFFICE, officers_out),
    Habit("citizens-in", 4500, Curve.CITIZEN, citizens_in),
    Habit("refused", 3600, Curve.FLAT, refused),
    Habit("vpn-session", 40, Curve.CITIZEN, vpn_session),
    Habit("firewall-admin", 9, Curve.OFFICE, firewall_admin),
    Habit("inside", 4200, Curve.FLAT, inside),
    Habit("desks", 3600, Curve.OFFICE, desks),
    Habit("nightly-copy", 60, Curve.NIGHT, nightly_copy),
    Habit("scanner", 10, Curve.SCAN, scanner),
    Habit("switch-port", 160, Curve.OFFICE, switch_port),
    Habit("switch-poll", 48, Curve.FLAT, switch_poll),
    Habit("core-switch", 260, Curve.FLAT, core_switch),
    Habit("commune", 2600, Curve.FLAT, commune),
)
