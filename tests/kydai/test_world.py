"""What actions are handed: the site's settings, and an enforcement point that only the demonstration may name."""

from __future__ import annotations

from core.db.models import Meta
from kydai.cli.output import Output
from kydai.context import Context
from kydai.world import ENFORCEMENT, broken_playbooks, playbooks_folder, world_of


def test_nothing_is_enforced_by_default(context: Context) -> None:
    world = world_of(context)
    assert (world.enforce, world.enforcement, world.mail.host, world.webhook_hosts) == (False, (), "", ())
    assert world.protected("127.0.0.1", None) == "playbook.protected.loopback"
    assert world.protected("203.0.113.7", None) is None
    assert playbooks_folder(context) == context.settings.data / "playbooks"


def test_broken_playbooks_of_the_site_are_known(context: Context) -> None:
    assert broken_playbooks(context) == []
    playbooks_folder(context).mkdir()
    (playbooks_folder(context) / "mine.yml").write_text("name: x\n")
    (error,) = broken_playbooks(context)
    assert str(error).startswith(f"{playbooks_folder(context)}/mine.yml:1: ")


def test_only_a_demonstration_names_an_enforcement_point(context: Context) -> None:
    with context.database.write() as session:
        session.add(Meta(key=ENFORCEMENT, value='["env", "-u", "X"]'))
    assert (world_of(context).enforce, world_of(context).enforcement) == (False, ())
    with context.database.write() as session:
        session.add(Meta(key="demo", value="1"))
    assert (world_of(context).enforce, world_of(context).enforcement) == (True, ("env", "-u", "X"))
    for gone in ('["false"]', '["/nowhere/nsenter"]', '["nsenter", "--user", "--net", "--target=999999999"]'):
        with context.database.write() as session:
            session.merge(Meta(key=ENFORCEMENT, value=gone))
        assert (world_of(context).enforce, world_of(context).enforcement) == (False, ()), "then it is a dry run"


def test_settings_reach_the_actions(context: Context) -> None:
    data = context.settings.data
    data.mkdir(exist_ok=True)
    (data / "kydai.toml").write_text(
        "[playbooks]\nenforce = true\nprotected = ['198.51.100.0/24']\ntargets = ['10.9.0.0/16']\n"
        "[site]\nshared = ['203.0.113.1']\n[mail]\nhost = 'relay.example'\npassword = 'secret'\n"
    )
    own = Context(data, None, Output(True, "en"))
    world = world_of(own)
    own.close()
    assert world.enforce
    assert world.protected("198.51.100.9", None) == "playbook.protected.listed"
    assert world.protected("203.0.113.1", None) == "playbook.protected.listed", "many stand behind it"
    assert world.protected("10.9.1.1", None) is None
    assert world.protected("10.8.1.1", None) == "playbook.protected.private"
    assert (world.mail.host, world.mail.password) == ("relay.example", "secret")
    assert "secret" not in repr(world)


def test_a_demonstration_never_blocks_outside_its_namespace(context: Context) -> None:
    data = context.settings.data
    data.mkdir(exist_ok=True)
    (data / "kydai.toml").write_text("[playbooks]\nenforce = true\n")
    own = Context(data, None, Output(True, "en"))
    with own.database.write() as session:
        session.add(Meta(key="demo", value="1"))
    assert world_of(own).enforce is False
    own.close()
