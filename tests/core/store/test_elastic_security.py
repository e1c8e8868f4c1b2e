"""A node with security on: the key that docs/storage.md defines does all that we do, and no right of it is idle."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
from elasticsearch import Elasticsearch

from core.clock import DAY, HOUR
from core.errors import BadConfig, NotFound, Unavailable
from core.event import parse_event_id
from core.query.pipes import parse_piped
from core.store.contract import Batch, Query, Span
from core.store.elastic import ElasticStore
from core.store.elastic_client import Cluster
from core.store.retention import Policy
from tests.core.store.conformance import START, event, spool
from tests.core.store.elastic_stores import new_prefix, open_store
from tests.kydai.running import until
from tests.services.elasticsearch import SecureNode

DOCS = Path(__file__).parents[3] / "docs" / "storage.md"
JSON = {"accept": "application/json"}
SHORT = Policy({"level3": 1}, 1)


def role(prefix: str) -> dict[str, Any]:
    """The definition in the documentation, for another prefix."""
    text = DOCS.read_text("utf-8").partition("POST /_security/api_key\n")[2].partition("```")[0]
    described: dict[str, Any] = orjson.loads(text.replace("kydai-*", f"{prefix}-*"))["role_descriptors"]["kydai"]
    return described


@pytest.fixture(scope="module")
def admin(secured: SecureNode) -> Iterator[Elasticsearch]:
    with Elasticsearch(secured.url, ca_certs=str(secured.ca), basic_auth=(secured.user, secured.password)) as client:
        yield client


@pytest.fixture(scope="module")
def prefix() -> str:
    return new_prefix()


class Opened:
    """A store with a key of these rights."""

    def __init__(self, secured: SecureNode, admin: Elasticsearch, prefix: str, rights: dict[str, Any]) -> None:
        made = admin.security.create_api_key(name=prefix, role_descriptors={"kydai": rights})
        self.id, self.key = made["id"], made["encoded"]
        self.store = open_store(secured.url, prefix, key=lambda: self.key, ca_file=secured.ca)

    def __enter__(self) -> ElasticStore:
        return self.store

    def __exit__(self, *_: object) -> None:
        self.store.close()


def everything(store: ElasticStore, week: int) -> None:
    """All that the contract has, over events of a week that no other call had."""
    at = START - (60 + 7 * week) * DAY
    made = [event(i, segment=spool(at)) for i in range(20)]
    ids = [parse_event_id(str(e["event.id"])) for e in made]
    assert store.append(Batch(made)).stored == 20
    assert store.append(Batch(made)).already == 20
    assert len(store.search(Query()).events) == 20
    assert sum(map(len, store.scan(Query()))) == 20
    assert store.count(Query()).count == 20
    assert sum(b.count for b in store.histogram(Query(), HOUR).buckets) == 20
    assert store.terms(Query(), "kydai.retention").buckets[0].count == 20
    grouping = parse_piped("* | count by kydai.retention", now=START).grouping
    assert grouping is not None
    assert store.group(Query(), grouping).rows[0].figures == (20,)
    assert store.fields(Query()).fields
    assert store.received(Span()).counts
    assert sum(map(len, store.in_order(at, "level3"))) == 20
    assert len(store.get(ids).events) == 20
    store.mark_replaced(ids[:1])
    with suppress(NotFound):
        store.lift("case")
    store.hold("case", Span(0, 1), "court order")
    assert [hold.name for hold in store.holds()] == ["case"]
    store.lift("case")
    assert store.verify() == []
    assert store.parts()
    assert store.room().total
    assert store.stats().events == 20
    assert store.retain(START, SHORT)
    assert store.deleted()


def test_the_key_of_the_documentation_does_all(secured: SecureNode, admin: Elasticsearch, prefix: str) -> None:
    with Opened(secured, admin, prefix, role(prefix)) as store:
        everything(store, 0)


def test_a_key_of_before_does_all_but_writing_an_index_anew(secured: SecureNode, admin: Elasticsearch) -> None:
    prefix = new_prefix()
    rights = role(prefix)
    narrow = ["create_index", "delete_index", "view_index_metadata", "monitor", "maintenance"]
    rights["indices"][0]["privileges"] = ["read", "write", *narrow]
    with Opened(secured, admin, prefix, rights) as store:
        everything(store, 0)
        store.append(Batch([event(1)]))
        (name,) = admin.indices.get(index=f"{prefix}-level3-*")
        admin.indices.put_mapping(index=name, properties={"odd": {"type": "long"}})
        with pytest.raises(BadConfig, match=r"docs/storage\.md"):
            store.reindex(lambda _: None)
        assert store.append(Batch([event(2)])).stored == 1
        assert list(admin.indices.get(index=f"{prefix}-level3*")) == [name]
    with Opened(secured, admin, prefix, role(prefix)) as store:
        assert store.reindex(lambda _: None) == 1
        assert store.count(Query()).count == 2


RIGHTS = [("cluster", right) for right in role("x")["cluster"] if right != "cancel_task"] + [
    ("index", right) for right in role("x")["indices"][0]["privileges"]
]


@pytest.mark.parametrize(("of", "right"), RIGHTS)
def test_a_key_that_lacks_a_right_is_told_which(
    secured: SecureNode, admin: Elasticsearch, prefix: str, of: str, right: str
) -> None:
    rights = role(prefix)
    (rights["cluster"] if of == "cluster" else rights["indices"][0]["privileges"]).remove(right)
    admin.options(ignore_status=404).indices.delete_index_template(name=f"{prefix}-events")
    for left in admin.indices.get(index=f"{prefix}-level3-*").body:
        admin.indices.delete(index=left)
    with Opened(secured, admin, prefix, rights) as store, pytest.raises(BadConfig) as caught:
        everything(store, 1 + RIGHTS.index((of, right)))
    said = str(caught.value)
    assert "The API key may not do this" in said
    assert "is unauthorized" in said
    assert "docs/storage.md" in said


def test_a_search_that_is_ended_is_cancelled_on_the_server(secured: SecureNode, admin: Elasticsearch) -> None:
    prefix = new_prefix()
    # seconds in all; the server looks whether it is cancelled after the first 4,096 documents
    slow = {"script": {"script": {"source": "for (int i = 0; i < 90000; i++) {} return true"}}}
    create: dict[str, Any] = {"create": {}}
    lines: list[Any] = [line for i in range(16_000) for line in (create, {"a": i})]
    admin.bulk(index=f"{prefix}-slow", operations=lines, refresh=True)

    def searches() -> list[str]:
        found = admin.perform_request("GET", "/_tasks?actions=indices:data/read/*&detailed", headers=JSON).body
        tasks = [task for node in found["nodes"].values() for task in node["tasks"].values()]
        return [task["description"] for task in tasks if prefix in task["description"]]

    key = admin.security.create_api_key(name=prefix, role_descriptors={"kydai": role(prefix)})["encoded"]
    cluster = Cluster([secured.url], key=lambda: key, ca_file=secured.ca)
    said: list[Unavailable] = []

    def ask() -> None:
        with cluster.read() as read:
            try:
                read.call(lambda es: es.search(index=f"{prefix}-slow", query=slow))
            except Unavailable as error:
                said.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    until(searches)
    assert cluster.interrupt(thread.ident) == 1
    thread.join(30)
    assert "was stopped" in str(said[0])
    assert "task cancelled" in str(said[0].__cause__)
    assert not searches()
    cluster.close()


def test_a_key_that_is_replaced_is_taken_without_a_new_start(
    secured: SecureNode, admin: Elasticsearch, prefix: str
) -> None:
    opened = Opened(secured, admin, prefix, role(prefix))
    with opened as store:
        assert store.holds() == []
        admin.security.invalidate_api_key(ids=[opened.id])
        with pytest.raises(BadConfig, match="refuses the API key"):
            store.holds()
        fresh = admin.security.create_api_key(name="next", role_descriptors={"kydai": role(prefix)})["encoded"]
        opened.key = fresh
        with pytest.raises(BadConfig, match="refuses the API key"):
            store.holds()
        assert store.holds() == []


def snapshot_rights(where: int) -> list[str]:
    """The rights in the table of the documentation: to take a snapshot, to restore one."""
    (row,) = [line for line in DOCS.read_text("utf-8").splitlines() if line.startswith("| rights of the key |")]
    return [row.split("`")[1 + 2 * where]]


def test_the_rights_of_the_documentation_take_and_restore_a_snapshot(secured: SecureNode, admin: Elasticsearch) -> None:
    prefix, name = new_prefix(), new_prefix()
    admin.snapshot.create_repository(name=name, repository={"type": "fs", "settings": {"location": name}})

    def told(done: int, total: int) -> None:
        pass

    plain, taking, restoring = role(prefix), role(prefix), role(prefix)
    taking["cluster"] += snapshot_rights(0)
    restoring["cluster"] += snapshot_rights(1)
    made = [event(i) for i in range(3)]
    with Opened(secured, admin, prefix, plain) as store:
        store.append(Batch(made))
        store.hold("case", Span(0, 1), "court order")
        with pytest.raises(BadConfig, match="may not do this"):
            store.snapshot(f"{name}/one", told)
    with Opened(secured, admin, prefix, taking) as store:
        assert store.snapshot(f"{name}/one", told).rows == 3
        for index in admin.indices.get(index=f"{prefix}-*").body:
            admin.indices.delete(index=index)
    with Opened(secured, admin, prefix, taking) as store, pytest.raises(BadConfig, match="may not do this"):
        store.restore(f"{name}/one", told)
    with Opened(secured, admin, prefix, restoring) as store:
        assert store.restore(f"{name}/one", told).rows == 3
        assert [hold.name for hold in store.holds()] == ["case"]
        assert len(store.search(Query()).events) == 3


def test_the_documented_key_is_the_same_in_both_languages() -> None:
    def block(path: Path) -> str:
        return path.read_text("utf-8").partition("POST /_security/api_key\n")[2].partition("```")[0]

    assert block(DOCS)
    assert block(DOCS.parent / "vi" / "storage.md") == block(DOCS)
