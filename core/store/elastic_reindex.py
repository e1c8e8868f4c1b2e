"""A mapping that has changed: an index that an older version wrote is written anew beside it, and replaced in one step
(docs/decisions/0015-a-mapping-that-has-changed.md).

What decides a comparison stands in an index beside the document and not in it (decision 9), so events are read and
made documents anew. They are read in order of the sequence numbers that the server gives to writes: what comes
meanwhile has higher ones. Nobody reads the copy until it takes the name over; nobody writes while the last are copied.
A run that is killed is gone on with by the next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any

import orjson

from core.errors import BadInput, Conflict, KydaiError, Refused, Unavailable, failure, reason
from core.store.elastic_append import CHUNK_BYTES
from core.store.elastic_client import Cluster, told
from core.store.elastic_copies import Copies, Copy, removal, room_for
from core.store.elastic_document import document, event_of
from core.store.elastic_meta import Notes
from core.store.elastic_names import Index, pattern, read_name
from core.store.elastic_setup import FLOW, LAYOUT, REPLACED, Setup, as_told, is_ours, takes_no_writes
from core.store.integrity import canonical
from core.store.reindex import Reindexing, ReindexStage

_PAGE = 2_000
_PAUSE = 20.0
"""Seconds that nobody may write, at most, by the pace so far."""
_LONGEST_PAUSE = 3 * _PAUSE
"""Seconds after which the rest waits for another time, should that pace not hold."""
_REST = 0.5
"""Of the time that a page took, so long is waited before the next: who writes and searches goes first."""
_NOTE_EVERY = 5.0
_MARKS = (FLOW, REPLACED)

Tell = Callable[[Reindexing], object]


class Reindexer:
    """Writes the indices of one prefix anew. All methods raise Unavailable when the cluster does not answer."""

    def __init__(
        self,
        cluster: Cluster,
        setup: Setup,
        notes: Notes,
        *,
        free: Callable[[], int],
        wait: Callable[[float], object],
    ) -> None:
        self._cluster = cluster
        self._setup = setup
        self._notes = notes
        self._copies = Copies(cluster, setup, notes, free)
        self._wait = wait

    def older(self) -> dict[str, frozenset[str]]:
        """Our indices of an older layout, and the fields that they hold otherwise than new ones."""
        names = pattern(self._setup.prefix)
        layouts = self._cluster.call(
            lambda es: es.indices.get_mapping(index=names, filter_path="*.mappings._meta")
        ).body
        old = [
            name
            for name, index in layouts.items()
            if is_ours(index["mappings"]) and index["mappings"]["_meta"].get("layout", 0) < LAYOUT
        ]
        if not old:
            return {}
        template = self._setup.template()["template"]
        wanted, analysis = template["mappings"]["properties"], _texts(template["settings"]["index"]["analysis"])
        there: dict[str, Any] = {}
        for answer in self._cluster.each(
            old,
            lambda some, es: es.indices.get(index=some, ignore_unavailable=True, features=["mappings", "settings"]),
        ):
            there |= answer.body
        found: dict[str, frozenset[str]] = {}
        for name, described in there.items():
            index = read_name(self._setup.prefix, name)
            if index is not None:
                has = described["mappings"].get("properties", {})
                is_alike = _texts(described["settings"]["index"].get("analysis")) == analysis
                found[index.name] = frozenset(
                    field
                    for field in has.keys() | wanted.keys()
                    if has.get(field) != wanted.get(field) or (not is_alike and _is_analyzed(wanted[field]))
                )
        return found

    def renewing(self) -> set[str]:
        """Indices that are being written anew; one of them may be closed by us, or by a run that died."""
        return {name for name, _ in self._copies.begun()}

    def run(self, tell: Tell) -> int:
        """Write all indices anew that are not as this version makes them, the newest first; how many. Raises Refused,
        behind the last, when one could not be."""
        old = self._outdated()
        self._drop_idle({index.name for index in old})
        refused: Refused | None = None
        for at, index in enumerate(old):
            try:
                self._renew(index, partial(_with, tell, left=len(old) - at))
            except Refused as error:  # the next may be another matter
                refused = refused or error
        if refused is not None:
            raise refused
        return len(old)

    def _drop_idle(self, wanted: Set[str]) -> None:
        """Delete the copies of what need not be written anew any more; a run that died may have closed it."""
        for name, copy in list(self._copies.begun()):
            if name not in wanted:
                self._open(name)
                self._copies.drop(copy)

    def _outdated(self) -> list[Index]:
        wanted = self._setup.template()["template"]
        mapping, analysis = as_told(wanted["mappings"]), _texts(wanted["settings"]["index"]["analysis"])
        going = {stone.uuid for stone in self._notes.tombstones()}
        found = self._cluster.call(lambda es: es.indices.get(index=pattern(self._setup.prefix))).body
        old = [
            index
            for name, described in found.items()
            if is_ours(described["mappings"])
            and described["mappings"]["_meta"].get("layout", 0) <= LAYOUT
            and (described["mappings"] != mapping or _texts(described["settings"]["index"].get("analysis")) != analysis)
            and described["settings"]["index"]["uuid"] not in going
            and (index := read_name(self._setup.prefix, name)) is not None
        ]
        # one that a run that died has closed keeps intake waiting
        return sorted(old, key=lambda i: (not takes_no_writes(found[i.stored]), -i.min_received, i.name))

    def _renew(self, old: Index, tell: Tell) -> None:
        last = Reindexing(old.name, ReindexStage.COPYING)
        copy: Copy | None = None
        is_closed = self._is_closed(old)  # by a run that died

        def say(stage: ReindexStage) -> None:
            nonlocal last
            done = 0 if copy is None else self._count(copy.name)
            last = Reindexing(old.name, stage, done, self._count(old.stored))
            tell(last)

        try:
            copy = self._copies.take(old)
            if is_closed and copy.needs(self._settled(old) - copy.copied) > _PAUSE:
                say(ReindexStage.COPYING)
                self._open(old.stored)
                is_closed = False
            self._catch_up(old, copy, say)
            say(ReindexStage.CLOSING)
            is_closed = True
            self._close(old)
            until = monotonic() + _LONGEST_PAUSE
            self._copy(old, copy, self._settled(old), lambda: say(ReindexStage.CLOSING), until=until)
            self._check_whole(old, copy)
            say(ReindexStage.SWITCHING)
            self._check_whole(old, copy)  # should somebody have lifted the block meanwhile
            self._switch(old, copy)
        except BaseException as error:
            if isinstance(error, Conflict):  # another run is at it
                raise
            has_switched = is_closed and self._reopen(
                old, copy, lambda: tell(last), lambda: tell(replace(last, stage=ReindexStage.COPYING))
            )
            if not (has_switched and isinstance(error, KydaiError)):
                if copy is not None and isinstance(error, KydaiError):
                    with suppress(Unavailable):  # on a disk that is full it would be in the way of what comes in
                        self._copies.check_room(old, copy, 0)
                raise
        if copy is not None:
            self._notes.forget_copied(copy.name)

    # --- copying -------------------------------------------------------------------------------------------

    def _catch_up(self, old: Index, copy: Copy, say: Callable[[ReindexStage], None]) -> None:
        """Copy until the rest can be copied while nobody writes."""
        before = None
        while copy.needs(rest := (upto := self._settled(old)) - copy.copied) > _PAUSE:
            if before is not None and rest >= before:
                raise failure(Refused, "store.reindex.busy", name=old.name)
            before = rest
            self._copy(old, copy, upto, lambda: say(ReindexStage.COPYING), rest=_REST)

    def _copy(
        self,
        old: Index,
        copy: Copy,
        upto: int,
        say: Callable[[], None],
        *,
        rest: float = 0.0,
        until: float | None = None,
    ) -> None:
        """Copy what was written behind ``copy.copied``, up to a number behind which all is settled. Raises Refused
        when that lasts longer than until, a ``time.monotonic``."""
        self._refresh(old.stored)
        uuid, size = self._copies.extent(old)
        while copy.copied < upto:
            began = monotonic()
            hits = self._page(old, copy.copied, upto)
            if hits:
                self._write(old, copy, hits)
                self._compare(old, copy, hits)
            reached = upto if len(hits) < _PAGE else int(hits[-1]["sort"][0])
            took = monotonic() - began
            copy.writes, copy.seconds, copy.copied = copy.writes + len(hits), copy.seconds + took, reached
            is_late = until is not None and monotonic() > until and reached < upto
            if monotonic() - copy.noted_at > _NOTE_EVERY or reached == upto or is_late:
                copy.noted_at = monotonic()
                self._notes.note_copied(copy.name, uuid, reached)
                self._copies.check_room(old, copy, room_for(size * (upto - reached) // (upto + 1)))
            if is_late:
                raise failure(Refused, "store.reindex.busy", name=old.name)
            say()
            self._wait(took * rest)

    def _page(self, old: Index, above: int, upto: int) -> Sequence[Mapping[str, Any]]:
        numbers = {"range": {"_seq_no": {"gt": above, "lte": upto}}}
        hits: Sequence[Mapping[str, Any]] = self._cluster.call(
            lambda es: es.search(
                index=old.stored, query=_marked(numbers), sort=[{"_seq_no": "asc"}], size=_PAGE, version=True,
                track_total_hits=False, allow_partial_search_results=False,
            )
        ).body["hits"]["hits"]  # fmt: skip
        return hits

    def _write(self, old: Index, copy: Copy, hits: Sequence[Mapping[str, Any]]) -> None:
        lines: list[Any] = []
        size = 0
        for hit in hits:
            try:
                line = orjson.dumps(document(event_of(hit["_source"])) | dict.fromkeys(_marks_of(hit), True))
            except BadInput as error:
                raise _rejected(old, hit["_id"], str(error)) from error
            # a copy that another run has taken over since has a newer state at most
            numbered = {"version": hit["_version"], "version_type": "external_gte"}
            lines += [{"index": {"_index": copy.claim, "_id": hit["_id"]} | numbered}, line]
            size += len(line)
            if size > CHUNK_BYTES:
                self._send(old, copy, lines)
                lines, size = [], 0
        if lines:
            self._send(old, copy, lines)

    def _send(self, old: Index, copy: Copy, lines: list[Any]) -> None:
        answer = self._cluster.call(lambda es: es.bulk(operations=lines, require_alias=True)).body
        for item in answer["items"]:
            done = item["index"]
            if done["status"] in (400, 413):
                raise _rejected(old, done["_id"], told(done))
            if done["status"] in (403, 429) and "block" in told(done):  # its disk is full
                self._copies.drop(copy)
                raise failure(Unavailable, "store.elastic.blocked", name=copy.name, reason=reason(told(done)))
            if done["status"] >= 300 and done["status"] != 409:
                raise failure(Unavailable, "store.error.no_answer", reason=reason(told(done)))

    def _compare(self, old: Index, copy: Copy, hits: Sequence[Mapping[str, Any]]) -> None:
        """Read back what was written. Raises Refused when an event or a mark of it is not the same."""
        self._refresh(copy.name)
        ids = {"ids": {"values": [hit["_id"] for hit in hits]}}
        there = self._cluster.call(
            lambda es: es.search(
                index=copy.name, query=_marked(ids), size=len(hits), allow_partial_search_results=False
            )
        ).body["hits"]["hits"]  # fmt: skip
        found = {hit["_id"]: _state(hit) for hit in there}
        for hit in hits:
            if found.get(hit["_id"]) != _state(hit):
                self._copies.drop(copy)
                raise failure(Refused, "store.reindex.unequal", name=old.name, id=hit["_id"])

    def _check_whole(self, old: Index, copy: Copy) -> None:
        """Is every write to the old index in the copy, and nothing else? What is in it was compared one by one."""
        here, there = self._count(old.stored), self._count(copy.name)
        if self._settled(old, is_last=True) != copy.copied:
            raise failure(Refused, "store.reindex.busy", name=old.name)
        if here != there:
            self._copies.drop(copy)
            raise failure(Refused, "store.reindex.count", name=old.name, count=here, copied=there)

    def _switch(self, old: Index, copy: Copy) -> None:
        """One step: before it the old index is read and written by its names, behind it the copy is."""
        aliases = [{"add": {"index": copy.name, "alias": name}} for name in (old.name, self._setup.events)]
        actions = [removal(copy), {"remove_index": {"index": old.stored}}, *aliases]
        self._cluster.call(lambda es: es.indices.update_aliases(actions=actions))

    def _has_switched(self, old: Index, copy: Copy) -> bool:
        there = self._cluster.call(lambda es: es.options(ignore_status=404).indices.get_alias(name=old.name)).body
        return copy.name in there

    # --- who may write -------------------------------------------------------------------------------------

    def _is_closed(self, old: Index) -> bool:
        found = self._cluster.call(
            lambda es: es.indices.get_settings(index=old.stored, ignore_unavailable=True, name="index.blocks.write")
        ).body
        return any(takes_no_writes(described) for described in found.values())

    def _close(self, old: Index) -> None:
        """Nobody writes any more; what was on its way has ended."""
        answer = self._cluster.call(lambda es: es.indices.add_block(index=old.stored, block="write")).body
        # where the block stood already no index is named, and no shard is waited for
        if not answer["acknowledged"] or (answer["indices"] and not answer["shards_acknowledged"]):
            raise failure(Unavailable, "store.elastic.slow", url=self._cluster.url)

    def _open(self, name: str) -> None:
        self._cluster.call(
            lambda es: es.options(ignore_status=404).indices.put_settings(
                index=name, settings={"index.blocks.write": None}
            )
        )

    def _reopen(self, old: Index, copy: Copy | None, say: Callable[[], object], reopened: Callable[[], object]) -> bool:
        """Let everybody write again, unless this is another run's matter by now. Whether the copy has taken over after
        all, and only the answer was lost."""
        try:
            say()
        except Conflict:
            return False
        except KydaiError:  # nobody could be told: no reason to keep intake waiting
            pass
        with suppress(KydaiError):  # what went wrong first is told; the next run sees that it is closed
            # a step that was asked for and comes late would delete what is written from here on
            if copy is not None and copy.claim and not self._copies.reclaim(copy):
                return self._has_switched(old, copy)
            self._open(old.stored)
            reopened()
        return False

    # --- the server ----------------------------------------------------------------------------------------

    def _settled(self, old: Index, *, is_last: bool = False) -> int:
        """Up to which number every write has happened on all copies of an index of ours, which has one shard; or the
        number of the last write."""
        found = self._cluster.call(lambda es: es.indices.stats(index=old.stored, metric="docs", level="shards")).body
        shards = found["indices"].get(old.stored, {}).get("shards", {}).get("0", [])
        for shard in shards:
            if shard["routing"]["primary"]:
                return int(shard["seq_no"]["max_seq_no" if is_last else "global_checkpoint"])
        raise failure(Unavailable, "store.reindex.no_shard", name=old.name)

    def _count(self, name: str) -> int:
        found: int = self._cluster.call(
            lambda es: es.search(index=name, size=0, track_total_hits=True, allow_partial_search_results=False)
        ).body["hits"]["total"]["value"]
        return found

    def _refresh(self, name: str) -> None:
        shards = self._cluster.call(lambda es: es.indices.refresh(index=name)).body["_shards"]
        if shards["failed"]:
            raise failure(Unavailable, "store.elastic.slow", url=self._cluster.url)


def _with(tell: Tell, state: Reindexing, *, left: int) -> None:
    tell(replace(state, left=left))


def _is_analyzed(field: Mapping[str, Any]) -> bool:
    """Whether how a field is held depends on the analysis that an index has in its settings."""
    return any({"analyzer", "normalizer"} & each.keys() for each in (field, *field.get("fields", {}).values()))


def _marked(query: Mapping[str, Any]) -> dict[str, Any]:
    """A query whose hits name the marks that they have."""
    marks = [{"term": {mark: {"value": True, "_name": mark}}} for mark in _MARKS]
    return {"bool": {"filter": [query], "should": marks}}


def _marks_of(hit: Mapping[str, Any]) -> list[str]:
    return sorted(hit.get("matched_queries", ()))


def _state(hit: Mapping[str, Any]) -> tuple[bytes, list[str]]:
    """What is compared of a document: the event, and its marks."""
    return canonical(event_of(hit["_source"])), _marks_of(hit)


def _rejected(old: Index, id_: str, why: str) -> Refused:
    return failure(Refused, "store.reindex.rejected", name=old.name, id=id_, reason=reason(why))


def _texts(value: Any) -> Any:
    """Settings as the server gives them back: every number as a text."""
    if isinstance(value, Mapping):
        return {name: _texts(each) for name, each in value.items()}
    return [_texts(each) for each in value] if isinstance(value, list) else str(value)
