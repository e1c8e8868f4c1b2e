"""A mapping that has changed: an index that an older version wrote is written anew beside it, and replaced in one step
(docs/decisions/0015-a-mapping-that-has-changed.md).

What decides a comparison stands in an index beside the document and not in it (decision 9), so events are read and
made documents anew. They are read in order of the sequence numbers that the server gives to writes: what comes
meanwhile has higher ones. Nobody reads the copy until it takes the name over; nobody writes while the last are copied.
A run that is killed is gone on with by the next.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from typing import Any

import orjson

from core.errors import BadInput, Conflict, KydaiError, Refused, Unavailable, failure, reason
from core.store.elastic_append import CHUNK_BYTES
from core.store.elastic_client import Cluster, told
from core.store.elastic_document import document, event_of
from core.store.elastic_meta import Notes
from core.store.elastic_names import Index, copies, copy_name, pattern, read_name
from core.store.elastic_setup import FLOW, LAYOUT, REPLACED, Setup, as_told, is_ours
from core.store.integrity import canonical
from core.store.reindex import Reindexing, ReindexStage
from core.words import LANGUAGES
from core.words import size as text_size

_PAGE = 2_000
_FEW = 2_000
"""So many writes are copied at most, where the pace is not known yet, while nobody may write."""
_PAUSE = 20.0
"""Seconds that nobody may write, at most, by the pace so far."""
_REST = 0.5
"""Of the time that a page took, so long is waited before the next: who writes and searches goes first."""
_NOTE_EVERY = 5.0
_MARKS = (FLOW, REPLACED)

Tell = Callable[[Reindexing], object]


@dataclass(slots=True)
class _Copy:
    """A copy that is being made. It is written to by ``claim``, an alias that only one run has."""

    name: str
    claim: str
    copied: int = -1
    """Writes to the old index up to this number are in it, and were compared."""
    seconds: float = 0.0
    writes: int = 0
    noted_at: float = 0.0

    def needs(self, writes: int) -> float:
        """Seconds for so many more."""
        return 0.0 if writes <= _FEW else writes * self.seconds / self.writes if self.writes else float("inf")


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
        self._free = free
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
        wanted = self._setup.template()["template"]["mappings"]["properties"]
        there = self._cluster.call(lambda es: es.indices.get_mapping(index=old, ignore_unavailable=True)).body
        found: dict[str, frozenset[str]] = {}
        for name, described in there.items():
            index = read_name(self._setup.prefix, name)
            if index is not None:
                has = described["mappings"].get("properties", {})
                found[index.name] = frozenset(f for f in has.keys() | wanted.keys() if has.get(f) != wanted.get(f))
        return found

    def run(self, tell: Tell) -> int:
        """Write all indices anew that are not as this version makes them, the newest first; how many. Raises Refused,
        behind the last, when one could not be."""
        old = self._outdated()
        self._drop_copies(lambda name: all(name != index.name for index in old))
        refused: Refused | None = None
        for at, index in enumerate(old):
            try:
                self._renew(index, partial(_with, tell, left=len(old) - at))
            except Refused as error:  # the next may be another matter
                refused = refused or error
        if refused is not None:
            raise refused
        return len(old)

    def _outdated(self) -> list[Index]:
        wanted = self._setup.template()["template"]
        mapping, analysis = as_told(wanted["mappings"]), _texts(wanted["settings"]["index"]["analysis"])
        found = self._cluster.call(lambda es: es.indices.get(index=pattern(self._setup.prefix))).body
        old = [
            index
            for name, described in found.items()
            if is_ours(described["mappings"])
            and described["mappings"]["_meta"].get("layout", 0) <= LAYOUT
            and (described["mappings"] != mapping or _texts(described["settings"]["index"].get("analysis")) != analysis)
            and (index := read_name(self._setup.prefix, name)) is not None
        ]
        return sorted(old, key=lambda index: (-index.min_received, index.name))

    def _renew(self, old: Index, tell: Tell) -> None:
        copy = self._claim(old)

        last = Reindexing(old.name, ReindexStage.COPYING)

        def say(stage: ReindexStage) -> None:
            nonlocal last
            last = Reindexing(old.name, stage, self._count(copy.name), self._count(old.stored))
            tell(last)

        is_closed = False
        try:
            self._catch_up(old, copy, say)
            say(ReindexStage.CLOSING)
            is_closed = True
            self._cluster.call(lambda es: es.indices.add_block(index=old.stored, block="write"))
            self._copy(old, copy, self._settled(old), lambda: say(ReindexStage.CLOSING))
            self._check_whole(old, copy)
            say(ReindexStage.SWITCHING)
            self._check_whole(old, copy)  # should somebody have lifted the block meanwhile
            self._switch(old, copy)
        except BaseException as error:
            if is_closed and not isinstance(error, Conflict):  # else another run is at it, and closed it
                self._reopen(old, lambda: tell(last))
            raise
        self._notes.forget_copied(copy.name)

    # --- the copy ------------------------------------------------------------------------------------------

    def _claim(self, old: Index) -> _Copy:
        """The copy of an index that an earlier run began, or a new one; from here on it is this run's."""
        uuid, size = self._told_of(old)
        for copy in self._copies(old.name):
            copied = self._notes.copied(copy.name, uuid)
            claim = f"{copy.name}~{secrets.token_hex(4)}"
            if copied is not None and copy.claim and self._is_right(copy.name):
                taken = [_removal(copy), {"add": {"index": copy.name, "alias": claim}}]
                self._cluster.call(lambda es: es.indices.update_aliases(actions=taken))  # noqa: B023
                return _Copy(copy.name, claim, copied)
            self._drop(copy)
        needed = size + size // 4  # merges take room, too
        if (free := self._free()) < needed:
            lacking = {lang: text_size(needed - free, lang) for lang in LANGUAGES}
            raise failure(Refused, "store.reindex.room", name=old.name, lacking=lacking)
        name = copy_name(old.name, secrets.token_hex(4))
        made = _Copy(name, f"{name}~{secrets.token_hex(4)}")
        inner = self._setup.template()["template"]
        self._cluster.call(
            lambda es: es.indices.create(
                index=name, mappings=inner["mappings"], settings=inner["settings"], aliases={made.claim: {}}
            )
        )
        if not self._is_right(name):  # or it would be written anew for ever
            self._drop(made)
            raise failure(Refused, "store.reindex.unlike", name=old.name)
        return made

    def _copies(self, name: str) -> list[_Copy]:
        return [copy for of, copy in self._all_copies() if of == name]

    def _all_copies(self) -> Iterator[tuple[str, _Copy]]:
        """Copies that have not taken over, each with the name that it shall take."""
        found = self._cluster.call(
            lambda es: es.indices.get(index=copies(self._setup.prefix), features="aliases", expand_wildcards="all")
        ).body
        for name, described in found.items():
            index = read_name(self._setup.prefix, name)
            if index is not None and index.stored != index.name and index.name not in described["aliases"]:
                claim = next((alias for alias in described["aliases"] if alias.startswith(f"{name}~")), "")
                yield index.name, _Copy(name, claim)

    def _drop_copies(self, is_idle: Callable[[str], bool]) -> None:
        for name, copy in list(self._all_copies()):
            if is_idle(name):
                self._drop(copy)

    def _drop(self, copy: _Copy) -> None:
        """Delete a copy, if its claim is what we know: without one it cannot take over any more."""
        if copy.claim:
            given_up = self._cluster.call(
                lambda es: es.options(ignore_status=404).indices.update_aliases(actions=[_removal(copy)])
            )
            if given_up.meta.status == 404:
                return  # it has taken over, or is another run's
        self._cluster.call(lambda es: es.options(ignore_status=404).indices.delete(index=copy.name))
        self._notes.forget_copied(copy.name)

    def _is_right(self, name: str) -> bool:
        found = self._cluster.call(lambda es: es.indices.get_mapping(index=name)).body[name]["mappings"]
        return bool(found == as_told(self._setup.template()["template"]["mappings"]))

    # --- copying -------------------------------------------------------------------------------------------

    def _catch_up(self, old: Index, copy: _Copy, say: Callable[[ReindexStage], None]) -> None:
        """Copy until the rest can be copied while nobody writes."""
        before = None
        while copy.needs(rest := (upto := self._settled(old)) - copy.copied) > _PAUSE:
            if before is not None and rest >= before:
                raise failure(Refused, "store.reindex.busy", name=old.name)
            before = rest
            self._copy(old, copy, upto, lambda: say(ReindexStage.COPYING), rest=_REST)

    def _copy(self, old: Index, copy: _Copy, upto: int, say: Callable[[], None], *, rest: float = 0.0) -> None:
        """Copy what was written behind ``copy.copied``, up to a number behind which all is settled."""
        self._refresh(old.stored)
        uuid, _ = self._told_of(old)
        while copy.copied < upto:
            began = monotonic()
            hits = self._page(old, copy.copied, upto)
            if hits:
                self._write(old, copy, hits)
                self._compare(old, copy, hits)
            reached = upto if len(hits) < _PAGE else int(hits[-1]["sort"][0])
            took = monotonic() - began
            copy.writes, copy.seconds, copy.copied = copy.writes + len(hits), copy.seconds + took, reached
            if monotonic() - copy.noted_at > _NOTE_EVERY or reached == upto:
                copy.noted_at = monotonic()
                self._notes.note_copied(copy.name, uuid, reached)
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

    def _write(self, old: Index, copy: _Copy, hits: Sequence[Mapping[str, Any]]) -> None:
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
                self._send(old, lines)
                lines, size = [], 0
        if lines:
            self._send(old, lines)

    def _send(self, old: Index, lines: list[Any]) -> None:
        answer = self._cluster.call(lambda es: es.bulk(operations=lines, require_alias=True)).body
        for item in answer["items"]:
            done = item["index"]
            if done["status"] in (400, 413):
                raise _rejected(old, done["_id"], told(done))
            if done["status"] >= 300 and done["status"] != 409:
                raise failure(Unavailable, "store.error.no_answer", reason=reason(told(done)))

    def _compare(self, old: Index, copy: _Copy, hits: Sequence[Mapping[str, Any]]) -> None:
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
                self._drop(copy)
                raise failure(Refused, "store.reindex.unequal", name=old.name, id=hit["_id"])

    def _check_whole(self, old: Index, copy: _Copy) -> None:
        """Is every write to the old index in the copy, and nothing else? What is in it was compared one by one."""
        here, there = self._count(old.stored), self._count(copy.name)
        if self._settled(old, is_last=True) != copy.copied:
            raise failure(Refused, "store.reindex.busy", name=old.name)
        if here != there:
            self._drop(copy)
            raise failure(Refused, "store.reindex.count", name=old.name, count=here, copied=there)

    def _switch(self, old: Index, copy: _Copy) -> None:
        """One step: before it the old index is read and written by its names, behind it the copy is."""
        aliases = [{"add": {"index": copy.name, "alias": name}} for name in (old.name, self._setup.events)]
        actions = [_removal(copy), {"remove_index": {"index": old.stored}}, *aliases]
        try:
            self._cluster.call(lambda es: es.indices.update_aliases(actions=actions))
        except KydaiError:
            there = self._cluster.call(lambda es: es.options(ignore_status=404).indices.get_alias(name=old.name)).body
            if copy.name not in there:  # else it was done, and only the answer was lost
                raise

    def _reopen(self, old: Index, say: Callable[[], object]) -> None:
        """Let everybody write again, unless this is another run's matter by now."""
        try:
            say()
        except Conflict:
            return
        except KydaiError:  # nobody could be told: no reason to keep intake waiting
            pass
        with suppress(KydaiError):  # what went wrong first is told; the next run closes and opens it
            self._cluster.call(
                lambda es: es.options(ignore_status=404).indices.put_settings(
                    index=old.stored, settings={"index.blocks.write": None}
                )
            )

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

    def _told_of(self, old: Index) -> tuple[str, int]:
        """What tells an index from another of its name, and its bytes with all copies."""
        found = self._cluster.call(lambda es: es.indices.stats(index=old.stored, metric="store")).body["indices"]
        if old.stored not in found:
            raise failure(Unavailable, "store.reindex.no_shard", name=old.name)
        described = found[old.stored]
        return str(described["uuid"]), int(described["total"]["store"]["size_in_bytes"])

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


def _removal(copy: _Copy) -> dict[str, Any]:
    """Of the claim: what it stands beside happens only while the copy is ours."""
    return {"remove": {"index": copy.name, "alias": copy.claim, "must_exist": True}}


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
