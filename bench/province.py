"""Made-up traffic of a provincial data centre: five products over a day, by blocks of columns.

Shares, lengths and repetition are those of real lines: power laws of addresses, users, hosts and names, a day curve,
hashes that go with programs, and in each event what no other has (ports, sessions, GUIDs, process ids). Blocks are
made in the columns of core/store/segments_layout.py, ten times as fast as events; ``events`` gives the same as events.
Every block can be made alone, and always is the same but for the ULIDs of its hours.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from core.clock import DAY, HOUR, SECOND, iso
from core.event import Event, new_ulid
from core.query.values import to_ip
from core.store.segments_layout import ADDRESSES, PROMOTED, SCHEMA, TIMES
from core.store.segments_order import events_of

START = 1_764_000_000 * SECOND
BLOCK = 250_000
BATCH = 4_000
_PART = 25_000
"""Rows made at once: what is at hand is fast."""
NEEDLE = "mimikatz"
"""Stands in the command line of one process creation in 100,000."""

_SHARES = (0.16, 0.26, 0.18, 0.24, 0.16)
_SEED = 7
_VENDOR = {
    "chrome.exe": ("Google Chrome", "Google LLC"), "acrord32.exe": ("Adobe Acrobat Reader DC", "Adobe Inc."),
}  # fmt: skip
_PROGRAMS = (
    ("C:\\Windows\\System32\\svchost.exe", "-k netsvcs -p -s {}"),
    ("C:\\Windows\\System32\\cmd.exe", '/c "D:\\HoSo\\dongbo\\{}.bat" >nul 2>&1'),
    ("C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe", "-NoProfile -File C:\\kiemtra.ps1 -Id {}"),
    ("C:\\Windows\\System32\\conhost.exe", "0xffffffff -ForceV1 {}"),
    ("C:\\Windows\\System32\\backgroundTaskHost.exe", "-ServerName:App.AppX{}.mca"),
    ("C:\\Windows\\System32\\taskhostw.exe", "{}"),
    ("C:\\Windows\\System32\\wbem\\WmiPrvSE.exe", "-secured -Embedding {}"),
    ("C:\\Windows\\System32\\RuntimeBroker.exe", "-Embedding {}"),
    ("C:\\Windows\\System32\\dllhost.exe", "/Processid:{}"),
    ("C:\\Windows\\System32\\SearchProtocolHost.exe", "Global\\UsGthrFltPipeMssGthrPipe{} 1 -2147483646"),
    ("C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe", "--type=renderer --lang=vi --field-trial-handle={}"),
    ("C:\\Program Files\\Adobe\\Acrobat DC\\acrord32.exe", '"D:\\HoSo\\2025\\congvan-{}.pdf"'),
    ("C:\\Windows\\System32\\wevtutil.exe", "qe Security /q:{}"),
    ("C:\\Windows\\System32\\sc.exe", "query {}"),
    ("C:\\Windows\\System32\\net.exe", "use \\\\srv-{}\\hoso"),
    ("C:\\Windows\\System32\\rundll32.exe", "C:\\Windows\\System32\\inetcpl.cpl,ClearMyTracksByProcess {}"),
)  # fmt: skip
_WORDS = (
    "hoso", "dichvucong", "tracuu", "login", "api", "v1", "static", "js", "css", "images", "thutuc", "congdan",
    "thanhtoan", "ketqua", "taikhoan", "baocao", "quantri", "upload", "download", "wp-login.php", "index.php",
)  # fmt: skip

_FAMILIES = ("nguyen", "tran", "le", "pham", "hoang", "vo")
_NAMES = ("van.an", "thi.hue", "minh", "duc", "lan", "hung", "thanh", "quang", "mai", "son")

Column = Any
Columns = dict[str, Column]


def joined(*parts: Column) -> Column:
    """Texts side by side, row by row; a text stands in every row."""
    return pc.binary_join_element_wise(*parts, "")


def text(numbers: Column) -> Column:
    return pc.cast(pa.array(numbers), pa.string())


def quoted(words: Sequence[str]) -> list[str]:
    """As they stand within a text of JSON, without its quotes."""
    return [orjson.dumps(word).decode()[1:-1] for word in words]


class Pool:
    """Texts of which some are frequent and most are rare, in all the forms that are needed."""

    def __init__(self, texts: Sequence[str], *, even: float = 20) -> None:
        self.texts = list(texts)
        self.plain: Column = pa.array(self.texts, pa.string())
        self.quoted: Column = pa.array(quoted(self.texts), pa.string())
        self._even = even
        """The larger the less frequent is the most frequent."""

    def pick(self, rng: Any, count: int) -> Column:
        drawn = np.minimum(rng.pareto(0.6, count) * self._even, 1e15).astype(np.int64)
        return pa.array(drawn % len(self.texts))


class Province:
    """The data centre. ``outside`` are the addresses of senders, most frequent first."""

    def __init__(self) -> None:
        draw = random.Random(_SEED)
        self.outside = [
            f"{draw.randint(1, 223)}.{draw.randrange(256)}.{draw.randrange(256)}.{draw.randint(1, 254)}"
            for _ in range(60_000)
        ]
        inside = [f"10.1.{i // 254}.{i % 254 + 1}" for i in range(4_000)]
        self._addresses = Pool([*self.outside, *inside])
        self._digits: Column = pa.array([to_ip(address) for address in self._addresses.texts], pa.string())
        self._outside, self._inside = Pool(self.outside), Pool(inside)
        self._hosts = Pool([f"srv-{i:03d}" for i in range(600)])
        users = [f"{a}.{b}{i or ''}" for i in range(12) for a in _FAMILIES for b in _NAMES]
        self._users = Pool(["root", "admin", "oracle", "postgres", *users])
        self._agents = Pool([
            f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36"
            for version in range(90, 141)
            for system in ("Windows NT 10.0; Win64; x64", "X11; Linux x86_64", "Linux; Android 13; SM-A536E")
        ])  # fmt: skip
        self._paths = Pool(["/" + "/".join(draw.choices(_WORDS, k=draw.randint(1, 4))) for _ in range(3_000)])
        self._domains = Pool([f"{draw.getrandbits(28):x}.{zone}" for zone in ("example.vn", "cdn.example.net",
                              "thuathienhue.example.vn") for _ in range(7_000)])  # fmt: skip
        self._programs = Pool([path for path, _ in _PROGRAMS], even=3)
        self._facts = [_facts(draw, path) for path, _ in _PROGRAMS]

    def events(self, count: int) -> Iterator[list[Event]]:
        """The first of ``count`` events, and so on, by batches of 4,000."""
        fields = tuple(PROMOTED)
        for table in self.tables(count):
            shown = table.select([*SCHEMA.names[:3], *TIMES.values(), *fields, "doc"])
            for first in range(0, table.num_rows, BATCH):
                yield [event for _, event in events_of(shown.slice(first, BATCH), fields)]

    def tables(self, count: int) -> Iterator[Column]:
        for number in range(blocks_of(count)):
            yield self.table(number, count)

    def table(self, number: int, count: int) -> Column:
        """One block of columns, in order of time."""
        parts = [self._part(first, count) for first in range(number * BLOCK, min((number + 1) * BLOCK, count), _PART)]
        return pa.concat_tables(parts)

    def _part(self, first: int, count: int) -> Column:
        rng = np.random.default_rng((_SEED, first))
        rows = np.arange(first, min(first + _PART, count))
        received = START + _day(rows / count)
        ts = np.sort(received - rng.integers(0, SECOND, len(rows)))
        kinds = rng.choice(len(_SHARES), len(rows), p=_SHARES)
        makers: tuple[Callable[[Any, int, Any], Columns], ...]
        makers = (self._sshd, self._web, self._firewall, self._process, self._dns)
        parts = []
        order = []
        for kind, make in enumerate(makers):
            mine = np.flatnonzero(kinds == kind)
            if len(mine):
                parts.append(self._laid(make(rng, len(mine), ts[mine]), rows[mine], received[mine], ts[mine]))
                order.append(mine)
        return pa.concat_tables(parts).combine_chunks().take(np.argsort(np.concatenate(order)))

    def _laid(self, fields: Columns, rows: Any, received: Any, at: Any) -> Column:
        """The columns of the layout, from those of one product."""
        count = len(rows)
        fields |= {
            "event.kind": "event", "kydai.source": "Máy chủ dịch vụ công", "kydai.system": "Cổng dịch vụ công",
            "kydai.agency": "Sở Thông tin và Truyền thông", "kydai.retention": "level3", "kydai.ruleset": "5f1c2a",
        }  # fmt: skip
        hours = (received - START) // HOUR
        spools: Column = pa.array([spool_of(int(hour)) for hour in range(int(hours.max()) + 1)])
        made: Columns = {
            "segment": spools.take(pa.array(hours)), "record": pa.array(rows), "n": pa.array(np.zeros(count, np.int32)),
            "ts": pa.array(at), "created": pa.array(received), "ingested": pa.array(received + SECOND),
        }  # fmt: skip
        for name in PROMOTED:
            made[name] = _column(fields.get(name), count, SCHEMA.field(name).type)
        for name in ("kydai.source", "kydai.system", "kydai.agency"):
            made[f"{name}#fold"] = _column(_FOLDED[fields[name]], count, pa.string())
        original = fields["event.original"]
        made["event.original#fold"] = pc.if_else(pc.string_is_ascii(original), None, pc.utf8_lower(original))
        for name in ADDRESSES:
            if name in fields:
                made[f"{name}#ip"] = self._digits.take(pc.index_in(fields[name], self._addresses.plain))
        names = ["event.id", *TIMES, *(name for name in PROMOTED if name in fields), *fields["+doc names"]]
        made["keys"] = _column(orjson.dumps(names).decode(), count, pa.string())
        if "url.query" in fields:
            without = orjson.dumps([name for name in names if name != "url.query"]).decode()
            made["keys"] = pc.if_else(pc.is_valid(fields["url.query"]), made["keys"], without)
        made["doc"] = fields["+doc"]
        return pa.table([made.get(f.name, pa.nulls(count, f.type)) for f in SCHEMA], schema=SCHEMA)

    def _sshd(self, rng: Any, count: int, at: Any) -> Columns:
        host, user = self._hosts.plain.take(self._hosts.pick(rng, count)), self._users.plain.take(
            self._users.pick(rng, count))  # fmt: skip
        ip, pid = self._outside.plain.take(self._outside.pick(rng, count)), rng.integers(300, 90_000, count)
        port, accepted = rng.integers(1024, 65536, count), pa.array(rng.random(count) < 0.3)
        what = pc.if_else(accepted, "Accepted publickey for ", "Failed password for invalid user ")
        message = joined(what, user, " from ", ip, " port ", text(port), " ssh2")
        return {
            "message": message, "event.original": joined("<38>", _clock(at), "Z ", host, " sshd[", text(pid), "]: ",
                                                         message),
            "host.name": host, "process.name": "sshd", "process.pid": pa.array(pid), "source.ip": ip,
            "source.port": pa.array(port), "user.name": user, "event.dataset": "sshd.auth",
            "event.action": "ssh_login", "event.outcome": pc.if_else(accepted, "success", "failure"),
            "event.category": ["authentication"], "event.type": ["start"], "related.ip": _lists(ip),
            "related.user": _lists(user), "kydai.parser": "linux_auth",
            **_document(count, {"ecs.version": '"9.4.0"', "log.syslog.priority": "38",
                                "log.syslog.facility.code": "4"}),
        }  # fmt: skip

    def _web(self, rng: Any, count: int, at: Any) -> Columns:
        host = self._hosts.plain.take(self._hosts.pick(rng, count))
        ip, agent = (p.plain.take(p.pick(rng, count)) for p in (self._outside, self._agents))
        size, status = rng.integers(100, 90_000, count), rng.choice((200, 200, 200, 200, 304, 404, 500), count)
        path = self._paths.plain.take(self._paths.pick(rng, count))
        asked = pa.array(rng.random(count) < 0.3)
        question = joined("ma=H", text(rng.integers(10**7, 10**8, count)), "&trang=", text(rng.integers(1, 40, count)))
        url = pc.if_else(asked, joined(path, "?", question), path)
        line = joined(ip, " - - [", _clock(at), '] "GET ', url, ' HTTP/1.1" ', text(status), " ", text(size), ' "-" "',
                      agent, '"')  # fmt: skip
        return {
            "event.original": joined("<190>", _clock(at), "Z ", host, " nginx: ", line), "host.name": host,
            "source.ip": ip, "url.original": url, "url.path": path,
            "url.query": pc.if_else(asked, question, pa.scalar(None, pa.string())), "http.request.method": "GET",
            "http.response.status_code": pa.array(status), "user_agent.original": agent,
            "event.dataset": "nginx.access", "event.category": ["web"], "event.type": ["access"],
            "related.ip": _lists(ip), "kydai.parser": "nginx",
            **_document(count, {"ecs.version": '"9.4.0"', "http.version": '"1.1"',
                                "http.response.body.bytes": text(size)}),
        }  # fmt: skip

    def _firewall(self, rng: Any, count: int, at: Any) -> Columns:
        source = self._outside.plain.take(self._outside.pick(rng, count))
        target = self._inside.plain.take(self._inside.pick(rng, count))
        port, to_port = rng.integers(1024, 65536, count), rng.choice((22, 80, 443, 443, 445, 3389), count)
        session, policy = text(rng.integers(0, 10**9, count)), text(rng.integers(0, 40, count))
        sent, got = rng.integers(40, 1 << 20, count), rng.integers(40, 1 << 22, count)
        allowed = pa.array(rng.random(count) < 0.6)
        action, nano = pc.if_else(allowed, "accept", "deny"), text(at * 1000)
        at_clock = _clock(at)
        line = joined(
            "date=", pc.utf8_slice_codeunits(at_clock, 0, 10), " time=", pc.utf8_slice_codeunits(at_clock, 11, 19),
            ' devname="FG-BIEN" devid="FG100F0000000001" eventtime=', nano, ' tz="+0700" logid="0000000013" '
            'type="traffic" subtype="forward" level="notice" vd="root" srcip=', source, " srcport=", text(port),
            ' srcintf="wan1" srcintfrole="wan" dstip=', target, " dstport=", text(to_port),
            ' dstintf="dmz" dstintfrole="dmz" sessionid=', session, ' proto=6 action="', action, '" policyid=', policy,
            ' policytype="policy" service="tcp" trandisp="noop" sentbyte=', text(sent), " rcvdbyte=", text(got),
            ' appcat="unscanned"')  # fmt: skip
        return {
            "event.original": joined("<189>", line), "observer.name": "FG-BIEN", "observer.vendor": "Fortinet",
            "source.ip": source, "source.port": pa.array(port), "source.bytes": pa.array(sent),
            "destination.ip": target, "destination.port": pa.array(to_port), "destination.bytes": pa.array(got),
            "network.transport": "tcp", "network.iana_number": "6", "event.action": action,
            "event.dataset": "fortigate.traffic", "event.category": ["network"],
            "event.type": _lists(pc.if_else(allowed, "allowed", "denied")),
            "log.level": "notice", "related.ip": _lists(source, target), "kydai.parser": "fortigate",
            **_document(count, {"ecs.version": '"9.4.0"', "fortinet.firewall.sessionid": _json(session),
                                "rule.id": _json(policy), "fortinet.firewall.eventtime": _json(nano),
                                "observer.ingress.interface.name": '"wan1"',
                                "observer.egress.interface.name": '"dmz"', "fortinet.firewall.vd": '"root"',
                                "fortinet.firewall.appcat": '"unscanned"'}),
        }  # fmt: skip

    def _process(self, rng: Any, count: int, at: Any) -> Columns:
        which, parents = self._programs.pick(rng, count), self._programs.pick(rng, count)
        images, host = self._programs.plain.take(which), self._hosts.plain.take(self._hosts.pick(rng, count))
        user, pid = self._users.plain.take(self._users.pick(rng, count)), rng.integers(4, 60_000, count)
        parent_pid = text(rng.integers(4, 60_000, count))
        argument = joined(_hex(rng, count, 6), pa.array(np.where(rng.random(count) < 1e-5, f" {NEEDLE}", "")))
        guid, parent_guid = _guids(rng, count), _guids(rng, count)
        logon = joined("0x", _hex(rng, count, 3))
        commands = Pool([f'"{path}" {arguments}' for path, arguments in _PROGRAMS])
        first, last = (_halves(commands.texts, side).take(which) for side in (0, 1))
        command = joined(first, argument, last)
        escaped = joined(_halves(commands.quoted.to_pylist(), 0).take(which), argument,
                         _halves(commands.quoted.to_pylist(), 1).take(which))  # fmt: skip
        fixed: Column = pa.array([orjson.dumps(facts).decode()[1:-1] for facts in self._facts])
        told: Column = pa.array([",".join(f'"winlog.event_data.{n}":{orjson.dumps(v).decode()}' for n, v in f.items())
                                 for f in self._facts])  # fmt: skip
        sha: Column = pa.array([f["Hashes"].rpartition("=")[2].lower() for f in self._facts])
        parent = self._programs.quoted.take(parents)
        own = {
            "UtcTime": _json(joined(_clock(at, " "), ".000")), "ProcessGuid": _json(guid),
            "ProcessId": _json(text(pid)),
            "CommandLine": _json(escaped), "CurrentDirectory": '"C:\\\\Windows\\\\system32\\\\"',
            "User": joined('"SO\\\\', user, '"'), "LogonId": _json(logon), "TerminalSessionId": '"1"',
            "IntegrityLevel": '"High"', "ParentProcessGuid": _json(parent_guid), "ParentProcessId": _json(parent_pid),
            "ParentImage": _json(parent), "ParentCommandLine": _json(parent),
        }  # fmt: skip
        original = joined(
            '{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","Computer":"', host, '","Task":"1",',
            fixed.take(which), *_members(own), "}")  # fmt: skip
        rest = {
            "ecs.version": '"9.4.0"', "process.entity_id": _json(guid), "process.hash.sha256": _json(sha.take(which)),
            "process.parent.entity_id": _json(parent_guid),
        }  # fmt: skip
        document = _document(count, rest | {f"winlog.event_data.{n}": v for n, v in own.items()})
        document["+doc"] = joined(pc.utf8_slice_codeunits(document["+doc"], 0, -1), ",", told.take(which), "}")
        document["+doc names"] += [f"winlog.event_data.{n}" for n in self._facts[0]]
        names: Column = pa.array([path.rpartition("\\")[2] for path, _ in _PROGRAMS])
        return {
            "event.original": original, "host.name": host, "winlog.channel": "Microsoft-Windows-Sysmon/Operational",
            "event.code": "1", "event.provider": "Microsoft-Windows-Sysmon", "event.dataset": "windows.sysmon",
            "event.category": ["process"], "event.type": ["start"], "process.executable": images,
            "process.name": names.take(which), "process.command_line": command, "process.pid": pa.array(pid),
            "process.parent.executable": self._programs.plain.take(parents),
            "process.parent.name": names.take(parents), "user.name": user, "user.domain": "SO",
            "related.user": _lists(user), "kydai.parser": "windows", **document,
        }  # fmt: skip

    def _dns(self, rng: Any, count: int, at: Any) -> Columns:
        name = self._domains.plain.take(self._domains.pick(rng, count))
        client = self._inside.plain.take(self._inside.pick(rng, count))
        host = self._hosts.plain.take(self._hosts.pick(rng, count))
        port = text(rng.integers(1024, 65536, count))
        message = joined("client @0x7f", _hex(rng, count, 5), " ", client, "#", port, " (", name, "): query: ", name,
                         " IN A +E(0)K (10.0.0.53)")  # fmt: skip
        return {
            "message": message, "event.original": joined("<30>", _clock(at), "Z ", host, " named[53]: ", message),
            "host.name": host, "source.ip": client, "source.port": pc.cast(port, pa.int64()),
            "dns.question.name": name, "dns.question.type": "A", "event.dataset": "bind.query",
            "event.category": ["network"], "event.type": ["protocol"], "related.ip": _lists(client),
            "kydai.parser": "bind", **_document(count, {"ecs.version": '"9.4.0"', "dns.question.class": '"IN"'}),
        }  # fmt: skip


_SPOOLS: dict[int, str] = {}
_FOLDED = {
    "Máy chủ dịch vụ công": "may chu dich vu cong", "Cổng dịch vụ công": "cong dich vu cong",
    "Sở Thông tin và Truyền thông": "so thong tin va truyen thong",
}  # fmt: skip


def spool_of(hour: int) -> str:
    """The spool segment of an hour of the day, one for this process."""
    if hour not in _SPOOLS:
        _SPOOLS[hour] = new_ulid(START + hour * HOUR)
    return _SPOOLS[hour]


def blocks_of(count: int) -> int:
    return -(-count // BLOCK)


def _day(shares: Any) -> Any:
    """When such a share of the day's events has been received: office hours bring four times as many as the night."""
    minutes = np.arange(1441)
    rate = 1 + 0.6 * np.sin((minutes / 1440 - 0.25) * 2 * np.pi)
    made = np.concatenate([[0.0], np.cumsum((rate[1:] + rate[:-1]) / 2)])
    return (np.interp(shares, made / made[-1], minutes / 1440) * (DAY - 2 * SECOND)).astype(np.int64)


def _clock(at: Any, between: str = "T") -> Column:
    """``2025-11-24T16:00:00``; a second is written once."""
    seconds, codes = np.unique(at // SECOND, return_inverse=True)
    return pa.array([iso(int(s) * SECOND)[:19].replace("T", between) for s in seconds]).take(codes)


def _hex(rng: Any, count: int, size: int) -> Column:
    """Random texts of twice ``size`` hexadecimal digits."""
    offsets = np.arange(count + 1, dtype=np.int32) * 2 * size
    digits = rng.bytes(count * size).hex().encode()
    return pa.Array.from_buffers(pa.string(), count, [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(digits)])


def _guids(rng: Any, count: int) -> Column:
    parts = (_hex(rng, count, 2), "-", _hex(rng, count, 2), "-", _hex(rng, count, 6))
    return joined("{625b42a0-", *parts, "}")


def _halves(texts: Sequence[str], side: int) -> Column:
    return pa.array([text.split("{}")[side] for text in texts], pa.string())


def _lists(*texts: Column) -> Column:
    """One list a row of what the columns hold there."""
    count, size = len(texts[0]), len(texts)
    rows = np.arange(count * size).reshape(size, count).T.reshape(-1)
    values: Column = pa.chunked_array(texts).take(rows).combine_chunks()
    offsets: Column = pa.array(np.arange(count + 1, dtype=np.int32) * size)
    return pa.ListArray.from_arrays(offsets, values)


def _json(texts: Column) -> Column:
    return joined('"', texts, '"')


def _members(values: Mapping[str, Column]) -> Iterator[Column]:
    """``,"name":value`` for each."""
    for name, value in values.items():
        yield f',"{name}":'
        yield value


def _document(count: int, values: Mapping[str, Column]) -> Columns:
    first, *rest = _members(values)
    made = joined("{" + first[1:], *rest, "}")
    if isinstance(made, pa.Scalar):  # no member differs
        made = _column(made.as_py(), count, pa.string())
    return {"+doc": made, "+doc names": list(values)}


def _column(value: Column, count: int, type_: Any) -> Column:
    if value is None:
        return pa.nulls(count, type_)
    if isinstance(value, str | list):
        repeat: Any = pa.repeat
        return repeat(pa.scalar(value, type_), count)
    return value


def _facts(draw: random.Random, path: str) -> dict[str, str]:
    """What Sysmon says of a program."""
    name = path.rpartition("\\")[2]
    product, company = _VENDOR.get(name, ("Microsoft® Windows® Operating System", "Microsoft Corporation"))
    sha1, md5, sha256, imphash = (f"{draw.getrandbits(bits):0{bits // 4}X}" for bits in (160, 128, 256, 128))
    return {
        "RuleName": "-", "Image": path, "FileVersion": f"10.0.{draw.randint(17000, 22000)}.1 (WinBuild.160101.0800)",
        "Description": f"{name[:-4]} for Windows", "Product": product, "Company": company, "OriginalFileName": name,
        "Hashes": f"SHA1={sha1},MD5={md5},IMPHASH={imphash},SHA256={sha256}",
    }  # fmt: skip
