"""What a morning in a province's data centre looks like: people, sources, and what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from core.accounts import Role
from core.clock import DAY, HOUR, MINUTE, SECOND, Micros

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


RULE_IDS = {
    "ssh": "625df790-cbea-4dbf-8769-9d49529c594a",
    "key": "66ae0d72-fd89-44b8-8e22-15224ab446a3",
    "cron": "c34b64f4-660b-47fd-9c52-e5700f384bec",
    "miner": "c922ab99-f8b1-4843-af52-284d9392674a",
    "shadow": "9e37d277-dc8f-4861-abfd-6a130eb5acef",
    "shell": "52ab7c9d-eb93-476f-afe9-9ec3bf7db1ab",
    "scan": "2f7e905a-f46a-4e91-a7c4-1886ba5e74af",
    "audit": "38f31334-32c7-45db-92f9-370fb0951c6c",
    "out": "a53aa421-1408-4cc1-91be-14199173855d",
    "failing": "10b07c03-5c21-4b14-94ad-9445f9b589fa",
    "dns": "local-dns-new-domain",
}
"""Rules of ours by a short name; one of them is not there any more."""
GUESSERS = [f"198.51.100.{n}" for n in range(141, 151)] + [f"203.0.113.{n}" for n in range(71, 81)]
MORNING = (
    Told(
        "ssh", "Đăng nhập SSH thành công sau dò mật khẩu", "SSH log-on after password guessing", "high",
        "baochi-crawl01", 11 * MINUTE, 113, 9 * MINUTE, "baochi", "Thông tin báo chí", "correlation",
        {"from": GUESSERS, "user": ["baochi"], "to": ["10.20.6.21"], "port": ["22"]},
        (("host.name", "baochi-crawl01", 14),),
        [f"Failed password for baochi from {a} port {51700 + i} ssh2" for i, a in enumerate(GUESSERS)]
        + ["Accepted password for baochi from 203.0.113.77 port 51712 ssh2"],
        ("attack.t1110", "attack.credential_access"),
    ),
    Told(
        "key", "Đăng nhập SSH bằng khóa của người khác", "SSH log-on with the key of another", "high",
        "baochi-crawl01", 10 * MINUTE, 1, 0, "baochi", "Thông tin báo chí", "rule",
        {"user": ["baochi"], "command": ["ssh -i /root/.ssh/id_ed25519 jump01"]},
        (("process.command_line", "ssh -i /root/.ssh/id_ed25519 jump01", 14),),
        ["baochi : TTY=pts/0 ; USER=root ; COMMAND=/usr/bin/ssh -i /root/.ssh/id_ed25519 jump01"], ("attack.t1548",),
    ),
    Told(
        "cron", "Lịch chạy mới trong cron", "New cron schedule", "medium", "baochi-crawl01", 9 * MINUTE, 1,
        0, "root", "Thông tin báo chí", "rule", {"file": ["/etc/cron.d/.sys"]},
        (("file.path", "/etc/cron.d/.sys", 16),),
        ["(root) RELOAD (crontabs/root) /etc/cron.d/.sys"], ("attack.t1053",),
    ),
    Told(
        "miner", "Kết nối tới máy chủ đào tiền ảo", "Connection to a mining pool", "high", "baochi-crawl01",
        8 * MINUTE, 3, 2 * MINUTE, "", "Thông tin báo chí", "rule",
        {"from": ["10.20.6.21"], "to": ["203.0.113.9"], "port": ["3333"]}, (("destination.port", 3333, 15),),
        ["TCP 10.20.6.21:40112 → 203.0.113.9:3333 14 KB"], ("attack.t1496",),
    ),
    Told(
        "shadow", "Xóa bản sao bóng ổ đĩa và danh mục sao lưu",
        "Shadow copies and backup catalogue deleted",
        "critical", "backup01", 6 * HOUR, 3, 7 * MINUTE, "quantri.tt", "Hạ tầng Trung tâm dữ liệu tỉnh", "rule",
        {"user": ["quantri.tt"], "command": ["vssadmin delete shadows /all /quiet", "wbadmin delete catalog -quiet"]},
        (("process.command_line", "vssadmin delete shadows /all /quiet", 14),),
        ["Process Create: vssadmin delete shadows /all /quiet (BACHVAN\\quantri.tt)"], ("attack.t1490",),
    ),
    Told(
        "shell", "Tiến trình con của máy chủ web chạy shell", "Web server started a shell", "high",
        "cong-web01", 4 * HOUR, 4, 19 * MINUTE, "IIS APPPOOL\\cong", "Cổng thông tin điện tử tỉnh", "rule",
        {"user": ["IIS APPPOOL\\cong"], "command": ["cmd.exe /c whoami & net user"]},
        (("process.parent.name", "w3wp.exe", 14), ("process.name", "cmd.exe", 16)),
        ["Process Create: cmd.exe /c whoami & net user (parent w3wp.exe)"], ("attack.t1505.003",),
    ),
    Told(
        "out", "Dữ liệu ra ngoài vượt mức thường ngày", "More data out than usual", "high", "csdl-db01",
        3 * HOUR, 1, 0, "", "Cơ sở dữ liệu dùng chung của tỉnh", "rule",
        {"from": ["10.20.5.11"], "to": ["198.51.100.200"]}, (("network.bytes", 3_435_973_836, 12),),
        ["TCP 10.20.5.11:51520 → 198.51.100.200:443 3,2 GB"], ("attack.t1041",),
    ),
    Told(
        "failing", "Tài khoản dịch vụ sai mật khẩu đều đặn", "Service account fails regularly", "medium",
        "dc01", 40 * MINUTE, 144, 6 * HOUR, "svc.quet", "Hạ tầng Trung tâm dữ liệu tỉnh", "rule",
        {"user": ["svc.quet"], "from": ["10.20.16.99"]}, (("event.code", "4625", 12),),
        ["An account failed to log on: svc.quet from 10.20.16.99"], ("attack.t1110",),
    ),
    Told(
        "scan", "Quét cổng trong dải nội bộ", "Port scan inside", "medium", "quet-lh01", 5 * HOUR, 18,
        42 * MINUTE, "", "Hạ tầng Trung tâm dữ liệu tỉnh", "rule", {"from": ["10.20.16.99"]},
        (("source.ip", "10.20.16.99", 9),), ["denied tcp 10.20.16.99 → 10.20.8.0/22, 1.012 cổng"], ("attack.t1046",),
    ),
    Told(
        "dns", "Truy vấn DNS tới tên miền mới đăng ký", "DNS query to a new domain", "low", "pc-0031",
        70 * MINUTE, 2, 3 * MINUTE, "nvtuan", "Máy trạm cơ quan", "rule", {"domain": ["x7k2.bachvan-cdn.example"]},
        (("dns.question.name", "x7k2.bachvan-cdn.example", 10),), ["query: x7k2.bachvan-cdn.example IN TXT"], (),
    ),
    Told(
        "audit", "Chính sách ghi nhật ký bị tắt", "Audit policy switched off", "medium", "csdl-db02",
        7 * HOUR, 1, 0, "postgres", "Cơ sở dữ liệu dùng chung của tỉnh", "rule",
        {"command": ["auditctl -e 0"]}, (("process.command_line", "auditctl -e 0", 15),),
        ["type=CONFIG_CHANGE op=set audit_enabled=0 old=1 auid=1001"], ("attack.t1562.002",),
    ),
    *(
        Told(
            "failing", "Tài khoản dịch vụ sai mật khẩu đều đặn", "Service account fails regularly",
            "medium", "dc01", days * DAY, 140, 6 * HOUR, "svc.quet", verdict="benign",
        )
        for days in range(2, 16)
    ),
    Told(
        "dns", "Truy vấn DNS tới tên miền mới đăng ký", "DNS query to a new domain", "low", "pc-0012",
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
