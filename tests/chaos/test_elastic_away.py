"""The event store is an Elasticsearch that is away, refuses, is slow, loses answers, or takes no writing.

Gateways keep acknowledging, lag and reason are said meanwhile, everything is drained in order by itself, each event is
stored once, and alerts and balances are those of an undisturbed run. ``make chaos`` keeps it away for half an hour.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
from elasticsearch import Elasticsearch

from tests.chaos.elastic import Scene, is_long, limit, proves, scene, search_says
from tests.core.store.elastic_stores import new_prefix, remove
from tests.kydai.running import until
from tests.services.elasticsearch import Node
from tests.services.proxy import Proxy, proxy

AWAY_SECONDS = 1800


@pytest.fixture
def between(elastic: Node) -> Iterator[Proxy]:
    with proxy(int(elastic.url.rpartition(":")[2])) as made:
        yield made


@pytest.fixture
def prefix(elastic: Node) -> Iterator[str]:
    made = new_prefix()
    yield made
    remove(elastic.url, made)


def lags(found: Scene) -> None:
    """Acknowledging goes on, and how long what waits has waited is said."""
    found.is_acknowledging()
    until(lambda: (found.health()["lag_seconds"] or 0) > 3, 60)
    found.is_acknowledging()


def is_told(found: Scene, why: str) -> None:
    """Lag and reason are in health and the console's band, and on the command line."""
    lags(found)
    until(lambda: why in found.ailments().get("uncommitted", ""), 60)
    assert found.health()["status"] == "degraded", "it is ready to take more"
    doctor = found.system.kydai("doctor", "--json")
    (store,) = [row for row in map(orjson.loads, doctor.stdout.splitlines()) if row["check"] == "store"]
    assert not store["ok"]
    assert why in store["text"]
    assert why in search_says(found)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_acknowledging_goes_on_whatever_the_store_does(
    tmp_path: Path,
    elastic: Node,
    between: Proxy,
    prefix: str,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    with scene(tmp_path / "data", [f"http://127.0.0.1:{between.port}"], prefix, monkeypatch) as found:
        if is_long(request):
            found.sender.pause = 0.5  # 80 events/s: a spool of half an hour that is drained in minutes
        found.goes_on()
        between.is_away = True
        is_told(found, "Nobody answers as Elasticsearch")
        if is_long(request):
            time.sleep(AWAY_SECONDS)
            is_told(found, "Nobody answers as Elasticsearch")
        before = found.acknowledged()
        between.is_away = False
        print(f"away, {before} acknowledged by then: committing again after {found.commits_again():.1f} s", end="")
        print(f", all caught up after {found.goes_on():.1f} s")

        def refuses(*statuses: int) -> Callable[[], None]:
            def during() -> None:
                for status in statuses:
                    between.says, between.refused = status, 0
                    found.is_acknowledging()
                    until(lambda: between.refused > 2, 60)
                between.says = 0

            return during

        def is_slow() -> None:
            between.slow = 1.0
            found.is_acknowledging()
            found.went_on("slow, meanwhile", found.goes_on())
            between.slow = 0.0

        def loses() -> None:
            between.loses, between.lost = True, 0
            found.is_acknowledging()
            until(lambda: between.lost > 2, 60)
            between.loses = False

        def is_read_only() -> None:
            with Elasticsearch(elastic.url) as es:
                where = f"{prefix}-*-*.*"
                es.indices.put_settings(index=where, settings={"index.blocks.read_only_allow_delete": True})
                lags(found)
                es.indices.put_settings(index=where, settings={"index.blocks.read_only_allow_delete": None})

        refused = {"503": refuses(503), "429": refuses(429)} if is_long(request) else {"503, 429": refuses(503, 429)}
        faults = refused | {"slow": is_slow, "cut": loses, "read-only": is_read_only}
        for name, fault in faults.items():
            fault()
            found.went_on(name, found.goes_on())
        found.finish()
        print(proves(found))
        assert not found.late(limit(request))
