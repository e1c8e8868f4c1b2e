"""``kydai service``: Kỳ Đài as a service that starts with the machine."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

import kydai
from core.durable import write_durably
from core.errors import Refused, Unavailable, cause, failure, reason
from core.words import say
from kydai import systemd
from kydai.cli.main import LANG
from kydai.context import Context
from kydai.listening import by_options
from kydai.settings import Settings, load
from kydai.systemd import USER, Unit

service = typer.Typer(no_args_is_help=True, help=say("service.help", LANG))

Listen = Annotated[list[str] | None, typer.Option("--listen", help=say("listen.option", LANG), metavar="ADDR")]
DryRun = Annotated[bool, typer.Option("--dry-run", help=say("service.dry_run", LANG))]

BOOTED = Path("/run/systemd/system")
"""There when systemd runs the machine (sd_booted(3))."""
CARRIED = {"KYDAI_LANG", "KYDAI_DATA", "KYDAI_CONFIG"}
"""Variables that the unit is written from."""


def register(app: typer.Typer) -> None:
    app.add_typer(service, name="service")


@service.command("install", help=say("service.install", LANG))
def install(ctx: typer.Context, listen: Listen = None, dry_run: DryRun = False) -> None:
    context: Context = ctx.obj
    if not dry_run:
        _need_root()
    unit = _unit(context, tuple(listen or ()))
    hidden = unit.unseen(Path(sys.executable), Path(kydai.__file__))
    if hidden and not dry_run:
        raise failure(Refused, "service.unseen", path=hidden[0])
    if lost := sorted(name for name in os.environ if name.startswith("KYDAI_") and name not in CARRIED):
        file = unit.config or unit.data / "kydai.toml"
        context.output.tell(say("service.not_carried", LANG, names=", ".join(lost), file=file))
    if dry_run:
        if hidden:
            context.output.tell(say("service.unseen", LANG, path=hidden[0]))
        context.output.one({"file": str(systemd.FILE), "unit": unit.text}, unit.text.rstrip("\n"))
        return
    _make_user(unit.data)
    _give_folder(unit.data)
    _try_program(unit)
    write_durably(systemd.FILE, unit.text.encode(), mode=0o644)
    _systemctl("daemon-reload")
    _systemctl("enable", systemd.NAME)
    _start()
    as_user = shlex.join(["sudo", "-u", USER, str(unit.program), "--data", str(unit.data)])
    told = say("service.installed", LANG, file=systemd.FILE, folder=unit.data, user=USER, command=as_user)
    context.output.one({"file": str(systemd.FILE), "data": str(unit.data), "user": USER}, told)


@service.command("remove", help=say("service.remove", LANG))
def remove(ctx: typer.Context) -> None:
    context: Context = ctx.obj
    if not systemd.FILE.is_file():
        raise failure(Refused, "service.absent", file=systemd.FILE)
    _need_root()
    data = _systemctl("show", systemd.NAME, "--property=WorkingDirectory", "--value").strip() or str(systemd.FOLDER)
    _systemctl("disable", "--now", systemd.NAME)
    systemd.FILE.unlink()
    _systemctl("daemon-reload")
    own = systemd.FILE.with_name(f"{systemd.NAME}.d")
    left = [data, *([str(own)] if own.is_dir() else [])]
    lines = "\n".join([*(f"  sudo rm -r {shlex.quote(path)}" for path in left), f"  sudo userdel {USER}"])
    told = say("service.removed", LANG, folder=data, user=USER, lines=lines)
    context.output.one({"left": left, "user": USER}, told)


def _unit(context: Context, listen: tuple[str, ...]) -> Unit:
    """What the service is to be. Raises BadConfig for settings that it could not start with."""
    config = context.config or (Path(os.environ["KYDAI_CONFIG"]) if os.environ.get("KYDAI_CONFIG") else None)
    default = Path(Settings.model_fields["data"].default).expanduser().absolute()
    data = context.settings.data
    if data == default:  # of a person, not of a service
        data = systemd.FOLDER
    folder = load(data, config).backup.folder
    by_options(listen)
    program = Path(sys.prefix) / "bin" / "kydai"
    writable = () if folder is None else (folder.expanduser().absolute(),)
    return Unit(program, data, LANG, config.absolute() if config else None, listen, writable)


def _need_root() -> None:
    if not BOOTED.is_dir():
        raise failure(Unavailable, "service.no_systemd")
    if os.geteuid() != 0:
        raise failure(Refused, "service.not_root", command=shlex.join(["sudo", *sys.argv]))


def _make_user(data: Path) -> None:
    try:
        pwd.getpwnam(USER)
    except KeyError:
        words = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", str(data)]
        _run([*words, "--shell", shutil.which("nologin", path="/usr/sbin:/sbin") or "/bin/false", USER])


def _give_folder(data: Path) -> None:
    """Make the data folder the service's own; what is in it must be already, or it could not be written."""
    account = pwd.getpwnam(USER)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    foreign = next((path for path in data.iterdir() if path.stat().st_uid != account.pw_uid), None)
    if foreign is not None:
        line = shlex.join(["sudo", "chown", "-R", f"{USER}:", str(data)])
        raise failure(Refused, "service.foreign", path=foreign, user=USER, line=line)
    os.chown(data, account.pw_uid, account.pw_gid)
    data.chmod(0o700)


def _try_program(unit: Unit) -> None:
    """Run the program as the service's account, without anything of ours. Raises Refused when it may not."""
    account = pwd.getpwnam(USER)
    try:
        ran = subprocess.run(
            [unit.program, "version"],
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=[],
            cwd="/",
            env={"PATH": os.defpath, "HOME": str(unit.data)},
            capture_output=True,
            check=False,
        )
        why = reason(ran.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]) if ran.returncode else None
    except OSError as error:
        why = cause(error)
    if why is not None:
        clone = Path(kydai.__file__).parents[1]
        line = shlex.join(["sudo", "chmod", "-R", "go+rX", str(clone)])
        raise failure(Refused, "service.unreadable", user=USER, path=unit.program, why=why, line=line)


def _systemctl(*words: str) -> str:
    return _run(["systemctl", *words])


def _start() -> None:
    """Start it, anew when it runs. Raises Unavailable with what it said when it does not come up."""
    try:
        _systemctl("restart", systemd.NAME)
    except Unavailable:
        words = ["journalctl", f"--unit={systemd.NAME}", "--identifier=kydai", "--lines=1", "--output=cat"]
        raise failure(Unavailable, "service.not_started", why=_run(words).strip()) from None


def _run(words: list[str]) -> str:
    """What a command of the system prints. Raises Unavailable with what it said when it fails or is not there."""
    try:
        ran = subprocess.run(words, capture_output=True, text=True, check=False)
    except OSError as error:
        raise failure(Unavailable, "service.command", command=words[0], why=cause(error)) from error
    if ran.returncode != 0:
        raise failure(Unavailable, "service.command", command=shlex.join(words), why=reason(ran.stderr.strip()))
    return ran.stdout
