"""Appending: ``create`` by id into the index that the event's own id names, and what became of each item.

An item is stored (201), was stored before (409 with an equal raw), is rejected with the reason (what the mapping
cannot take, an id that another raw has), or is tried again until the patience is at its end (429, 503, a block).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from math import inf
from time import monotonic
from typing import Any

import orjson
from elasticsearch import ApiError, Elasticsearch

from core.errors import MAX_REASON, BadConfig, BadInput, KydaiError, Unavailable, failure, reason
from core.event import Event, EventId, ulid_time
from core.store.admission import CLASH, Rejection, event_id, same_raw
from core.store.contract import AppendResult
from core.store.elastic_blocks import Blocks
from core.store.elastic_client import Cluster, told
from core.store.elastic_document import document, event_of
from core.store.elastic_names import Grains, index_name
from core.store.elastic_setup import FLOW

CHUNK_EVENTS = 500
"""As the client's own helper: of larger requests the last one keeps the server waiting for itself."""
CHUNK_BYTES = 4 << 20
_AT_ONCE = 4
"""Requests of one append under way: the server works on them side by side while the next are written."""
_PAUSE, _LONGEST_PAUSE = 0.05, 2.0
_SERVER_WAITS = "10s"
"""For a shard that is not there (its node died, its disk is full); then the items are told 503 and are sent again."""
_LOOK_EVERY = 300.0
"""Seconds after which an index is looked at again: a newer version may have written it anew meanwhile."""
_BARRED = ("cluster_block_exception", "index_closed_exception")
_AGAIN = frozenset({429, 500, 502, 503, 504})


@dataclass(slots=True)
class Item:
    """A document to be created."""

    id: EventId
    index: str
    event: Event
    action: bytes
    line: bytes


class Prepared:
    """A batch as chunks of items, made when they are asked for: what is sent is still at hand, and the server works
    while the next is made. What cannot be an item is rejected; what repeats one fares as that does."""

    def __init__(self, chunks: Callable[[Prepared], Iterator[list[Item]]]) -> None:
        self.chunks = chunks(self)
        self.rejected: list[Rejection] = []
        self.again: list[tuple[EventId, Event]] = []
        """Events of which an item before was made from the same raw."""


class Names:
    """The index of an event and how its action begins. Both are made once for a spool segment and class."""

    def __init__(self, prefix: str, grains: Callable[[], Grains]) -> None:
        self._prefix = prefix
        self._grains = grains
        self._known: dict[tuple[str, str], tuple[str, bytes]] = {}

    def of(self, id_: EventId, class_: str) -> tuple[str, bytes]:
        key = (id_.segment, class_)
        found = self._known.get(key)
        if found is None:
            if len(self._known) > 10_000:
                self._known.clear()
            name = index_name(self._prefix, class_, ulid_time(id_.segment), self._grains())
            found = self._known[key] = name, b'{"create":{"_index":"%b","_id":"' % name.encode()
        return found


class Preparer:
    """Makes items of events."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def prepare(self, events: Iterable[Event], flows: Iterable[Event] = ()) -> Prepared:
        """Items of a batch. Its chunks raise BadInput when an event has no ``event.id``: that is a fault of the
        caller."""
        return Prepared(lambda told: chunks_of(self._items(events, flows, told)))

    def _items(self, events: Iterable[Event], flows: Iterable[Event], told: Prepared) -> Iterator[Item]:
        seen: dict[EventId, Event] = {}
        for is_flow, several in ((False, events), (True, flows)):
            for event in several:
                id_ = event_id(event)
                try:
                    item = self._item(id_, event, is_flow=is_flow)
                except BadInput as error:
                    told.rejected.append(Rejection(id_, str(error), event))
                    continue
                first = seen.setdefault(id_, event)
                if first is event:
                    yield item
                elif same_raw(first, event):
                    told.again.append((id_, event))
                else:
                    told.rejected.append(Rejection(id_, CLASH, event))

    def _item(self, id_: EventId, event: Event, *, is_flow: bool) -> Item:
        if id_.record >= 2**63 or id_.n >= 2**31:
            raise BadInput("a number of event.id is out of bounds")
        source = document(event, id_)
        if is_flow:
            source[FLOW] = True
        try:
            line = orjson.dumps(source)
        except orjson.JSONEncodeError as error:
            raise BadInput(str(error)) from error
        index, begun = self._names.of(id_, str(event.get("kydai.retention") or ""))
        return Item(id_, index, event, b'%b%b"}}' % (begun, str(event["event.id"]).encode()), line)


class Appender:
    """Sends items to a cluster. ``create`` makes an index that is not there, and sees that one is ours."""

    def __init__(
        self,
        cluster: Cluster,
        create: Callable[[str], None],
        blocks: Blocks,
        *,
        patience: float,
        closing: threading.Event,
    ) -> None:
        self._cluster = cluster
        self._create = create
        self._blocks = blocks
        self._patience = patience
        self._closing = closing
        self._seen: dict[str, float] = {}
        self._pool = ThreadPoolExecutor(_AT_ONCE, "append")

    def store(self, prepared: Prepared, *, waits: float = inf) -> AppendResult:
        """Store what was prepared. Raises Unavailable when that did not succeed within the patience: some of it may
        be stored then, and the same again is safe. ``waits``: of core/store/contract.py, Batch."""
        until = monotonic() + self._patience
        works: list[_Work] = []
        names: set[str] = set()
        sent: list[Future[None]] = []
        try:
            for items in prepared.chunks:
                works.append(_Work(items, waits))
                names.update(item.index for item in items)
                sent.append(self._pool.submit(self._work_off, works[-1], until))
            for each in sent:
                each.result()  # the first that fails raises here
        finally:
            for each in sent:
                each.cancel()
        if works:
            self._keep_trying(partial(self._show, sorted(names)), until)
        rejected = [each for work in works for each in work.rejected]
        first = {each.id: each for each in rejected}
        again = [first[id_]._replace(event=event) for id_, event in prepared.again if id_ in first]
        return AppendResult(
            sum(work.stored for work in works),
            sum(work.already for work in works) + len(prepared.again) - len(again),
            [*prepared.rejected, *rejected, *again],
        )

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _work_off(self, work: _Work, until: float) -> None:
        try:
            self._keep_trying(partial(self._round, work), until)
        except Unavailable:
            if work.waits or len(work.refusals) < len(work.waiting):  # the cluster did not answer
                raise
            work.rejected += work.refusals

    def _keep_trying(self, step: Callable[[], KydaiError | None], until: float) -> None:
        """Repeat a step until it tells of no trouble. Raises its last trouble when there is no time left."""
        pause = _PAUSE
        while (trouble := step()) is not None:
            if monotonic() + pause > until or self._closing.wait(pause):
                raise trouble
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _show(self, names: Sequence[str]) -> KydaiError | None:
        """Make what was stored visible: one refresh a batch costs less than waiting for the next second's."""
        try:
            answers = self._cluster.each(
                names,
                lambda some, es: es.indices.refresh(index=some, ignore_unavailable=True),  # one may be deleted by now
            )
        except Unavailable as error:
            return error
        if any(answer["_shards"]["failed"] for answer in answers):
            return failure(Unavailable, "store.elastic.slow", url=self._cluster.url)
        return None

    def _round(self, work: _Work) -> KydaiError | None:
        """Send what waits once and sort it by what became of each; why some of it has to be sent again."""
        waiting = work.waiting
        work.refusals = []
        try:
            lacking = self._make({item.index for item in waiting})
            sent = iter(self._send([item for item in waiting if item.index not in lacking]))
            answers = [lacking[item.index] if item.index in lacking else next(sent) for item in waiting]
        except Unavailable as error:
            return error
        work.waiting = []
        clashing: list[Item] = []
        refused: list[tuple[Item, str]] = []
        last: KydaiError | None = None
        for item, answer in zip(waiting, answers, strict=True):
            status = answer["status"]
            if status == 201:
                work.stored += 1
            elif status == 409:
                clashing.append(item)
            elif (said := told(answer)).startswith(_BARRED):
                refused.append((item, said))
            elif (trouble := self._trouble(item, status, said)) is not None:
                work.waiting.append(item)
                work.refusals.append(_rejection(item, said))
                last = trouble
            else:
                work.rejected.append(Rejection(item.id, said[:MAX_REASON], item.event))
        refusing = {item.index for item, _ in refused}
        self._blocks.took({item.index for item in waiting} - refusing - {item.index for item in work.waiting})
        return self._settle(clashing, refused, work) or last

    def _make(self, names: Set[str]) -> dict[str, Mapping[str, Any]]:
        """See that indices are there; of those that a block of the cluster bars from being made, what it said."""
        barred: dict[str, Mapping[str, Any]] = {}
        for name in names:
            if monotonic() - self._seen.get(name, -_LOOK_EVERY) < _LOOK_EVERY:
                continue
            try:
                self._create(name)
            except Unavailable as error:
                if not isinstance(error.__cause__, ApiError) or (said := _refusal(error.__cause__)) is None:
                    raise
                barred[name] = {"status": error.__cause__.status_code, "error": said}
            else:
                self._seen[name] = monotonic()
        return barred

    def _settle(self, clashing: Sequence[Item], refused: Sequence[tuple[Item, str]], work: _Work) -> KydaiError | None:
        """See what is to become of items whose id is there and of those that their index refused."""
        left = [*clashing, *(item for item, _ in refused)]
        try:
            gone = self._compare(clashing, work)
            work.waiting += gone
            left = left[len(clashing) :]
            trouble = self._give_up(refused, work) if refused else None
        except Unavailable as error:
            work.waiting += left
            return error
        return trouble or (failure(Unavailable, "store.elastic.slow", url=self._cluster.url) if gone else None)

    def _give_up(self, refused: Sequence[tuple[Item, str]], work: _Work) -> KydaiError | None:
        """Reject what an index has refused for long enough; why the others are to be sent again."""
        names = {item.index for item, _ in refused}
        for name in names:  # it may have been written anew by a newer version
            self._seen.pop(name, None)
        outwaited = self._blocks.outwaited(names, work.waits) if work.waits else names
        said_of = {id(item): said for item, said in refused}
        # a block bars what was stored before it, too
        lost = self._compare([item for item, _ in refused if item.index in outwaited], work)
        for item in lost:
            work.rejected.append(_rejection(item, said_of[id(item)]))
        trouble: KydaiError | None = None
        for item, said in refused:
            if item.index not in outwaited:
                work.waiting.append(item)
                trouble = failure(Unavailable, "store.elastic.blocked", name=item.index, reason=reason(said))
        return trouble

    def _send(self, items: Sequence[Item]) -> Sequence[Mapping[str, Any]]:
        """What became of each item. A request that is too large is sent in halves."""
        if not items:
            return []
        body: Any = b"\n".join([part for item in items for part in (item.action, item.line)] + [b""])

        def ask(es: Elasticsearch) -> Any:
            try:
                return es.bulk(
                    operations=body, filter_path="errors,items.*.status,items.*.error", timeout=_SERVER_WAITS
                ).body
            except ApiError as error:
                if error.status_code == 413:
                    return None
                if (said := _refusal(error)) is None:
                    raise
                return {"items": [{"create": {"status": error.status_code, "error": said}}] * len(items)}

        answer = self._cluster.call(ask)
        if answer is not None:
            return [each["create"] for each in answer["items"]]
        if len(items) == 1:
            return [{"status": 413, "error": {"type": "too_large", "reason": "larger than the server takes"}}]
        half = len(items) // 2
        return [*self._send(items[:half]), *self._send(items[half:])]

    def _trouble(self, item: Item, status: int, said: str) -> KydaiError | None:
        """Why an item is to be sent again; None when it never can be stored. Raises BadConfig when the key may not."""
        if status == 404:  # it was deleted meanwhile
            self._seen.pop(item.index, None)
        elif status == 403:
            raise failure(BadConfig, "store.elastic.rights", url=self._cluster.url, reason=reason(said))
        elif status not in _AGAIN:
            return None
        return failure(Unavailable, "store.error.no_answer", reason=reason(said))

    def _compare(self, items: Sequence[Item], work: _Work) -> list[Item]:
        """Of items whose id may be there: were they made from the raw that is stored? Those that are not there."""
        wanted = [{"_index": item.index, "_id": str(item.id)} for item in items]
        found = self._cluster.call(lambda es: es.mget(docs=wanted)).body["docs"] if wanted else []
        gone: list[Item] = []
        for item, there in zip(items, found, strict=True):
            if not there.get("found"):
                gone.append(item)
            elif same_raw(event_of(there["_source"]), item.event):
                work.already += 1
            else:
                work.rejected.append(Rejection(item.id, CLASH, item.event))
        return gone


@dataclass(slots=True)
class _Work:
    """Items to be stored, and what became of those that were sent."""

    waiting: list[Item]
    waits: float
    stored: int = 0
    already: int = 0
    rejected: list[Rejection] = field(default_factory=list)
    refusals: list[Rejection] = field(default_factory=list)
    """Of those that wait, what the server said of each the last time."""


def _refusal(error: ApiError) -> Mapping[str, Any] | None:
    """What the server said of all of a request that a block of the cluster bars."""
    body = error.body
    said = body.get("error") if isinstance(body, Mapping) else None
    return said if isinstance(said, Mapping) and said.get("type") in _BARRED else None


def _rejection(item: Item, said: str) -> Rejection:
    """By what its index does not take now."""
    kind, _, why = said.partition(": ")
    return Rejection(item.id, f"{kind}: {item.index}: {why}"[:MAX_REASON], item.event, is_barred=True)


def chunks_of(items: Iterable[Item]) -> Iterator[list[Item]]:
    part: list[Item] = []
    size = 0
    for item in items:
        if part and (len(part) == CHUNK_EVENTS or size + len(item.line) > CHUNK_BYTES):
            yield part
            part, size = [], 0
        part.append(item)
        size += len(item.line)
    if part:
        yield part
