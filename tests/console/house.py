"""A seeded house for the console's tests: the real app over SQLite and a segment store, with a province's morning."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import uvicorn
from sqlalchemy import delete, select

from api.app import create_app
from api.deps import Services
from core import accounts, checks, keeping
from core.audit import Actor
from core.clock import DAY, HOUR, LOCAL_ZONE, MINUTE, SECOND, Micros, iso
from core.db.database import Database
from core.db.models import Alert, Heartbeat, RuleMode, Session, Source, SpoolPosition
from core.event import Event, new_ulid
from core.keeping import MAINTENANCE
from core.ledger import Events, Raws, Tally
from core.said import Numbered, SaidTally, Unit
from core.sources import Heards
from core.store.contract import Batch, EventStore, Span
from core.store.retention import DEFAULT_POLICY, Policy
from core.words import both
from detections import hit_days
from detections.coverage import Coverage
from detections.coverage import coverage as told
from detections.rule import Mode
from detections.ruleset import RuleSet, RuleSource, load
from enrichment.incidents import group
from enrichment.observables import read_house
from kydai.cli.output import Output
from kydai.context import Context
from kydai.covering import coverage_of
from kydai.detector import load_rules, rule_path, rule_text
from kydai.settings import RETENTION_MONTHS, Settings
from kydai.trying import Trier
from kydai.working import shop_of, step
from kydai.source_config import configuration, products, server_of, takes_token
from playbooks.playbook import load as load_playbooks
from tests.console.morning import MORNING, PEOPLE, RULE_IDS, SOURCES, Told
from tests.detections.seen_samples import seen_of_events

CLI = Actor("setup", "cli")
PASSWORD = "một câu dài dễ nhớ 2026"
OWN = Path(str(files("detections")))
RULES = load([RuleSource(OWN / "rules", "kydai"), RuleSource(OWN / "correlations", "kydai")], modes={})
FILES = {r.id: r.file for r in RULES.rules} | {c.id: c.file for c in RULES.correlations}
DIST = Path(__file__).parents[2] / "console" / "dist"


def events_of(told: Told, at: Micros, segment: str, start: int) -> list[Event]:
    """The events of an alert, each a line that it points at."""
    step = told.lasted // max(1, len(told.lines))
    made: list[Event] = []
    for i, line in enumerate(told.lines):
        stamp = iso(at - told.lasted + i * step)
        made.append(
            {
                "@timestamp": stamp,
                "event.created": stamp,
                "event.ingested": stamp,
                "event.id": f"{segment}.{start + i}.0",
                "event.dataset": "system.auth" if "assword" in line else "system.syslog",
                "event.original": line,
                "message": line,
                "host.name": told.host,
                "kydai.retention": "default",
                "kydai.source": told.host,
                "kydai.system": told.system,
                "kydai.rules": [RULE_IDS[told.rule]],
            }
            | {field: value for field, value, _ in told.matched if field not in ("host.name",)}
            | ({"user.name": told.user} if told.user else {})
            | ({"source.ip": told.facts["from"][i % len(told.facts["from"])]} if "from" in told.facts else {})
        )
    return made


def _selection(told: Told, line: int) -> str:
    """The selection that stands in a line of the rule."""
    rule = RULES.by_id.get(RULE_IDS[told.rule])
    return "" if rule is None else next((rule.selection_of(at) for at, own in enumerate(rule.lines) if own == line), "")


def alert_of(told: Told, number: int, at: Micros, ids: list[str]) -> Alert:
    entities = [["host", told.host]] + ([["user", told.user]] if told.user else [])
    entities += [["ip", a] for a in (*told.facts.get("from", ()), *told.facts.get("to", ()))]
    entities += [["domain", d] for d in told.facts.get("domain", ())] + [
        ["file", f] for f in told.facts.get("file", ())
    ]
    return Alert(
        fold_key=f"seed{number}",
        kind=told.kind,
        rule_id=RULE_IDS[told.rule],
        rule_title={"vi": told.vi, "en": told.en},
        rule_file=FILES.get(RULE_IDS[told.rule], "local/truy_van_dns.yml"),
        rule_line=told.matched[0][2] if told.matched else None,
        level=told.level,
        tags=list(told.tags),
        status="closed" if told.verdict else "new",
        verdict=told.verdict,
        verdict_reason="Máy quét được phép của Trung tâm" if told.verdict else "",
        first_at=at - told.lasted,
        last_at=at,
        received_at=at - told.lasted,
        created_at=at,
        updated_at=at,
        count=told.count,
        event_ids=ids,
        matched=[
            {"field": f, "value": v, "line": line, "selection": _selection(told, line)} for f, v, line in told.matched
        ],
        entities=entities,
        host=told.host,
        user=told.user,
        summary={k: list(v) for k, v in told.facts.items()}
        | ({"type": "temporal_ordered", "group": {"host.name": told.host}} if told.kind == "correlation" else {}),
        system=told.system,
        agency="Sở Khoa học và Công nghệ",
    )


def background(now: Micros, segment: str, start: int, number: int) -> list[Event]:
    """The noise of a working day, an event every few seconds, with text that would like to be markup."""
    hosts = ("tthc-web01", "tthc-web02", "cong-web01", "mail01", "jump01")
    made: list[Event] = []
    for i in range(number):
        at = now - 20 * SECOND - i * 40 * SECOND
        line = f'10.20.32.{i % 60 + 11} - - "GET /thu-tuc/{i % 97}?tu-khoa=đất HTTP/1.1" 200 {512 + i % 4096}'
        if i == 5:
            line = "\u202e<img src=x onerror=alert(1)> \x1b[31mđỏ\x1b[0m tên\u200bmiền"
        made.append(
            {
                "@timestamp": iso(at),
                "event.created": iso(at + SECOND),
                "event.ingested": iso(at + 2 * SECOND),
                "event.id": f"{segment}.{start + i}.0",
                "event.dataset": "nginx.access",
                "event.original": line,
                "message": line,
                "event.outcome": "failure" if i % 17 == 0 else "success",
                "host.name": hosts[i % len(hosts)],
                "http.response.status_code": 404 if i % 17 == 0 else 200,
                "kydai.retention": "default",
                "kydai.source": hosts[i % len(hosts)],
                "source.ip": f"10.20.32.{i % 60 + 11}",
            }
        )
    return made


def seed(database: Database, store: EventStore, now: Micros) -> None:
    """People, sources, events, alerts grouped into incidents, balances."""
    password = accounts.hash_password(PASSWORD)
    with database.write() as session:
        for name, role, full_name, scope in PEOPLE:
            user = accounts.add_user(session, CLI, name, role, now=now - DAY, full_name=full_name, scope=scope)
            user.password_hash = password
        for name, product, system, level, dataset, *_ in SOURCES:
            session.add(
                Source(name=name, keys=[f"host:{name}"], is_declared=True, product=product, system=system,
                       agency="Sở Khoa học và Công nghệ", level=level, expected=[dataset, "system.auth"]
                       if name == "csdl-db02" else [dataset], created_at=now - 30 * DAY)
            )  # fmt: skip
        session.add(
            Source(name="thedt-pay01", keys=["host:thedt-pay01"], is_declared=True, product="JSON, auditd",
                   system="Thẻ điện tử", level=3, expected=["thedt.payment"], created_at=now - 30 * DAY)
        )  # fmt: skip
    segment = new_ulid(now - MINUTE)
    events: list[Event] = []
    alerts: list[Alert] = []
    for number, told in enumerate(MORNING):
        at = now - told.ago
        made = events_of(told, at, segment, len(events))
        events += made
        alerts.append(alert_of(told, number, at, [str(e["event.id"]) for e in made]))
    events += background(now, segment, len(events), 1500)
    store.append(Batch(events))
    _keep(database, store, now)
    _ledger(database, now)
    with database.write() as session:
        session.add_all(alerts)
        session.flush()
        house = read_house(session)
        for alert in sorted(alerts, key=lambda a: a.created_at):
            group(session, alert.id, now, house)
    _hits(database, now)
    beat(database, now)


def _hits(database: Database, now: Micros) -> None:
    """Hits of the rules by day, counted for twelve days; the newest are those of the morning."""
    rules = [(RULE_IDS[told.rule], told.count) for told in MORNING if told.kind == "rule"]
    with database.write() as session:
        for ago in range(12):
            hits = Counter({rule: count * (1 + (ago * 7 + at) % 5) for at, (rule, count) in enumerate(rules)})
            hit_days.save(session, hits if ago else Counter(dict(rules)), LOCAL_ZONE, now - ago * DAY)


def _keep(database: Database, store: EventStore, now: Micros) -> None:
    """Old events, a hold, settings that were shortened (undeclared sources), a shortening that waits (level 4)."""
    old = new_ulid(now - 200 * DAY)
    store.append(Batch([event | {"kydai.retention": "default"} for event in background(now - 200 * DAY, old, 0, 50)]))
    store.hold("VV-2026-0003", Span(now - 2 * HOUR, None), "Công an tỉnh yêu cầu giữ nguyên nhật ký")
    longer = Policy({**RETENTION_MONTHS, "default": 9, "level4": 18}, DEFAULT_POLICY.otherwise)
    with database.write() as session:
        keeping.settle(session, longer, (), now - 250 * DAY)
        keeping.shorten(
            session, Actor("duclm", "console"), "level4", 12, reason="Theo kế hoạch lưu trữ 2026", confirmed="level4",
            wish=Policy(RETENTION_MONTHS, DEFAULT_POLICY.otherwise), now=now - 3 * HOUR,
        )  # fmt: skip
        checks.note(session, MAINTENANCE, [], 2, now - 5 * HOUR, "duclm")


def _ledger(database: Database, now: Micros) -> None:
    tally, heards = Tally(), Heards()
    for name, _, _, _, dataset, hourly, silent, offset in SOURCES:
        for hour in range(26):
            at = now - silent - hour * HOUR
            count = int(hourly * (0.4 + 0.6 * (1 - abs(12 - hour) / 14)))
            unparsed = 50 if name == "rt-xa01" else 1 if name == "dc01" and hour == 3 else 0
            tally.raws(name, at, Raws.RECEIVED, count)
            tally.raws(name, at, Raws.PARSED, count - unparsed)
            tally.raws(name, at, Raws.UNPARSED, unparsed)
            tally.events(name, at, Events.MADE, count)
            tally.events(name, at, Events.STORED, count)
            for second in range(0, 3600, 600):
                heards.add(name, name, dataset, at - second * SECOND, offset)
    tally.raws("udp:10.20.31.9", now, Raws.RECEIVED, 311)
    tally.raws("udp:10.20.31.9", now, Raws.UNPARSED, 311)
    tally.events("udp:10.20.31.9", now, Events.MADE, 311)
    tally.events("udp:10.20.31.9", now, Events.STORED, 311)
    heards.add("udp:10.20.31.9", "10.20.31.9", "kydai.unparsed", now - MINUTE, None)
    said = SaidTally()
    said.add("fw-ttdl", now - 3 * HOUR, "netflow9 7", Unit.DATAGRAMS, Numbered(checked=900, lost=48, jumps=3))
    said.add("netflow:2055", now - HOUR, "kernel", Unit.DATAGRAMS, Numbered(checked=9_000, lost=23), is_receiver=True)
    with database.write() as session:
        tally.save(session)
        said.save(session)
        heards.save(session, {s[0]: None for s in SOURCES})


def beat(database: Database, now: Micros) -> None:
    """What the pipeline and the worker say every few seconds while they live."""
    with database.write() as session:
        session.merge(SpoolPosition(spool="gateway", arrival_at=now - SECOND, heartbeat_at=now, lag=1_200_000))
        for kind in ("gateway", "api", "pipeline", "worker"):
            session.merge(Heartbeat(name=kind, kind=kind, at=now, data={}))


@dataclass(slots=True)
class Running:
    """A served house."""

    url: str
    services: Services
    server: uvicorn.Server
    _thread: threading.Thread
    _stop: threading.Event

    def session_of(self, name: str, language: str = "vi") -> str:
        """A fresh session's secret, as a sign-in would set it."""
        now = self.services.clock.now()
        with self.services.database.write() as session:
            user = accounts.find_user(session, name)
            user.language = language
            return accounts.open_session(session, user, now=now, address="127.0.0.1", way="password", is_demo=True)

    def link(self, name: str) -> str:
        """A fresh sign-in link of a person without a password yet."""
        with self.services.database.write() as session:
            user = accounts.find_user(session, name)
            secret = accounts.make_link(session, CLI, user, now=self.services.clock.now(), forget_password=True)
        return f"{self.url}/sign-in#{secret}"

    def end_sessions(self, name: str) -> None:
        """As an admin ends them: the person is signed out everywhere."""
        with self.services.database.write() as session:
            user = accounts.find_user(session, name)
            session.execute(delete(Session).where(Session.user_id == user.id))

    def add_alert(self, **changes: Any) -> int:
        """A new alert, as the pipeline would write it now."""
        now = self.services.clock.now()
        told = Told("dns", "Tài khoản quản trị mới được tạo", "New admin account", "critical", "dc02", 0)
        row = alert_of(told, now, now, [])
        for name, value in changes.items():
            setattr(row, name, value)
        with self.services.database.write() as session:
            session.add(row)
            session.flush()
            return row.id

    def stop_serving(self) -> None:
        """Stop as a killed process would: the port refuses from now on."""
        self.server.force_exit = True
        self.server.should_exit = True
        self._thread.join(10)

    def close(self) -> None:
        self._stop.set()
        self.stop_serving()


def coverage(hit: frozenset[str]) -> list[Coverage]:
    """What our rules can do where three of five Linux hosts send no command line and there is no Windows."""
    web: Event = {
        "event.module": "nginx",
        "event.dataset": "nginx.access",
        "event.category": ["web"],
        "url.original": "/",
    }
    started: Event = {
        "event.module": "auditd", "event.dataset": "auditd.log", "event.category": ["process"], "event.type": ["start"],
        "host.os.type": "linux", "process.executable": "/bin/sh",
    }  # fmt: skip
    whole: Event = {**started, "process.command_line": "sh -c id"}
    events: list[Event] = [{**web, "host.name": "tthc-web01"}]
    events += [{**whole, "host.name": name} for name in ("csdl-db01", "jump01")]
    events += [{**started, "host.name": name} for name in ("csdl-db02", "mail01", "tthc-web01")]
    return told(RULES, seen_of_events(events), hit=hit)


@contextmanager
def served(folder: Path, *, is_demo: bool = True, port: int = 0) -> Iterator[Running]:
    """Serve a seeded house on loopback until left."""
    context = Context(folder, None, Output(as_json=True, lang="vi"))
    clock, database, store = context.clock, context.database, context.store
    seed(database, store, clock.now())
    shop = shop_of(context)
    while step(shop):
        pass
    sock = socket.socket()
    sock.bind(("127.0.0.1", port))
    trier = Trier(context.settings, clock)

    folder_of_rules = context.settings.rules_folder

    def rules() -> RuleSet:
        with database.read() as session:
            if next(folder_of_rules.rglob("*.yml"), None) is not None:  # of one's own, or packages
                return load_rules(context.settings, session)
            modes = {row.rule_id: Mode(row.mode) for row in session.scalars(select(RuleMode))}
        return replace(RULES, modes=modes)

    def instead(packages: Mapping[str, Path | None]) -> RuleSet:
        with database.read() as session:
            return load_rules(context.settings, session, packages)

    def covered() -> list[Coverage]:
        with database.read() as session:
            return coverage(hit_days.hit_lately(session, clock.now()))

    services = Services(
        database, store, clock, base_url=f"http://127.0.0.1:{sock.getsockname()[1]}", is_demo=is_demo,
        policy=context.settings.store.policy, reserve_bytes=512 << 20, console_folder=DIST, version="0.1.0", rules=rules, coverage=covered, playbooks=load_playbooks,
        rule_text=partial(rule_text, folder_of_rules), rule_path=partial(rule_path, folder_of_rules), rules_folder=folder_of_rules,
        source_products={name: takes_token(name) for name in products()},
        source_config=lambda product, address, lang: configuration(
            product, server_of(Settings(), address or "10.20.1.50"), lang
        ),
        samples=trier.sheet, draft_samples=trier.draft, rules_instead=instead, coverage_of=coverage_of,
    )  # fmt: skip
    config = uvicorn.Config(
        create_app(services), log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=1
    )
    server, stop = uvicorn.Server(config), threading.Event()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)

    def keep_beating() -> None:
        while not stop.wait(0.3):
            step(shop)
            beat(database, clock.now())

    pulse = threading.Thread(target=keep_beating, daemon=True)
    thread.start()
    pulse.start()
    while not server.started and thread.is_alive():
        stop.wait(0.02)
    running = Running(services.base_url, services, server, thread, stop)
    try:
        yield running
    finally:
        running.close()
        pulse.join(10)
        context.close()
        sock.close()
