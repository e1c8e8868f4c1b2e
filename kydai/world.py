"""The edge that playbook actions are handed: settings, the enforcement point, what is protected."""

from __future__ import annotations

import subprocess
from pathlib import Path

import orjson

from core.db.models import Meta
from core.errors import KydaiError
from kydai.context import Context
from kydai.settings import Settings
from playbooks.action import Mail, World, run_command
from playbooks.playbook import load as load_playbooks
from playbooks.protected import guard

ENFORCEMENT = "enforcement"
"""Meta row that the demonstration writes: the words before ``nft`` at its namespace, where blocks are real."""


def world_of(context: Context) -> World:
    """The world of this data folder as it is now."""
    settings = context.settings
    with context.database.read() as session:
        row = session.get(Meta, ENFORCEMENT)
        is_demo = session.get(Meta, "demo") is not None
        listed = [*settings.playbooks.protected, *settings.site.shared]
        protected = guard(session, listed, settings.playbooks.targets)
    stage = _stage(orjson.loads(row.value)) if row is not None and is_demo else ()
    return World(
        database=context.database,
        clock=context.clock,
        enforce=bool(stage) or (settings.playbooks.enforce and not is_demo),
        enforcement=stage,
        protected=protected,
        mail=mail_of(settings),
        webhook_hosts=tuple(settings.playbooks.webhook_hosts),
    )


def mail_of(settings: Settings) -> Mail:
    """The relay of the settings."""
    mail = settings.mail
    secret = mail.password.get_secret_value()
    return Mail(mail.host, mail.port, mail.tls, mail.user, secret, mail.sender, tuple(mail.recipients))


def _stage(words: list[str]) -> tuple[str, ...]:
    """The words before ``nft`` when the demonstration's namespace is still there; else nothing, so a dry run."""
    try:
        return tuple(words) if run_command([*words, "true"], b"").returncode == 0 else ()
    except (OSError, subprocess.TimeoutExpired):
        return ()


def broken_playbooks(context: Context) -> list[KydaiError]:
    """What is wrong with the site's own playbooks; those that are broken run for nobody."""
    folder = playbooks_folder(context)
    return load_playbooks(folder)[1] if folder.is_dir() else []


def playbooks_folder(context: Context) -> Path:
    """Where the site's own playbooks are."""
    return context.settings.data / "playbooks"
