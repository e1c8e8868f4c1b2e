"""A seeded house for the console's tests: the real app over SQLite and a segment store, with a province's morning."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn

from api.app import create_app
from api.deps import Services
from core import accounts
from core.accounts import Role
from core.audit import Actor
from core.clock import DAY, HOUR, MINUTE, SECOND, Micros, SystemClock, iso
from core.db.database import Database, migrate, open_database, sqlite_url
from core.db.models import Alert, Heartbeat, Source, SpoolPosition
from core.event import Event, new_ulid
from core.ledger import Events, Raws, Tally
from core.sources import Heards
from core.store.contract import Batch
from core.store.segments import SegmentStore
from enrichment.incidents import group
from enrichment.observables import read_house

CLI = Actor("setup", "cli")
PASSWORD = "một câu dài dễ nhớ 2026"
DIST = Path(__file__).parents[2] / "console" / "dist"
PEOPLE = (
    ("admin", Role.ADMIN, "Quản trị", ""),
    ("hanhnt", Role.ANALYST, "Nguyễn Thị Hạnh", ""),
    ("baotq", Role.ANALYST, "Trần Quốc Bảo", ""),
    ("duclm", Role.SYSADMIN, "Lê Minh Đức", ""),
    ("trangpt", Role.AUDITOR, "Phạm Thu Trang", ""),
    ("sonhv", Role.AUDITOR, "Hoàng Văn Sơn", 'kydai.system: "Thông tin báo chí"'),
)


@dataclass(frozen=True, slots=True)
class Told:
    """An alert of the morning: what was seen, where, by whom."""

    rule: str
    vi: str
    en: str
    level: str
    host: str
    ago: Micros
    count: int = 1
    lasted: Micros = 0
    user: str = ""
    system: str = "Hạ tầng Trung tâm dữ liệu tỉnh"
    kind: str = "rule"
    facts: dict[str, list[str]] = field(default_factory=dict)
    matched: Sequence[tuple[str, Any, int]] = ()
    lines: Sequence[str] = ()
    tags: Sequence[str] = ()
    verdict: str | None = None


GUESSERS = [f"198.51.100.{n}" for n in range(141, 151)] + [f"203.0.113.{n}" for n in range(71, 81)]
MORNING = (
    Told(
        "kydai-ssh-guessed", "Đăng nhập SSH thành công sau dò mật khẩu", "SSH log-on after password guessing", "high",
        "baochi-crawl01", 11 * MINUTE, 113, 9 * MINUTE, "baochi", "Thông tin báo chí", "correlation",
        {"from": GUESSERS, "user": ["baochi"], "to": ["10.20.6.21"], "port": ["22"]},
        (("host.name", "baochi-crawl01", 14),),
        [f"Failed password for baochi from {a} port {51700 + i} ssh2" for i, a in enumerate(GUESSERS)]
        + ["Accepted password for baochi from 203.0.113.77 port 51712 ssh2"],
        ("attack.t1110", "attack.credential_access"),
    ),
    Told(
        "kydai-sudo-first", "sudo sang root lần đầu của tài khoản", "First sudo to root of an account", "high",
        "baochi-crawl01", 10 * MINUTE, 1, 0, "baochi", "Thông tin báo chí", "rule",
        {"user": ["baochi"], "command": ["/usr/bin/bash"]}, (("process.command_line", "/usr/bin/bash", 21),),
        ["baochi : TTY=pts/0 ; PWD=/home/baochi ; USER=root ; COMMAND=/usr/bin/bash"], ("attack.t1548",),
    ),
    Told(
        "kydai-cron-new", "Lịch chạy mới trong cron", "New cron schedule", "medium", "baochi-crawl01", 9 * MINUTE, 1,
        0, "root", "Thông tin báo chí", "rule", {"file": ["/etc/cron.d/.sys"]}, (("file.path", "/etc/cron.d/.sys", 18),),
        ["(root) RELOAD (crontabs/root) /etc/cron.d/.sys"], ("attack.t1053",),
    ),
    Told(
        "kydai-miner", "Kết nối tới máy chủ đào tiền ảo", "Connection to a mining pool", "high", "baochi-crawl01",
        8 * MINUTE, 3, 2 * MINUTE, "", "Thông tin báo chí", "rule",
        {"from": ["10.20.6.21"], "to": ["203.0.113.9"], "port": ["3333"]}, (("destination.port", 3333, 16),),
        ["TCP 10.20.6.21:40112 → 203.0.113.9:3333 14 KB"], ("attack.t1496",),
    ),
    Told(
        "kydai-shadow-delete", "Xóa bản sao bóng ổ đĩa và danh mục sao lưu", "Shadow copies and backup catalogue deleted",
        "critical", "backup01", 6 * HOUR, 3, 7 * MINUTE, "quantri.tt", "Hạ tầng Trung tâm dữ liệu tỉnh", "rule",
        {"user": ["quantri.tt"], "command": ["vssadmin delete shadows /all /quiet", "wbadmin delete catalog -quiet"]},
        (("process.command_line", "vssadmin delete shadows /all /quiet", 23),),
        ["Process Create: vssadmin delete shadows /all /quiet (BACHVAN\\quantri.tt)"], ("attack.t1490",),
    ),
    Told(
        "kydai-web-shell-child", "Tiến trình con của máy chủ web chạy shell", "Web server started a shell", "high",
        "cong-web01", 4 * HOUR, 4, 19 * MINUTE, "IIS APPPOOL\\cong", "Cổng thông tin điện tử tỉnh", "rule",
        {"user": ["IIS APPPOOL\\cong"], "command": ["cmd.exe /c whoami & net user"]},
        (("process.parent.name", "w3wp.exe", 19), ("process.name", "cmd.exe", 22)),
        ["Process Create: cmd.exe /c whoami & net user (parent w3wp.exe)"], ("attack.t1505.003",),
    ),
    Told(
        "kydai-data-out", "Dữ liệu ra ngoài vượt mức thường ngày", "More data out than usual", "high", "csdl-db01",
        3 * HOUR, 1, 0, "", "Cơ sở dữ liệu dùng chung của tỉnh", "rule",
        {"from": ["10.20.5.11"], "to": ["198.51.100.200"]}, (("network.bytes", 3_435_973_836, 12),),
        ["TCP 10.20.5.11:51520 → 198.51.100.200:443 3,2 GB"], ("attack.t1041",),
    ),
    Told(
        "kydai-service-failing", "Tài khoản dịch vụ sai mật khẩu đều đặn", "Service account fails regularly", "medium",
        "dc01", 40 * MINUTE, 144, 6 * HOUR, "svc.quet", "Hạ tầng Trung tâm dữ liệu tỉnh", "rule",
        {"user": ["svc.quet"], "from": ["10.20.16.99"]}, (("event.code", "4625", 12),),
        ["An account failed to log on: svc.quet from 10.20.16.99"], ("attack.t1110",),
    ),
    Told(
        "kydai-scan", "Quét cổng trong dải nội bộ", "Port scan inside", "medium", "quet-lh01", 5 * HOUR, 18, 42 * MINUTE,
        "", "Hạ tầng Trung tâm dữ liệu tỉnh", "rule", {"from": ["10.20.16.99"]}, (("source.ip", "10.20.16.99", 9),),
        ["denied tcp 10.20.16.99 → 10.20.8.0/22, 1.012 cổng"], ("attack.t1046",),
    ),
    Told(
        "kydai-dns-new-domain", "Truy vấn DNS tới tên miền mới đăng ký", "DNS query to a new domain", "low", "pc-0031",
        70 * MINUTE, 2, 3 * MINUTE, "nvtuan", "Máy trạm cơ quan", "rule", {"domain": ["x7k2.bachvan-cdn.example"]},
        (("dns.question.name", "x7k2.bachvan-cdn.example", 10),), ["query: x7k2.bachvan-cdn.example IN TXT"], (),
    ),
    Told(
        "kydai-audit-policy", "Chính sách ghi nhật ký bị tắt", "Audit policy switched off", "medium", "csdl-db02",
        7 * HOUR, 1, 0, "postgres", "Cơ sở dữ liệu dùng chung của tỉnh", "rule",
        {"command": ["auditctl -e 0"]}, (("process.command_line", "auditctl -e 0", 15),),
        ["type=CONFIG_CHANGE op=set audit_enabled=0 old=1 auid=1001"], ("attack.t1562.002",),
    ),
    *(
        Told(
            "kydai-service-failing", "Tài khoản dịch vụ sai mật khẩu đều đặn", "Service account fails regularly",
            "medium", "dc01", days * DAY, 140, 6 * HOUR, "svc.quet", verdict="benign",
        )
        for days in range(2, 16)
    ),
    Told(
        "kydai-dns-new-domain", "Truy vấn DNS tới tên miền mới đăng ký", "DNS query to a new domain", "low", "pc-0012",
        9 * DAY, 2, 0, "nvtuan", verdict="false_positive",
    ),
)  # fmt: skip

SOURCES = (
    ("fw-ttdl", "FortiGate", "Hạ tầng Trung tâm dữ liệu tỉnh", 3, "fortinet.firewall", 17_000, 50 * MINUTE, 0),
    ("dc01", "Windows Server 2022", "Hạ tầng Trung tâm dữ liệu tỉnh", 3, "windows.security", 4_000, 0, 0),
    ("cong-web01", "IIS, Windows", "Cổng thông tin điện tử tỉnh", 2, "iis.access", 2_450, 0, 0),
    ("motcua-app01", "Tomcat, auditd", "Hệ thống thông tin giải quyết thủ tục hành chính", 3, "tomcat.access", 1_310, 0,
     -422 * SECOND),
    ("esx01", "VMware ESXi", "Hạ tầng Trung tâm dữ liệu tỉnh", 3, "system.syslog", 338, 0, 7 * HOUR),
    ("csdl-db02", "PostgreSQL, auditd", "Cơ sở dữ liệu dùng chung của tỉnh", 3, "postgresql.log", 500, 0, 0),
    ("rt-xa01", "MikroTik", "Mạng truyền số liệu chuyên dùng cấp xã", 2, "mikrotik.log", 1_870, 0, 0),
    ("baochi-crawl01", "Ubuntu 22.04", "Thông tin báo chí", 2, "system.auth", 320, 0, 0),
)  # fmt: skip


def events_of(told: Told, at: Micros, segment: str, start: int) -> list[Event]:
    """The events of an alert, each a line that it points at."""
    step = told.lasted // max(1, len(told.lines))
    made: list[Event] = []
    for i, line in enumerate(told.lines):
        stamp = iso(at - told.lasted + i * step)
        made.append(
            {
                "@timestamp": stamp,
                "event.created": stamp,
                "event.ingested": stamp,
                "event.id": f"{segment}.{start + i}.0",
                "event.dataset": "system.auth" if "assword" in line else "system.syslog",
                "event.original": line,
                "message": line,
                "host.name": told.host,
                "kydai.retention": "default",
                "kydai.source": told.host,
                "kydai.system": told.system,
                "kydai.rules": [told.rule],
            }
            | {field: value for field, value, _ in told.matched if field not in ("host.name",)}
            | ({"user.name": told.user} if told.user else {})
            | ({"source.ip": told.facts["from"][i % len(told.facts["from"])]} if "from" in told.facts else {})
        )
    return made


def alert_of(told: Told, number: int, at: Micros, ids: list[str]) -> Alert:
    entities = [["host", told.host]] + ([["user", told.user]] if told.user else [])
    entities += [["ip", a] for a in (*told.facts.get("from", ()), *told.facts.get("to", ()))]
    entities += [["domain", d] for d in told.facts.get("domain", ())] + [
        ["file", f] for f in told.facts.get("file", ())
    ]
    return Alert(
        fold_key=f"seed{number}",
        kind=told.kind,
        rule_id=told.rule,
        rule_title={"vi": told.vi, "en": told.en},
        rule_file=f"linux/sshd/{told.rule.replace('-', '_')}.yml",
        rule_line=told.matched[0][2] if told.matched else None,
        level=told.level,
        tags=list(told.tags),
        status="closed" if told.verdict else "new",
        verdict=told.verdict,
        verdict_reason="Máy quét được phép của Trung tâm" if told.verdict else "",
        first_at=at - told.lasted,
        last_at=at,
        received_at=at - told.lasted,
        created_at=at,
        updated_at=at,
        count=told.count,
        event_ids=ids,
        matched=[{"field": f, "value": v, "line": line} for f, v, line in told.matched],
        entities=entities,
        host=told.host,
        user=told.user,
        summary={k: list(v) for k, v in told.facts.items()}
        | ({"type": "temporal_ordered", "group": {"host.name": told.host}} if told.kind == "correlation" else {}),
        system=told.system,
        agency="Sở Khoa học và Công nghệ",
    )


def background(now: Micros, segment: str, start: int, number: int) -> list[Event]:
    """The noise of a working day, an event every few seconds, with text that would like to be markup."""
    hosts = ("tthc-web01", "tthc-web02", "cong-web01", "mail01", "jump01")
    made: list[Event] = []
    for i in range(number):
        at = now - 20 * SECOND - i * 40 * SECOND
        line = f'10.20.32.{i % 60 + 11} - - "GET /thu-tuc/{i % 97}?tu-khoa=đất HTTP/1.1" 200 {512 + i % 4096}'
        if i == 5:
            line = "\u202e<img src=x onerror=alert(1)> \x1b[31mđỏ\x1b[0m tên\u200bmiền"
        made.append(
            {
                "@timestamp": iso(at),
                "event.created": iso(at + SECOND),
                "event.ingested": iso(at + 2 * SECOND),
                "event.id": f"{segment}.{start + i}.0",
                "event.dataset": "nginx.access",
                "event.original": line,
                "message": line,
                "event.outcome": "failure" if i % 17 == 0 else "success",
                "host.name": hosts[i % len(hosts)],
                "http.response.status_code": 404 if i % 17 == 0 else 200,
                "kydai.retention": "default",
                "kydai.source": hosts[i % len(hosts)],
                "source.ip": f"10.20.32.{i % 60 + 11}",
            }
        )
    return made


def seed(database: Database, store: SegmentStore, now: Micros) -> None:
    """People, sources, events, alerts grouped into incidents, balances."""
    password = accounts.hash_password(PASSWORD)
    with database.write() as session:
        for name, role, full_name, scope in PEOPLE:
            user = accounts.add_user(session, CLI, name, role, now=now - DAY, full_name=full_name, scope=scope)
            user.password_hash = password
        for name, product, system, level, dataset, *_ in SOURCES:
            session.add(
                Source(name=name, keys=[f"host:{name}"], is_declared=True, product=product, system=system,
                       agency="Sở Khoa học và Công nghệ", level=level, expected=[dataset, "system.auth"]
                       if name == "csdl-db02" else [dataset], created_at=now - 30 * DAY)
            )  # fmt: skip
        session.add(
            Source(name="thedt-pay01", keys=["host:thedt-pay01"], is_declared=True, product="JSON, auditd",
                   system="Thẻ điện tử", level=3, expected=["thedt.payment"], created_at=now - 30 * DAY)
        )  # fmt: skip
    segment, events, alerts = new_ulid(now - MINUTE), [], []
    for number, told in enumerate(MORNING):
        at = now - told.ago
        made = events_of(told, at, segment, len(events))
        events += made
        alerts.append(alert_of(told, number, at, [str(e["event.id"]) for e in made]))
    events += background(now, segment, len(events), 1500)
    store.append(Batch(events))
    _ledger(database, now)
    with database.write() as session:
        session.add_all(alerts)
        session.flush()
        house = read_house(session)
        for alert in sorted(alerts, key=lambda a: a.created_at):
            group(session, alert.id, now, house)
    beat(database, now)


def _ledger(database: Database, now: Micros) -> None:
    tally, heards = Tally(), Heards()
    for name, _, _, _, dataset, hourly, silent, offset in SOURCES:
        for hour in range(26):
            at = now - silent - hour * HOUR
            count = int(hourly * (0.4 + 0.6 * (1 - abs(12 - hour) / 14)))
            unparsed = 50 if name == "rt-xa01" else 1 if name == "dc01" and hour == 3 else 0
            tally.raws(name, at, Raws.RECEIVED, count)
            tally.raws(name, at, Raws.PARSED, count - unparsed)
            tally.raws(name, at, Raws.UNPARSED, unparsed)
            tally.events(name, at, Events.MADE, count)
            tally.events(name, at, Events.STORED, count)
            for second in range(0, 3600, 600):
                heards.add(name, name, dataset, at - second * SECOND, offset)
    tally.raws("udp:10.20.31.9", now, Raws.RECEIVED, 311)
    tally.raws("udp:10.20.31.9", now, Raws.UNPARSED, 311)
    tally.events("udp:10.20.31.9", now, Events.MADE, 311)
    tally.events("udp:10.20.31.9", now, Events.STORED, 311)
    heards.add("udp:10.20.31.9", "10.20.31.9", "kydai.unparsed", now - MINUTE, None)
    with database.write() as session:
        tally.save(session)
        heards.save(session, {s[0]: None for s in SOURCES})


def beat(database: Database, now: Micros) -> None:
    """What the pipeline and the worker say every few seconds while they live."""
    with database.write() as session:
        session.merge(SpoolPosition(spool="gateway", arrival_at=now - SECOND, heartbeat_at=now, lag=1_200_000))
        session.merge(Heartbeat(name="worker", kind="worker", at=now, data={}))


@dataclass(slots=True)
class Running:
    """A served house."""

    url: str
    services: Services
    server: uvicorn.Server
    _thread: threading.Thread
    _stop: threading.Event

    def link(self, name: str) -> str:
        """A fresh sign-in link of a person without a password yet."""
        with self.services.database.write() as session:
            user = accounts.find_user(session, name)
            secret = accounts.make_link(session, CLI, user, now=self.services.clock.now(), forget_password=True)
        return f"{self.url}/sign-in#{secret}"

    def add_alert(self, **changes: Any) -> int:
        """A new alert, as the pipeline would write it now."""
        now = self.services.clock.now()
        told = Told("kydai-new", "Tài khoản quản trị mới được tạo", "New admin account", "critical", "dc02", 0)
        row = alert_of(told, now, now, [])
        for name, value in changes.items():
            setattr(row, name, value)
        with self.services.database.write() as session:
            session.add(row)
            session.flush()
            return row.id

    def stop_serving(self) -> None:
        """Stop as a killed process would: the port refuses from now on."""
        self.server.force_exit = True
        self.server.should_exit = True
        self._thread.join(10)

    def close(self) -> None:
        self._stop.set()
        self.stop_serving()


@contextmanager
def served(folder: Path, *, is_demo: bool = True, port: int = 0) -> Iterator[Running]:
    """Serve a seeded house on loopback until left."""
    clock = SystemClock()
    database = open_database(sqlite_url(folder))
    migrate(database)
    store = SegmentStore(folder / "store", clock)
    seed(database, store, clock.now())
    sock = socket.socket()
    sock.bind(("127.0.0.1", port))
    services = Services(
        database, store, clock, base_url=f"http://127.0.0.1:{sock.getsockname()[1]}", is_demo=is_demo,
        data_folder=folder, console_folder=DIST, version="0.1.0",
    )  # fmt: skip
    config = uvicorn.Config(
        create_app(services), log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=1
    )
    server, stop = uvicorn.Server(config), threading.Event()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)

    def keep_beating() -> None:
        while not stop.wait(2):
            beat(database, clock.now())

    pulse = threading.Thread(target=keep_beating, daemon=True)
    thread.start()
    pulse.start()
    running = Running(services.base_url, services, server, thread, stop)
    try:
        yield running
    finally:
        running.close()
        pulse.join(10)
        store.close()
        database.close()
        sock.close()
