"""Parsers: microseconds of CPU per event, raw in, finished event out, one core.

    python -m bench.parsers [--events N]

Each line is varied so that caches meet what they would meet on a real host (times, ports, users change).
Windows events are the real traffic of data/windows when it is here.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import orjson
import zstandard

from collectors.parser import ParserSet
from core.clock import to_micros
from core.event import Frame

CREATED = to_micros("2026-11-25T01:26:00Z")
WINDOWS = Path(os.environ.get("KYDAI_DATA_SAMPLES") or Path(__file__).parents[2] / "shared" / "data")
BARS = {"RFC 3164 (header only)": 150_000, "RFC 5424 with structured data": 100_000}


def clock(n: int) -> str:
    n //= 20  # twenty events a second
    return f"{1 + n // 3600 % 23:02d}:{n // 60 % 60:02d}:{n % 60:02d}"


def sshd(r: random.Random, n: int) -> str:
    return (
        f"<38>Nov 25 {clock(n)} jump0{r.randrange(9)} sshd[{r.randrange(30000)}]: Failed password for invalid user "
        f"u{r.randrange(500)} from 192.0.2.{r.randrange(255)} port {r.randrange(60000)} ssh2"
    )


def plain(r: random.Random, n: int) -> str:
    return f"<30>Nov 25 {clock(n)} h{r.randrange(9)} smsd[{r.randrange(30000)}]: queue {r.randrange(99)} is empty"


def rfc5424(r: random.Random, n: int) -> str:
    return (
        f"<165>1 2026-11-25T{clock(n)}.{r.randrange(1000):03d}Z h{r.randrange(9)}.bachvan.example evntslog - "
        f'ID{r.randrange(99)} [exampleSDID@32473 iut="3" eventSource="Application" eventID="{r.randrange(2000)}"] '
        "An application event log entry"
    )


def nginx(r: random.Random, n: int) -> str:
    return (
        f"10.20.{r.randrange(9)}.{r.randrange(255)} - - [25/Nov/2026:{clock(n)} +0700] "
        f'"GET /dich-vu/{r.randrange(900)}.html?trang={r.randrange(20)} HTTP/1.1" 200 {r.randrange(90000)} '
        '"https://cong.example/" "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0"'
    )


def fortigate(r: random.Random, n: int) -> str:
    at = 1_795_569_960_000_000_000 + n * 1_000_000
    return (
        f'<189>date=2026-11-25 time={clock(n)} devname="fw-ttdl" devid="FG100FTK20001234" eventtime={at} tz="+0700" '
        'logid="0000000013" type="traffic" subtype="forward" level="notice" vd="root" '
        f'srcip=10.20.5.{r.randrange(255)} srcport={r.randrange(60000)} srcintf="lan" srcintfrole="lan" '
        f'dstip=192.0.2.{r.randrange(255)} dstport=443 dstintf="wan1" dstintfrole="wan" srccountry="Reserved" '
        f'dstcountry="Viet Nam" sessionid={r.randrange(10**7)} proto=6 action="close" policyid=12 policytype="policy" '
        'policyname="Ra Internet" service="HTTPS" trandisp="snat" transip=198.51.100.2 '
        f"transport={r.randrange(60000)} duration={r.randrange(99)} sentbyte={r.randrange(10**6)} "
        f'rcvdbyte={r.randrange(10**6)} sentpkt={r.randrange(99)} rcvdpkt={r.randrange(99)} appcat="unscanned"'
    )


def auditd(r: random.Random, n: int) -> str:
    head = f"msg=audit({1_795_569_960 + n}.123:{n})"
    return (
        f"type=SYSCALL {head}: arch=c000003e syscall=59 success=yes exit=0 a0=55d0 a1=55d1 items=2 ppid=812 "
        f'pid={r.randrange(30000)} auid=1001 uid=0 gid=0 euid=0 tty=pts0 ses=31 comm="bash" exe="/usr/bin/bash" '
        f'key="exec"\ntype=EXECVE {head}: argc=2 a0="bash" a1="-c"\ntype=CWD {head}: cwd="/root"\n'
        f'type=PATH {head}: item=0 name="/usr/bin/bash" inode=1 nametype=NORMAL'
    )


def windows(count: int) -> list[bytes]:
    path = WINDOWS / "windows" / "otrf-100k.jsonl.zst"
    if not path.exists():
        print(f"no Windows events at {path} (set KYDAI_DATA_SAMPLES); left out")
        return []
    with path.open("rb") as file:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
        return [line.rstrip("\n").encode() for _, line in zip(range(count), lines, strict=False)]


def measure(parsers: ParserSet, raws: Sequence[bytes]) -> tuple[float, int]:
    """Best of three: microseconds per event, and how many were left unparsed."""
    frames = [Frame("tcp:192.0.2.1", CREATED, raw) for raw in raws]
    best = float("inf")
    unparsed = 0
    for _ in range(3):
        began = time.process_time()
        unparsed = 0
        for frame in frames:
            unparsed += parsers.parse(frame, zone="Asia/Ho_Chi_Minh").unparsed
        best = min(best, time.process_time() - began)
    return best / len(frames) * 1e6, unparsed


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--events", type=int, default=20_000)
    count = arguments.parse_args().events
    parsers = ParserSet.load()
    makers: dict[str, Callable[[random.Random, int], str]] = {
        "RFC 3164 (header only)": plain,
        "RFC 5424 with structured data": rfc5424,
        "sshd": sshd,
        "nginx": nginx,
        "FortiGate": fortigate,
        "auditd, 4 records": auditd,
    }
    print(f"{'':32}{'µs/event':>10}{'events/s':>12}{'bar':>12}")
    for name, maker in makers.items():
        r = random.Random(7)
        cost, unparsed = measure(parsers, [maker(r, n).encode() for n in range(count)])
        bar = f"{BARS[name]:>12,}" if name in BARS else f"{'–':>12}"
        print(f"{name:32}{cost:10.1f}{1e6 / cost:12,.0f}{bar}" + (f"  {unparsed} unparsed" if unparsed else ""))
    events = windows(count)
    if events:
        began = time.process_time()
        for raw in events:
            orjson.loads(raw)
        decoding = (time.process_time() - began) / len(events) * 1e6
        cost, unparsed = measure(parsers, events)
        print(f"{'Windows JSON (OTRF, flat)':32}{cost:10.1f}{1e6 / cost:12,.0f}{'–':>12}  {unparsed} unparsed")
        print(f"{'  of which decoding JSON':32}{decoding:10.1f}")


if __name__ == "__main__":
    main()
