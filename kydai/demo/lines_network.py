"""Lines of network devices and consoles as they send them: FortiGate, MikroTik, Cisco IOS, Huawei VRP, CEF."""

from __future__ import annotations

from core.clock import Micros
from kydai.demo.emission import Emission
from kydai.demo.voice import LOCAL0_INFO, LOCAL7_NOTICE, bare, local, millis, seconds, syslog
from kydai.demo.world import Host

DEVICE_ID = "FG2H1ETB00000001"


def fortigate(host: Host, at: Micros, fields: dict[str, object], story: str | None = None) -> Emission:
    """FortiOS 7 key=value: texts quoted, numbers and addresses not, as ``config log syslogd`` sends it by default."""
    shown = host.clock(at)
    second = seconds(shown)
    head: dict[str, object] = {
        "date": local(second, host.spoken_zone, "%Y-%m-%d"),
        "time": local(second, host.spoken_zone, "%H:%M:%S"),
        "devname": "FW-TTDL",
        "devid": DEVICE_ID,
        "eventtime": shown * 1000,
        "tz": "+0700",
    }
    pairs = [f"{k}={_value(k, v)}" for k, v in {**head, **fields}.items()]
    return bare(host, at, " ".join(pairs), pri=LOCAL7_NOTICE, story=story)


_BARE = frozenset(
    {
        "date",
        "time",
        "srcip",
        "dstip",
        "srcport",
        "dstport",
        "proto",
        "sessionid",
        "policyid",
        "duration",
        "sentbyte",
        "rcvdbyte",
        "sentpkt",
        "rcvdpkt",
        "transip",
        "transport",
        "remip",
        "tunnelip",
        "tunnelid",
    }
)


def _value(key: str, value: object) -> str:
    return str(value) if key in _BARE or isinstance(value, int) else f'"{value}"'


def fortigate_traffic(
    host: Host,
    at: Micros,
    *,
    src: str,
    sport: int,
    dst: str,
    dport: int,
    proto: int,
    session: int,
    action: str,
    policy: tuple[int, str],
    service: str,
    sent: int,
    received: int,
    duration: int,
    zones: tuple[str, str],
    nat: str = "",
    app: str = "",
    level: str = "notice",
    story: str | None = None,
) -> Emission:
    """A forward traffic log (logid 0000000013). ``zones`` are the source's and the destination's interfaces;
    ``sent`` and ``received`` are bytes, ``duration`` seconds."""
    source, target = zones
    fields: dict[str, object] = {
        "logid": "0000000013",
        "type": "traffic",
        "subtype": "forward",
        "level": level,
        "vd": "root",
        "srcip": src,
        "srcport": sport,
        "srcintf": source,
        "srcintfrole": _role(source),
        "dstip": dst,
        "dstport": dport,
        "dstintf": target,
        "dstintfrole": _role(target),
        "srccountry": "Reserved",
        "dstcountry": "Reserved",
        "sessionid": session,
        "proto": proto,
        "action": action,
        "policyid": policy[0],
        "policytype": "policy",
        "policyname": policy[1],
        "service": service,
        "trandisp": "snat" if nat else "noop",
    }
    if nat:
        fields |= {"transip": nat, "transport": sport}
    if app:
        fields |= {"app": app}
    fields |= {
        "duration": duration,
        "sentbyte": sent,
        "rcvdbyte": received,
        "sentpkt": max(1, sent // 900),
        "rcvdpkt": received // 900,
        "appcat": "unscanned",
    }
    return fortigate(host, at, fields, story)


def _role(interface: str) -> str:
    return {"wan1": "wan", "dmz": "dmz"}.get(interface, "lan")


def fortigate_vpn(
    host: Host,
    at: Micros,
    *,
    action: str,
    user: str,
    remote: str,
    tunnel_ip: str,
    reason: str = "N/A",
    tunnel_id: int = 0,
    level: str = "information",
    country: str = "",
    story: str | None = None,
) -> Emission:
    """SSL VPN events: tunnel-up (0101039424), tunnel-down (0101039425), ssl-login-fail (0101039426). ``country`` is
    where the device places ``remote``, when it says so."""
    ids = {
        "tunnel-up": ("0101039424", "SSL VPN tunnel up", "SSL tunnel established"),
        "tunnel-down": ("0101039425", "SSL VPN tunnel down", "SSL tunnel shutdown"),
        "ssl-login-fail": ("0101039426", "SSL VPN login fail", "SSL user failed to logged in"),
    }
    log_id, description, message = ids[action]
    fields: dict[str, object] = {
        "logid": log_id,
        "type": "event",
        "subtype": "vpn",
        "level": level,
        "vd": "root",
        "logdesc": description,
        "action": action,
        "tunneltype": "ssl-tunnel" if action != "ssl-login-fail" else "ssl-web",
        "tunnelid": tunnel_id,
        "remip": remote,
        "user": user,
        "group": "VPN-QuanTri" if user.startswith("adm.") else "VPN-CanBo",
    }
    if tunnel_ip:
        fields["tunnelip"] = tunnel_ip
    if country:
        fields["srccountry"] = country
    fields |= {"dst_host": "N/A", "reason": reason, "msg": message}
    return fortigate(host, at, fields, story)


def fortigate_admin(
    host: Host, at: Micros, *, user: str, source: str, good: bool, story: str | None = None
) -> Emission:
    """An administrator's log-on to the device (0100032001, 0100032002)."""
    verb = "successfully" if good else "failed"
    return fortigate(
        host,
        at,
        {
            "logid": "0100032001" if good else "0100032002",
            "type": "event",
            "subtype": "system",
            "level": "information" if good else "alert",
            "vd": "root",
            "logdesc": "Admin login successful" if good else "Admin login failed",
            "sn": "0",
            "user": user,
            "ui": f"https({source})",
            "method": "https",
            "srcip": source,
            "dstip": host.address,
            "action": "login",
            "status": "success" if good else "failed",
            "reason": "none" if good else "passwd_invalid",
            "msg": f"Administrator {user} logged in {verb} from https({source})"
            if good
            else f"Administrator {user} login failed from https({source}) because of invalid password",
        },
        story,
    )


def mikrotik(host: Host, at: Micros, topics: str, text: str, story: str | None = None) -> Emission:
    """RouterOS with ``bsd-syslog=yes``: the topics stand where other devices have the program."""
    return _headed(host, at, f"{topics} {text}", 30, story)


def cisco(
    host: Host,
    at: Micros,
    sequence: int,
    mnemonic: str,
    text: str,
    severity: int = 5,
    story: str | None = None,
) -> Emission:
    """IOS with ``logging origin-id hostname``: ``seq: host: Mmm dd hh:mm:ss.mmm: %FAC-SEV-MNEM: text``, facility
    local7."""
    shown = host.clock(at)
    stamp = f"{local(seconds(shown), host.spoken_zone, '%b %d %H:%M:%S')}.{millis(shown):03d}"
    whole = f"{sequence}: {host.name}: {stamp}: %{mnemonic}: {text}"
    return bare(host, at, whole, pri=184 + severity, story=story)


def huawei(host: Host, at: Micros, module: str, text: str, story: str | None = None) -> Emission:
    """VRP: ``%%01MODULE/severity/MNEMONIC(l)[n]:text``."""
    return _headed(host, at, f"%%01{module}(l)[{seconds(at) % 1000}]:{text}", 189, story)


def _headed(host: Host, at: Micros, text: str, pri: int, story: str | None) -> Emission:
    # the tag's colon is part of the device's own text
    whole = syslog(host, at, "\0", text, pri=pri, story=story)
    return Emission(whole.at, whole.host, whole.transport, whole.peer, whole.data.replace(b" \0: ", b" ", 1), story)


def cef(
    host: Host,
    at: Micros,
    vendor: str,
    product: str,
    version: str,
    signature: str,
    name: str,
    severity: int,
    extension: dict[str, object],
    story: str | None = None,
) -> Emission:
    """CEF:0 behind an RFC 3164 header; ``=`` and ``\\`` escaped in values, ``|`` in the header."""
    values = " ".join(
        f"{k}={str(v).replace(chr(92), chr(92) * 2).replace('=', chr(92) + '=')}" for k, v in extension.items()
    )
    head = "|".join(part.replace("|", r"\|") for part in (vendor, product, version, signature, name))
    return _headed(host, at, f"CEF:0|{head}|{severity}|{values}", LOCAL0_INFO, story)
