"""The demonstration's data folder: the mark, the inventory, the people, the tokens, and the past day replayed."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from core import accounts, inventory, inventory_changes
from core.accounts import Role, TokenScope
from core.audit import Actor
from core.clock import Micros
from core.db.models import Meta
from core.errors import Refused, failure
from core.event import Frame
from core.spool import Spool
from kydai.context import Context
from kydai.demo.day import past_day
from kydai.demo.inventory import inventory as rows_of
from kydai.demo.world import World
from kydai.ingesting import close_run
from kydai.pipeline import Parts, Pipeline
from kydai.settings import CONFIG_NAME

MARK = "demo"
SPOOL = "demo-past"
CHUNK = 5_000
HOUSE_RULES = "house_rules.yml"
ACTOR = Actor("trình diễn", "maintenance", is_demo=True)
ROLES = {"analyst": Role.ANALYST, "sysadmin": Role.SYSADMIN, "auditor": Role.AUDITOR, "admin": Role.ADMIN}


def clear(folder: Path) -> None:
    """Remove an earlier demonstration. Raises Refused when the folder holds something else."""
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / MARK).is_file():
        raise failure(Refused, "demo.error.folder", folder=folder)
    shutil.rmtree(folder)


def shared_addresses(world: World) -> list[str]:
    """The translation and the proxy that everybody goes through."""
    return [world.nat, world.host("proxy01").address, world.host("dns01").address]


def furnish(context: Context, world: World, now: Micros) -> dict[str, str]:
    """Inventory, people, tokens and the house's own rules; returns the tokens by name."""
    (context.settings.data / MARK).touch()
    local = context.settings.rules_folder / "local"
    local.mkdir(parents=True, exist_ok=True)
    (local / HOUSE_RULES).write_bytes(files(__package__).joinpath(HOUSE_RULES).read_bytes())
    shared = ", ".join(f'"{address}"' for address in shared_addresses(world))
    (context.settings.data / CONFIG_NAME).write_text(f"[site]\nshared = [{shared}]\n", "utf-8")
    tokens: dict[str, str] = {}
    with context.database.write() as session:
        session.merge(Meta(key=MARK, value=str(now)))
        plan = inventory.plan(session, rows_of(world, "vi"))
        inventory_changes.apply(session, ACTOR, plan, now)
        admin = accounts.add_user(session, ACTOR, "admin", Role.ADMIN, now=now)
        for person in world.watch:
            accounts.add_user(session, ACTOR, person.account, ROLES[person.role], now=now, full_name=person.name)
        for name in world.tokens():
            _, tokens[name] = accounts.make_token(session, ACTOR, admin, name, TokenScope.INGEST, now=now)
    return tokens


def person_token(context: Context, account: str) -> str:
    """An API token with which the story's person acts."""
    now = context.clock.now()
    with context.database.write() as session:
        user = accounts.find_user(session, account)
        _, text = accounts.make_token(session, ACTOR, user, f"demo-{account}-{now // 1000}", TokenScope.API, now=now)
    return text


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the replay of the past day came to."""

    raws: int
    took: Micros


def replay(context: Context, parts: Parts, seed: int, now: Micros) -> Replayed:
    """The past day through spool and pipeline, with its own times of receipt."""
    folder = context.settings.spool_folder / SPOOL
    spool = Spool(folder, context.clock, reserve_bytes=0)
    pipeline = Pipeline(SPOOL, folder, parts)
    count = 0
    frames = []
    for frame in past_day(seed, now):
        frames.append(frame)
        if len(frames) == CHUNK:
            count += _commit(spool, pipeline, frames)
            frames = []
    count += _commit(spool, pipeline, frames)
    close_run(context, spool, has_raws=bool(count))
    return Replayed(count, context.clock.now() - now)


def _commit(spool: Spool, pipeline: Pipeline, frames: list[Frame]) -> int:
    spool.append(frames)
    while pipeline.step():
        pass
    return len(frames)
