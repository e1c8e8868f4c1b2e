"""Blocks against a real nftables, in a network namespace of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from core.clock import StillClock
from core.db.models import Effect, Run
from core.errors import BadInput, Refused, Unavailable
from playbooks.action import Doing, State, World, run_command
from playbooks.actions.firewall_block_ip import ACTION, MAX_AN_HOUR, BlockIp, blocked
from tests.playbooks.conftest import FakeNft
from tests.services import missing, program

DOING = Doing(1, "block", "k", 1, "playbook:x")


@pytest.fixture
def stage(world: World) -> Iterator[World]:
    """A world whose enforcement point is a namespace where nft may be used."""
    unshare, nsenter, nft = program("unshare"), program("nsenter"), program("nft")
    holder = subprocess.Popen([unshare, "-Urn", "sleep", "60"])
    prefix = (nsenter, "--user", "--net", "--preserve-credentials", f"--target={holder.pid}")

    try:
        for _ in range(100):
            probe = subprocess.run([*prefix, nft, "list", "ruleset"], capture_output=True, timeout=20, check=False)
            if probe.returncode == 0:
                break
        else:
            missing(f"a network namespace ({probe.stderr.decode(errors='replace').strip()})")
        yield replace(world, command=run_command, enforcement=prefix)
    finally:
        holder.kill()
        holder.wait()


def inside(stage: World, *words: str) -> str:
    """What a command in the namespace prints."""
    return stage.command([*stage.enforcement, *words], b"").stdout.decode()


def test_a_block_and_its_undo_in_a_real_firewall(stage: World) -> None:
    parameters = BlockIp(addresses=["203.0.113.7", "2001:db8::7"], minutes=30)
    for _ in range(2):
        assert ACTION.perform(parameters, stage, DOING).state is State.DONE
    assert blocked(stage) == {"203.0.113.7", "2001:db8::7"}
    assert ACTION.check is not None
    found = ACTION.check(parameters, stage, DOING)
    assert found is not None
    assert found.inverse == {"addresses": ["203.0.113.7", "2001:db8::7"], "is_dry": False}
    rules = inside(stage, program("nft"), "list", "table", "inet", "kydai")
    assert rules.count("drop") == 8, "twice is once"
    assert ACTION.undo is not None
    ACTION.undo(parameters, {"addresses": ["203.0.113.7"], "is_dry": False}, stage, DOING)
    assert blocked(stage) == {"2001:db8::7"}
    ACTION.undo(parameters, {"addresses": ["203.0.113.7"], "is_dry": False}, stage, DOING)


def test_nothing_calls_out_to_who_is_blocked(stage: World) -> None:
    inside(stage, program("ip"), "link", "set", "lo", "up")
    inside(stage, program("ip"), "route", "add", "203.0.113.0/24", "dev", "lo")
    call = "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('203.0.113.7', 53)); print('sent')"
    assert inside(stage, sys.executable, "-c", call) == "sent\n"
    ACTION.perform(BlockIp(addresses=["203.0.113.7"]), stage, DOING)
    assert inside(stage, sys.executable, "-c", call) == ""


def test_a_dry_run_runs_nothing(world: World, nft: FakeNft) -> None:
    dry = replace(world, enforce=False)
    outcome = ACTION.perform(BlockIp(addresses=["203.0.113.7"]), dry, DOING)
    assert outcome.result["is_dry"] is True
    assert nft.scripts == []


def test_protected_assets_are_left_out_and_alone_refused(world: World, nft: FakeNft) -> None:
    outcome = ACTION.perform(BlockIp(addresses=["203.0.113.7", "127.0.0.1", "10.1.1.1"]), world, DOING)
    assert outcome.result["blocked"] == ["203.0.113.7"]
    assert set(outcome.result["refused"]) == {"127.0.0.1", "10.1.1.1"}
    with pytest.raises(Refused):
        ACTION.perform(BlockIp(addresses=["::1"]), world, DOING)
    assert nft.blocked == {"203.0.113.7"}


@pytest.mark.parametrize("text", ["203.0.113.7; flush ruleset", "203.0.113.0/24 }", "", "x" * 500])
def test_what_is_no_address_never_reaches_the_firewall(world: World, nft: FakeNft, text: str) -> None:
    with pytest.raises(Refused):
        ACTION.perform(BlockIp(addresses=[text]), world, DOING)
    assert nft.scripts == []


def test_wrong_arguments_and_a_firewall_that_is_away(world: World, nft: FakeNft) -> None:
    with pytest.raises(BadInput, match="minutes"):
        ACTION.read({"addresses": "203.0.113.7", "minutes": 0})
    with pytest.raises(BadInput, match="addresses"):
        ACTION.read({"addresses": None})
    nft.fails = True
    with pytest.raises(Unavailable):
        ACTION.perform(BlockIp(addresses=["203.0.113.7"]), world, DOING)


def test_no_more_than_so_many_addresses_an_hour(world: World, nft: FakeNft, clock: StillClock) -> None:
    with world.database.write() as session:
        session.add(Run(id=1, key="k", playbook="p", version="v", definition={}, created_at=1, updated_at=1))
        session.flush()
        session.add(
            Effect(
                key="k",
                run_id=1,
                step="block",
                action="firewall.block_ip",
                arguments={},
                effect_class="checkable",
                state="done",
                intended_at=clock.now(),
                ended_at=clock.now(),
                result={"blocked": ["203.0.113.1"] * (MAX_AN_HOUR - 1)},
            )
        )
    with pytest.raises(Refused, match="within an hour"):
        ACTION.perform(BlockIp(addresses=["203.0.113.7", "203.0.113.8"]), world, DOING)
    assert nft.scripts == []
    ACTION.perform(BlockIp(addresses=["203.0.113.7"]), world, DOING)
    clock.advance(3601)
    ACTION.perform(BlockIp(addresses=["203.0.113.7", "203.0.113.8"]), world, DOING)
