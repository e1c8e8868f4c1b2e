"""The API: console, HTTP intake into its own spool, everything under /api/v1. HTTPS off loopback."""

from __future__ import annotations

import asyncio
import ipaddress
import shutil
import socket
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import uvicorn
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from api.app import create_app, stop_streams
from api.deps import Services
from api.house import Ailment
from core import engines
from core.clock import Micros
from core.db.models import Meta
from core.errors import BadConfig, KydaiError, cause, failure
from core.lag import SPOOLS
from core.spool import GroupCommit
from core.words import both
from detections import local_rules
from kydai import tls
from kydai.context import Context
from kydai.following import Follower, Following
from kydai.gateway_process import open_spool, tidy
from kydai.log import logger
from kydai.process import HEARTBEAT_SECONDS, Stop, beat, ready
from kydai.world import playbooks_folder
from playbooks.playbook import load as load_playbooks
from playbooks.protected import own_addresses

if TYPE_CHECKING:
    from detections.coverage import Coverage
    from detections.ruleset import RuleSet
    from detections.samples import Sheet
    from kydai.trying import Trier

SPOOL = SPOOLS[1]
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
CONSOLE = Path(__file__).parent.parent / "console" / "dist"


def is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def run(context: Context, stop: Stop) -> None:
    """Serve until told to stop."""
    settings = context.settings
    sock = _bind(settings.http.address, settings.http.port)
    spool = open_spool(context, SPOOL)
    commit = GroupCommit(spool)
    following = Following(Follower(context.database, context.clock, spool.folder, commit.append))
    try:
        identity = _identity(context)
        port = int(sock.getsockname()[1])
        shown = settings.http.address
        if shown in EVERYWHERE:
            shown = settings.http.names[0] if settings.http.names else socket.gethostname()
        url = f"{'https' if identity else 'http'}://{f'[{shown}]' if ':' in shown else shown}:{port}"
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
                base_url=url,
                is_demo=is_demo,
                zone=settings.zone,
                policy=settings.store.policy,
                reserve_bytes=settings.spool.reserve_mb << 20,
                shared_addresses=tuple(settings.site.shared),
                agencies=settings.site.agencies,
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
                ailments=lambda: _ailments(context),
            )
        )
        config = uvicorn.Config(
            app,
            loop="uvloop",
            http="httptools",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=3,
            ssl_certfile=str(identity.certificate) if identity else None,
            ssl_keyfile=str(identity.key) if identity else None,
        )
        facts = {"url": url, "port": port, "fingerprint": identity.fingerprint if identity else None}
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(_serve(context, stop, uvicorn.Server(config), sock, commit, facts))
    finally:
        following.close()
        commit.close()
        spool.close()
        sock.close()


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


async def _serve(
    context: Context,
    stop: Stop,
    server: uvicorn.Server,
    sock: socket.socket,
    commit: GroupCommit,
    facts: dict[str, object],
) -> None:
    loop = asyncio.get_running_loop()
    serving = asyncio.create_task(server._serve([sock]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.02)
    ready(**facts)
    while not stop.asked() and not serving.done():
        try:
            await loop.run_in_executor(None, _housekeeping, context, commit, facts)
        except (KydaiError, SQLAlchemyError, OSError) as error:
            logger.warning("Housekeeping failed; serving goes on.", error=str(error))
        for _ in range(int(HEARTBEAT_SECONDS * 10)):
            if stop.asked() or serving.done():
                break
            await asyncio.sleep(0.1)
    if server.started:
        stop_streams(cast(Any, server.config.app))
    server.should_exit = True
    await serving


def _housekeeping(context: Context, commit: GroupCommit, facts: dict[str, object]) -> None:
    beat(
        context.database,
        SPOOL,
        "api",
        context.clock.now(),
        facts | {"cut_bytes": commit.spool.cut_bytes} | context.unheard(),
    )
    tidy(context, commit.spool, SPOOL)


def _bind(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((address, port))
        sock.listen(512)
    except OSError as error:
        sock.close()
        raise failure(BadConfig, "start.listen_http", address=address, port=str(port), why=cause(error)) from error
    return sock


def _identity(context: Context) -> tls.Identity | None:
    http = context.settings.http
    if http.certificate is not None and http.key is not None:
        return tls.own(http.certificate, http.key)
    chosen = context.settings.data / "tls"
    if (own := chosen / tls.OWN).is_file():
        return tls.own(own, own)
    if is_loopback(http.address):
        return None
    # on every address: people may type any of them
    names = sorted(own_addresses()) if http.address in EVERYWHERE else [http.address]
    return tls.local(chosen, [*names, *http.names], context.clock.now())


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


def _ailments(context: Context) -> Sequence[Ailment]:
    """Disk: intake stops before the console does. Events that were moved to an engine that the settings do not name."""
    settings = context.settings
    with context.database.read() as session:
        found = engines.in_force(session)
    if found is not None and found.engine != settings.store.engine:
        return [Ailment("moved", both("cli.up.moved", engine=found.engine))]
    free = shutil.disk_usage(settings.data).free
    if free < settings.spool.reserve_mb << 20:
        return [Ailment("disk", both("cli.up.disk_full", free=free >> 20))]
    return []
