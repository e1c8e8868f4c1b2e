"""Configurations for what sends to us: complete, filled in, and true: rsyslog runs, the shapes are parsed."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
import yaml
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

from api.intake import read_lines
from collectors.parser import ParserSet
from collectors.receivers.syslog import Outlet, SyslogReceiver
from core.clock import SystemClock, to_micros
from core.errors import BadInput, NotFound
from core.event import Event, Frame
from core.spool import GroupCommit, Position, Spool, SpoolReader
from kydai.settings import Settings
from kydai.source_config import Server, configuration, products, server_of, takes_token
from tests.collectors.parsers.test_windows import FLUENT_BIT, LOGON_DATA, NXLOG, WINLOGBEAT
from tests.core.words.test_words import WRONG
from tests.services import program
from tests.services.syslog_ng import syslog_ng

PARSERS = ParserSet.load()
CREATED = to_micros("2026-11-25T01:26:00Z")
SERVER = Server("10.20.1.50", 5514, 2055, 8470, secure=True)
WANTED = {
    "cisco-ios", "esxi", "fluent-bit-windows", "fortigate", "huawei", "iis", "mikrotik", "nginx", "nxlog", "pfsense",
    "postgresql", "rsyslog", "softflowd", "syslog-ng", "winlogbeat",
}  # fmt: skip


def parsed(raw: str | dict[str, Any], parser: str) -> Event:
    text = raw if isinstance(raw, str) else orjson.dumps(raw).decode()
    found = PARSERS.parse(Frame("tcp:192.0.2.1", CREATED, text.encode()), zone="Asia/Ho_Chi_Minh")
    assert found.parser == parser, found.why
    return found.events[0]


def test_what_there_is() -> None:
    assert set(products()) >= WANTED


@pytest.mark.parametrize("product", products())
def test_every_text_is_filled_in_and_says_the_same_in_both_languages(product: str) -> None:
    texts = {lang: configuration(product, SERVER, lang) for lang in ("vi", "en")}
    for text in texts.values():
        assert not re.search(r"@[A-Z_]+@|^(vi|en)\|", text, re.M)
        assert "10.20.1.50" in text
        assert "\t" not in text
    bare = {
        lang: [n for n in text.splitlines() if not n.lstrip().startswith(("#", "!"))] for lang, text in texts.items()
    }
    assert bare["vi"] == bare["en"], "comments differ between languages, the configuration does not"
    assert texts["vi"] != texts["en"]
    assert not [wrong for wrong in WRONG if wrong in texts["vi"].lower()]


def test_ports_and_addresses_come_from_the_settings() -> None:
    settings = Settings.model_validate(
        {"syslog": {"address": "10.20.1.50", "port": 15514}, "http": {"address": "10.20.1.50", "port": 9000}}
    )
    server = server_of(settings, None)
    assert (server.address, server.syslog, server.netflow, server.http) == ("10.20.1.50", 15514, 2055, 9000)
    assert 'port="15514"' in configuration("rsyslog", server, "en")
    assert "https://10.20.1.50:9000/" in configuration("winlogbeat", server, "en")
    assert server_of(Settings(), None, "https://10.20.1.60:8470").address == "10.20.1.60", "as kydai up --listen said"
    assert server_of(settings, "siem.example.vn").address == "siem.example.vn"
    here = server_of(Settings(), None, "http://127.0.0.1:8470")
    assert (here.address, here.secure) == ("127.0.0.1", False)
    assert "[2001:db8::5]:2055" in configuration("softflowd", server_of(settings, "2001:db8::5"), "en")


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "", 'x" action(', "a b", "máy"])
def test_an_address_that_cannot_be_sent_to_is_refused(address: str) -> None:
    with pytest.raises(BadInput):
        server_of(Settings(), address)


def test_a_wrong_product_lists_those_there_are() -> None:
    with pytest.raises(NotFound, match="rsyslog"):
        configuration("../settings", SERVER, "en")


# --- the shapes that they produce -------------------------------------------------------------------------


def shipped(document: dict[str, Any]) -> Event:
    """As HTTP intake hands it on."""
    lines, rejects = read_lines(orjson.dumps(document))
    assert not rejects
    return parsed(lines[0].data.decode(), "windows")


LOGSTASH: dict[str, Any] = WINLOGBEAT | {
    "@version": "1", "tags": ["beats_input_codec_plain_applied"],
    "event": {**cast(dict[str, Any], WINLOGBEAT["event"]), "original": WINLOGBEAT["message"]},
}  # fmt: skip


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(lambda: parsed(NXLOG, "windows"), id="nxlog: to_json over TCP"),
        pytest.param(lambda: shipped(FLUENT_BIT), id="fluent bit: winevtlog over HTTP"),
        pytest.param(lambda: shipped(LOGSTASH), id="winlogbeat: through Logstash over HTTP"),
    ],
)
def test_windows_shapes(made: Any) -> None:
    event = made()
    assert event["event.code"] == "4624"
    assert event["winlog.channel"] == "Security"
    assert event["host.name"] == "dc01.bachvan.example"
    assert event["winlog.event_data.TargetUserName"] == LOGON_DATA["TargetUserName"]
    assert event["@timestamp"].startswith("2026-11-25T01:25:59")


def test_fortigate_counted_over_tcp() -> None:
    event = parsed(
        '<189>date=2026-11-25 time=08:26:00 devname="fw-ttdl" devid="FG100FTK20001234" eventtime=1795544760123456789 '
        'tz="+0700" logid="0000000013" type="traffic" subtype="forward" level="notice" vd="root" srcip=10.20.5.31 '
        'srcport=51234 dstip=192.0.2.80 dstport=443 proto=6 action="close" policyid=12 service="HTTPS"',
        "fortigate",
    )
    assert (event["host.name"], event["source.ip"], event["destination.port"]) == ("fw-ttdl", "10.20.5.31", 443)


def test_cisco_with_sequence_number_name_and_year() -> None:
    event = parsed(
        "<188>000123: sw-core01: Nov 25 2026 08:25:59.123: %SEC_LOGIN-4-LOGIN_FAILED: Login failed [user: admin] "
        "[Source: 10.20.8.9] [localport: 22] [Reason: Login Authentication Failed] at 08:25:59 ICT Wed Nov 25 2026",
        "cisco_ios",
    )
    assert event["host.name"] == "sw-core01"
    assert event["@timestamp"] == "2026-11-25T01:25:59.123000Z"
    assert (event["user.name"], event["source.ip"]) == ("admin", "10.20.8.9")


def test_nginx_over_its_own_syslog() -> None:
    access = parsed(
        '<190>Nov 25 08:25:59 web01 nginx: 203.0.113.9 - - [25/Nov/2026:08:25:59 +0700] "GET /a?b=1 HTTP/1.1" 404 12 '
        '"-" "curl/8.5.0"',
        "nginx",
    )
    assert (access["host.name"], access["source.ip"]) == ("web01", "203.0.113.9")
    error = parsed(
        '<187>Nov 25 08:25:59 web01 nginx: 2026/11/25 08:25:59 [error] 77#77: *1 open() "/x" failed (2: No such file), '
        'client: 203.0.113.9, server: a, request: "GET /x HTTP/1.1", host: "a"',
        "nginx",
    )
    assert error["event.dataset"] == "nginx.error"


def test_postgresql_through_rsyslog() -> None:
    event = parsed(
        "<129>1 2026-11-25T08:25:59.200000+07:00 db01 postgres 77 - - 2026-11-25 08:25:59.123 +07 [77] "
        'user=app,db=csdl,app=[unknown],client=10.20.7.4 FATAL:  password authentication failed for user "app"',
        "postgresql",
    )
    assert (event["host.name"], event["user.name"], event["source.ip"]) == ("db01", "app", "10.20.7.4")
    assert event["event.outcome"] == "failure"
    assert event["@timestamp"] == "2026-11-25T01:25:59.123000Z"


def test_mikrotik_in_bsd_form() -> None:
    event = parsed(
        "<190>Nov 25 08:25:59 gw system,error,critical login failure for user admin from 203.0.113.9 via ssh",
        "mikrotik",
    )
    assert (event["host.name"], event["user.name"], event["source.ip"]) == ("gw", "admin", "203.0.113.9")


def test_huawei_with_the_day_before_the_time() -> None:
    event = parsed(
        "<188>Nov 25 2026 08:25:59 sw-core02 %%01SSH/4/SSH_FAIL(s)[12]:Failed to login through SSH. (IP=192.0.2.7, "
        "VpnInstanceName= , UserName=admin, Times=3, FailedReason=User public key authentication failed)",
        "huawei",
    )
    assert (event["host.name"], event["user.name"], event["source.ip"]) == ("sw-core02", "admin", "192.0.2.7")
    assert event["@timestamp"] == "2026-11-25T01:25:59.000000Z"


def test_esxi_in_utc() -> None:
    event = parsed(
        "<166>2026-11-25T01:25:59.123Z esx01 Hostd: warning hostd[2099313] [Originator@6876 sub=Default opID=1 "
        "user=vpxuser] Rejected password for user root from 192.0.2.7",
        "esxi",
    )
    assert (event["event.outcome"], event["@timestamp"]) == ("failure", "2026-11-25T01:25:59.123000Z")


def test_pfsense_in_rfc_5424() -> None:
    event = parsed(
        "<134>1 2026-11-25T08:25:59.270685+07:00 fw.example filterlog 92653 - - 6,,,1000102434,em0,match,block,in,4,"
        "0x0,,64,0,0,DF,6,tcp,40,192.0.2.7,10.0.2.2,53742,22,0,S,3617062173,,65535,,",
        "pfsense",
    )
    assert (event["source.ip"], event["event.action"]) == ("192.0.2.7", "block")
    assert event["@timestamp"] == "2026-11-25T01:25:59.270685Z"


def test_iis_by_lines_of_its_file() -> None:
    event = parsed(
        "2026-11-25 01:25:59 10.20.5.20 GET /dvc/index.aspx id=1 443 - 203.0.113.9 Mozilla/5.0 - 404 0 2 15", "iis"
    )
    assert (event["source.ip"], event["http.response.status_code"]) == ("203.0.113.9", 404)
    assert event["@timestamp"] == "2026-11-25T01:25:59.000000Z"


def test_each_door_has_its_own_address_and_port() -> None:
    settings = Settings.model_validate(
        {
            "syslog": {"address": "10.20.1.50", "udp_address": "10.20.1.51", "udp_port": 514, "tcp_port": 601},
            "netflow": {"address": "10.20.1.52", "port": 9995},
            "intake": {"address": "10.20.1.53", "port": 9443},
        }
    )
    server = server_of(settings, None)
    cisco = configuration("cisco-ios", server, "en")
    assert "logging host 10.20.1.51 transport udp port 514" in cisco
    assert "destination 10.20.1.52\n transport udp 9995" in cisco
    assert 'target="10.20.1.50" port="601"' in configuration("rsyslog", server, "en")
    assert "https://10.20.1.53:9443/" in configuration("winlogbeat", server, "en")
    assert "10.20.9.9" in configuration("cisco-ios", server_of(settings, "10.20.9.9"), "en")


def test_token_and_certificate_are_filled_in(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data": tmp_path, "http": {"address": "10.20.1.50"}})
    assert "kydai tls show" in configuration("fluent-bit-windows", server_of(settings, None), "en")
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    for product in ("fluent-bit-windows", "winlogbeat"):
        assert takes_token(product)
        text = configuration(product, server_of(settings, None), "vi", "kydai_7_x")
        assert "Bearer kydai_7_x" in text
        assert text.endswith("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    assert not takes_token("rsyslog")


def test_the_windows_part_of_winlogbeat_is_yaml() -> None:
    text = configuration("winlogbeat", SERVER, "en").partition("# 2.")[0]
    assert "Security" in [e["name"] for e in yaml.safe_load(text)["winlogbeat.event_logs"]]


# --- for real ---------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


SSH = "<38>Nov 25 08:26:00 web01 sshd[7]: Failed password for root from 203.0.113.5 port 4022 ssh2"


def first_line(folder: Path, start: Callable[[int], subprocess.Popen[bytes]], send: Callable[[], None]) -> Frame:
    """The first frame that a daemon hands on of what ``send`` gives it; ``start`` is given our TCP port."""

    async def story() -> Frame:
        spool = Spool(folder / "spool", SystemClock(), reserve_bytes=0)
        commit = GroupCommit(spool)
        receiver = SyslogReceiver(Outlet(commit.submit, SystemClock(), asyncio.get_running_loop()), limit=1 << 20)
        await receiver.start("127.0.0.1", 0)
        daemon = start(receiver.port)
        try:
            for _ in range(200):  # its socket is not there at once
                send()
                await asyncio.sleep(0.1)
                found = SpoolReader(folder / "spool").read(Position()).frames
                if found:
                    return found[0].frame
                assert daemon.poll() is None, daemon.stderr.read() if daemon.stderr else ""
            raise AssertionError("nothing arrived in 20 seconds")
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.communicate(timeout=30)
            await receiver.stop()
            commit.close()
            spool.close()

    return asyncio.run(story())


def is_the_sign_in(frame: Frame, host: str = "web01") -> None:
    assert frame.source == "tcp:127.0.0.1"
    found = PARSERS.parse(frame, zone="Asia/Ho_Chi_Minh")
    (event,) = found.events
    assert found.parser == "linux_auth"
    assert (event["host.name"], event["source.ip"], event["event.outcome"]) == (host, "203.0.113.5", "failure")


@pytest.mark.service
def test_rsyslog_runs_with_it_and_its_lines_arrive(tmp_path: Path) -> None:
    rsyslogd, port = program("rsyslogd"), free_port()

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.sendto(SSH.encode(), ("127.0.0.1", port))

    def start(ours: int) -> subprocess.Popen[bytes]:
        config = tmp_path / "rsyslog.conf"
        server = Server("127.0.0.1", ours, 2055, 8470, secure=False)
        config.write_text(
            f'global(workDirectory="{tmp_path}")\nmodule(load="imudp")\n'
            f'input(type="imudp" address="127.0.0.1" port="{port}")\n' + configuration("rsyslog", server, "vi")
        )
        checked = subprocess.run([rsyslogd, "-N1", "-f", config], capture_output=True, text=True, timeout=30)
        assert checked.returncode == 0, checked.stderr
        return subprocess.Popen(
            [rsyslogd, "-n", "-f", config, "-i", tmp_path / "pid"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    is_the_sign_in(first_line(tmp_path, start, send))


@pytest.mark.service
def test_syslog_ng_runs_with_it_and_its_lines_arrive(tmp_path: Path) -> None:
    found = syslog_ng()
    version = re.search(r"^syslog-ng \d+ \((\d+\.\d+)", found.run("--version"), re.M)
    assert version

    def send() -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock, suppress(OSError):
            sock.sendto(SSH.replace("web01 ", "").encode(), str(tmp_path / "log"))  # as syslog(3) writes it

    def start(ours: int) -> subprocess.Popen[bytes]:
        config = tmp_path / "syslog-ng.conf"
        server = Server("127.0.0.1", ours, 2055, 8470, secure=False)
        config.write_text(
            f'@version: {version[1]}\nsource s_src {{ unix-dgram("{tmp_path / "log"}"); }};\n'
            + configuration("syslog-ng", server, "vi").replace("disk-buffer(", f'disk-buffer(dir("{tmp_path}") ')
        )
        options = [f"--{name}={tmp_path / name}" for name in ("persist-file", "pidfile", "control")]
        found.run("--syntax-only", f"--cfgfile={config}", *options)
        return found.start("--foreground", f"--cfgfile={config}", *options)

    frame = first_line(tmp_path, start, send)
    is_the_sign_in(frame, socket.gethostname().partition(".")[0])
    assert b"sequenceId=" in frame.data, "what is lost on the way is known by it"


@pytest.mark.service
def test_softflowd_exports_with_these_options(tmp_path: Path) -> None:
    softflowd = program("softflowd")
    wrpcap(
        str(tmp_path / "one.pcap"),
        [Ether() / IP(src="192.0.2.7", dst="10.20.1.10") / UDP(sport=4022, dport=53) / b"x"],
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(10)
        server = Server("127.0.0.1", 5514, sock.getsockname()[1], 8470, secure=False)
        options = re.search("^options='(.*)'$", configuration("softflowd", server, "en"), re.M)
        assert options
        # softflowd 1.1.0 waits for ever on a capture that is named with a slash
        place = ["-d", "-r", "one.pcap", "-p", "pid", "-c", "control"]
        subprocess.run(
            [softflowd, *place, *options[1].split()], cwd=tmp_path, check=True, capture_output=True, timeout=30
        )
        datagram = sock.recv(65_535)
    assert datagram[:2] == b"\x00\x09", "NetFlow v9"
    assert bytes([192, 0, 2, 7]) in datagram
