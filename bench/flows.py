"""Flows: decode to the ECS table, socket to columns, and scapy beside them. Run: python bench/flows.py [SECONDS]

Bars: decode to the table >= 1 M flows/s a core; socket to columns >= 1.5 M flows/s a core; nothing lost at
20,000 datagrams/s. Rates are per second of CPU of this process. ``same``: one datagram again and again, the
kindest case for dictionaries; ``mixed``: every flow has its own ports and counters, clients of 4,000 inside
addresses and servers of 60,000 outside ones by a power law; ``random``: every address is new, the worst case.
(bench/flow_path.py adds ``calm``: as ``mixed``, with the ports of an office.)
"""

from __future__ import annotations

import queue
import random
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Sequence

from collectors.decoders.netflow import Datagram, decode
from collectors.decoders.templates import TemplateCache
from collectors.receivers.netflow import NetflowReceiver
from core.clock import SystemClock
from core.event import Frame

SEGMENT = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
EXPORTER = "192.0.2.1"
SECONDS = 1_764_000_000
BATCH = 2_000

# what an access router sends: 24 fields less those that only some models have
FIELDS = (
    (8, 4), (12, 4), (10, 4), (14, 4), (2, 4), (1, 4), (22, 4), (21, 4), (7, 2), (11, 2), (6, 1), (4, 1), (5, 1),
    (61, 1), (16, 4), (17, 4), (9, 1), (13, 1), (15, 4), (58, 2),
)  # fmt: skip
PORTS = ((443, 80, 53, 22, 3389), (443,) * 70 + (80,) * 20 + (53,) * 8 + (22, 3389))
RECORD = struct.Struct("!IIIIIIIIHHBBBBIIBBIH")
PER_DATAGRAM = {5: 29, 9: 24, 10: 24}
V5_RECORD = struct.Struct("!IIIHHIIIIHHBBBBHHBBH")


def addresses(kind: str, rng: random.Random) -> tuple[int, int]:
    if kind == "random":
        return rng.getrandbits(32), rng.getrandbits(32)
    inside = 0x0A000000 + int(rng.paretovariate(0.8)) % 4_000
    outside = 0x08000000 + int(rng.paretovariate(0.7)) * 7919 % 60_000
    return inside, outside


def record(version: int, kind: str, rng: random.Random) -> bytes:
    source, destination = addresses(kind, rng)
    octets, packets = rng.randrange(40, 1 << 20), rng.randrange(1, 1000)
    first, last = 3_500_000 + rng.randrange(50_000), 3_550_000 + rng.randrange(50_000)
    ports = rng.randrange(1024, 65536), rng.choice(PORTS[kind == "calm"])
    if version == 5:
        return V5_RECORD.pack(
            source, destination, 0, 3, 4, packets, octets, first, last, *ports, 0, 0x1B, 6, 0, 0, 0, 24, 16, 0
        )
    return RECORD.pack(
        source, destination, 3, 4, packets, octets, first, last, *ports, 0x1B, 6, 0, 0, 0, 0, 24, 16, 0, 100
    )  # fmt: skip


def template(version: int) -> bytes:
    fields = b"".join(struct.pack("!HH", *field) for field in FIELDS)
    body = struct.pack("!HHHH", 0 if version == 9 else 2, len(fields) + 8, 256, len(FIELDS)) + fields
    return header(version, body, 0, 0)


def header(version: int, body: bytes, sequence: int, count: int) -> bytes:
    if version == 5:
        return struct.pack("!HHIIIIBBH", 5, count, 3_600_000, SECONDS, 0, sequence, 0, 0, 0) + body
    if version == 9:
        return struct.pack("!HHIIII", 9, count, 3_600_000, SECONDS, sequence, 0) + body
    return struct.pack("!HHIII", 10, len(body) + 16, SECONDS, sequence, 0) + body


def corpus(version: int, kind: str, count: int) -> list[bytes]:
    rng = random.Random(1)
    per = PER_DATAGRAM[version]
    same = b"".join(record(version, "mixed", rng) for _ in range(per))
    found = []
    for number in range(count):
        body = same if kind == "same" else b"".join(record(version, kind, rng) for _ in range(per))
        if version != 5:
            body = struct.pack("!HH", 256, len(body) + 4) + body
        found.append(header(version, body, number + 1 if version == 9 else number * per, per))
    return found


def known(version: int) -> TemplateCache:
    if version == 5:
        return TemplateCache()
    return decode([Datagram(EXPORTER, template(version), 0, SEGMENT, 0)], TemplateCache()).templates


def as_datagrams(data: Sequence[bytes]) -> list[Datagram]:
    return [Datagram(EXPORTER, one, SECONDS * 1_000_000, SEGMENT, n) for n, one in enumerate(data)]


def bench_decode() -> None:
    print(f"{'decode to the ECS table':28}{'flows/s':>12}{'us/datagram':>14}")
    for version in (5, 9, 10):
        for kind in ("same", "mixed", "random"):
            batch, cache = as_datagrams(corpus(version, kind, BATCH)), known(version)
            best = min(_cpu(lambda batch=batch, cache=cache: decode(batch, cache)) for _ in range(5))
            flows = BATCH * PER_DATAGRAM[version]
            name = f"  v{version} {kind}" if version != 10 else f"  IPFIX {kind}"
            print(f"{name:28}{flows / best:12,.0f}{best / BATCH * 1e6:14.2f}")


def _cpu(work: object) -> float:
    start = time.process_time()
    work()  # type: ignore[operator]
    return time.process_time() - start


def bench_scapy() -> None:
    from scapy.layers.inet import IP, UDP
    from scapy.layers.netflow import NetflowHeader, netflowv9_defragment

    packets = corpus(9, "mixed", 40)
    start = time.process_time()
    given = [IP(src=EXPORTER) / UDP(dport=2055) / NetflowHeader(one) for one in [template(9), *packets]]
    netflowv9_defragment(given)
    spent = time.process_time() - start
    print(f"{'  v9 mixed, scapy ' + _scapy_version():28}{len(packets) * PER_DATAGRAM[9] / spent:12,.0f}")


def _scapy_version() -> str:
    import scapy

    return str(scapy.VERSION)


def send(port: int, rate: int, seconds: float) -> None:
    """The other process of bench_socket."""
    data = corpus(9, "mixed", BATCH)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(("127.0.0.1", port))
    sock.send(template(9))
    start, sent = time.monotonic(), 0
    while (now := time.monotonic() - start) < seconds:
        while sent < now * rate:
            sock.send(data[sent % BATCH])
            sent += 1
        time.sleep(0.001)
    print(sent)


def bench_socket(seconds: float, rate: int = 20_000) -> None:
    """Receive and decode in this process; another one sends."""
    batches: queue.SimpleQueue[list[Frame]] = queue.SimpleQueue()
    receiver = NetflowReceiver(batches.put, SystemClock())
    receiver.start("127.0.0.1", 0)
    before = time.process_time()
    sender = subprocess.Popen(
        [sys.executable, __file__, "--send", str(receiver.port), str(rate), str(seconds)], stdout=subprocess.PIPE
    )
    cache, flows, got, record_ = TemplateCache(), 0, 0, 0
    while True:
        try:
            frames = batches.get(timeout=1.0)
        except queue.Empty:
            if sender.poll() is not None:
                break
            continue
        batch = [
            Datagram(f.source.removeprefix("flow:"), f.data, f.created_at, SEGMENT, record_ + n)
            for n, f in enumerate(frames)
        ]
        record_ += len(batch)
        result = decode(batch, cache)
        cache = result.templates
        flows += result.flows
        got += len(batch)
    spent = time.process_time() - before
    receiver.stop()
    assert sender.stdout is not None
    sent = int(sender.stdout.read())
    drops = receiver.counts["kernel_drops"]
    print(f"{'socket to columns, v9 mixed':28}{flows / spent:12,.0f}{spent / got * 1e6:14.2f}")
    print(f"  sent {sent:,} at {rate:,}/s, received {got - 1:,}, lost {sent - got + 1:,}, kernel drops {drops:,}")


def main() -> None:
    if sys.argv[1:2] == ["--send"]:
        send(int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
        return
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    bench_decode()
    bench_scapy()
    bench_socket(seconds)


if __name__ == "__main__":
    main()
