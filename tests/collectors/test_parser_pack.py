"""The pack language: what compiles, what is refused and where, and patterns that cannot run away."""

from __future__ import annotations

import time
from importlib.resources import files

import pytest

from collectors.parser_contract import Record
from collectors.parser_pack import load
from core.errors import BadConfig

PACK = """
name: demo
title: {vi: "Mẫu", en: "Sample"}
proven: true
module: demo
dataset: demo.log
category: [network]
hint: {programs: [demo]}
prefix: demo.
empty: ["-"]
patterns:
  - regex: 'in %{IP:source.ip}:%{INT:source.port} (?<_rest>.*)$'
    set: {event.action: seen, event.type: info}
steps:
  - on: _rest
    kv: {}
map: {who: user.name, took: {to: event.duration, as: milliseconds}, kind: {to: event.code, table: {a: "1"}}}
when:
  - if: {user.name: root, source.port: {lt: 1024}}
    set: {event.outcome: failure}
  - if: {event.outcome: {not: {exists: true}}}
    copy: {user.id: user.name}
accepts: ["x"]
rejects: ["y"]
"""


def record(message: str) -> Record:
    return Record(message, message, None, None, 1_795_000_000_000_000, "UTC")


def test_a_pack() -> None:
    pack = load(PACK, "demo.yml")
    out = pack.parse(record('in 192.0.2.7:443 who=root took=1.5 kind=a colour="rất đỏ" none=-'))
    assert out == {
        "source.ip": "192.0.2.7", "source.port": 443, "message": out and out["message"], "event.action": "seen",
        "event.type": ["info"], "user.name": "root", "event.duration": 1_500_000, "event.code": "1",
        "demo.colour": "rất đỏ", "event.module": "demo", "event.dataset": "demo.log", "event.category": ["network"],
        "event.outcome": "failure",
    }  # fmt: skip
    assert pack.parse(record("out 192.0.2.7:443 a=1 b=2")) is None
    assert pack.parse(record("in 192.0.2.7:443 a=1")) is None


def test_constants_are_not_shared_between_events() -> None:
    pack = load(PACK, "demo.yml")
    first = pack.parse(record("in 192.0.2.7:443 a=1 b=2"))
    second = pack.parse(record("in 192.0.2.7:443 a=1 b=2"))
    assert first is not None
    assert second is not None
    first["event.category"].append("web")
    assert second["event.category"] == ["network"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("name: demo\n", "name: demo\nname: demo\n", "demo.yml:3: not YAML: 'name' stands twice"),
        ("name: demo\n", "name: other\n", "its file must be other.yml"),
        ("proven: true", "proven: true\ncolour: red", "no key 'colour'"),
        ('vi: "Mẫu", ', "", "vi and en"),
        ("%{IP:source.ip}", "%{IPP:source.ip}", "no macro %{IPP}"),
        ("(?<_rest>.*)", "(.*)", "without a name"),
        ("(?<_rest>.*)", "(?<_rest>.*", "unterminated"),
        ("kv: {}", "kv: {colour: red}", "no key 'colour'"),
        ("as: milliseconds", "as: minutes", "minutes"),
        ("set: {event.outcome: failure}", "set: {source.port: many}", "no value for source.port"),
        ("programs: [demo]", "program: [demo]", "no key 'program'"),
        ("module: demo", "module: &a demo\nkind: *a", "aliases are not allowed"),
        ("module: demo", "module: !!python/object:os.system demo", "demo.yml"),
        ("module: demo", "module: [demo", "demo.yml"),
    ],
)
def test_a_wrong_pack_is_refused_with_its_place(old: str, new: str, says: str) -> None:
    assert old in PACK
    with pytest.raises(BadConfig) as refused:
        load(PACK.replace(old, new), "demo.yml")
    assert says in str(refused.value)
    assert str(refused.value).startswith("demo.yml")


def test_no_is_a_word() -> None:
    out = load(PACK.replace("user.name: root", "user.name: no"), "demo.yml").parse(record("in 192.0.2.7:44 who=no b=1"))
    assert out is not None
    assert out["event.outcome"] == "failure"


HOSTILE = (
    " " * 20_000, "a" * 20_000, "a " * 10_000, '"' * 20_000, '\\"' * 10_000, "=" * 20_000, "a=" * 10_000,
    ": " * 10_000, "[" * 20_000, "1" * 20_000, "1." * 10_000, "::" * 10_000, ", " * 10_000, "a: " * 7_000,
    "for " * 5_000, " from " * 4_000, "; " * 10_000, "/" * 20_000, "- " * 10_000, "(" * 20_000,
)  # fmt: skip
PACKS = sorted(
    (entry.name, entry.read_text(encoding="utf-8"))
    for entry in files("collectors.parsers").iterdir()
    if entry.name.endswith(".yml") and not entry.name.startswith("_")
)


@pytest.mark.parametrize(("file", "text"), PACKS, ids=[name for name, _ in PACKS])
def test_no_pattern_runs_away(file: str, text: str) -> None:
    """20 kB of anything that trips regular expressions, alone and after every cut of a real line: under 0.1 s."""
    pack = load(text, file)
    for sample in pack.accepts[:6]:
        for start in {sample.raw[:n] for n in (0, 12, 40, len(sample.raw) // 2, len(sample.raw) - 1)}:
            for tail in HOSTILE:
                began = time.process_time()
                pack.parse(record(start + tail))
                took = time.process_time() - began
                assert took < 0.1, f"{took:.1f} s for {start[:60]!r} + {tail[:10]!r}…"
