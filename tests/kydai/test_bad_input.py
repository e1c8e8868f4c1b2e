"""Bad input of every kind at a running system: each meets a clear answer, nothing of it is lost, the balances hold."""

from __future__ import annotations

import base64
import socket
import zipfile
from collections.abc import Iterator
from http.client import HTTPConnection
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson
import pytest

from core.ledger import Balance, read_balances
from core.query.language import parse
from core.store.contract import Query
from kydai.cli.output import Output
from kydai.context import Context
from tests.collectors.decoders.craft import DATAGRAM_V9
from tests.kydai.conftest import RULE
from tests.kydai.running import Running, running, until

TEN_MB = 10_000_000
TYPO = RULE.replace("event.outcome:", "event.outcome|contians:")
BOMB = 'a: &a ["x", "x"]\nb: &b [*a, *a]\ntitle: *b\n'
PLAYBOOK = (files("playbooks.definitions") / "tell_by_mail.yml").read_text("utf-8").replace("tell_by_mail", "mine")
PLAYBOOK = PLAYBOOK.replace("notify.email", "notify.emial")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    data = tmp_path_factory.mktemp("bad") / "data"
    for file, text in (
        ("rules/local/typo.yml", TYPO),
        ("rules/local/bomb.yml", BOMB),
        ("playbooks/mine.yml", PLAYBOOK),
    ):
        (data / file).parent.mkdir(parents=True, exist_ok=True)
        (data / file).write_text(text)
    with running(data) as started:
        yield started


@pytest.fixture(scope="module")
def context(system: Running) -> Iterator[Context]:
    """Beside it, on the same folder."""
    made = Context(system.data, None, Output(True, "en"))
    yield made
    made.close()


def token(system: Running, name: str, scope: str) -> str:
    return str(orjson.loads(system.kydai("users", "token", name, "--scope", scope, "--json").stdout)["token"])


def ask(system: Running, path: str, bearer: str, body: bytes | None = None) -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", int(system.facts["api"]["port"]))
    headers = {"authorization": f"Bearer {bearer}", "connection": "close"}
    connection.request("GET" if body is None else "POST", path, body, headers)
    with connection.getresponse() as answer:
        return answer.status, orjson.loads(answer.read())


def arrived(context: Context, source: str, raws: int) -> Balance:
    """The balances of a source that so many raws have come from; none of any source may be off."""

    def all_of_it() -> Balance | None:
        with context.database.read() as session:
            told = read_balances(session)
        assert all(one.holds for one in told.values()), told
        return told[source] if source in told and told[source].raws["received"] == raws else None

    found: Balance = until(all_of_it)
    return found


def originals(context: Context, query: str) -> list[bytes]:
    """The exact bytes of what a query finds."""
    found = context.store.search(Query(parse(query, now=context.clock.now())), limit=100)
    assert found.truth.complete
    return sorted(
        base64.b64decode(str(e["kydai.original_b64"]))
        if "kydai.original_b64" in e
        else str(e["event.original"]).encode()
        for e in found.events
    )


def test_rules_and_playbooks_that_cannot_be_used_are_told_of_at_the_start(system: Running) -> None:
    told = (system.data / "up.log").read_text()
    assert "2 rules cannot be used" in told
    assert "mine.yml:" in told
    assert "notify.email?" in told
    assert ask(system, "/api/v1/health", "")[1]["status"] == "ready"


def test_http(system: Running, context: Context) -> None:
    lines = [
        b'{"message":"' + b"x" * TEN_MB + b'"}',
        b"no json \x00 \xe2\x80\xae \xff " + b"y" * TEN_MB,
        '{"message":"nul \\u0000 bidi \u202e"}'.encode(),
        b'{"@timestamp":"2019-01-02T03:04:05Z","message":"old"}',
        b'{"@timestamp":"2099-01-02T03:04:05Z","message":"late"}',
    ]
    web = token(system, "web", "ingest")
    assert ask(system, "/api/v1/ingest", "nonsense", lines[0])[0] == 401
    status, answer = ask(system, "/api/v1/ingest", web, b"\n".join(lines))
    assert (status, answer["accepted"], answer["rejected"]) == (200, 4, [{"line": 2, "reason": "not_json"}])
    assert ask(system, "/api/v1/ingest", web, b"z" * (17 << 20))[1]["rejected"] == [{"line": 1, "reason": "too_long"}]
    assert ask(system, "/api/v1/ingest", web, bytes(33 << 20))[0] == 413
    counted = arrived(context, "token:web", 6)
    assert counted.raws == {"received": 6, "parsed": 2, "unparsed": 2, "ignored": 2}
    assert counted.events == {"made": 6, "stored": 6}
    assert originals(context, "event.dataset: kydai.refused and event.reason: not_json") == [lines[1]]
    assert originals(context, "event.dataset: kydai.refused and event.reason: too_long") == [b"z" * (16 << 20)]
    kept = originals(context, "kydai.source: token:web and not event.dataset: kydai.refused")
    assert kept == sorted([b"x" * TEN_MB, "nul \0 bidi \u202e".encode(), *lines[3:5]])
    assert originals(context, "kydai.source: token:web and @timestamp < 2020-01-01") == [lines[3]]
    assert originals(context, "kydai.source: token:web and @timestamp > 2098-01-01") == [lines[4]]
    shown = system.kydai("search", "bidi").stdout
    assert "nul \\x00 bidi \\u202e" in shown
    assert not {"\0", "\u202e"} & set(shown)


def test_syslog(system: Running, context: Context) -> None:
    sent = {
        b"<13>long " + b"x" * TEN_MB + b"\n<13>behind it\n": [b"<13>long " + b"x" * TEN_MB, b"<13>behind it"],
        b"20 <13>the count is less\n<13>than it says\n": [b"<13>the count is les", b"s", b"<13>than it says"],
        b"999 <13>the count is more\n<13>than there is\n": [b"<13>the count is more\n<13>than there is"],
        b"999999999 <13>a huge count\n<13>behind that\n": [b"<13>a huge count", b"<13>behind that"],
        b"<13>no newline": [b"<13>no newline"],
        b"\x80\xfe \0 \xe2\x80\xae\n": [b"\x80\xfe \0 \xe2\x80\xae"],
    }
    for data in sent:
        with socket.create_connection(("127.0.0.1", system.syslog)) as tcp:
            tcp.sendall(data)
    frames = [frame for some in sent.values() for frame in some]
    arrived(context, "tcp:127.0.0.1", len(frames))
    assert originals(context, "kydai.source: tcp:127.0.0.1") == sorted(frames)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.sendto(b"\r\n", ("127.0.0.1", system.syslog))
    assert arrived(context, "udp:127.0.0.1", 1).raws == {"received": 1, "ignored": 1}


def test_flows_whose_template_does_not_come_wait_and_damaged_ones_are_ignored_by_reason(
    system: Running, context: Context
) -> None:
    port = int(system.facts["gateway"]["netflow"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        for data in (DATAGRAM_V9[:20] + b"\x01\x2c\0\x18" + bytes(20), b"\0\x05\0", b"hello"):
            udp.sendto(data, ("127.0.0.1", port))
    assert arrived(context, "flow:127.0.0.1", 3).raws == {"received": 3, "waiting": 1, "ignored": 2}


def test_files(system: Running, context: Context, tmp_path: Path) -> None:
    line = b"Nov 25 08:00:01 web01 sshd[7]: " + b"f" * TEN_MB
    (tmp_path / "long.log").write_bytes(line + b"\n\0 \xe2\x80\xae")
    ran = system.kydai("ingest", str(tmp_path / "long.log"))
    assert ran.returncode == 3, "what nobody parses is said"
    assert originals(context, "kydai.source: file:long.log") == sorted([line, b"\0 \xe2\x80\xae"])
    assert arrived(context, "file:long.log", 2).raws == {"received": 2, "unparsed": 2}


def test_commands_beside_it_answer_in_a_sentence(system: Running, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bomb.yml").write_text(BOMB)
    (tmp_path / "mine.yml").write_text(PLAYBOOK)
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as evil:
        evil.writestr("../../evil.yml", RULE)
        evil.writestr("in/good.yml", RULE)
    for words, status, said in (
        ("up", 1, f"process {system.process.pid}"),
        ("rules lint in", 2, "bomb.yml:1:4: "),
        ("rules install evil.zip", 2, "../../evil.yml: "),
        ("playbooks lint mine.yml", 2, "notify.email?"),
        ('search message:"open', 2, "message:"),
        ("doctor", 1, "mine.yml:"),
    ):
        command = [str(tmp_path / word) if (tmp_path / word).exists() else word for word in words.split()]
        ran = system.kydai(*command)
        assert (ran.returncode, "Traceback" in ran.stderr) == (status, False), ran.stderr
        assert said in ran.stdout + ran.stderr, words
    assert [str(file.name) for file in (system.data / "rules").rglob("*.yml")].count("evil.yml") == 0
    status, answer = ask(system, "/api/v1/events?query=message:%22open", token(system, "reader", "api"))
    assert (status, answer["position"]) == (400, 8)
