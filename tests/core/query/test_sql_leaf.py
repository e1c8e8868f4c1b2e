"""Conditions on one value, asked of DuckDB itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_network
from itertools import combinations
from time import process_time
from typing import Any

import pytest

from core.ecs import FieldType
from core.query.fold import comparable
from core.query.meaning import FREE_TEXT
from core.query.sql_leaf import NEVER, Holds, Written, any_leaf, between, compared, join, json_text, text_of
from core.query.to_match import compile_match
from core.query.tree import And, Cidr, Comparison, Equals, Exists, Leaf, Like, Phrase, Range, Regex, Wild
from tests.core.query.worlds import connection


@pytest.fixture(scope="module")
def con() -> Iterator[Any]:
    made = connection()
    yield made
    made.close()


def ask(con: Any, text: str, params: list[object], value: object) -> Any:
    return con.execute(f"SELECT {text} FROM (SELECT ? AS x)", [*params, value]).fetchone()[0]


def test_join() -> None:
    assert join("AND", "TRUE", []) == ("TRUE", [])
    assert join("AND", "TRUE", [("a", [1])]) == ("a", [1])
    assert join("OR", "FALSE", [("a", [1]), ("b", [2])]) == ("(a OR b)", [1, 2])


@pytest.mark.parametrize(
    ("value", "holds", "text"),
    [(443, Holds.LONG, "443"), (1e21, Holds.DOUBLE, "1e21"), (True, Holds.BOOLEAN, "true"), ("x", Holds.TEXT, "x")],
)
def test_json_text(con: Any, value: object, holds: Holds, text: str) -> None:
    assert ask(con, json_text("x", holds), [], value) == text


def test_times_are_shown_in_the_canonical_text(con: Any) -> None:
    shown = ask(con, text_of("x", Holds.LONG, FieldType.DATE), [], 1_764_000_000_123_456)
    assert shown == "2025-11-24T16:00:00.123456Z"


@pytest.mark.parametrize(
    ("comparison", "text"), [(Comparison.EXACT, "Huế"), (Comparison.CI, "huế"), (Comparison.FOLD, "hue")]
)
def test_compared(con: Any, comparison: Comparison, text: str) -> None:
    assert ask(con, compared("x", Holds.TEXT, FieldType.KEYWORD, comparison), [], "Huế") == text


@pytest.mark.parametrize(
    "text", ["xMiKa.", "XMİ\u212aA.", "mik\u0131a.", "mika", "miſa.", "Mik\nA.", None, "ế mika. ế"]
)
@pytest.mark.parametrize("parts", [("mika.",), ("Mika.", "m?a."), ("ế m", "mika."), ("ika.",)])
def test_parts_are_looked_for_in_the_text_as_it_was_written(con: Any, text: str | None, parts: tuple[str, ...]) -> None:
    leaves: list[Leaf] = []
    for part in parts:
        before, *after = part.split("?")
        pieces = [before, *(piece for rest in after for piece in (Wild.ONE, rest))]
        leaves.append(Like("f", (Wild.MANY, *pieces, Wild.MANY), Comparison.CI))
    sql, params = any_leaf(leaves, "x", Holds.TEXT)
    assert ("lower" in sql) is not all(part.isascii() for part in parts)
    right = [compile_match(leaf)({"f": text}) for leaf in leaves]
    assert bool(ask(con, sql, params, text)) is any(right)


def test_two_letters_beyond_ascii_have_a_lower_case_in_it(con: Any) -> None:
    every = "SELECT chr(range::INT) AS c FROM range(128, 1114112) WHERE range NOT BETWEEN 55296 AND 57343"
    found = con.execute(f"SELECT c, lower(c) FROM ({every}) WHERE strlen(lower(c)) = 1 ORDER BY c").fetchall()
    assert found == [("\u0130", "i"), ("\u212a", "k")]


def test_any_leaf(con: Any) -> None:
    leaves: list[Leaf] = [Equals("f", "a"), Like("f", ("b", Wild.MANY)), Phrase("f", "c d"), Range("f", gt=5)]
    text, params = any_leaf(leaves, "x", Holds.TEXT)
    assert [bool(ask(con, text, params, value)) for value in ("A", "bb", "x C d", "6", "e", "5", None)] == [
        True, True, True, True, False, False, False,
    ]  # fmt: skip
    assert any_leaf([Exists("f")], "x", Holds.TEXT) == ("x IS NOT NULL", [])
    assert any_leaf([Equals("destination.port", "https")], "x", Holds.LONG) == NEVER


ADDRESSES = (
    "192.0.2.7", "192.0.2.77", "192.0.2.7%eth0", "::ffff:192.0.2.7", "::ffff:c000:207", "0::ffff:c000:0207%1",
    "1192.0.2.7",
    "192.0.2.07", "2001:db8::1", "2001:DB8:0::1%x", "192.0.2.7 ", "192.0.2", "x", "", ":", "a:b", "10.1.2.3", None,
)  # fmt: skip


@pytest.mark.parametrize(
    "leaf",
    [
        Equals("related.ip", "192.0.2.7"), Equals("related.ip", "::ffff:c000:207"), Equals("related.ip", "2001:db8::1"),
        *(Cidr("related.ip", ip_network(n)) for n in (
            "192.0.2.0/24", "192.0.2.4/30", "192.0.0.0/6", "0.0.0.0/0", "::/0", "::ffff:0:0/96", "2001:db8::/32")),
    ],
    ids=str,
)  # fmt: skip
def test_addresses_within_texts_are_those_of_the_predicate(con: Any, leaf: Leaf) -> None:
    text, params = any_leaf([leaf], "x", Holds.TEXT)
    found = [value for value in ADDRESSES if ask(con, text, params, value)]
    assert found == [value for value in ADDRESSES if compile_match(leaf)({"related.ip": value})]
    assert found


def test_many_addresses_are_asked_at_once(con: Any) -> None:
    leaves: list[Leaf] = [Equals("related.ip", f"192.0.2.{i}") for i in range(40)]
    text, params = any_leaf(leaves, "x", Holds.TEXT)
    assert [bool(ask(con, text, params, f"192.0.2.{i}")) for i in (0, 39, 40)] == [True, True, False]


@pytest.mark.parametrize(
    "value", ["Failed PASSWORD for Root", "xfailed password", "failed_password", "a\nFailed b", None]
)
@pytest.mark.parametrize(
    "leaf",
    [
        Phrase("message", "failed"), Phrase("message", "failed password"), Phrase("message", "---"),
        Like("message", (Wild.MANY, "D PASS", Wild.MANY), Comparison.FOLD), Equals("message", "XFAILED password"),
        Like("message", (Wild.MANY, "b"), Comparison.FOLD), Equals("message", "xfailed password", Comparison.FOLD),
        Phrase("message", "việt"), Regex("message", "fail.*b", Comparison.FOLD, dotall=True),
    ],
    ids=str,
)  # fmt: skip
def test_text_of_ascii_is_compared_as_it_was_written(con: Any, leaf: Leaf, value: str | None) -> None:
    (one, params), (two, more) = any_leaf([leaf], "x", Holds.ASCII), any_leaf([leaf, leaf], "x", Holds.ASCII)
    expected = compile_match(leaf)({"message": value})
    assert bool(ask(con, one, params, value)) is bool(ask(con, two, more, value)) is expected


@pytest.mark.parametrize("holds", [Holds.TEXT, Holds.FOLDED, Holds.ASCII])
def test_many_words_side_by_side(con: Any, holds: Holds) -> None:
    words = [f"Word{i}" for i in range(700)]
    run = " ".join(words)
    (text, params) = any_leaf([leaf := Phrase("message", run)], "x", holds)
    for value in (run, f"x: {'--'.join(words)}.", f"{run}0", f"a_{run}", run.replace("d5 ", "d5 x "), "", None):
        held = value.lower() if value is not None and holds is Holds.FOLDED else value
        assert bool(ask(con, text, params, held)) is compile_match(leaf)({"message": value}), value


@pytest.mark.parametrize(
    "value",
    [
        "failed password", "“failed” password", "failed — password", "中failed password", "failed passworde\u0301",
        "failed中 password, failed…password", "xfailed password", "", None, "\u00a0failed\u2028password\u00a0",
        "²failed password²", "thấtfailed password", "ǅfailed‖⁂password", "«failed» ªpassword", "😀failed🜁password",
    ],
)  # fmt: skip
@pytest.mark.parametrize("holds", [Holds.TEXT, Holds.FOLDED])
def test_words_beside_what_is_not_ascii(con: Any, holds: Holds, value: str | None) -> None:
    for leaf in (Phrase("message", "failed"), Phrase("message", "failed password")):
        text, params = any_leaf([leaf], "x", holds)
        held = value if value is None or holds is Holds.TEXT else comparable(value, Comparison.FOLD)
        assert bool(ask(con, text, params, held)) is compile_match(leaf)({"message": value})


@pytest.mark.parametrize(
    ("signs", "times"),
    [
        ("“failed” –", 10),
        ("\u00a0failed…\u00a0", 10),
        ("ấfailed", 10),
        ("中failed", 300),
        ("ꞏfailed࿄", 300),
        ("ᚠfailed", 300),
    ],
)
def test_a_word_beside_what_is_not_ascii_is_found_at_once(con: Any, signs: str, times: int) -> None:
    con.execute(f"CREATE OR REPLACE TEMP TABLE texts AS SELECT repeat('{signs} x abc – ', 20) AS x FROM range(5000)")
    (text, params) = any_leaf([Phrase("message", "failed")], "x", Holds.FOLDED)
    # where our own function looks at each word of a text it is a thousand times as much
    assert _rows_take(con, text, params) < times * _rows_take(con, "regexp_matches(x, 'not there.')", [])


@pytest.mark.parametrize("kind", [Holds.FOLDED, Holds.ASCII])
def test_addresses_that_begin_as_others_are_passed_over_at_once(con: Any, kind: Holds) -> None:
    row = "repeat('user from 192.0.2.71234 ', 5)"
    con.execute(f"CREATE OR REPLACE TEMP TABLE texts AS SELECT {row} AS x FROM range(10000)")
    (text, params) = any_leaf([Written("message", f"192.0.2.{i}") for i in range(50)], "x", kind)
    assert _rows_take(con, text, params) < 60 * _rows_take(con, "regexp_matches(x, 'not there.')", [])


def _rows_take(con: Any, condition: str, params: list[object]) -> float:
    return _cpu(lambda: con.execute(f"SELECT count(*) FROM texts WHERE {condition}", params).fetchall())


def test_a_word_in_every_field_of_free_text_is_planned_at_once(con: Any) -> None:
    columns = [f'"{field}"' for field in FREE_TEXT]
    phrases = (Phrase(field, "9 17 44 212") for field in FREE_TEXT)
    parts = [any_leaf([leaf], column, Holds.TEXT) for leaf, column in zip(phrases, columns, strict=True)]

    def cpu_to_plan(condition: str, parameters: Sequence[object]) -> float:
        sql = f"EXPLAIN SELECT {condition} FROM (SELECT {', '.join(f'? AS {column}' for column in columns)})"
        return _cpu(lambda: con.execute(sql, [*parameters, *columns]).fetchall())

    plain = join("OR", "FALSE", [(f"regexp_matches({column}, ?)", ["9"]) for column in columns * 3])
    # with borders in Unicode it is thirty times as much
    assert cpu_to_plan(*join("OR", "FALSE", parts)) < 8 * cpu_to_plan(*plain)


def _cpu(work: Callable[[], object]) -> float:
    took = []
    for _ in range(5):
        began = process_time()
        work()
        took.append(process_time() - began)
    return min(took)


PHRASES = (
    "failed", "Kilo", "failed password", "a b c d e f", "--", "việt", "Đà Nẵng", "password for", ".", "x",
)  # fmt: skip


@pytest.mark.parametrize("holds", [Holds.TEXT, Holds.FOLDED, Holds.ASCII])
@pytest.mark.parametrize("field", ["message", "user.name"])
def test_several_phrases_are_looked_for_together(con: Any, field: str, holds: Holds) -> None:
    values: tuple[str | None, ...] = (
        "Failed PASSWORD for Root", "xfailed password", "failed_password", "a\nFailed b", "a b  C.d-e\nf",
        "-a b c d e fg", "\u212ailo", "kilo", "mot--hai", "Việt Nam", "Da Nang", "đà nẵng", "đànẵng", "1.2",
        "password\n for", "", None,
    )  # fmt: skip
    comparison = Comparison.CI if field == "user.name" else Comparison.FOLD
    if holds is Holds.ASCII:
        values = tuple(value for value in values if value is None or value.isascii())
    held = [v if v is None or holds is not Holds.FOLDED else comparable(v, comparison) for v in values]
    for picked in combinations(PHRASES, 3):
        leaves: list[Leaf] = [Phrase(field, text, comparison) for text in picked]
        text, params = any_leaf(leaves, "x", holds)
        rows = con.execute(f"SELECT {text} FROM (SELECT unnest(?) AS x)", [*params, held]).fetchall()
        right = [any(compile_match(leaf)({field: value}) for leaf in leaves) for value in values]
        assert [bool(found) for (found,) in rows] == right, picked


@pytest.mark.parametrize("holds", [Holds.TEXT, Holds.FOLDED, Holds.ASCII])
@pytest.mark.parametrize("field", ["message", "user.name"])
def test_phrases_that_must_stand_as_written(con: Any, field: str, holds: Holds) -> None:
    values: tuple[str | None, ...] = (
        "1.2.3.4", "from 1.2.3.4:22", "1.2.3.45", "1.2.3.45 and 1-2-3-4", "11.2.3.4 1/2/3/4", "1-2-3-4", "5.6.7.8",
        "15.6.7.8 5-6-7-8", "1.2.3.45 and 5-6-7-8", "[2001:DB8::1]", "2001:db8::12 2001-db8-1",
        "1.2.3.45 and 1/2/3/4 and 5", "", None,
    )  # fmt: skip
    if holds is not Holds.ASCII:
        values = (*values, "“1.2.3.4”", "中1.2.3.4", "中1.2.3.4 1-2-3-4", "địa chỉ 5.6.7.8")
        values = (*values, "‖1.2.3.4‖", "1.2.3.4中 1…2…3࿄4")
    comparison = Comparison.CI if field == "user.name" else Comparison.FOLD
    held = [v if v is None or holds is not Holds.FOLDED else comparable(v, comparison) for v in values]
    every = [Written(field, text, comparison) for text in ("1.2.3.4", "5.6.7.8", "2001:db8::1", "1.2")]
    for count in range(1, len(every) + 1):
        for leaves in combinations(every, count):
            text, params = any_leaf(leaves, "x", holds)
            rows = con.execute(f"SELECT coalesce({text}, FALSE) FROM (SELECT unnest(?) AS x)", [*params, held])
            tests = [compile_match(And((leaf.like, Phrase(field, leaf.text, comparison)))) for leaf in leaves]
            right = [any(test({field: value}) for test in tests) for value in values]
            assert [found for (found,) in rows.fetchall()] == right, leaves


@pytest.mark.parametrize("words", ["w{:04}", "xin chao w{:04}", "mot hai ba bon nam w{:04}", "... {}"])
@pytest.mark.parametrize("holds", [Holds.TEXT, Holds.FOLDED, Holds.ASCII])
def test_many_phrases_are_planned_as_quickly_as_a_few(words: str, holds: Holds) -> None:
    few, many = (any_leaf([Phrase("message", words.format(i)) for i in range(n)], "x", holds)[0] for n in (2, 40))
    assert many == few
    every = any_leaf([Phrase("message", words.format(i)) for i in range(1_000)], "x", holds)[0]
    assert every.count("regexp_matches") < 40


def test_between() -> None:
    assert between("x", (1, 2)) == ("x BETWEEN ? AND ?", [1, 2])
    assert between("x", None) == NEVER
