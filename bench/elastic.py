"""The append path of Elasticsearch beside the official client's bare ``parallel_bulk`` of the same documents.

Run: python -m bench.elastic [--events N] [--rounds N]   (8,000 events a round, 6 rounds)

Bars: >= 0.8 x the rate of parallel_bulk (median of rounds, which take turns), <= 40 us of CPU an event in the client.
Both write the same documents, new in each round, into indices of one template on one node. Ours begins with parsed
events, makes the documents, tells what became of each and has them seen by searches at the end; the peer is given
the documents ready made and does neither. It writes JSON as the client does by default, and once more by orjson.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
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
from kydai.process import settle_memory
from tests.services.elasticsearch import node

BAR_RATIO = 0.8


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
    batches = Province().events(count * number)
    for _ in range(number):
        events: list[Event] = []
        while len(events) < count:
            events += next(batches)
        yield events[:count]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=8_000)
    options.add_argument("--rounds", type=int, default=6)
    given = options.parse_args()
    count = given.events
    with node() as server:
        stores = {
            name: ElasticStore([server.url], SystemClock(), prefix=name, patience=300) for name in ("ours", "b", "c")
        }
        clients = {"b": Elasticsearch(server.url, request_timeout=300), "c": Elasticsearch(
            server.url, request_timeout=300, serializers={"application/json": OrjsonSerializer()})}  # fmt: skip
        figures: dict[str, list[tuple[float, float, float]]] = {name: [] for name in stores}
        for number, events in enumerate(rounds(count, given.rounds + 1)):
            order = ["ours", "b", "c"]
            for name in order[number % 3 :] + order[: number % 3]:
                if number == 0:  # makes the index, warms up
                    settle_memory()  # as every process of ours does
                    stores[name].append(Batch(events))
                    continue
                if name == "ours":
                    work = partial(append, stores[name], events)
                else:
                    (index,) = [part.name for part in stores[name].parts()]
                    work = partial(bulk, clients[name], documents(events, index))
                found = took(work, server.pid)
                figures[name].append(found)
        print(f"{given.rounds} rounds of {count:,} events, load {os.getloadavg()[0]:.1f}")
        for name, title in zip(
            stores, ("our append path", "parallel_bulk, as it comes", "parallel_bulk, orjson"), strict=True
        ):
            wall, cpu, served = (statistics.median(each[i] for each in figures[name]) / count * 1e6 for i in range(3))
            print(f"  {title:30}{1e6 / wall:9,.0f} events/s{cpu:8.1f} us CPU of the client{served:8.0f} of the server")
        for name, title in (("b", "parallel_bulk"), ("c", "parallel_bulk, orjson")):
            for i, what in ((0, "wall"), (1, "CPU of client and server")):
                ratios = [
                    _sum(theirs, i) / _sum(ours, i) for ours, theirs in zip(figures["ours"], figures[name], strict=True)
                ]
                shown = ", ".join(f"{r:.2f}" for r in ratios)
                print(f"  {statistics.median(ratios):.2f} x {title}, {what} (bar {BAR_RATIO}): {shown}")
        for store in stores.values():
            store.close()
        for client in clients.values():
            client.close()


def _sum(figures: tuple[float, float, float], which: int) -> float:
    return figures[0] if which == 0 else figures[1] + figures[2]


if __name__ == "__main__":
    main()
