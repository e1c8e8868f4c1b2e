"""What services without users do on an ordinary day: databases, mail, cameras, dams, hypervisors, antivirus."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from core.clock import SECOND, Micros
from kydai.demo.curve import Curve
from kydai.demo.emission import Given
from kydai.demo.folk import citizen, machine, port
from kydai.demo.habit import Habit
from kydai.demo.lines_network import cef
from kydai.demo.lines_unix import daemon, mail, postgres
from kydai.demo.world import World


def database_session(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """An application connects, works for a while and leaves."""
    host = world.host(random.choice(("csdl-db01", "csdl-db02")))
    app, user, database = random.choice(
        (
            ("motcua-app01", "motcua", "tthc"),
            ("lgsp01", "lgsp", "dungchung"),
            ("phananh-api01", "phananh", "phananh"),
            ("tauca-vms01", "tauca", "tauca"),
        )
    )
    address, sport, pid = world.host(app).address, port(random), random.randrange(4_000, 60_000)
    client = f"{address}:{sport}"

    def said(offset: float, line: int, tag: str, message: str) -> Given:
        return postgres(
            host,
            at + round(offset * SECOND),
            pid=pid,
            user=user,
            database=database,
            client=client,
            line=line,
            tag=tag,
            message=message,
            app="JDBC",
            started=at,
        )

    yield postgres(
        host,
        at,
        pid=pid,
        user="",
        database="",
        client=client,
        line=1,
        tag="",
        message=f"connection received: host={address} port={sport}",
        started=at,
    )
    yield said(
        0.02, 2, "authentication", f"connection authorized: user={user} database={database} application_name=JDBC"
    )
    lasts = random.randrange(3, 1200)
    if random.random() < 0.4:
        yield said(
            lasts / 2,
            3,
            "SELECT",
            f"duration: {random.randrange(1000, 4000)}.{random.randrange(999):03d} ms  execute "
            f"<unnamed>: SELECT id, trang_thai FROM ho_so WHERE don_vi = $1 AND ngay >= $2",
        )
    yield said(
        lasts,
        4,
        "idle",
        f"disconnection: session time: 0:{lasts // 60:02d}:{lasts % 60:02d}.114 user={user} "
        f"database={database} host={address} port={sport}",
    )


def checkpoint(world: World, random: Random, at: Micros) -> Iterator[Given]:
    host = world.host(random.choice(("csdl-db01", "csdl-db02")))
    yield postgres(
        host,
        at,
        pid=811,
        user="",
        database="",
        client="",
        line=at // SECOND % 9000,
        tag="",
        message=(
            f"checkpoint complete: wrote {random.randrange(20, 4000)} buffers (1.2%); 0 WAL file(s) "
            f"added, 0 removed, 1 recycled"
        ),
        started=at - 86_400 * SECOND,
    )


def letters(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """A letter comes in and an officer fetches it."""
    host, who, source = world.host("mail01"), random.choice(world.officers), citizen(random)
    number, pid = f"{random.randrange(16**10):010X}", random.randrange(2_000, 60_000)
    yield mail(host, at, f"postfix/smtpd[{pid}]", f"connect from mx.coquan.example[{source}]")
    yield mail(host, at + 300_000, f"postfix/smtpd[{pid}]", f"{number}: client=mx.coquan.example[{source}]")
    yield mail(
        host,
        at + 600_000,
        f"postfix/qmgr[{901}]",
        f"{number}: from=<vanthu@coquan.example>, size={random.randrange(3_000, 4_000_000)}, nrcpt=1 (queue active)",
    )
    yield mail(
        host,
        at + SECOND,
        f"postfix/lmtp[{pid + 2}]",
        f"{number}: to=<{who.account}@bachvan.example>, relay=mail01[private/dovecot-lmtp], "
        f"delay=0.9, dsn=2.0.0, status=sent (250 2.0.0 Saved)",
    )


def mailbox(world: World, random: Random, at: Micros) -> Iterator[Given]:
    host = world.host("mail01")
    pc, who = machine(world, random)
    if random.random() < 0.03:
        yield mail(
            host,
            at,
            "dovecot",
            f"imap-login: Disconnected (auth failed, 1 attempts): "
            f"user=<{who.account}@bachvan.example>, method=PLAIN, rip={pc.address}, "
            f"lip={host.address}, TLS, session=<{at:x}>",
        )
    else:
        yield mail(
            host,
            at,
            "dovecot",
            f"imap-login: Login: user=<{who.account}@bachvan.example>, method=PLAIN, "
            f"rip={pc.address}, lip={host.address}, mpid={random.randrange(4000, 60000)}, TLS, session=<{at:x}>",
        )


def cameras(world: World, random: Random, at: Micros) -> Iterator[Given]:
    host = random.choice(world.named("cam-nvr"))
    channel = random.randrange(1, 33)
    text = random.choice(
        (
            f"channel {channel}: video signal restored",
            f"channel {channel}: motion detected",
            "hard disk 1: status normal, 61% used",
            "time synchronized with 10.20.2.11",
        )
    )
    yield daemon(host, at, "nvrd[412]", text)


def camera_manager(world: World, random: Random, at: Micros) -> Iterator[Given]:
    yield daemon(
        world.host("cam-vms01"),
        at,
        "vms[900]",
        f"recorder cam-nvr{random.randrange(1, 9):02d} heartbeat ok, {random.randrange(24, 33)} of 32 "
        f"channels recording",
    )


def sensors(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """A gauge at a dam publishes its level."""
    lake = random.choice(("ho-suoi-da", "ho-khe-lim", "ho-dong-xuan", "ho-thac-ba-lau"))
    yield daemon(
        world.host("hodap-gw01"),
        at,
        "mosquitto[655]",
        f"Received PUBLISH from {lake}-rtu1 (d0, q1, r0, m{at // SECOND % 65535}, "
        f"'hodap/{lake}/mucnuoc', ... (6 bytes))",
    )


def control(world: World, random: Random, at: Micros) -> Iterator[Given]:
    yield daemon(
        world.host("hodap-scada01"),
        at,
        "scada[733]",
        f"modbus read unit={random.randrange(1, 9)} fc=3 addr=40001 count=16 from "
        f"{world.host('hodap-gw01').address} ok",
    )


def hypervisor(world: World, random: Random, at: Micros) -> Iterator[Given]:
    host = random.choice(world.named("esx"))
    if random.random() < 0.7:
        text = (
            f"info hostd[2099312] [Originator@6876 sub=Vimsvc.ha-eventmgr] Event "
            f"{at // (6 * SECOND) % 90_000} : User monitor@10.20.16.90 logged in as pyvmomi"
        )
        yield daemon(host, at, "Hostd", text)
    else:
        yield daemon(
            host,
            at,
            "vmkernel",
            f"cpu{random.randrange(0, 48)}:2097{random.randrange(100, 999)})NMP: "
            f"nmp_ResetDeviceLogThrottling:3776: last error status from device naa.600508b1001c none",
        )


def antivirus(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """The console reports updates, scans, and now and then something it removed."""
    host = world.host("av01")
    pc, who = machine(world, random)
    kind = random.random()
    common: dict[str, object] = {
        "rt": at // 1000,
        "dhost": pc.name,
        "dst": pc.address,
        "cs1Label": "GroupName",
        "cs1": "Máy trạm",
        "cs2Label": "ProductName",
        "cs2": "KES",
    }
    if kind < 0.75:
        yield cef(
            host,
            at,
            "KasperskyLab",
            "SecurityCenter",
            "14.2.0.26967",
            "KLAUD_EV_TASK_STATE_CHANGED",
            "Cập nhật cơ sở dữ liệu hoàn tất",
            1,
            common | {"msg": "Cơ sở dữ liệu đã được cập nhật"},
        )
    elif kind < 0.98:
        yield cef(
            host,
            at,
            "KasperskyLab",
            "SecurityCenter",
            "14.2.0.26967",
            "00000133",
            "Quét theo lịch hoàn tất",
            1,
            common | {"msg": "Không phát hiện đối tượng nào"},
        )
    else:
        yield cef(
            host,
            at,
            "KasperskyLab",
            "SecurityCenter",
            "14.2.0.26967",
            "GNRL_EV_OBJECT_DELETED",
            "Đã xóa đối tượng",
            4,
            common
            | {
                "duser": who.account,
                "filePath": r"E:\anh\setup.exe",
                "cs5Label": "ThreatName",
                "cs5": "not-a-virus:AdWare.Win32.Agent.gen",
                "act": "Đã xóa",
            },
        )


HABITS = (
    Habit("database-session", 900, Curve.FLAT, database_session),
    Habit("checkpoint", 288, Curve.FLAT, checkpoint),
    Habit("letters", 420, Curve.OFFICE, letters),
    Habit("mailbox", 900, Curve.OFFICE, mailbox),
    Habit("cameras", 900, Curve.FLAT, cameras),
    Habit("camera-manager", 200, Curve.FLAT, camera_manager),
    Habit("sensors", 1400, Curve.FLAT, sensors),
    Habit("control", 400, Curve.FLAT, control),
    Habit("hypervisor", 800, Curve.FLAT, hypervisor),
    Habit("antivirus", 260, Curve.OFFICE, antivirus),
)
