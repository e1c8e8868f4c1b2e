"""``firewall.block_ip``: addresses into a set of our own nftables table, which they leave by themselves after a time.

Packets from them and to them are dropped: what is already inside may not call out to them either. Nothing outside the
table ``inet kydai`` is touched. A protected asset is never blocked, in a dry run neither.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
from pydantic import Field, field_validator
from sqlalchemy import select

from core.clock import HOUR, MINUTE
from core.db.models import Effect, EffectState
from core.errors import Refused, Unavailable, cause, failure, reason
from core.words import both
from playbooks.action import Action, Doing, EffectClass, Outcome, Parameters, State, World

NAME = "firewall.block_ip"
MAX_ADDRESSES = 200
MAX_AN_HOUR = 500
"""Addresses blocked within an hour, over all runs: a playbook gone wild stops there."""
# an ordinary account's PATH leaves out where nft is
NFT = shutil.which("nft", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))) or "nft"

_TABLE = """\
add table inet kydai
add set inet kydai blocked4 { type ipv4_addr; flags timeout; }
add set inet kydai blocked6 { type ipv6_addr; flags timeout; }
add chain inet kydai input { type filter hook input priority -10; }
add chain inet kydai forward { type filter hook forward priority -10; }
add chain inet kydai output { type filter hook output priority -10; }
flush chain inet kydai input
flush chain inet kydai forward
flush chain inet kydai output
"""
_RULES = "".join(
    f"add rule inet kydai {chain} {family} {end} @blocked{number} counter drop\n"
    for chain, end in (("input", "saddr"), ("forward", "saddr"), ("forward", "daddr"), ("output", "daddr"))
    for family, number in (("ip", 4), ("ip6", 6))
)


class BlockIp(Parameters):
    addresses: list[str] = Field(min_length=1, max_length=MAX_ADDRESSES)
    minutes: int = Field(60, ge=1, le=1440)

    @field_validator("addresses", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


def _sorted(parameters: BlockIp, world: World, doing: Doing) -> tuple[list[str], dict[str, str]]:
    """Addresses that may be blocked, and those that are refused with the reason's key."""
    allowed, refused = [], {}
    for text in dict.fromkeys(parameters.addresses):
        reason = world.protected(text, doing.approver_address)
        if reason is None:
            allowed.append(str(ipaddress.ip_address(text)))
        else:
            refused[text] = reason
    return allowed, refused


def preview(parameters: BlockIp, world: World, doing: Doing) -> Mapping[str, Any]:
    allowed, refused = _sorted(parameters, world, doing)
    return {
        "block": allowed,
        "refused": {a: both(k) for a, k in refused.items()},
        "minutes": parameters.minutes,
        "is_dry": not world.enforce,
    }


def perform(parameters: BlockIp, world: World, doing: Doing) -> Outcome:
    allowed, refused = _sorted(parameters, world, doing)
    if not allowed:
        raise failure(Refused, "playbook.error.all_protected")
    if world.enforce:
        _within_the_cap(world, len(allowed))
        elements = "".join(
            f"add element inet kydai blocked{ipaddress.ip_address(a).version} {{ {a} timeout {parameters.minutes}m }}\n"
            for a in allowed
        )
        _nft(world, _TABLE + _RULES + elements)
    return _outcome(parameters, world, allowed, refused)


def foresee(parameters: BlockIp, world: World, doing: Doing) -> Mapping[str, Any]:
    """Told as not done; ``is_dry`` as it will be, for the conditions of later steps."""
    told = _outcome(parameters, replace(world, enforce=False), *_sorted(parameters, world, doing)).result
    return {**told, "is_dry": not world.enforce}


def _outcome(parameters: BlockIp, world: World, allowed: list[str], refused: Mapping[str, str]) -> Outcome:
    until = world.clock.now() + parameters.minutes * MINUTE
    told = {a: both(k) for a, k in refused.items()}
    outcome = both(
        "playbook.blocked" if world.enforce else "playbook.would_block",
        addresses=", ".join(allowed),
        minutes=parameters.minutes,
    )
    result = {"blocked": allowed, "refused": told, "is_dry": not world.enforce, "until": until, "outcome": outcome}
    return Outcome(State.DONE, result, {"addresses": allowed, "is_dry": not world.enforce}, until)


def _within_the_cap(world: World, count: int) -> None:
    recent = (Effect.action == NAME, Effect.state == EffectState.DONE, Effect.ended_at > world.clock.now() - HOUR)
    with world.database.read() as session:
        done = sum(len(result.get("blocked", ())) for result in session.scalars(select(Effect.result).where(*recent)))
    if done + count > MAX_AN_HOUR:
        raise failure(Refused, "playbook.error.too_many", count=str(MAX_AN_HOUR))


def check(parameters: BlockIp, world: World, doing: Doing) -> Outcome | None:
    allowed, refused = _sorted(parameters, world, doing)
    is_there = bool(allowed) and world.enforce and set(allowed) <= blocked(world)
    return _outcome(parameters, world, allowed, refused) if is_there else None


def undo(parameters: BlockIp, inverse: Mapping[str, Any], world: World, doing: Doing) -> Outcome:
    addresses = [str(ipaddress.ip_address(a)) for a in inverse.get("addresses", ())]
    if not inverse.get("is_dry"):
        present = blocked(world)
        gone = "".join(
            f"delete element inet kydai blocked{ipaddress.ip_address(a).version} {{ {a} }}\n"
            for a in addresses
            if a in present
        )
        if gone:
            _nft(world, gone)
    return Outcome(State.DONE, {"unblocked": addresses, "is_dry": bool(inverse.get("is_dry"))})


def blocked(world: World) -> set[str]:
    """What is blocked at the enforcement point now."""
    found: set[str] = set()
    for name in ("blocked4", "blocked6"):
        ran = _run(world, ["-j", "list", "set", "inet", "kydai", name], "")
        if ran.returncode != 0:  # no such set: nothing was ever blocked
            continue
        for item in orjson.loads(ran.stdout)["nftables"]:
            for element in item.get("set", {}).get("elem", ()):
                value = element["elem"]["val"] if isinstance(element, dict) else element
                found.add(str(value))
    return found


def _run(world: World, words: list[str], script: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return world.command([*world.enforcement, NFT, *words], script.encode())
    except OSError as error:
        raise failure(Unavailable, "playbook.error.no_nft", why=cause(error)) from error
    except subprocess.TimeoutExpired as error:
        raise failure(Unavailable, "playbook.error.nft_silent") from error


def _nft(world: World, script: str) -> None:
    ran = _run(world, ["-f", "-"], script)
    if ran.returncode != 0:
        said = ran.stderr.decode("utf-8", "replace")
        raise failure(Unavailable, "playbook.error.nft_refused", reason=reason(said))


ACTION = Action(
    NAME,
    both("playbook.action.block_ip"),
    EffectClass.CHECKABLE,
    BlockIp,
    preview,
    perform,
    check,
    undo,
    foresee,
)
