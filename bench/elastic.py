"""The append path of Elasticsearch beside the official client's bare ``parallel_bulk`` of the same documents.

Run: python -m bench.elastic [--events N] [--rounds N]   (8,000 events a round, 12 rounds)

Bars: >= 0.8 x the rate of parallel_bulk, <= 40 us of CPU an event in the client (medians of rounds, in which the sides
take turns). Both write the same documents, new in each round, into indices of one template on one node,
which shares the cores with the client. What differs: ours begins with parsed events and makes the documents, tells
what became of each, and has them seen by searches at the end of every batch of 4,000; the peer is given the documents
ready made and its index is not refreshed while it is measured. It writes JSON as the client does by default, and once
more by orjson, which has to be asked for.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import chain, islice
from typing import Any

from elastic_transport import OrjsonSerializer
from elasticsearch import Elasticsearch
from elasticsearch.helpers import parallel_bulk

from bench.answers import cpu_of
from bench.province import BATCH, Province
from core.clock import SystemClock
from core.event import Event
from core.store.contract import Batch
from core.store.elastic import ElasticStore
from core.store.elastic_document import document
from kydai.memory import settled
from tests.services.elasticsearch import Node, node

BAR_RATIO, BAR_CPU = 0.8, 40
NAMES = ("ours", "plain", "orjson")


def documents(events: list[Event], index: str) -> list[dict[str, Any]]:
    return [
        {"_op_type": "create", "_index": index, "_id": event["event.id"], "_source": document(event)}
        for event in events
    ]


def append(store: ElasticStore, events: list[Event]) -> None:
    for first in range(0, len(events), BATCH):
        store.append(Batch(events[first : first + BATCH]))


def bulk(client: Elasticsearch, made: list[dict[str, Any]]) -> None:
    deque(parallel_bulk(client, made), maxlen=0)


def took(work: Callable[[], object], server: int) -> tuple[float, float, float]:
    """Wall time, our CPU and the server's."""
    began, cpu, served = time.perf_counter(), cpu_of(), cpu_of(server)
    work()
    return time.perf_counter() - began, cpu_of() - cpu, cpu_of(server) - served


def rounds(count: int, number: int) -> Iterator[list[Event]]:
    events = chain.from_iterable(Province().events(count * number))
    for _ in range(number):
        yield list(islice(events, count))


@contextmanager
def sides(server: Node, prefix: str) -> Iterator[tuple[dict[str, ElasticStore], dict[str, Elasticsearch]]]:
    """Ours and the two that the client's helper writes to: a store each, and the client that writes."""
    with ExitStack() as stack:
        stores, clients = {}, {}
        for name in NAMES:
            stores[name] = ElasticStore([server.url], SystemClock(), prefix=prefix + name, patience=300)
            stack.callback(stores[name].close)
        clients["plain"] = Elasticsearch(server.url, request_timeout=300)
        clients["orjson"] = Elasticsearch(
            server.url, request_timeout=300, serializers={"application/json": OrjsonSerializer()}
        )
        for client in clients.values():
            stack.callback(client.close)
        yield stores, clients


def measured(server: Node, count: int, number: int, prefix: str = "b") -> None:
    """So many rounds of so many events each, and a table of them."""
    figures: dict[str, list[tuple[float, float, float]]] = {name: [] for name in NAMES}
    with sides(server, prefix) as (stores, clients):
        for turn, events in enumerate(rounds(count, number + 1)):
            for name in NAMES[turn % 3 :] + NAMES[: turn % 3]:
                if turn == 0:  # makes the index, warms up
                    stores[name].append(Batch(events))
                    continue
                if name == "ours":
                    work = partial(append, stores[name], events)
                else:
                    (index,) = [part.name for part in stores[name].parts()]
                    work = partial(bulk, clients[name], documents(events, index))
                figures[name].append(took(work, server.pid))
    print(f"{number} rounds of {count:,} events, load {os.getloadavg()[0]:.1f}")
    for name, title in zip(
        NAMES, ("our append path", "parallel_bulk, as it comes", "parallel_bulk, orjson"), strict=True
    ):
        wall, cpu, served = (statistics.median(each[i] for each in figures[name]) / count * 1e6 for i in range(3))
        bar = f" (bar {BAR_CPU})" if name == "ours" else ""
        print(f"  {title:30}{1e6 / wall:9,.0f} events/s{cpu:8.1f} us CPU of the client{bar}{served:8.0f} of the server")
    for name, title in (("plain", "parallel_bulk"), ("orjson", "parallel_bulk, orjson")):
        for i, what in ((0, "wall"), (1, "CPU of client and server")):
            ours, theirs = ([_sum(each, i) for each in figures[side]] for side in ("ours", name))
            ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
            shown = ", ".join(f"{ratio:.2f}" for ratio in ratios)
            print(f"  {statistics.median(ratios):.2f} x {title}, {what} (bar {BAR_RATIO}): {shown}")


def _sum(figures: tuple[float, float, float], which: int) -> float:
    return figures[0] if which == 0 else figures[1] + figures[2]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=8_000)
    options.add_argument("--rounds", type=int, default=12)
    given = options.parse_args()
    with settled():
        pass  # as every process of ours does
    with node() as server:
        measured(server, given.events, given.rounds)


if __name__ == "__main__":
    main()
