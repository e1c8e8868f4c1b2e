"""The set of parsers: what every event has, the choice, robustness; and every pack against its own samples."""

from __future__ import annotations

import base64
import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.parser import MAX_TEXT, Parsed, ParserSet
from collectors.parser_contract import Hint
from collectors.parser_pack import Pack, Sample
from core.clock import DAY, MINUTE, Micros, iso, to_micros
from core.errors import BadConfig, NotFound
from core.event import Event, Frame, FrameKind
from core.query.fold import MAX_CHARS
from tests.samples import sample

PARSERS = ParserSet.load()
CREATED = to_micros("2026-11-25T01:26:00Z")
PACKS = [p for p in PARSERS.parsers.values() if isinstance(p, Pack)]


def frame(
    raw: str | bytes,
    meta: dict[str, str] | None = None,
    *,
    created_at: Micros = CREATED,
    source: str = "udp:192.0.2.1",
) -> Frame:
    return Frame(source, created_at, raw.encode() if isinstance(raw, str) else raw, meta=meta or {})


def parse(raw: str | bytes, *, zone: str = "UTC", **meta: str) -> Parsed:
    return PARSERS.parse(frame(raw, meta), zone=zone)


def event(raw: str | bytes, *, zone: str = "UTC", **meta: str) -> Event:
    return parse(raw, zone=zone, **meta).events[0]


# --- every pack -------------------------------------------------------------------------------------------

ACCEPTS = [pytest.param(p, s, id=f"{p.name}-{n}") for p in PACKS for n, s in enumerate(p.accepts)]
REJECTS = [pytest.param(p, s, id=f"{p.name}-{n}") for p in PACKS for n, s in enumerate(p.rejects)]


def run_sample(sample: Sample, forced: str | None) -> Parsed:
    meta = {"file": sample.file} if sample.file else {}
    return PARSERS.parse(frame(sample.raw, meta), zone=sample.zone, forced=forced)


@pytest.mark.parametrize(("pack", "sample"), ACCEPTS)
def test_a_pack_takes_its_samples(pack: Pack, sample: Sample) -> None:
    forced = run_sample(sample, pack.name)
    assert not forced.unparsed, forced.why
    for field, expected in sample.expect.items():
        assert forced.events[0].get(field) == expected, f"{pack.name}.yml: {field} of {sample.raw[:100]!r}"


@pytest.mark.parametrize(("pack", "sample"), ACCEPTS)
def test_a_pack_is_chosen_for_its_samples(pack: Pack, sample: Sample) -> None:
    chosen = run_sample(sample, None)
    twins = {"nginx", "apache"}  # they write the same combined format; the file or program tells them apart
    assert chosen.parser == pack.name or {chosen.parser, pack.name} == twins, f"{chosen.parser}: {chosen.why}"


@pytest.mark.parametrize(("pack", "sample"), REJECTS)
def test_a_pack_leaves_what_is_not_its_own(pack: Pack, sample: Sample) -> None:
    assert run_sample(sample, None).parser != pack.name


@pytest.mark.parametrize("parser", PARSERS.parsers.values(), ids=lambda p: p.name)
def test_every_parser_is_named_in_both_languages(parser: Pack) -> None:
    assert parser.title["vi"]
    assert parser.title["en"]
    assert isinstance(parser.proven, bool)


@pytest.mark.parametrize("pack", PACKS, ids=lambda p: p.name)
def test_every_pack_has_samples(pack: Pack) -> None:
    assert pack.accepts, f"{pack.name}.yml has no sample to accept"
    assert pack.rejects, f"{pack.name}.yml has no sample to reject"


# --- what every event has ---------------------------------------------------------------------------------


def test_the_common_fields() -> None:
    raw = "<86>Nov 25 08:26:00 jump01 sshd[812]: Accepted password for duclm from 192.0.2.7 port 4022 ssh2"
    found = parse(raw, zone="Asia/Ho_Chi_Minh")
    assert (found.parser, found.why, found.unparsed) == ("linux_auth", "program sshd", False)
    made = found.events[0]
    assert made["event.original"] == raw
    assert made["event.created"] == iso(CREATED)
    assert made["@timestamp"] == "2026-11-25T01:26:00.000000Z"
    assert made["host.name"] == "jump01"
    assert made["log.syslog.severity.name"] == "Informational"
    assert made["related.ip"] == ["192.0.2.7"]
    assert made["related.user"] == ["duclm"]
    assert "event.id" not in made
    assert "event.ingested" not in made


def test_the_same_raw_makes_the_same_event() -> None:
    raw = "Feb 29 08:26:00 h sshd[8]: Invalid user x from 192.0.2.7 port 9"
    assert event(raw) == event(raw)
    assert ParserSet.load().parse(frame(raw), zone="UTC").events == parse(raw).events


def test_a_batch_is_its_raws_in_order() -> None:
    frames = [frame("Nov 25 01:00:00 h su: (to root) a on pts/0"), frame("nothing")]
    assert PARSERS.parse_batch(frames, zone="UTC") == [PARSERS.parse(f, zone="UTC") for f in frames]


def test_what_nobody_parses_is_kept() -> None:
    found = parse("complete nonsense")
    made = found.events[0]
    assert found.unparsed
    assert made["event.dataset"] == "kydai.unparsed"
    assert made["event.kind"] == "pipeline_error"
    assert made["event.original"] == "complete nonsense"
    assert made["kydai.time_flag"] == "missing"
    assert made["@timestamp"] == made["event.created"]


def test_what_was_turned_away_at_the_door_is_kept_and_not_parsed() -> None:
    line = b"<38>Nov 25 08:00:01 web01 sshd[7]: Failed password for root from 203.0.113.5 port 4022 ssh2"
    meta = {"receiver": "http", "reason": "not_json"}
    found = PARSERS.parse(Frame("token:a", CREATED, line, FrameKind.DOOR, meta=meta), zone="UTC", forced="linux_auth")
    (made,) = found.events
    assert (found.unparsed, found.parser) == (True, "")
    assert (made["event.dataset"], made["event.reason"]) == ("kydai.refused", "not_json")
    assert made["event.original"] == line.decode()


def test_unparsed_keeps_the_syslog_header() -> None:
    made = event("<13>just words")
    assert made["event.dataset"] == "kydai.unparsed"
    assert (made["log.syslog.priority"], made["message"]) == (13, "just words")


def test_unparsed_keeps_what_its_envelope_says() -> None:
    found = parse('{"time":"2026-11-25T01:00:00Z","host.name":"web09","message":"<13>app[3]: lời của ứng dụng"}')
    made = found.events[0]
    assert found.unparsed
    assert (made["@timestamp"], made["host.name"]) == ("2026-11-25T01:00:00.000000Z", "web09")
    assert (made["message"], made["log.syslog.priority"]) == ("lời của ứng dụng", 13)


def test_an_ecs_object_with_a_message_of_its_own_is_one() -> None:
    found = parse('{"@timestamp":"2026-11-25T01:00:00Z","host.name":"web09","message":"lời của ứng dụng"}')
    made = found.events[0]
    assert (found.parser, found.unparsed) == ("json", False)
    assert (made["@timestamp"], made["host.name"]) == ("2026-11-25T01:00:00.000000Z", "web09")


def test_a_time_ahead_is_flagged_and_kept() -> None:
    made = event("2099-01-01T00:00:00Z host prog[1]: from the future")
    assert made["@timestamp"] == "2099-01-01T00:00:00.000000Z"
    assert made["kydai.time_flag"] == "future"
    near = event("2026-11-25T01:30:00Z host prog[1]: four minutes ahead")
    assert "kydai.time_flag" not in near


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
def test_a_time_that_has_no_date_in_some_zone_is_flagged_and_not_taken(time: str) -> None:
    made = event(f"<38>1 {time} host useradd 99 - - new user: name=backdoor, UID=0, GID=0")
    assert made["kydai.time_flag"] == "unreadable"
    assert made["@timestamp"] == made["event.created"]
    assert time in str(made["event.original"])


@pytest.mark.parametrize("told", ["99999-11-25T01:00:00Z", "yesterday", 1e30, True])
@pytest.mark.parametrize("more", [{"a": 1}, {"ecs.version": "9", "event.dataset": "x.y"}, {"message": "no parser's"}])
def test_a_timestamp_that_cannot_be_read_is_not_called_missing(told: object, more: dict[str, object]) -> None:
    made = event(json.dumps({"@timestamp": told, **more}))
    assert made["kydai.time_flag"] == "unreadable"
    assert made["@timestamp"] == made["event.created"]
    assert event(json.dumps({"@timestamp": None, **more}))["kydai.time_flag"] == "missing"


def test_a_time_beside_one_that_cannot_be_read_is_taken() -> None:
    line = "<13>1 2026-11-25T01:00:00Z host app - - - words"
    made = event(json.dumps({"@timestamp": "yesterday", "message": line}))
    assert (made["@timestamp"], made.get("kydai.time_flag")) == ("2026-11-25T01:00:00.000000Z", None)


def test_a_time_long_past_is_flagged_unless_it_is_replayed() -> None:
    line = "2019-01-01T00:00:00Z host prog[1]: old"
    assert (event(line)["@timestamp"], event(line)["kydai.time_flag"]) == ("2019-01-01T00:00:00.000000Z", "past")
    assert "kydai.time_flag" not in event(line, replay="1")
    assert "kydai.time_flag" not in event("2026-10-27T00:00:00Z host prog[1]: a month in a relay's queue")


def test_the_zone_of_the_source_is_used() -> None:
    raw = "Nov 25 08:26:00 h prog[1]: x"
    assert event(raw, zone="Asia/Ho_Chi_Minh")["@timestamp"] == "2026-11-25T01:26:00.000000Z"
    with pytest.raises(BadConfig):
        parse(raw, zone="Mars/Olympus")


def test_the_senders_id_is_kept_apart() -> None:
    made = event("Nov 25 01:26:00 h prog[1]: x", sender_id="abc")
    assert made["kydai.sender_id"] == "abc"
    assert not {"event.id", "kydai.id_reused"} & made.keys()
    assert event("x", sender_id="abc", id_reused="1")["kydai.id_reused"] is True


# --- the choice -------------------------------------------------------------------------------------------


def test_forced() -> None:
    raw = '192.0.2.7 - - [25/Nov/2026:01:26:00 +0700] "GET / HTTP/1.1" 200 1 "-" "x"'
    assert parse(raw).parser == "nginx"
    assert parse(raw, parser="apache").parser == "apache"
    refused = parse("not a web log", parser="apache")
    assert refused.unparsed
    assert "apache" in refused.why


def test_an_unknown_parser_is_named() -> None:
    found = parse("x", parser="ngnix")
    assert found.unparsed
    assert "'ngnix'" in found.why
    with pytest.raises(NotFound, match="nginx"):
        PARSERS.get("ngnix")


def test_the_file_tells_twins_apart() -> None:
    raw = '192.0.2.7 - - [25/Nov/2026:01:26:00 +0700] "GET / HTTP/1.1" 200 1 "-" "x"'
    assert parse(raw, file="/var/log/apache2/access.log").parser == "apache"
    assert parse(raw, file="/var/log/nginx/access.log").parser == "nginx"


class Broken:
    """A parser that fails on everything."""

    name = "broken"
    title = {"vi": "hỏng", "en": "broken"}  # noqa: RUF012
    proven = False
    hint = Hint(starts=("boom",))

    def parse(self, record: object) -> None:
        raise ZeroDivisionError


def test_a_parser_that_fails_is_counted_and_the_line_kept() -> None:
    parsers = ParserSet([Broken()])
    found = parsers.parse(frame("boom"), zone="UTC")
    assert found.unparsed
    assert parsers.counts.errors == {"broken": 1}


def test_two_parsers_of_one_name_are_refused() -> None:
    with pytest.raises(BadConfig, match="broken"):
        ParserSet([Broken(), Broken()])


# --- hostile bytes ----------------------------------------------------------------------------------------


def test_broken_utf8_keeps_the_exact_bytes() -> None:
    raw = b"Nov 25 01:26:00 h sshd[1]: Invalid user \xff\xfe from 192.0.2.7 port 9"
    made = event(raw)
    assert base64.b64decode(str(made["kydai.original_b64"])) == raw
    assert made["event.original"] == raw.decode("utf-8", "backslashreplace")
    assert made["source.ip"] == "192.0.2.7"


def test_fields_of_which_the_end_is_not_compared_are_named() -> None:
    made = event("Nov 25 01:26:00 h prog[1]: " + "đ" * 8_000)
    assert len(str(made["message"])) == 8_000
    assert made["kydai.overlong"] == ["event.original"]
    made = event("Nov 25 01:26:00 h prog[1]: " + "đ" * 8_001)
    assert made["kydai.overlong"] == ["event.original", "message"]
    assert "kydai.overlong" not in event("Nov 25 01:26:00 h prog[1]: " + "đ" * 7_000)
    made = event(b"Nov 25 01:26:00 h prog[1]: \xff" + b"x" * 7_000)
    assert made["kydai.overlong"] == ["kydai.original_b64"]
    numbers = "[" + ", ".join(["1e15"] * 500) + "]"
    made = event(f'{{"time": "2026-11-25T01:26:00Z", "a": [[{{"c": {numbers}}}]]}}')
    assert len(str(made["event.original"])) < MAX_CHARS
    assert made["kydai.overlong"] == [name for name, value in made.items() if len(str(value)) > MAX_CHARS]


def test_vietnamese_text_survives() -> None:
    made = event("Nov 25 01:26:00 máy-chủ prog[1]: Đã đăng nhập thất bại")
    assert made["host.name"] == "máy-chủ"
    assert made["message"] == "Đã đăng nhập thất bại"
    assert "kydai.original_b64" not in made


@pytest.mark.parametrize("raw", ["a\0b", "\u202egnp.exe", "<13>\0", "{\0}", "\ufeff", "", "\n\n"])
def test_odd_characters_survive(raw: str) -> None:
    assert event(raw)["event.original"] == raw


@pytest.mark.parametrize(
    "line",
    [
        b"A" * 10_000_000,
        b"<34>Nov 25 01:26:00 h su: " + b"x=" * 5_000_000,
        b'{"message": "' + b"x" * 10_000_000 + b'"}',
        b"{" * 100_000,
        b"[" * 1_000_000,
        b"1.2.3.4 - - [" + b"\\" * 1_000_000,
        b"type=SYSCALL msg=audit(1:1): " + b'"' * 900_000,
    ],
    ids=["10 MB", "10 MB kv", "10 MB JSON", "open braces", "open brackets", "backslashes", "quotes"],
)
@pytest.mark.timeout(20)
def test_long_lines_are_kept_whole(line: bytes) -> None:
    made = event(line)
    assert str(made["event.original"]).encode() == line


def test_longer_than_parsers_take() -> None:
    found = parse("Nov 25 01:26:00 h su: " + "x" * (MAX_TEXT + 1))
    assert found.unparsed
    assert "longer" in found.why


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_bytes_make_an_event(raw: bytes) -> None:
    check_event(event(raw), raw)


STARTS = sorted({s.raw[:n] for p in PACKS for s in p.accepts for n in (10, 40, 90, 200, 4000)})


@given(st.sampled_from(STARTS), st.text(max_size=80), st.sampled_from(sorted(PARSERS.parsers)), st.booleans())
@settings(max_examples=400, deadline=None)
def test_damaged_samples_make_an_event(start: str, tail: str, name: str, forced: bool) -> None:
    raw = (start + tail).encode("utf-8", "surrogatepass")
    found = PARSERS.parse(frame(raw), zone="UTC", forced=name if forced else None)
    check_event(found.events[0], raw)
    assert PARSERS.counts.errors == {}, "a parser failed on foreign bytes"


def check_event(made: Event, raw: bytes) -> None:
    for field in ("@timestamp", "event.created", "event.kind", "event.module", "event.dataset", "event.original"):
        assert isinstance(made[field], str), field
    if "kydai.original_b64" in made:
        assert base64.b64decode(str(made["kydai.original_b64"])) == raw
    else:
        assert str(made["event.original"]).encode() == raw
    for field, value in made.items():
        assert field[:1] != "_", f"a pack forgot its helper {field}"
        members = value if isinstance(value, list) else [value]
        assert all(isinstance(m, str | int | float | bool) for m in members), (field, value)


def test_years_far_off_do_not_fail() -> None:
    for year in ("0001", "9999"):
        event(f"{year}-01-01T00:00:00+14:00 h prog[1]: x")
        event(f"{year}-12-31T23:59:59-12:00 h prog[1]: x")
    assert PARSERS.parse(frame("x", created_at=DAY + MINUTE), zone="UTC").events


# --- real lines -------------------------------------------------------------------------------------------

PROVEN_PRODUCTS = (
    "apache", "auditd", "bind", "dovecot", "haproxy", "iis", "keycloak", "linux_auth", "linux_syslog", "mariadb",
    "mikrotik", "mysql", "nginx", "pfsense_filterlog", "postgresql", "sshd", "suricata",
)  # fmt: skip
QUARTER: Micros = 15 * MINUTE
SLACK: Micros = 1_000_000


def same(field: str, expected: object, got: object, times: str) -> bool:
    if got is None:
        return False
    if field == "@timestamp":
        apart = abs(to_micros(str(expected)) - to_micros(str(got)))
        if times == "year":
            apart %= 365 * DAY
        if times in ("zone", "year"):  # the line names no zone: any difference that a zone can make
            apart = min(apart % QUARTER, -apart % QUARTER)
        return apart < SLACK
    return texts(expected) == texts(got)


def texts(value: object) -> list[str]:
    return sorted(map(str, value if isinstance(value, list) else [value]))


@pytest.mark.parametrize("product", PROVEN_PRODUCTS)
def test_expected_fields_of_real_lines(product: str) -> None:
    right = asked = 0
    for line in sample(f"logs/products/{product}.jsonl").read_text(encoding="utf-8").splitlines():
        case = orjson.loads(line)
        made = event(case["raw"])
        for field, expected in case["expect"].items():
            asked += 1
            right += same(field, expected, made.get(field), case.get("ts", ""))
    assert right >= 0.9 * asked, f"{product}: {right} of {asked}"


def test_no_real_line_makes_a_parser_fail() -> None:
    parsers = ParserSet.load()
    folder = sample("logs/crowdsec-hub")
    lines = 0
    for path in sorted(folder.glob("*/*.log")):
        for raw in path.read_bytes().splitlines()[:200]:
            made = parsers.parse(frame(raw), zone="UTC").events[0]
            check_event(made, raw)
            lines += 1
    assert lines > 1000
    assert parsers.counts.errors == {}
