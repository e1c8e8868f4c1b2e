"""Lines of network devices look like the devices' own."""

from __future__ import annotations

from core.clock import to_micros
from kydai.demo.lines_network import cef, cisco, fortigate_traffic, fortigate_vpn, huawei, mikrotik
from kydai.demo.world import load_world

AT = to_micros("2026-11-25T01:26:00.123456Z")


def test_fortigate_quotes_texts_and_not_numbers() -> None:
    line = fortigate_traffic(
        load_world().host("fw-ttdl"),
        AT,
        src="10.20.32.11",
        sport=40000,
        dst="192.0.2.9",
        dport=443,
        proto=6,
        session=7,
        action="close",
        policy=(5, "RA"),
        service="HTTPS",
        sent=10,
        received=20,
        duration=3,
        zones=("lan", "wan1"),
        nat="192.0.2.10",
    ).data.decode()
    assert line.startswith('<189>date=2026-11-25 time=08:26:00 devname="FW-TTDL" devid="')
    assert ' eventtime=1795569960123456000 tz="+0700" logid="0000000013" type="traffic" ' in line
    assert ' srcip=10.20.32.11 srcport=40000 srcintf="lan" ' in line
    assert " transip=192.0.2.10 transport=40000 " in line


def test_vpn_event() -> None:
    line = fortigate_vpn(
        load_world().host("fw-ttdl"),
        AT,
        action="tunnel-up",
        user="adm.x",
        remote="203.0.113.45",
        tunnel_ip="10.20.250.2",
    ).data
    assert b'logid="0101039424"' in line
    assert b'remip=203.0.113.45 user="adm.x" group="VPN-QuanTri" tunnelip=10.20.250.2' in line


def test_headers_of_others() -> None:
    world = load_world()
    assert (
        mikrotik(world.host("rt-xa01"), AT, "firewall,info", "x").data == b"<30>Nov 25 08:26:00 rt-xa01 firewall,info x"
    )
    assert cisco(world.host("sw-core01"), AT, 5, "SYS-5-CONFIG_I", "x").data == (
        b"<189>5: sw-core01: Nov 25 08:26:00.123: %SYS-5-CONFIG_I: x"
    )
    assert b" sw-acc01 %%01IFNET/4/LINK_STATE(l)[" in huawei(world.host("sw-acc01"), AT, "IFNET/4/LINK_STATE", "x").data


def test_cef_escapes() -> None:
    made = cef(load_world().host("av01"), AT, "V|x", "P", "1", "S", "N", 3, {"filePath": r"C:\a=b"})
    assert made.data.decode().endswith(r" av01 CEF:0|V\|x|P|1|S|N|3|filePath=C:\\a\=b")
