"""The API: console, HTTP intake into its own spool, everything under /api/v1. HTTPS off loopback."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import uvicorn
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from starlette.types import ASGIApp

from api.app import create_app, stop_streams
from api.deps import Services
from api.house import Ailment
from api.security import IntakeOnly
from core import engines
from core.clock import HOUR, Micros
from core.db.models import Meta
from core.errors import BadConfig, KydaiError, cause, failure
from core.lag import SPOOLS
from core.spool import GroupCommit
from core.words import LANGUAGES, both, say
from detections import local_rules
from kydai.context import Context
from kydai.following import Follower, Following
from kydai.gateway_process import open_spool, tidy
from kydai.listening import Listener, shown, url
from kydai.log import logger
from kydai.messenger import Sending, Watch
from kydai.noticing import setup_of
from kydai.process import HEARTBEAT_SECONDS, Stop, beat, ready
from kydai.settings import Settings
from kydai.showing import Certificate, by_http, days_left, ending, is_secure
from kydai.source_config import configuration, products, server_of, takes_token
from kydai.tls import Identity
from kydai.world import playbooks_folder
from playbooks.playbook import load as load_playbooks

if TYPE_CHECKING:
    from detections.coverage import Coverage
    from detections.ruleset import RuleSet
    from detections.samples import Sheet
    from kydai.trying import Trier

SPOOL = SPOOLS[1]
CONSOLE = Path(__file__).parent.parent / "console" / "dist"


def run(context: Context, stop: Stop) -> None:
    """Serve until told to stop."""
    settings = context.settings
    doors = [Bound(each, _bind(each)) for each in by_http(settings)]
    spool = open_spool(context, SPOOL)
    commit = GroupCommit(spool)
    following = Following(Follower(context.database, context.clock, spool.folder, commit.append))
    try:
        certificate = Certificate(settings, context.clock)
        urls = [doors[0].url(settings, host) for host in shown(settings.http.address, settings.http.names)]
        with context.database.read() as session:
            is_demo = session.get(Meta, "demo") is not None
        _follow_journal(context)
        rules = _Rules(context)
        app = create_app(
            Services(
                database=context.database,
                store=context.store,
                clock=context.clock,
                intake=commit,
                base_url=urls[0],
                is_demo=is_demo,
                zone=settings.zone,
                session_life=settings.access.session_hours * HOUR,
                totp_roles=frozenset(settings.access.totp_roles),
                policy=settings.store.policy,
                reserve_bytes=settings.spool.reserve_mb << 20,
                shared_addresses=tuple(settings.site.shared),
                agencies=settings.site.agencies,
                source_products={name: takes_token(name) for name in products()},
                source_config=lambda product, address, lang: configuration(
                    product, server_of(settings, address, urls[0]), lang
                ),
                version=version("kydai"),
                console_folder=CONSOLE,
                rules=rules.load,
                coverage=rules.coverage,
                rule_text=lambda package, file: _rule_text(context, package, file),
                samples=rules.samples,
                rule_path=lambda package, file: _rule_path(context, package, file),
                rules_folder=settings.rules_folder,
                placeholders=settings.site.values,
                draft_samples=rules.draft_samples,
                rules_instead=rules.instead,
                coverage_of=_coverage_of,
                playbooks=lambda: load_playbooks(playbooks_folder(context)),
                notices=lambda: setup_of(context.settings_now(settings)),
                ailments=lambda: _ailments(context, certificate),
            )
        )
        servers = [
            uvicorn.Server(_config(app if each is doors[0] else IntakeOnly(app), settings, each, certificate.identity))
            for each in doors
        ]
        facts = {
            "url": urls[0],
            "urls": urls,
            "port": doors[0].port,
            "listening": {each.listener.name: [each.listener.address, each.port] for each in doors},
            "fingerprint": certificate.identity.fingerprint if certificate.identity else None,
        }
        with asyncio.Runner(loop_factory=servers[0].config.get_loop_factory()) as runner:
            serving = Serving(servers, [each.sock for each in doors], certificate)
            with Sending(context, is_wanted=Watch(context)):
                runner.run(_serve(context, stop, serving, commit, facts))
    finally:
        following.close()
        commit.close()
        spool.close()
        for each in doors:
            each.sock.close()


def _follow_journal(context: Context) -> None:
    """Let files of rules follow the journal where a kill kept them from it."""
    try:
        with context.database.write() as session:
            done = local_rules.follow(session, context.settings.rules_folder, context.clock.now())
    except KydaiError as error:
        logger.warning("A change of a rule that was cut off cannot be finished.", error=str(error))
        return
    if done:
        logger.warning("Changes of rules that were cut off are in their files now.", files=done)


def _config(app: ASGIApp, settings: Settings, door: Bound, identity: Identity | None) -> uvicorn.Config:
    files = identity if is_secure(settings, door.listener) else None
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off" if isinstance(app, IntakeOnly) else "on",  # one app, begun and ended once
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=3,
        ssl_certfile=str(files.certificate) if files else None,
        ssl_keyfile=str(files.key) if files else None,
    )
    config.load()
    return config


@dataclass(frozen=True, slots=True)
class Serving:
    """The servers, the console's first, with the socket of each, and what they show."""

    servers: Sequence[uvicorn.Server]
    socks: Sequence[socket.socket]
    certificate: Certificate

    @property
    def contexts(self) -> list[ssl.SSLContext]:
        return [server.config.ssl for server in self.servers if server.config.ssl is not None]


async def _serve(context: Context, stop: Stop, serving: Serving, commit: GroupCommit, facts: dict[str, object]) -> None:
    loop = asyncio.get_running_loop()
    tasks = []
    for server, sock in zip(serving.servers, serving.socks, strict=True):
        tasks.append(asyncio.create_task(server._serve([sock])))
        while not server.started and not tasks[-1].done():
            await asyncio.sleep(0.02)
    ready(**facts)

    def is_over() -> bool:
        return stop.asked() or any(task.done() for task in tasks)

    while not is_over():
        try:
            await loop.run_in_executor(None, _housekeeping, context, commit, facts, serving.certificate.identity)
        except (KydaiError, SQLAlchemyError, OSError) as error:
            logger.warning("Housekeeping failed; serving goes on.", error=str(error))
        serving.certificate.keep(serving.contexts)
        for _ in range(int(HEARTBEAT_SECONDS * 10)):
            if is_over():
                break
            await asyncio.sleep(0.1)
    console = serving.servers[0]
    if console.started:
        stop_streams(cast(Any, console.config.app))
    # the console's last: with it the app ends that the other serves
    for server, task in reversed(list(zip(serving.servers, tasks, strict=True))):
        server.should_exit = True
        await task


def _housekeeping(context: Context, commit: GroupCommit, facts: dict[str, object], identity: Identity | None) -> None:
    shown_now = {} if identity is None else {"certificate": str(identity.certificate)}
    beat(
        context.database,
        SPOOL,
        "api",
        context.clock.now(),
        facts | {"cut_bytes": commit.spool.cut_bytes} | shown_now | context.unheard(),
    )
    tidy(context, commit.spool, SPOOL)


@dataclass(frozen=True, slots=True)
class Bound:
    """A listener and its socket."""

    listener: Listener
    sock: socket.socket

    @property
    def port(self) -> int:
        return int(self.sock.getsockname()[1])

    def url(self, settings: Settings, host: str) -> str:
        return url(host, self.port, secure=is_secure(settings, self.listener))


def _bind(listener: Listener) -> socket.socket:
    address, port = listener.address, listener.port
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((address, port))
        sock.listen(512)
    except OSError as error:
        sock.close()
        variable = listener.variable
        raise failure(
            BadConfig, "start.listen_http", address=address, port=str(port), variable=variable, why=cause(error)
        ) from error
    return sock


class _Rules:
    """The rules as the API shows them; the reader and the engine weigh much, so only when somebody looks at rules."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._last: RuleSet | None = None
        self._trier: Trier | None = None

    def load(self) -> RuleSet:
        from kydai.detector import load_rules

        with self._context.database.read() as session:
            self._last = load_rules(self._context.settings, session)
        return self._last

    def instead(self, packages: Mapping[str, Path | None]) -> RuleSet:
        """With other folders in the place of packages."""
        from kydai.detector import load_rules

        with self._context.database.read() as session:
            return load_rules(self._context.settings, session, packages)

    def coverage(self) -> Sequence[Coverage]:
        """What each rule can do with what was seen."""
        from kydai.covering import coverage_of

        ruleset = self._last or self.load()
        with self._context.database.read() as session:
            return coverage_of(ruleset, session, self._context.clock.now())

    def samples(self, package: str, file: str) -> Sheet:
        """What becomes of the samples of a rule's file."""
        return self._tries().sheet(package, file)

    def draft_samples(self, path: Path) -> Sheet:
        """What becomes of the samples beside a rule file that is not in force."""
        return self._tries().draft(path)

    def _tries(self) -> Trier:
        from kydai.trying import Trier

        if self._trier is None:
            self._trier = Trier(self._context.settings, self._context.clock)
        return self._trier


def _rule_text(context: Context, package: str, file: str) -> str | None:
    from kydai.detector import rule_text

    return rule_text(context.settings.rules_folder, package, file)


def _coverage_of(ruleset: RuleSet, session: Session, now: Micros) -> list[Coverage]:
    from kydai.covering import coverage_of

    return coverage_of(ruleset, session, now)


def _rule_path(context: Context, package: str, file: str) -> Path | None:
    from kydai.detector import rule_path

    return rule_path(context.settings.rules_folder, package, file)


def _ailments(context: Context, certificate: Certificate) -> Sequence[Ailment]:
    """Disk: intake stops before the console does. Events that were moved to an engine that the settings do not name.
    A certificate that ends, or a newer one that cannot be used."""
    settings = context.settings
    found = [*_of_storage(context, settings)]
    if (why := certificate.trouble) is not None:
        found.append(Ailment("certificate", {lang: say("tls.not_taken", lang, why=why[lang]) for lang in LANGUAGES}))
    elif (days := days_left(settings, context.clock.now())) is not None:
        found.append(Ailment("certificate", dict(ending(days))))
    return found


def _of_storage(context: Context, settings: Settings) -> Sequence[Ailment]:
    with context.database.read() as session:
        found = engines.in_force(session)
    if found is not None and found.engine != settings.store.engine:
        return [Ailment("moved", both("cli.up.moved", engine=found.engine))]
    free = shutil.disk_usage(settings.data).free
    if free < settings.spool.reserve_mb << 20:
        return [Ailment("disk", both("cli.up.disk_full", free=free >> 20))]
    return []
