"""What every engine must do (core/store/contract.py): a test class that each engine's tests inherit.

A subclass gives the fixture ``make`` of class scope: what opens an empty store. The reference is the predicate of
core/query/to_match.py over the same events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import pytest

from core.clock import DAY, HOUR, MINUTE, SECOND, iso, to_micros
from core.errors import BadInput
from core.event import Event, EventId, Value, new_ulid, parse_event_id
from core.query.language import parse
from core.query.narrow import group_queries
from core.query.pipes import Grouping, parse_piped
from core.query.to_match import compile_match
from core.query.tree import TRUE, Equals, Exists, FieldEquals, Like, Node, Not, Wild
from core.store.contract import Batch, EventStore, Query, Span
from core.store.telling import Counting, TellCount
from tests.core.query.documented import NOW, examples, stages
from tests.core.store.brute_force import brute_force

START = to_micros("2026-11-25T00:00:00Z")


def spool(at: int = START, number: int = 0) -> str:
    """A spool segment's ULID; the same for the same arguments."""
    return new_ulid(at, lambda size: number.to_bytes(size, "big"))


def event(
    record: int, at: int = 0, fields: Mapping[str, Value] | None = None, *, segment: str = "", n: int = 0
) -> Event:
    """An event ``at`` seconds after START."""
    return {
        "event.id": f"{segment or spool()}.{record}.{n}",
        "@timestamp": iso(START + at * SECOND),
        "event.created": iso(START + at * SECOND + 5),
        "event.ingested": iso(START + DAY),
        "kydai.retention": "level3",
    } | dict(fields or {})


def world() -> list[Event]:
    """Events of many kinds, in no order of time."""
    texts = ["Failed password for root", "Đăng nhập thất bại", "đăng xuất", "Accepted password for an", "", "naïve Huế"]
    lines: list[Value] = ["cmd /c DIR", "", "C:\\Temp\\a.exe  -x", ["sh", "", "sh"], "😀" * 8_000, "\0", ["A", "a"]]
    made: list[Event] = []
    for i in range(120):
        fields: Event = {"message": texts[i % len(texts)], "source.port": i * 500, "event.dataset": f"set{i % 3}"}
        if i % 2:
            fields["source.ip"] = f"192.0.2.{i % 20}"
        if i % 5 == 0:
            fields["related.ip"] = ["10.0.0.1", f"10.0.0.{i % 7}", "10.0.0.1"]
        if i % 3 == 0:
            fields["process.command_line"] = lines[i // 3 % len(lines)]
        if i % 7 == 0:
            fields["vendor.code"] = [f"c{i % 4}", "x"] if i % 2 else f"c{i % 4}"
        if i % 11 == 0:
            fields |= {"source.port": "22", "vendor.number": i, "vendor.ratio": i / 8, "vendor.flag": True}
        if i % 13 == 0:
            fields |= {"source.ip": ["2001:db8::7", "192.0.2.3"], "vendor.nothing": None}
        if i % 17 == 0:
            fields |= {"source.port": "not a port", "event.original": f'{{"a": "{i}\\u0111"}}'}
        made.append(event(i, (i * 37) % 3600, fields))
    return made


SPELLED: list[dict[str, Value]] = [
    {"user.name": "Root", "vendor.code": "A b", "message": "Đăng nhập", "source.port": 443, "source.ip": "192.0.2.7"},
    {
        "user.name": "root",
        "vendor.code": "a b",
        "message": "đăng nhập",
        "source.port": "443",
        "source.ip": "2001:db8::1",
    },
    {"user.name": "ROOT", "vendor.code": ["A b", "x*"], "message": "Đăng nhập hai", "source.port": "443.0"},
    {"user.name": ["root", "Root"], "vendor.code": 'q"\\', "source.port": "https", "source.ip": "2001:DB8:0::1"},
    {"user.name": "", "vendor.code": "or", "message": "", "source.port": -1, "source.ip": "::ffff:192.0.2.7"},
    {"user.name": "Huế", "vendor.code": "/x/", "message": "x (y) | count", "source.ip": ["192.0.2.7", "10.0.0.0/8"]},
    {"user.name": "hue", "vendor.code": " x ", "related.ip": ["10.0.0.1", "no address"], "kydai.replay": True},
    {"user.name": "*", "vendor.code": "x?", "related.ip": "10.0.0.1", "kydai.replay": "true", "source.port": 443},
    {"user.name": "a\nb", "vendor.code": "⟨x⟩", "kydai.replay": "maybe", "event.start": "2026-11-25T00:00:00.000000Z"},
    {"user.name": "not", "vendor.code": "A b", "Threat Name": "X", "event.start": "2026-11-25T00:00:01.500000Z"},
    {"user.name": "NOT", "vendor.code": "a", "Threat Name": "x", "source.port": 22, "source.ip": "192.0.2.8"},
]
COMMAND_LINES: list[Value] = ["C:\\A  b", "c:\\a  B", "", "?*", ["x", ""], "\0", "a\nb", "é" * 900]
for fields, line in zip(SPELLED, COMMAND_LINES, strict=False):
    fields["process.command_line"] = line

QUERIES = [
    "*",
    "source.ip: 192.0.2.3",
    "source.ip: 192.0.2.0/29",
    "source.ip: 2001:db8::/32",
    "NOT source.ip: *",
    "source.port >= 20000 AND source.port < 30000",
    "source.port: 22",
    "source.port: *",
    "message: dang*",
    'message: "that bai"',
    "message: hue OR message: HUẾ",
    "event.dataset: (set0 OR SET1)",
    "related.ip: 10.0.0.3",
    "vendor.code: c1",
    "vendor.code: x",
    "vendor.number > 50",
    "vendor.flag: true",
    "vendor.nothing: *",
    "NOT vendor.code: *",
    "event.original: *11*",
    "password",
    'process.command_line: ""',
    "process.command_line: ?*",
    "NOT process.command_line: ???*",
    "process.command_line: *\0*",
    "process.command_line: *temp*",
    "process.command_line == a",
    "process.command_line: /(cmd|).*dir/",
    "process.command_line: 😀?😀*",
]


GROUPINGS = [
    "* | count",
    "message: failed | count by event.dataset",
    "* | count by source.ip, event.dataset",
    "* | count by related.ip, vendor.code",
    "* | count by process.command_line",
    "* | stats distinct(process.command_line), min(process.command_line) by event.dataset",
    "nowhere: x | count by source.ip",
    "nowhere: x | count",
    "* | timechart 10m",
    "* | timechart 5m count, max(source.port) by event.dataset",
    "* | stats count, min(source.port), max(source.port), sum(source.port), avg(source.port) by event.dataset",
    "* | stats min(vendor.number), max(vendor.ratio), sum(vendor.number), distinct(vendor.code) by event.dataset",
    "* | stats count, distinct(source.ip), distinct(related.ip), distinct(nowhere)",
    "* | stats distinct(message), min(@timestamp), max(event.created) by vendor.code",
    *(text for text in stages() if parse_piped(text, now=START).grouping),
]


def key(e: Event) -> tuple[str, EventId]:
    return str(e["@timestamp"]), parse_event_id(str(e["event.id"]))


def matching(events: Sequence[Event], node: Node) -> list[Event]:
    """The events that match, in the order of a store: oldest first."""
    matches = compile_match(node)
    return sorted((e for e in events if matches(e)), key=key)


def fill(store: EventStore) -> EventStore:
    for first in (0, 40, 80):
        assert store.append(Batch(world()[first : first + 40])).stored == 40
    return store


class Conformance:
    """The tests; an engine's test class inherits them."""

    @pytest.fixture
    def store(self, make: Callable[[], EventStore]) -> EventStore:
        """An empty store."""
        return make()

    @pytest.fixture(scope="class")
    def spelled(self, make: Callable[[], EventStore]) -> EventStore:
        """A store of values that are alike and not the same, written in several ways, and hostile."""
        store = make()
        store.append(Batch([event(i, i, fields) for i, fields in enumerate(SPELLED)]))
        return store

    @pytest.fixture(scope="class")
    def filled(self, make: Callable[[], EventStore]) -> EventStore:
        """A store with the world, appended in three batches; for tests that only read."""
        return fill(make())

    @pytest.mark.parametrize("text", QUERIES)
    def test_a_query_finds_what_the_predicate_finds(self, filled: EventStore, text: str) -> None:
        node = parse(text, now=START)
        expected = matching(world(), node)
        rows = filled.search(Query(node), limit=1000)
        assert rows.events == expected[::-1]
        assert rows.cursor is None
        assert filled.search(Query(node), limit=1000, newest_first=False).events == expected
        count = filled.count(Query(node))
        assert (count.count, count.truth.exact, count.truth.complete) == (len(expected), True, True)

    def test_every_example_of_the_language_finds_what_the_document_says(self, store: EventStore) -> None:
        rows = examples()
        events = [event(i, 0, fields) for i, (_, fields, _) in enumerate(rows)]
        store.append(Batch(events))
        for (query, _, found), own in zip(rows, events, strict=True):
            node = parse(query, now=NOW)
            got = store.search(Query(node), limit=1000, newest_first=False).events
            assert got == matching(events, node), query
            assert (own in got) is found, query

    def test_types_come_back_as_they_went_in(self, filled: EventStore) -> None:
        by_id = {str(e["event.id"]): e for e in world()}
        for found in filled.search(Query(), limit=1000).events:
            expected = by_id[str(found["event.id"])]
            assert {n: type(v) for n, v in found.items()} == {n: type(v) for n, v in expected.items()}

    def test_appending_again_changes_nothing(self, store: EventStore) -> None:
        filled = fill(store)
        again = filled.append(Batch([*world()[30:50], event(500)]))
        assert (again.stored, again.already) == (1, 20)
        assert filled.count(Query()).count == 121

    def test_an_id_twice_in_one_batch_is_stored_once(self, store: EventStore) -> None:
        result = store.append(Batch([event(1), event(2), event(1)]))
        assert (result.stored, result.already) == (2, 1)
        assert store.count(Query()).count == 2

    def test_the_events_of_one_record_are_told_apart(self, store: EventStore) -> None:
        store.append(Batch([event(1)]))
        result = store.append(Batch([event(1), event(1, n=1), event(1, n=2)]))
        assert (result.stored, result.already) == (2, 1)

    def test_what_cannot_be_stored_is_rejected_and_the_rest_stored(self, store: EventStore) -> None:
        result = store.append(Batch([event(1), event(2, 0, {"@timestamp": "yesterday"}), event(3)]))
        assert result.stored == 2
        assert [one.id for one in result.rejected] == [EventId(spool(), 2, 0)]

    def test_pages_join_without_gap_or_repeat(self, filled: EventStore) -> None:
        for newest_first in (True, False):
            seen: list[Event] = []
            cursor: str | None = None
            while True:
                rows = filled.search(Query(), limit=7, newest_first=newest_first, cursor=cursor)
                seen += rows.events
                cursor = rows.cursor
                if cursor is None:
                    break
            assert seen == sorted(world(), key=key, reverse=newest_first)

    def test_events_of_one_instant_are_ordered_by_id(self, store: EventStore) -> None:
        store.append(Batch([event(i) for i in (10, 9, 100)]))
        store.append(Batch([event(2), event(2, n=10), event(2, n=9)]))
        found = store.search(Query(), limit=4, newest_first=False)
        rest = store.search(Query(), newest_first=False, cursor=found.cursor)
        ids = [parse_event_id(str(e["event.id"]))[1:] for e in found.events + rest.events]
        assert ids == [(2, 0), (2, 9), (2, 10), (9, 0), (10, 0), (100, 0)]

    def test_a_foreign_cursor_is_refused(self, filled: EventStore) -> None:
        with pytest.raises(BadInput):
            filled.search(Query(), cursor="x'; DROP TABLE segment")

    def test_only_the_fields_asked_for(self, filled: EventStore) -> None:
        names = ["source.port", "vendor.code", "event.id", "@timestamp", "source.ip"]
        expected = [{n: e[n] for n in e if n in names} for e in sorted(world(), key=key)]
        found = filled.search(Query(), limit=1000, newest_first=False, fields=names)
        assert found.events == expected

    def test_the_span_is_half_open(self, filled: EventStore) -> None:
        start, end = START + 10 * MINUTE, START + 20 * MINUTE
        inside = [e for e in world() if iso(start) <= str(e["@timestamp"]) < iso(end)]
        assert filled.count(Query(span=Span(start, end))).count == len(inside)
        assert filled.count(Query(span=Span(start, start))).count == 0

    def test_a_count_tells_how_far_it_is_and_takes_nothing_back(self, store: EventStore) -> None:
        for week in range(4):
            segment = spool(START + week * 7 * DAY)
            made = [event(i, i, {"event.dataset": f"set{i % 3}"}, segment=segment) for i in range(6 + week)]
            store.append(Batch(made))
        query = Query(Equals("event.dataset", "set1"), Span(START - HOUR, START + HOUR))
        asks: list[Callable[[TellCount | None], int]] = [
            lambda tell: store.count(query, tell=tell).count,
            lambda tell: sum(b.count for b in store.histogram(query, MINUTE, tell=tell).buckets),
            lambda tell: store.count(Query(query.where), tell=tell).count,
            lambda tell: sum(b.count for b in store.histogram(Query(query.where), MINUTE, tell=tell).buckets),
        ]
        for ask in asks:
            told: list[Counting] = []
            assert ask(told.append) == ask(None) == 10
            assert len(told) > 1
            assert told == sorted(told, key=lambda now: (now.done, now.found))
            assert len({now.whole for now in told}) == 1
            assert 0 < told[0].done < told[0].whole
            assert told[-1] == Counting(told[-1].whole, told[-1].whole, 10)

    def test_who_hears_of_a_count_can_end_it(self, filled: EventStore) -> None:
        def enough(_: Counting) -> None:
            raise LookupError

        with pytest.raises(LookupError):
            filled.count(Query(), tell=enough)
        assert filled.count(Query()).count == 120

    def test_the_scope_is_and_ed_to_every_read(self, filled: EventStore) -> None:
        query = Query(Exists("source.ip"), scope=Equals("event.dataset", "set1"))
        expected = [e for e in world() if e["event.dataset"] == "set1" and "source.ip" in e]
        assert filled.count(query).count == len(expected)
        assert len(filled.search(query, limit=1000).events) == len(expected)
        assert sum(len(b) for b in filled.scan(query)) == len(expected)
        assert sum(b.count for b in filled.terms(query, "event.dataset").buckets) == len(expected)
        assert sum(b.count for b in filled.histogram(query, HOUR).buckets) == len(expected)
        ids = [parse_event_id(str(e["event.id"])) for e in world()]
        scoped = filled.get(ids, scope=Equals("event.dataset", "set1"))
        assert scoped.events == [e for e in world() if e["event.dataset"] == "set1"]

    def test_scan_gives_every_event_once(self, filled: EventStore) -> None:
        found = [e for batch in filled.scan(Query()) for e in batch]
        assert sorted(found, key=key) == sorted(world(), key=key)

    def test_histogram_is_aligned_to_the_zone_and_fills_gaps(self, store: EventStore) -> None:
        store.append(Batch([event(0, 0), event(1, 16 * 3600), event(2, 18 * 3600)]))
        midnight = START + 17 * HOUR  # 2026-11-26 in Vietnam
        query = Query(span=Span(START, START + 2 * DAY))
        buckets = store.histogram(query, DAY, zone="Asia/Ho_Chi_Minh").buckets
        assert [(b.key, b.count) for b in buckets] == [
            (midnight - DAY, 2), (midnight, 1), (midnight + DAY, 0),
        ]  # fmt: skip
        utc = store.histogram(query, DAY, zone="UTC").buckets
        assert [(b.key, b.count) for b in utc] == [(START, 3), (START + DAY, 0)]

    def test_a_histogram_of_too_many_buckets_is_refused(self, store: EventStore) -> None:
        with pytest.raises(BadInput):
            store.histogram(Query(span=Span(0, START)), SECOND)

    @pytest.mark.parametrize(
        "field", ["message", "source.port", "related.ip", "vendor.code", "source.ip", "nowhere", "process.command_line"]
    )
    def test_terms_are_exact(self, filled: EventStore, field: str) -> None:
        counts: Counter[str] = Counter()
        members_of: list[set[str]] = []
        for e in world():
            value = e.get(field)
            values = {str(m) for m in (value if isinstance(value, list) else [value]) if m is not None}
            counts.update(values)
            members_of.append(values)
        top = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:3]
        shown = {value for value, _ in top}
        found = filled.terms(Query(), field, limit=3)
        assert [(b.key, b.count) for b in found.buckets] == top
        assert found.other == sum(1 for values in members_of if values and not values & shown)

    @pytest.mark.parametrize("text", GROUPINGS)
    def test_groups_are_those_of_the_events(self, filled: EventStore, text: str) -> None:
        piped = parse_piped(text, now=START)
        assert piped.grouping is not None
        found = filled.group(Query(piped.where), piped.grouping, zone="UTC")
        assert found.truth.exact
        assert found.truth.complete
        expected = brute_force(matching(world(), piped.where), piped.grouping)
        assert {row.keys: row.figures for row in found.rows} == expected
        assert [row.keys for row in found.rows] == sorted(expected)

    @pytest.mark.parametrize(
        "by",
        [
            ("user.name",), ("vendor.code",), ("message",), ("source.port",), ("source.ip",),
            ("vendor.code", "user.name"),
            ("source.port", "source.ip"), ("related.ip",), ("kydai.replay",), ("event.start",), ("Threat Name",),
            ("process.command_line",),
        ],
    )  # fmt: skip
    def test_the_query_of_a_group_finds_as_many_events_as_the_group_counts(
        self, spelled: EventStore, by: tuple[str, ...]
    ) -> None:
        rows = spelled.group(Query(), Grouping(by)).rows
        keys = [tuple(map(str, row.keys)) for row in rows]
        queries = list(zip(rows, group_queries(by, keys, keys), strict=True))
        found = [(text, row.figures[0]) for row, text in queries if text is not None]
        assert found
        assert [(text, spelled.count(Query(parse(text, now=START))).count) for text, _ in found] == found
        assert {row.keys[0] for row, text in queries if text is None} <= {"https", "maybe"}

    def test_a_product_may_name_its_fields_as_the_engine_names_its_own(self, store: EventStore) -> None:
        names = ("ts", "created", "ingested", "segment", "record", "n", "doc", "keys", "user.name#fold", "source.ip#ip")
        store.append(Batch([event(1, 0, {name: f"of {name}" for name in names}), event(2)]))
        for name in names:
            for node in (Equals(name, f"of {name}"), Exists(name), FieldEquals(name, name)):
                assert store.count(Query(node)).count == 1, node
            assert store.count(Query(Not(Equals(name, f"of {name}")))).count == 1
            assert [(b.key, b.count) for b in store.terms(Query(), name).buckets] == [(f"of {name}", 1)]
            (row,) = store.group(Query(), Grouping((name,))).rows
            assert (row.keys, row.figures) == ((f"of {name}",), (1,))

    def test_what_adds_up_beyond_the_greatest_fraction_has_no_sum(self, store: EventStore) -> None:
        store.append(Batch([event(i, 0, {"vendor.ratio": 1.7e308}) for i in range(2)]))
        grouping = parse_piped("* | stats max(vendor.ratio), sum(vendor.ratio), avg(vendor.ratio)", now=START).grouping
        assert grouping is not None
        assert [row.figures for row in store.group(Query(), grouping).rows] == [(1.7e308, None, None)]

    def test_get_keeps_the_order_and_leaves_out_the_unknown(self, filled: EventStore) -> None:
        ids = [parse_event_id(str(world()[i]["event.id"])) for i in (100, 3, 55)]
        unknown = [EventId(spool(), 9999, 0), EventId(spool(START, 7), 1, 0), EventId(spool(), 3, 1)]
        rows = filled.get([ids[0], unknown[0], *ids[1:], *unknown[1:]])
        assert rows.events == [world()[100], world()[3], world()[55]]
        assert filled.get([]).events == []

    def test_ids_of_many_years_are_found_and_marked(self, store: EventStore) -> None:
        ids = [EventId(spool(START - i * 7 * DAY), 1, 0) for i in range(300)]
        made = [event(1, segment=ids[i].segment) for i in (299, 0)]
        store.append(Batch(made))
        assert store.get(ids).events == made[::-1]
        store.mark_replaced([ids[i] for i in range(299)])
        assert [e["event.id"] for e in store.search(Query()).events] == [str(ids[299])]

    def test_fields_say_how_many_events_have_them(self, filled: EventStore) -> None:
        expected: Counter[str] = Counter()
        for e in world():
            expected.update(name for name, value in e.items() if value is not None)
        answer = filled.fields(Query())
        assert {f.name: f.count for f in answer.fields} == dict(expected)
        assert answer.truth.exact
        assert answer.truth.complete
        types = {f.name: f.type for f in answer.fields}
        assert (types["source.ip"], types["source.port"], types["vendor.code"]) == ("ip", "long", "keyword")

    def test_a_field_name_is_never_read_as_sql(self, store: EventStore) -> None:
        names = ['a"b', "a'b", "a~b/c", 'x"; DROP TABLE replaced; --', "dấu.tiếng", "back\\slash"]
        store.append(Batch([event(0, 0, dict.fromkeys(names, "v"))]))
        for name in names:
            assert store.count(Query(Equals(name, "v"))).count == 1
            assert store.count(Query(Not(Equals(name, "v")))).count == 0
            assert [b.key for b in store.terms(Query(), name).buckets] == ["v"]
            assert store.count(Query(Like(name, ("V", Wild.MANY)))).count == 1

    def test_stats_count_what_is_stored(self, filled: EventStore) -> None:
        stats = filled.stats()
        times = [to_micros(str(e["@timestamp"])) for e in world()]
        assert (stats.events, stats.flows) == (120, 0)
        assert (stats.oldest, stats.newest) == (min(times), max(times))
        assert stats.bytes > 0

    def test_an_empty_store_answers(self, store: EventStore) -> None:
        assert store.search(Query()).events == []
        assert store.count(Query()).count == 0
        assert store.terms(Query(), "message").buckets == []
        assert store.histogram(Query(), HOUR).buckets == []
        told: list[Counting] = []
        assert store.count(Query(), tell=told.append).count == 0
        assert told == [Counting(0, 0, 0)]
        assert store.fields(Query()).fields == []
        assert store.group(Query(), Grouping(("message",))).rows == []
        assert [row.figures for row in store.group(Query(), Grouping()).rows] == [(0,)]
        assert list(store.scan(Query())) == []
        assert store.append(Batch([])).stored == 0
        assert store.verify() == []

    def test_everything_is_true_of_nothing_asked(self, filled: EventStore) -> None:
        assert filled.count(Query(TRUE)).count == 120
